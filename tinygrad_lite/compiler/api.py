"""`tg.compile`: the door to the compiler.

In: a function written for numbers or Values. Out: a `CompiledFunction` (compiled.py), or, of the loss of one sample,
a `BatchedFunction` (batched.py).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.compiler.backends.llvm.threads import checked
from tinygrad_lite.compiler.batched import BatchedFunction
from tinygrad_lite.compiler.compiled import CompiledFunction
from tinygrad_lite.errors import OperandError, user_line


def compile(
    f: Callable[..., Any] | None = None,
    *,
    batch: str | Sequence[str] | None = None,
    argnums: int | tuple[int, ...] = 0,
    backend: str | None = None,
    threads: int | None = None,
    dump: Callable[[str], Any] | None = None,
) -> Any:
    """`f`, traced once for each structure of its arguments and then replayed at the speed of the machine.

    Args:
        f: a function of numbers, lists, dicts or arrays, written as for Values. Without it you get a decorator.
        batch: names of arguments that are given as many samples. `f` is then the loss of one sample, and the
            compiled function gives the mean over all samples, and its `each` what f gives for each of them.
        argnums: the argument (or arguments) whose gradient `grad` gives.
        backend: "llvm", "numpy" or "tape"; by default the first of these that is installed. Where that is "llvm", a
            program begins on a tape in machine code, which is ready at once, and becomes loops when it is prepared or
            was called often enough for its size; named, "llvm" means loops from the first call.
        threads: at most so many share the samples of a large call on the LLVM back end; by default the number in the
            environment variable TINYGRAD_LITE_THREADS, else one a core. Every number gives the same bits.
        dump: is given what each pass of the compiler leaves, as text, as soon as it has run: `print`, or a list's
            `append`. `fast.passes()` shows the same afterwards; `compiler.passes.pipeline.PASSES` lists all there are.

    Branches are followed: a comparison in `f` becomes a guard, and numbers that take another branch
    are traced again. What `f` reads from outside, such as the parameters of a model, is read anew at
    each call if it is a Value and frozen otherwise. An argument is the number it is: it may be compared with another
    by `==`, steer a loop or be an index. `tg.grad` and the other transforms may be used inside. The first result is
    compared with the engine's. What was compiled is kept on the disk for the next process; the command
    `tinygrad-lite doctor` says where.

    >>> import tinygrad_lite as tg
    >>> @tg.compile(batch=("x", "y"))
    ... def loss(w, x, y):
    ...     return (w[0] * x + w[1] - y) ** 2
    >>> loss.grad([1.0, 0.0], [1.0, 3.0], [2.0, 6.0])
    [-10.0, -4.0]

    Raises:
        TraceError: f reads `.data` or `float(...)` of a traced value, which would freeze it.

    >>> fast = tg.compile(lambda x: x * x if x > 0 else -x)
    >>> fast(3.0), fast(-3.0), fast.grad(3.0)
    (9.0, 3.0, 6.0)
    """
    if f is None:
        return functools.partial(compile, batch=batch, argnums=argnums, backend=backend, threads=threads, dump=dump)
    if not callable(f):
        raise OperandError(f"compile needs a function, but got the {type(f).__name__} {f!r}{user_line()}.")
    batch = (batch,) if isinstance(batch, str) else batch
    if not isinstance(batch or (), (list, tuple, set)) or not all(isinstance(name, str) for name in batch or ()):
        raise OperandError(f"batch names arguments, as in batch=('x', 'y'), but got {batch!r}{user_line()}.")
    places = argnums if isinstance(argnums, tuple) else (argnums,)
    if not all(isinstance(place, int) for place in places):
        raise OperandError(
            f"argnums is the place of an argument, or a tuple of places, but got {argnums!r}{user_line()}."
        )
    how = argnums, backend, checked(threads), dump
    return BatchedFunction(f, batch, *how) if batch else CompiledFunction(f, *how)
