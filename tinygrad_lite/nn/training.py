"""Forward, backward, step, and again: the loop that trains, with an honest record. Read `fit` first."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import AnomalyError, OperandError, user_line
from tinygrad_lite.nn.compiled import CompiledSteps
from tinygrad_lite.nn.dataset import Dataset, dataset_for
from tinygrad_lite.nn.history import History, Progress, layers
from tinygrad_lite.nn.initial import choose
from tinygrad_lite.nn.losses import binary_cross_entropy
from tinygrad_lite.nn.metrics import METRICS, Metric, accuracy, numbers
from tinygrad_lite.nn.module import Module
from tinygrad_lite.nn.optimizers import Optimizer
from tinygrad_lite.nn.saving import describe, resume, save_run
from tinygrad_lite.nn.sequential import Dropout

Loss = Callable[[Any, Any], Any]
Callback = Callable[["Training"], object]


def fit(
    model: Module,
    data: Dataset | tuple[Sequence[Any], Sequence[Any]],
    loss: Loss,
    optimizer: Optimizer,
    *,
    epochs: int,
    batch_size: int | None = None,
    validation: Dataset | tuple[Sequence[Any], Sequence[Any]] | None = None,
    metrics: Iterable[str | Metric] = (),
    penalty: Callable[[Module], Any] | None = None,
    patience: int | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: str | Path | None = None,
    every: int = 1,
    record: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    compiled: bool = False,
) -> History:
    """Train the model until all epochs are done, and give the History of the run; the model is left as in use.

    Every step builds its graph anew, which is what makes it easy to look into. With `compiled=True` the same
    steps are taken in compiled code, for when looking is over.

    Args:
        model: a Module, called on one sample's inputs at a time.
        data: a Dataset, or a pair (inputs, targets) of lists, arrays or DataFrames.
        loss: a function of (outputs, targets), two lists with an entry for each sample of the batch.
        optimizer: it moves the parameters once for each batch.
        epochs: how many times every sample is seen, those of a resumed checkpoint included.
        batch_size: samples in a batch, shuffled anew in each epoch; None is all of them, in their order.
        validation: samples to measure loss and metrics on after each epoch, without training on them.
        metrics: names ("accuracy", "r2") or functions of (outputs, targets).
        penalty: a function of the model that is added to the loss, as in `lambda m: 1e-4 * nn.l2(m.parameters())`.
        patience: stop when the validation loss (without validation: the loss) has not become lower for
            this many epochs, and put the best parameters back.
        callbacks: functions of the `Training`, called after each epoch; one that returns True ends the run.
        checkpoint: a file to write every `every` epochs and at the end; if it exists, the run goes on from it,
            to the same bits as if it had never been stopped.
        record: keep the full record for the player in `history.record`; see `history.py`.
        seed: of the shuffles and of Dropout.
        progress: show a progress bar; None shows it in a terminal or a notebook only.
        compiled: take the steps by `nn.compile_step`. Everything else is as without, and numbers agree but for
            rounding. The loss must be a mean over samples; one that cannot be traced is trained without
            compiling, with a CompileWarning.

    Raises, with the History until then as `.history` of whatever ends the run, Ctrl-C included:
        OperandError: the loss is no function, or the optimizer is none of this package's; or `compiled`, and Dropout
            draws anew in every step, or the loss is no mean over samples.
        AnomalyError: the loss became NaN or infinite; the parameters are those before that step.
        StateError: the checkpoint is damaged or belongs to another run; nothing was changed.

    >>> from tinygrad_lite import nn
    >>> model = nn.MLP(2, [8, 1], activation="tanh", seed=1)
    >>> history = nn.fit(model, nn.datasets.xor(40), nn.binary_cross_entropy_from_logits, nn.Adam(model, lr=0.05),
    ...                  epochs=40, batch_size=10, metrics=["accuracy"])
    >>> history["loss"][0] > 10 * history["loss"][-1], history["accuracy"][-1]
    (True, 1.0)
    """
    if epochs < 0 or every < 1 or (patience is not None and patience < 1):
        raise ValueError("epochs >= 0, every >= 1 and patience >= 1 (or None) are needed.")
    if not callable(loss) or not isinstance(optimizer, Optimizer):
        raise OperandError(
            "fit needs a loss such as nn.mse and an optimizer such as nn.Adam(model, lr=0.01), "
            f"but got {loss!r:.60} and {optimizer!r:.60}{user_line()}."
        )
    measures = {m if isinstance(m, str) else m.__name__: _metric(m, loss) for m in metrics}
    training = Training(model, dataset_for(model, data), loss, optimizer, measures, penalty, batch_size, seed)
    if not set(optimizer.parameters) <= set(training.parameters):
        raise ValueError("the optimizer was made for parameters that are not this model's; make it from this model.")
    held = None if validation is None else dataset_for(model, validation)
    settings = {"seed": seed, "batch_size": batch_size, "samples": len(training.data), "metrics": list(measures)}
    if checkpoint is not None and Path(checkpoint).exists():
        training.history, training.best = resume(checkpoint, model, optimizer, settings)
    history = training.history
    if record and history.record is None:
        history.record = training.begin_record()
    bar = Progress(epochs, progress)
    try:
        if compiled:
            model.train()
            steps = CompiledSteps(model, training.data, loss, optimizer, penalty)
            training.compiled = steps if steps.works else None
        history.stopped = "all epochs are done"
        while len(history) < epochs and not training.is_stuck(patience):
            started = time.perf_counter()
            row = training.epoch(lambda share, loss: bar.show(len(history) + share, {"loss": loss}))
            if held is not None:
                row.update({f"val_{name}": x for name, x in training.measure(held).items()})
            history.rows.append(row)
            history.seconds.append(time.perf_counter() - started)
            training.remember(patience)
            bar.show(len(history), {k: x for k, x in row.items() if k != "epoch" and not k.startswith("grad ")})
            stop = [callback for callback in callbacks if callback(training) is True]
            if checkpoint is not None and (len(history) % every == 0 or len(history) == epochs or stop):
                save_run(checkpoint, model, optimizer, history, settings, training.best)
            if stop:
                history.stopped = f"the callback {getattr(stop[0], '__name__', stop[0])!s} said so"
                break
        if training.is_stuck(patience):
            training.go_back(patience)
    except BaseException as reason:  # Ctrl-C too
        history.stopped = f"{type(reason).__name__}: {reason}".partition("\n")[0]
        reason.history = history  # type: ignore[attr-defined]
        reason.add_note(
            f"The history until then, {len(history)} whole epochs and {len(history.step_losses)} steps, "
            "is the `.history` of this error."
        )
        raise
    finally:
        bar.close()
        model.eval()
        if training.compiled is not None:
            training.compiled.close()
        if history.record is not None:
            history.record["final"] = numbers(training.parameters)
    return history


class Training:
    """A run that is under way: what callbacks may look at.

    Attributes:
        model, data, loss, optimizer: what was given to `fit`.
        parameters: all of the model's, frozen ones too.
        history: the rows so far.
        best: the epoch, value and parameters of the lowest (validation) loss so far, if there is patience; or None.
        compiled: what takes the steps in compiled code, or None if the engine takes them.
    """

    def __init__(
        self,
        model: Module,
        data: Dataset,
        loss: Loss,
        optimizer: Optimizer,
        metrics: Mapping[str, Metric],
        penalty: Callable[[Module], Any] | None,
        batch_size: int | None,
        seed: int,
    ) -> None:
        self.model: Module = model
        self.data: Dataset = data
        self.loss: Loss = loss
        self.optimizer: Optimizer = optimizer
        self.history: History = History()
        self.best: dict[str, Any] | None = None
        self.compiled: CompiledSteps | None = None
        self._metrics, self._penalty, self._batch_size, self._seed = metrics, penalty, batch_size, seed
        self.parameters: list[Value] = [p for _, p in model.named_parameters()]
        self._layers = layers(model)
        self._answers: list[tuple[Any, Any]] = []  # of this epoch, with their targets

    def begin_record(self) -> dict[str, Any]:
        """A record without steps; `history.py` says what stands in it."""
        return {
            "schema": "tinygrad_lite.training/1",
            "model": repr(self.model),
            "architecture": describe(self.model),
            "optimizer": self.optimizer.describe(),
            "loss": getattr(self.loss, "__name__", "loss"),
            "names": [name for name, _ in self.model.named_parameters()],
            "inputs": [list(x) for x in self.data.inputs],
            "targets": [list(t) if hasattr(t, "__len__") else t for t in self.data.targets],
            "steps": [],
            "final": [],
        }

    def epoch(self, watch: Callable[[float, float], None]) -> dict[str, float]:
        """See every sample once; the row for the history. `watch` is told the share of samples seen, and the loss."""
        number = len(self.history) + 1
        key = f"{self._seed}/{number}"
        self.model.train()
        for name, module in self.model.modules():
            if isinstance(module, Dropout):
                module.reseed(f"{key}/{name}")
        shuffle = key if self._batch_size is not None else None
        row: dict[str, float] = {"epoch": number, "loss": 0.0, **dict.fromkeys(self._metrics, 0.0)}
        self._answers, seen, n = [], 0, len(self.data)
        for places in self.data.places(self._batch_size, seed=shuffle):
            step = self._step(number, places)
            for name, x in step.items():
                row[name] = x if name == "lr" else row.get(name, 0.0) + len(places) / n * x
            seen += len(places)
            watch(seen / n, step["loss"])
        outputs, targets = zip(*self._answers, strict=True) if self._answers else ((), ())
        return {**row, **{name: metric(outputs, targets) for name, metric in self._metrics.items()}}

    def _step(self, epoch: int, places: list[int]) -> dict[str, float]:
        """Forward, backward, and one step of the optimizer; what was measured on the way."""
        record, lr = self.history.record, self.optimizer.learning_rate()
        batch = self.data.take(places)
        before = [] if record is None else numbers(self.parameters)
        if self.compiled is None:
            loss, outputs = self._by_engine(epoch, batch)
        else:
            outputs = self.compiled.answers(batch.inputs) if self._metrics or record is not None else []
            loss = self.compiled.step(places)
        if record is not None:
            step = {"epoch": epoch, "step": len(record["steps"]), "samples": list(places), "lr": lr, "loss": loss}
            gradients = numbers([p.grad for p in self.parameters])
            record["steps"].append({**step, "outputs": numbers(outputs), "parameters": before, "gradients": gradients})
        if self._metrics:
            self._answers += zip(outputs, batch.targets, strict=True)
        self.history.step_losses.append(loss)
        row = {"loss": loss, "lr": lr}
        for name, parameters in self._layers.items():
            own = [p.grad for p in parameters] if self.compiled is None else self.compiled.gradients(name, parameters)
            row[f"grad {name}"] = math.hypot(*own)
        return row

    def _by_engine(self, epoch: int, batch: Dataset) -> tuple[float, list[Any]]:
        """The loss before the step, and the outputs in numbers."""
        optimizer = self.optimizer
        outputs = [self.model(x) for x in batch.inputs]  # type: ignore[operator]
        cost = self.loss(outputs, batch.targets)
        if self._penalty is not None:
            cost = cost + self._penalty(self.model)
        if not isinstance(cost, Value):
            raise TypeError(f"the loss should be a Value computed from the model's outputs, but is {cost!r:.60}.")
        if not math.isfinite(cost.data):
            raise AnomalyError(
                f"the loss became {cost.data} in epoch {epoch}, step {optimizer.steps + 1}; the parameters are those "
                f"before this step.\n  Try a smaller learning rate (it is {optimizer.learning_rate():g}), "
                "clip_norm=1.0 in the optimizer, or standardized inputs; tg.detect_anomaly() names the op that made it."
            )
        self.model.zero_grad()
        cost.backward()
        optimizer.step()
        return cost.data, numbers(outputs)

    def measure(self, data: Dataset) -> dict[str, float]:
        """Loss and metrics on other samples, as in use: Dropout passes everything on, and nothing is trained."""
        self.model.eval()
        if self.compiled is None:
            outputs = [numbers(self.model(x)) for x in data.inputs]  # type: ignore[operator]
        else:
            outputs = self.compiled.answers(data.inputs)
        found = {name: metric(outputs, data.targets) for name, metric in self._metrics.items()}
        return {"loss": self.loss(outputs, data.targets), **found}

    def remember(self, patience: int | None) -> None:
        """Keep the parameters if this was the best epoch so far."""
        row = self.history.rows[-1]
        now = row.get("val_loss", row["loss"])
        if patience is not None and (self.best is None or now < self.best["value"]):
            self.best = {"epoch": row["epoch"], "value": now, "model": self.model.state_dict()}

    def is_stuck(self, patience: int | None) -> bool:
        """True if the best epoch lies `patience` epochs back."""
        return patience is not None and self.best is not None and len(self.history) - self.best["epoch"] >= patience

    def go_back(self, patience: int | None) -> None:
        """Put the best parameters back, and say so."""
        assert self.best is not None
        self.model.load_state_dict(self.best["model"])
        self.history.stopped = (
            f"no lower loss for {patience} epochs; the parameters of epoch {self.best['epoch']} were put back"
        )


def _metric(metric: str | Metric, loss: Loss) -> Metric:
    if metric in ("accuracy", accuracy) and loss is binary_cross_entropy:  # of probabilities
        return lambda outputs, targets: accuracy(outputs, targets, threshold=0.5)
    return choose("metric", metric, METRICS) if isinstance(metric, str) else metric
