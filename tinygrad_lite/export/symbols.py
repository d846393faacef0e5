"""Text that takes part in arithmetic: the rule of an op, run on it, becomes NumPy code."""

from __future__ import annotations

from typing import Any

from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.engine.op import TABLE, Op
from tinygrad_lite.export.spelling import ATOM, POWER, PRODUCT, SIGN, SPELLINGS, SUM, Term


class Symbol(Arithmetic):
    """Text that takes part in arithmetic: what a rule of the table becomes when it runs on it."""

    def __init__(self, term: Term) -> None:
        self.term = term

    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Any:
        spelling = SPELLINGS["numpy"]
        terms = [
            x.term if isinstance(x, Symbol) else Term(repr(float(x)), rank=ATOM if x >= 0 else SIGN) for x in operands
        ]
        if op.infix and len(terms) == 2:
            rank = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "**": POWER}[op.infix]
            left, right = (
                terms[0].inside(rank + (rank == POWER)),
                terms[1].inside(rank + (op.infix in "-/" or rank == POWER)),
            )
            if op.infix == "*" and terms[0].text == terms[1].text:
                return Symbol(Term(f"{terms[0].inside(ATOM)} ** 2", rank=POWER))
            return Symbol(Term(f"{left} {op.infix} {right}", rank=rank))
        if op.infix:
            return Symbol(Term(f"-{terms[0].inside(SIGN)}", rank=SIGN))
        text, rank = spelling.call(op, terms)
        return Symbol(Term(text, rank=rank))

    def __gt__(self, other: Any) -> bool:
        return True  # inside of the domain, where a rule asks; the result is compared with the engine

    def __lt__(self, other: Any) -> bool:
        return False

    __ge__, __le__ = __gt__, __lt__


def rules() -> dict[str, Op]:
    return {op.numpy_name: op for op in TABLE.values() if op.numpy_name and op.arity in (1, 2)} | {
        "abs": TABLE["abs"],
        "square": TABLE["square"],
    }
