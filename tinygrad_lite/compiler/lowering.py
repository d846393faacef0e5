"""Rows of the table that have no kernel, written in rows that have one.

In: a tape with any rows. Out: a tape with only those rows that a back end knows.

The adjoint is taken before, from the rows themselves; here only forward rules are replaced, each by a
formula that is stable at any size of its operands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.compiler.tape import LESS, SELECT, Builder, Ref, Tape
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.errors import TinygradLiteError


class NoLowering(TinygradLiteError):
    """A row of the table that a fast back end cannot compute; a slower one is used then."""


def _relu(b: Builder, x: Ref) -> Ref:
    zero = b.constant(0.0)
    return b.node(SELECT, (b.node(LESS, (x, zero)), zero, x))  # in this order a NaN stays a NaN


def _sigmoid(b: Builder, x: Ref) -> Ref:
    e = b.node(ops.exp, (b.node(ops.neg, (x,)),))  # may overflow to infinity, and 1 / infinity is right
    return b.node(ops.div, (b.constant(1.0), b.node(ops.add, (b.constant(1.0), e))))


def _softplus(b: Builder, x: Ref) -> Ref:
    e = b.node(ops.exp, (b.node(ops.neg, (b.node(ops.absolute, (x,)),)),))
    return b.node(ops.add, (_relu(b, x), b.node(TABLE["log1p"], (e,))))


def _chain(op: Any) -> Callable[..., Ref]:
    def lowered(b: Builder, *xs: Ref) -> Ref:
        found = xs[0]
        for x in xs[1:]:
            found = b.written(op, (found, x))
        return found

    return lowered


def _logsumexp(b: Builder, *xs: Ref) -> Ref:
    m = _chain(ops.maximum)(b, *xs)
    terms = [b.node(ops.exp, (b.node(ops.sub, (x, m)),)) for x in xs]
    return b.node(ops.add, (m, b.node(ops.log, (b.node(ops.sum, tuple(terms)),))))


_FORMULAS: dict[str, Callable[..., Ref]] = {
    "relu": _relu,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "max": _chain(ops.maximum),
    "min": _chain(ops.minimum),
    "logsumexp": _logsumexp,
}


def lowered(tape: Tape, known: set[str]) -> Builder:
    """The same program in rows whose names are known.

    Raises:
        NoLowering: a row is not known and has no formula; the message names it.

    >>> b = Builder(); x = b.input("x"); b.outputs = [b.node(ops.relu, (x,))]
    >>> print(lowered(b, {"less", "select"}))
    v0 = x < 0.0
    v1 = select(v0, 0.0, x)
    return v1
    """
    plain = {op for op in set(tape.op) if op.name in known and op.arity is not None} | {ops.sum}
    if isinstance(tape, Builder) and plain.issuperset(tape.op):
        return tape
    builder = Builder()
    place: list[Ref] = []
    known_sources: list[Ref] = []
    for x in tape.sources:
        known_sources.append(builder.input(x) if isinstance(x, str) else builder.constant(x))
    builder.inputs = [known_sources[~ref] for ref in tape.inputs]

    def moved(refs: Sequence[Ref]) -> tuple[Ref, ...]:
        return tuple([place[ref] if ref >= 0 else known_sources[~ref] for ref in refs])

    plainly = builder.written if isinstance(tape, Builder) else builder.node  # what is tidy stays tidy
    for op, args, needed in zip(tape.op, tape.args, tape.live(), strict=True):
        if not needed:
            place.append(0)
            continue
        refs = moved(args)
        if (op.name in known and (op.arity is not None or len(refs) == 2)) or op is ops.sum:
            place.append(plainly(op, refs))
        elif op.name in _FORMULAS:
            place.append(_FORMULAS[op.name](builder, *refs))
        else:
            raise NoLowering(f"{op.name} has no kernel")
    builder.outputs = list(moved(tape.outputs))
    return builder
