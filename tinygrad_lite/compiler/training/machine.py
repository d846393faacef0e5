"""The machine code of a training step at work: the arrays, the plan of the steps, and the optimizer's state.

In: code that computes loss and gradient of a batch (batched.py), and an optimizer. Out: steps taken, in one
call of the compiled `train` (code.py) however many they are.
"""

from __future__ import annotations

import ctypes
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_lite.compiler.backends.llvm import jit, threads
from tinygrad_lite.compiler.runtime.bound import bind, changes, hand_back, holds
from tinygrad_lite.compiler.training import code as training_code
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import AnomalyError, OperandError

_DONE = training_code.FIELDS.index("done")


class Unseen(OperandError):
    """A target is none of those for which the code was made; nothing was done."""


class Machine:
    """The machine code of one compiled loss with its optimizer, and the arrays that it works on."""

    def __init__(self, owner: Any, code: Any, runner: Any, choices: Sequence[int]) -> None:
        self.owner: Any = owner
        self.code: Any = code
        self.runner: Any = runner
        self.optimizer = optimizer = owner.optimizer
        self.hyper: dict[Any, Any] = dict(optimizer.hyper)  # numbers that the rule was compiled with
        captured = list(code.captured)
        known = set(captured)
        idle = [p for p in optimizer.parameters if p not in known]  # the loss does not depend on these
        self.values: list[Value] = [*captured, *idle]
        self.active: int = len(captured)
        lanes = jit.host().lanes
        n = -(-len(self.values) // lanes) * lanes
        from tinygrad_lite.compiler.backends.llvm.buffers import aligned

        self.parameters: Any = aligned(n)
        self.gradient: Any = aligned(n)
        bind(self.values, self.parameters, self.gradient)
        place = {p: i for i, p in enumerate(optimizer.parameters)}
        self.order: list[int] = [place[p] for p in self.values]
        self.state: list[Any] = [aligned(n) for _ in optimizer.slots]
        self.seen: dict[str, Any] = {}
        self.choices: list[float] = [float(choice) for choice in choices]
        made = jit.compile_ir(training_code.text(optimizer, lanes, self.choices), "train")
        self.call: Any = made.call
        # the number of the step does not matter to a rule that shares nothing but the learning rate
        self.steady: bool = len(optimizer.numbers(0.5, 1)) == 1
        self.fields: Any = (ctypes.c_int64 * (len(training_code.FIELDS) + len(self.state)))()
        self.pointer: int = ctypes.addressof(self.fields)
        self.train: tuple[Any, Any] = made.bound(self.pointer, ctypes.c_double)
        self.current: _Plan | None = None
        self._set(parameters=_address(self.parameters), gradient=_address(self.gradient))
        self._set(count=self.active, padded=n)
        self.fields[len(training_code.FIELDS) :] = [_address(array) for array in self.state]
        self.batches: dict[int, Any] = {}
        self.stopped: list[BaseException] = []  # what interrupted a step that threads were sharing
        self.by_pointer: dict[int, Any] = {}
        self.shared_entry: Any = _shared_entry(runner, self.by_pointer, self.stopped)
        self.X: Any = None  # the arrays of the last call, if they are read where they lie
        self.y: Any = None
        self.agreed: int = -1  # the count of `changes` when the parameters were seen to be bound
        self.shapes: Any = None
        self.samples: int = 0

    def _set(self, **fields: int) -> None:
        for name, x in fields.items():
            self.fields[training_code.FIELDS.index(name)] = x

    def again(self, X: Any, y: Any) -> bool:
        """Whether this code serves these arrays as it is: those of the last call, or others of the same kind.

        The numbers are read where they lie; whether targets are known is found out on the way.
        """
        if self.optimizer.hyper != self.hyper:
            return False
        if X is self.X and y is self.y:
            return True
        shapes = (getattr(X, "shape", ())[1:], getattr(y, "shape", (0, 0, 0))[1:])
        if shapes != self.shapes or len(X) != len(y) or not len(X):
            return False
        import numpy as np

        self.take(X, y, np.asarray(X, dtype=float), np.asarray(y, dtype=float), self.columns)
        return True

    def take(self, X: Any, y: Any, table: Any, targets: Any, columns: Any) -> None:
        """Read the samples from these tables from now on."""
        import numpy as np

        self.shapes = (table.shape[1:], targets.shape[1:])
        self.columns: list[tuple[Any, None]] = [(first, None) for first, _ in columns]
        sources, self.holding, self.copies = [], [], []
        for (first, _), array, checked in zip(columns, (table, targets), (0, 1), strict=True):
            flat = np.ascontiguousarray(array).reshape(len(array), -1)
            self.holding.append(flat)
            self.copies.append(np.empty_like(flat))
            sources += [_address(flat), flat.shape[1], first, checked, _address(self.copies[-1]), flat.nbytes]
        self.sources: Any = np.array(sources, dtype=np.int64)
        self._set(sources=_address(self.sources), source_count=len(sources) // len(training_code.SOURCE))
        self.current = None
        # the same arrays next time are read where they lie; what had to be copied is looked at again
        seen = table is X and targets is y and all(map(np.shares_memory, self.holding, (X, y)))
        self.X, self.y = (X, y) if seen else (None, None)
        if len(table) == self.samples:
            return
        self.samples = len(table)
        self.single: _Plan = self._plan([list(range(self.samples))])
        self.planned: dict[tuple[int, int, int], _Plan] = {}

    def _batch(self, samples: int) -> Any:
        """Of a batch of so many samples: where its description is, the samples its buffers take, and these."""
        import numpy as np

        if samples not in self.batches:
            b = self.runner.buffers(samples)
            self.by_pointer[b.pointer] = b
            block, lanes = b.main.shape[2], b.tail.shape[2]
            fields = [b.pointer, _address(b.main), b.blocks, block, _address(b.tail), b.rest, lanes]
            fields += [b.main.shape[1], _address(b.parameters), _address(b.out)]
            fields += [_address(b.lines), b.lines.shape[1] if b.lines.size else 0]
            description = np.array(fields, dtype=np.int64)
            self.batches[samples] = (_address(description), b.blocks * block + b.rest * lanes, description, b)
        return self.batches[samples]

    def _plan(self, batches: Sequence[list[int]], times: int = 1) -> _Plan:
        """The steps of these batches, so many times; a single batch is fetched once and then stays in its buffers."""
        import numpy as np

        pieces, starts, at = [], [], 0
        for places in batches:
            description, needed, *_ = self._batch(len(places))
            pieces += [places, places[-1:] * (needed - len(places))]
            starts.append((description, at))
            at += needed
        index = np.fromiter(itertools.chain.from_iterable(pieces), np.int64, at)
        share = threads.allowed(self.runner.threads) > 1 and any(self._batch(len(p))[3].shards > 1 for p in batches)
        entry = ctypes.cast(self.shared_entry, ctypes.c_void_p).value if share else self.runner.compiled.address
        return _Plan(starts, index, times, entry)

    def _agree(self) -> None:
        """Take over what was changed from outside: the optimizer's state, or that another step bound the parameters."""
        optimizer = self.optimizer
        for name, array in zip(optimizer.slots, self.state, strict=True):
            if optimizer.state[name] is not self.seen.get(name):
                array[: len(self.order)] = [optimizer.state[name][i] for i in self.order]
                self.seen[name] = optimizer.state[name] = _Column(array, self.order)
        if not holds(self.values[0], self.parameters):
            bind(self.values, self.parameters, self.gradient)
        self.agreed = changes[0]

    def go(self, plan: _Plan) -> None:
        """Take the steps of a plan."""
        optimizer, lr = self.optimizer, self.optimizer.lr
        before, steps = optimizer.steps, plan.steps
        self._agree()
        plan.shared[::2] = [float(lr(i)) for i in range(before, before + steps)] if callable(lr) else [lr] * steps
        plan.shared[1::2] = range(before + 1, before + steps + 1)
        if plan is not self.current:
            self._set(steps=plan.steps, plan=plan.address, losses=ctypes.addressof(plan.losses), entry=plan.entry)
            self._set(fetched=int(plan is self.single))
            self.current = plan
        self.call(self.pointer)
        hand_back(self.values, self.parameters, self.gradient)
        done = self.fields[_DONE]
        if done < 0:
            raise self._unseen()
        optimizer.steps = before + done
        self.owner.losses.extend(plan.losses[:done])
        if done < steps:
            raise self._end(plan.losses[done], before + done + 1)

    def _end(self, loss: float, step: int) -> BaseException:
        """Why the steps went no further than that one."""
        return self.stopped.pop() if self.stopped else not_finite(loss, step)

    def _unseen(self) -> Unseen:
        known = ", ".join(f"{choice:g}" for choice in self.choices)
        return Unseen(f"a target is not among those the step was compiled for: {known}.")

    def many(self, batches: Sequence[list[int]], times: int, again: bool) -> None:
        """The steps of whole epochs: these batches, so many times; `again` says that the next call has the same."""
        if self.choices:  # before the first step is taken
            import numpy as np

            if not np.isin(self.holding[1], self.choices).all():
                raise self._unseen()
        key = (len(batches), len(batches[0]), times)
        plan = self.planned.get(key) if again else None
        if plan is None:
            plan = self._plan(batches, times)
            if again:
                self.planned = {key: plan}
        self.go(plan)


class _Plan:
    """The steps of one call of `train`: for each its batch, samples, learning rate and number; room for the losses."""

    def __init__(self, starts: Sequence[tuple[int, int]], index: Any, times: int, entry: Any) -> None:
        import numpy as np

        self.steps: int = len(starts) * times
        self.entry = entry
        self.index = index
        self.shared: Any = np.zeros(2 * self.steps)
        self.first: Any = (ctypes.c_double * 2).from_address(_address(self.shared))
        self.losses: Any = (ctypes.c_double * self.steps)()
        self.table: Any = np.zeros((self.steps, 3), dtype=np.int64)
        self.table[:, :2] = np.tile(np.array(starts, dtype=np.int64), (times, 1))
        self.table[:, 1] = self.table[:, 1] * 8 + _address(index)
        if len(starts) == 1:
            self.table[1:, 1] = 0
        self.table[:, 2] = _address(self.shared) + 16 * np.arange(self.steps)
        self.address: int = _address(self.table)


class _Column(list):  # type: ignore[type-arg]
    """One column of an optimizer's state, read from the array of compiled code whenever it is looked at."""

    def __init__(self, array: Any, order: Sequence[int]) -> None:
        super().__init__()
        self._array = array
        self._inverse = [0] * len(order)
        for place, i in enumerate(order):
            self._inverse[i] = place

    def __len__(self) -> int:
        return len(self._inverse)

    def __getitem__(self, i: Any) -> Any:
        return list(self)[i] if isinstance(i, slice) else float(self._array[self._inverse[i]])

    def __iter__(self) -> Iterator[float]:
        return (float(self._array[i]) for i in self._inverse)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, list) and list(self) == list(other)

    __hash__ = None

    def __repr__(self) -> str:
        return repr(list(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


def _shared_entry(runner: Any, by_pointer: dict[int, Any], stopped: list[BaseException]) -> Any:
    """In the place of the code's `entry`: a function for machine code to call that lets threads share a large batch."""

    def entry(pointer: int) -> None:
        buffers = by_pointer[pointer]
        buffers.out[0] = math.nan  # if anything stops this call, the steps end before this one
        try:
            runner.call(buffers)
        except BaseException as reason:
            stopped.append(reason)

    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(entry)


def _address(array: Any) -> int:
    return int(array.ctypes.data)


def not_finite(loss: float, step: int) -> AnomalyError:
    return AnomalyError(
        f"the loss became {loss} in step {step}; the parameters are those before this step.\n"
        "  Try a smaller learning rate, clip_norm=1.0 in the optimizer, or standardized inputs."
    )
