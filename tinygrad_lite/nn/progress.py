"""A line that shows how far a training run is: in a terminal or a notebook, and nowhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TextIO

WIDTH = 24


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
    if _in_notebook():
        return sys.stdout
    return sys.stderr if shown or (sys.stderr is not None and sys.stderr.isatty()) else None


def _in_notebook() -> bool:
    """True inside a running Jupyter kernel; a module that was merely imported does not count."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")
