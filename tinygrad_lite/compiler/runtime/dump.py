"""What each pass of the compiler leaves, one after the other.

In: a traced tape, what was found in it, and the runner made from that. Out: the text of `fast.passes()`. Nothing is
kept for it while compiling: the passes are functions, and those whose result is gone by now are run again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tinygrad_lite.compiler.backends.llvm import jit, register_fusion, scan, stencil_fusion
from tinygrad_lite.compiler.backends.runners import Runner
from tinygrad_lite.compiler.ir.loop_nest import Plan
from tinygrad_lite.compiler.ir.tape import Tape
from tinygrad_lite.compiler.passes.batching import Batch
from tinygrad_lite.compiler.passes.lowering import lowered
from tinygrad_lite.compiler.passes.programs import Program
from tinygrad_lite.compiler.passes.reciprocals import reciprocals
from tinygrad_lite.compiler.passes.stencil import StencilProgram


class PassDump(NamedTuple):
    """What one pass left."""

    file: str
    """The pass, by the name of its file in this folder."""
    what: str
    """What it did, in a few words."""
    size: str
    text: str


def passes(tape: Tape, batch: Batch | None, program: Program, runner: Runner) -> Iterator[PassDump]:
    """Every pass that did something to this tape, in order."""
    yield PassDump("trace.py", "the ops, in the order in which the function performed them", _ops(tape), str(tape))
    if isinstance(program, StencilProgram):
        batch = program.batch
    if batch is not None:
        parts = {"one row": batch.sample, "what is made of the sum over the rows": batch.epilogue}
        yield _tapes("batching.py", f"a batch: {batch.samples:,} rows that perform the same ops", parts)
    tapes: dict[str, Tape] = {"": program.epilogue}
    if program.sample is not None:
        tapes = {"before the rows": program.prologue, "each row": program.sample, "at the end": program.epilogue}
    yield _tapes("adjoint.py", "the same, tidied, and behind it the gradients", tapes)
    if runner.plans is not None:
        low = {name: lowered(part, runner.plans.known) for name, part in tapes.items()}
        if any(new.op != tapes[name].op for name, new in low.items()):
            yield _tapes("lowering.py", "rows of the table that have no kernel, written in rows that have one", low)
        fewer = {name: reciprocals(part) for name, part in low.items()}
        if any(new is not low[name] for name, new in fewer.items()):
            yield _tapes("reciprocals.py", "one division for each divisor that is used often", fewer)
        plans = runner.plans
        named = {"before the rows": plans.prologue, "each row": plans.samples, "at the end": plans.epilogue}
        if plans.samples is None:
            named = {"": plans.epilogue}
        yield _plans("reroll.py", "like results as loops", {name: str(plan) for name, plan in named.items() if plan})
        if runner.name == "llvm" and plans.samples is not None:
            text = _shared(plans.samples)
            if text != str(plans.samples):
                yield _plans("register_fusion.py", "what goes through like members in one loop", {"each row": text})
        if runner.name == "llvm":
            last = scan.stepped(plans.epilogue)
            where = list(named)[-1]
            if last is not plans.epilogue:
                yield _plans("scan.py", "steps that follow from one another in a loop", {where: str(last)})
            text = _swept(last)
            if text != str(last):
                yield _plans("stencil_fusion.py", "what passes by the same numbers in one loop", {where: text})
    ends = {
        "llvm": ("llvm_backend.py", "one function for LLVM"),
        "numpy": ("text.py", "a few NumPy calls for each loop"),
        "machine tape": ("instructions.py", "one instruction for each op, run by one interpreter in machine code"),
        "tape": ("python.py", "one Python statement for each op"),
    }
    text = runner.text()
    yield PassDump(*ends[runner.name], f"{text.count(chr(10)) + 1:,} lines", text)


def shown(found: Iterator[PassDump], lines: int | None) -> str:
    """The passes as one text, with so many lines of each; None for all of them."""
    parts = []
    for number, left in enumerate(found, 1):
        written = left.text.split("\n")
        more = len(written) - lines if lines is not None and len(written) > lines + 1 else 0
        written = written[:lines] if more else written
        parts.append(
            f"{number}. {left.file}: {left.what} ({left.size})\n"
            + "\n".join("   " + line if line else "" for line in written)
            + (f"\n   ... {more:,} more lines" if more else "")
        )
    return "\n\n".join(parts)


def _ops(tape: Tape) -> str:
    return f"{len(tape):,} op{'s' * (len(tape) != 1)}"


def _tapes(file: str, what: str, parts: Mapping[str, Tape]) -> PassDump:
    there = {
        name: tape for name, tape in parts.items() if tape is not None and (len(tape) or name in ("", "at the end"))
    }
    size = f"{sum(map(len, there.values())):,} ops"
    return PassDump(file, what, size, _headed({name: str(tape) for name, tape in there.items()}))


def _plans(file: str, what: str, parts: Mapping[str, str]) -> PassDump:
    text = _headed({name: part for name, part in parts.items() if part})
    size = f"{sum(part.count(chr(10)) + 1 for part in parts.values() if part):,} groups"
    return PassDump(file, what, size, text)


def _headed(parts: Mapping[str, str]) -> str:
    return "\n".join(f"# {name}\n{text}" if name else text for name, text in parts.items())


def _shared(plan: Plan) -> str:
    """The loop nests as the loops over the samples take them: those that go together stand together."""
    lines = []
    for step in register_fusion.steps(plan, jit.host().lanes):
        several = len(step.nests) > 1
        lines += ["together:", *(f"    {nest}" for nest in step.nests)] if several else [str(step.nests[0])]
    return "\n".join(lines)


def _swept(plan: Plan) -> str:
    """The loop nests of a plan without samples: those that share a loop stand together."""
    lines: list[str] = []
    for stepwise, nests in plan.parts():
        if stepwise:
            lines += ["step by step:", *(f"  {nest}" for nest in nests)]
            continue
        for together in stencil_fusion.swept(nests, jit.host().lanes):
            texts = [str(line.nest) for line in together]
            lines += ["together:", *(f"    {text}" for text in texts)] if len(texts) > 1 else texts
    return "\n".join(lines)
