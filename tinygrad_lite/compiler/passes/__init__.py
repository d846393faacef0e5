"""THE list of passes: what happens between `tg.compile(f)` and code that runs, in this order.

Each pass takes what one before it has left; one that finds nothing to do leaves no trace. `fast.passes()` shows what
each has left of the program made last, noted while it ran (log.py), and `tg.compile(f, dump=print)` prints it then.

The tiers differ in where they leave the list. A program begins on the machine tape: trace, instructions. Called often
enough, or prepared, it becomes loops: all the rest. Beside the passes stand nested.py, `tg.grad` inside a traced
function; programs.py, what a back end is given; and log.py. Begin to read with `adjoint.py`.
"""

from typing import NamedTuple


class Pass(NamedTuple):
    """One pass: its name, the file it stands in, what it takes, and what it leaves."""

    name: str
    file: str
    takes: str
    leaves: str


PASSES = (
    Pass("trace", "frontend/trace.py", "the function and its arguments", "a tape: the ops in order, and guards"),
    Pass("paths", "frontend/paths.py", "a loss of one sample", "a tape: all branches, joined by selects"),
    Pass("samples", "passes/alike.py, batching.py", "a tape", "a batch: one sample, its data, what follows the sum"),
    Pass("neighbours", "passes/stencil.py", "a batch that reads x[i], x[i+1], ...", "sums over i, each by its term"),
    Pass("hoist", "passes/samples.py", "the tape of one sample", "two: what all samples share is done once, before"),
    Pass("differentiate", "passes/adjoint.py", "tapes", "the same, tidied, and behind it the gradients"),
    Pass("lower", "passes/lowering.py", "tapes with any op", "tapes with ops that the back end has"),
    Pass("reroll", "passes/reroll.py, affine.py", "a tape", "a plan: like results as loop nests, affine or by table"),
    Pass("widen", "passes/widening.py", "the plan of one term", "the plan of all terms of sums over neighbours"),
    Pass("scan", "backends/llvm/scan.py", "a plan", "the same: steps that follow from one another in a loop"),
    Pass("fuse", "backends/llvm/*_fusion.py", "a plan", "the same: loop nests that read alike in one loop"),
    Pass("emit", "backends/", "the plan, or the tapes", "text: LLVM's, calls of NumPy, or Python"),
    Pass("instructions", "backends/llvm/instructions.py", "the tape", "what the machine tape runs, one for each op"),
    Pass("load", "runtime/program_cache.py", "the tape", "code that an earlier process has made of it and kept"),
)
