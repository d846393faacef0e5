"""A recorded graph as a NumPy function, with its gradient, to be pasted anywhere.

    print(tg.to_numpy(loss))          # import numpy as np; def f(a, b): ... return value, {"a": ..., "b": ...}
    f = tg.to_numpy(loss).function    # the same, ready to be called
    value, slopes = f(-4.0, 2.0)      # or with arrays, entry by entry

The leaves become arguments; bare numbers stay numbers. Unlike the graph, which remembers one forward pass, the
function chooses again at every kink: its slopes come from the tape of the compiler room, where a rule that
branches has become a choice (`np.where`).
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tinygrad_lite.compiler.adjoint import gradient, tidied
from tinygrad_lite.compiler.tape import LESS, SELECT, Ref, Tape
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError

_INFIX = {ops.add: "+", ops.sub: "-", ops.mul: "*", ops.div: "/", ops.pow: "**", LESS: "<"}
_OURS = {  # where the row's template is for single numbers, or NumPy has no such function
    "relu": "np.maximum({x}, 0.0)",
    "abs": "np.abs({x})",
    "erf": "_erf({x})",
    "erfc": "_erfc({x})",
    "softsign": "{x} / (1.0 + np.abs({x}))",
    "gelu": "0.5 * {x} * _erfc(-{x} / 2.0**0.5)",
    "sigmoid": "np.exp(-np.logaddexp(0.0, -{x}))",
    "silu": "{x} * np.exp(-np.logaddexp(0.0, -{x}))",
    "mean": "np.mean(np.broadcast_arrays({xs}), axis=0)",
    "prod": "np.prod(np.broadcast_arrays({xs}), axis=0)",
    "norm": "np.linalg.norm(np.broadcast_arrays({xs}), axis=0)",
    "logsumexp": "np.logaddexp.reduce(np.broadcast_arrays({xs}))",
}


def to_numpy(root: Value, wrt: Sequence[Value] | None = None, *, name: str = "f") -> NumPySource:
    """A NumPy function of the leaves of a graph that gives its value and its slopes.

    Args:
        root: the result.
        wrt: the leaves to differentiate along; None for all.
        name: of the function.

    Raises:
        OperandError: root is no Value, wrt holds something that is no leaf of it, or the name is none.

    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> print(to_numpy(a * b + b**3))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def f(a, b):
        v0 = a * b
        v1 = b * b
        v2 = v1 * b
        v3 = v0 + v2
        v4 = v1 + v1 + v1 + a
        return v3, {"a": b, "b": v4}
    """
    if not isinstance(root, Value):
        raise OperandError(
            f"to_numpy needs the Value that was computed, but got the {type(root).__name__} {root!r:.60}."
        )
    if not name.isidentifier() or keyword.iskeyword(name):
        raise OperandError(f"a function's name is a word such as loss, but got {name!r}.")
    return NumPySource(root, wrt, name)


class NumPySource:
    """The function as text and as something to call.

    Attributes:
        code: the text, with its imports.
        arguments: the Value behind each argument, by its name, in order.
        function: the code, run; calling it gives (value, {name of an argument: slope}).
    """

    def __init__(self, root: Value, wrt: Sequence[Value] | None, name: str) -> None:
        order = topological(root)
        leaves = [node for node in order if not node.parents]
        chosen = leaves if wrt is None else list(wrt)
        for x in chosen:
            if x not in leaves:
                raise OperandError(f"wrt needs leaves of this graph, but got {x!r:.60}.")
        names = _argument_names(leaves, name)
        self.arguments = dict(zip(names, leaves, strict=True))
        tape, place = _tape(order, self.arguments)
        tape.outputs = [place[root]]
        built = tidied(tape)
        given = dict(zip(leaves, built.inputs, strict=True))
        program = gradient(built, [given[x] for x in chosen])
        self.code = _source(program, name, names, [names[leaves.index(x)] for x in chosen])

    @property
    def function(self) -> Callable[..., Any]:
        """The code, run in a namespace of its own."""
        space: dict[str, Any] = {}
        exec(compile(self.code, "<tg.to_numpy>", "exec"), space)  # our own text: labels only name its arguments
        found = [thing for key, thing in space.items() if getattr(thing, "__code__", None) and not key.startswith("_")]
        return found[-1]  # type: ignore[no-any-return]

    def save(self, path: str | Path) -> Path:
        """Write the code to a file."""
        path = Path(path)
        path.write_text(self.code + "\n", encoding="utf-8")
        return path

    def __str__(self) -> str:
        return self.code

    def __repr__(self) -> str:
        return f"<NumPySource of {', '.join(self.arguments)}: {self.code.count(chr(10)) + 1} lines>"


def _tape(order: Sequence[Value], arguments: dict[str, Value]) -> tuple[Tape, dict[Value, Ref]]:
    """The graph as a tape whose inputs are its leaves."""
    tape = Tape()
    place = {leaf: tape.input(name) for name, leaf in arguments.items()}
    for node in order:
        if node.parents:
            refs = [tape.constant(p) if p.__class__ is float else place[p] for p in node.parents]
            place[node] = tape.node(node.op, tuple(refs))
    return tape, place


def _argument_names(leaves: Sequence[Value], function: str) -> list[str]:
    """An argument for each leaf: its label made a word, such as W1_0_2 of W1[0, 2]; x1, x2, ... where that is none."""
    taken = {function, "np", "math"}
    names = []
    for i, leaf in enumerate(leaves, start=1):
        word = re.sub(r"\W+", "_", leaf.label[:60]).strip("_")
        usable = word.isidentifier() and not keyword.iskeyword(word) and not re.fullmatch(r"v\d+", word)
        if not usable or word in taken:
            word = next(w for w in (f"x{i}", *(f"x{i}_{k}" for k in range(2, len(leaves) + 3))) if w not in taken)
        taken.add(word)
        names.append(word)
    return names


def _source(tape: Tape, name: str, arguments: Sequence[str], along: Sequence[str]) -> str:
    """The tape as a function; a line for each result that is needed."""
    lines = []
    for i, (op, args, needed) in enumerate(zip(tape.op, tape.args, tape.live(), strict=True)):
        if needed:
            lines.append(f"    v{i} = {_expression(op, [_text(tape, ref) for ref in args])}")
    value, *slopes = [_text(tape, ref) for ref in tape.outputs]
    pairs = ", ".join(f'"{x}": {slope}' for x, slope in zip(along, slopes, strict=True))
    body = [*lines, f"    return {value}, {{{pairs}}}"]
    head = ["import numpy as np"]
    if any("_erf" in line for line in lines):
        head = [
            "import math",
            "",
            "import numpy as np",
            "",
            "_erf = np.vectorize(math.erf)",
            "_erfc = np.vectorize(math.erfc)",
        ]
    return "\n".join([*head, "", "", f"def {name}({', '.join(arguments)}):", *body])


def _text(tape: Tape, ref: Ref) -> str:
    """A reference as code."""
    number = tape.number(ref)
    if number is None:
        return tape.name(ref)
    written = repr(number).replace("inf", "np.inf").replace("nan", "np.nan")
    return f"({written})" if written.startswith("-") else written


def _expression(op: Op, names: Sequence[str]) -> str:
    """One op in NumPy; its operands are names and numbers, so no further brackets are needed."""
    if op in _INFIX:
        return f"{names[0]} {_INFIX[op]} {names[1]}"
    if op is ops.neg:
        return f"-{names[0]}"
    if op is SELECT:
        return f"np.where({', '.join(names)})"
    if op is ops.sum:
        return " + ".join(names)
    if op is ops.maximum or op is ops.minimum:
        joined = names[0]
        for x in names[1:]:
            joined = f"np.{op.name}imum({joined}, {x})"
        return joined
    template = _OURS.get(op.name, op.source)
    if not template:
        raise OperandError(f"the row {op.name} has no source template, so it cannot be written in NumPy.")
    return template.format(lib="np", xs=", ".join(names), **dict(zip("xyz", names, strict=False)))
