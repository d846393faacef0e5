"""THE list of passes: what happens between `tg.compile(f)` and code that runs, in this order.

Each pass that has a function is run from here, one after the other, on one `Work`: it takes what those before it have
left there, and says what it leaves itself; one that finds nothing to do leaves no trace. The first ones belong to the
front end and the last ones to the back ends, which note what they leave. So `fast.passes()` and
`tg.compile(f, dump=print)` show what ran (log.py).

The tiers differ in where they leave the list. A program begins on the machine tape: trace, instructions. Called often
enough, or prepared, it becomes loops: all the rest. Plain Python takes what `differentiate` leaves, NumPy what `widen`
leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from tinygrad_lite.compiler.ir.loop_nest import Plan, Plans
from tinygrad_lite.compiler.ir.tape import Builder, Tape
from tinygrad_lite.compiler.passes import batching, stencil
from tinygrad_lite.compiler.passes.alike import Alike, alike
from tinygrad_lite.compiler.passes.log import Left, Pass, ran
from tinygrad_lite.compiler.passes.lowering import lowered
from tinygrad_lite.compiler.passes.programs import Program
from tinygrad_lite.compiler.passes.reroll import reroll
from tinygrad_lite.compiler.passes.samples import AFTER, BEFORE, EACH
from tinygrad_lite.compiler.passes.scan import stepped
from tinygrad_lite.compiler.passes.widening import lifted

Found = Left | Mapping[str, Left] | None
"""What a pass left; None if it found nothing to do."""

Fuse = Callable[[Plans], tuple[Mapping[int, Any], Left | None]]
"""What a back end finds of loop nests that share a loop: for itself, and to be shown."""


class Work:
    """What the passes work on.

    Attributes:
        batch, neighbours: what was found in the tape, if anything.
        program: what was made of that.
        low: its tapes in ops that the back end knows, by title.
        plans: the loops made of these.
        fused: which of their loop nests share a loop.
    """

    alike: Alike | None  # samples of which it is not known yet what they read
    plans: Plans

    tape: Tape
    wrt: Sequence[int] | None  # the inputs that gradients are wanted for
    program: Program
    known: AbstractSet[str] = frozenset()  # ops that the back end can compute
    fuse: Fuse

    def __init__(self, **given: Any) -> None:
        vars(self).update(given)
        self.batch: batching.Batch | None = None
        self.neighbours: stencil.StencilProgram | None = None
        self.low: dict[str, Builder] = {}
        self.fused: Mapping[int, Any] = {}


def run(work: Work, first: str, last: str) -> Work:
    """Run the passes from the first to the last of these names."""
    names = [each.name for each in PASSES]
    for each in PASSES[names.index(first) : names.index(last) + 1]:
        left = each.run(work) if each.run is not None else None
        if left is not None:
            ran(each, left)
    return work


def differentiated(program: Program) -> Program:
    """The program with its gradients, as every back end takes it."""
    return run(Work(program=program), "hoist", "differentiate").program


def _samples(it: Work) -> Found:
    it.alike = alike(it.tape)
    it.batch = batching.joined(it.tape, it.alike, [it.tape.inputs[i] for i in it.wrt or ()])
    if it.batch is None:
        return None
    return {f"each of {it.batch.samples:,} samples": it.batch.sample, "what is made of their sum": it.batch.epilogue}


def _neighbours(it: Work) -> Found:
    if it.batch is not None or not it.wrt or it.alike is None:
        return None
    it.neighbours = stencil.find(batching.joined(it.tape, it.alike), len(it.tape.inputs), it.wrt)
    if it.neighbours is None:
        return None
    sums = {f"each of {each.samples:,}": each.tape for each in it.neighbours.sums}
    return sums | {"what is made of them": it.neighbours.ending.tape}


def _lower(it: Work) -> Found:
    tapes = it.program.tapes()
    it.low = {title: lowered(tape, it.known) for title, tape in tapes.items()}
    return it.low if any(it.low[title] is not tape for title, tape in tapes.items()) else None


def _reroll(it: Work) -> Found:
    program, n = it.program, it.program.parameters
    how: dict[str, Any] = {BEFORE: {"places": range(n, n + len(program.prologue.outputs))}, EACH: {"samples": ("X",)}}
    plans = {
        title: reroll(tape, dict(zip(tape.inputs, program.arrays(title), strict=True)), **how.get(title, {}))
        for title, tape in it.low.items()
    }
    if not plans:
        return None
    it.plans = Plans(plans.get(BEFORE), plans.get(EACH), plans.get(AFTER) or Plan([], {}, [], set(), 0))
    return plans


def _widen(it: Work) -> Found:
    if not isinstance(it.program, stencil.StencilProgram):
        return None
    it.plans = Plans(None, None, lifted(it.program.sums, it.program.ending, it.program.wrt, it.known))
    return it.plans.epilogue


def _scan(it: Work) -> Found:
    found = stepped(it.plans.epilogue)
    if found is it.plans.epilogue:
        return None
    it.plans.epilogue = found
    return found


def _fuse(it: Work) -> Found:
    it.fused, left = it.fuse(it.plans)
    return left


PASSES = (
    TRACE := Pass("trace", "the function and its arguments", "a tape: the ops in order, and guards"),
    PATHS := Pass("paths", "a loss of one sample", "a tape: all branches, joined by selects"),
    Pass("samples", "a tape", "a batch: one sample, its data, what follows the sum", _samples),
    Pass("neighbours", "a tape that reads x[i], x[i+1], ...", "sums over i, each by its term", _neighbours),
    Pass(
        "hoist",
        "the tape of one sample",
        "two: what all samples share is done once, before",
        lambda it: it.program.hoist(),
    ),
    Pass(
        "differentiate", "tapes", "the same, tidied, and behind it the gradients", lambda it: it.program.differentiate()
    ),
    Pass("lower", "tapes with any op", "tapes with ops that the back end has", _lower),
    Pass("reroll", "tapes", "plans: like results as loop nests, affine or by table", _reroll),
    Pass("widen", "sums over neighbours", "the plan of all terms of these sums", _widen),
    Pass("scan", "a plan", "the same: steps that follow from one another in a loop", _scan),
    Pass("fuse", "plans", "the same: loop nests that read alike in one loop", _fuse),
    EMIT := Pass("emit", "the plans, or the tapes", "text: LLVM's, calls of NumPy, or Python"),
    INSTRUCTIONS := Pass("instructions", "the tape", "what the machine tape runs, one for each op"),
    LOAD := Pass("load", "the tape", "code that an earlier process has made of it and kept"),
)
