"""What each pass of the compiler leaves, one after the other.

In: a traced tape, what was found in it, and the runner made from that. Out: the text of `fast.passes()`. Nothing is
kept for it while compiling: the passes are functions, and those whose result is gone by now are run again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tinygrad_lite.compiler.deriving.lowering import lowered
from tinygrad_lite.compiler.deriving.quotients import reciprocals
from tinygrad_lite.compiler.finding.batching import Batch
from tinygrad_lite.compiler.finding.stencil import StencilProgram
from tinygrad_lite.compiler.llvm import jit, joining, recurring, sweeping
from tinygrad_lite.compiler.planning.plan import Plan
from tinygrad_lite.compiler.programs import Program
from tinygrad_lite.compiler.runners import Runner
from tinygrad_lite.compiler.tracing.tape import Tape


class Left(NamedTuple):
    """What one pass left."""

    file: str
    """The pass, by the name of its file in this folder."""
    what: str
    """What it did, in a few words."""
    size: str
    text: str


def passes(tape: Tape, batch: Batch | None, program: Program, runner: Runner) -> Iterator[Left]:
    """Every pass that did something to this tape, in order."""
    yield Left("trace.py", "the ops, in the order in which the function performed them", _ops(tape), str(tape))
    if isinstance(program, StencilProgram):
        batch = program.batch
    if batch is not None:
        parts = {"one row": batch.row, "what is made of the sum over the rows": batch.epilogue}
        yield _tapes("batching.py", f"a batch: {batch.rows:,} rows that perform the same ops", parts)
    tapes: dict[str, Tape] = {"": program.finale}
    if program.row is not None:
        tapes = {"before the rows": program.prologue, "each row": program.row, "at the end": program.finale}
    yield _tapes("adjoint.py", "the same, tidied, and behind it the slopes", tapes)
    if runner.plans is not None:
        low = {name: lowered(part, runner.plans.known) for name, part in tapes.items()}
        if any(new.op != tapes[name].op for name, new in low.items()):
            yield _tapes("lowering.py", "rows of the table that have no kernel, written in rows that have one", low)
        fewer = {name: reciprocals(part) for name, part in low.items()}
        if any(new is not low[name] for name, new in fewer.items()):
            yield _tapes("quotients.py", "one division for each divisor that is used often", fewer)
        plans = runner.plans
        named = {"before the rows": plans.prologue, "each row": plans.rows, "at the end": plans.finale}
        if plans.rows is None:
            named = {"": plans.finale}
        yield _plans("reroll.py", "like results as loops", {name: str(plan) for name, plan in named.items() if plan})
        if runner.name == "llvm" and plans.rows is not None:
            text = _shared(plans.rows)
            if text != str(plans.rows):
                yield _plans("joining.py", "what goes through like members in one loop", {"each row": text})
        if runner.name == "llvm":
            last = recurring.stepped(plans.finale)
            where = list(named)[-1]
            if last is not plans.finale:
                yield _plans("recurring.py", "steps that follow from one another in a loop", {where: str(last)})
            text = _swept(last)
            if text != str(last):
                yield _plans("sweeping.py", "what passes by the same numbers in one loop", {where: text})
    ends = {
        "llvm": ("llvm_backend.py", "one function for LLVM"),
        "numpy": ("numpy_backend.py", "a few NumPy calls for each loop"),
        "tape": ("python_backend.py", "one Python statement for each op"),
    }
    text = runner.text()
    yield Left(*ends[runner.name], f"{text.count(chr(10)) + 1:,} lines", text)


def shown(found: Iterator[Left], lines: int | None) -> str:
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


def _tapes(file: str, what: str, parts: Mapping[str, Tape]) -> Left:
    there = {
        name: tape for name, tape in parts.items() if tape is not None and (len(tape) or name in ("", "at the end"))
    }
    size = f"{sum(map(len, there.values())):,} ops"
    return Left(file, what, size, _headed({name: str(tape) for name, tape in there.items()}))


def _plans(file: str, what: str, parts: Mapping[str, str]) -> Left:
    text = _headed({name: part for name, part in parts.items() if part})
    size = f"{sum(part.count(chr(10)) + 1 for part in parts.values() if part):,} groups"
    return Left(file, what, size, text)


def _headed(parts: Mapping[str, str]) -> str:
    return "\n".join(f"# {name}\n{text}" if name else text for name, text in parts.items())


def _shared(plan: Plan) -> str:
    """The groups as the loops over the rows take them: those that go together stand together."""
    lines = []
    for step in joining.steps(plan, jit.host().lanes):
        several = len(step.groups) > 1
        lines += ["together:", *(f"    {group}" for group in step.groups)] if several else [str(step.groups[0])]
    return "\n".join(lines)


def _swept(plan: Plan) -> str:
    """The groups of a plan without rows: those that share a loop stand together."""
    lines: list[str] = []
    for stepwise, groups in plan.parts():
        if stepwise:
            lines += ["step by step:", *(f"  {group}" for group in groups)]
            continue
        for together in sweeping.swept(groups, jit.host().lanes):
            texts = [str(line.group) for line in together]
            lines += ["together:", *(f"    {text}" for text in texts)] if len(texts) > 1 else texts
    return "\n".join(lines)
