"""Ways to run a computation again, fast. Read `api.py` first, then follow a function through the packages.

    frontend/    the function becomes a tape: trace, paths through branches, arguments and results
    ir/          what the passes read and write: the tape, and loop nests
    passes/      THE list of what happens to it, and how: from tape to tape, and from tape to loop nests
    backends/    loop nests made to run: machine code through LLVM, NumPy, plain Python
    runtime/     one compiled program at work: its guards, verification, the cache on the disk, its report
    training/    whole steps of training, for nn.compile_step

What a user calls:

    api.py       tg.compile, which gives a function of compiled.py, or with batch= of batched.py
    replay.py    tg.replay, for a graph that is recorded already
"""

from tinygrad_lite.compiler.api import compile
from tinygrad_lite.compiler.backends.choice import available
from tinygrad_lite.compiler.backends.llvm.cache import clear_cache
from tinygrad_lite.compiler.compiled import CompiledFunction
from tinygrad_lite.compiler.frontend.paths import TooManyPaths
from tinygrad_lite.compiler.frontend.trace import TraceError
from tinygrad_lite.compiler.replay import replay
from tinygrad_lite.compiler.runtime.fallback import CompileWarning

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
