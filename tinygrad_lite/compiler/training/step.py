"""A whole step of training compiled: samples in, loss out, and the parameters have moved.

In: a model, a loss of (outputs, targets) and an optimizer, as `nn.fit` takes them. Out: a `CompiledStep`.
The loss is compiled for all samples of a batch (batched.py); the optimizer's rule is traced on vectors and
put behind it (code.py, run by machine.py); the parameters' numbers live in one array from then
on (bound.py). Without llvmlite the gradient is computed by the best back end there is, and the
optimizer takes its own step.
"""

from __future__ import annotations

import math
import warnings
from array import array
from collections.abc import Callable
from typing import Any

from tinygrad_lite.compiler.backends.llvm.threads import checked
from tinygrad_lite.compiler.batched import BatchedFunction
from tinygrad_lite.compiler.runtime.bound import changes, holds, release
from tinygrad_lite.compiler.runtime.fallback import CompileWarning, outside
from tinygrad_lite.compiler.training.machine import Machine, Unseen, not_finite
from tinygrad_lite.engine.foreign import as_numpy
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import AnomalyError, OperandError, ShapeError, TinygradLiteError, user_line

_NOTHING = (object(), *[None] * 10)
"""What a step knows of its next call before the first: no array is this object."""


class CompiledStep:
    """What `nn.compile_step` gives; see there.

    Attributes:
        model, optimizer: what was given.
        losses: the loss of every step so far, before the step was taken; an array of doubles.
    """

    def __init__(
        self,
        model: Any,
        loss: Callable[[Any, Any], Any],
        optimizer: Any,
        penalty: Callable[[Any], Any] | None = None,
        backend: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.model: Any = model
        self.loss = loss
        self.optimizer: Any = optimizer
        self.penalty = penalty
        self.backend: str | None = backend
        self.threads: int | None = checked(threads)
        self.losses: array[float] = array("d")
        self._drawing = [m for _, m in model.modules() if hasattr(m, "reseed")] if hasattr(model, "modules") else []
        self._by_label: bool | None = None
        self._why_not = ""
        self._gradient: BatchedFunction | None = None
        self._machine: Machine | None = None
        self._machines: dict[Any, Machine] = {}
        self._ready: tuple[Any, ...] = _NOTHING

    # ------------------------------------------------------------------ what a user calls

    def __call__(self, X: Any, y: Any) -> float:
        """One step on these samples: the mean loss before it.

        Args:
            X: m samples of inputs.
            y: m targets: a class or number for each sample, or a sample of numbers for each.

        Raises:
            AnomalyError: the loss is not finite; no parameter has moved.
        """
        known_X, known_y, optimizer, rate, hyper, bindings, columns, number, train, where, append = self._ready
        if (
            X is known_X and y is known_y and optimizer.lr is rate and optimizer.hyper == hyper
            and changes[0] == bindings
        ):  # fmt: skip
            state = optimizer.state
            for name, column in columns:
                if state[name] is not column:
                    break
            else:
                if number is not None:
                    number[1] = optimizer.steps + 1.0
                loss: float = train(where)
                if loss == loss:  # else it is no number, which says that no parameter has moved
                    optimizer.steps += 1
                    append(loss)
                    return loss
        return self._step(X, y)

    def _step(self, X: Any, y: Any) -> float:
        """One step on samples that may be new; if the next one may have the same, all it needs is laid out for it."""
        X, y = as_numpy(X), as_numpy(y)
        self._refuse_chance()
        machine = self._taken(X, y, lambda machine: machine.go(machine.single))
        if machine is None:
            return self._slowly(X, y)
        lies = machine.X is not None and holds(machine.values[0], machine.parameters)  # all of it where it is read
        if lies and not self._drawing and not callable(self.optimizer.lr):
            seen = self.optimizer, self.optimizer.lr, machine.hyper, machine.agreed
            number = None if machine.steady else machine.single.first
            after = tuple(machine.seen.items()), number, *machine.train, self.losses.append
            self._ready = (machine.X, machine.y, *seen, *after)
        return self.losses[-1]

    def _taken(self, X: Any, y: Any, steps: Callable[[Machine], Any]) -> Machine | None:
        """These steps taken in machine code, by the machine that is given back; None if there is no such code."""
        self._ready = _NOTHING
        machine = self._machine if self._machine is not None and self._machine.again(X, y) else self._prepared(X, y)
        try:
            if machine is not None:
                steps(machine)
        except Unseen:  # a class that did not occur before
            machine = self._prepared(X, y)
            if machine is not None:
                steps(machine)
        except AnomalyError:
            self._by_engine(X, y)  # if it refuses these samples it says why
            raise
        return machine

    def run(
        self, X: Any, y: Any, epochs: int, batch_size: int | None = None, shuffle_seed: object = None
    ) -> list[float]:
        """Train for whole epochs inside compiled code; the mean loss of each epoch.

        Each epoch visits every sample once, in batches of `batch_size` (None: all samples at once), in an order drawn
        anew from `shuffle_seed` for every epoch, the very one of `nn.fit(seed=shuffle_seed)`; None keeps the order.

        Raises:
            AnomalyError: the loss of a step is not finite; the parameters are those before that step.
        """
        X, y = as_numpy(X), as_numpy(y)
        self._refuse_chance()
        samples = len(X)
        if len(y) != samples:
            raise ShapeError(f"as many targets as rows are needed, but got {len(y)} and {samples}{user_line()}.")
        if epochs < 0 or (batch_size is not None and batch_size < 1):
            raise ValueError(f"epochs >= 0 and batch_size >= 1 are needed, but got {epochs} and {batch_size}.")
        if not samples or not epochs:
            return []
        size = min(batch_size or samples, samples)
        shuffled = shuffle_seed is not None and size < samples
        each = -(-samples // size)
        shares = [min(size, samples - at) / samples for at in range(0, samples, size)]
        batches = [
            b for epoch in range(epochs if shuffled else 1) for b in _batches(samples, size, shuffle_seed, epoch)
        ]
        times = 1 if shuffled else epochs
        first = len(self.losses)
        if self._taken(X, y, lambda machine: machine.many(batches, times, again=not shuffled)) is None:
            for places in batches * times:
                self._slowly([X[i] for i in places], [y[i] for i in places])
        found = self.losses[first:].tolist()
        if each == 1:
            return found
        return [math.fsum(map(_times, found[at : at + each], shares)) for at in range(0, len(found), each)]

    def compiles(self, X: Any, y: Any) -> bool:
        """Whether samples like these are compiled, with no step taken; if not, a CompileWarning says why.

        Give all samples that will come: the classes among their targets are what the code is made for.
        """
        self._refuse_chance()
        if self._gradient is None and not self._why_not:
            self._first(X, y)
        return self._gradient is not None

    def release(self) -> None:
        """Make the parameters, and the optimizer's state, ordinary numbers again; the next call binds them anew."""
        self._machine, self._ready = None, _NOTHING
        self._machines.clear()
        release(self.optimizer.parameters)
        self.optimizer.state = {name: list(column) for name, column in self.optimizer.state.items()}

    def report(self) -> str:
        """What was compiled, in words and numbers."""
        if self._why_not:
            return f"Not compiled: {self._why_not}."
        if self._gradient is None:
            return "compile_step has not been called yet, so nothing was traced."
        rule = f"The rule of {type(self.optimizer).__name__}"
        where = " runs in machine code behind it." if self._machine else " is applied by the optimizer itself."
        return f"{self._gradient.report()}\n{rule}{where}"

    # ------------------------------------------------------------------ how it is prepared

    def _refuse_chance(self) -> None:
        """A layer that draws numbers would draw them once, while it is traced, and keep them in every step."""
        for module in self._drawing:
            if module.training and module.p:
                raise OperandError(
                    f"compile_step cannot compile {module!r}, which draws anew in every step: "
                    "its first draw would be kept.\n"
                    "  Train with nn.fit, not compiled, or leave it out with model.eval()."
                )

    def _sample(self, x: Any, y: Any) -> Any:
        """The loss of one sample."""
        target = y
        if self._by_label and not hasattr(y, "__len__") and y.__class__ is not float:
            target = y.__index__()  # one path for each class
        loss = self.loss([self.model(x)], [target])
        return loss if self.penalty is None else loss + self.penalty(self.model)

    def _prepared(self, X: Any, y: Any) -> Machine | None:
        """Code for samples like these, or None if there is none in machine code."""
        if self._gradient is None and not self._why_not:
            self._first(X, y)
        if self._gradient is None:
            return None
        try:
            import numpy as np
        except ImportError:
            return None
        if self.optimizer.hyper.get("clip_norm") or self.optimizer.hyper.get("clip_value"):
            return None
        table, targets = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        call, code, wrt = self._gradient.prepared(table, targets)
        runner = code.runners[wrt] if code is not None else None
        if runner is None or runner.name != "llvm":
            return None
        assert code is not None
        moved = set(self.optimizer.parameters)
        if any(value not in moved for value in code.captured):
            return None  # some Values stay as they are
        key = (id(code), *self.optimizer.hyper.items())
        machine = self._machines.get(key)
        if machine is None:
            machine = self._machines[key] = Machine(self, code, runner, call.choices.get("y", ()))
        machine.take(X, y, table, targets, call.columns)
        self._machine = machine
        return machine

    def _first(self, X: Any, y: Any) -> None:
        """Choose how targets are traced, and compare the compiled loss and gradient with the engine's."""
        refusals = []
        for by_label in (False, True):
            self._by_label = by_label
            gradient = BatchedFunction(self._sample, ["x", "y"], 0, self.backend, self.threads)
            try:
                before = [p.grad for p in self.optimizer.parameters]
                gradient.backward(X, y)
                for p, derivative in zip(self.optimizer.parameters, before, strict=True):
                    p.grad = derivative
            except (TinygradLiteError, TypeError) as reason:
                refusals.append(reason)
                continue
            self._gradient = gradient
            self._compare(X, y)
            return
        self._by_engine(X, y)  # a mistake in the data shows itself here, too
        self._why_not = f"its loss cannot be traced ({str(refusals[0]).splitlines()[0]})"
        warnings.warn(
            f"compile_step runs without compiling, because {self._why_not}", CompileWarning, stacklevel=outside()
        )

    def _by_engine(self, X: Any, y: Any) -> Any:
        """The loss of these samples as a graph."""
        loss = self.loss([self.model(_plain(x)) for x in X], [_plain(t) for t in y])
        return loss if self.penalty is None else loss + self.penalty(self.model)

    def _compare(self, X: Any, y: Any) -> None:
        """A loss of a batch must be the mean of the losses of its samples."""
        few = range(min(3, len(X)))
        xs, ts = [_plain(X[i]) for i in few], [_plain(y[i]) for i in few]
        whole = self.loss([self.model(x) for x in xs], ts)
        parts = [self.loss([self.model(x)], [t]) for x, t in zip(xs, ts, strict=True)]
        mean = math.fsum(_number(part) for part in parts) / len(parts)
        if not math.isclose(_number(whole), mean, rel_tol=1e-9, abs_tol=1e-12):
            raise OperandError(
                f"compile_step needs a loss that is the mean over the samples, but on {len(parts)} samples it gives "
                f"{_number(whole):.6g}, and the mean of their own losses is {mean:.6g}.\n"
                "  Use the loss that averages, such as nn.mse in the place of nn.sse, with a larger learning rate."
            )

    def _slowly(self, X: Any, y: Any) -> float:
        """The gradient by the best back end there is, and the optimizer's own step."""
        self.optimizer.zero_grad()
        if self._gradient is None:
            graph = self._by_engine(X, y)
            graph.backward()
            loss = float(graph.data)
        else:
            loss = float(self._gradient.backward(X, y))
        if not math.isfinite(loss):
            raise not_finite(loss, self.optimizer.steps + 1)
        self.optimizer.step()
        self.losses.append(loss)
        return loss


def _times(x: float, y: float) -> float:
    return x * y


def _number(x: Any) -> float:
    return float(x.data) if isinstance(x, Value) else float(x)


def _plain(x: Any) -> Any:
    return x.tolist() if hasattr(x, "tolist") else x


def _batches(samples: int, size: int, seed: object, epoch: int) -> list[list[int]]:
    """The samples of each batch of an epoch counted from 0, in the order of `nn.fit`; without a seed as they stand."""
    import random

    order = list(range(samples))
    if seed is not None and size < samples:
        random.Random(f"{seed}/{epoch + 1}").shuffle(order)
    return [order[at : at + size] for at in range(0, samples, size)]
