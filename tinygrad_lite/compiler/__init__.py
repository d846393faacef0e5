"""Ways to run a computation again, fast. Read `compiled.py` first, then follow a function down the list of rooms.

    tracing/     the function becomes a tape
    finding/     rows found in it: the samples of a batch, or neighbours
    deriving/    its slopes, as more tape; rows of the table in simpler ones
    planning/    the tape as a few loops
    llvm/        these as machine code            numpy/  as NumPy calls
    training/    whole steps of training, for nn.compile_step

What a user calls, and what holds the rooms together:

    compiled.py       tg.compile; derived.py: its jacobian, jvp and the like; replay.py: for a recorded graph
    batched.py        tg.compile(batch=...); batch_call.py: its arguments, row_code.py: its code
    arguments.py      arguments of any nesting as one row of numbers; results.py: results likewise
    program.py        one path through a function, its code and its guards; prepared.py: a call in place
    programs.py       what a back end is given; runners.py: what all of them have in common
    backends.py       the choice of a back end, and the plain tape; python_backend.py: the tape as Python
    kept.py           programs and runners from the disk, when a tape was met before
    verify.py         whether a first result can be believed; uncompiled.py: what remains if not
    report.py         what was made, in words and numbers; passes.py: what each pass left; c_source.py: a plan as C

`garbage.py` keeps Python's collector out of the way.
"""

from tinygrad_lite.compiler.backends import available
from tinygrad_lite.compiler.compiled import CompiledFunction, compile
from tinygrad_lite.compiler.llvm.cache import clear_cache
from tinygrad_lite.compiler.replay import replay
from tinygrad_lite.compiler.tracing.paths import TooManyPaths
from tinygrad_lite.compiler.tracing.trace import TraceError
from tinygrad_lite.compiler.uncompiled import CompileWarning

__all__ = [
    "CompileWarning",
    "CompiledFunction",
    "TooManyPaths",
    "TraceError",
    "available",
    "clear_cache",
    "compile",
    "replay",
]
