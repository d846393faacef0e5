"""How a formula is spelled: as text that Python reads, as HTML, and as LaTeX that MathJax typesets.

The one difficulty is brackets: enough of them that the meaning is kept, no more than a reader wants. Each
piece of a formula has a rank, and each place asks for a rank; a piece of a lower one gets brackets.

    sum < sign < product < power < call < atom

Read `Infix` first. `LaTeX` takes its templates from the table and finds out from a template itself which places
are protected by braces or brackets already and what rank the whole has.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence

from tinygrad_lite.engine import ops
from tinygrad_lite.formulas.formula import Symbol
from tinygrad_lite.report import escape

SUM, SIGN, PRODUCT, POWER, CALL, ATOM = range(6)


class Notation:
    """The part that all notations share.

    Args:
        digits: significant digits of the numbers that stand for names.
        constants: significant digits of the constants of the program; 17 are exact.
        most: a longer sum or product is shown by its first and last terms; None for no limit.
    """

    spelling: str = "text"  # which of the three of a `Name`
    plus: str = " + "
    times: str = "*"
    dots: str = "..."

    def __init__(self, digits: int = 6, most: int | None = 12, constants: int = 17) -> None:
        self.digits: int = digits
        self.constants: int = constants
        self.most: int | None = most

    def of(self, symbol: Symbol, *, numbers: bool = False, rank: int = SUM) -> str:
        """The formula; with `numbers`, each name replaced by its number. Brackets if it ranks below `rank`."""
        written, own = self.ranked(symbol, numbers)
        return written if own >= rank else self.bracketed(written)

    def ranked(self, symbol: Symbol, numbers: bool) -> tuple[str, int]:
        """A formula and its rank."""
        if symbol.op is ops.constant:
            return self.constant(symbol.number)
        if symbol.name is not None:
            return self.number(symbol.number, self.digits) if numbers else (getattr(symbol.name, self.spelling), ATOM)
        if symbol.op is ops.add or symbol.op is ops.mul:
            return self.series(symbol, numbers)
        return self.applied(symbol, numbers)

    def series(self, symbol: Symbol, numbers: bool) -> tuple[str, int]:
        """a + b + c + ..., or the same with products: the left spine of one op, without recursion."""
        op = symbol.op
        terms: list[Symbol | None] = []
        while symbol.op is op and symbol.name is None:
            terms.append(symbol.operands[1])
            symbol = symbol.operands[0]
        terms.reverse()
        first, inner, sign = (SUM, PRODUCT, self.plus) if op is ops.add else (PRODUCT, POWER, self.times)
        written = [self.of(symbol, numbers=numbers, rank=first)]
        if self.most and len(terms) + 1 > self.most:
            terms[self.most - 3 : -1] = [None]
        written += [self.dots if x is None else self.of(x, numbers=numbers, rank=inner) for x in terms]
        return sign.join(written), SUM if op is ops.add else PRODUCT

    def constant(self, x: float) -> tuple[str, int]:
        """A constant; one that is exactly the float of a simple fraction as that fraction."""
        fraction = simple_fraction(x)
        if fraction is None:
            return self.number(x, self.constants)
        above, below = (Symbol.constant(float(n)) for n in fraction)
        return self.applied(Symbol(ops.div, (above, below), x), False)

    def number(self, x: float, digits: int) -> tuple[str, int]:
        raise NotImplementedError

    def applied(self, symbol: Symbol, numbers: bool) -> tuple[str, int]:
        raise NotImplementedError

    def bracketed(self, written: str) -> str:
        return f"({written})"

    def listed(self, symbols: Sequence[Symbol], numbers: bool) -> str:
        """Operands with commas between them."""
        return ", ".join(self.of(x, numbers=numbers) for x in symbols)


class Infix(Notation):
    """Text in Python's notation: it reads back to the same number.

    >>> from tinygrad_lite.formulas.formula import Name
    >>> a, b = (Symbol.named(Name(n, n, n), 2.0) for n in "ab")
    >>> TEXT.of((a - (b - 1)) * -a ** (a / b)), TEXT.of((-a) ** 2, numbers=True)
    ('(a - (b - 1))*(-a**(a / b))', '(-2)**2')
    """

    minus: str = " - "
    negative: str = "-"

    def number(self, x: float, digits: int) -> tuple[str, int]:
        written = digits_of(x, digits)
        return written.replace("-", self.negative), SIGN if written.startswith("-") else ATOM

    def applied(self, symbol: Symbol, numbers: bool) -> tuple[str, int]:
        op, operands = symbol.op, symbol.operands
        if op is ops.sub:
            return self.minus.join(self.pair(operands, numbers, SUM, PRODUCT)), SUM
        if op is ops.div:
            return " / ".join(self.pair(operands, numbers, PRODUCT, POWER)), PRODUCT
        if op is ops.pow:
            return self.power(operands[0], operands[1], numbers), POWER
        if op is ops.neg:
            return f"{self.negative}{self.of(operands[0], numbers=numbers, rank=PRODUCT)}", SIGN
        called = op.name if self.spelling == "text" else escape.html(op.name)
        return f"{called}({self.listed(operands, numbers)})", CALL

    def pair(self, operands: Sequence[Symbol], numbers: bool, left: int, right: int) -> tuple[str, str]:
        x, y = operands
        return self.of(x, numbers=numbers, rank=left), self.of(y, numbers=numbers, rank=right)

    def power(self, base: Symbol, exponent: Symbol, numbers: bool) -> str:
        return "**".join(self.pair((base, exponent), numbers, CALL, CALL))


class HTML(Infix):
    """The same with raised exponents, centred dots and slanted names."""

    spelling: str = "html"
    minus: str = " − "
    negative: str = "−"
    times: str = " · "
    dots: str = "…"

    def power(self, base: Symbol, exponent: Symbol, numbers: bool) -> str:
        return f"{self.of(base, numbers=numbers, rank=CALL)}<sup>{self.of(exponent, numbers=numbers)}</sup>"


class LaTeX(Notation):
    """LaTeX for MathJax and for TeX, from the templates of the table."""

    spelling: str = "latex"
    times: str = r" \cdot "
    dots: str = r"\cdots"

    def number(self, x: float, digits: int) -> tuple[str, int]:
        written = digits_of(x, digits)
        rank = SIGN if written.startswith("-") else ATOM
        if not math.isfinite(x):
            return written.replace("inf", r"\infty").replace("nan", r"\mathrm{nan}"), rank
        digits_before, e, exponent = written.partition("e")
        if not e:
            return written, rank
        return rf"{digits_before} \cdot 10^{{{int(exponent)}}}", min(rank, PRODUCT)

    def bracketed(self, written: str) -> str:
        return rf"\left({written}\right)"

    def applied(self, symbol: Symbol, numbers: bool) -> tuple[str, int]:
        op, operands = symbol.op, symbol.operands
        if op.expand is not None and ("{sum}" in op.latex or "{dot}" in op.latex):
            return self.ranked(op.expand(*operands), numbers)
        try:
            rank, places = shape(op.latex)
        except (KeyError, IndexError, ValueError):
            rank, places = -1, {}
        if rank < 0 or not op.latex:
            name = re.sub(r"[^A-Za-z0-9 ]", lambda m: r"\_" if m[0] == "_" else "", op.name)
            return rf"\operatorname{{{name}}}\left({self.listed(operands, numbers)}\right)", CALL
        filled = {
            slot: self.listed(operands, numbers) if slot == "xs" else self.of(operands[i], numbers=numbers, rank=asked)
            for i, slot, asked in ((_SLOTS.get(slot, 0), slot, asked) for slot, asked in places.items())
        }
        return op.latex.format(**filled), rank


_SLOTS = {"x": 0, "y": 1, "z": 2}
_MARK = {"x": "\ue000", "y": "\ue001", "z": "\ue002", "xs": "\ue003"}
_TOKEN = re.compile(r"\\left\s*\\?.|\\right\s*\\?.|\\begin\{\w+\}|\\end\{\w+\}|\\[A-Za-z]+|\\.|.", re.DOTALL)


@functools.cache
def shape(template: str) -> tuple[int, dict[str, int]]:
    r"""The rank of a template's result, and for each of its places the rank it asks for.

    A place inside braces or brackets asks for nothing.

    >>> shape(r"{x} \cdot {y}") == (PRODUCT, {"x": PRODUCT, "y": POWER})
    True
    >>> shape(r"\sin\left({x}\right)") == (CALL, {"x": SUM})
    True
    >>> shape("{x}^{{{y}}}") == (POWER, {"x": ATOM, "y": SUM})
    True
    """
    text = template.format(**_MARK)
    back = {mark: slot for slot, mark in _MARK.items()}
    depth = 0
    bare: list[tuple[str, int, bool]] = []  # place, how many signs stand before it, whether a minus does
    seen: set[str] = set()
    signs: list[str] = []
    others = 0  # what stands outside all brackets besides the bare places
    for token in _TOKEN.findall(text):
        if token in ("{", "(", "[") or token.startswith((r"\left", r"\begin")):
            depth += 1
        elif token in ("}", ")", "]") or token.startswith((r"\right", r"\end")):
            depth -= 1
        elif token in back:
            seen.add(back[token])
            if depth == 0:
                bare.append((back[token], len(signs), bool(signs) and signs[-1] == "-"))
        elif depth == 0 and token in ("+", "-", "/", "^", r"\cdot", r"\times"):
            signs.append(token)
        elif depth == 0 and not token.isspace():
            others += 1
    inner_sum = "+" in signs or ("-" in signs and not text.lstrip().startswith("-")) or signs.count("-") > 1
    if inner_sum:
        rank = SUM
    elif "-" in signs:
        rank = SIGN
    elif {"/", r"\cdot", r"\times"} & set(signs) or (bare and others and not signs):
        rank = PRODUCT
    elif "^" in signs:
        rank = POWER
    else:
        rank = CALL if others or not bare else ATOM
    asked = dict.fromkeys(seen, SUM)
    simple = {SUM: ("+", "-"), SIGN: ("-",), PRODUCT: ("/", r"\cdot", r"\times")}.get(rank, ())
    for slot, before, negated in bare:
        if others or not set(signs) <= set(simple):
            needs = ATOM  # an unusual template: brackets are never wrong
        elif rank == SUM:
            needs = PRODUCT if before or negated else SUM
        elif rank == SIGN:
            needs = PRODUCT
        else:
            needs = POWER if before else PRODUCT
        asked[slot] = max(asked[slot], needs)
    return rank, asked


def digits_of(x: float, digits: int) -> str:
    """A number with so many significant digits at most, without a trailing `.0`; 17 digits are exact.

    One that was rounded shows all its digits, zeros too: tanh(9) is 1.00000, and not 1.

    >>> digits_of(2.0, 17), digits_of(0.1, 17), digits_of(2 / 3, 6), digits_of(-0.0, 6), digits_of(1e22, 17)
    ('2', '0.1', '0.666667', '0', '1e+22')
    >>> digits_of(0.99999997, 6), digits_of(0.1 + 0.2, 6), digits_of(1234567.0, 6)
    ('1.00000', '0.3', '1.23457e+06')
    """
    if digits >= 17:
        return repr(x + 0.0).removesuffix(".0")
    short = f"{x + 0.0:.{digits}g}"
    rounded = math.isfinite(x) and abs(float(short) - x) > 1e-12 * abs(x)
    return f"{x:#.{digits}g}".rstrip(".").replace(".e", "e") if rounded else short


def simple_fraction(x: float) -> tuple[int, int] | None:
    """The fraction of a float that would fill a line, if it is exactly one with a small denominator.

    >>> simple_fraction(1 / 3), simple_fraction(-2 / 7), simple_fraction(0.25), simple_fraction(0.7071067811865476)
    ((1, 3), (-2, 7), None, None)
    """
    if not math.isfinite(x) or float(f"{x:.6g}") == x:
        return None
    return next(((round(x * n), n) for n in range(3, 200) if round(x * n) / n == x and abs(x * n) < 1000), None)


TEXT, MARKUP, TEX = Infix(), HTML(), LaTeX()
Symbol.spell = TEXT.of
