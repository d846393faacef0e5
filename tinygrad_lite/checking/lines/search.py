"""The search: from a wrong backward to programs whose gradients are exact on every problem, with the fewest changes.

Lines that miss their goal come first, then all places in bands of cost, then whole statements. Each candidate is
judged by what its value must satisfy, and only then run. Where one change is not enough, the search goes on from the
best steps: programs in which one more gradient is exact, or one more line meets its goal.
"""

from __future__ import annotations

from tinygrad_lite.checking.lines.atoms import Atoms
from tinygrad_lite.checking.lines.bench import Bench
from tinygrad_lite.checking.lines.forms import load
from tinygrad_lite.checking.lines.functions import Function, Node, is_float
from tinygrad_lite.checking.lines.goals import Goals
from tinygrad_lite.checking.lines.loss import Loss
from tinygrad_lite.checking.lines.offers import Offers
from tinygrad_lite.checking.lines.place import CHEAPEST, Place, key
from tinygrad_lite.checking.lines.program import Program, Recording, Standing, Step
from tinygrad_lite.checking.lines.reach import beyond, lacks_entries, reach
from tinygrad_lite.checking.lines.slots import Slot, entries, missing_slots
from tinygrad_lite.checking.lines.statements import changes, elements, forgotten, scattered_sums
from tinygrad_lite.checking.lines.values import Scope
from tinygrad_lite.checking.network.arrays import Array, np

BANDS = (0.9, 1.25, 1.6, 2.0, 2.5, 3.0, 3.6, 4.5, 6.0)
DEEPEST = 3  # mistakes one after another
DEAREST = 1.7  # of two changes in series
SHARES = (0.4, 0.6, 0.7, 0.8, 0.9, 0.95)  # of what is left of the budget, for the best steps
SIMILAR, MEASURED = 3, 0.04  # steps on one line; of the budget, to see what a step leaves to be mended
SLICE, RESERVED = 0.06, 0.5  # of the budget: for one place at a time; for one change, if there are steps to go on from


class Search:
    """The search from one program.

    Attributes:
        first: what the program does on the first problem; right, wrong: which gradients are exact everywhere.
        found: mends; narrow: mends that do not run at some sizes, as the program did not; partial: steps toward one.
        patience: up to which cost one change is looked for before two.
    """

    def __init__(self, bench: Bench, loss: Loss, program: Program, until: float = 1.0, depth: int = 1) -> None:
        self.bench, self.loss, self.program, self.until, self.depth = bench, loss, program, until, depth
        self.since: float = bench.spent
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
        self.patience, self.inserted = 0.9 if self.first.error else 1.25, False

    def _open(self, slot: Slot) -> bool:
        """Whether a slot can be searched: it ran or is where the program stopped, and the loss does not need it."""
        if slot.shared and not self.loss.indifferent(self.bench, self.program, slot):
            return False
        stops = (slot.function, slot.line) in self.first.stops
        slot.evidence = -0.8 if stops else slot.evidence
        return slot.editable and (stops or bool(slot.visits))

    def late(self, share: float = 1.0) -> bool:
        return self.bench.late(self.since + (self.until - self.since) * share)

    def mends(self) -> list[Step]:
        """The mends of the program, best first."""
        if not self.wrong:
            return [Step(0.0, self.stands, self.program)]
        self.by_name()
        self.descend(0.5)  # a line that now computes what its name says is a sure step
        best = min((s.price for s in self.found), default=0.0)
        if not self.found or best >= 0.6:  # else a sure one: nothing that the line uses can be wrong
            if self.depth == 1:  # else it was before
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
            if not self.found and self._enough():
                self.descend(BANDS[-1])
            if self.late() or (self.found and done >= least) or (self.narrow and done >= 2.5):
                return
            done = band
            for place in places:
                self.search(place, "near", band)
                if place.reach.possible or band >= 1.6:
                    self.search(place, "graft", band)
                if self._enough():
                    break
            while todo and todo[-1][0] <= max(band, 1.25) and not self._enough():  # before two changes
                self.attempt(*todo.pop())
            if not self.found and band >= (2.5 if self.patience > 2 else 1.6):
                self.insertions()
            if not self.found and band >= self.patience:
                self.descend(band)
            if not self.found and band == 1.6 and self.patience < band:
                self.in_series()
                self.descend(band)
        self.descend(BANDS[-1])

    def _enough(self) -> bool:
        """Whether to look no further for one change: steps toward a mend need their part of the budget, too."""
        return self.late(RESERVED if self.partial and not self.found else 1.0)

    # ------------------------------------------------------------------ what is known

    def by_name(self) -> None:
        """The first line of the text that misses its goal: a change that meets it."""
        of = {id(p.slot): p for p in self.places}
        for slot in self.primes:
            place = of.get(id(slot))
            if place is None or place.edited_before or not slot.goals or self.late(0.35):
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
        hopes = [p.reach.possible for p in self.places if all(is_float(x) for _, x in p.slot.visits)]
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
            known = (
                self.first.error is not None
                and not place.slot.known
                and self.loss.computes(values[: len(place.scopes)])
            )
            further = known or (place.slot.function, place.slot.line) in self.first.stops
            kept = False
            if stands.right or met or further:
                dear = cost + price + (0.0 if stands.right or met else 0.1 if known else 0.6)  # it only gets further
                step = Step(dear - 0.8 * (met and not place.slot.unsure), stands, place.edited(x))
                kept = self._keep(step, met, further)
            if stands.right or (stands.tried == 0 and not met and not kept):  # equal where it stops may differ after
                place.tried.add(mark)
            if met and goal_only:
                break
        place.next[tier] = i

    def _keep(self, step: Step, met: bool = False, further: bool = False) -> bool:
        """Keep a program if every gradient is exact, one more is, one more line meets its goal or it gets further."""
        if not self.loss.unchanged(self.bench, step.program.codes):
            return False
        if step.stands.right == self.bench.names:
            (self.narrow if step.stands.raised else self.found).append(step)
        elif met or self.right < step.stands.right:
            self.partial.append(step)
        elif further:
            now = self.bench.record(step.program, 0)
            if list(now.stops) == list(self.first.stops):
                return False
            self.partial.append(step._replace(price=step.price - 0.3 * (now.error is None)))
        else:
            return False
        return True

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
            stands = self.bench.right_everywhere(new.codes, self.stands)
            further = (function, line) in self.first.stops
            self._keep(Step(price + 0.9 * (further and not stands.right), stands, new), further=further)
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
            targets = [*map(load, wanted), *entries(local), *elements(tree, local, self.bench.names)]
            slots = missing_slots(function, tree, targets)
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
        where = [step.program.edits[-1] for step in ready]
        best = [step for i, step in enumerate(ready) if where[:i].count(where[i]) < SIMILAR]
        ahead, middle = [], (self.bench.spent + self.until) / 2
        for step in best:
            if self.bench.spent < middle:
                until = self.bench.spent + MEASURED
                ahead.append((step, Search(self.bench, self.loss, step.program, until, self.depth + 1)))
                ahead[-1][1].measure()
        spent = self.bench.spent
        for (step, search), share in zip(sorted(ahead, key=lambda a: not a[1].leaves_one()), SHARES, strict=False):
            search.since, search.until = self.bench.spent, spent + (self.until - spent) * share
            for mend in search.mends():
                self.found.append(mend._replace(price=mend.price + step.price + 0.4))
            if self.found:
                return

    def leaves_one(self) -> bool:
        """Whether nothing is wrong any more, or a change of one place could mend all that is."""
        return not self.wrong or any(p.reach.possible for p in self.places)

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
