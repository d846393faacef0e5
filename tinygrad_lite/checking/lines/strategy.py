"""The search from one program: lines that miss their goal first, then all places in bands of cost, then statements.

Each candidate is judged by what its value must satisfy, and only then run. Where one change is not enough, the search
goes on from the best steps: programs in which one more gradient is exact, or one more line meets its goal.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from tinygrad_lite.checking.lines.atoms import Atoms
from tinygrad_lite.checking.lines.bench import Program
from tinygrad_lite.checking.lines.functions import Function, Node, is_float
from tinygrad_lite.checking.lines.look import Look, Step
from tinygrad_lite.checking.lines.offers import Offers
from tinygrad_lite.checking.lines.place import CHEAPEST, Place, key
from tinygrad_lite.checking.lines.reach import reach
from tinygrad_lite.checking.lines.sentences import changes, forgotten, scattered_sums
from tinygrad_lite.checking.lines.series import in_series
from tinygrad_lite.checking.lines.slots import Slot, assigned, entries, load, missing_slots
from tinygrad_lite.checking.lines.values import Scope
from tinygrad_lite.checking.network.arrays import np

if TYPE_CHECKING:
    from tinygrad_lite.checking.lines.seek import Seeker

BANDS = (0.5, 0.9, 1.25, 1.6, 2.0, 2.5, 3.0, 3.6, 4.5, 6.0)
DEEPEST = 3  # mistakes one after another


class Run:
    """The search from one program."""

    def __init__(self, seeker: Seeker, here: Look, until: float, depth: int) -> None:
        self.seeker, self.bench, self.here, self.until, self.depth = seeker, seeker.bench, here, until, depth
        self.all = self.bench.names
        self.found: list[Step] = []
        self.partial: list[Step] = []
        self.alone = True  # one change may be enough
        self.descended = False

    def late(self, share: float = 1.0) -> bool:
        return self.bench.late(self.until * share)

    def mends(self) -> list[Step]:
        self.by_name()
        if self.found and min(s.price for s in self.found) < 1.3:
            return self.found
        self.measure()
        if not self.found and self.partial and not self.alone and self.descend():
            return self.found
        if any(n in self.here.base and not np.any(self.here.base[n]) for n in self.here.wrong) and not self.found:
            self.insertions(2.5)
            if self.found:
                return self.found
        places = sorted(self.here.places, key=lambda p: p.price)
        todo = self._statements()
        for band in BANDS:
            for place in places:
                for tier in ("near", "graft") if place.reach.possible else ("near",) if band < 2 else ("near", "graft"):
                    self.search(place, tier, band)
                if band >= 2.5 and (place.reach.possible is not False or band > 3):
                    self.search(place, "wide", band)
                if self.late():
                    break
            self.statements(todo, band)
            if band >= 1.6 and not self.found and not self.here.first.error:
                self.insertions(band)
            if self.found or self.late():
                break
            if band >= 1.6 and not self.alone and self.partial and self.descend():
                break
            if band >= 1.6 and not self.alone and self.series() and self.descend():
                break
            if band >= 2.5 and self.partial and self.descend():
                break
        if not self.found and self.partial:
            self.descend()
        return self.found

    # ------------------------------------------------------------------ what is known

    def by_name(self) -> None:
        """The first line of the text that misses its goal: a change that meets it."""
        for slot in self.here.primes:
            place = self.here.of.get(id(slot))
            if place is None or not slot.goals or self.late(0.35):
                continue
            if slot.out and len(self.here.wrong) > 1 and not self._alone_out(slot):
                continue
            for other in self._counts(place):
                self.search(other, "near", 1.6 + other.price)
            if self.found:
                return
            for tier in ("near", "graft"):
                before = len(self.found) + len(self.partial)
                self.search(place, tier, 3.4, goal_only=True)
                place.next[tier] = 0
                if len(self.found) + len(self.partial) > before:
                    return

    def _counts(self, place: Place) -> list[Place]:
        """The places of the counts and masks that a place uses: nothing says yet whether they are right."""
        used = {n.id for n in ast.walk(place.expression) if isinstance(n, ast.Name)}
        mine = [p for p in self.here.places if p.slot.function is place.slot.function and assigned(p.slot.stmt) & used]
        found = [p for p in mine if not _floats(p.slot) and not p.slot.known and p.slot.met is None]
        for p in found:
            p.slot.evidence = -0.7
        return found

    def _alone_out(self, slot: Slot) -> bool:
        """Whether all that is wrong may be in what is handed back: nothing before it misses a goal."""
        return all(s.out for s in self.here.primes)

    def measure(self) -> None:
        """What the values at each place must satisfy."""
        here = self.here
        if here.first.error is not None or not here.base:
            return
        for place in sorted(here.places, key=lambda p: p.price):
            if self.late(0.5):
                break
            place.reach = reach(self.bench, here.program, place.slot, here.base, here.wrong)
            place.tried.clear()
        self.alone = any(p.reach.possible or (p.reach.possible is None and _floats(p.slot)) for p in here.places)

    # ------------------------------------------------------------------ places

    def search(self, place: Place, tier: str, limit: float, goal_only: bool = False) -> None:
        """Try a place's candidates up to an effective cost."""
        price = place.price
        if CHEAPEST[tier] + price > limit:
            return
        pool = place.pool(tier)
        i = place.next[tier]
        right, here = self.here.right, self.here
        while i < len(pool) and pool[i][0] + price <= limit:
            if i % 16 == 0 and self.late():
                break
            cost, x = pool[i]
            i += 1
            values = place.values(x)
            if values is None or (mark := key(tuple(values))) in place.tried:
                continue
            met = bool(place.slot.goals) and place.meets_goal(x, values[0])
            if not met:
                if goal_only:
                    continue
                if not self._may(place, x, values[0]):
                    place.tried.add(mark)
                    continue
            names, problems = self._run(place, x, right)
            if problems == 0 and not met:
                place.tried.add(mark)
            if not names and not met:
                continue
            program = place.edited(x, cost)
            if names == self.all:
                self.found.append(Step(cost + price, names, program))
            elif right < names or (met and not here.first.error) or (met and self._further(program)):
                self.partial.append(Step(cost + price - (0.8 if met else 0.0), names, program, met))
            if goal_only:
                break
        place.next[tier] = i

    def _may(self, place: Place, x: Node, first: Any) -> bool:
        """Whether a candidate's value may make every gradient exact, or one more of them."""
        reach = place.reach
        if reach.matrix is None and reach.whole is None:
            if reach.possible is False and not reach.blocks:
                return False
            goals = [g for g in place.goals() if np.shape(g) == np.shape(first)]
            return not (goals and place.slot.prime and place.slot.visits)  # it had a goal, and missed it
        total = place.total(x, first)
        if total is None:
            return False
        if reach.possible is not False and reach.passes(total):
            return True
        return self.here.right < reach.names_exact(total) or np.shape(total) != np.shape(reach.start)

    def _run(self, place: Place, x: Node, right: frozenset[str]) -> tuple[frozenset[str], int]:
        try:
            return self.bench.right_everywhere(place.codes(x), right)
        except (SyntaxError, ValueError, TypeError):
            return frozenset(), 0

    def _further(self, program: Program) -> bool:
        """Whether a program that stopped gets past the line where it did."""
        run = self.bench.record(program, 0)
        return run.error is None or (run.function, run.line) != (self.here.first.function, self.here.first.line)

    # ------------------------------------------------------------------ statements

    def _statements(self) -> list[tuple[float, float, Function, Node, int]]:
        """Every change of a whole statement, the cheapest last."""
        here = self.here
        evidence: dict[tuple[Function, int], float] = {}
        for p in here.places:
            where = (p.slot.function, p.slot.line)
            evidence[where] = min(evidence.get(where, 9.0), p.price)
        found = []
        for function, tree in here.program.trees.items():
            made = list(changes(function, tree))
            error = here.first.error
            if isinstance(error, (KeyError, AttributeError)) and error.args:
                missing = getattr(error, "name", None) or error.args[0]
                names = sorted({n.id for n in ast.walk(tree) if isinstance(n, ast.Name)})
                made += list(forgotten(tree, str(missing), names))
            found += [(c + min(evidence.get((function, line), 0.0), 1.5), c, function, t, line) for c, t, line in made]
        return sorted(found, key=lambda f: -f[0])

    def statements(self, todo: list[Any], limit: float) -> None:
        while todo and todo[-1][0] <= limit and not self.late():
            price, cost, function, tree, line = todo.pop()
            self.attempt(self.here.program, price, cost, function, tree, line)

    def attempt(self, program: Program, price: float, cost: float, function: Function, tree: Node, line: int) -> None:
        """Run a changed program, and keep it if it is better."""
        new = program.edited(function, tree, line, cost)
        try:
            names, _ = self.bench.right_everywhere(new.codes, self.here.right)
        except (SyntaxError, ValueError, TypeError):
            return
        if names == self.all:
            self.found.append(Step(price, names, new))
        elif self.here.right < names:
            self.partial.append(Step(price, names, new))

    def insertions(self, limit: float) -> None:
        """Places where `x += something` may have been forgotten, and what must have been added there."""
        if limit < 2.5 or self.here.first.error or getattr(self, "inserted", False) or self.late(0.7):
            return
        self.inserted = True
        here = self.here
        for function, tree in here.program.trees.items():
            local = {n: env[n] for s in here.slots if s.function is function for env, _ in s.visits[-1:] for n in env}
            wanted = [n for n in sorted(local) if is_float(local[n]) and n not in self.all]
            empty = [n for n in wanted if np.ndim(local[n]) and not np.any(local[n])]
            if empty:
                scope = Scope(function, local, self.bench.guard)
                atoms = Atoms(Offers(function, tree, local, []), [scope], tree)
                for cost, new, line in sorted(scattered_sums(tree, empty, atoms), key=lambda c: c[0]):
                    if self.late(0.8) or self.found:
                        break
                    self.attempt(here.program, cost, cost, function, new, line)
            slots = missing_slots(function, tree, [*map(load, wanted), *entries(local)])
            if not slots:
                continue
            run = self.bench.record(here.program, 0, slots)
            for slot in run.slots:
                if slot.kind != "missing" or not slot.visits or self.late(0.8):
                    continue
                place = Place(self.bench, here.program, slot, [run], self.seeker.constants)
                place.reach = reach(self.bench, here.program, slot, here.base, here.wrong)
                if place.reach.possible:
                    for tier in ("graft", "near"):
                        self.search(place, tier, 3.6)
                if self.found:
                    return

    # ------------------------------------------------------------------ more than one mistake

    def series(self) -> bool:
        """Changes after which one more, somewhere else, can make every gradient exact."""
        before = len(self.partial)
        for cost, place, x in in_series(self.here.places):
            if self.late(0.7) or len(self.partial) > before + 12:
                break
            self.partial.append(Step(cost + place.price, frozenset(), place.edited(x, cost)))
        return len(self.partial) > before

    def descend(self) -> bool:
        """One mistake fewer: go on from the best steps."""
        if self.descended or self.depth >= DEEPEST:
            return False
        best: list[Step] = []
        for step in sorted(self.partial, key=lambda s: s.price - 0.5 * len(s.names)):
            if all(step.place != other.place for other in best):
                best.append(step)
        if self.seeker.nearest is None and best:
            self.seeker.nearest = best[0]
        spent = self.bench.spent() / self.bench.budget
        for i, step in enumerate(best[:3]):
            share = spent + (self.until - spent) * (0.5, 0.75, 0.95)[i]
            for mend in self.seeker.seek(step.program, share, self.depth + 1):
                mend.price += step.price
                self.found.append(mend)
            if self.found:
                return True
        self.descended = len(best) > 0 and self.late(0.6)
        self.partial.clear()
        return False


def _floats(slot: Slot) -> bool:
    return bool(slot.visits) and all(is_float(x) for _, x in slot.visits)
