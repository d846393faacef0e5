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
from tinygrad_lite.engine.op import Op

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

    def write(i: int, op: Op, args: tuple[Ref, ...]) -> Ref:
        if op is ops.div and tape.args[i][1] in often:
            return made.node(ops.mul, (args[0], made.node(ops.div, (made.constant(1.0), args[1]))))
        return made.emit(op, args)

    return made.rewritten(tape, write)
