"""Derivatives along one direction: a Jacobian times a vector, without the Jacobian.

    tg.jvp(f, x, dx)       how fast the outputs move when x moves along dx       (one walk forward)
    tg.vjp(f, x)           how a weighted sum of the outputs depends on x        (one walk backward)
    tg.hvp(f, x, dx)       how fast the gradient moves when x moves along dx     (one of each)

The arguments of f stand in a tuple, as in `jvp(f, (x, y), (dx, dy))`; a single argument that
is not a tuple may be given as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_lite.calculus.forward import tangents
from tinygrad_lite.calculus.pytree import fill, flatten_like
from tinygrad_lite.calculus.recording import Recording
from tinygrad_lite.calculus.transforms import derivatives_wrt
from tinygrad_lite.engine.tracing import TracedNumber
from tinygrad_lite.engine.value import Value, dot


def jvp(f: Callable[..., Any], primals: Any, direction: Any) -> tuple[Any, Any]:
    """The output of f, and its derivative along a direction, as a pair of the same structure.

    Args:
        primals: the arguments of f as a tuple, or its one argument.
        direction: how fast each number in them moves, built as primals is.

    Raises:
        ShapeError: the direction is not built as primals is.

    >>> jvp(lambda x, y: [x * y, x + y], (3.0, 4.0), (1.0, 10.0))
    ([12.0, 7.0], [34.0, 11.0])
    """
    recording = _record(f, primals)
    along = flatten_like(_as_arguments(direction, primals), recording.into, "the direction")
    return recording.result(), fill(recording.out_of, _directional(recording, recording.outputs, along))


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The output of f at the arguments, and a function from weights to gradients: the vector-Jacobian product.

    That function takes one weight for each output, built as the output is, and gives for each
    argument the gradient of the weighted sum of the outputs, as a tuple.

    Args:
        f: a function of the primals.
        primals: the arguments at which to differentiate, one or several.

    Raises:
        ShapeError: the weights are not built as the output is.

    >>> outputs, pull_back = vjp(lambda x, y: [x * y, x + y], 3.0, 4.0)
    >>> outputs, pull_back([1.0, 0.0]), pull_back([0.0, 1.0])
    ([12.0, 7.0], (4.0, 3.0), (1.0, 1.0))
    """
    recording = _record(f, primals)

    def pull_back(weights: Any) -> tuple[Any, ...]:
        given = flatten_like(weights, recording.out_of, "the weights")
        graph_wanted = recording.open or any(isinstance(w, Value) for w in given)
        pairs = zip(given, recording.outputs, strict=True)
        weighted = [(w, y) for w, y in pairs if isinstance(y, Value | TracedNumber)]
        whole = dot([w for w, _ in weighted], [y for _, y in weighted]) if weighted else 0.0
        derivatives = derivatives_wrt(recording.inputs, whole, graph_wanted)
        return fill(recording.into, [recording.finish(s, graph_wanted) for s in derivatives])  # type: ignore[no-any-return]

    return recording.result(), pull_back


def hvp(f: Callable[..., Any], primals: Any, direction: Any) -> Any:
    """The Hessian of f times a direction: how fast the gradient moves along it, built as primals is.

    Args:
        f: a function that returns one number.
        primals: its argument, or a tuple of several.
        direction: numbers built as primals is.

    Raises:
        ShapeError: direction is not built as primals is.
        OperandError: f returned several numbers.

    >>> hvp(lambda p: p[0] ** 2 * p[1], [3.0, 5.0], [1.0, 0.0])       # the first column of the Hessian
    [10.0, 6.0]
    """
    recording = _record(f, primals)
    along = flatten_like(_as_arguments(direction, primals), recording.into, "the direction")
    gradient = derivatives_wrt(recording.inputs, recording.output, create_graph=True)
    if isinstance(recording.output, TracedNumber):  # the Hessian is symmetric
        moved = sum(s * d for s, d in zip(gradient, along, strict=True))
        product = fill(recording.into, derivatives_wrt(recording.inputs, moved, False))
    else:
        product = fill(recording.into, _directional(recording, gradient, along))
    return product if isinstance(primals, tuple) else product[0]


def _directional(recording: Recording, outputs: list[Any], direction: list[Any]) -> list[Any]:
    """The derivative of each output when the inputs move as the direction says."""
    graph_wanted = recording.open or any(isinstance(d, Value) for d in direction)
    if any(isinstance(y, TracedNumber) for y in outputs):  # inside a compiled function there is only the way back
        rows = [derivatives_wrt(recording.inputs, y, False) for y in outputs]
        return [sum(s * d for s, d in zip(row, direction, strict=True)) for row in rows]
    moving = [y for y in outputs if isinstance(y, Value)]
    found = tangents(moving, dict(zip(recording.inputs, direction, strict=True)), create_graph=graph_wanted)
    return [recording.finish(found[y] if isinstance(y, Value) else 0.0, graph_wanted) for y in outputs]


def _record(f: Callable[..., Any], primals: Any) -> Recording:
    arguments = _as_arguments(primals, primals)
    return Recording(f, arguments, argnums=tuple(range(len(arguments))))


def _as_arguments(tree: Any, primals: Any) -> tuple[Any, ...]:
    """A tuple of arguments; if primals is a single argument, then so is the tree that goes with it."""
    return tree if isinstance(primals, tuple) else (tree,)
