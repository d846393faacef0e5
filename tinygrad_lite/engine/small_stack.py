"""Freeing long chains where the stack is small, as in a browser.

When the last node of a chain is dropped, Python frees the node behind it inside that call, and so on. On a large stack
Python itself breaks such a chain in time; in a browser's the tab dies after some thousand nodes. Here a node that is
freed only leaves what it held in a list, and the outermost call empties that list: no call stands inside another.
Costs a method call a node, so it is installed only where it is needed.
"""

from __future__ import annotations

import sys

from tinygrad_lite.engine.node import ABSENT
from tinygrad_lite.hints import Any

NEEDED = sys.platform in ("emscripten", "wasi")

_held: list[Any] = []  # what freed nodes held, still to be let go
_letting_go = False


def install(node: type[Any]) -> None:
    """Let the nodes of this class be freed one after the other."""
    node.__del__ = _free


def _free(self: Any) -> None:
    global _letting_go
    if getattr(self, "_a", None) is None:  # a leaf, or a node that was never finished
        return
    _held.append((self._a, self._b, self._da, self._db))
    self._a, self._b, self._da, self._db = None, ABSENT, None, None
    if not _letting_go:
        _letting_go = True
        try:
            while _held:
                _held.pop()  # frees nodes, which come back here and add to the list
        finally:
            _letting_go = False
