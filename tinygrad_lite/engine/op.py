"""What is known about one primitive: the columns of the table of ops.

A row of the table is an `Op`. It can be called on anything that follows the arithmetic:
floats give a float, Values give a Value that remembers its parents, and a symbol gives a
formula. That is why the rules in `partials` can be written once, in ordinary arithmetic, and
then serve as numbers, as a graph to be differentiated again, and as text.

Read `Op` first, then a file of `ops/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.errors import DivisionByZero, DomainError, OperandError, OverflowInOp, user_line

TABLE: dict[str, Op] = {}
"""Every row by its name, in the order of definition."""


class Domain:
    """A set of real numbers: the words for it, the test for it, and points inside to try."""

    __slots__ = ("words", "holds", "samples")

    def __init__(self, words: str, holds: Callable[[float], bool], samples: Sequence[float]) -> None:
        self.words = words
        self.holds = holds
        self.samples = tuple(samples)


REAL = Domain("a finite {x}", math.isfinite, (-2.5, -1.0, -0.3, 0.2, 0.7, 1.0, 3.0))
POSITIVE = Domain("{x} > 0", lambda x: x > 0, (1e-3, 0.2, 0.7, 1.0, 2.5, 40.0))
NOT_NEGATIVE = Domain("{x} >= 0", lambda x: x >= 0, (1e-3, 0.2, 0.7, 1.0, 2.5, 40.0))
NOT_ZERO = Domain("{x} != 0", lambda x: x != 0, (-3.0, -0.4, 0.2, 1.0, 2.5))


class Kink:
    """A place where the slope jumps: when it is met, which slopes are allowed, which one we choose."""

    __slots__ = ("met", "low", "high", "choice")

    def __init__(self, met: Callable[..., bool], low: float, high: float, choice: str) -> None:
        self.met = met  # true of operands that stand exactly on the kink
        self.low = low  # the subgradient of a touched operand lies between low ...
        self.high = high  # ... and high
        self.choice = choice  # a sentence, read aloud by the explainer


class Op:
    """One row of the table: everything known about a primitive.

    Columns:
        name: the word used in code, errors and files.
        symbol: what stands inside the drawn node.
        forward: floats in, float out.
        partials: operands and result in, the local derivatives out, one for each operand in order.
        latex: a template in {x}, {y}; for an op of any number of operands {xs}.
        source: a template of Python code; {lib} is the library, such as numpy.
        domain: where each operand may lie; the last entry serves all further operands.
        kink: where the slope jumps, or None.
        expand: the same result from elementary rows, for ops that fuse several; or None.
        because: one sentence of meaning.
        arity: number of operands; None is any number.

    >>> from tinygrad_lite.engine import ops
    >>> ops.tanh(0.0), ops.tanh.partials(0.0, 0.0)
    (0.0, (1.0,))
    """

    __slots__ = (
        "name",
        "symbol",
        "forward",
        "partials",
        "latex",
        "source",
        "domain",
        "kink",
        "expand",
        "because",
        "arity",
    )

    def __init__(
        self,
        *,
        name: str,
        symbol: str,
        forward: Callable[..., float],
        partials: Callable[..., tuple[Any, ...]],
        latex: str,
        source: str,
        domain: tuple[Domain, ...],
        because: str,
        kink: Kink | None = None,
        expand: Callable[..., Any] | None = None,
        arity: int | None = 1,
    ) -> None:
        self.name = name
        self.symbol = symbol
        self.forward = forward
        self.partials = partials
        self.latex = latex
        self.source = source
        self.domain = domain
        self.kink = kink
        self.expand = expand
        self.because = because
        self.arity = arity

    def __repr__(self) -> str:
        return f"Op({self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (row_named, (self.name,))

    def __call__(self, *operands: Any) -> Any:
        """The result in the arithmetic of the operands: float for numbers, Value for Values."""
        for operand in operands:
            apply = getattr(operand, "_apply", None)
            if apply is not None:
                result = apply(self, operands)
                if result is not NotImplemented:
                    return result
        return self.evaluate(*[number(operand, self.name) for operand in operands])

    def evaluate(self, *numbers: float) -> float:
        """The result for floats; a number outside the domain raises a DomainError that names it."""
        if self.arity is not None and len(numbers) != self.arity:
            raise OperandError(f"{self.name} takes {self.arity} operand(s), but got {len(numbers)}{user_line()}.")
        try:
            return float(self.forward(*numbers))
        except (ValueError, ArithmeticError) as reason:
            raise self.refusal(numbers, reason) from None

    def refusal(self, numbers: Sequence[float], reason: Exception, labels: Sequence[str] = ()) -> DomainError:
        """The DomainError for operands that `forward` refused: which one, its label, and what to try."""
        if isinstance(reason, DomainError):
            return reason
        names = operand_names(len(numbers))
        labels = [*labels, *[""] * (len(numbers) - len(labels))]
        shown = [
            f"{name} = {x!r}" + (f" (labelled {label!r})" if label else "")
            for name, x, label in zip(names, numbers, labels, strict=True)
        ]
        where = user_line()
        if isinstance(reason, OverflowError):
            return OverflowInOp(
                f"{self.name} is too large for a float at {', '.join(shown)}{where}.\n"
                "  The largest float is about 1.8e308. Look at the step that made this number; in a training\n"
                "  run a smaller learning rate often helps, and sigmoid, softplus and logsumexp are safe at any size."
            )
        for i, x in enumerate(numbers):
            domain = self.domain[min(i, len(self.domain) - 1)]
            if not domain.holds(x):
                needed, got = domain.words.format(x=names[i]), shown[i]
                break
        else:
            needed, got = "operands inside its domain", ", ".join(shown)
        kind = DivisionByZero if isinstance(reason, ZeroDivisionError) else DomainError
        return kind(
            f"{self.name} needs {needed}, but got {got}{where}.\n"
            "  If this should hold by design, look at the step that made the number; if it may touch the edge\n"
            f"  of the domain, keep it away first, for instance {self.name}(x + 1e-12) or a branch for that case."
        )


def row(**columns: Any) -> Op:
    """Make a row and enter it in the table.

    Raises:
        ValueError: the table has a row of that name already.
    """
    op = Op(**columns)
    if op.name in TABLE:
        raise ValueError(f"the table of ops has a row named {op.name!r} already; choose another name.")
    TABLE[op.name] = op
    return op


def row_named(name: str) -> Op:
    """The row of that name.

    Raises:
        KeyError: no such row; the message shows the nearest names.
    """
    if name in TABLE:
        return TABLE[name]
    import difflib

    near = difflib.get_close_matches(name, TABLE, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(TABLE)}."
    raise KeyError(f"no op is named {name!r}{hint}")


def operand_names(n: int) -> list[str]:
    """How messages and formulas call n operands: x; x, y; or x1, x2, x3 and so on.

    >>> operand_names(2), operand_names(3)
    (['x', 'y'], ['x1', 'x2', 'x3'])
    """
    return ["x", "y"][:n] if n < 3 else [f"x{i + 1}" for i in range(n)]


_REFUSED = (str, bytes, complex, list, tuple, dict, set, frozenset, type(None))


def is_foreign(x: object) -> bool:
    """True of an object that is no number of ours but might know how to combine with one."""
    return not isinstance(x, _REFUSED) and not hasattr(type(x), "__float__")


def number(x: Any, where: str = "") -> float:
    """x as a float, for ints, bools, Fractions, Decimals and NumPy scalars alike.

    Raises:
        OperandError: x is text, None, complex, a container or anything else that is not one real number.
    """
    if x.__class__ is float:
        return x
    if not isinstance(x, _REFUSED) and hasattr(type(x), "__float__") and getattr(x, "ndim", 0) == 0:
        try:
            return float(x)
        except OverflowError:
            raise OverflowInOp(f"{x.__class__.__name__} too large for a float (about 1.8e308){user_line()}.") from None
        except TypeError:
            pass  # a Value, or a complex NumPy scalar: refused below
    shown = repr(x)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    needed = f"{where} works on real numbers and Values" if where else "a Value holds one real number"
    raise OperandError(
        f"{needed}, but got the {type(x).__name__} {shown}{user_line()}.\n"
        "  Convert text with float(...), make one Value for each entry of a list, and take `.data` of a Value."
    )
