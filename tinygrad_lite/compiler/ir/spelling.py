"""How an op is written as code: what tapes, loop nests, C and Python have in common.

In: the name of an op, and its operands as text. Out: text.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_lite.engine.op import TABLE

INFIX = {op.name: op.infix for op in TABLE.values() if op.arity == 2 and op.infix not in ("", "**")} | {"less": "<"}
"""The signs between two operands, read off the table; a power has another one in each language."""


def spelled(name: str, operands: Sequence[str]) -> str:
    """An op as code.

    >>> spelled("mul", ["x", "y"]), spelled("tanh", ["x"])
    ('x * y', 'tanh(x)')
    """
    if name in INFIX and len(operands) == 2:
        return f" {INFIX[name]} ".join(operands)
    return f"{name}({', '.join(operands)})"
