"""What every result of a check can do: stand as a report in a terminal or a notebook, and stop a test.

In: a result that is right or wrong (`ok`) and can be told (`report()`). Out: its text, its page, or an exception.
"""

from __future__ import annotations

from typing import Any

from tinygrad_lite.errors import GradientMismatch


class Judged:
    """The base of `Comparison`, `Check` and `GradCheck`."""

    __slots__ = ()

    ok: Any

    def __bool__(self) -> bool:
        return bool(self.ok)

    def report(self) -> Any:
        """The result as a report of paragraphs and tables."""
        raise NotImplementedError

    def text(self, width: int = 80) -> str:
        """The report for a terminal."""
        return str(self.report().text(width))

    def html(self) -> str:
        """The report for a page or a notebook, in light and dark."""
        return str(self.report().html())

    def assert_ok(self) -> None:
        """Raise GradientMismatch, whose text is the report, unless every gradient is right."""
        if not self.ok:
            raise GradientMismatch(self.text())

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()
