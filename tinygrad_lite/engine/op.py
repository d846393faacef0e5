"""What is known about one primitive: the columns of the table of ops.

An entry of the table is an `Op`. It can be called on anything that follows the arithmetic:
floats give a float, Values give a Value that remembers its parents, and a symbol gives a
formula. That is why the rule in `partials` can be written once, in ordinary arithmetic, and
then serve as numbers, as a graph to be differentiated again, and as text.

Every list of names elsewhere is read off this table: the package's functions, the methods of a
Value, NumPy's functions of arrays, the exports, the activations. So an op that is added here has
all of these at once. Read `Op` first, then a file of `ops/`.
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
from tinygrad_lite.engine.op_help import Doc, HintsOf, SignatureOf
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
    "op_named",
    "operand_names",
    "primitive",
    "when_entered",
]

TABLE: dict[str, Op] = {}
"""Every op by its name, in the order of definition."""

_TEX = "arccos arcsin arctan cos cosh exp log max min sin sinh tan tanh"  # functions that LaTeX knows by name


class Op:
    __doc__ = Doc("""A primitive, and everything known about it. Only the first four columns have no default.

    Columns:
        name: the word used in code, errors and files.
        forward: floats in, float out; the defaults of its last arguments may be left out by the user too.
        partials: operands and result in, the local derivatives out, one for each operand in order.
        doc: one sentence of meaning.
        symbol: what stands inside the drawn node.
        domain: where each operand may lie; the last entry serves all further operands.
        kink: where the derivative jumps, or None.
        display_derivatives: `partials` as a book writes it, where it says the same in another way for more digits.
        traced_derivatives: `partials` for compiled programs, where a choice by the numbers would cost too much.
        expand: the same result from elementary ops, for ops that fuse several; or None.
        lower: the same result from fewer ops, for a back end that lacks this one; or None.
        latex: a template in {x}, {y}; for an op of any number of operands {xs}.
        source: Python code as one would write it; {lib} is the library, such as numpy.
        numpy, torch, jax: the same for whole arrays, where `source` will not do.
        infix: the sign between two operands, or before the only one.
        activation: whether it is used between the layers of a network.
        saturates: whether it goes flat on both sides, where no gradient gets through.
        exact: a number at which the result is a fraction too, and that result; or None.
        cost: of computing it, in additions.
        arity: number of operands, read off `partials`; None is any number.

    >>> from tinygrad_lite.engine import ops
    >>> ops.tanh(0.0), ops.tanh.partials(0.0, 0.0)
    (0.0, (1.0,))
    """)

    COLUMNS = (
        *("name", "forward", "partials", "doc", "symbol", "domain", "kink"),
        *("display_derivatives", "traced_derivatives", "expand", "lower"),
        *("latex", "source", "numpy", "torch", "jax", "infix"),
        *("activation", "saturates", "exact", "cost", "arity"),
    )
    __slots__ = (*COLUMNS, "defaults", "operands")
    __signature__: SignatureOf = SignatureOf()

    on_arrays: Callable[[Op, Sequence[Any]], Any]  # set by the front door, which may import the package `arrays`

    def __init__(
        self,
        *,
        name: str,
        forward: Callable[..., float],
        partials: Callable[..., tuple[Any, ...]],
        doc: str,
        symbol: str | None = None,
        domain: tuple[Domain, ...] = (REAL,),
        kink: Kink | None = None,
        display_derivatives: Callable[..., tuple[Any, ...]] | None = None,
        traced_derivatives: Callable[..., tuple[Any, ...]] | None = None,
        expand: Callable[..., Any] | None = None,
        lower: Callable[..., Any] | None = None,
        latex: str | None = None,
        source: str | None = None,
        numpy: str | None = None,
        torch: str | None = None,
        jax: str | None = None,
        infix: str = "",
        activation: bool = False,
        saturates: bool = False,
        exact: tuple[float, float] | None = None,
        cost: int = 20,
        arity: int | None = -1,
    ) -> None:
        code: Any = getattr(partials, "__code__", None)
        any_number = code is None or bool(code.co_flags & 0x04)  # *xs in its signature
        self.name = name
        self.forward = forward
        self.partials = partials
        self.doc = doc
        self.symbol: str = name if symbol is None else symbol
        self.domain = domain
        self.kink = kink
        self.display_derivatives: Callable[..., tuple[Any, ...]] = display_derivatives or partials
        self.traced_derivatives: Callable[..., tuple[Any, ...]] = traced_derivatives or self.display_derivatives
        self.expand = expand
        self.lower = lower
        self.arity: int | Any | None = arity if arity != -1 else None if any_number else code.co_argcount - 1
        named = ("x", "y") if any_number else code.co_varnames
        self.operands: tuple[str, ...] = named[: self.arity] if self.arity else ()
        self.defaults: dict[str, float] = _defaults(forward)
        n = self.arity
        listed = "{xs}" if n is None or n > 2 else ", ".join(["{x}", "{y}"][:n])
        command = f"\\{name}" if name in _TEX.split() else rf"\operatorname{{{{{name}}}}}".replace("_", r"\_")
        called = f"{{x}} {infix} {{y}}" if n == 2 else f"{infix}{{x}}"
        self.latex: str = latex if latex is not None else called if infix else rf"{command}\left({listed}\right)"
        self.source: str = source if source is not None else called if infix else f"{{lib}}.{name}({listed})"
        self.numpy: str = self.source if numpy is None else numpy
        self.torch: str = self.source if torch is None else torch
        self.jax: str = self.source if jax is None else jax
        self.infix = infix
        self.activation: bool = activation
        self.saturates: bool = saturates
        self.exact = exact
        self.cost = cost

    def __repr__(self) -> str:
        return f"Op({self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (op_named, (self.name,))

    def __call__(self, *operands: Any, **named: Any) -> Any:
        """The result in the arithmetic of the operands: float for numbers, Value for Values.

        A NumPy array goes entry by entry; an op of any number of operands takes them in a list too;
        operands with defaults may be named, as in `leaky_relu(x, slope=0.2)`.
        """
        if self.arity == 1 == len(operands) and not named:
            (x,) = operands
            if x.__class__ is float or hasattr(x, "_apply_one"):
                return self.evaluate(x) if x.__class__ is float else x._apply_one(self)
        if self.arity is None and not named:
            if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
                operands = tuple(operands[0])
        elif named or len(operands) != self.arity:
            operands = self.complete(operands, named)
        for operand in operands:
            if operand.__class__ is not float:
                apply = getattr(operand, "_apply", None)
                if apply is not None and (result := apply(self, operands)) is not NotImplemented:
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

    def refusal(
        self, numbers: Sequence[float], reason: Exception, labels: Sequence[str] = (), story: str = ""
    ) -> DomainError:
        """The error to raise when `forward` refused these operands: which one, its label, and what to try."""
        return domain_error(self.name, self.domain, numbers, reason, labels, story)

    def replaced(self, **columns: Any) -> Op:
        """An op like this one but for some columns; it is not entered in the table."""
        return Op(**{**{column: getattr(self, column) for column in Op.COLUMNS}, **columns})

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def precedence(self) -> int:
        """How strongly the sign between the operands binds: like a sum, a product or a power; 0 without one."""
        return {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}.get(self.infix, 0)

    @property
    def numpy_name(self) -> str:
        """The NumPy function that computes this op entry by entry; "" if there is none."""
        name, _, listed = self.numpy.removeprefix("{lib}.").partition("(")
        ours = self.numpy.startswith("{lib}.") and listed in ("{x})", "{x}, {y})", "{xs})")
        return {"abs": "absolute"}.get(name, name) if ours and name.isidentifier() else ""

    def points(self) -> list[tuple[float, ...]]:
        """Operands inside the domain, off the kinks, at which to try the op."""
        n = self.arity if self.arity is not None else 3
        columns = [self.domain[min(i, len(self.domain) - 1)].samples for i in range(n)]
        found = []
        for k in range(max((len(column) for column in columns), default=0)):
            for shift in range(3 if n > 1 else 1):  # operands in the same order, crossing, and apart
                point = tuple([c[(k * (1 + i * shift) + 2 * i) % len(c)] for i, c in enumerate(columns)])
                if point not in found and not (self.kink and self.kink.met(*point)):
                    found.append(point)
        return found


Op.__annotations__ = HintsOf(Op.__annotations__)  # type: ignore[assignment]


def _defaults(forward: Any) -> dict[str, float]:
    """The last arguments of a function by name, with what they are when they are left out."""
    values = getattr(forward, "__defaults__", None) or ()
    if not values:
        return {}
    names = forward.__code__.co_varnames[: forward.__code__.co_argcount]
    return dict(zip(names[len(names) - len(values) :], map(float, values), strict=True))


_LISTENERS: list[Callable[[Op], None]] = []


def when_entered(listener: Callable[[Op], None]) -> None:
    """Call the listener with every op of the table: those that are in it, and each that is entered later."""
    for op in TABLE.values():
        listener(op)
    _LISTENERS.append(listener)


def primitive(**columns: Any) -> Op:
    """Make an op and enter it in the table.

    Raises:
        ValueError: the table has an op of that name already.
    """
    op = Op(**columns)
    if op.name in TABLE:
        raise ValueError(f"there is an op named {op.name!r} already; choose another name.")
    TABLE[op.name] = op
    for listener in _LISTENERS:
        listener(op)
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
