"""Ways to run a computation again, fast. Read `compiled.py` first, then follow a function down the list.

    compiled.py        tg.compile: what a user calls               batched.py, replay.py: its two relatives
    arguments.py       arguments of any nesting as one row of numbers; results.py: results likewise
    trace.py           running a function on tracers, which write a tape; paths.py: every way through its branches
    tape.py            the flat tape, and the builder that keeps it tidy; recording.py: as it is written
    batching.py        rows found in a loss written as a loop over samples; alike.py: those of the same ops;
                       columns.py: a tape as NumPy arrays
    rows.py            such a loss as prologue, row and finale
    stencil.py         sums over neighbouring inputs; lifting.py: the plan of one row made the plan of all
    adjoint.py         the gradient of a tape, as more tape; transforms.py: jacobian, jvp, hvp (derived.py calls them);
                       nested.py: tg.grad and its kin inside a traced function
    lowering.py        rows of the table written in rows that have a kernel; quotients.py: fewer divisions
    reroll.py          the tape's loops found again; affine.py: what they read
    plan.py            the plan: groups of like results, the form all back ends share
    backends.py        the choice of a back end, and the plain tape
    numpy_backend.py   the plan as NumPy calls; numpy_text.py: the text of a plan; numpy_nodes.py: its expressions;
                       numpy_expressions.py, numpy_sums.py, numpy_dense.py, numpy_layers.py: they as calls;
                       numpy_reads.py, numpy_calls.py: views and room
    llvm_backend.py    the plan as functions in LLVM's text; loops.py, slopes.py, patterns.py: their parts;
                       sweeping.py: what passes by the same numbers; recurring.py: steps that follow from one another;
                       joining.py, tiles.py: what shares registers; fusing.py, blocking.py, rooms.py: the cache;
                       writer.py: one instruction at a time
    buffers.py         the arrays that machine code works in; threads.py: several threads share a call
    python_backend.py  the tape as Python; c_source.py: the plan as C, to look at
    verify.py          whether a large program's first result can be believed
    kept.py            programs and runners from the disk, when a tape was met before
    program.py         one path through a function, its code and its guards; prepared.py: a call in place
    report.py          what was made, in words and numbers; passes.py: what each pass left

`training.py` is nn.compile_step, whole steps of training; machine.py, training_code.py and bound.py are its parts.
`kernels/`, `jit.py` and `cache.py` are the ground this stands on: vector functions, LLVM, the disk; `garbage.py`
keeps Python's collector out of the way. `uncompiled.py` is what remains when nothing can be compiled.
"""

from tinygrad_lite.compiler.backends import available
from tinygrad_lite.compiler.cache import clear_cache
from tinygrad_lite.compiler.compiled import CompiledFunction, compile
from tinygrad_lite.compiler.paths import TooManyPaths
from tinygrad_lite.compiler.replay import replay
from tinygrad_lite.compiler.trace import TraceError
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
