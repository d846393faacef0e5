"""A function that is traced once for each structure of its arguments and then replayed.

In: a function written for numbers or Values. Out: a callable with the same arguments.

    fast = tg.compile(f)
    fast(x), fast.grad(x), fast.value_and_grad(x), fast.backward(x)

A call goes through four steps: the arguments become numbers (arguments.py); a program for their
structure, whose guards hold on these numbers, is looked up or made (program.py); it runs; and what
is not finite is run again without compiling, so that the same error appears as without it.
"""

from __future__ import annotations

import functools
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

from tinygrad_lite.calculus.jacobian import rows
from tinygrad_lite.calculus.products import hvp, jvp
from tinygrad_lite.calculus.pytree import Structure, fill, labels, leaves, size, strip
from tinygrad_lite.calculus.transforms import value_and_grad
from tinygrad_lite.compiler.backends import choice, runners
from tinygrad_lite.compiler.frontend.arguments import called, numbers
from tinygrad_lite.compiler.frontend.trace import Uncomparable
from tinygrad_lite.compiler.ir.recording import Recording
from tinygrad_lite.compiler.passes.adjoint import differentiable
from tinygrad_lite.compiler.runtime.fallback import CompileWarning, Leaf, outside, without_llvm
from tinygrad_lite.compiler.runtime.gc_pause import gc_paused
from tinygrad_lite.compiler.runtime.prepared import Prepared
from tinygrad_lite.compiler.runtime.program import Program, Settings, Wrt
from tinygrad_lite.compiler.runtime.report import Shown
from tinygrad_lite.compiler.runtime.verify import disagreement, long_disagreement
from tinygrad_lite.engine.modes import remembering
from tinygrad_lite.engine.op import number
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.tracing import current_trace, traced_call
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, TinygradLiteError, user_line

MOST_PATHS = 8
"""Programs for one structure; a function that still branches anew then runs without compiling."""

MAKING = threading.RLock()
"""Held while a program is made, so that threads which need the same one make it once."""

LONGEST = 500_000
"""Ops of a trace up to which the first compiled result is compared with the engine itself."""

SHORT = 5_000
"""Ops up to which it is, even if the code comes from the disk, where it was kept because it agreed."""


class CompiledFunction(Shown):
    """A function and its compiled programs; see `compile`."""

    def __init__(
        self,
        f: Callable[..., Any],
        argnums: int | tuple[int, ...] = 0,
        backend: str | None = None,
        threads: int | None = None,
        dump: Callable[[str], Any] | None = None,
    ) -> None:
        self.f = f
        self.argnums: int | tuple[int, ...] = argnums
        functools.update_wrapper(self, f, updated=())  # the attributes of a model that is called stay its own
        self.__name__: str = getattr(f, "__name__", "compiled")
        self.settings: Settings = Settings(self.__name__, backend, threads, dump)
        self._transforms: dict[str, CompiledFunction] = {}
        self._programs: dict[Structure, list[Program]] = {}
        self._wanted: dict[Structure, tuple[Wrt, list[tuple[Structure, int]]]] = {}  # what argnums means for each
        self._eager: dict[Structure, str] = {}  # structures that are not compiled, and why

    # ------------------------------------------------------------------ what a user calls

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value of the function, with floats where it would give Values."""
        if current_trace.get() is not None:
            return self.uncompiled(*args, **kwargs)
        structure, chunks = called(args, kwargs)
        program, out = self._run(structure, chunks, None)
        if program is None:
            return strip(self._by_values(structure, chunks)[0])
        return fill(program.result, [*map(float, out[: program.outputs])])

    def value_and_grad(self, *args: Any, **kwargs: Any) -> tuple[float, Any]:
        """The value, and its gradient in the shape of the argument: list, tuple, dict or array.

        The gradient is along the first argument, or along those named by `argnums`, which
        then come as a tuple.

        >>> import tinygrad_lite as tg
        >>> fast = tg.compile(lambda w: tg.tanh(w[0] * w[1]) + w[1]**2)
        >>> value, slopes = fast.value_and_grad([0.0, 3.0])
        >>> value, slopes
        (9.0, [3.0, 6.0])
        """
        if current_trace.get() is not None:
            return value_and_grad(self.uncompiled, self.argnums)(*args, **kwargs)
        structure, chunks = called(args, kwargs)
        wrt, parts = self._wanted.get(structure) or self._asked(structure)
        program, out = self._run(structure, chunks, wrt)
        if program is None:
            out = self._gradients_by_values(structure, chunks, wrt)
        return float(out[0]), self._shaped(parts, out[1:])

    def grad(self, *args: Any, **kwargs: Any) -> Any:
        """The gradient alone, in the shape of the argument; see `value_and_grad`."""
        return self.value_and_grad(*args, **kwargs)[1]

    def uncompiled(self, *args: Any, **kwargs: Any) -> Any:
        """The function as it was written: for those who must follow it, such as `tg.grad` or another `compile`."""
        return self.f(*args, **kwargs)

    def backward(self, *args: Any, **kwargs: Any) -> float:
        """The value; gradients are added to `.grad` of every leaf Value used, as `loss.backward()` would.

        The Values may be arguments, or come from outside as a model's parameters do.

        >>> import tinygrad_lite as tg
        >>> w = tg.Value(3.0)
        >>> loss = tg.compile(lambda x: (w * x) ** 2)
        >>> loss.backward(2.0), w.grad
        (36.0, 24.0)
        """
        structure, chunks = called(args, kwargs)
        values = [x if isinstance(x, Value) else None for x in leaves((args, kwargs))]
        wrt = tuple(i for i, value in enumerate(values) if value is not None)
        program, out = self._run(structure, chunks, (*wrt, -1))
        if program is None:
            root, given, _ = self._by_values(structure, chunks)
            found = adjoints(root)
            out = [root.data, *(found.pop(given[i], 0.0) for i in wrt)]
            for value, share in found.items():
                if not value.parents and value not in given:
                    value.grad = value.grad + share
            receivers = [values[i] for i in wrt]
        else:
            receivers = [*(values[i] for i in wrt), *program.captured]
        for receiver, share in zip(receivers, out[1:], strict=True):
            receiver.grad = receiver.grad + float(share)  # type: ignore[union-attr]
        return float(out[0])

    def jacobian(self, *args: Any, **kwargs: Any) -> Any:
        """All first derivatives: one line for each number of the result, one column for each of the argument."""
        import numpy as np

        found = self._transformed("jacobian", lambda: rows(self.uncompiled, self.argnums))(*args, **kwargs)
        return np.array(found, dtype=float).reshape(len(found), -1)

    def jvp(self, point: Any, direction: Any) -> tuple[Any, Any]:
        """The value at the point, and how fast it changes along the direction, which is built as the point is.

        Of a function of several arguments, the point is a tuple of them, as it is for `tg.jvp`.

        Raises:
            ShapeError: the direction is not built as the point is.
        """
        fast = self._transformed("jvp", lambda: lambda x, dx: jvp(self.uncompiled, x, dx))
        return fast(point, direction)  # type: ignore[no-any-return]

    def hvp(self, point: Any, direction: Any) -> Any:
        """The Hessian of a function of one result, times a direction, built as the point is; see `jvp`."""
        return self._transformed("hvp", lambda: lambda x, dx: hvp(self.uncompiled, x, dx))(point, direction)

    def _transformed(self, what: str, make: Callable[[], Callable[..., Any]]) -> CompiledFunction:
        """A transform of the function, compiled as well: it is traced as `tg.grad` inside a function is."""
        if what not in self._transforms:
            made = self._transforms[what] = CompiledFunction(make())
            made.__name__ = f"{what} of {self.__name__}"
            made.settings = self.settings._replace(name=made.__name__)
        return self._transforms[what]

    def prepare(self, *args: Any, **kwargs: Any) -> Prepared:
        """A call for value and gradient with these arguments in place, to be repeated; see `Prepared`.

        The branches of the function stay as they are for these arguments: guards are not looked at again.

        Raises:
            TinygradLiteError: the function cannot be compiled for these arguments.
        """
        self.value_and_grad(*args, **kwargs)
        structure, chunks = called(args, kwargs)
        wrt = self._wrt(structure)
        program, _ = self._run(structure, chunks, wrt)
        if program is not None and program.hastened(wrt, asked=True):
            program, _ = self._run(structure, chunks, wrt)
        if program is None:
            raise TinygradLiteError(f"{self.__name__} does not run compiled on these arguments{user_line()}.")
        given, data, samples = program.given(chunks, wrt)
        return Prepared(program.runners[wrt], given, data, samples, len(wrt or ()))

    def _programs_made(self) -> list[Program]:
        """The programs made so far, for what `Shown` shows."""
        return [program for programs in self._programs.values() for program in programs]

    # ------------------------------------------------------------------ how a call is answered

    def _run(self, structure: Structure, chunks: list[Any], wrt: Wrt) -> tuple[Program | None, Any]:
        """The program that holds for these numbers and its outputs; (None, ()) asks to run without compiling."""
        if self._eager and structure in self._eager:
            return None, ()
        programs = self._programs.get(structure)
        if programs is None:
            programs = self._programs.setdefault(structure, [])
        tried = len(programs)
        for program in programs:
            out = program.run(chunks, self._inputs(program, wrt), again=True)
            if out is not None:  # else a guard does not hold: another path
                return self._believed(program, structure, chunks, wrt, out)
        with MAKING:
            if len(programs) > tried or structure in self._eager:  # another thread has been here meanwhile
                return self._run(structure, chunks, wrt)
            if len(programs) >= MOST_PATHS:
                lines = sorted({guard.line for program in programs for guard in program.tape.guards if guard.line})
                self._give_up(structure, f"it branches on its numbers, each time otherwise{', '.join(lines)}")
                return None, ()
            return self._first(structure, programs, chunks, wrt)

    @gc_paused()
    def _first(
        self, structure: Structure, programs: list[Program], chunks: list[Any], wrt: Wrt
    ) -> tuple[Program | None, Any]:
        """Trace and make a program for a path that was not met before."""
        known = choice.available()
        if known[0] != "llvm" and self.settings.backend is None:
            without_llvm("calls of NumPy where it pays, else plain Python" if len(known) > 1 else "plain Python")
        try:
            program = self._traced(structure, numbers(chunks))
        except Uncomparable:
            return None, ()
        out = program.run(chunks, self._inputs(program, wrt), again=True)
        if out is None:
            return None, ()
        programs.insert(0, program)
        return self._believed(program, structure, chunks, wrt, out)

    def _believed(
        self, program: Program, structure: Structure, chunks: list[Any], wrt: Wrt, out: Any
    ) -> tuple[Program | None, Any]:
        """Finite results of code that agreed with the engine when it was first run; else without compiling."""
        if not runners.finite(out):
            return None, ()
        inputs = self._inputs(program, wrt)
        if inputs not in program.verified:
            started = time.perf_counter()
            why = self._disagreement(program, structure, chunks, wrt, out)
            program.runners[inputs].seconds["verifying"] = time.perf_counter() - started
            if why:
                program.forget(inputs)
                self._give_up(structure, why)
                return None, ()
            program.agreed(inputs)
        return program, out

    def _give_up(self, structure: Structure, why: str) -> None:
        self._eager[structure] = why
        warnings.warn(
            f"{self.__name__} runs without compiling from now on: {why}.", CompileWarning, stacklevel=outside()
        )

    def _traced(self, structure: Structure, given: list[float]) -> Program:
        started = time.perf_counter()
        tape = Recording()
        trace = differentiable(tape)
        tracers = [trace.input(name, x) for name, x in zip(self._labels(structure), given, strict=True)]
        args, kwargs = fill(structure, tracers)
        shape, found = trace.lifted(traced_call(trace, self.f, *args, **kwargs))
        tape.outputs = [x.ref for x in found]
        made = Program(tape, tuple(trace.captured), self.settings, shape)
        made.seconds = time.perf_counter() - started
        made.traced = given + [value.data for value in trace.captured], [x.number for x in found]
        return made

    def _labels(self, structure: Structure) -> list[str]:
        import inspect

        try:
            known = [*inspect.signature(self.f).parameters]
        except (TypeError, ValueError):
            known = []
        (_, ((_, positional), (_, keys, keyed))) = structure
        found: list[str] = []
        for i, part in enumerate(positional):
            found += labels(part, known[i] if i < len(known) else f"x{i + 1}")
        for key, part in zip(keys, keyed, strict=True):
            found += labels(part, key)
        return found

    def _arguments(self, structure: Structure) -> list[tuple[Structure, int]]:
        """The arguments that argnums names: the structure of each, and which input is its first."""
        positional = structure[1][0][1]
        named = [self.argnums] if isinstance(self.argnums, int) else self.argnums
        found = []
        for i in named:
            if not -len(positional) <= i < len(positional):
                raise OperandError(
                    f"argnums names argument {i}, but {self.__name__} was given {len(positional)}{user_line()}."
                )
            found.append((positional[i], sum(map(size, positional[: i % len(positional)]))))
        return found

    def _wrt(self, structure: Structure) -> Wrt:
        """The numbers of the inputs along which the gradient is wanted."""
        return (self._wanted.get(structure) or self._asked(structure))[0]

    def _asked(self, structure: Structure) -> tuple[Wrt, list[tuple[Structure, int]]]:
        """Those inputs, and the arguments that they make up with the size of each."""
        parts = self._arguments(structure)
        spans = [range(first, first + size(part)) for part, first in parts]
        wrt: Wrt = spans[0] if len(spans) == 1 else tuple(i for span in spans for i in span)
        known = self._wanted[structure] = wrt, [(part, size(part)) for part, _ in parts]
        return known

    def _inputs(self, program: Program, wrt: Wrt) -> Wrt:
        """The same, with -1 replaced by all that the function uses from outside."""
        if wrt and wrt[-1] == -1:
            n = len(program.tape.inputs)
            return (*wrt[:-1], *range(n - len(program.captured), n))
        return wrt

    def _shaped(self, parts: list[tuple[Structure, int]], gradients: Any) -> Any:
        """The derivatives w.r.t. the arguments of argnums, each in its argument's shape."""
        found, at = [], 0
        for part, n in parts:
            found.append(fill(part, gradients[at : at + n], derivatives=True))
            at += n
        return found[0] if isinstance(self.argnums, int) else tuple(found)

    def _gradients_by_values(self, structure: Structure, chunks: list[Any], wrt: Wrt) -> list[float]:
        """The value and its derivatives w.r.t. those inputs, by the engine."""
        root, given, _ = self._by_values(structure, chunks)
        found = adjoints(root) if isinstance(root, Value) else {}
        value = root.data if isinstance(root, Value) else number(root)
        return [value, *(found.get(given[i], 0.0) for i in wrt or ())]

    @remembering()
    def _by_values(self, structure: Structure, chunks: list[Any]) -> tuple[Any, list[Leaf], Any]:
        """The function run on Values: what compiling must agree with, and what it falls back to."""
        given = [Leaf(x, label) for x, label in zip(numbers(chunks), self._labels(structure), strict=True)]
        args, kwargs = fill(structure, given)
        return traced_call(self, self.f, *args, **kwargs), given, (args, kwargs)

    @gc_paused()
    def _disagreement(self, program: Program, structure: Structure, chunks: list[Any], wrt: Wrt, out: Any) -> str:
        """What differs between the first compiled result and the engine's; empty if nothing does."""
        inputs = self._inputs(program, wrt)
        if len(program.tape) > (SHORT if inputs in program.known else LONGEST):
            return long_disagreement(program, inputs, chunks, out)
        return disagreement(program, inputs, chunks, out, functools.partial(self._by_values, structure))
