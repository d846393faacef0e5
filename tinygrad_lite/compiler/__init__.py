"""Ways to run a computation again, fast. Read `compiled.py` first, then `trace.py` and `tape.py`.

compiled.py        tg.compile: what a user calls
arguments.py       arguments of any nesting as one row of numbers
trace.py           running a function on tracers, which write a tape
tape.py            the flat tape, and the builder that keeps it tidy
adjoint.py         the gradient of a tape, as more tape
program.py         one path through a function: its tape, its code, its guards
python_backend.py  the plain tape as Python: the back end that always works
"""

from tinygrad_lite.compiler.compiled import CompiledFunction, CompileWarning, compile
from tinygrad_lite.compiler.trace import TooManyPaths, TraceError

__all__ = ["CompileWarning", "CompiledFunction", "TooManyPaths", "TraceError", "compile"]
