"""A whole step of training compiled: rows in, loss out, and the parameters have moved.

In: a model, a loss of (outputs, targets) and an optimizer, as `nn.fit` takes them. Out: a `CompiledStep`. The loss
is compiled for all rows of a batch (batched.py); the optimizer's rule is traced on vectors and put behind it
(training_code.py); the parameters' numbers live in one array from then on (bound.py). Without llvmlite the gradient
is computed by the best back end there is, and the optimizer takes its own step.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tinygrad_lite.compiler import jit, training_code
from tinygrad_lite.compiler.batched import BatchedFunction
from tinygrad_lite.compiler.bound import bind, release
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import AnomalyError, OperandError, ShapeError, TinygradLiteError, user_line


class CompiledStep:
    """What `compile_step` gives; see there.

    Attributes:
        model, optimizer: what was given.
        losses: the loss of every step so far, before the step was taken.
    """

    def __init__(
        self,
        model: Any,
        loss: Callable[[Any, Any], Any],
        optimizer: Any,
        penalty: Callable[[Any], Any] | None = None,
        backend: str | None = None,
    ) -> None:
        self.model, self.loss, self.optimizer, self.penalty, self.backend = model, loss, optimizer, penalty, backend
        self.losses: list[float] = []
        self._by_label: bool | None = None
        self._gradient: BatchedFunction | None = None
        self._machine: Machine | None = None
        self._machines: dict[Any, Machine] = {}

    # ------------------------------------------------------------------ what a user calls

    def __call__(self, X: Any, y: Any) -> float:
        """One step on these rows: the mean loss before it.

        Args:
            X: m rows of inputs.
            y: m targets: a class or number for each row, or a row of numbers for each.

        Raises:
            AnomalyError: the loss is not finite; no parameter has moved.
        """
        machine = self._machine
        if machine is None or not machine.again(X, y):
            machine = self._prepared(X, y)
        if machine is None:
            return self._slowly(X, y)
        return machine.one()

    def run(
        self, X: Any, y: Any, epochs: int, batch_size: int | None = None, shuffle_seed: object = None
    ) -> list[float]:
        """Train for whole epochs inside compiled code; the mean loss of each epoch.

        Each epoch visits every row once, in batches of `batch_size` (None: all rows at once), in an order drawn
        anew from `shuffle_seed` for every epoch, the very one of `nn.fit(seed=shuffle_seed)`; None keeps the order.

        Raises:
            AnomalyError: the loss of a step is not finite; the parameters are those before that step.
        """
        rows = len(X)
        if len(y) != rows:
            raise ShapeError(f"as many targets as rows are needed, but got {len(y)} and {rows}{user_line()}.")
        if epochs < 0 or (batch_size is not None and batch_size < 1):
            raise ValueError(f"epochs >= 0 and batch_size >= 1 are needed, but got {epochs} and {batch_size}.")
        if not rows or not epochs:
            return []
        size = min(batch_size or rows, rows)
        orders = [list(_places(rows, size, shuffle_seed, epoch)) for epoch in range(1, epochs + 1)]
        first = len(self.losses)
        machine = self._prepared(X, y)
        if machine is None:
            for places in itertools.chain.from_iterable(orders):
                self._slowly([X[i] for i in places], [y[i] for i in places])
        else:
            machine.many(orders)
        found, each = self.losses[first:], len(orders[0])
        shares = [len(places) / rows for places in orders[0]]
        return [math.fsum(map(_times, found[at : at + each], shares)) for at in range(0, len(found), each)]

    def release(self) -> None:
        """Make the parameters ordinary Values again; the next call binds them anew."""
        self._machine = None
        self._machines.clear()
        release(self.optimizer.parameters)

    def report(self) -> str:
        """What was compiled, in words and numbers."""
        if self._gradient is None:
            return "compile_step has not been called yet, so nothing was traced."
        rule = f"The rule of {type(self.optimizer).__name__}"
        where = " runs in machine code behind it." if self._machine else " is applied by the optimizer itself."
        return f"{self._gradient.report()}\n{rule}{where}"

    # ------------------------------------------------------------------ how it is prepared

    def _row(self, x: Any, y: Any) -> Any:
        """The loss of one row."""
        target = y
        if self._by_label and not hasattr(y, "__len__") and y.__class__ is not float:
            target = y.__index__()  # one path for each class
        loss = self.loss([self.model(x)], [target])
        return loss if self.penalty is None else loss + self.penalty(self.model)

    def _prepared(self, X: Any, y: Any) -> Machine | None:
        """Code for rows like these, or None if there is none in machine code."""
        if self._gradient is None:
            self._first(X, y)
        assert self._gradient is not None
        try:
            import numpy as np
        except ImportError:
            return None
        if self.optimizer.hyper.get("clip_norm") or self.optimizer.hyper.get("clip_value"):
            return None
        table, targets = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        call, code, runner = self._gradient.prepared(table, targets)
        if code is None or runner.name != "llvm":
            return None
        key = (call.key, self.optimizer.parameters)
        machine = next((m for m in self._machines.values() if m.code is code), None)
        if machine is None:
            machine = self._machines[len(self._machines)] = Machine(self, code, runner, dict(call.key[1]).get("y", ()))
        del key
        machine.take(X, y, table, targets, call.columns())
        self._machine = machine
        return machine

    def _first(self, X: Any, y: Any) -> None:
        """Choose how targets are traced, and compare the compiled loss and gradient with the engine's."""
        refusals = []
        for by_label in (False, True):
            self._by_label = by_label
            gradient = BatchedFunction(self._row, ["x", "y"], backend=self.backend)
            try:
                before = [p.grad for p in self.optimizer.parameters]
                gradient.backward(X, y)
                for p, slope in zip(self.optimizer.parameters, before, strict=True):
                    p.grad = slope
            except (TinygradLiteError, TypeError) as reason:
                refusals.append(reason)
                continue
            self._gradient = gradient
            self._compare(X, y)
            return
        raise refusals[-1]

    def _compare(self, X: Any, y: Any) -> None:
        """A loss of a batch must be the mean of the losses of its rows."""
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
        assert self._gradient is not None
        self.optimizer.zero_grad()
        loss = self._gradient.backward(X, y)
        if not math.isfinite(loss):
            raise _not_finite(loss, self.optimizer.steps + 1)
        self.optimizer.step()
        self.losses.append(loss)
        return loss


class Machine:
    """The machine code of one compiled loss with its optimizer, and the arrays that it works on."""

    def __init__(self, owner: CompiledStep, code: Any, runner: Any, choices: Sequence[int]) -> None:
        import numpy as np

        self.owner, self.code, self.runner = owner, code, runner
        optimizer = owner.optimizer
        captured = list(code.captured)
        known = set(captured)
        idle = [p for p in optimizer.parameters if p not in known]  # the loss does not depend on these
        frozen = [p for p in captured if p not in set(optimizer.parameters)]
        if frozen:
            raise OperandError(
                f"the loss depends on {len(frozen)} Values that the optimizer does not move, such as {frozen[0]!r}; "
                "give the optimizer all parameters of the model."
            )
        self.values: list[Value] = [*captured, *idle]
        self.active = len(captured)
        lanes = jit.host().lanes
        n = -(-len(self.values) // lanes) * lanes
        from tinygrad_lite.compiler.llvm_backend import aligned

        self.parameters, self.gradient = aligned(n), aligned(n)
        bind(self.values, self.parameters, self.gradient)
        place = {p: i for i, p in enumerate(optimizer.parameters)}
        self.order = [place[p] for p in self.values]
        self.state = [aligned(n) for _ in optimizer.slots]
        self.seen: dict[str, Any] = {}
        self.choices = np.array(choices, dtype=float)
        count = len(optimizer.numbers(0.0, 1))
        text = training_code.text(optimizer.rule, len(self.state), count, lanes)
        self.compiled = jit.compile_ir(text, "train")
        self.shared = count
        self.fields = np.zeros(len(training_code.FIELDS) + len(self.state), dtype=np.int64)
        self.pointer = self.fields.ctypes.data
        self._set(parameters=_address(self.parameters), gradient=_address(self.gradient))
        self._set(count=self.active, padded=n, entry=runner.compiled.address)
        self.fields[len(training_code.FIELDS) :] = [_address(array) for array in self.state]
        self.batches: dict[int, Any] = {}
        self.table: Any = None
        self.kept: tuple[Any, Any] = (None, None)

    def _set(self, **fields: int) -> None:
        for name, x in fields.items():
            self.fields[training_code.FIELDS.index(name)] = x

    def again(self, X: Any, y: Any) -> bool:
        """Whether these are the very arrays of the last call, whose numbers are read where they lie."""
        return X is self.kept[0] and y is self.kept[1] and not (self.table is not X or self.targets is not y)

    def take(self, X: Any, y: Any, table: Any, targets: Any, columns: Any) -> None:
        """Read the rows from these tables from now on."""
        import numpy as np

        self.kept, self.table, self.targets = (X, y), table, targets
        sources, self.holding = [], []
        for (first, _), array, choices in zip(columns, (table, targets), (None, self.choices), strict=True):
            flat = np.ascontiguousarray(array).reshape(len(array), -1)
            if array is X or array is y:
                if not np.shares_memory(flat, array):
                    self.kept = (None, None)  # a copy was needed: look again at the next call
            self.holding.append(flat)
            checked = 0 if choices is None else len(choices)
            sources += [_address(flat), flat.shape[1], first, _address(choices) if checked else 0, checked]
        self.sources = np.array(sources, dtype=np.int64)
        self._set(sources=_address(self.sources), source_count=len(sources) // len(training_code.SOURCE))
        self.rows = len(table)
        self._single = self._plan([range(self.rows)])

    def _batch(self, rows: int) -> Any:
        """The description of a batch of so many rows, and its buffers."""
        import numpy as np

        if rows not in self.batches:
            b = self.runner.buffers(rows)
            block, lanes = b.main.shape[2], b.tail.shape[2]
            fields = [b.pointer, _address(b.main), b.blocks, block, _address(b.tail), b.rest, lanes]
            fields += [b.main.shape[1], _address(b.parameters), _address(b.out)]
            self.batches[rows] = (np.array(fields, dtype=np.int64), b)
        return self.batches[rows]

    def _plan(self, batches: Sequence[Sequence[int]]) -> tuple[Any, ...]:
        """The table of steps: for each the batch's description, its rows and room for the shared numbers."""
        import numpy as np

        pieces, starts, at = [], [], 0
        for places in batches:
            description, buffers = self._batch(len(places))
            needed = int(description[2] * description[3] + description[5] * description[6])
            index = np.asarray(places, dtype=np.int64)
            pieces.append(np.concatenate([index, np.repeat(index[-1:], needed - len(index))]))
            starts.append((_address(description), at))
            at += needed
        index = np.concatenate(pieces)
        shared = np.zeros((len(batches), self.shared))
        plan = np.empty((len(batches), 3), dtype=np.int64)
        for i, (description, start) in enumerate(starts):
            plan[i] = description, _address(index) + 8 * start, _address(shared) + 8 * self.shared * i
        return plan, index, shared, np.zeros(len(batches))

    def _agree(self) -> None:
        """Take over the optimizer's state if it was changed from outside."""
        optimizer = self.owner.optimizer
        for name, array in zip(optimizer.slots, self.state, strict=True):
            if optimizer.state[name] is not self.seen.get(name):
                array[: len(self.order)] = [optimizer.state[name][i] for i in self.order]
                self.seen[name] = optimizer.state[name] = _Column(array, self.order)
        if self.values[0].__class__ is Value:  # another step has bound or released them meanwhile
            bind(self.values, self.parameters, self.gradient)

    def _go(self, plan: tuple[Any, ...]) -> None:
        optimizer = self.owner.optimizer
        table, _, shared, losses = plan
        steps = len(table)
        if optimizer.slots or self.values[0].__class__ is Value:
            self._agree()
        before = optimizer.steps
        for i in range(steps):
            optimizer.steps = before + i
            shared[i] = optimizer.numbers(optimizer.learning_rate(), before + i + 1)
        optimizer.steps = before
        fields = self.fields
        fields[0], fields[1], fields[2] = steps, table.ctypes.data, losses.ctypes.data
        self.compiled.call(self.pointer)
        done = int(fields[_DONE])
        if done < 0:
            raise OperandError(
                f"a target is not among those the step was compiled for: {', '.join(map(str, self.choices))}."
            )
        optimizer.steps = before + done
        self.owner.losses += losses[:done].tolist()
        if done < steps:
            raise _not_finite(float(losses[done]), before + done + 1)

    def one(self) -> float:
        """One step on all rows."""
        self._go(self._single)
        return self.owner.losses[-1]

    def many(self, orders: Sequence[Sequence[Sequence[int]]]) -> None:
        """The steps of whole epochs."""
        self._go(self._plan([places for order in orders for places in order]))


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

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


_DONE = training_code.FIELDS.index("done")


def _address(array: Any) -> int:
    return int(array.ctypes.data)


def _times(x: float, y: float) -> float:
    return x * y


def _number(x: Any) -> float:
    return float(x.data) if isinstance(x, Value) else float(x)


def _plain(x: Any) -> Any:
    return x.tolist() if hasattr(x, "tolist") else x


def _places(rows: int, size: int, seed: object, epoch: int) -> Iterator[list[int]]:
    """The rows of each batch of an epoch, in the order of `nn.fit`."""
    import random

    order = list(range(rows))
    if seed is not None and size < rows:
        random.Random(f"{seed}/{epoch}").shuffle(order)
    return (order[at : at + size] for at in range(0, rows, size))


def _not_finite(loss: float, step: int) -> AnomalyError:
    return AnomalyError(
        f"the loss became {loss} in step {step}; the parameters are those before this step.\n"
        "  Try a smaller learning rate, clip_norm=1.0 in the optimizer, or standardized inputs."
    )


def compile_step(
    model: Any,
    loss: Callable[[Any, Any], Any],
    optimizer: Any,
    *,
    penalty: Callable[[Any], Any] | None = None,
    backend: str | None = None,
) -> CompiledStep:
    """A step of training in compiled code: `step(X, y)` computes the loss, its gradient, and moves the parameters.

    Args:
        model: a Module, called on the inputs of one row.
        loss: a function of (outputs, targets), lists with an entry for each row, that averages over the rows.
        optimizer: any optimizer of nn; its own rule is compiled.
        penalty: a function of the model that is added to the loss.
        backend: "llvm", "numpy" or "tape"; by default the first of these that is installed.

    The parameters' `.data` and `.grad` are true whenever they are read, and may be assigned between steps.
    `step.run(X, y, epochs=...)` runs whole epochs without coming back to Python. The first gradient is compared
    with the engine's.

    >>> from tinygrad_lite import nn
    >>> model = nn.MLP(2, [8, 1], activation="tanh", seed=1)
    >>> step = nn.compile_step(model, nn.mse, nn.Adam(model, lr=0.05))
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [[0.0], [1.0], [1.0], [0.0]]
    >>> losses = step.run(X, y, epochs=300)
    >>> losses[0] > 1000 * losses[-1]
    True
    """
    return CompiledStep(model, loss, optimizer, penalty, backend)
