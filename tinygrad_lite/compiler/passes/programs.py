"""What a back end is given: a program, and the plans made of it.

In: a tape (a loss of samples: samples.py; neighbours: stencil.py; or neither, here). Out: its plans, in ops of the
table that the back end knows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_lite.compiler.ir.loop_nest import Plan
from tinygrad_lite.compiler.ir.tape import Builder, Ref, Tape
from tinygrad_lite.compiler.passes import widening
from tinygrad_lite.compiler.passes.adjoint import gradient, tidied
from tinygrad_lite.compiler.passes.log import ran
from tinygrad_lite.compiler.passes.lowering import lowered
from tinygrad_lite.compiler.passes.reroll import reroll
from tinygrad_lite.compiler.passes.samples import AFTER, BEFORE, EACH, SampleProgram
from tinygrad_lite.compiler.passes.stencil import StencilProgram


class PlainProgram:
    """A tape without samples in the form of a sample program: all of it is epilogue."""

    def __init__(self, tape: Tape, wrt: Sequence[Ref] | None) -> None:
        epilogue = tidied(tape)
        guards = [guard.flag for guard in epilogue.guards]
        if wrt is not None:
            position = {ref: i for i, ref in enumerate(tape.inputs)}
            gradient(epilogue, [epilogue.inputs[position[ref]] for ref in wrt])
        epilogue.outputs += guards  # flags: the caller compares them with what they were
        epilogue.guards = []
        self.epilogue = epilogue
        self.epilogue_arrays: dict[Ref, tuple[str, int]] = {ref: ("P", i) for i, ref in enumerate(epilogue.inputs)}
        self.parameters: int = len(epilogue.inputs)
        self.columns = 0
        self.sample: Builder | None = None
        self.sample_arrays: dict[Ref, tuple[str, int]] = {}
        self.prologue: Builder = Builder()
        self.outputs: int = len(epilogue.outputs)
        ran("differentiate", epilogue)


Program = SampleProgram | PlainProgram | StencilProgram


class Plans:
    """The plans of a program in the ops of the table that a back end knows: others are replaced."""

    def __init__(self, program: Program, known: set[str]) -> None:
        self.known = known
        self.seconds = {}
        start = time.perf_counter()
        n = program.parameters
        after = list(range(n, n + len(program.prologue.outputs)))
        self.prologue: Plan | None = None
        self.samples: Plan | None = None
        if isinstance(program, StencilProgram):
            self.epilogue: Plan = widening.lifted(program.sums, program.ending, program.wrt, known)
            ran("widen", self.epilogue)
        else:
            tapes = {"": program.epilogue}
            arrays = {"": program.epilogue_arrays}
            how: dict[str, dict[str, Any]] = {"": {}}
            if program.sample is not None:
                tapes = {BEFORE: program.prologue, EACH: program.sample, AFTER: program.epilogue}
                uniform = {ref: ("P", i) if i < n else ("N", 0) for i, ref in enumerate(program.prologue.inputs)}
                arrays = {BEFORE: uniform, EACH: program.sample_arrays, AFTER: program.epilogue_arrays}
                how = {BEFORE: {"places": after}, EACH: {"samples": ("X",)}, AFTER: {}}
            plans = _rerolled({title: tape for title, tape in tapes.items() if tape.outputs}, arrays, known, how)
            self.prologue = plans.get(BEFORE)
            self.samples = plans.get(EACH)
            self.epilogue = plans.get(AFTER) or plans.get("") or Plan([], {}, [], set(), 0)
        self.sums: int = len(program.sample.outputs) if program.sample is not None else 0
        self.seconds["finding loops"] = time.perf_counter() - start

    def __iter__(self) -> Any:
        return iter([p for p in (self.prologue, self.samples, self.epilogue) if p is not None])


def _rerolled(
    tapes: Mapping[str, Builder],
    arrays: Mapping[str, Mapping[Ref, tuple[str, int]]],
    known: set[str],
    how: Mapping[str, dict[str, Any]],
) -> dict[str, Plan]:
    """The plan of each of these tapes."""
    low = {title: lowered(tape, known) for title, tape in tapes.items()}
    if any(low[title] is not tape for title, tape in tapes.items()):
        ran("lower", low)
    plans = {}
    for title, tape in low.items():
        places = zip(tape.inputs, tapes[title].inputs, strict=True)
        plans[title] = reroll(tape, {new: arrays[title][old] for new, old in places}, **how[title])
    ran("reroll", plans)
    return plans
