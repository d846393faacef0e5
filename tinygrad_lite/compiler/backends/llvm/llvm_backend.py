"""Plans as functions in LLVM's text.

In: a prologue, a plan for samples and an epilogue (or one plan without samples). Out: a callable on flat buffers
(buffers.py).

Each function takes a pointer to a list of addresses and lengths. `begin` computes what is the same for all samples.
`samples` does one shard: it clears the sums kept in lanes, goes through its samples in blocks of `unroll` vectors and
then, for the rest, of one vector, and adds up the lanes. `finish` adds up the shards and does what comes
after the samples:

    begin -> for each shard: for each block: the loop nests of the sample plan -> sums over the lanes -> finish

`entry` calls them one after the other. Several threads may call `share` between `begin` and `finish`: each
takes the next shard until there is none. What the shards are does not depend on who does them (threads.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from tinygrad_lite.compiler.backends.llvm import (
    gradient_sums,
    jit,
    kernels,
    periodic,
    register_fusion,
    stencil_fusion,
    workspace,
)
from tinygrad_lite.compiler.backends.llvm.buffers import Layout
from tinygrad_lite.compiler.backends.llvm.loops import Loops, Space
from tinygrad_lite.compiler.backends.llvm.threads import weight
from tinygrad_lite.compiler.backends.llvm.writer import Name, Writer
from tinygrad_lite.compiler.ir.loop_nest import LoopNest, Plan, Plans

ADDRESSES = ("P", "N", "main", "tail", "lines", "workspace", "G", "out", "K", "tables")
LENGTHS = ("blocks", "rest", "shards", "each", "taken")
FIELDS = (*ADDRESSES, *LENGTHS)
"""What the list of addresses and lengths holds, in this order, 8 bytes each; see `Buffers`."""


class Code:
    """The text for a sample program, and the sizes of its buffers, for one machine and one number of vectors.

    Args:
        plans, fused: the loops; which of them run together (see `fused`). If there are no samples, only the epilogue
            runs.
        columns: numbers of one sample of data, its weight included.
        sums: what the sample plan adds up.
        lanes, unroll: doubles in a vector; vectors of samples in a block.
        twice: whether the data may lie in memory a second time, sample by sample; else they are transposed when needed.
    """

    def __init__(
        self, plans: Plans, fused: Fused, columns: int, sums: int, lanes: int, unroll: int, twice: bool = True
    ) -> None:
        samples = plans.samples
        self.fused = fused
        self.lanes: int = lanes
        self.unroll: int = unroll
        self.columns: int = columns
        self.sums: int = sums
        self.lines: int = _line(samples, lanes) if samples is not None and twice else 0
        self.layout: Layout = Layout()
        self.in_place: bool = samples is not None and _in_place(plans.epilogue)
        self.operations: int = samples.flops(weight) if samples is not None else 0
        self.shard_stride: int = (
            -(-(sums + lanes) // 8) * 8 if samples is not None else 0
        )  # from one shard's totals to the next's
        self.scratch: int = 0
        self._reserve(sums * lanes)
        self._used: set[tuple[str, int]] = set()
        self._declared: set[str] = set()
        functions = [self._function("begin(ptr noalias %arguments)", partial(self._begin, plans.prologue))]
        if samples is not None:
            shard = "internal void @shard(ptr noalias %arguments, ptr %workspace, i64 %shard)"
            functions += [self._function(shard, partial(self._shard, samples)), _SHARE]
        functions.append(self._function("finish(ptr noalias %arguments)", partial(self._finish, plans.epilogue)))
        functions.insert(0, self._function("entry(ptr noalias %arguments)", self._entry))
        self.text: str = kernels.module(functions, self._used, self._declared)

    def _function(self, signature: str, body: Callable[[dict[str, Name]], None]) -> str:
        """The text of a function; `body` is given the fields of its argument, and writes to `self.w`."""
        self.w = w = Writer()
        w.kernels, w.declared = self._used, self._declared
        given = w.fields(FIELDS, LENGTHS)
        given["scratch"] = given["sums"] = given["workspace"]  # the sums stand first
        body(given)
        return w.function(signature if " @" in signature else f"void @{signature}")

    def _entry(self, given: dict[str, Name]) -> None:
        w = self.w
        w.do("call void @begin(ptr %arguments)")
        if self.shard_stride:
            with w.loop(0, given["shards"]) as shard:
                w.do(f"call void @shard(ptr %arguments, ptr {given['workspace']}, i64 {shard})")
        w.do("call void @finish(ptr %arguments)")

    def _begin(self, prologue: Plan | None, given: dict[str, Name]) -> None:
        """What every sample needs; no shard has been taken."""
        if prologue is not None and prologue.nests:
            self._plain(prologue, given, {"out": Space(given["P"])}, {"P": "P", "N": "N"})
        taken = self.w.say(f"getelementptr i64, ptr %arguments, i64 {FIELDS.index('taken')}")
        self.w.do(f"store i64 0, ptr {taken}")

    def _shard(self, plan: Plan, given: dict[str, Name]) -> None:
        """The blocks shard * each, ... of the samples, in a workspace of its own; the last shard also does the rest."""
        w = self.w
        first = w.integer("mul", "%shard", given["each"])
        left = w.integer("sub", given["blocks"], first)
        block = self.lanes * self.unroll
        given["main"] = w.address(given["main"], w.integer("mul", first, self.columns * block))
        given["lines"] = w.address(given["lines"], w.integer("mul", first, self.lines * block))
        given["blocks"] = self._less(left, given["each"])
        last = w.say(f"icmp eq i64 {w.integer('add', '%shard', 1)}, {given['shards']}")
        given["rest"] = w.say(f"select i1 {last}, i64 {given['rest']}, i64 0")
        given["G"] = w.address(given["G"], w.integer("mul", "%shard", self.shard_stride))
        given["scratch"] = given["sums"] = "%workspace"
        self._samples(plan, given)

    def _less(self, x: Name, y: Name) -> Name:
        return self.w.say(f"select i1 {self.w.say(f'icmp slt i64 {x}, {y}')}, i64 {x}, i64 {y}")

    def _finish(self, epilogue: Plan, given: dict[str, Name]) -> None:
        """The totals of all shards added to those of the first, one shard after the other; then the epilogue."""
        w = self.w
        if self.shard_stride:
            several = w.say(f"icmp sgt i64 {given['shards']}, 1")
            with w.only_if(several), w.loop(1, given["shards"]) as shard:
                more = w.address(given["G"], w.integer("mul", shard, self.shard_stride))
                self._add(given["G"], more, 0)
                if self.sums > 1:
                    w.lanes = self.lanes
                    with w.loop(1, self.sums, self.lanes) as i:
                        self._add(given["G"], more, i)
                    w.lanes = 1
        self._plain(epilogue, given, {"out": Space(given["out"], even=1)}, {"P": "P", "G": "G", "N": "N"})

    def _add(self, total: Name, more: Name, i: Name | int) -> None:
        w = self.w
        place = w.address(total, i)
        w.store(w.apply("add", [w.load(place, 8), w.load(w.address(more, i), 8)]), place, 8)

    def _reserve(self, doubles: int) -> int:
        at = self.scratch
        self.scratch += (doubles + 7) // 8 * 8
        return at

    def _table(self, given: dict[str, Name]) -> Callable[[Any], Name]:
        return lambda entries: self.w.address(given["tables"], self.layout.table(entries), "i32")

    def _plain(self, plan: Plan, given: dict[str, Name], spaces: dict[str, Space], named: dict[str, str]) -> None:
        """A plan without samples."""
        w = self.w
        spaces |= {name: Space(given[field]) for name, field in named.items()}
        spaces["K"] = Space(w.address(given["K"], self.layout.add_constants(plan.constants)))
        for name, size in plan.sizes.items():
            spaces[name] = Space(w.address(given["scratch"], self._reserve(size)))
        loops = Loops(w, spaces, self.lanes, 0, self._table(given))
        for stepwise, together in self.fused[id(plan)]:
            if stepwise:
                loops.step_by_step(together)
            else:
                stencil_fusion.write(loops, together)

    def _samples(self, plan: Plan, given: dict[str, Name]) -> None:
        w = self.w
        w.lanes = self.lanes
        zero = w.literal(0.0)
        turned = {
            index
            for nest in plan.nests
            if nest.target.array == "out" and gradient_sums.fits(nest, self.lanes)
            for index in _full_places(nest, self.lanes)
        }
        lane_sums = [i for i in range(self.sums) if i not in turned]
        for start, stop in _stretches(lane_sums):
            with w.loop(start, stop) as i:
                w.store(zero, w.address(given["sums"], w.integer("mul", i, self.lanes)), 8 * self.lanes)
        constants = Space(w.address(given["K"], self.layout.add_constants(plan.constants)))
        block = self.lanes * self.unroll
        steps = self.fused[id(plan)]
        places, length = workspace.shared(steps, plan.sizes)
        begin = self._reserve(length * block)
        parts = [("main", "blocks", self.unroll), ("tail", "rest", 1)] if self.unroll > 1 else [("tail", "rest", 1)]
        for data, count, unroll in parts:
            some = w.say(f"icmp sgt i64 {given[count]}, 0")
            with w.only_if(some), w.loop(0, given[count]) as b:
                here = w.address(given[data], w.integer("mul", b, self.columns * self.lanes * unroll))
                width = self.lanes * unroll
                spaces = {
                    "P": Space(given["P"]),
                    "K": constants,
                    "X": Space(here, width, samples=True),
                    "out": Space(given["sums"], self.lanes, adds=True),
                    "G": Space(given["G"]),
                }
                for name, at in places.items():
                    spaces[name] = Space(w.address(given["scratch"], begin + at * width), width, samples=True)
                loops = Loops(w, spaces, self.lanes, unroll, self._table(given))
                loops.first = w.say(f"icmp eq i64 {b}, 0")
                if data == "tail":
                    none = w.say(f"icmp slt i64 {given['blocks']}, 1")
                    loops.first = w.say(f"and i1 {loops.first}, {none}")
                if self.lines:
                    before = w.integer("mul", given["blocks"], block * self.lines) if data == "tail" else 0
                    line = w.address(given["lines"], before)
                    loops.lines = w.address(line, w.integer("mul", b, width * self.lines)), self.lines
                loops.strip = lambda doubles: w.address(given["scratch"], self._reserve(doubles))
                for step in steps:
                    if step.nests[0].period:
                        periodic.write(loops, *step.nests)
                    else:
                        loops.together(step.nests, step.kept)
        for start, stop in _stretches(lane_sums):
            self._add_up(given, start, stop)

    def _add_up(self, given: dict[str, Name], start: int, stop: int) -> None:
        """G[i] = the sum over the lanes of sums[i], always in the same order."""
        w = self.w
        w.lanes = lanes = self.lanes
        with w.loop(start, stop) as i:
            total = w.total(w.load(w.address(given["sums"], w.integer("mul", i, lanes)), 8 * lanes))
            w.do(f"store double {total}, ptr {w.address(given['G'], i)}")
        w.lanes = 1


_SHARE = f"""define void @share(ptr %arguments, ptr %workspace) {{
entry:
  %place = getelementptr i64, ptr %arguments, i64 {FIELDS.index("shards")}
  %shards = load i64, ptr %place
  %taken = getelementptr i64, ptr %arguments, i64 {FIELDS.index("taken")}
  br label %next
next:
  %shard = atomicrmw add ptr %taken, i64 1 monotonic
  %some = icmp slt i64 %shard, %shards
  br i1 %some, label %mine, label %none
mine:
  call void @shard(ptr %arguments, ptr %workspace, i64 %shard)
  br label %next
none:
  ret void
}}"""


def _line(plan: Plan, lanes: int) -> int:
    """How many of a sample's first numbers are wanted side by side, in whole vectors, for tables of gradients."""
    ends = [
        access.base + gradient_sums.length(nest, access, lanes)
        for nest in plan.nests
        if nest.target.array == "out" and gradient_sums.fits(nest, lanes)
        for access in gradient_sums.strips(nest, lanes)
        if access.array == "X"
    ]
    return -(-max(ends, default=0) // 8) * 8


def _in_place(epilogue: Plan) -> bool:
    """Whether its output may lie where the sums G do: each iteration reads the sum alone whose place it writes."""
    return all(
        access.array != "G" or (run.terms == 1 and nest.target.array == "out" and nest.own(access))
        for nest in epilogue.nests
        for run in nest.reductions
        for access in run.accesses
    )


def _copies(nest: LoopNest) -> bool:
    """Whether a loop nest of an output writes what stands there already, should G lie there."""
    (run, *more) = nest.reductions
    plain = not more and run.expression == ("leaf", 0) and run.terms == 1 and run.sign > 0
    return plain and run.accesses[0].array == "G" and nest.target.array == "out" and nest.own(run.accesses[0])


Fused = Mapping[int, Any]
"""What runs together, by the id of a plan: steps of one for samples, else (whether step by step, nests or lines)."""


def fused(plans: Plans, lanes: int) -> tuple[dict[int, Any], list[list[LoopNest]] | None]:
    """The pass `fuse`: what runs together, and the same to be shown if anything does that did not before."""
    found: dict[int, Any] = {}
    together: list[list[LoopNest]] = []
    for plan in plans:
        if plan is plans.samples:
            found[id(plan)] = steps = register_fusion.steps(plan, lanes)
            together += [step.nests for step in steps]
            continue
        parts = found[id(plan)] = []
        in_place = plans.samples is not None and plan is plans.epilogue and _in_place(plan)
        for stepwise, nests in plan.parts():
            if stepwise:
                parts.append((True, nests))
            else:
                swept = stencil_fusion.swept([nest for nest in nests if not (in_place and _copies(nest))], lanes)
                parts += [(False, lines) for lines in swept]
                together += [[line.nest for line in lines] for lines in swept]
    return found, together if any(len(nests) > 1 for nests in together) else None


def _full_places(nest: LoopNest, lanes: int) -> list[int]:
    """Which entries of the output are summed up with the lanes along the table (gradient_sums.py)."""
    outer, inner = nest.dims[0], nest.dims[1] // lanes * lanes
    return [nest.target.base + i * nest.target.strides[0] + j for i in range(outer) for j in range(inner)]


def _stretches(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of neighbours in an increasing sequence, as (start, stop)."""
    found: list[tuple[int, int]] = []
    for n in numbers:
        if found and found[-1][1] == n:
            found[-1] = found[-1][0], n + 1
        else:
            found.append((n, n + 1))
    return found


def load(code: Code) -> jit.Compiled:
    """The code in memory."""
    return jit.compile_ir(code.text, "entry")
