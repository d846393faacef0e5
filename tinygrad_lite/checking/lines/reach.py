"""Goals without names: could any value at this slot make every gradient exact?

Almost everywhere in a backward the gradients are an affine function of the value at one slot. The value is shifted,
entry by entry, and linear algebra says whether some value would do, and what every value that does must satisfy. For
a slot that runs several times this is said of its first visit, whatever the later ones may be. Where the gradients
are not affine (recomputed forward lines), Newton's steps look for the value that makes them exact.
"""

from __future__ import annotations

from typing import Any

from tinygrad_lite.checking.lines.bench import Bench, Program
from tinygrad_lite.checking.lines.functions import is_float
from tinygrad_lite.checking.lines.slots import Slot, hooked
from tinygrad_lite.checking.network.arrays import Array, np

MOST = 160  # entries over all visits that are shifted one by one
NEWTON = 60


class Reach:
    """What is known about the values that a slot must have.

    Attributes:
        possible: whether some value there makes every gradient exact; None if that cannot be said.
        matrix, wanted: if known, every value v of the first visit that will do has `matrix @ (v - v0) = wanted`.
        whole, missing: the Jacobian over all visits and what is missing in the gradients, rows scaled alike.
        blocks: name: its rows.
        start: the value of the first visit; if `summed`, the sum over all visits, which is all that counts.
    """

    def __init__(self) -> None:
        self.possible: bool | None = None
        self.matrix: Array | None = None
        self.wanted: Array | None = None
        self.whole: Array | None = None
        self.missing: Array | None = None
        self.blocks: dict[str, slice] = {}
        self.start: Any = None
        self.sizes: list[int] = []
        self.tolerance = 1e-6
        self.summed = False

    def passes(self, v: Any) -> bool:
        """Whether a value of the first visit may make every gradient exact."""
        if self.matrix is None:
            return True
        v = np.asarray(v, float)
        if v.shape != np.shape(self.start):
            return True  # another shape may mend a shape: only a run can tell
        assert self.wanted is not None
        step = self.matrix @ (v - self.start).ravel() - self.wanted
        return bool(np.abs(step).max(initial=0.0) <= self.tolerance)

    def names_exact(self, v: Any) -> frozenset[str]:
        """The gradients that a value would make exact; all of them where that cannot be said."""
        v = np.asarray(v, float)
        if self.whole is None or (len(self.sizes) != 1 and not self.summed) or v.shape != np.shape(self.start):
            return frozenset(self.blocks)
        columns = self.whole[:, : self.sizes[0]]
        step = np.abs(columns @ (v - self.start).ravel() - self.missing)
        return frozenset(n for n, rows in self.blocks.items() if step[rows].max(initial=0.0) <= self.tolerance)

    @property
    def telling(self) -> bool:
        """Whether `passes` can refuse anything."""
        return self.matrix is not None and bool(np.abs(self.matrix).max(initial=0.0) > 1e-9)


class Shifts:
    """Runs of a program with the values of one slot shifted."""

    def __init__(self, bench: Bench, program: Program, slot: Slot, base: dict[str, Array]) -> None:
        self.bench, self.slot = bench, slot
        exact = bench.exact[0]
        self.names = [n for n in sorted(exact) if n in base and base[n].shape == exact[n].shape]
        self.scales = {n: float(np.abs(exact[n]).max(initial=0.0)) or 1.0 for n in self.names}
        self.values = [x for _, x in slot.visits]
        self.ends = np.cumsum([0, *(np.size(x) for x in self.values)])
        tree = program.trees[slot.function]
        self.codes = {**program.codes, slot.function: hooked(slot.function, tree, [slot], lambda s: 0)}
        self.target = self.vector(exact)

    def vector(self, gradients: dict[str, Array]) -> Array:
        return np.concatenate([gradients[n].ravel() / self.scales[n] for n in self.names])

    def part(self, jacobian: Array, visit: int) -> Array:
        """The columns of one visit."""
        return jacobian[:, self.ends[visit] : self.ends[visit + 1]]

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
        found, _ = self.bench.gradients(0, self.codes)
        if any(n not in found or found[n].shape != self.bench.exact[0][n].shape for n in self.names):
            raise ValueError("a shift changed the shape of a gradient")
        return self.vector(found)

    def jacobian(self, shift: Array, there: Array, h: float = 1.0) -> Array:
        """One column for each entry of the slot's values: differences from `there`, what a shift gives."""
        return np.array([(self.at(shift + h * unit) - there) / h for unit in np.eye(len(shift))]).T


def reach(bench: Bench, program: Program, slot: Slot, base: dict[str, Array], wrong: frozenset[str]) -> Reach:
    """What is known about the values a slot must have, for a program whose gradients are `base`."""
    found = Reach()
    if not slot.visits or not all(is_float(x) for _, x in slot.visits) or len(slot.visits) >= 40:
        return found
    try:
        return _measured(bench, program, slot, base, wrong, found)
    except (Exception, TimeoutError):
        return Reach()


def _measured(
    bench: Bench, program: Program, slot: Slot, base: dict[str, Array], wrong: frozenset[str], found: Reach
) -> Reach:
    shifts = Shifts(bench, program, slot, base)
    size = int(shifts.ends[-1])
    if not shifts.names or not size:
        return found
    complete = set(shifts.names) == bench.names
    start = shifts.vector(base)
    row = 0
    for n in shifts.names:
        found.blocks[n] = slice(row, row := row + base[n].size)
    random = np.random.default_rng(0).normal(size=size)
    moved = shifts.at(random)
    if not np.all(np.isfinite(start)):
        return found
    still = [n for n in wrong & set(shifts.names) if np.array_equal(moved[found.blocks[n]], start[found.blocks[n]])]
    if still:
        found.possible = False  # a wrong gradient does not feel this slot at all
        if len(still) == len(wrong):
            return found
    if size > MOST:
        return found
    jacobian = shifts.jacobian(np.zeros(size), start)
    if not np.all(np.isfinite(jacobian)):
        return found
    largest = np.abs(jacobian).max(initial=0.0)
    missing = shifts.target - start
    if np.abs(jacobian @ random - (moved - start)).max() > 1e-6 * np.abs(moved - start).max() + 1e-9 * (1 + largest):
        return _newton(shifts, found, start) if size <= NEWTON and complete and not still else found
    found.tolerance = 1e-4 if bench.coarse else 1e-6
    found.whole, found.missing, found.start = jacobian, missing, slot.visits[0][1]
    found.sizes = [int(n) for n in np.diff(shifts.ends)]
    left = jacobian @ np.linalg.lstsq(jacobian, missing, rcond=1e-10)[0] - missing
    reaches = bool(np.abs(left).max(initial=0.0) <= found.tolerance)
    if complete or not reaches:
        found.possible = reaches and not still
    first = int(shifts.ends[1])
    found.matrix, found.wanted = jacobian[:, :first], missing
    if size > first and all(_equal(shifts.part(jacobian, t), found.matrix) for t in range(len(found.sizes))):
        found.summed, found.start = True, sum(shifts.values)
    elif size > first:  # whatever the later visits do: only what they cannot make up counts
        u, s, _ = np.linalg.svd(jacobian[:, first:], full_matrices=False)
        u = u[:, s > 1e-9 * max(s[0], 1e-300)]
        found.matrix = found.matrix - u @ (u.T @ found.matrix)
        found.wanted = missing - u @ (u.T @ missing)
    if not complete:
        found.matrix = found.wanted = None
    return found


def _equal(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.abs(a - b).max(initial=0.0) <= 1e-7 * (1 + np.abs(b).max(initial=0.0)))


def _newton(shifts: Shifts, found: Reach, here: Array) -> Reach:
    """The value that makes every gradient exact, if a few steps find one and only one."""
    shift = np.zeros(int(shifts.ends[-1]))
    for _ in range(7):
        if shifts.bench.late(0.5):
            return found
        jacobian = shifts.jacobian(shift, here, 1e-6)
        step, _, rank, _ = np.linalg.lstsq(jacobian, shifts.target - here, rcond=1e-9)
        shift = shift + step
        here = shifts.at(shift)
        if not np.all(np.isfinite(here)):
            return found
        if np.abs(here - shifts.target).max() <= 1e-9:
            if rank == len(shift):
                first = int(shifts.ends[1])
                found.possible = True
                found.matrix, found.wanted = np.eye(first), shift[:first]
                found.start = shifts.slot.visits[0][1]
                found.tolerance = 1e-6 * (1 + np.abs(shift[:first]).max())
            return found
    return found
