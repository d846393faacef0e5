"""The search: from a wrong backward to programs whose gradients are exact on every problem, with the fewest changes.

Lines that miss their goal come first, then all places in bands of cost, then whole statements. Each candidate is
judged by what its value must satisfy, and only then run. Where one change is not enough, the search goes on from the
best steps: programs in which one more gradient is exact, or one more line meets its goal.
"""

from __future__ import annotations

from typing import NamedTuple

from tinygrad_lite.checking.lines.atoms import Atoms
from tinygrad_lite.checking.lines.bench import Bench, lacks_entries
from tinygrad_lite.checking.lines.forms import load
from tinygrad_lite.checking.lines.functions import Function, Node, is_float
from tinygrad_lite.checking.lines.goals import Goals
from tinygrad_lite.checking.lines.loss import Loss
from tinygrad_lite.checking.lines.offers import Offers
from tinygrad_lite.checking.lines.place import CHEAPEST, Place, key
from tinygrad_lite.checking.lines.program import Program, Recording, Standing
from tinygrad_lite.checking.lines.reach import beyond, reach
from tinygrad_lite.checking.lines.slots import Slot, entries, missing_slots
from tinygrad_lite.checking.lines.statements import changes, elements, forgotten, scattered_sums
from tinygrad_lite.checking.lines.values import Scope
from tinygrad_lite.checking.network.arrays import Array, np

BANDS = (0.9, 1.25, 1.6, 2.0, 2.5, 3.0, 3.6, 4.5, 6.0)
DEEPEST = 4  # mistakes one after another
DEAREST = 1.7  # of two changes in series
SHARES, SLICE = (0.5, 0.75, 0.95), 0.06  # of what is left of the budget, for the best steps; for one place at a time


class Step(NamedTuple):
    """A program that was reached.

    Attributes:
        price: cost of the last edit and what speaks against its place.
        stands: which gradients are exact; all of them on every problem if this is a mend.
    """

    price: float
    stands: Standing
    program: Program


class Search:
    """The search from one program.

    Attributes:
        first: what the program does on the first problem; right, wrong: which gradients are exact everywhere.
        found: mends; narrow: mends that do not run at some sizes, as the program did not; partial: steps toward one.
        patience: up to which cost one change is looked for before two.
    """

    def __init__(self, bench: Bench, loss: Loss, program: Program, until: float = 1.0, depth: int = 1) -> None:
        self.bench, self.loss, self.program, self.until, self.depth = bench, loss, program, until, depth
        self.since: float = bench.effort / bench.budget
        self.runs: list[Recording] = [bench.record(program, k) for k in range(len(loss.passes))]
        self.first: Recording = self.runs[0]
        self.goals: Goals = Goals(bench, self.runs, loss)
        self.base: dict[str, Array] = self.first.got or {}
        self.stands: Standing = bench.right_everywhere(program.codes)
        self.right, self.wrong = self.stands.right, bench.names - self.stands.right
        self.primes: list[Slot] = self.goals.primes(program)
        self.places = [Place(bench, program, s, self.runs, loss) for s in self.first.slots if self._open(s)]
        self.found: list[Step] = []
        self.narrow: list[Step] = []
        self.partial: list[Step] = []
        self.patience, self.inserted = 2.5, False

    def _open(self, slot: Slot) -> bool:
        """Whether a slot can be searched: it ran, or it is where the program stopped."""
        if self.first.error is not None and slot.line == self.first.line:
            slot.evidence = -0.8
            return slot.editable
        return slot.editable and bool(slot.visits)

    def late(self, share: float = 1.0) -> bool:
        return self.bench.late(self.since + (self.until - self.since) * share)

    def mends(self) -> list[Step]:
        """The mends of the program, best first."""
        if not self.wrong:
            return [Step(0.0, self.stands, self.program)]
        self.by_name()
        self.descend(0.5)  # a line that now computes what its name says is a sure step
        best = min((s.price for s in self.found), default=0.0)
        if not self.found or best >= 0.9:  # else a sure one: nothing that the line uses can be wrong
            self.measure()
            self.in_bands(best)
        return sorted(self.found or self.narrow, key=lambda s: s.price)

    def in_bands(self, least: float) -> None:
        """All places and statements, the cheaper changes first, at least up to a cost."""
        exact = self.bench.exact[0]
        if not self.found and any(lacks_entries(self.base.get(n), exact[n]) for n in self.wrong):
            self.insertions()
        places = sorted(self.places, key=lambda p: p.price)
        todo, done = self._statements(), 0.0
        for band in BANDS:
            if self.late() or (self.found and done >= least) or (self.narrow and done >= 2.5):
                return
            done = band
            for place in places:
                self.search(place, "near", band)
                if place.reach.possible or band >= 1.6:
                    self.search(place, "graft", band)
                if self.late():
                    break
            while todo and todo[-1][0] <= band and not self.late():
                self.attempt(*todo.pop())
            if not self.found and band >= (2.5 if self.patience > 2 else 1.6):
                self.insertions()
            if not self.found and band >= self.patience:
                self.descend(band)
            if not self.found and band == 1.6 and self.patience < band:
                self.in_series()
                self.descend(band)
        self.descend(BANDS[-1])

    # ------------------------------------------------------------------ what is known

    def by_name(self) -> None:
        """The first line of the text that misses its goal: a change that meets it."""
        of = {id(p.slot): p for p in self.places}
        for slot in self.primes:
            place = of.get(id(slot))
            if place is None or not slot.goals or self.late(0.35):
                continue
            for tier in ("near",) if slot.unsure else ("near", "graft"):
                before = len(self.found) + len(self.partial)
                self.search(place, tier, 3.4, goal_only=True)
                place.next[tier] = 0
                if len(self.found) + len(self.partial) > before:
                    return

    def measure(self) -> None:
        """What the values at each place must satisfy."""
        if self.first.error is not None or not self.base:
            return
        for place in sorted(self.places, key=lambda p: p.price):
            if self.late(0.5):
                break
            place.reach = reach(self.bench, self.program, place.slot, self.base, self.wrong)
            place.tried.clear()
        hopes = [p.reach.possible for p in self.places if _floats(p.slot) or p.reach.possible]
        self.patience = 2.5 if True in hopes else 1.25 if None in hopes else 0.9

    # ------------------------------------------------------------------ places

    def search(self, place: Place, tier: str, limit: float, goal_only: bool = False) -> None:
        """Try a place's candidates up to an effective cost."""
        price = place.price
        if CHEAPEST[tier] + price > limit:
            return
        pool = place.pool(tier)
        i, most = place.next[tier], self.bench.effort + SLICE * self.bench.budget
        while i < len(pool) and pool[i][0] + price <= limit and self.bench.effort < most and not self.late():
            cost, x = pool[i]
            i += 1
            values = place.values(x)
            if values is None or (mark := key(tuple(values))) in place.tried:
                continue
            met = bool(place.slot.goals) and place.meets_goal(x, values[0])
            if not met and (goal_only or not place.may(x, values[0])):
                if not goal_only:
                    place.tried.add(mark)
                continue
            try:
                stands = self.bench.right_everywhere(place.codes(x), self.stands)
            except (SyntaxError, ValueError, TypeError):
                continue
            if stands.right or (stands.tried == 0 and not met):
                place.tried.add(mark)
            hopeful = met or self._stops_here(place.slot)
            if stands.right or hopeful:
                dear = cost + price + (0.0 if stands.right or met else 0.8)  # it only gets further
                self._keep(Step(dear, stands, place.edited(x)), hopeful, met and not place.slot.unsure)
            if met and goal_only:
                break
        place.next[tier] = i

    def _keep(self, step: Step, hopeful: bool = False, sure: bool = False) -> None:
        """Keep a program if every gradient is exact, one more is, one more line meets its goal or it gets further."""
        if step.stands.right == self.bench.names:
            (self.narrow if step.stands.raised else self.found).append(step)
        elif self.right < step.stands.right or (hopeful and self._further(step.program)):
            self.partial.append(step._replace(price=step.price - 0.8 * sure))

    def _stops_here(self, slot: Slot) -> bool:
        return self.first.error is not None and (slot.function, slot.line) == (self.first.function, self.first.line)

    def _further(self, program: Program) -> bool:
        """Whether a program gets past the line where this one stopped; true if it did not stop."""
        first, now = self.first, self.bench.record(program, 0) if self.first.error else None
        return now is None or now.error is None or (now.function, now.line) != (first.function, first.line)

    # ------------------------------------------------------------------ statements

    def _statements(self) -> list[tuple[float, Function, Node, int]]:
        """Every change of a whole statement, the cheapest last."""
        evidence: dict[tuple[Function, int], float] = {}
        for p in self.places:
            where = (p.slot.function, p.slot.line)
            evidence[where] = min(evidence.get(where, 9.0), p.price)
        found = []
        error = self.first.error
        for function, tree in self.program.trees.items():
            made = list(changes(function, tree))
            if isinstance(error, (KeyError, AttributeError)) and error.args:
                missing = getattr(error, "name", None) or error.args[0]
                made += list(forgotten(tree, str(missing)))
            found += [(c + min(evidence.get((function, line), 0.0), 1.5), function, t, line) for c, t, line in made]
        return sorted(found, key=lambda f: -f[0])

    def attempt(self, price: float, function: Function, tree: Node, line: int) -> None:
        """Run a changed program, and keep it if it is better."""
        new = self.program.edited(function, tree, line)
        try:
            self._keep(Step(price, self.bench.right_everywhere(new.codes, self.stands), new))
        except (SyntaxError, ValueError, TypeError):
            return

    def insertions(self) -> None:
        """Places where `x += something` may have been forgotten, and what must have been added there; once."""
        if self.first.error or self.inserted or self.late(0.7):
            return
        self.inserted = True
        for function, tree in self.program.trees.items():
            mine = [s for s in self.first.slots if s.function is function]
            local = {n: x for s in mine for env, _ in s.visits[-1:] for n, x in env.items()}
            wanted = [n for n in sorted(local) if is_float(local[n]) and n not in self.bench.names]
            empty = [n for n in wanted if np.ndim(local[n]) and not np.any(local[n])]
            if empty:
                atoms = Atoms(Offers(function, tree, local, []), [Scope(function, local, self.bench.guard)], tree)
                for cost, new, line in sorted(scattered_sums(tree, empty, atoms), key=lambda c: c[0]):
                    if self.late(0.8) or self.found:
                        break
                    self.attempt(cost, function, new, line)
            slots = missing_slots(
                function, tree, [*map(load, wanted), *entries(local), *elements(tree, local, self.bench.names)]
            )
            run = self.bench.record(self.program, 0, slots) if slots else self.first
            for slot in run.slots:
                if slot.kind == "missing" and slot.visits and not self.late(0.8) and not self.found:
                    place = Place(self.bench, self.program, slot, [run], self.loss)
                    place.reach = reach(self.bench, self.program, slot, self.base, self.wrong)
                    for tier in ("graft", "near") if place.reach.possible else ():
                        self.search(place, tier, 3.6)

    # ------------------------------------------------------------------ more than one mistake

    def descend(self, most: float) -> None:
        """One mistake fewer: go on from the best steps up to a price."""
        ready = sorted((s for s in self.partial if s.price <= most), key=lambda s: s.price - 0.5 * len(s.stands.right))
        self.partial = [s for s in self.partial if s.price > most]
        if self.found or self.depth >= DEEPEST:
            return
        best = {step.program.edits[-1]: step for step in ready[::-1]}
        spent = self.bench.effort / self.bench.budget
        for step, share in zip(sorted(best.values(), key=ready.index), SHARES, strict=False):
            until = spent + (self.until - spent) * share
            for mend in Search(self.bench, self.loss, step.program, until, self.depth + 1).mends():
                self.found.append(mend._replace(price=mend.price + step.price))
            if self.found:
                return

    def in_series(self) -> None:
        """Steps that leave a rest which another place can make up, so that the two together may do."""
        known = [p for p in self.places if p.reach.whole is not None]
        rest = {id(p): beyond(p.reach.whole) for p in known}
        many = len(self.partial) + 12
        for place in sorted(known, key=lambda p: p.price):
            others = np.array([rest[id(p)] for p in known if p is not place])
            for cost, x in place.pool("near") if len(place.reach.sizes) == 1 and len(others) else ():
                if cost > DEAREST or len(self.partial) >= many or self.late(0.7):
                    break
                left = place.left(x)
                if left is not None and np.any(np.abs(others @ left).max(axis=1) <= place.reach.tolerance):
                    self.partial.append(Step(min(cost + place.price, 1.6), self.stands, place.edited(x)))


def _floats(slot: Slot) -> bool:
    return bool(slot.visits) and all(is_float(x) for _, x in slot.visits)
