"""What happened in training: epoch by epoch, and on request step by step; and the bar that shows it meanwhile.

A History is plain data: `rows` is a list of dicts, one for each epoch, that all have the same keys.

    epoch        counted from 1
    loss         the mean over the epoch's batches, each before its step
    <metric>     over all training samples, from the answers that the steps were computed from
    val_loss, val_<metric>     on the validation samples, after the epoch, if there are any
    lr           the learning rate of the last step
    grad <name>  the Euclidean norm of the gradients of a layer, the mean over the batches

`record` is there after `nn.fit(..., record=True)`, a dict that a player can show:

    schema       "tinygrad_lite.training/1"
    model        how the model prints itself
    architecture how to build it again, or None; see `saving.py`
    optimizer    name and numbers of the optimizer
    loss         the name of the loss
    names        the names of the parameters, in the order of all lists of parameters below
    inputs       the training samples; targets: what belongs to them
    steps        for each step a dict:
        epoch, step    counted from 1, and from 0 over the whole run
        samples        which of them were in the batch
        lr, loss       the learning rate, and the loss before the step
        outputs        for each of those samples the network's output, a number or a list
        parameters     before the step
        gradients      of the loss, unclipped
    final        the parameters after the last step

So step k moved `steps[k]["parameters"]` to `steps[k + 1]["parameters"]`, the last one to `final`.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import sys
import time
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, TextIO

from tinygrad_lite.engine.value import Value
from tinygrad_lite.nn.module import Module
from tinygrad_lite.report.table import Table

WIDTH = 24
"""Characters of the bar."""


class History:
    """The record of a training run.

    Attributes:
        rows: one dict for each epoch.
        step_losses: the loss of every step since the run began.
        seconds: the time that each epoch took; the only numbers here that differ from run to run.
        stopped: why the training ended, in words.
        record: the full record for the player, if it was asked for, else None.

    >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    >>> history["loss"], len(history)
    ([0.5, 0.25], 2)
    """

    def __init__(self, rows: Sequence[dict[str, float]] = ()) -> None:
        self.rows: list[dict[str, float]] = [dict(row) for row in rows]
        self.step_losses: list[float] = []
        self.seconds: list[float] = []
        self.stopped = ""
        self.record: dict[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, column: str) -> list[float]:
        if self.rows and column not in self.rows[0]:
            raise KeyError(f"there is no column {column!r}; the columns are {', '.join(self.columns)}.")
        return [row[column] for row in self.rows]

    @property
    def columns(self) -> list[str]:
        """The names of what was measured."""
        return list(self.rows[0]) if self.rows else []

    @property
    def layers(self) -> list[str]:
        """The names of the layers whose gradient norms were measured."""
        return [name.removeprefix("grad ") for name in self.columns if name.startswith("grad ")]

    def __repr__(self) -> str:
        if not self.rows:
            return "History(no epochs)"
        last = ", ".join(f"{k} {v:.4g}" for k, v in self.rows[-1].items() if k != "lr" and not k.startswith("grad "))
        return f"History({len(self)} epochs, last: {last})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The last epoch in words, and the plot, where matplotlib is installed; for notebooks."""
        forms = {"text/plain": repr(self)}
        if self.rows and importlib.util.find_spec("matplotlib"):
            import matplotlib.pyplot as plt

            drawn = io.BytesIO()
            with plt.rc_context({"svg.hashsalt": "history"}):  # the same picture in every run
                figure = self.plot()
                figure.savefig(drawn, format="svg", metadata={"Date": None})
            plt.close(figure)
            data = base64.b64encode(drawn.getvalue()).decode("ascii")
            shown = f'alt="the plot of the run" style="max-width:100%" src="data:image/svg+xml;base64,{data}"'
            forms["text/html"] = f"<code>{escape(repr(self))}</code><br><img {shown}>"
        return forms

    def to_csv(self, path: str | Path | None = None) -> str:
        """The rows as CSV text with a header line, written to the file if one is named; floats round-trip exactly.

        >>> print(History([{"epoch": 1, "loss": 0.5}]).to_csv(), end="")
        epoch,loss
        1,0.5
        """
        text = Table(self.columns, [list(row.values()) for row in self.rows]).csv()
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def to_frame(self) -> Any:
        """The rows as a pandas DataFrame, with the epoch as its index.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError("History.to_frame needs pandas: pip install pandas") from None
        return pandas.DataFrame(self.rows, columns=self.columns or ["epoch"]).set_index("epoch")

    def plot(self, path: str | Path | None = None) -> Any:
        """A matplotlib figure of pyplot: the losses, the metrics and the gradient norms of the layers over the epochs.

        Args:
            path: save it there too, as PNG, SVG or PDF by the name's ending.

        Raises:
            ImportError: matplotlib is not installed; it comes with `tinygrad-lite[plot]`.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError:
            raise ImportError("History.plot needs matplotlib: pip install 'tinygrad-lite[plot]'") from None
        norms = "gradient norm of each layer"
        panels: dict[str, list[str]] = {}
        for name in self.columns:
            if name not in ("epoch", "lr"):
                panels.setdefault(norms if name.startswith("grad ") else name.removeprefix("val_"), []).append(name)
        if norms in panels:
            panels[norms] = panels.pop(norms)  # last
        size = (4.2 * len(panels), 3.2)
        figure, row = plt.subplots(1, len(panels), figsize=size, squeeze=False, layout="constrained")
        styles = ["-", "--", "-.", ":"]  # told apart without colour too
        for axes, (title, names) in zip(row[0], panels.items(), strict=True):
            for i, name in enumerate(names):
                seen = "validation" if name.startswith("val_") else "training"
                label = name.removeprefix("grad ") if title == norms else seen
                axes.plot(self["epoch"], self[name], styles[i % 4], label=label)
            axes.set(xlabel="epoch", ylabel=title)
            if title == norms and all(x > 0 for name in names for x in self[name]):
                axes.set_yscale("log")
            axes.legend()
        if path is not None:
            figure.savefig(path)
        return figure


def layers(model: Module) -> dict[str, list[Value]]:
    """The parameters of each module that has some of its own, by the module's name."""
    own = {name or "(itself)": [p for _, p in m.own_parameters()] for name, m in model.modules() if not m.measured}
    return {name: parameters for name, parameters in own.items() if parameters}


class Progress:
    """A bar that is drawn over itself, and is gone when the run ends.

    Args:
        total: how many steps there are.
        shown: True or False, or None to look where the output goes.
    """

    def __init__(self, total: int, shown: bool | None = None) -> None:
        self.total = total
        self.stream: TextIO | None = where(shown)
        self._length, self._next = 0, 0.0

    def show(self, done: float, numbers: Mapping[str, float]) -> None:
        """Draw the bar with these numbers behind it; between whole steps at most ten times a second."""
        now = time.monotonic()
        if self.stream is None or (done != int(done) and now < self._next):
            return
        self._next = now + 0.1
        full = int(WIDTH * done / max(self.total, 1))
        words = "  ".join(f"{name} {x:.4g}" for name, x in numbers.items())
        self._draw(f"[{'#' * full}{'.' * (WIDTH - full)}] {int(done)}/{self.total}  {words}"[:110])

    def close(self) -> None:
        """Wipe the line."""
        if self.stream is not None and self._length:
            self._draw("")
            self.stream.write("\r")
            self.stream.flush()

    def _draw(self, line: str) -> None:
        assert self.stream is not None
        self.stream.write("\r" + line.ljust(self._length))
        self.stream.flush()
        self._length = len(line)


def where(shown: bool | None) -> TextIO | None:
    """The stream to draw on: stderr if it is a terminal, stdout in a notebook, None if nobody looks."""
    if shown is False:
        return None
    ipython = sys.modules.get("IPython")  # a module that was merely imported does not count
    if hasattr(ipython.get_ipython() if ipython is not None else None, "kernel"):
        return sys.stdout
    return sys.stderr if shown or (sys.stderr is not None and sys.stderr.isatty()) else None
