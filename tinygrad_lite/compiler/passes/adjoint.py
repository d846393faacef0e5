"""The gradient of a tape, as more tape.

In: a tape, one scalar output, and the inputs to differentiate w.r.t. Out: a Builder that computes
the output and its derivative w.r.t. each of those inputs.

The sweep goes from the output back to the inputs, as the engine's `backward` does, and takes
the local derivatives from the same place: the op's `traced_derivatives` or `partials`, run on tracers (`template`).
Where those branch, the template has selects, and a derivative of 1 or 0 becomes a select between the
cotangent and 0. Nothing is written for what does not depend on the chosen inputs.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence

from tinygrad_lite.compiler.frontend.paths import TooManyPaths, explore
from tinygrad_lite.compiler.ir.recording import Recording
from tinygrad_lite.compiler.ir.tape import LESS, SELECT, Builder, Ref, Tape
from tinygrad_lite.compiler.passes.nested import DifferentiableTrace
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import TABLE, Op

EXPENSIVE = {op.name for op in TABLE.values() if op.arity == 1 and op.traced_derivatives is not op.display_derivatives}
"""Ops whose stable derivatives cost another exponential. In a program for many samples the textbook's are taken:
their error is one rounding of the largest derivative that such a node can have."""


def tidied(tape: Tape) -> Builder:
    """The same program without dead, repeated or constant nodes.

    A dot becomes products and one sum, so that a fused neuron and a written-out one look alike.
    """
    made = Builder()

    def write(_: int, op: Op, args: tuple[Ref, ...]) -> Ref:
        if op is not ops.dot:
            return made.node(op, args)
        n = len(args) // 2
        return made.node(ops.sum, (*args[2 * n :], *[made.node(ops.mul, (args[i], args[n + i])) for i in range(n)]))

    return made.rewritten(tape, write)


def differentiable(tape: Recording | Builder) -> DifferentiableTrace:
    """A trace on that tape, in which `tg.grad` and the other transforms may be used."""
    return DifferentiableTrace(tape, _inner)


def _inner(tape: Tape, inputs: int) -> Builder:
    made = tidied(tape)
    made.outputs = sweep(made, {made.outputs[0]: made.constant(1.0)}, made.inputs[:inputs])
    return made


def active(tape: Tape, wrt: Sequence[Ref]) -> list[bool]:
    """Whether each reference depends on those inputs: results from the front of the list, sources from its back."""
    found = [False] * (len(tape) + len(tape.sources))
    for ref in wrt:
        found[ref] = True
    for i, args in enumerate(tape.args):
        for ref in args:
            if found[ref]:
                found[i] = tape.op[i] is not LESS
                break
    return found


def gradient(tape: Builder, wrt: Sequence[Ref], output: int = 0, fast_math: bool = False) -> Builder:
    """The tape continued by the reverse sweep; its outputs are the value and the derivatives w.r.t. those inputs.

    >>> t = Builder(); x = t.input("x"); y = t.input("y")
    >>> t.outputs = [t.node(ops.mul, (x, t.node(ops.sin, (y,))))]
    >>> print(gradient(t, [x, y]))
    v0 = sin(y)
    v1 = x * v0
    v2 = cos(y)
    v3 = x * v2
    return v1, v0, v3
    """
    value = tape.outputs[output]
    tape.outputs = [value, *sweep(tape, {value: tape.constant(1.0)}, wrt, fast_math)]
    return tape


def sweep(tape: Builder, seeds: Mapping[Ref, Ref], wrt: Sequence[Ref], fast_math: bool = False) -> list[Ref]:
    """The derivatives w.r.t. those inputs of the sum of seed times node, written at the end of the tape.

    With `fast_math`, ops whose stable derivatives are expensive take the textbook's: see EXPENSIVE.
    """
    depends = active(tape, wrt)
    shares: dict[Ref, list[Ref]] = {node: [seed] for node, seed in seeds.items()}
    zero = tape.constant(0.0)

    for i in range(len(tape) - 1, -1, -1):
        if i not in shares or not depends[i]:
            continue
        cotangent = _total(tape, shares.pop(i))
        for ref, share in _shares(tape, i, cotangent, depends, fast_math):
            if share != zero and depends[ref]:
                shares.setdefault(ref, []).append(share)

    return [_total(tape, shares[ref]) if ref in shares else zero for ref in wrt]


def _shares(tape: Builder, out: Ref, cotangent: Ref, depends: Sequence[bool], fast_math: bool) -> list[tuple[Ref, Ref]]:
    """What each operand that matters receives: (operand, cotangent times local derivative)."""
    op, args = tape.op[out], tape.args[out]
    if op is SELECT:
        flag, x, y = args
        zero = tape.constant(0.0)
        return [
            (x, tape.node(SELECT, (flag, cotangent, zero))),
            (y, tape.node(SELECT, (flag, zero, cotangent))),
        ]
    if op is ops.sum:
        return [(ref, cotangent) for ref in args]
    constants = tuple([tape.number(ref) if op is ops.pow else None for ref in args])
    rule = template(op, constants, fast_math and op.name in EXPENSIVE)
    if rule is None:
        if op.name in ("max", "min"):
            return _shares_of_many(tape, args, out, cotangent)
        raise TooManyPaths(f"the rule of {op.name} with {len(args)} operands branches too often to be compiled.")
    gradients = tape.inline(rule, (*args, out))
    return [
        (ref, _times(tape, cotangent, derivative))
        for ref, derivative in zip(args, gradients, strict=True)
        if depends[ref]
    ]


@functools.lru_cache(maxsize=1024)
def template(op: Op, constants: tuple[float | None, ...], textbook: bool = False) -> Tape | None:
    """The local derivatives of an op as a tape: inputs are the operands and the result.

    The op's own rule is run on tracers: `traced_derivatives` where there is one and the textbook's is not asked for,
    else `partials`. None if it has too many paths.

    >>> print(template(ops.tanh, (None,), textbook=True))
    v0 = out * out
    v1 = 1.0 - v0
    return v1
    """
    rule = op.display_derivatives if textbook else op.traced_derivatives
    tape = Builder()
    trace = differentiable(tape)
    operands = [trace.input(f"x{i + 1}") for i in range(len(constants))]
    out = trace.input("out")
    xs = [x if c is None else c for x, c in zip(operands, constants, strict=True)]
    sign = {"max": 1, "min": -1}.get(op.name)
    known = {(out.ref, x.ref) if sign == 1 else (x.ref, out.ref): False for x in operands if sign}

    def run() -> list[Ref]:
        return [trace.lift(derivative, op).ref for derivative in rule(*xs, out)]  # type: ignore[union-attr]

    try:
        tape.outputs = explore(trace, run, known, cap=16)
    except TooManyPaths:
        return None
    return tape


def _times(tape: Builder, cotangent: Ref, derivative: Ref) -> Ref:
    """cotangent * derivative; where the derivative is a choice of constants, a choice of cotangents."""
    if derivative >= 0 and tape.op[derivative] is SELECT:
        flag, x, y = tape.args[derivative]
        if any(tape.number(ref) in (0.0, 1.0) for ref in (x, y)):
            return tape.node(SELECT, (flag, _times(tape, cotangent, x), _times(tape, cotangent, y)))
    if derivative < 0 and tape.number(derivative) == 0.0:
        return derivative
    return tape.node(ops.mul, (cotangent, derivative))


def _shares_of_many(tape: Builder, args: tuple[Ref, ...], out: Ref, cotangent: Ref) -> list[tuple[Ref, Ref]]:
    """The rule of max and min for many operands: those that tie share equally, counted without branches."""
    one, zero = tape.constant(1.0), tape.constant(0.0)

    def chosen(ref: Ref, x: Ref, y: Ref) -> Ref:
        apart = tape.node(LESS, (ref, out))
        return tape.node(SELECT, (apart, x, tape.node(SELECT, (tape.node(LESS, (out, ref)), x, y))))

    count = tape.node(ops.sum, tuple([chosen(ref, zero, one) for ref in args]))
    each = tape.node(ops.div, (cotangent, count))
    return [(ref, chosen(ref, zero, each)) for ref in args]


def _total(tape: Builder, terms: Sequence[Ref]) -> Ref:
    """One sum node for all shares; two or one need none, and the same share n times is n times the share."""
    if len(set(terms)) < len(terms):
        counts = Counter(terms)
        terms = [ref if n == 1 else tape.node(ops.mul, (ref, tape.constant(float(n)))) for ref, n in counts.items()]
    return tape.node(ops.sum, tuple(terms)) if len(terms) > 1 else terms[0]
