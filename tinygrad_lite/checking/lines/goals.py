"""Goals by name: what a line must compute, told from the forward pass of the loss.

The loss runs once on Values with every expression noted. A backward's `dX`, `grad_X` or `X_grad` must be the adjoint
of the loss's X; a name that the loss uses itself must have the loss's value. A slot that misses its goal while all it
uses is right is where to look first.
"""

from __future__ import annotations

import ast
from typing import Any

from tinygrad_lite.checking.lines.bench import Bench, close, numeric
from tinygrad_lite.checking.lines.functions import Node, is_float
from tinygrad_lite.checking.lines.loss import Forward, Loss, meant
from tinygrad_lite.checking.lines.program import Program, Recording
from tinygrad_lite.checking.lines.slots import Slot, target_name, targets_of
from tinygrad_lite.checking.lines.values import OPERATORS
from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.checking.trial.answer import own_name


class Goals:
    """What the forward pass says of a program's slots, on the first problem and the second.

    Args:
        runs: a recording of the program on each.
        loss: what it tells.
    """

    def __init__(self, bench: Bench, runs: list[Recording], loss: Loss) -> None:
        self.bench: Bench = bench
        self.runs: list[Recording] = runs
        self.forwards: list[Forward] = loss.passes
        self._shared = loss.shared  # functions that the loss runs too
        self._last: dict[tuple[Any, str], Slot] = {}
        for slot in runs[0].slots:
            if slot.visits and slot.name and targets_of(slot.stmt):
                self._last[slot.function, slot.name] = slot
        for i, slot in enumerate(runs[0].slots):
            self._mark(slot, [run.slots[i] for run in runs])

    def _pool(self, slot: Slot, k: int) -> list[Array]:
        """What the slot's name says it must be, on problem k: one array, or one for each time."""
        named, submission = self.forwards[k].named, self.bench.submission
        own = own_name(slot.name, submission.names) if slot.out and not submission.updates else ""
        if own:
            return [self.bench.exact[k][own]]
        wanted = meant(slot.name, named)
        if wanted:
            return [d for _, d in named[wanted] if np.any(np.isfinite(d))]
        low = slot.name.lower()
        return [x for x, _ in named.get(low, [])] if slot.name not in submission.names else []

    def _mark(self, slot: Slot, runs: list[Slot]) -> None:
        slot.out = _is_out(slot, self.bench)
        slot.shared = slot.function.original in self._shared
        met, alternatives, known = [], [], []
        for k, run in enumerate(runs):
            if not numeric(run):
                return
            made = [np.asarray(x, float) for x in totals(run)]
            if not made:
                return
            known.append(all(x in self.forwards[k].values or x in self.forwards[k].adjoints for x in made))
            whole = not any(is_float(x) for _, x in run.visits)
            pool = self._pool(slot, k) if slot.name else []
            if whole and not (slot.name in self.forwards[k].cased and pool and pool[0].size > 1):
                pool = []  # N and H are numbers of things, not the loss's n and h
            if not pool:
                continue
            times, begins_right = run.times, any(same(made[0], p, slot.out) for p in pool)
            whole_at_once = slot.kind != "aug" or len(made) == 1
            if not whole_at_once:  # a sum over a loop is whole at the end
                made, times = made[-1:], times[-1:]
            misses = [t for x, t in zip(made, times, strict=True) if not any(same(x, p, slot.out) for p in pool)]
            met.append(not misses)
            slot.missed = slot.missed or (misses[0] if misses else 0)
            alternatives.append(pool if not begins_right and (whole_at_once or len(pool) > 1) else [])
        slot.known = bool(known) and all(known)
        slot.met = all(met) if met and len(met) == len(runs) else None
        if slot.met is False and (slot.shared or self._last.get((slot.function, slot.name), slot) is not slot):
            slot.met = None  # called for something else; changed again further down: that place is judged
        if slot.met is False and all(len(a) == len(alternatives[0]) for a in alternatives):
            goals = [[a[j] for a in alternatives] for j in _first(len(alternatives[0]), len(runs[0].visits))]
            slot.goals = [goal for goal in goals if all(np.all(np.isfinite(x)) for x in goal)]

    def _sure(self, slot: Slot) -> bool:
        """Whether a slot met its goal, or its values occur in the loss."""
        return bool(slot.met) or slot.known or not slot.visits

    def _strange(self, slot: Slot, name: str) -> bool:
        """Whether a variable was handed to a helper, and its numbers occur nowhere in the loss."""
        function = slot.function
        handed = name in function.code.co_varnames[: function.code.co_argcount]
        if not handed or not slot.visits or function.code is getattr(self.bench.world.entry, "__code__", None):
            return False
        values = [local[name] for local, _ in slot.visits if is_float(local.get(name))]
        return not all(x in self.forwards[0].values or x in self.forwards[0].adjoints for x in values)

    def primes(self, program: Program) -> list[Slot]:
        """The slots that miss their goal while nothing they use has missed its own before, the first to miss first."""
        slots = self.runs[0].slots
        off: dict[tuple[Any, str], int] = {}
        for slot in slots:
            if slot.met is False and targets_of(slot.stmt):
                key = slot.function, slot.name
                off[key] = min(off.get(key, slot.missed), slot.missed)
        for slot in slots:
            e = slot.expression(program.trees[slot.function])
            used = {n.id for n in ast.walk(e) if isinstance(n, ast.Name)} - {slot.name}
            follows = any(off.get((slot.function, u), slot.missed) < slot.missed for u in used)
            passed_on = isinstance(slot.stmt, (ast.Return, ast.Expr)) and isinstance(e, ast.Name)
            unsure = {s.name for s in slots if s.function is slot.function and s.name in used and not self._sure(s)}
            slot.prime = slot.met is False and not follows and not passed_on and slot.editable
            slot.unsure = bool(unsure) or any(self._strange(slot, u) for u in used)
            slot.evidence = 0.8 if slot.shared else 0.0
            if not slot.visits:
                slot.evidence = 3.0
            elif slot.met is False and passed_on and slot.known:
                slot.evidence = -0.3  # handed back in the place of another
            elif slot.met is False:
                slot.evidence = (-0.2 if slot.unsure else -0.6) if slot.prime else 0.9 if passed_on else 0.4
            else:
                slot.evidence += (1.2 if slot.met else 0.25 if slot.known else 0.0) + 0.5 * passed_on  # made elsewhere
        for slot in slots:
            if slot.visits and slot.met is None and not slot.known and not slot.shared:
                slot.evidence -= 0.3
        return sorted((s for s in slots if s.prime), key=lambda s: s.missed)


def totals(slot: Slot) -> list[Any]:
    """What the slot's name holds after each visit: the value itself, or the variable after `+=`; [] if only a part."""
    if slot.kind != "aug":
        return [x for _, x in slot.visits]
    goal = slot.stmt.target
    keyed = isinstance(goal, ast.Subscript) and isinstance(getattr(goal.slice, "value", None), str)
    if not keyed and not isinstance(goal, ast.Name):
        return []
    add = OPERATORS[type(slot.stmt.op)]
    try:
        return [add(local[goal.value.id][goal.slice.value] if keyed else local[goal.id], x) for local, x in slot.visits]
    except Exception:
        return []


def same(x: Array, goal: Array, strict: bool) -> bool:
    """Whether a value is its goal, where that is known; for what is returned the shape must be the same too."""
    known = np.isfinite(goal)
    if x.shape == goal.shape and not np.all(known):
        return close(x[known], goal[known])
    if strict or x.size != goal.size:
        return close(x, goal)
    squeezed = [tuple(n for n in a.shape if n != 1) for a in (x, goal)]
    if squeezed[0] == squeezed[1] and close(x.ravel(), goal.ravel()):
        return True
    return x.ndim == 2 and x.shape == goal.shape[::-1] and close(x.T, goal)


def _first(goals: int, visits: int) -> list[int]:
    """Which of the goals the first visit may have: the first or the last (a loop backwards), else any."""
    if goals == visits:
        return [0] if goals == 1 else [goals - 1, 0]
    return list(range(min(goals, 40)))


def _is_out(slot: Slot, bench: Bench) -> bool:
    """Whether the slot is handed back as a gradient: returned, or stored under a key."""
    stmt = slot.stmt
    value: Node = getattr(stmt, "value", None)
    if isinstance(stmt, ast.Return):
        entry = slot.function.code is getattr(bench.world.entry, "__code__", None)
        step = slot.path[-1]
        if not slot.name and entry and step[0] == "elts" and len(value.elts) == len(bench.names):
            assert step[1] is not None
            slot.name = bench.submission.names[step[1]]
        return bool(slot.name)
    return any(isinstance(t, ast.Subscript) and target_name(t) == slot.name for t in targets_of(stmt)) and any(
        isinstance(t.slice, ast.Constant) for t in targets_of(stmt) if isinstance(t, ast.Subscript)
    )
