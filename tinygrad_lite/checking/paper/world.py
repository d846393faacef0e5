"""The definitions at one point, as a recorded graph, and formulas evaluated in it: every derivative is the engine's."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.paper.entrywise import (
    RELATIONS,
    array,
    as_value,
    combined,
    each,
    entry,
    half_unit,
    inverse,
    scalar,
    softmax,
    total,
)
from tinygrad_lite.checking.paper.term import Term
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import DomainError, ShapeError
from tinygrad_lite.report.language import say

WORK = 60_000  # operations on Values that one formula may cost


class Unknown(Exception):
    """A name that no definition speaks of."""


class Reading:
    """Which derivatives are taken through one definition only, on the right of a claim or on its left too."""

    def __init__(self, direct: Callable[[Term], bool] | None = None, left: bool = False) -> None:
        self.direct: Callable[[Term], bool] = direct or (lambda t: False)
        self.left: bool = left


TOTAL = Reading()


class World:
    """One point: the names and their Values.

    Attributes:
        env: a Value, or an array of Values, by name.
        lefts, bodies: what each name is defined as: the two sides.
        functions: functions by name.
        define: computes what a definition gives its name.
        rounded: numbers that may have been rounded, each with half a unit of its last digit.
        exact: numbers that were not.
    """

    def __init__(self) -> None:
        self.env: dict[str, Any] = {}
        self.bodies: dict[str, Term] = {}
        self.lefts: dict[str, Term] = {}
        self.functions: dict[str, Callable[..., Any]] = {}
        self.work: int = 0
        self.define: Callable[[World, Term, Term], Any] = lambda w, left, body: w._value(body, {})
        self.exact: set[float] = set()
        self.rounded: list[tuple[Value, float]] = []
        self._adjoints: dict[Value, dict[Value, Any]] = {}
        self.reading: Reading = TOTAL

    # ------------------------------------------------------------------ evaluating

    def evaluate(self, t: Term, at: Mapping[str, int] | None = None, reading: Reading = TOTAL) -> Any:
        """The Value, or the array of Values, of a formula; `at` gives each free index its number, from 0.

        Raises:
            Unknown: a name without a number.
            ShapeError: the shapes do not fit.
            DomainError: a number outside the domain of an op.
        """
        self.work = 0
        self.reading = reading
        return scalar(self._value(t, dict(at or {})))

    def _value(self, t: Term, at: dict[str, int]) -> Any:
        self.work += 1
        if self.work > WORK:
            raise ShapeError(say("this formula needs too much work at one point"))
        a = t.args
        if t.op == "num":
            return self._digits(t.word)
        if t.op == "name":
            return self._named(t, at)
        if t.op in ("sum", "prod"):
            return self._big(t, at)
        if t.op == "d":
            return self._derivative(t, at)
        if t.op == "prime":
            return self._prime(t.word, self._value(a[0], at))
        if t.op == "^":
            return self._power(a[0], a[1], at)
        if t.op == "cases":
            return self._chosen(t, at)
        if t.op == "where":
            return self._put_in(t, at)
        if t.op == "at":
            return entry(self._value(a[0], at), [self._place(i, at) for i in a[1:]])
        inside = [self._value(x, at) for x in a]
        if t.op in ("call", "abs", "norm"):
            return self._call(t.word or t.op, inside)
        if t.op == "T":
            return inside[0].T if isinstance(inside[0], np.ndarray) else inside[0]
        if t.op == "neg":
            return -inside[0]
        if t.op == "rel":
            return each(lambda x, y: Value(float(RELATIONS[t.word](x.data, y.data))), *inside)
        return combined(t.op, *inside)

    def _digits(self, word: str) -> Value:
        """A number as it is written; `rounded` keeps how far it may be off."""
        found, half = Value(float(word)), half_unit(word)
        if half and (len(word) > 6 or found.data not in self.exact):
            self.rounded.append((found, half))
        return found

    def slack(self, gap: Value) -> float:
        """How far a Value may be from 0 because numbers behind it were rounded."""
        behind = adjoints(gap)
        return 2.0 * math.fsum([abs(behind.get(x, 0.0)) * half for x, half in self.rounded])

    def _named(self, t: Term, at: dict[str, int]) -> Any:
        if t.word in at and not t.args:
            return Value(float(at[t.word] + 1))
        if t.word not in self.env:
            if t.word == "δ" and len(t.args) == 2:
                return Value(float(self._place(t.args[0], at) == self._place(t.args[1], at)))
            raise Unknown(t.word)
        found = self.env[t.word]
        return entry(found, [self._place(i, at) for i in t.args]) if t.args else found

    def _place(self, index: Term, at: dict[str, int]) -> int:
        if index.op == "num":
            return int(index.word) - 1
        if index.word not in at:
            raise Unknown(index.word)
        return at[index.word]

    def _big(self, t: Term, at: dict[str, int]) -> Any:
        *bound, body = t.args
        if not bound:
            inside = self._value(body, at)
            return total(list(inside.ravel())) if isinstance(inside, np.ndarray) else inside
        letters = [i.word for i in bound]
        ranges = [range(self.size(letter, body, t.word)) for letter in letters]
        but = at.get(t.word[1:]) if t.word.startswith("≠") else None
        every = (places for places in itertools.product(*ranges) if places[0] != but)
        parts = [self._value(body, {**at, **dict(zip(letters, places, strict=True))}) for places in every]
        return total(parts) if t.op == "sum" else math.prod(parts, start=Value(1.0))

    def size(self, letter: str, body: Term, limit: str = "") -> int:
        """How far an index counts: as far as the arrays that it stands at."""
        for t in body.walk():
            held: Any = self.env.get(t.word)
            places = t.args
            if t.op == "at":
                held, places = next((self.env[n] for n in sorted(t.args[0].names()) if n in self.env), None), t.args[1:]
            for slot, index in enumerate(places if t.op in ("name", "at") and isinstance(held, np.ndarray) else ()):
                if index.op == "name" and index.word == letter:
                    return int(held.shape[slot])
        size = limit.removeprefix("^")
        if size.isdigit() and int(size) <= 50:
            return int(size)
        if size in self.env:
            return int(self.env[size].data)
        raise Unknown(letter)

    def _power(self, base: Term, power: Term, at: dict[str, int]) -> Any:
        if base.op == "norm" and power.word == "2":
            inside = self._value(base.args[0], at)
            return total([x * x for x in inside.ravel()]) if isinstance(inside, np.ndarray) else inside * inside
        bottom = self._value(base, at)
        sign, bare = (-1.0, power.args[0]) if power.op == "neg" else (1.0, power)
        n: Any = sign * float(bare.word) if bare.op == "num" else self._value(power, at)
        if n == -1.0 and isinstance(bottom, np.ndarray) and bottom.ndim == 2:
            return inverse(bottom)
        if isinstance(n, float) and abs(n) > 64:
            raise ShapeError(say("an exponent beyond 64 is not tried"))
        return each(lambda x: x**n, bottom)

    def _chosen(self, t: Term, at: dict[str, int]) -> Any:
        """The value whose relation holds here; entry by entry for arrays."""

        def one(*parts: Value) -> Value:
            held = [v for v, r in zip(parts[::2], parts[1::2], strict=False) if r.data == 1.0]
            if not held and len(parts) % 2 == 0:
                raise DomainError(say("no case holds at this point"))
            return held[0] if held else parts[-1]

        return each(one, *[self._value(x, at) for x in t.args])

    def _put_in(self, t: Term, at: dict[str, int]) -> Any:
        """A formula with another value for one name, and everything computed anew that depends on it."""
        body, variable, value = t.args
        kept, new = self.env, self._value(value, at)
        if variable.op != "name" or variable.args:
            raise Unknown(str(variable))
        self.env = {**kept, variable.word: each(lambda x: x * 1.0, new)}
        try:
            for word in list(self.bodies):
                if word != variable.word:
                    self.env[word] = self.define(self, self.lefts[word], self.bodies[word])
            return self._value(body, at)
        finally:
            self.env = kept

    def _call(self, word: str, inside: list[Any]) -> Any:
        if word in self.functions:
            return self.functions[word](*inside)
        first = inside[0]
        if word == "norm":
            return total([x * x for x in np.ravel(first)]) ** 0.5
        if word == "softmax":
            return softmax(first)
        if word == "diag":
            flat = list(np.ravel(first))
            return array([[x if i == j else Value(0.0) for j in range(len(flat))] for i, x in enumerate(flat)])
        if word in ("tr", "mean"):
            parts = [first[i, i] for i in range(len(first))] if word == "tr" else list(np.ravel(first))
            return total(parts) if word == "tr" else total(parts) / float(len(parts))
        if word not in TABLE:
            raise Unknown(f"{word}()")
        return each(TABLE[word], *inside)

    def _prime(self, word: str, inside: Any) -> Any:
        f, primes = word.rstrip("'"), word.count("'")

        def one(x: Value) -> Any:
            x = x * 1.0
            out = self._call(f, [x])
            for _ in range(primes + 1):
                out = as_value(adjoints(out, create_graph=True).get(x, 0.0))
            return out

        return each(one, inside)

    # ------------------------------------------------------------------ derivatives

    def _derivative(self, t: Term, at: dict[str, int]) -> Any:
        top, *wrt = t.args
        if self.reading.direct(t) and top.op == "name" and top.word in self.bodies and len(wrt) == 1:
            return self._direct(top, wrt[0], at)
        found = self._value(top, at)
        for variable in wrt:
            found = self.derivative(found, self._value(variable, at))
        return found

    def derivative(self, top: Any, wrt: Any) -> Any:
        """The derivative of Values w.r.t. Values that lie behind them; a Jacobian for two columns."""
        top = scalar(top)
        if not isinstance(top, np.ndarray):
            if top not in self._adjoints:
                self._adjoints[top] = adjoints(top, create_graph=True)
            known = self._adjoints[top]
            return each(lambda x: as_value(known.get(x, 0.0)), wrt)
        flat = [self.derivative(x, wrt) for x in top.ravel()]
        if not isinstance(wrt, np.ndarray):
            return array(flat).reshape(top.shape)
        if wrt.shape[1:] not in ((1,), ()) or top.shape[1:] not in ((1,), ()):
            raise ShapeError(say("the derivative of a matrix w.r.t. a matrix has more than two indices"))
        return np.stack([x.ravel() for x in flat])

    def _direct(self, top: Term, wrt: Term, at: dict[str, int]) -> Any:
        """Through the definition of `top` alone: every other name is held."""
        body, indices = self.bodies[top.word], dict(at)
        kept = self.env
        held = {word: each(lambda x: x * 1.0, value) for word, value in kept.items()}
        if top.args:
            left = self.lefts[top.word]
            indices |= {i.word: self._place(j, at) for i, j in zip(left.args, top.args, strict=True)}
        self.env = held
        try:
            return self.derivative(self._value(body, indices), self._value(wrt, at))
        finally:
            self.env = kept
