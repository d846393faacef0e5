"""The derivative of a Python function, as a Python function.

    tg.grad(f)              the derivative of f w.r.t. each number in its argument
    tg.value_and_grad(f)    the value too, for the price of the derivative

Each calls f on Values, once, and walks the graph that f left behind. No `.grad` is touched,
whoever's it is, and nothing is remembered between calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from tinygrad_lite.calculus.pytree import fill
from tinygrad_lite.calculus.recording import Argnums, Recording, between
from tinygrad_lite.engine import native
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.tracing import TracedNumber
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, user_line

P = ParamSpec("P")
R = TypeVar("R")


def value_and_grad(f: Callable[P, Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[P, tuple[Any, Any]]:
    """A function that gives f's value and its gradient as a pair.

    Args:
        f: takes floats, lists, tuples, dicts, NumPy arrays, nested, and returns one number.
        argnums: which argument to differentiate with respect to, or a tuple of several; counted from 0.
        has_aux: f returns a pair, the number and something else; the value is then that pair.

    The gradient is built as the argument is: for a dict of lists, a dict of lists. It holds bare
    numbers, unless f uses Values besides its argument, such as the parameters of a network; then the
    results are Values that can be differentiated again, w.r.t. those too.

    Raises:
        OperandError: an argument holds something that is not a number, or f returned several numbers.

    >>> value_and_grad(lambda p: p["w"] * 2.0 + p["b"] ** 2)({"w": 3.0, "b": 4.0})
    (22.0, {'w': 2.0, 'b': 8.0})
    """

    def f_value_and_grad(*args: P.args, **kwargs: P.kwargs) -> tuple[Any, Any]:
        recording = Recording(f, args, kwargs, argnums, has_aux)
        derivatives = gradient(recording)
        value = recording.finish(recording.output)
        return ((value, recording.extra()) if has_aux else value), derivatives

    return named(f_value_and_grad, "value_and_grad", f)


def grad(f: Callable[P, Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[P, Any]:
    """A function that gives the gradient of f, built as f's argument is; see `value_and_grad`.

    With has_aux it gives a pair, the gradient and the second part of f's output.

    Raises:
        OperandError: f is no function, an argument holds something that is no number, or f returned several.

    >>> grad(lambda x: x**3)(2.0)
    12.0
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    >>> grad(lambda x: x * grad(lambda y: x + y)(1.0))(2.0)     # the inner derivative is 1, whatever x is
    1.0
    >>> grad(lambda w, x: w[0] * x + w[1], argnums=(0, 1))([2.0, 3.0], 5.0)
    ([5.0, 1.0], 2.0)
    >>> w = Value(3.0)
    >>> derivative = grad(lambda x: w * x * x)(2.0)                   # 2wx, and w is somebody else's Value
    >>> derivative.backward()
    >>> derivative.data, w.grad
    (12.0, 4.0)
    """

    def f_grad(*args: P.args, **kwargs: P.kwargs) -> Any:
        recording = Recording(f, args, kwargs, argnums, has_aux)
        derivatives = gradient(recording)
        return (derivatives, recording.extra()) if has_aux else derivatives

    return named(f_grad, "grad", f)


def gradient(recording: Recording) -> Any:
    """The derivative of the recording's one output w.r.t. each input, built as the arguments are."""
    found = derivatives_wrt(recording.inputs, recording.output, recording.open)
    return fill(recording.into, [recording.finish(derivative) for derivative in found])


def derivatives_wrt(inputs: Sequence[Value], output: Any, create_graph: bool) -> list[Any]:
    """The derivative of one output w.r.t. each input, in one walk backward."""
    if isinstance(output, TracedNumber):
        return output.derivatives_wrt(inputs)
    if not isinstance(output, Value):
        return [0.0] * len(inputs)
    if not create_graph and (numbers := native.gradients(output, inputs)) is not None:
        return numbers
    within = between(inputs, [output]) if create_graph else None
    found = adjoints(output, create_graph=create_graph, within=within)
    return [found.get(x, 0.0) for x in inputs]


def named(transformed: Callable[P, R], what: str, f: Callable[P, Any]) -> Callable[P, R]:
    """The transformed function under a name that tells what it was made of.

    Raises:
        OperandError: f is no function but, say, a Value that has been computed already.
    """
    if not callable(f):
        raise OperandError(
            f"a {what} is taken of a function, but got the {type(f).__name__} {f!r}{user_line()}.\n"
            "  Write what computes it as a function of its inputs, or, for a Value: loss.backward(), then x.grad."
        )
    name = getattr(f, "__name__", getattr(f, "name", type(f).__name__))
    transformed.__wrapped__ = f  # type: ignore[attr-defined]
    transformed.__name__ = transformed.__qualname__ = f"{what}_of_{name}"
    transformed.__doc__ = f"The {what} of {name}, made by tinygrad_lite. {getattr(f, '__doc__', None) or ''}".rstrip()
    return transformed
