"""Ops of your own: a primitive in a few lines, whose derivative is measured before it is believed.

    @tg.op(partials=lambda x, out: (3.0 * x * x,))
    def cube(x):
        "A third power."
        return x * x * x

    cube(tg.Value(2.0)).backward()

The function computes on floats. `partials` is written in ordinary arithmetic and in functions of
this package, so that it serves floats and Values alike. A rule that disagrees with measured
derivatives is refused with the numbers, and the table stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.engine.op import REAL, TABLE, Domain, Kink, Op, primitive
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import GradientMismatch

_OWN: set[str] = set()  # names of ops that users made: these may be made anew, as when a notebook cell is run again

ON_PURPOSE: set[str] = set()
"""Ops whose rule differs from the derivative on purpose: those entered with `check=False`."""


def op(
    *,
    partials: Callable[..., tuple[Any, ...]],
    domain: tuple[Domain, ...] = (REAL,),
    points: Sequence[tuple[float, ...]] | None = None,
    kink: Kink | None = None,
    symbol: str = "",
    latex: str = "",
    doc: str = "",
    activation: bool = False,
    check: bool = True,
    because: str = "",
) -> Callable[[Callable[..., float]], Op]:
    """Make an op of the table from a function of floats; use it as a decorator.

    The function's arguments are the operands; those with a default may be left out.

    Args:
        partials: operands and result in; the local derivatives out, one for each operand, in order.
        domain: where each operand may lie; the last one serves all further operands.
        points: operands at which the rule is tried; by default samples of the domain.
        kink: where the derivative jumps, if it does.
        symbol, latex: what a picture and a formula show; by default the function's name.
        doc: one sentence of meaning; by default the first line of the function's docstring.

        activation: whether pictures and checks may take it for the activation of a neuron.
        check: False for a rule that differs from the derivative on purpose, as a straight-through estimator
            and a reversed gradient do.
        because: the old name of `doc`, which goes with the next release.

    Raises:
        GradientMismatch: the rule disagrees with the measured derivatives; the message shows where and by how much.
        TypeError: the rule cannot be evaluated on Values, or the function has no name or signature.
        ValueError: one of our own ops has that name.

    >>> @op(partials=lambda x, out: (3.0 * x * x,))
    ... def cube(x):
    ...     "A third power."
    ...     return x * x * x
    >>> x = Value(2.0); y = cube(x); y.backward(); (y.data, x.grad)
    (8.0, 12.0)
    """

    if because:
        import warnings

        warnings.warn("tg.op(because=...) is called doc now; the old name goes with the next release.", stacklevel=2)

    def enter(forward: Callable[..., float]) -> Op:
        name = getattr(forward, "__name__", "")
        code = getattr(forward, "__code__", None)
        if code is None or not name.isidentifier():
            raise TypeError(
                f"an op needs a function with a name and a signature, written with def, but got {forward!r}.\n"
                "  Wrap it: def my_erf(x): return math.erf(x)."
            )
        columns: dict[str, Any] = {
            "name": name,
            "symbol": symbol or name,
            "forward": forward,
            "partials": partials,
            "latex": latex or None,
            "domain": domain,
            "kink": kink,
            "doc": doc or because or (forward.__doc__ or f"{name}, an op of your own.").strip().splitlines()[0],
            "arity": None if code.co_flags & 0x04 else code.co_argcount,  # *xs in its signature, or not
            "activation": activation,
        }
        columns["source"] = f"{name}({{xs}})"
        candidate = Op(**columns)
        if check:
            _verify(candidate, candidate.points() if points is None else points)
        if name in _OWN:
            TABLE.pop(name, None)
        made = primitive(**columns)
        _OWN.add(name)
        (ON_PURPOSE.discard if check else ON_PURPOSE.add)(name)
        return made

    return enter


def _verify(candidate: Op, points: Sequence[tuple[float, ...]]) -> None:
    """Compare the rule with measured derivatives at every point, and try it on Values."""
    lines = []
    wrong = 0
    for point in points:
        out = candidate.evaluate(*point)
        claimed = tuple(candidate.partials(*point, out))
        if len(claimed) != len(point):
            raise GradientMismatch(
                f"the rule of {candidate.name} gives {len(claimed)} local derivatives for {len(point)} operands; "
                "give one for each operand, in order, as a tuple: lambda x, out: (2.0 * x,)."
            )
        for i, derivative in enumerate(claimed):
            measured = _measured(candidate, point, i)
            agrees = abs(derivative - measured) <= 1e-6 * abs(measured) + 1e-8 * max(1.0, abs(out))
            wrong += not agrees
            lines.append(f"  {i + 1:<8}{derivative:>16.8g}{measured:>16.8g}   at {point}{'' if agrees else '   <-'}")
    if wrong:
        raise GradientMismatch(
            f"the rule of {candidate.name} disagrees with the measured derivative at {wrong} of {len(lines)} places.\n"
            f"  {'operand':<8}{'your rule':>16}{'measured':>16}\n" + "\n".join(lines) + "\n"
            "  `partials` gives d(result)/d(operand) alone; the chain rule multiplies later. Nothing was entered."
        )
    for point in points[:1]:
        operands = [Value(x) for x in point]
        try:
            candidate.partials(*operands, candidate(*operands))
        except TypeError as reason:
            raise TypeError(
                f"the rule of {candidate.name} works on floats but not on Values, so it could not be differentiated "
                f"again: {str(reason).splitlines()[0]}\n  Write it with tg.cos and the like in place of math.cos."
            ) from reason


def _measured(candidate: Op, point: tuple[float, ...], i: int) -> float:
    """Central differences with two steps, combined so that their h^2 errors cancel (Richardson, 1911)."""

    def difference(h: float) -> float:
        x = point[i]
        high, low = ((*point[:i], x + step, *point[i + 1 :]) for step in (h, -h))
        return (candidate.evaluate(*high) - candidate.evaluate(*low)) / ((x + h) - (x - h))

    h = 1e-4 * max(abs(point[i]), 0.1)
    return (4.0 * difference(0.5 * h) - difference(h)) / 3.0
