"""What is known about one primitive: the columns of the table of ops.

A row of the table is an `Op`. It can be called on anything that follows the arithmetic:
floats give a float, Values give a Value that remembers its parents, and a symbol gives a
formula. That is why the rules in `partials` can be written once, in ordinary arithmetic, and
then serve as numbers, as a graph to be differentiated again, and as text.

Read `Op` first, then a file of `ops/`.
"""

from __future__ import annotations

from tinygrad_lite.engine.domain import (
    NOT_NEGATIVE,
    NOT_ZERO,
    POSITIVE,
    REAL,
    Domain,
    Kink,
    domain_error,
    is_foreign,
    number,
    operand_names,
)
from tinygrad_lite.errors import DomainError, OperandError, user_line
from tinygrad_lite.hints import Any, Callable, Sequence

__all__ = [
    "NOT_NEGATIVE",
    "NOT_ZERO",
    "POSITIVE",
    "REAL",
    "TABLE",
    "Domain",
    "Kink",
    "Op",
    "is_foreign",
    "number",
    "operand_names",
    "op_named",
    "primitive",
]

TABLE: dict[str, Op] = {}
"""Every row by its name, in the order of definition."""


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
        stable_derivatives: `partials` for floats alone, where the displayed formula would lose digits; or None.
        graph_derivatives: likewise for Values, to be differentiated again; or None.
        traced_derivatives: likewise for compiled programs, without a choice by the numbers; or None.
        expand: the same result from elementary rows, for ops that fuse several; or None.
        lower: the same result from fewer rows, for a backend that lacks this one; or None.
        doc: one sentence of meaning.
        arity: number of operands; None is any number.
        defaults: the names of the last operands, and what they are when they are left out.

    Of an op with a stable rule, `op.partials` chooses: the stable one for floats, and for everything
    else the formula that is displayed, which `op.display_derivatives` also gives.

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
        "stable_derivatives",
        "graph_derivatives",
        "traced_derivatives",
        "expand",
        "lower",
        "doc",
        "arity",
        "defaults",
        "display_derivatives",
    )

    on_arrays: Callable[[Op, Sequence[Any]], Any]  # set by the front door, which may import the package `arrays`

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
        doc: str,
        kink: Kink | None = None,
        stable_derivatives: Callable[..., tuple[float, ...]] | None = None,
        graph_derivatives: Callable[..., tuple[Any, ...]] | None = None,
        traced_derivatives: Callable[..., tuple[Any, ...]] | None = None,
        expand: Callable[..., Any] | None = None,
        lower: Callable[..., Any] | None = None,
        arity: int | None = 1,
        defaults: dict[str, float] | None = None,
    ) -> None:
        self.name = name
        self.symbol = symbol
        self.forward = forward
        self.partials = partials if stable_derivatives is None else _either(partials, stable_derivatives)
        self.latex = latex
        self.source = source
        self.domain = domain
        self.kink = kink
        self.stable_derivatives = stable_derivatives
        self.graph_derivatives = graph_derivatives
        self.traced_derivatives = traced_derivatives
        self.expand = expand
        self.lower = lower
        self.doc = doc
        self.arity = arity
        self.defaults = defaults or {}
        self.display_derivatives = partials

    def __repr__(self) -> str:
        return f"Op({self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (op_named, (self.name,))

    def __call__(self, *operands: Any, **named: Any) -> Any:
        """The result in the arithmetic of the operands: float for numbers, Value for Values.

        A NumPy array goes entry by entry; an op of any number of operands takes them in a list too;
        operands with defaults may be named, as in `leaky_relu(x, slope=0.2)`.
        """
        if self.arity is None and not named:
            if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
                operands = tuple(operands[0])
        elif named or len(operands) != self.arity:
            operands = self.complete(operands, named)
        for operand in operands:
            apply = getattr(operand, "_apply", None)
            if apply is not None:
                result = apply(self, operands)
                if result is not NotImplemented:
                    return result
        if any(getattr(operand, "ndim", 0) for operand in operands):
            return Op.on_arrays(self, operands)
        return self.evaluate(*[number(operand, self.name) for operand in operands])

    def evaluate(self, *numbers: float) -> float:
        """The result for floats; a number outside the domain raises a DomainError that names it."""
        if self.arity is not None and len(numbers) != self.arity:
            numbers = self.complete(numbers)
        try:
            return float(self.forward(*numbers))
        except (ValueError, ArithmeticError) as reason:
            raise self.refusal(numbers, reason) from None

    def complete(self, operands: tuple[Any, ...], named: dict[str, Any] | None = None) -> tuple[Any, ...]:
        """The operands, those that were named, and the defaults of those that were left out.

        Raises:
            OperandError: too few or too many operands, or an unknown name.
        """
        missing = (self.arity or 0) - len(operands)
        if 0 <= missing <= len(self.defaults):
            left_out = dict(list(self.defaults.items())[len(self.defaults) - missing :])
            if not named or named.keys() <= left_out.keys():
                return (*operands, *{**left_out, **(named or {})}.values())
        if named:
            known = ", ".join(self.defaults) or "none"
            raise OperandError(
                f"{self.name} was given {', '.join(named)} by name{user_line()}.\n"
                f"  The operands that may be named, and are not given twice: {known}."
            )
        needed = f"{self.arity} operand{'' if self.arity == 1 else 's'}"
        raise OperandError(f"{self.name} takes {needed}, but got {len(operands)}{user_line()}.")

    def refusal(self, numbers: Sequence[float], reason: Exception, labels: Sequence[str] = ()) -> DomainError:
        """The error to raise when `forward` refused these operands: which one, its label, and what to try."""
        return domain_error(self, numbers, reason, labels)

    def graphed(self, operands: Sequence[Any], out: Any) -> tuple[Any, ...]:
        """The local derivatives as Values with a history, which can be differentiated again."""
        return (self.graph_derivatives or self.partials)(*operands, out)

    def points(self) -> list[tuple[float, ...]]:
        """Operands inside the domain, off the kinks, at which to try the row."""
        n = self.arity if self.arity is not None else 3
        columns = [self.domain[min(i, len(self.domain) - 1)].samples for i in range(n)]
        found = []
        for row_number in range(max((len(column) for column in columns), default=0)):
            for shift in range(3 if n > 1 else 1):  # operands in the same order, crossing, and apart
                point = tuple([c[(row_number * (1 + i * shift) + 2 * i) % len(c)] for i, c in enumerate(columns)])
                if point not in found and not (self.kink and self.kink.met(*point)):
                    found.append(point)
        return found


def _either(displayed: Callable[..., Any], stable: Callable[..., Any]) -> Callable[..., Any]:
    """The rule that is stable for floats, and the displayed formula in every other arithmetic."""

    def partials(*operands_and_out: Any) -> Any:
        rule = stable if operands_and_out[-1].__class__ is float else displayed
        return rule(*operands_and_out)

    return partials


def primitive(**columns: Any) -> Op:
    """Make an op and enter it in the table.

    Raises:
        ValueError: the table has an op of that name already.
    """
    op = Op(**columns)
    if op.name in TABLE:
        raise ValueError(f"there is an op named {op.name!r} already; choose another name.")
    TABLE[op.name] = op
    return op


def op_named(name: str) -> Op:
    """The op of that name.

    Raises:
        KeyError: no such op; the message shows the nearest names.
    """
    if name in TABLE:
        return TABLE[name]
    import difflib

    near = difflib.get_close_matches(name, TABLE, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(TABLE)}."
    raise KeyError(f"no op is named {name!r}{hint}")
