"""Which numbers an op takes, and what is said when it gets others.

`Domain` and `Kink` are columns of the table of ops. `number` makes a float of everything that is one
real number and refuses the rest; `domain_error` writes the error for numbers outside a domain.
"""

from __future__ import annotations

import math

from tinygrad_lite.errors import DivisionByZero, DomainError, OperandError, OverflowInOp, ShapeError, user_line
from tinygrad_lite.hints import Any, Callable, Sequence


class Domain:
    """A set of real numbers: the words for it, the test for it, and points inside to try."""

    __slots__ = ("words", "holds", "samples")

    def __init__(self, words: str, holds: Callable[[float], bool], samples: Sequence[float]) -> None:
        self.words: str = words
        self.holds: Callable[[float], bool] = holds
        self.samples: tuple[float, ...] = tuple(samples)


REAL = Domain("a finite {x}", math.isfinite, (-2.5, -1.0, -0.3, 0.2, 0.7, 1.0, 3.0))
POSITIVE = Domain("{x} > 0", lambda x: x > 0, (1e-3, 0.2, 0.7, 1.0, 2.5, 40.0))
NOT_NEGATIVE = Domain("{x} >= 0", lambda x: x >= 0, (1e-3, 0.2, 0.7, 1.0, 2.5, 40.0))
NOT_ZERO = Domain("{x} != 0", lambda x: x != 0, (-3.0, -0.4, 0.2, 1.0, 2.5))


class Kink:
    """A place where the derivative jumps: when it is met, which derivatives are allowed, which one we choose."""

    __slots__ = ("met", "low", "high", "choice")

    def __init__(self, met: Callable[..., bool], low: float, high: float, choice: str) -> None:
        self.met: Callable[..., bool] = met  # true of operands that stand exactly on the kink
        self.low: float = low  # the subgradient of a touched operand lies between low ...
        self.high: float = high  # ... and high
        self.choice: str = choice  # a sentence, read aloud by the explainer


def domain_error(
    op: str,
    domains: Sequence[Domain],
    numbers: Sequence[float],
    reason: Exception,
    labels: Sequence[str] = (),
    story: str = "",
) -> DomainError:
    """The DomainError for operands that an op refused: which one, its label, where it came from, and what to try."""
    if isinstance(reason, DomainError):
        return reason
    names = operand_names(len(numbers))
    labels = [*labels, *[""] * (len(numbers) - len(labels))]
    shown = [
        f"{name} = {x!r}" + (f" (labelled {label!r})" if label else "")
        for name, x, label in zip(names, numbers, labels, strict=True)
    ]
    where = user_line()
    if not numbers:
        raise ShapeError(f"{op} of no numbers has no value{where}; give at least one.") from None
    if isinstance(reason, OverflowError):
        return OverflowInOp(
            f"{op} is too large for a float at {', '.join(shown)}{where}.\n"
            "  The largest float is about 1.8e308. Look at the step that made this number; in a training\n"
            "  run a smaller learning rate often helps, and sigmoid, softplus and logsumexp are safe at any size."
        )
    got = ", ".join(shown)
    needed = domains[-1].words.format(x=names[-1])  # each operand may do alone, but not together
    cure = "with clip, or treat that case in a branch of its own."
    for i, x in enumerate(numbers):
        domain = domains[min(i, len(domains) - 1)]
        if not domain.holds(x):
            needed = domain.words.format(x=names[i])
            got = got if len(shown) <= 3 else shown[i]
            if domain in (POSITIVE, NOT_NEGATIVE, NOT_ZERO):
                away = ", ".join([f"{name} + 1e-12" if j == i else name for j, name in enumerate(names)])
                cure = f"first, for instance {op}({away}), or treat that case in a branch of its own."
            break
    kind = DivisionByZero if isinstance(reason, ZeroDivisionError) else DomainError
    return kind(
        f"{op} needs {needed}, but got {got}{where}.\n"
        + (f"  {story}\n" if story else "")
        + "  If this should hold by design, look at the step that made the number; if not, keep it away\n"
        f"  {cure}"
    )


def operand_names(n: int) -> list[str]:
    """How messages and formulas call n operands: x; x, y; or x1, x2, x3 and so on.

    >>> operand_names(2), operand_names(3)
    (['x', 'y'], ['x1', 'x2', 'x3'])
    """
    return ["x", "y"][:n] if n < 3 else [f"x{i + 1}" for i in range(n)]


_REFUSED = (str, bytes, complex, list, tuple, dict, set, frozenset, type(None))


def is_foreign(x: object) -> bool:
    """True of an object that is no number of ours but might know how to combine with one."""
    if isinstance(x, _REFUSED):
        return False
    return not hasattr(type(x), "__float__") or getattr(x, "ndim", 0) != 0  # an array goes through its entries


def number(x: Any, where: str = "") -> float:
    """x as a float, for ints, bools, Fractions, Decimals and NumPy scalars alike.

    Raises:
        OperandError: x is text, None, complex, a container or anything else that is not one real number.
    """
    if x.__class__ is float:
        return x
    if getattr(x, "requires_grad", False) is True and not hasattr(x, "_apply"):  # of PyTorch, not a Value
        raise OperandError(
            f"a {type(x).__name__} that requires a gradient would be cut off from its own graph{user_line()}.\n"
            "  One computation has one engine: use Values throughout, or x.item() if no gradient is to reach x."
        )
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
    hint = "Convert text with float(...), make one Value for each entry of a list, and take `.data` of a Value."
    if getattr(x, "ndim", 0) != 0:
        hint = "tg.array(a) makes one Value of each entry of an array."
    raise OperandError(f"{needed}, but got the {type(x).__name__} {shown}{user_line()}.\n  {hint}")
