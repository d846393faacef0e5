"""Activations as functions of NumPy arrays, each with its derivative and both in words, read off the table of ops.

    act = activation(ops.tanh)
    act.forward(Z), act.derivative(Z)      # of arrays
    act.derivative_text("Z1", "A1")                  # '1 - A1**2', as people write it

An activation may be one op or any function of one number that was found in a graph (`layers.py`). `slips` are its
derivative with one slip of the pen, as they are found in public code.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_lite.analysis.elementwise import PLAIN, Steps, derivative_code, forward_code
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import TABLE, Op
from tinygrad_lite.errors import NotLayered

Array = Any
Function = Callable[..., Array]
LONG = 80  # characters of a formula that nobody would write out


class Activation:
    """A function of one number.

    Attributes:
        name: that of its op, or else its formula in z; "linear" for z itself.
        forward, derivative: functions of an array of z.
        of_output: the derivative with one array in the place of both z and a = forward(z), if a occurs in it.
        output_alone: whether a is all that occurs in it.
        kink: the two sides of the derivative at z = 0 if it jumps there, or None.
        two_sided: it does one thing above 0 and another below.
        off: it is flat everywhere below 0, as a relu is.
        saturates: it goes flat on both sides.
        of_table: it is one op of the table that is meant for an activation.
    """

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self._forward, self._derivative = forward_code(steps, "z", PLAIN), derivative_code(steps, "z", "a", PLAIN)
        self.forward: Function = _function(self._forward)
        both = _function(self._derivative)
        self.derivative: Function = lambda z: both(z, self.forward(z))
        names = _names(self._derivative)
        self.of_output: Function | None = (lambda v: both(v, v)) if "a" in names else None
        self.output_alone: bool = "a" in names and "z" not in names
        self.name: str = _name(steps, self._forward)
        low, high = sorted(self.derivative(np.array([-1e-9, 1e-9])).tolist())
        self.kink: tuple[float, float] | None = (low, high) if high - low > 1e-6 else None
        self.two_sided: bool = any(op.kink is not None for op, _ in steps)
        self.off = not self.derivative(-np.geomspace(1e-9, 100.0, 9)).any() and high != 0
        self.saturates: bool = any(op.saturates for op, _ in steps)
        self.of_table: bool = len(steps) == 1 and steps[0][0].activation

    def __repr__(self) -> str:
        return self.name

    def back(self, z: Array, a: Array, g: Array) -> Array:
        """The gradient w.r.t. z from that w.r.t. a = forward(z)."""
        return g * self.derivative(z)

    def of(self, z: str) -> str:
        """The function of what is called z."""
        return f"{self.name}({z})" if self.name.isidentifier() and self.steps else _put(self._forward, z, z)

    def derivative_text(self, z: str, a: str = "") -> str:
        """The derivative as people write it, in z and a; or in z alone."""
        if len(self._derivative) > LONG:
            return f"{self.name}'({z})"
        return _put(self._derivative, z, a or self.of(z))

    @functools.cached_property
    def slips(self) -> list[tuple[Callable[[str, str], str], Function]]:
        """The derivative with one slip of the pen: how it is written in z and a, and its numbers."""
        found: list[tuple[Callable[[str, str], str], Function]] = []
        if len(self._derivative) > LONG:
            return found
        probe = np.linspace(-2.1, 2.3, 9)
        at = self.forward(probe)
        known = [np.ones_like(probe), probe, at, self.derivative(probe)]
        for tree in _slips(ast.parse(self._derivative, mode="eval").body):
            code = _plain(tree)
            function = _function(code)
            if not any(_proportional(function(probe, at), other) for other in known):
                known.append(function(probe, at))
                found.append((functools.partial(_put, code), function))
        return found


class Softmax(Activation):
    """Rows of positive numbers that sum to 1: the one activation here in which the outputs of a sample share all z."""

    def __init__(self) -> None:
        self.name, self.steps = "softmax", ()
        self.of_output, self.output_alone, self.kink = None, False, None
        self.two_sided, self.off, self.saturates, self.of_table = False, False, True, False
        self.derivative: Function = lambda z: self.forward(z) * (1 - self.forward(z))

    @staticmethod
    def forward(z: Array) -> Array:
        with np.errstate(all="ignore"):
            e = np.exp(z - z.max(axis=-1, keepdims=True))
            return e / e.sum(axis=-1, keepdims=True)

    def back(self, z: Array, a: Array, g: Array) -> Array:
        return a * (g - (g * a).sum(axis=-1, keepdims=True))

    def of(self, z: str) -> str:
        return f"softmax({z})"

    def derivative_text(self, z: str, a: str = "") -> str:
        return "the softmax Jacobian"

    @functools.cached_property
    def slips(self) -> list[tuple[Callable[[str, str], str], Function]]:
        return []


@functools.cache
def activation(*steps: Any) -> Activation:
    """The activation of these steps, or of one op with its parameters: `activation(ops.elu)`.

    >>> activation(ops.leaky_relu, 0.2), activation(ops.tanh).derivative_text("Z1", "A1"), activation()
    (leaky_relu(0.2), '1 - A1**2', linear)
    """
    if steps and isinstance(steps[0], Op):
        op, *parameters = steps
        return activation((op, ("z", *(parameters or op.defaults.values()))))
    return Activation(steps)


def known() -> list[Activation]:
    """The activations of the table, those with the shortest code first, and the usual other leaky relus."""
    found = [activation(op) for op in sorted(TABLE.values(), key=lambda op: len(op.source)) if _usual(op)]
    return [LINEAR, *found, *(activation(ops.leaky_relu, c) for c in (0.1, 0.2, 0.05, 0.3))]


@functools.cache
def _usual(op: Op) -> bool:
    """An activation that NumPy has."""
    try:
        return op.activation and bool(forward_code(((op, ("z", *op.defaults.values())),), "z"))
    except NotLayered:
        return False


def _name(steps: Steps, forward: str) -> str:
    if not steps:
        return "linear"
    (op, (_, *parameters)), *more = steps
    if more or steps[0][1][0] != "z":
        return forward
    return op.name if parameters == [*op.defaults.values()] else f"{op.name}({', '.join(f'{p:g}' for p in parameters)})"


# ---------------------------------------------------------------------- formulas in z and a


def _function(code: str) -> Function:
    """A formula in z and a, in the names of the table's ops, as a function of arrays."""
    space = {name: _on_arrays(TABLE[name]) for name in _names(code) if name in TABLE}
    formula = eval(f"lambda z, a: {code}", {"np": np, **space})  # our own text, made of the table's names

    def function(z: Array, a: Array = None) -> Array:
        with np.errstate(all="ignore"):
            return formula(z, a) + np.zeros_like(z)

    return function


@functools.cache
def _on_arrays(op: Op) -> Function:
    """An op of arrays: NumPy's own function where there is one, else entry by entry."""
    if op in (ops.maximum, ops.minimum):
        two = np.maximum if op is ops.maximum else np.minimum
        return lambda *arrays: functools.reduce(two, arrays)
    operands = ["x", "y", "z"][: op.arity or 0]
    code = op.source.format(lib="np", xs=", ".join(operands), **dict(zip(operands, operands, strict=True)))
    if not operands or len(operands) != op.arity or "erf" in code:  # which SciPy alone has
        return op
    return eval(f"lambda {', '.join(operands)}: {code}", {"np": np})  # type: ignore[no-any-return]


def _names(code: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}


def _plain(tree: ast.AST) -> str:
    return ast.unparse(tree).replace(" ** ", "**")


def _put(code: str, z: str, a: str) -> str:
    """A formula with the names of z and a put in, and no bracket too many."""
    names = {"z": z, "a": a}
    put = re.sub(r"\b[za]\b", lambda match: f"({names[match[0]]})", code)
    return _plain(ast.parse(put, mode="eval"))


def _proportional(x: Array, y: Array) -> bool:
    i = int(np.abs(y).argmax())
    return bool(np.all(np.abs(x * y[i] - y * x[i]) <= 1e-12 * np.abs(y[i]) * np.abs(x).max(initial=0.0)))


def _slips(node: ast.expr) -> Iterator[ast.expr]:
    """A formula with one slip: a sign, a part left out, an exponent left out, brought down only, or put around all."""
    if isinstance(node, ast.BinOp):
        left, right, op = node.left, node.right, node.op
        if isinstance(op, ast.Pow):
            yield left
            yield ast.BinOp(right, ast.Mult(), left)
        if isinstance(op, (ast.Add, ast.Sub)):
            yield ast.BinOp(left, ast.Add() if isinstance(op, ast.Sub) else ast.Sub(), right)
            if isinstance(right, ast.BinOp) and isinstance(right.op, ast.Pow):
                yield ast.BinOp(ast.BinOp(left, op, right.left), ast.Pow(), right.right)
        if isinstance(op, (ast.Add, ast.Sub, ast.Mult)):
            yield from (left, right)
        yield from (ast.BinOp(each, op, right) for each in _slips(left))
        yield from (ast.BinOp(left, op, each) for each in _slips(right))
    elif isinstance(node, ast.Call) and _plain(node.func) == "np.where":
        condition, *cases = node.args
        for i, case in enumerate(cases):
            for each in _slips(case):
                yield ast.Call(node.func, [condition, *cases[:i], each, *cases[i + 1 :]], [])


LINEAR, SIGMOID, SOFTMAX = activation(), activation(ops.sigmoid), Softmax()
