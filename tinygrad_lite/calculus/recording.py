"""One call of a function on Values: what every transform starts with.

The numbers in the chosen arguments become Values, the function is called, and the graph behind
its outputs is ready to be walked. An argument that is a Value already, because somebody outside
is differentiating too, is not used itself: a new node stands before it. So the derivative w.r.t.
this call's input and the derivative w.r.t. the outer one can never be mistaken for each other.

A recording is `open` if its graph reaches a Value that this call did not make. Then somebody
may want to differentiate on, and derivatives are given as Values with a history; otherwise they
are bare numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinygrad_lite.calculus.pytree import Structure, fill, flatten, labels, size, strip
from tinygrad_lite.engine import graph, ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.tracing import TracedNumber, current_trace, traced_call
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError

Argnums = int | tuple[int, ...]


class Recording:
    """A function's call on Values.

    Attributes:
        inputs: one Value for each number in the chosen arguments.
        outputs: what came out, as Values or bare floats, in order.
        into, out_of: the structures of the chosen arguments and of the output.
        open: derivatives must be Values that can be differentiated again.
        aux: the second part of the output, if the function gives one.
    """

    __slots__ = ("inputs", "outputs", "into", "out_of", "open", "aux")

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None = None,
        argnums: Argnums = 0,
        has_aux: bool = False,
    ) -> None:
        chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for i in chosen:
            if not -len(args) <= i < len(args):
                raise TypeError(f"argnums names argument {i}, but there are {len(args)}, counted from 0.")
        names = _argument_names(f, len(args))
        parts = [flatten(args[i], names[i]) for i in chosen]
        self.into: Structure = parts[0][1] if isinstance(argnums, int) else (tuple, tuple([part for _, part in parts]))
        given = [x for numbers, _ in parts for x in numbers]
        trace = current_trace.get()
        self.inputs: list[Any] = (
            trace.fresh_inputs(given)  # inside a compiled function
            if hasattr(trace, "fresh_inputs")
            else [
                _input(x, label)
                for i, (numbers, part) in zip(chosen, parts, strict=True)
                for x, label in zip(numbers, labels(part, names[i]), strict=True)
            ]
        )

        call, at = list(args), 0
        for i, (_, part) in zip(chosen, parts, strict=True):
            call[i] = fill(part, self.inputs[at : at + size(part)])
            at += size(part)
        result = traced_call(trace or self, f, *call, **(kwargs or {}))

        self.aux: Any = None
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                raise OperandError(f"has_aux=True needs a function that returns a pair, but got {result!r}.")
            result, self.aux = result
        self.outputs, self.out_of = flatten(result, "the output")
        ours = set(self.inputs)
        _, leaves = graph.walk([y for y in self.outputs if isinstance(y, Value)])
        self.open: bool = any(isinstance(x, Value) for x in given) or any(
            leaf.op is ops.leaf and leaf not in ours for leaf in leaves
        )
        for x in self.inputs:
            if isinstance(x, Value) and x.op is ops.leaf:
                x.op = ops.constant  # to a transform around this one, the numbers put in here are constants

    @property
    def output(self) -> Any:
        """The one number that came out.

        Raises:
            OperandError: there are several; the message says which transform serves them.
        """
        if self.out_of is not float:
            raise OperandError(
                f"this transform needs a function that returns one number, but it returned {_kind(self.out_of)} of "
                f"{len(self.outputs)}.\n"
                "  Use tg.jacobian(f) for the derivatives of every output, tg.vjp(f, x) for a weighted sum of them,\n"
                "  or return one number, such as tg.sum(outputs)."
            )
        return self.outputs[0]

    def finish(self, derivative: Any, graph_wanted: bool = False) -> Any:
        """A derivative as the caller gets it: a Value if the recording is open, else a float."""
        if isinstance(derivative, TracedNumber):
            return derivative
        if not (self.open or graph_wanted):
            return derivative.data if isinstance(derivative, Value) else derivative
        return derivative if isinstance(derivative, Value) else Value(derivative, "", ops.constant)

    def result(self) -> Any:
        """The function's output, in its own structure."""
        return fill(self.out_of, [self.finish(y) for y in self.outputs])

    def extra(self) -> Any:
        """The aux part; its Values come as bare numbers unless the recording is open."""
        return self.aux if self.open else strip(self.aux)


def between(inputs: Sequence[Value], outputs: Sequence[Any]) -> set[Value]:
    """The nodes behind the outputs that depend on an input: all that a walk has to visit.

    Around a transform inside another one there may be a large graph that belongs to the outer.
    """
    found = set(inputs)
    for node in topological(*[y for y in outputs if isinstance(y, Value)]):
        if not found.isdisjoint(node.parents):
            found.add(node)
    return found


def _input(x: Any, label: str) -> Value:
    """A new Value for a number; before a Value of somebody else's, a new node that equals it."""
    if isinstance(x, Value):
        return Value(x.data, label, ops.mul, (x, 1.0), (1.0, None))
    return Value(x, label)


def _argument_names(f: Any, n: int) -> list[str]:
    """What the function calls its arguments, for labels and errors."""
    while hasattr(f, "__wrapped__"):
        f = f.__wrapped__
    code = getattr(f, "__code__", None)
    known = code.co_varnames[: code.co_argcount] if code else ()
    known = known[1:] if hasattr(f, "__self__") else known
    return [known[i] if i < len(known) else f"argument{i}" for i in range(n)]


def _kind(structure: Structure) -> str:
    return "an array" if structure[0] == "array" else f"a {structure[0].__name__}"
