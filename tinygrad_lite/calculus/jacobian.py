"""All derivatives of a function at once: of every output w.r.t. every input, and the second derivatives.

    tg.jacobian(f)     row i, column j: the derivative of output i w.r.t. input j
    tg.hessian(f)      row i, column j: the derivative w.r.t. input j of the derivative w.r.t. input i

Both record the function once. A Jacobian of m rows and n columns takes m walks backward or n
walks forward over that one graph, so the smaller number decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_lite.calculus.forward import tangents
from tinygrad_lite.calculus.pytree import Structure, as_array, fill_blocks, places, volume
from tinygrad_lite.calculus.recording import Argnums, Recording
from tinygrad_lite.calculus.transforms import P, derivatives_wrt, named
from tinygrad_lite.engine.tracing import TracedNumber
from tinygrad_lite.engine.value import Value

MODES = ("auto", "reverse", "forward")


def jacobian(f: Callable[P, Any], argnums: Argnums = 0, mode: str = "auto") -> Callable[P, Any]:
    """A function that gives the derivative of every output of f w.r.t. every number in its argument.

    Args:
        f: takes and returns floats, lists, tuples, dicts and NumPy arrays, nested.
        argnums: which argument to differentiate with respect to, or a tuple of several.
        mode: "reverse" is one walk for each output, "forward" one for each input; "auto" takes the fewer.

    The result is built as the output is, with the structure of the argument in each place. For
    lists of m and n numbers: m rows, n columns; row i, column j is the derivative of output i w.r.t.
    input j. For arrays: an array of the output's shape followed by the input's.

    Raises:
        ValueError: no such mode.

    >>> jacobian(lambda p: [p[0] * p[1], p[0] + p[1], p[1] ** 2])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0], [0.0, 6.0]]
    """
    if mode not in MODES:
        raise ValueError(f"mode is one of {', '.join(map(repr, MODES))}, but got {mode!r}.")

    def f_jacobian(*args: P.args, **kwargs: P.kwargs) -> Any:
        recording = Recording(f, args, kwargs, argnums)
        rows = derivatives(recording.outputs, recording.inputs, mode, recording.open)
        return _assemble(rows, recording, recording.out_of)

    return named(f_jacobian, "jacobian", f)


def hessian(f: Callable[P, Any], argnums: Argnums = 0) -> Callable[P, Any]:
    """A function that gives the second derivatives of f, a function that returns one number.

    For a list of n numbers: n rows, n columns; row i, column j is the derivative w.r.t. input j of the
    derivative w.r.t. input i. In general the structure of the argument, with that structure again in
    each place; for arrays an array of the argument's shape twice over.

    Args:
        f: as for `tg.grad`.
        argnums: which argument to differentiate with respect to, or a tuple of several; counted from 0.

    Raises:
        OperandError: f returned several numbers, or an argument holds something that is no number.

    >>> hessian(lambda p: p[0] ** 2 * p[1])([3.0, 5.0])
    [[10.0, 6.0], [6.0, 0.0]]
    """

    def f_hessian(*args: P.args, **kwargs: P.kwargs) -> Any:
        recording = Recording(f, args, kwargs, argnums)
        gradient = derivatives_wrt(recording.inputs, recording.output, create_graph=True)
        rows = derivatives(gradient, recording.inputs, "reverse", recording.open)
        return _assemble(rows, recording, recording.into)

    return named(f_hessian, "hessian", f)


def rows(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The Jacobian as one list for each output, whatever the arguments and the output are built like."""

    def f_rows(*args: Any, **kwargs: Any) -> Any:
        recording = Recording(f, args, kwargs, argnums)
        found = derivatives(recording.outputs, recording.inputs, "auto", recording.open)
        return [[recording.finish(entry) for entry in row] for row in found]

    return named(f_rows, "jacobian", f)


def derivatives(outputs: list[Any], inputs: list[Value], mode: str, create_graph: bool) -> list[list[Any]]:
    """m rows, n columns; row i, column j is the derivative of output i w.r.t. input j."""
    traced = any(isinstance(y, TracedNumber) for y in outputs)  # a trace goes backward only
    if not traced and (mode == "forward" or (mode == "auto" and len(inputs) < len(outputs))):
        moving = [y for y in outputs if isinstance(y, Value)]
        columns = [tangents(moving, {x: 1.0}, create_graph=create_graph) for x in inputs]
        return [[column[y] if isinstance(y, Value) else 0.0 for column in columns] for y in outputs]
    return [derivatives_wrt(inputs, y, create_graph) for y in outputs]


def _assemble(rows: list[list[Any]], recording: Recording, out_of: Structure) -> Any:
    """The rows and columns as blocks: one block for each pair of an output's and an input's block."""
    shapes = [shape for _, shape in places(recording.into)]
    finished = [[recording.finish(entry) for entry in row] for row in rows]
    built, i = [], 0
    for _, out_shape in places(out_of):
        m = volume(out_shape)
        blocks, j = [], 0
        for in_shape in shapes:
            n = volume(in_shape)
            entries = [entry for row in finished[i : i + m] for entry in row[j : j + n]]
            both_single = out_shape is None and in_shape is None
            blocks.append(entries[0] if both_single else as_array(entries, (*(out_shape or ()), *(in_shape or ()))))
            j += n
        built.append(fill_blocks(recording.into, iter(blocks)))
        i += m
    return fill_blocks(out_of, iter(built))
