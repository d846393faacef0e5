"""Goals without names: could any value at this slot make every gradient exact?

Almost everywhere in a backward the gradients are an affine function of the value at one slot. The value is shifted,
entry by entry, and linear algebra says whether some value would do, and what every value that does must satisfy. For
a slot that runs several times this is said of its first visit, whatever the later ones may be. Where the gradients
are not affine (recomputed forward lines), Newton's steps look for the value that makes them exact.
"""

from __future__ import annotations

from typing import Any

from tinygrad_lite.checking.lines.bench import Bench
from tinygrad_lite.checking.lines.functions import is_float
from tinygrad_lite.checking.lines.program import Codes, Program
from tinygrad_lite.checking.lines.slots import Slot, hooked
from tinygrad_lite.checking.network.arrays import Array, np

MOST = 160  # entries over all visits that are shifted one by one
NEWTON = 60
Demand = tuple[Array, Array]  # matrix, wanted: every value v that will do has `matrix @ (v - start) = wanted`


class Reach:
    """What is known about the values that a slot must have.

    Attributes:
        possible: whether some value there makes every gradient exact; None if that cannot be said.
        demands: what a value must satisfy: for every gradient to be exact, if possible; else for one more each.
        joint: the same of the values of all visits, one after the other, where there are several.
        start: the value of the first visit; if `summed`, the sum over all visits, which is all that counts.
        whole, missing: the Jacobian over all visits and what is missing in the gradients, rows scaled alike.
        sizes: entries of each visit.      felt: some wrong gradient depends on it.
    """

    def __init__(self, possible: bool | None = None) -> None:
        self.possible = possible
        self.demands: list[Demand] = []
        self.joint: list[Demand] = []
        self.start: Any = None
        self.whole: Array | None = None
        self.missing: Array | None = None
        self.sizes: list[int] = []
        self.tolerance: float = 1e-6
        self.summed: bool = False
        self.felt: bool = True

    def passes(self, v: Any) -> bool:
        """Whether a value of the first visit satisfies a demand; one of another shape may mend a shape."""
        v = np.asarray(v, float)
        if v.shape != np.shape(self.start):
            return True
        step = (v - self.start).ravel()
        return any(np.abs(m @ step - w).max(initial=0.0) <= self.tolerance for m, w in self.demands)


class Shifts:
    """Runs of a program with the values of one slot shifted."""

    def __init__(self, bench: Bench, program: Program, slot: Slot, base: dict[str, Array]) -> None:
        self.bench: Bench = bench
        self.slot: Slot = slot
        exact = bench.exact[0]
        self.names: list[str] = [n for n in sorted(exact) if n in base and base[n].shape == exact[n].shape]
        self.scales: dict[str, float] = {n: float(np.abs(exact[n]).max(initial=0.0)) or 1.0 for n in self.names}
        self.values: list[Any] = [x for _, x in slot.visits]
        self.ends: Any = np.cumsum([0, *(np.size(x) for x in self.values)])
        tree = program.trees[slot.function]
        self.codes: Codes = {**program.codes, slot.function: hooked(slot.function, tree, [slot], lambda s: 0)}
        self.target: Array = self.vector(exact)
        self.last: dict[str, Array] = {}

    def vector(self, gradients: dict[str, Array]) -> Array:
        if any(n not in gradients or gradients[n].shape != self.bench.exact[0][n].shape for n in self.names):
            raise ValueError("a shift changed the shape of a gradient")
        return np.concatenate([gradients[n].ravel() / self.scales[n] for n in self.names])

    def at(self, shift: Array) -> Array:
        """The gradients as one vector, the slot's values over all visits shifted."""
        visit = 0

        def hook(_: int, x: Any, __: Any) -> Any:
            nonlocal visit
            visit += 1
            if visit > len(self.values) or np.size(x) != self.ends[visit] - self.ends[visit - 1]:
                return x
            part = shift[self.ends[visit - 1] : self.ends[visit]]
            return x + (part.reshape(np.shape(x)) if np.ndim(x) else float(part[0]))

        self.bench.hook(hook)
        self.last, _ = self.bench.gradients(0, self.codes)
        return self.vector(self.last)

    def jacobian(self, shift: Array, there: Array, h: float = 1.0) -> Array:
        """One column for each entry of the slot's values: differences from `there`, what a shift gives."""
        return np.array([(self.at(shift + h * unit) - there) / h for unit in np.eye(len(shift))]).T


def reach(bench: Bench, program: Program, slot: Slot, base: dict[str, Array], wrong: frozenset[str]) -> Reach:
    """What is known about the values a slot must have, for a program whose gradients are `base`."""
    if not slot.visits or not all(is_float(x) for _, x in slot.visits) or len(slot.visits) >= 40:
        return Reach()
    try:
        return _measured(Shifts(bench, program, slot, base), base, wrong)
    except (Exception, TimeoutError):
        return Reach()


def _measured(shifts: Shifts, base: dict[str, Array], wrong: frozenset[str]) -> Reach:
    size = int(shifts.ends[-1])
    blocks, row = {}, 0
    for n in shifts.names:
        blocks[n] = slice(row, row := row + base[n].size)
    start = shifts.vector(base)
    random = np.random.default_rng(0).normal(size=size)
    moved = shifts.at(random)
    lacking = [n for n in wrong if n in blocks]
    still = [n for n in wrong if n not in base or np.array_equal(shifts.last.get(n), base[n])]
    found = Reach(False if still else None)  # a wrong gradient does not feel this slot at all
    found.felt = len(still) < len(wrong)
    if size > MOST or not found.felt:
        return found
    jacobian, missing = shifts.jacobian(np.zeros(size), start), shifts.target - start
    if not np.all(np.isfinite(jacobian)):
        return found
    complete = len(blocks) == len(shifts.bench.names)
    largest = np.abs(jacobian).max(initial=0.0)
    if np.abs(jacobian @ random - (moved - start)).max() > 1e-6 * np.abs(moved - start).max() + 1e-9 * (1 + largest):
        return _newton(shifts, start) if size <= NEWTON and complete and not still else found
    found.tolerance = 1e-4 if shifts.bench.coarse else 1e-6
    found.whole, found.missing, found.start = jacobian, missing, shifts.values[0]
    found.sizes = [int(n) for n in np.diff(shifts.ends)]
    first = found.sizes[0]
    parts = np.split(jacobian, shifts.ends[1:-1], axis=1)
    if len(parts) > 1 and all(_equal(part, parts[0]) for part in parts):
        found.summed, found.start = True, sum(shifts.values)
        jacobian = parts[0]
    found.possible = _reachable(jacobian, missing, found.tolerance) and not still
    if found.possible and not complete:
        found.possible = None
    rows = [slice(None)] if found.possible else []
    off = [blocks[n] for n in lacking if np.abs(missing[blocks[n]]).max(initial=0.0) > found.tolerance]
    rows += [b for b in off if _reachable(jacobian[b], missing[b], found.tolerance)]
    found.demands = [_of_the_first(jacobian[b], missing[b], first) for b in rows]
    if len(parts) > 1:
        found.joint = [(found.whole[b], missing[b]) for b in rows]
    return found


def _equal(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.abs(a - b).max(initial=0.0) <= 1e-7 * (1 + np.abs(b).max(initial=0.0)))


def _reachable(matrix: Array, wanted: Array, tolerance: float) -> bool:
    left = matrix @ np.linalg.lstsq(matrix, wanted, rcond=1e-10)[0] - wanted
    return bool(np.abs(left).max(initial=0.0) <= tolerance)


def _of_the_first(matrix: Array, wanted: Array, first: int) -> Demand:
    """What is demanded of the first visit: whatever the later ones do, only what they cannot make up counts."""
    if matrix.shape[1] == first:
        return matrix, wanted
    rest = beyond(matrix[:, first:])
    return rest @ matrix[:, :first], rest @ wanted


def beyond(matrix: Array) -> Array:
    """The projection onto what no combination of the columns makes up."""
    u, s, _ = np.linalg.svd(matrix, full_matrices=False)
    u = u[:, s > 1e-9 * max(s[0], 1e-300)] if len(s) else u
    return np.eye(len(matrix)) - u @ u.T


def _newton(shifts: Shifts, here: Array) -> Reach:
    """The value that makes every gradient exact, if a few steps find one and only one."""
    found, shift = Reach(), np.zeros(int(shifts.ends[-1]))
    for _ in range(7):
        if shifts.bench.late(0.5):
            break
        jacobian = shifts.jacobian(shift, here, 1e-6)
        step, _, rank, _ = np.linalg.lstsq(jacobian, shifts.target - here, rcond=1e-9)
        shift = shift + step
        here = shifts.at(shift)
        if not np.all(np.isfinite(here)):
            break
        if np.abs(here - shifts.target).max() <= 1e-9:
            if rank == len(shift):
                first = int(shifts.ends[1])
                found.possible, found.start = True, shifts.values[0]
                found.demands = [(np.eye(first), shift[:first])]
                found.tolerance = 1e-6 * (1 + np.abs(shift[:first]).max())
            break
    return found


def lacks_entries(mine: Array | None, exact: Array) -> bool:
    """Whether entries are 0 that must not be: perhaps nothing was ever added to them."""
    return mine is not None and mine.shape == exact.shape and bool(np.any((mine == 0) & (exact != 0)))
