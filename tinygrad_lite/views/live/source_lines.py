"""Which line of a function made which node, found by watching the function's variables line by line."""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from tinygrad_lite.engine.value import Value

_PACKAGE = str(Path(__file__).parents[2])
MOST = 2000  # entries of one container that are looked at


def called_with_lines(function: Callable[..., Any], args: Sequence[Any]) -> tuple[Any, dict[Value, str]]:
    """Call the function, numbers among its arguments as labelled Values; the result, and the line of each node.

    >>> def f(a, b):
    ...     c = a * b
    ...     return c + a
    >>> out, lines = called_with_lines(f, (2.0, 3.0))
    >>> out.data, len(lines)
    (8.0, 2)
    """
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    values = [_leaf(arg, names[i] if i < len(names) else f"x{i}") for i, arg in enumerate(args)]
    lines: dict[Value, str] = {}
    before: dict[FrameType, int] = {}

    def note(frame: FrameType, found: Iterator[Any]) -> None:
        number = before.get(frame, frame.f_lineno)
        text = linecache.getline(frame.f_code.co_filename, number).strip()
        where = f"{Path(frame.f_code.co_filename).name}, line {number}: {text}".rstrip(": ")
        todo = [value for value in found if isinstance(value, Value)]
        while todo:
            node = todo.pop()
            if node.parents and node not in lines:
                lines[node] = where
                todo += [parent for parent in node.parents if isinstance(parent, Value)]

    def watch(frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename.startswith((_PACKAGE, "<frozen")):
            return None
        if event == "line":
            note(frame, _values(frame.f_locals))
            before[frame] = frame.f_lineno
        elif event == "return":
            note(frame, _values([arg, frame.f_locals]))
            before.pop(frame, None)
        return watch

    old = sys.gettrace()
    sys.settrace(watch)
    try:
        out = function(*values)
    finally:
        sys.settrace(old)
    return out, lines


def _leaf(arg: Any, name: str) -> Any:
    if isinstance(arg, (list, tuple)):
        return [_leaf(entry, f"{name}[{i}]") for i, entry in enumerate(arg)]
    return Value(arg, label=name) if isinstance(arg, (int, float)) else arg


def _values(held: Any, deep: int = 3) -> Iterator[Any]:
    if isinstance(held, Value):
        yield held
    elif deep and isinstance(held, (list, tuple, dict)) and len(held) <= MOST:
        for entry in held.values() if isinstance(held, dict) else held:
            yield from _values(entry, deep - 1)
    elif deep and type(held).__name__ == "ndarray" and held.dtype == object and held.size <= MOST:
        yield from held.flat
