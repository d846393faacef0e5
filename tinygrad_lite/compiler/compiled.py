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
import inspect
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.calculus.jacobian import rows
from tinygrad_lite.calculus.products import hvp, jvp
from tinygrad_lite.calculus.pytree import Structure, builder, fill, labels, size, strip
from tinygrad_lite.calculus.transforms import derivatives_wrt, value_and_grad
from tinygrad_lite.compiler.backends import choice, runners
from tinygrad_lite.compiler.frontend.arguments import Call, Reader, numbers, reader
from tinygrad_lite.compiler.frontend.paths import TooManyPaths
from tinygrad_lite.compiler.frontend.trace import Uncomparable
from tinygrad_lite.compiler.ir.recording import Recording
from tinygrad_lite.compiler.passes.adjoint import differentiable
from tinygrad_lite.compiler.runtime.fallback import CompileWarning, Leaf, outside, sooner, without_llvm
from tinygrad_lite.compiler.runtime.gc_pause import gc_paused
from tinygrad_lite.compiler.runtime.prepared import Prepared
from tinygrad_lite.compiler.runtime.program import ALL, Program, Settings, Wrt
from tinygrad_lite.compiler.runtime.report import Described
from tinygrad_lite.compiler.runtime.verify import disagreement, long_disagreement
from tinygrad_lite.engine.modes import remembering
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


class Specialized:
    """What is known of calls with arguments of one structure.

    Attributes:
        programs: for each path through the function one, the newest first.
        wanted: what `argnums` means here: the inputs, and what shapes a gradient.
        why_not: why such calls are not compiled; empty if they are.
        read: reads such arguments, all given by their places, without finding out what they look like.
    """

    __slots__ = ("key", "programs", "wanted", "why_not", "read")

    def __init__(self, key: Structure) -> None:
        self.key: Structure = key
        self.programs: list[Program] = []
        self.wanted: tuple[Wrt, Callable[[Any], Any]] | None = None
        self.why_not: str = ""
        self.read: Reader | None = None


class CompiledFunction(Described):
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
        self._served: dict[Structure, Specialized] = {}  # by the structure of the arguments
        self._filled: dict[Structure, tuple[list[str], Callable[[Any], Any]]] = {}  # names, and what fills it
        self._last: Specialized | None = None  # of the last call: the next one will most often be like it

    # ------------------------------------------------------------------ what a user calls

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value, with floats where the function would give Values; with `batch=`, the mean over the samples."""
        if current_trace.get() is not None:
            return self.uncompiled(*args, **kwargs)
        call, served = self._call(args, kwargs)
        program, out = self._answer(call, served, None)
        if program is not None:
            return program.shaped(out)
        root, _ = self._by_engine(call)
        return root.data if isinstance(root, Value) else strip(root)

    def value_and_grad(self, *args: Any, **kwargs: Any) -> tuple[float, Any]:
        """The value, and its gradient in the shape of the argument: list, tuple, dict or array.

        The gradient is w.r.t. the first argument, or those named by `argnums`, which then come as a tuple.

        >>> import tinygrad_lite as tg
        >>> fast = tg.compile(lambda w: tg.tanh(w[0] * w[1]) + w[1]**2)
        >>> value, gradient = fast.value_and_grad([0.0, 3.0])
        >>> value, gradient
        (9.0, [3.0, 6.0])
        """
        if current_trace.get() is not None:
            return value_and_grad(self.uncompiled, self.argnums)(*args, **kwargs)
        call, served = self._call(args, kwargs)
        wrt, shaped = served.wanted or self._asked(call, served)
        program, out = self._answer(call, served, wrt)
        if program is None:
            root, given = self._by_engine(call)
            chosen = given if wrt == ALL else [given[i] for i in wrt or ()]
            out = [float(getattr(root, "data", root)), *derivatives_wrt(chosen, root, False)]
        return float(out[0]), shaped(out)

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
        call, served = self._call(args, kwargs)
        values = call.values()
        wrt, receivers = self._receivers(values)
        program, out = self._answer(call, served, wrt)
        if program is None:  # its graph tells what it used from outside
            root, given = self._by_engine(call)
            if isinstance(root, Value):
                root.backward()
            shares = [(value, given[i].grad) for i, value in values.items()]
            out = [getattr(root, "data", root)]
        else:
            n = len(program.captured)
            shares = [(value, out[i]) for i, value in receivers.items()]
            shares += zip(program.captured, out[len(out) - n :], strict=True)
        for value, share in shares:
            value.grad = value.grad + float(share)
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
        call, program, wrt = self.prepared(*args, **kwargs)
        if program is None:
            why = self._specialized(call).why_not or "its result is not finite here"
            raise TinygradLiteError(f"{self.__name__} does not run compiled on these arguments: {why}{user_line()}.")
        return Prepared(program.runners[wrt], *program.given(wrt, call), len(wrt or ()))

    def prepared(self, *args: Any, **kwargs: Any) -> tuple[Call, Program | None, Wrt]:
        """These arguments, their program, and what of it gives gradients: verified loops. None if not compiled."""
        call, served = self._call(args, kwargs)
        wrt, _ = served.wanted or self._asked(call, served)
        program, _ = self._answer(call, served, wrt)
        if program is None:
            return call, None, None
        inputs = program.inputs(wrt)
        if inputs is not None and program.hastened(inputs, call.samples, asked=True) is not None:
            program, _ = self._answer(call, self._specialized(call), wrt)
        return call, program, inputs

    def _programs_made(self) -> list[Program]:
        """The programs made so far, for what `Described` shows."""
        return [program for served in self._served.values() for program in served.programs]

    def _refusals(self) -> list[str]:
        return [served.why_not for served in self._served.values() if served.why_not]

    # ------------------------------------------------------------------ how a call is answered

    def _call(self, args: Any, kwargs: Any) -> tuple[Any, Specialized]:
        """The arguments, and what is known of such."""
        served = self._last
        if served is not None and served.read is not None:
            call = Call.like(served.key, served.read, args, kwargs)
            if call is not None:
                return call, served
        call = Call(args, kwargs)
        served = self._last = self._specialized(call)
        if served.programs and served.read is None and not kwargs:
            served.read = reader(call.key[1][0])
        return call, served

    def _specialized(self, call: Any) -> Specialized:
        return self._served.get(call.key) or self._served.setdefault(call.key, Specialized(call.key))

    def _answer(self, call: Any, served: Specialized, wrt: Wrt) -> tuple[Program | None, Any]:
        """The program that holds for these numbers and its outputs; (None, ()) asks to run without compiling."""
        if served.why_not:
            return None, ()
        programs = served.programs
        for program in programs:
            inputs = program.inputs(wrt)
            out = program.run(call.chunks, inputs, call.columns, call.samples, again=True)
            if out is not None:  # else a guard does not hold: another path
                return self._believed(program, call, inputs, out)
        with MAKING:
            if served.programs is not programs or served.why_not:
                return self._answer(call, served, wrt)  # another thread has been here meanwhile
            if len(programs) >= MOST_PATHS:
                lines = sorted({guard.line for program in programs for guard in program.tape.guards if guard.line})
                return self._give_up(call, f"it branches on its numbers, each time otherwise{', '.join(lines)}")
            return self._first(call, wrt)

    @gc_paused()
    def _first(self, call: Call, wrt: Wrt) -> tuple[Program | None, Any]:
        """Trace and make a program for a path that was not met before."""
        known = choice.available()
        if known[0] != "llvm" and self.settings.backend is None:
            without_llvm("calls of NumPy or plain Python" if len(known) > 1 else "plain Python")
        try:
            program = self._trace(call)
        except Uncomparable:
            return None, ()
        except TooManyPaths as reason:
            return self._give_up(call, str(reason))
        inputs = program.inputs(wrt)
        out = program.run(call.chunks, inputs, call.columns, call.samples, again=True)
        if out is None:
            return None, ()
        served = self._specialized(call)  # by its key of now: tracing tells which columns are labels
        served.programs = [program, *served.programs]
        return self._believed(program, call, inputs, out)

    def _believed(self, program: Program, call: Call, inputs: Wrt, out: Any) -> tuple[Program | None, Any]:
        """Finite results of code that agreed with the engine when it was first run; else without compiling."""
        if not runners.finite(out):
            return None, ()
        if inputs not in program.verified:
            started = time.perf_counter()
            with gc_paused():
                why = self._differs(program, call, inputs, out)
            program.runners[inputs].seconds["verifying"] = time.perf_counter() - started
            if why:
                program.evict(inputs)
                return self._give_up(call, why)
            program.agreed(inputs)
            if self.settings.backend is None and choice.available()[0] != "llvm":
                self._leave_to_the_engine(program, call, inputs)
        return program, out

    def _give_up(self, call: Call, why: str) -> tuple[None, Any]:
        self._specialized(call).why_not = why
        warnings.warn(
            f"{self.__name__} runs without compiling from now on: {why}.", CompileWarning, stacklevel=outside()
        )
        return None, ()

    def _trace(self, call: Any) -> Program:
        started = time.perf_counter()
        tape = Recording()
        trace = differentiable(tape)
        given = numbers(call.chunks)
        tracers = [trace.input(name, x) for name, x in zip(self._labels(call.key), given, strict=True)]
        args, kwargs = fill(call.key, tracers)
        shape, found = trace.lifted(traced_call(trace, self.f, *args, **kwargs))
        tape.outputs = [x.ref for x in found]
        made = Program(tape, tuple(trace.captured), self.settings, shape)
        made.seconds = time.perf_counter() - started
        made.traced = given + [value.data for value in trace.captured], [x.number for x in found]
        return made

    def _labels(self, structure: Structure) -> list[str]:
        try:
            known = [*inspect.signature(self.f).parameters]
        except (TypeError, ValueError):
            known = []
        (_, ((_, positional), (_, keys, keyed))) = structure
        words = [known[i] if i < len(known) else f"x{i + 1}" for i in range(len(positional))]
        parts = zip([*words, *keys], [*positional, *keyed], strict=True)
        return [label for word, part in parts for label in labels(part, word)]

    # ------------------------------------------------------------------ what gradients are w.r.t.

    def _asked(self, call: Any, served: Specialized) -> tuple[Wrt, Callable[[Any], Any]]:
        """The inputs that argnums names, and what gives their derivatives the shape of the arguments."""
        positional = call.key[1][0][1]
        parts, spans = [], []
        at = 1  # behind the value
        for i in [self.argnums] if isinstance(self.argnums, int) else self.argnums:
            if not -len(positional) <= i < len(positional):
                raise OperandError(
                    f"argnums names argument {i}, but {self.__name__} was given {len(positional)}{user_line()}."
                )
            first = sum(map(size, positional[: i % len(positional)]))
            parts.append(builder(positional[i], at, derivatives=True))
            spans.append(range(first, first + size(positional[i])))
            at += len(spans[-1])
        wrt: Wrt = spans[0] if len(spans) == 1 else tuple(i for span in spans for i in span)
        one = isinstance(self.argnums, int)
        served.wanted = wrt, parts[0] if one else lambda out: tuple([part(out) for part in parts])
        return served.wanted

    def _receivers(self, values: dict[int, Value]) -> tuple[Wrt, dict[int, Value]]:
        """What gradients `backward` needs, and where in what it finds those of these Values stand."""
        return (*values, *ALL), dict(enumerate(values.values(), 1))

    # ------------------------------------------------------------------ without compiling

    def _by_engine(self, call: Any) -> tuple[Any, list[Leaf]]:
        """The result as the engine's graph, and its leaves: what compiling must agree with, and falls back to."""
        return self._by_values(call.key, numbers(call.chunks))

    @remembering()
    def _by_values(self, structure: Structure, given: Sequence[float]) -> tuple[Any, list[Leaf]]:
        if structure not in self._filled:
            self._filled[structure] = self._labels(structure), builder(structure)
        labels, filled = self._filled[structure]
        leaves = list(map(Leaf, given, labels))
        args, kwargs = filled(leaves)
        return traced_call(self, self.f, *args, **kwargs), leaves

    def _leave_to_the_engine(self, program: Program, call: Call, wrt: Wrt) -> None:
        """Where there is no machine code: from now on by the engine, if it is faster on such a call."""

        def by_engine() -> None:
            root, given = self._by_engine(call)
            if wrt is not None:
                derivatives_wrt(given, root, False)

        if sooner(by_engine, lambda: program.run(call.chunks, wrt, call.columns, call.samples)):
            self._specialized(call).why_not = "without llvmlite the engine itself is faster on such arguments"

    def _differs(self, program: Program, call: Any, inputs: Wrt, out: Any) -> str:
        """What differs between the first compiled result and the engine's; empty if nothing does."""
        if len(program.tape) > (SHORT if inputs in program.known else LONGEST):
            return long_disagreement(program, inputs, call.chunks, out)
        return disagreement(program, inputs, call.chunks, out, functools.partial(self._by_values, call.key))
