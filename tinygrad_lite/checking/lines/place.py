"""A slot as a place to change: its candidates, cheapest first, and the tests that most fail before they are run."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_lite.checking.lines.atoms import Atoms
from tinygrad_lite.checking.lines.bench import CANDIDATE, Bench, close
from tinygrad_lite.checking.lines.edits import Edit, edits
from tinygrad_lite.checking.lines.forms import form, same, storing
from tinygrad_lite.checking.lines.functions import Node, is_number
from tinygrad_lite.checking.lines.grafts import grafts, toward, toward_loss
from tinygrad_lite.checking.lines.loss import Loss
from tinygrad_lite.checking.lines.offers import Offers
from tinygrad_lite.checking.lines.program import Codes, Program, Recording
from tinygrad_lite.checking.lines.reach import Reach
from tinygrad_lite.checking.lines.slots import HOOK, Slot, call, put
from tinygrad_lite.checking.lines.values import Scope
from tinygrad_lite.checking.network.arrays import Array, np

MOST = 9000
CHEAPEST = {"near": 0.9, "graft": 1.6}  # a tier is not made before its first candidate can be due


class Place:
    """One slot of a program while changes of it are tried.

    Attributes:
        slot, reach: the slot, and what its value must satisfy.
        next: for each tier of candidates, how many have been tried; tried: values that were.
    """

    def __init__(self, bench: Bench, program: Program, slot: Slot, runs: list[Recording], loss: Loss) -> None:
        self.bench: Bench = bench
        self.program: Program = program
        self.slot: Slot = slot
        self.loss: Loss = loss
        self.tree: Node = program.trees[slot.function]
        self.expression: Node = slot.expression(self.tree)
        self.reach: Reach = Reach()
        self.next: dict[str, int] = {}
        self.tried: set[Any] = {key(tuple(x for _, x in slot.visits[:3]))} if 0 < len(slot.visits) <= 3 else set()
        self._pools: dict[str, list[Edit]] = {}
        self._locals = [env for env, _ in slot.visits] or [runs[0].stops.get((slot.function, slot.line), {})]
        self._runs = runs
        self.edited_before: bool = (slot.function, slot.line) in program.edits  # one mistake a line, as a rule

    @functools.cached_property
    def offers(self) -> Offers:
        second = dict(self.second.local) if self.second is not None else None
        made = Offers(self.slot.function, self.tree, self._locals[0], self.loss.decimals, second)
        made.rebuilt = self.loss.rebuilt(self.scopes[0])
        made.elsewhere = [f.tree for f in self.loss.functions if f.original is not self.slot.function.original]
        return made

    @functools.cached_property
    def every(self) -> list[Scope]:
        """A scope for every visit."""
        return [self._scope(env) for env in self._locals]

    @property
    def scopes(self) -> list[Scope]:
        """Those of the first visit, the second and the last."""
        return self.every if len(self.every) <= 3 else [*self.every[:2], self.every[-1]]

    @functools.cached_property
    def second(self) -> Scope | None:
        """The scope of the first visit on the second problem."""
        slot = self.slot
        if len(self._runs) < 2:
            return None
        twin = next((s for s in self._runs[1].slots if s.path == slot.path and s.function is slot.function), None)
        if twin is not None and twin.visits:
            return self._scope(twin.visits[0][0])
        stopped = self._runs[1].stops.get((slot.function, slot.line))
        return None if slot.visits or stopped is None else self._scope(stopped)

    def _scope(self, local: dict[str, Any]) -> Scope:
        scope = Scope(self.slot.function, local, self.bench.guard)
        scope.keep_all(self.expression)
        return scope

    @property
    def price(self) -> float:
        """What speaks against this place, beside the cost of the edit."""
        found = self.slot.evidence + 0.9 * self.edited_before
        return found + (0.9 if self.reach.possible is False else -0.3 if self.reach.possible else 0.0)

    # ------------------------------------------------------------------ candidates

    def pool(self, tier: str) -> list[Edit]:
        """The candidates of a tier, the cheapest first: `near` edits, or `graft`s by value."""
        if tier not in self._pools:
            made = edits(self.expression, self.offers) if tier == "near" else self._grafts()
            if self.slot.kind == "missing":  # a statement such as `x += term`
                made = (c for c in made if isinstance(c[1], ast.BinOp) and c[1].left is self.expression)
            self._pools[tier] = sorted(made, key=lambda c: c[0])[:MOST]
            self.next[tier] = 0
        return self._pools[tier]

    def _grafts(self) -> Iterator[Edit]:
        """By what the reach demands, and by each goal that the name tells."""
        slot, reach = self.slot, self.reach
        if not slot.visits or not is_number(slot.visits[0][1]):
            return
        first = Atoms(self.offers, self.every[:1], self.tree)
        every = Atoms(self.offers, self.every, self.tree) if reach.joint else first
        for atoms, demands in ((every, reach.joint), (first, reach.demands)):  # in a recurrence the first visit is sure
            for matrix, wanted in demands[:1] if reach.possible else demands:
                if np.abs(matrix).max(initial=0.0) > 1e-9:
                    yield from grafts(self.expression, atoms, matrix, wanted)
        if reach.possible is None and slot.kind == "value" and not slot.known:
            values = self.loss.passes[0].values
            strange = (i for i, (_, x) in enumerate(slot.visits) if x not in values)
            at_hand = Atoms(self.offers, [self.every[next(strange, len(slot.visits) // 2)]], self.tree)
            yield from toward_loss(self.expression, at_hand, values.like)
        start = np.asarray(slot.visits[0][1], float)
        for goal in self.goals():
            yield from toward(self.expression, first, start, goal)

    def goals(self) -> list[Any]:
        """What the first visit may have to be on the first problem; of `+=` the increment."""
        return [self._increment(goal[0], self.scopes[0]) for goal in self.slot.goals]

    def _increment(self, goal: Any, scope: Scope) -> Any:
        if self.slot.kind != "aug":
            return goal
        try:
            before = scope.names[self.slot.stmt.target.id]
        except (AttributeError, KeyError):
            return goal
        op = self.slot.stmt.op
        with np.errstate(all="ignore"):
            if isinstance(op, (ast.Add, ast.Sub)):
                return np.asarray(goal - before if isinstance(op, ast.Add) else before - goal, float)
            return np.asarray(goal / before if isinstance(op, ast.Mult) else before / goal, float)

    # ------------------------------------------------------------------ tests

    def values(self, x: Node) -> list[Any] | None:
        """The values of a candidate on a few visits; None if it has none or they were tried before."""
        self.bench.effort += CANDIDATE
        try:
            found = [scope.value(x) for scope in self.scopes]
            if not self.slot.visits and self.second is not None:  # lengths that are equal here are not there
                found.append(self.second.value(x))
        except (Exception, TimeoutError):
            return None
        slot = self.slot
        if slot.visits and is_number(slot.visits[0][1]) and not all(is_number(v) for v in found):
            return None
        return found

    def meets_goal(self, x: Node, first: Any) -> bool:
        """Whether a candidate meets one of the goals, on the first problem and on the second."""
        if not is_number(first):
            return False
        for goal in self.slot.goals:
            wanted = self._increment(goal[0], self.scopes[0])
            if np.shape(first) != np.shape(wanted) or not close(first, wanted):
                continue
            if self.second is None or len(goal) < 2:
                return True
            try:
                return close(self.second.value(x), self._increment(goal[1], self.second))
            except Exception:
                continue
        return False

    def may(self, x: Node, first: Any) -> bool:
        """Whether a candidate's value may make every gradient exact, or one more of them."""
        reach = self.reach
        if not reach.felt:
            return False
        if reach.whole is None and not reach.demands:
            return True
        total = self._total(x, first)
        return total is not None and reach.passes(total)

    def left(self, x: Node) -> Array | None:
        """What is missing in the gradients after a candidate; None where that cannot be said."""
        values, reach = self.values(x), self.reach
        if values is None or reach.whole is None or np.shape(values[0]) != np.shape(reach.start):
            return None
        left = reach.missing - reach.whole @ (np.asarray(values[0], float) - reach.start).ravel()
        return left if np.all(np.isfinite(left)) else None

    def _total(self, x: Node, first: Any) -> Any:
        """What the reach judges: the value of the first visit, or the sum over all."""
        if not self.reach.summed:
            return first
        try:
            return sum(scope.value(x) for scope in self.every)
        except (Exception, TimeoutError):
            return None

    # ------------------------------------------------------------------ runs

    @functools.cached_property
    def _asking(self) -> Codes:
        """Code in which the slot asks the hook for its value; the names of the expression stay known in it."""
        asked = ast.IfExp(ast.Constant(1), call(HOOK, call("locals")), self.expression)
        function = self.slot.function
        return {**self.program.codes, function: function.compiled(put(self.tree, self.slot.path, asked))}

    def codes(self, x: Node) -> Codes:
        """Code in which the slot has another expression; the hook evaluates it, so nothing is compiled anew."""
        if self.slot.kind == "missing":
            return self.edited(x).codes
        plain: Callable[..., Any] = lambda f, *a, **k: f(*a, **k)  # noqa: E731
        self.bench.hook(lambda local: Scope(self.slot.function, local, plain).value(x))
        return self._asking

    def edited(self, x: Node) -> Program:
        """The program with the candidate in it."""
        slot, new = self.slot, x
        if slot.kind == "missing":
            name = storing(slot.target)
            added = isinstance(x, ast.BinOp) and x.left is self.expression
            made = form("a = b").match(slot.stmt)
            if added and made is not None and same(made["a"], name):  # a term of the statement before
                value = ast.BinOp(made["b"], x.op, x.right)
                changed = put(self.tree, (*slot.path, ("value", None)), value)
                return self.program.edited(slot.function, changed, slot.line)
            new = ast.AugAssign(name, x.op, x.right) if added else ast.Assign([name], x)
        line = slot.line + (slot.kind == "missing")
        return self.program.edited(slot.function, slot.replaced(self.tree, new), line)


def key(values: tuple[Any, ...]) -> Any:
    """Numbers as they are, for finding equal candidates."""
    found: list[Any] = []
    for x in values:
        if isinstance(x, np.ndarray):
            found.append((x.shape, x.dtype.kind, np.round(x, 12).tobytes() if x.dtype.kind == "f" else x.tobytes()))
        else:
            found.append((type(x), repr(x)))
    return tuple(found)
