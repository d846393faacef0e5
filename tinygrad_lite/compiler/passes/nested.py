"""Derivatives inside a traced function: `tg.grad` and the other transforms on tracers.

In: a trace, and two places on its tape: the arguments of the inner function, and what it gave. Out: its gradients, as
more ops of the same trace.

The inner function has run on fresh inputs, nodes of their own that equal its arguments. So what was written between
them and the result is its tape; the adjoint differentiates that, and the outcome is written behind. An inner
derivative can be differentiated again, by an inner function or by `fast.grad`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from tinygrad_lite.compiler.frontend.trace import Trace, Tracer
from tinygrad_lite.compiler.ir.recording import Recording
from tinygrad_lite.compiler.ir.tape import Builder, Ref, Tape
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op


class DifferentiableTrace(Trace):
    """A trace in which transforms may be used.

    Args:
        differentiate: given a tape with one output, and for how many of its first inputs derivatives are wanted, the
            tape of these (adjoint.py).
    """

    def __init__(self, tape: Recording | Builder, differentiate: Callable[[Tape, int], Builder]) -> None:
        super().__init__(tape)
        self._differentiate = differentiate
        self._numbers: _Numbers | None = None  # of all ops, should a derivative be asked for

    def fresh_inputs(self, numbers: Sequence[Any]) -> list[Tracer]:
        """What a transform inside the function runs on: for each number a node of its own."""
        lifted = [self.lift(x, ops.mul) for x in numbers]
        return [Tracer(self, self._fresh(x.ref), x.number) for x in lifted]  # type: ignore[union-attr]

    def derivatives(self, output: Tracer, inputs: Sequence[Tracer]) -> list[Tracer]:
        """The derivative of one node w.r.t. each fresh input, with its number, if the trace has numbers."""
        refs = self._gradients([x.ref for x in inputs], output.ref)
        if self._numbers is None:
            return [Tracer(self, ref, math.nan) for ref in refs]
        self._numbers.extend()
        return [Tracer(self, ref, self._numbers.at(ref)) for ref in refs]

    def _fresh(self, ref: Ref) -> Ref:
        """A node that equals another and is not it, not even if the tape would write it only once."""
        args = (ref, self.tape.constant(1.0))
        path = self.path
        if path is None:
            return self.node(ops.mul, args)
        n = len(path.written)
        new = path.donor[n] if n < path.taken_over else Tape.node(self.tape, ops.mul, args)
        path.written.append(new)
        return new

    def _gradients(self, inputs: Sequence[Ref], output: Ref) -> list[Ref]:
        """Where the derivatives are written."""
        tape: Any = self.tape
        written: Any = tape
        if isinstance(tape, Recording):
            written = self._numbers = self._numbers or _Numbers(self)
            written.extend()
        seen = Tape()
        place: dict[Ref, Ref] = {ref: seen.input(f"x{k}") for k, ref in enumerate(inputs)}
        outside: list[Ref] = []
        for i in _between(written.args, set(inputs), output):
            for ref in written.args[i]:
                if ref not in place:
                    x = tape.number(ref)
                    place[ref] = seen.input(f"u{len(outside)}") if x is None else seen.constant(x)
                    outside += [ref] * (x is None)
            place[i] = seen.node(written.op[i], tuple([place[ref] for ref in written.args[i]]))
        if output not in place:
            return [tape.constant(0.0)] * len(inputs)
        seen.outputs = [place[output]]
        return self._copied(self._differentiate(seen, len(inputs)), [*inputs, *outside])

    def _copied(self, made: Builder, given: Sequence[Ref]) -> list[Ref]:
        """The outputs of a tape written into the trace, with these references as its inputs."""
        place: dict[Ref, Ref] = dict(zip(made.inputs, given, strict=True))

        def at(ref: Ref) -> Ref:
            if ref not in place:
                place[ref] = self.tape.constant(made.number(ref))  # type: ignore[arg-type]
            return place[ref]

        for i, (op, args, needed) in enumerate(zip(made.op, made.args, made.live(), strict=True)):
            if needed:
                place[i] = self.node(op, tuple([at(ref) for ref in args]))
        return [at(ref) for ref in made.outputs]


class _Numbers:
    """The ops of a trace by numbers and their results, read from its columns as far as they have been written.

    A trace keeps no numbers; those of gradients are needed, since a comparison may follow.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.op: list[Op] = []
        self.args: list[tuple[Ref, ...]] = []
        self.found: list[float] = []
        self._read = 0

    def extend(self) -> None:
        """Read on to the end of the tape."""
        tape = self.trace.tape
        assert isinstance(tape, Recording)
        kind, operands = tape.columns()
        rest = iter(operands[self._read :])
        for number in kind[len(self.op) :]:
            op, n = tape.kinds[number]
            args = tuple(islice(rest, n))
            self._read += n
            self.op.append(op)
            self.args.append(args)
            self.found.append(_quietly(op, [self.at(ref) for ref in args]))

    def at(self, ref: Ref) -> float:
        if ref >= 0:
            return self.found[ref]
        x = self.trace.tape.number(ref)
        return self.trace.given[ref] if x is None else x


def _quietly(op: Op, numbers: Sequence[float]) -> float:
    try:
        return op.forward(*numbers)
    except (ValueError, ArithmeticError):
        return math.nan


def _between(args: Sequence[tuple[Ref, ...]], inputs: set[Ref], output: Ref) -> list[Ref]:
    """The nodes that lead from the inputs to the output, in order."""
    depends = set(inputs)
    for i in range(min(inputs, default=0), output + 1):
        if i not in depends and not depends.isdisjoint(args[i]):
            depends.add(i)
    needed = {output} & depends
    for i in range(output, min(inputs, default=0), -1):
        if i in needed and i not in inputs:
            needed.update(depends.intersection(args[i]))
    return sorted(needed - inputs)
