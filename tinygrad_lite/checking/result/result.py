"""What every result of a check can do: stand as a report in a terminal or a notebook, and stop a test.

In: a result that is right or wrong (`ok`) and can be told (`report()`). Out: its text, its page, or an exception.
"""

from __future__ import annotations

from typing import Any

from tinygrad_lite.errors import GradientMismatch
from tinygrad_lite.report.text import Reported


class Result(Reported):
    """The base of `Comparison`, `Check` and `GradCheck`."""

    __slots__ = ()

    ok: Any

    def __bool__(self) -> bool:
        return bool(self.ok)

    def assert_ok(self) -> None:
        """Raise GradientMismatch, whose text is the report, unless every gradient is right."""
        if not self.ok:
            raise GradientMismatch(self.text())

    def __repr__(self) -> str:
        return self.text()
