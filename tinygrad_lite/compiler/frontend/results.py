"""What a function takes and gives: results of any nesting, the Values among arguments, and comparing numbers.

In: what a traced or an ordinary run of the function returned. Out: its structure and its numbers, so that the same
thing can be built again with other numbers in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from tinygrad_lite.compiler.frontend.arguments import Structure, size
from tinygrad_lite.compiler.frontend.trace import Flag, Trace, Tracer
from tinygrad_lite.compiler.ir.tape import Ref
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.value import Value


def shaped(part: Structure, gradients: Any) -> Any:
    """Numbers in the shape of an argument: an array for an array, floats elsewhere."""
    if part is not float and part[0] == "array":
        if not hasattr(gradients, "reshape"):
            import numpy as np

            gradients = np.array(gradients, dtype=float)
        return gradients.reshape(part[1])
    return _built(part, gradients, gradients.tolist() if hasattr(gradients, "tolist") else [*map(float, gradients)], 0)


def _built(part: Structure, numbers: Any, floats: list[float], at: int) -> Any:
    """What stands from there on, taken from the array, or from the same numbers as floats."""
    if part is float:
        return floats[at]
    kind, inner = part[0], part[-1]
    if kind == "array":
        return shaped(part, numbers[at : at + size(part)])
    if kind == "static":
        return None
    if inner.__class__ is int:
        return floats[at : at + inner] if kind is list else tuple(floats[at : at + inner])
    found = []
    for each in inner:
        found.append(_built(each, numbers, floats, at))
        at += size(each)
    return dict(zip(part[1], found, strict=True)) if kind is dict else kind(found)


def same(x: Any) -> Any:
    return x


def max_relative_error(xs: Any, ys: Any, least: float = 0.0) -> float:
    """The largest difference relative to the largest number, or to `least`; infinite where one of them is no number."""
    scale = max([least, *(abs(y) for y in ys if math.isfinite(y))]) or 1.0
    found = [abs(x - y) / scale for x, y in zip(xs, ys, strict=True) if x != y]
    return max([math.inf if x != x else x for x in found], default=0.0)


def outputs(result: Any, trace: Trace, refs: list[Ref]) -> Structure:
    """The structure of what the function returned, and the references of its numbers. A truth stays one, guarded."""
    if isinstance(result, Flag | bool):
        return "static", bool(result)
    if isinstance(result, Tracer | Value) or (hasattr(type(result), "__float__") and not hasattr(result, "shape")):
        refs.append(trace.lift(result, ops.add).ref)  # type: ignore[union-attr]
        return float
    if isinstance(result, list | tuple):
        return type(result), tuple([outputs(x, trace, refs) for x in result])
    if isinstance(result, dict):
        return dict, tuple(result), tuple([outputs(x, trace, refs) for x in result.values()])
    if hasattr(result, "shape"):
        for x in result.ravel():
            outputs(x.item() if hasattr(x, "item") else x, trace, refs)
        return "array", result.shape
    return "static", result


def numbers_in(thing: Any) -> Iterator[Any]:
    """The numbers of a result in order."""
    if isinstance(thing, dict):
        thing = list(thing.values())
    elif hasattr(thing, "shape"):
        thing = list(thing.ravel())
    if isinstance(thing, list | tuple):
        for x in thing:
            yield from numbers_in(x)
    elif isinstance(thing, Value | Tracer) or (hasattr(type(thing), "__float__") and not isinstance(thing, bool)):
        yield thing


def plain(thing: Any) -> Any:
    """The same thing with floats in the place of Values."""
    if isinstance(thing, Value):
        return thing.data
    if isinstance(thing, dict):
        return {key: plain(x) for key, x in thing.items()}
    if isinstance(thing, list | tuple):
        return type(thing)([plain(x) for x in thing])
    if hasattr(thing, "shape") and thing.shape:
        import numpy as np

        return np.array([plain(x) for x in thing.ravel()]).reshape(thing.shape)
    return thing


def values_in(thing: Any) -> Iterator[Value | None]:
    """For each number of the arguments the Value it came from, or None."""
    if isinstance(thing, Value):
        yield thing
    elif isinstance(thing, list | tuple):
        for x in thing:
            yield from values_in(x)
    elif isinstance(thing, dict):
        for x in thing.values():
            yield from values_in(x)
    elif getattr(thing, "dtype", None) is not None and thing.shape:
        for x in thing.ravel():
            yield x if isinstance(x, Value) else None
    elif not isinstance(thing, bool | str) and hasattr(type(thing), "__float__"):
        yield None


def outputs_of(result: Any) -> Structure:
    """The structure of what the function returned when it ran on Values."""
    if isinstance(result, list | tuple):
        return type(result), tuple([outputs_of(x) for x in result])
    if isinstance(result, dict):
        return dict, tuple(result), tuple([outputs_of(x) for x in result.values()])
    if hasattr(result, "shape") and not isinstance(result, Value):
        return "array", result.shape
    return float if isinstance(result, Value) or hasattr(type(result), "__float__") else ("static", result)
