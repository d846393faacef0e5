"""A plan as loops in LLVM's text: each loop nest a nest of loops, tiled so that what is read is used often.

In: a plan, and where each array lies. Out: instructions appended to a Writer.

There are three ways to fill the lanes of a vector. *Samples*: lanes are neighbouring samples of a batch, and every
number of the plan is a vector. *Iterations*: in a plan without samples, lanes are neighbouring iterations of a loop
nest.
*Terms*: a single long sum is added up in lanes. Which one a loop nest gets is decided by what it reads. Loop nests
without samples that read the same numbers are written together (stencil_fusion.py).

The accumulators of a tile (some iterations times some vectors of samples) stay in registers while the loop over the
terms runs: this makes a matrix product of the loop without knowing that it is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tinygrad_lite.compiler.backends.llvm import gradient_sums, tiles
from tinygrad_lite.compiler.backends.llvm.tiles import SHORT
from tinygrad_lite.compiler.backends.llvm.writer import Name, Writer
from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Reduction

Counter = tuple[Name | None, int]
"""A loop counter inside a tile: the SSA name (None for no loop) plus a distance."""


class Space:
    """Where an array lies: entry i begins at `pointer + i * scale` doubles; one with samples has a vector there."""

    __slots__ = ("pointer", "scale", "samples", "adds", "even")

    def __init__(self, pointer: Name, scale: int = 1, samples: bool = False, adds: bool = False, even: int = 0) -> None:
        self.pointer: Name = pointer
        self.scale: int = scale
        self.samples: bool = samples
        self.adds: bool = adds  # an accumulator: what is written is added to what is there
        self.even: int = even  # an entry at a multiple of 64 bytes


class Loops:
    """Writes the loop nests of one plan for `unroll` vectors of `lanes` samples; no samples: `unroll` is 0."""

    def __init__(
        self, w: Writer, spaces: dict[str, Space], lanes: int, unroll: int, table: Callable[[Any], Name]
    ) -> None:
        self.w = w
        self.spaces = spaces
        self.lanes = lanes
        self.unroll = unroll
        self.table = table
        self.strip: Callable[[int], Name] | None = None  # a place for so many doubles, to transpose something into
        self.lines: tuple[Name, int] | None = (
            None  # the block's data sample by sample, and how many numbers a sample has
        )
        self.first: Name = "false"  # whether this block of samples is the first
        self.joined: list[LoopNest] = []  # what is computed iteration by iteration with the loop nest at hand
        self.kept: set[str] | None = None  # the arrays of these that are written; None for all
        self.held: dict[Any, Name] = {}  # what they have computed of a tile
        self.turned: dict[tuple[str, int, int], Name] = {}
        self.later: Name | None = None  # where it holds, what is written is added to what is there
        self.lane: str = "samples"

    # ------------------------------------------------------------------ one loop nest

    def together(self, nests: Sequence[LoopNest], kept: set[str]) -> None:
        """Loop nests whose iterations go hand in hand (register_fusion.py); only these arrays are written."""
        first, *self.joined = nests
        self.kept = kept
        self.iterations_of(first)
        self.joined, self.kept = [], None

    def step_by_step(self, nests: Sequence[LoopNest]) -> None:
        """Loop nests that go through their first dimension together (scan.py)."""
        with self.w.loop(0, nests[0].dims[0]) as step:
            for nest in nests:
                self.iterations_of(nest, step)

    def iterations_of(self, nest: LoopNest, at: Name | None = None) -> None:
        """All iterations, or in a loop nest that goes step by step those of the step `at`."""
        w = self.w
        if self.unroll:
            self.lane, w.lanes = "samples", self.lanes
            full = 0
            if self._adds(nest) and self.strip is not None and gradient_sums.fits(nest, self.lanes):
                self._gradients(nest)
                full = nest.dims[-1] // self.lanes * self.lanes
            if full < nest.dims[-1]:
                self._nest(
                    nest, tiles.sizes(nest, self.lanes, self.unroll, self._adds(nest)), last=(full, nest.dims[-1])
                )
            return
        inner = nest.dims[-1]
        if inner >= self.lanes and self._unit(nest, iteration=True):
            self.lane, w.lanes = "iterations", self.lanes
            full = inner - inner % self.lanes
            vectors = full // self.lanes
            tile = 4 if vectors >= 16 else next(t for t in (4, 3, 2, 1) if vectors % t == 0)
            self._nest(nest, [1] * (len(nest.dims) - 1) + [tile], (0, full), at)
            if full < inner:
                self.lane, w.lanes = "none", 1
                self._nest(nest, [1] * len(nest.dims), (full, inner), at)
        else:
            self.lane, w.lanes = "none", 1
            self._nest(nest, [1] * len(nest.dims), None, at)

    def _adds(self, nest: LoopNest) -> bool:
        """Whether what the loop nest computes is added to what is there."""
        space = self.spaces.get(nest.target.array)
        return space is not None and space.adds

    def _gradients(self, nest: LoopNest) -> None:
        """A table of gradients, with the lanes along its last dimension and the samples as terms."""
        w, width = self.w, self.lanes * self.unroll
        spaces = self.spaces | {"out": Space(self.spaces["G"].pointer)}
        spaces |= {f"flat {name}": Space(space.pointer) for name, space in self.spaces.items()}
        apart: dict[Access, int] = {}
        for access in gradient_sums.strips(nest, self.lanes):
            pointer, apart[access] = self._by_sample(access, gradient_sums.length(nest, access, self.lanes))
            spaces[f"by sample {access.array} {access.base}"] = Space(pointer)
        table = gradient_sums.table(nest, self.lanes, width, apart.__getitem__)
        loops = Loops(w, spaces, self.lanes, 0, self.table)
        loops.lane = "iterations"
        loops.later = w.once(("not", self.first), lambda: w.say(f"xor i1 {self.first}, true"))
        loops._nest(table, gradient_sums.tile(table, self.lanes))

    def _by_sample(self, access: Access, length: int) -> tuple[Name, int]:
        """Where the numbers of the first sample begin, one behind the other, and how far on those of the next."""
        w, width, first = self.w, self.lanes * self.unroll, access.base
        if access.array == "X" and self.lines is not None:
            return w.address(self.lines[0], first), self.lines[1]
        key = (access.array, first, length)
        if key not in self.turned:
            assert self.strip is not None
            self.turned[key] = self.strip(length * width)
            source = w.address(self.spaces[access.array].pointer, first * width)
            gradient_sums.transpose(w, source, width, self.turned[key], length)
        return self.turned[key], length

    def _unit(self, nest: LoopNest, iteration: bool) -> bool:
        """Whether neighbours along the lane read neighbouring numbers, or all the same one."""
        accesses = [a for run in nest.reductions for a in run.accesses]
        if any(run.starts is not None for run in nest.reductions):
            return False
        near = [a.literal is not None or (a.table is None and a.strides[-1] in (0, 1)) for a in accesses]
        return all(near) and nest.target.table is None and nest.target.strides[-1] in (1,)

    def _nest(
        self, nest: LoopNest, tiles: Sequence[int], last: tuple[int, int] | None = None, at: Name | None = None
    ) -> None:
        """The loops over the iterations; what a tile does not divide is done by a second, smaller one."""
        w = self.w
        width = w.lanes if self.lane == "iterations" else 1

        def descend(d: int, counters: list[Counter], sizes: list[int]) -> None:
            if d == 0 and at is not None:
                descend(1, [(at, 0)], [1])
                return
            if d == len(nest.dims):
                self._tile(nest, counters, sizes)
                return
            low, high = last if last is not None and d == len(nest.dims) - 1 else (0, nest.dims[d])
            step = tiles[d] * (width if d == len(nest.dims) - 1 else 1)
            full = low + (high - low) // step * step
            for start, stop, stride in ((low, full, step), (full, high, high - full)):
                if start >= stop:
                    continue
                size = stride // (width if d == len(nest.dims) - 1 else 1)
                if stop - start == stride:
                    descend(d + 1, [*counters, (None, start)], [*sizes, size])
                else:
                    with w.loop(start, stop, stride) as i:
                        descend(d + 1, [*counters, (i, 0)], [*sizes, size])

        descend(0, [], [])

    # ------------------------------------------------------------------ one tile

    def _tile(self, nest: LoopNest, counters: list[Counter], sizes: list[int]) -> None:
        """The iterations of one tile, for every vector of samples."""
        w = self.w
        outer = w.known
        w.known = dict(outer)
        width = w.lanes if self.lane == "iterations" else 1
        corners: list[list[Counter]] = [[]]
        for d, (counter, size) in enumerate(zip(counters, sizes, strict=True)):
            apart = width if d == len(sizes) - 1 else 1
            corners = [[*corner, (counter[0], counter[1] + k * apart)] for corner in corners for k in range(size)]
        cells = [(corner, u) for u in range(max(self.unroll, 1)) for corner in corners]
        outside, self.held = self.held, {}
        self._iterations(nest, corners, cells)
        for corner in corners if self.joined else ():
            for each in self.joined:
                self._iterations(each, [corner], [(corner, u) for u in range(self.unroll)])
        self.held = outside
        w.known = outer

    def _iterations(self, nest: LoopNest, corners: list[list[Counter]], cells: list[tuple[list[Counter], int]]) -> None:
        """Compute some iterations and write them where they are wanted."""
        w = self.w
        totals: list[Any] = [None] * len(cells)
        if self.later is not None:
            places = [self._place(nest, corner, 0) for corner, _ in cells]
            totals[:] = w.where(self.later, lambda: [w.load(place, 8) for place in places], w.literal(0.0))
        for run in sorted(nest.reductions, key=lambda run: (run.starts is not None or run.terms > SHORT, -run.sign)):
            totals = self._run(nest, run, cells, totals)
        if self._adds(nest):
            per = len(corners)
            for n, corner in enumerate(corners):
                mine = [totals[u * per + n] for u in range(max(self.unroll, 1))]
                self.store(nest, corner, 0, w.added(mine))
            return
        for (corner, u), value in zip(cells, totals, strict=True):
            self.held[nest.target.array, tuple(corner), u] = value
            if self.kept is None or nest.target.array in self.kept:
                self.store(nest, corner, u, value)

    def _run(
        self, nest: LoopNest, run: Reduction, cells: list[tuple[list[Counter], int]], totals: list[Name | None]
    ) -> list[Name | None]:
        """The totals of the cells after this run has been added."""
        w = self.w

        def term(t: Counter, before: list[Name | None]) -> list[Name]:
            return [
                w.more(total, w.evaluate(run.expression, partial(self.leaf, nest, run, corner, t, u)), run.sign)
                for (corner, u), total in zip(cells, before, strict=True)
            ]

        if run.starts is not None:
            ((corner, _), *_) = cells
            m = self._linear(corner, _nested_strides(nest.dims))
            table = self.table(run.starts)
            low, high = w.load_integer(table, m), w.load_integer(table, self._plus(m, 1))
            firsts = [total if total is not None else w.literal(0.0) for total in totals]
            return list(w.accumulate(low, high, firsts, lambda t, values: term((t, 0), list(values))))
        if run.terms <= SHORT:
            for t in range(run.terms):
                totals = list(term((None, t), totals))
            return totals
        for access in run.accesses:  # what does not change from term to term is read before the loop
            if access.literal is None and access.table is None and not access.term_stride:
                for corner, u in cells:
                    self.load(nest, run, access, corner, (None, 0), u)
        if self.lane == "none" and run.terms >= 2 * self.lanes > 2 and _unit_terms(run):
            return [self._in_lanes(nest, run, corner, total) for (corner, _), total in zip(cells, totals, strict=True)]
        firsts = [total if total is not None else w.literal(0.0) for total in totals]
        return list(w.accumulate(0, run.terms, firsts, lambda t, values: term((t, 0), list(values))))

    def total(self, before: Name, nests: Sequence[LoopNest]) -> Name:
        """What is before, and the sums of loop nests of one iteration."""
        found: list[Name | None] = [before]
        for nest in nests:
            for run in nest.reductions:
                found = self._run(nest, run, [([(None, 0)], 0)], found)
        return found[0] or before

    def _in_lanes(self, nest: LoopNest, run: Reduction, corner: list[Counter], total: Name | None) -> Name:
        """One long sum: lanes are neighbouring terms, and a few sums go on beside each other."""
        w = self.w
        beside = 4 if run.terms >= 4 * self.lanes else 1
        step = beside * self.lanes
        full = run.terms // step * step
        self.lane, w.lanes = "terms", self.lanes

        def body(t: Name, values: list[Name]) -> list[Name]:
            return [
                w.apply("add", [value, w.evaluate(run.expression, partial(self.leaf, nest, run, corner, (t, k), 0))])
                for value, k in zip(values, range(0, step, self.lanes), strict=True)
            ]

        sums = w.accumulate(0, full, [w.literal(0.0)] * beside, body, step)
        found = w.total(w.added(sums))
        self.lane, w.lanes = "none", 1
        for k in range(full, run.terms):
            term = w.evaluate(run.expression, partial(self.leaf, nest, run, corner, (None, k), 0))
            found = w.apply("add", [found, term])
        return w.more(total, found, run.sign)

    # ------------------------------------------------------------------ reading and writing

    def _linear(self, counters: Sequence[Counter], strides: Sequence[int], base: int = 0) -> Name | int:
        """base + sum of stride * counter: the counters first, so that tiles share them; then the distance."""
        w = self.w
        index: Name | None = None
        for (name, distance), stride in zip(counters, strides, strict=True):
            base += distance * stride
            if name is not None and stride:
                part = w.integer("mul", name, stride)
                index = part if index is None else w.integer("add", index, part)
        if index is None:
            return base
        return w.integer("add", index, base)

    def _plus(self, index: Name | int, distance: int) -> Name | int:
        return index + distance if isinstance(index, int) else self.w.integer("add", index, distance)

    def _pointer(
        self, access: Access, counters: list[Counter], strides: Sequence[int], nest: LoopNest, terms: int
    ) -> Name:
        """The address of the entry an access reads: counters are those of the iterations and, last, of the term."""
        w = self.w
        space = self.spaces[access.array]
        if access.table is None:
            moving = self._linear([(name, 0) for name, _ in counters], strides)
            distance = access.base + sum(d * s for (_, d), s in zip(counters, strides, strict=True))
            base = w.address(
                space.pointer,
                moving * space.scale if isinstance(moving, int) else w.integer("mul", moving, space.scale),
            )
            return w.address(base, distance * space.scale)
        table = self.table(access.table)
        place = self._linear(counters, [s * max(terms, 1) for s in _nested_strides(nest.dims)] + [1]) if terms else None
        index = w.load_integer(table, place if place is not None else self._linear(counters[-1:], [1]))
        return w.address(space.pointer, w.integer("mul", index, space.scale))

    def leaf(self, nest: LoopNest, run: Reduction, corner: list[Counter], t: Counter, u: int, k: int) -> Name:
        return self.load(nest, run, run.accesses[k], corner, t, u)

    def load(self, nest: LoopNest, run: Reduction, access: Access, corner: list[Counter], t: Counter, u: int) -> Name:
        w = self.w
        if access.literal is not None:
            return w.literal(access.literal)
        held = self.held.get((access.array, tuple(corner), u))
        if held is not None and access.table is None:
            return held  # its own iteration: a loop nest that reads another does not join
        space = self.spaces[access.array]
        strides = (*access.strides, access.term_stride)
        counters = [*corner, t]
        if access.table is None:
            distance = access.base + sum(d * stride for (_, d), stride in zip(counters, strides, strict=True))
            moving = tuple(
                (name, stride) for (name, _), stride in zip(counters, strides, strict=True) if name and stride
            )
            key: Any = (access.array, distance, moving, w.lanes)
        else:
            key = (id(access), tuple(counters))
        if not space.samples:
            step = {"terms": access.term_stride, "iterations": access.strides[-1] if access.strides else 0}.get(
                self.lane
            )
            if access.table is None and step == 1:
                place = self._pointer(access, counters, strides, nest, run.terms)
                return w.once(("near", key), lambda: w.load(place, 8))
            return w.once(("all", key), lambda: w.load_all(self._pointer(access, counters, strides, nest, run.terms)))

        def vector() -> Name:
            pointer = self._pointer(access, counters, strides, nest, run.terms)
            return w.load(w.address(pointer, u * w.lanes), 8 * w.lanes)

        return w.once(("samples", key, u), vector)

    def _place(self, nest: LoopNest, corner: list[Counter], u: int) -> Name:
        """Where an iteration writes."""
        w, access = self.w, nest.target
        space = self.spaces[access.array]
        pointer = self._pointer(access, [*corner, (None, 0)], (*access.strides, 0), nest, 1)
        return w.address(pointer, u * w.lanes) if space.samples else pointer

    def store(self, nest: LoopNest, corner: list[Counter], u: int, value: Name) -> None:
        w, space = self.w, self.spaces[nest.target.array]
        place = self._place(nest, corner, u)
        align = 8 * w.lanes if space.samples or space.adds else 8
        if space.adds:
            value = w.apply("add", [w.load(place, align), value])
        w.store(value, place, align)


def _nested_strides(dims: Sequence[int]) -> list[int]:
    """The strides of an iteration's number in its loop nest."""
    strides, inner = [], 1
    for n in reversed(dims):
        strides.append(inner)
        inner *= n
    return strides[::-1]


def _unit_terms(run: Reduction) -> bool:
    """Whether neighbouring terms read neighbouring numbers, or all the same one."""
    return all(a.literal is not None or (a.table is None and a.term_stride in (0, 1)) for a in run.accesses)
