"""A function of one number as code, and its derivative as code, from the rules of the table.

The derivative is found by evaluating the rules on symbols, between and at the corners where they may branch: where
the formulas differ, the code chooses by `np.where`. It is written for NumPy, or in the names of the table's ops.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import TABLE, Op
from tinygrad_lite.errors import DomainError, NotLayered
from tinygrad_lite.formulas.formula import Name, Symbol, Tidy
from tinygrad_lite.formulas.notation import CALL, SUM, Infix

Steps = tuple[tuple[Op, tuple[Any, ...]], ...]
"""The steps from z to a: an op and its operands, each "z", the number of an earlier step, or a constant.

The empty tuple is the identity.
"""
_PROBES = (-6.0, -3.0, -1.5, -0.75, -0.25, 0.25, 0.75, 1.5, 3.0, 6.0)
_KNOWN = {"relu": "np.maximum({x}, 0)", "abs": "np.abs({x})"}
_JUMPS: dict[tuple[tuple[float, str, str, str], ...], str] = {  # a single jump at 0: before, at and after
    ((0.0, "0", "0", "1"),): "({z} > 0)",
    ((0.0, "-1", "0", "1"),): "np.sign({z})",
}
_NO_NUMPY = ("erf", "erfc")  # in SciPy only


class NumPy(Infix):
    """Code for whole arrays."""

    def number(self, x: float, digits: int) -> tuple[str, int]:
        written, rank = super().number(x, digits)
        return written.replace("inf", "np.inf").replace("nan", "np.nan"), rank

    def applied(self, symbol: Symbol, numbers: bool) -> tuple[str, int]:
        op, operands = symbol.op, symbol.operands
        if op in (ops.add, ops.sub, ops.mul, ops.div, ops.pow, ops.neg):
            return super().applied(symbol, numbers)
        if op.name in ("max", "min"):
            joined = self.of(operands[0])
            for x in operands[1:]:
                joined = f"np.{op.name}imum({joined}, {self.of(x)})"
            return joined, CALL
        written = _KNOWN.get(op.name, op.source)
        if not written or "erf(" in written or "erfc(" in written:
            raise NotLayered(f"the activation {op.name} has no NumPy function.")
        bare = re.fullmatch(r"[\w.{}]+\(.*\)", written) and written.count("(") == 1  # each operand in brackets anyway
        slots = {name: self.of(x, rank=SUM if bare else CALL) for name, x in zip("xyz", operands, strict=False)}
        code = written.format(lib="np", xs=self.listed(operands, numbers), **slots)
        return code, CALL if bare else SUM


NUMPY, PLAIN = NumPy(17, None), Infix(17, None)


def simplest(steps: Steps) -> Steps:
    """The op of the table that is the same function, for one written out such as 1 / (1 + exp(-z)); else the steps.

    >>> simplest(((ops.maximum, (0.0, "z")),))
    ((Op('relu'), ('z',)),)
    """
    if not steps or (len(steps) == 1 and steps[0][0].arity == 1):
        return steps
    try:
        wanted = [_evaluated(steps, _named("z", x, Symbol), None)[0].number for x in _PROBES]
    except DomainError:
        return steps
    pairs = list(zip(_PROBES, wanted, strict=True))
    return fitting(pairs, [p for _, places in steps for p in places if p.__class__ is float]) or steps


def fitting(pairs: Sequence[tuple[float, float]], constants: Sequence[float] = ()) -> Steps | None:
    """The op of the table, with one of these constants for a parameter perhaps, that leads from each x to its y."""
    for op in TABLE.values():
        parameters = [()] if op.arity == 1 else _parameters(op, constants) if op.activation else []
        for more in parameters:
            try:
                found = [(op(x, *more), y) for x, y in pairs]
            except DomainError:
                continue
            if all(abs(x - y) <= 1e-13 * max(abs(x), abs(y)) + 4e-16 for x, y in found):
                return ((op, ("z", *more)),)
    return None


def _parameters(op: Op, constants: Sequence[float]) -> list[tuple[float, ...]]:
    """What may follow z: the usual parameters, or one that stands among the constants."""
    usual = tuple(op.defaults.values())
    return list(dict.fromkeys([usual, *((c,) for c in constants if len(usual) == 1)])) if usual else []


def forward_code(steps: Steps, z: str, notation: Infix = NUMPY) -> str:
    """The function of an array called z.

    >>> forward_code(((ops.tanh, ("z",)),), "Z1")
    'np.tanh(Z1)'
    """
    for x in (0.5, 2.0, -0.5):  # any number of its domain
        try:
            return notation.of(_evaluated(steps, _named(z, x, Symbol), None)[0])
        except DomainError:
            continue
    raise NotLayered("the activation is not defined around 0.")


def derivative_code(steps: Steps, z: str, a: str, notation: Infix = NUMPY) -> str:
    """The derivative of the function, in z and, where the rule reuses the result, in a.

    It may jump at 0 and at the constants in the steps, as that of clip(z, -1, 1) does.

    Raises:
        NotLayered: it changes its formula elsewhere too.

    >>> derivative_code(((ops.tanh, ("z",)),), "Z1", "A1"), derivative_code(((ops.relu, ("z",)),), "Z1", "A1")
    ('(1 - A1**2)', '(Z1 > 0)')
    >>> derivative_code(((ops.clip, ("z", -1.0, 2.0)),), "Z1", "A1")
    'np.where(Z1 > 2, 0, np.where(Z1 >= -1, 1, 0))'
    """
    if not steps:
        return "1"

    def at(x: float) -> str | None:
        """The formula on the branch that the number x takes, or None outside the domain."""
        try:
            return notation.of(_evaluated(steps, _named(z, x, Tidy), a)[1])
        except DomainError:
            return None

    constants = {abs(p) for _, places in steps for p in places if p.__class__ is float and abs(p) < 1e6}
    corners = sorted({0.0, *constants, *(-c for c in constants)})
    sides = zip([None, *corners], [*corners, None], strict=True)
    pieces = [_piece([at(x) for x in _between(low, high)], steps) for low, high in sides]
    known = next((piece for piece in pieces if piece is not None), None)
    if known is None:
        raise NotLayered("the activation has no derivative around 0.")
    code = before = pieces[0] or known
    jumps = []
    for corner, piece in zip(corners, pieces[1:], strict=True):
        after = before if piece is None else piece
        here = at(corner) or before
        if after != before or here != before:
            jumps.append((corner, before, here, after))
            edge = notation.number(corner, 17)[0]
            if here not in (before, after):
                code = f"np.where({z} == {edge}, {here}, {code})"
            code = f"np.where({z} {'>=' if here == after else '>'} {edge}, {after}, {code})"
        before = after
    if not jumps:
        return code if re.fullmatch(r"\w+|[\w.]+\([^()]*\)", code) else f"({code})"
    return _JUMPS.get(tuple(jumps), code).format(z=z)


def _between(low: float | None, high: float | None) -> list[float]:
    """Points between two corners, None being infinity."""
    if low is None or high is None:
        corner, side = (high, -1) if low is None else (low, 1)
        return [(corner or 0.0) + side * step for step in (0.001, 0.25, 0.75, 2.0, 6.0)]
    return [low + (high - low) * part for part in (0.001, 0.3, 0.6, 0.999)]


def _piece(codes: list[str | None], steps: Steps) -> str | None:
    """The one formula at all points between two corners; None outside the domain."""
    found = {code for code in codes if code is not None}
    if len(found) > 1:
        names = ", ".join(op.name for op, _ in steps)
        raise NotLayered(f"the derivative of {names} changes its formula at odd places.")
    return found.pop() if found else None


def _named(name: str, number: float, kind: type[Symbol]) -> Symbol:
    return kind.named(Name(name, name, name), number)


def _evaluated(steps: Steps, z: Symbol, a: str | None) -> tuple[Symbol, Symbol]:
    """The function and its derivative as formulas: both carried forward from z, step by step."""
    values: list[Symbol] = []
    derivatives: list[Any] = []
    for k, (op, places) in enumerate(steps):
        operands = [z if p == "z" else values[p] if isinstance(p, int) else p for p in places]
        before = [1.0 if p == "z" else derivatives[p] if isinstance(p, int) else 0.0 for p in places]
        value = op(*operands)
        if a is not None and k == len(steps) - 1:
            value = type(z).named(Name(a, a, a), value.number)
        values.append(value)
        if a is not None:
            partials = op.display_derivatives(
                *[x if isinstance(x, Symbol) else type(z).constant(x) for x in operands], value
            )
            total: Any = 0.0
            for partial, inner in zip(partials, before, strict=True):
                if not (inner.__class__ is float and inner == 0.0):
                    total = total + partial * inner
            derivatives.append(total if isinstance(total, Symbol) else type(z).constant(total))
        else:
            derivatives.append(0.0)
    last = derivatives[-1] if derivatives else 1.0
    return (values[-1] if values else z), (last if isinstance(last, Symbol) else Tidy.constant(last))
