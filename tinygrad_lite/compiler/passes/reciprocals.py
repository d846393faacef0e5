"""Many quotients by one divisor cost one division.

In: a tape in ops that a back end knows. Out: the same program, in which x / s, y / s, ... are x * r, y * r, ... with
r = 1 / s, as in the softmax of many scores. A division takes a vector unit as long as sixteen products.

Each product is rounded once more than the quotient, by 2^-53 of it; 2^-51, where s is so large that r is subnormal.
Where s is so small that r is infinite, so is the result, and the engine is asked instead.
"""

from __future__ import annotations

from collections import Counter

from tinygrad_lite.compiler.ir.tape import Builder, Ref
from tinygrad_lite.engine import ops

MANY = 4
"""Quotients by one divisor that are worth a reciprocal."""


def reciprocals(tape: Builder) -> Builder:
    """The program with one division for each divisor that it uses often.

    >>> b = Builder(); s, *xs = (b.input(name) for name in "sabcd")
    >>> b.outputs = [b.node(ops.div, (x, s)) for x in xs]
    >>> print(reciprocals(b))
    v0 = 1.0 / s
    v1 = a * v0
    v2 = b * v0
    v3 = c * v0
    v4 = d * v0
    return v1, v2, v3, v4
    """
    uses = Counter(args[1] for op, args in zip(tape.op, tape.args, strict=True) if op is ops.div)
    often = {s for s, n in uses.items() if n >= MANY and tape.number(s) is None}
    if not often:
        return tape
    made = Builder()
    sources = [made.input(x) if isinstance(x, str) else made.constant(x) for x in tape.sources]
    made.inputs = [sources[~ref] for ref in tape.inputs]
    place: list[Ref] = []
    for op, args in zip(tape.op, tape.args, strict=True):
        moved = tuple([place[ref] if ref >= 0 else sources[~ref] for ref in args])
        if op is ops.div and args[1] in often:
            x, s = moved
            place.append(made.node(ops.mul, (x, made.node(ops.div, (made.constant(1.0), s)))))
        else:
            place.append(made.written(op, moved))
    made.outputs = [place[ref] if ref >= 0 else sources[~ref] for ref in tape.outputs]
    return made
