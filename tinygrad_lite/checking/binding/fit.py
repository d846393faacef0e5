"""Parameters and data of shapes that fit, where a lesson has none: tried until the loss and the backward pass run.

Weights that follow one another make a chain of layers. Samples lie in rows or in columns, biases are (h,), (1, h) or
(h, 1), the target holds numbers, one 1 in each row, classes, 0 and 1, or -1 and 1: the loss's own code says which are
likely. The sizes differ first, so that shapes decide; then inner sizes are equal, as some mistakes fit only there.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_lite.checking.binding.roles import kind_of
from tinygrad_lite.checking.network.arrays import np

SAMPLES = 7
SIZES = ((3, 4, 5, 6, 8, 9), (3, 3, 3, 3, 3, 3))
Found = tuple[dict[str, Any], tuple[Any, ...]]


def fitted(
    names: list[str],
    source: str,
    try_out: Callable[[dict[str, Any], tuple[Any, ...]], int],
    seed: int = 0,
    target: bool = True,
    data: Any = None,
) -> Found | None:
    """Parameters and data on which a lesson runs, or None.

    Args:
        names: of the parameters, in order.
        source: the code of the functions, which hints at the kind of target.
        try_out: 2 if on such a problem all gradients have the shapes of their parameters, 1 if it runs, 0 if not.
        target: there is a target beside the input.
        data: the lesson's own, for which parameters alone are sought.
    """
    best = None
    for params, made in candidates(names, source, seed, target, data):
        found = try_out(params, made)
        if found == 2:
            return params, made
        if found == 1 and best is None:
            best = params, made
    return best


LAYOUTS = ("rows", "columns", "turned", "vector", "series", "numbers")
ALONE = ("vector", "series", "numbers")  # one output without an axis of its own


def candidates(names: list[str], source: str, seed: int, target: bool, data: Any = None) -> Iterator[Found]:
    kinds = [kind_of(n) or "w" for n in names]
    layers = max(kinds.count("w"), 1)
    first_name = names[kinds.index("w") if "w" in kinds else 0] if names else ""
    small = layers == 1 and bool(re.fullmatch(r"(w|m|k|a|theta|coef\w*|slope)_?\d?", first_name))  # vectors by custom
    layouts: tuple[str, ...] = (*ALONE, *LAYOUTS[:3]) if small else LAYOUTS
    outs = (1, 2, 3) if small else (2, 1, 3)
    if data is not None:
        layouts, outs = (
            tuple(dict.fromkeys(([*ALONE] if np.ndim(data[-1]) < 2 else []) + [*layouts])),
            tuple({1, *np.shape(data[-1])[-2:]}),
        )
    for sizes, outputs, layout in itertools.product(SIZES, outs, layouts):
        for bias in ("flat", "row", "column"):
            if layout in ALONE and (outputs != 1 or bias != "flat" or sizes is not SIZES[0]):
                continue
            first = (
                sizes[0]
                if data is None or np.ndim(data[0]) == 0
                else np.shape(data[0])[0 if layout == "columns" else -1]
            )
            widths = [first, *sizes[1:layers], outputs]
            chance = np.random.default_rng(seed)
            params = _params(names, kinds, widths, layout, bias, chance)
            X = chance.normal(size=(SAMPLES, widths[0]))
            if data is not None:
                yield params, data
                continue
            for y in targets(source, outputs, chance) if target else [None]:
                yield params, _data(X, y, layout)


def _params(
    names: list[str], kinds: list[str], widths: list[int], layout: str, bias: str, chance: Any
) -> dict[str, Any]:
    params: dict[str, Any] = {}
    digits = [re.sub(r"\D", "", n) for n in names]
    weights = [d for d, kind in zip(digits, kinds, strict=True) if kind == "w"]
    for i, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        at = kinds[:i].count(kind)
        if kind == "b" and digits[i] in weights and digits[i]:  # the bias of the weight of the same number
            at = weights.index(digits[i])
        ins, outs = widths[min(at, len(widths) - 2) :][:2]
        last = layout == "vector" and outs == 1
        if layout in ("numbers", "series"):
            params[name] = float(chance.normal())
        elif kind == "w":
            made = chance.normal(size=(ins, outs)) * 0.8
            turned = layout in ("columns", "turned")
            params[name] = made.ravel() if last else np.ascontiguousarray(made.T) if turned else made
        else:
            made = 0.3 * chance.normal(size=outs)
            shape = {"flat": (outs,), "row": (1, outs), "column": (outs, 1)}[bias]
            params[name] = float(made[0]) if last else made.reshape(shape)
    return params


def targets(source: str, outputs: int, chance: Any) -> Iterator[Any]:
    """The target, samples in rows: the likeliest first."""
    classes = chance.integers(0, max(outputs, 2), size=SAMPLES)
    classes[: max(outputs, 2)] = range(max(outputs, 2))
    kinds = {
        "numbers": chance.normal(size=(SAMPLES, outputs)),
        "one 1 in each row": np.eye(outputs)[classes] if outputs > 1 else None,
        "classes": classes if outputs > 1 else None,
        "0 and 1": chance.integers(0, 2, size=(SAMPLES, outputs)).astype(float),
        "-1 and 1": chance.choice([-1.0, 1.0], size=(SAMPLES, outputs)),
    }
    order = ["numbers"]
    if re.search(r"\blog\w*\(|xlogy|log\b", source):
        order = (
            ["0 and 1", "one 1 in each row"] if re.search(r"log\w*\(\s*1(\.0)?\s*-|1\s*-\s*\w+.*log", source) else []
        )
        order += ["one 1 in each row", "0 and 1"]
    if re.search(r"arange\(|range\(|astype\(int\)|\.long\(", source):
        order = ["classes", *order]
    if re.search(r"maximum\(\s*0(\.0)?\s*,\s*1|max\(\s*0(\.0)?\s*,\s*1|hinge", source):
        order = ["-1 and 1", *order]
    for kind in dict.fromkeys([*order, *kinds]):
        if kinds[kind] is not None:
            yield kinds[kind]


def _data(X: Any, y: Any, layout: str) -> tuple[Any, ...]:
    if layout == "numbers":
        X, y = float(X[0, 0]), None if y is None else float(np.ravel(y)[0])
    elif layout == "columns":
        X, y = np.ascontiguousarray(X.T), y if y is None or y.ndim == 1 else np.ascontiguousarray(y.T)
    elif layout == "series":
        X, y = X[:, 0], y if y is None else np.ravel(y)
    elif layout == "vector":
        y = y if y is None else np.ravel(y)
    return (X,) if y is None else (X, y)


def runs(loss: Any, backprop: Any, params: dict[str, Any], data: tuple[Any, ...], names: list[str]) -> int:
    """How well a lesson runs on a problem: 2, 1 or 0, as `fitted` takes it."""
    from tinygrad_lite.checking.trial.answer import Answer
    from tinygrad_lite.checking.trial.sandbox import copied

    with np.errstate(all="ignore"):
        try:
            value = loss(copied(params), *copied(data))
            value = value.item() if getattr(value, "size", 2) == 1 and hasattr(value, "item") else value
            if not isinstance(value, (int, float, np.floating)) or not math.isfinite(value):
                return 0
            answer = Answer(params)
            answer.read(backprop(copied(params), *copied(data)))
        except Exception:
            return 0
    right = [n for n in names if n in answer.gradients and answer.gradients[n].shape == tuple(np.shape(params[n]))]
    return 0 if not answer.gradients else 2 if len(right) == len(names) else 1
