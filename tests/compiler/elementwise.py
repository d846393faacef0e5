"""One kernel over whole columns of numbers: how the tests, the studies and the curious call a kernel alone."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Sequence

from tinygrad_lite.compiler.backends.llvm import jit
from tinygrad_lite.compiler.backends.llvm.kernels import KERNELS, module
from tinygrad_lite.compiler.backends.llvm.writer import function_name, type_name


def elementwise(
    name: str, *columns: Sequence[float], lanes: int | None = None, machine: jit.Host | None = None
) -> array[float]:
    """The kernel's result for each row of the columns; one column for each operand, all of one length.

    `lanes` is 1, 2, 4 or 8, by default what the machine has.

    >>> list(elementwise("exp", [0.0, float("-inf")]))
    [1.0, 0.0]
    """
    rows = len(columns[0])
    lanes = lanes or (machine or jit.host()).lanes
    padding = array("d", [1.0] * (-rows % lanes))
    inputs = [array("d", column) + padding for column in columns]
    out = array("d", bytes(8 * len(inputs[0])))
    addresses = [out.buffer_info()[0], *(column.buffer_info()[0] for column in inputs)]
    arguments = (ctypes.c_int64 * (1 + len(addresses)))(len(out), *addresses)
    if rows:
        compiled = jit.compile_ir(loop(name, lanes), "elementwise", machine)
        compiled.call(ctypes.addressof(arguments))
    return out[:rows]


def loop(name: str, lanes: int) -> str:
    """A module in LLVM's text that runs the kernel over arrays.

    Its one argument points to 64-bit fields: the number of rows, a multiple of `lanes`, then the
    addresses of the result and of each operand.
    """
    arity, _ = KERNELS[name]
    vector = type_name("double", lanes)
    fields = ["out", "x", "y", "z"][: arity + 1]
    head = [
        line
        for i, field in enumerate(fields, start=1)
        for line in (
            f"  %{field}.field = getelementptr i64, ptr %arguments, i64 {i}",
            f"  %{field}.column = load ptr, ptr %{field}.field",
        )
    ]
    at = {field: f"  %{field}.at = getelementptr double, ptr %{field}.column, i64 %i" for field in fields}
    loads = [line for f in fields[1:] for line in (at[f], f"  %{f} = load {vector}, ptr %{f}.at, align 8")]
    call = f"call {vector} {function_name(name, lanes)}({', '.join(f'{vector} %{f}' for f in fields[1:])})"
    return "\n".join(
        [
            "define void @elementwise(ptr %arguments) {",
            "start:",
            "  %rows = load i64, ptr %arguments",
            *head,
            "  br label %next",
            "next:",
            "  %i = phi i64 [0, %start], [%j, %next]",
            *loads,
            f"  %result = {call}",
            at["out"],
            f"  store {vector} %result, ptr %out.at, align 8",
            f"  %j = add i64 %i, {lanes}",
            "  %more = icmp slt i64 %j, %rows",
            "  br i1 %more, label %next, label %done",
            "done:",
            "  ret void",
            "}",
            "",
            module([], [(name, lanes)]),
        ]
    )
