"""Lessons made of objects: networks with their weights, layers with forward(x) and backward(dout), pairs.

A layer alone has no loss. It is tried with one: the sum of its output times fixed numbers, which are then what arrives
from above. PyTorch's `autograd.Function` and `jax.custom_vjp` are tried in the same way.
"""

from __future__ import annotations

import copy
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_lite.checking.binding.flow import as_check_takes_it, gradients_of, parameters_of, place
from tinygrad_lite.checking.binding.frameworks import (
    SHAPES,
    Pair,
    inputs,
    is_torch_function,
    jax_functions,
    torch_functions,
    upstream,
)
from tinygrad_lite.checking.binding.roles import BACKWARD, INPUT, STEP, TARGET, UPSTREAM, Function, bare
from tinygrad_lite.checking.binding.source import Lesson
from tinygrad_lite.checking.network.arrays import np


def instance(lesson: Lesson, sized: Callable[[str, int, int], Any]) -> Any:
    """An object of the lesson's own class that has a backward pass: the lesson's, or a new one."""
    classes = [c for c in lesson.own(type).values() if _has(c, BACKWARD) or _has(c, STEP)]
    for x in lesson.names.values():
        if type(x) in classes and parameters_of(x):
            return x
    for c in reversed(classes):
        try:
            made = c(*_constructor_arguments(c, sized))
        except Exception:
            continue
        if parameters_of(made):
            return made
    return None


def _has(c: type, pattern: Any) -> bool:
    return any(pattern.match(name) for name, _ in inspect.getmembers(c, inspect.isfunction))


def _constructor_arguments(c: type, sized: Callable[[str, int, int], Any]) -> list[Any]:
    found = [a for a in inspect.signature(c).parameters.values() if a.default is a.empty]
    chance = np.random.default_rng(0)
    values = []
    for i, a in enumerate(found):
        if a.kind in (a.VAR_POSITIONAL, a.VAR_KEYWORD):
            continue
        if INPUT.fullmatch(a.name) and a.name.lower() in ("x", "inputs", "data", "x_train"):
            values.append(chance.normal(size=(7, 3)))
        elif TARGET.fullmatch(a.name):
            values.append(chance.uniform(size=(7, 1)))
        elif a.name.lower() in ("w", "weights", "weight"):
            values.append(chance.normal(size=(4, 3)))
        elif a.name.lower() in ("b", "bias"):
            values.append(chance.normal(size=3))
        else:
            values.append(sized(a.name, i, len(found)))
    return values


def layer_checks(lesson: Lesson, seed: int) -> list[Pair]:
    """A pair of functions to check for each layer that stands alone."""
    found = [*_function_pairs(lesson, seed), *torch_functions(lesson, seed), *jax_functions(lesson, seed)]
    classes = lesson.own(type)
    layers = [c for c in classes.values() if _is_layer(c)]
    whole = any(_has(c, BACKWARD) and not _is_layer(c) for c in classes.values())
    if not whole:
        found += [pair for c in layers if (pair := _layer(c, seed)) is not None]
    return found


# ---------------------------------------------------------------------- pairs of functions


def _function_pairs(lesson: Lesson, seed: int) -> Iterator[Pair]:
    own = lesson.own(types.FunctionType)
    for name, backward in own.items():
        if not name.endswith(("_backward", "_back", "_bwd")):
            continue
        stem = name.rpartition("_")[0]
        forward = next((own[f"{stem}_{end}"] for end in ("forward", "fwd", "fw") if f"{stem}_{end}" in own), None)
        back = Function(name, backward)
        if (
            forward is None
            or not back.arguments
            or not UPSTREAM.fullmatch(back.arguments[0])
            or len(back.arguments) > 2
        ):
            continue
        pair = _pair(Function(f"{stem}", forward), back, seed)
        if pair is not None:
            yield pair


def _pair(forward: Function, backward: Function, seed: int) -> Pair | None:
    """A forward function that gives (out, cache) and a backward one of (dout, cache)."""
    names = [a for a in forward.arguments if a not in forward.defaults and not a.endswith(("_param", "_params"))]
    for params in inputs(names, seed):

        def called(given: dict[str, Any]) -> tuple[Any, Any]:
            result = forward.function(*(given[n] for n in names))
            return result if isinstance(result, tuple) and len(result) == 2 else (result, given)

        try:
            out, cache = called(copy.deepcopy(params))
            if not np.all(np.isfinite(np.asarray(out, float))):
                continue
            dout = upstream(out, seed)
            backward.function(*(dout, cache)[: len(backward.arguments)])
        except Exception:
            continue
        order = [bare(n) if bare(n) in names else n for n in backward.returned]

        def loss(given: dict[str, Any], dout: Any = dout, called: Any = called) -> Any:
            return (called(given)[0] * dout).sum()

        def backprop(given: dict[str, Any], dout: Any = dout, called: Any = called, order: Any = order) -> Any:
            result = backward.function(*(dout, called(given)[1])[: len(backward.arguments)])
            result = result if isinstance(result, tuple) else (result,)
            named = order if len(order) == len(result) and all(order) else names
            return {f"d{n}" if n in names else n: x for n, x in zip(named, result, strict=False)}

        back = as_check_takes_it(lambda given, b=backprop: b(given), backward.function)
        words = [
            f"Bound: {forward.name}({', '.join(names)}) -> out, loss sum(out * dout), {backward.name}(dout, ...) -> "
            f"{', '.join(backward.returned)}.",
            "Made to fit: "
            + ", ".join(f"{n} {'x'.join(map(str, np.shape(x))) or 'number'}" for n, x in params.items())
            + ".",
        ]
        return as_check_takes_it(lambda given, f=loss: f(given), forward.function), back, params, (), words
    return None


# ---------------------------------------------------------------------- layers


def _is_layer(c: type) -> bool:
    backward, forward = getattr(c, "backward", None), getattr(c, "forward", None) or c.__dict__.get("__call__")
    if not inspect.isfunction(backward) or not inspect.isfunction(forward) or is_torch_function(c):
        return False
    arguments = Function("backward", backward).arguments
    needed = [a for a in arguments if a not in Function("backward", backward).defaults]
    return (bool(arguments) and bool(UPSTREAM.fullmatch(arguments[0])) and len(needed) <= 1) or (
        not arguments and any(TARGET.fullmatch(a) for a in Function("forward", forward).arguments)
    )


def _layer(c: type, seed: int) -> Pair | None:
    from tinygrad_lite.checking.binding.values import sized

    forward = Function("forward", getattr(c, "forward", None) or c.__dict__["__call__"])
    backward = Function("backward", c.backward)  # type: ignore[attr-defined]
    target = next((a for a in forward.arguments if TARGET.fullmatch(a)), None)
    values = _constructor_arguments(c, sized)
    classes = np.random.default_rng(seed).integers(0, 4, size=5)
    targets = [np.random.default_rng(seed).normal(size=(5, 4)), np.eye(4)[classes], classes] if target else [None]
    if target and "log" in forward.source:
        targets = targets[1:]
    for shape in ((5, 4), (5, 3), (5, values[0]) if values and isinstance(values[0], int) else (5, 4), *SHAPES[1:]):
        for y in targets:
            try:
                thing = c(*copy.deepcopy(values))
                x = np.random.default_rng(seed).normal(size=shape)
                if y is not None and np.ndim(y) == 2 and y.shape != x.shape:
                    continue
                weights = {n: np.array(w, float) for n, w in parameters_of(thing).items() if not bare(n) and np.ndim(w)}
                run = _run_layer(forward, target, y)
                out = run(copy.deepcopy(thing), x)
                dout = 1.0 if np.ndim(out) == 0 else upstream(out, seed)
                second = copy.deepcopy(thing)
                run(second, x)
                backward.function(second, *([dout] if backward.arguments else []))
            except Exception:
                continue
            return _as_pair(c, thing, run, backward, {"x": x, **weights}, dout)
    return None


def _run_layer(forward: Function, target: str | None, y: Any) -> Any:
    def run(thing: Any, x: Any) -> Any:
        return forward.function(thing, *([x] if target is None else [x, y]))

    return run


def _as_pair(c: type, thing: Any, run: Any, backward: Function, params: dict[str, Any], dout: Any) -> Pair:
    def ready(given: dict[str, Any]) -> Any:
        made = copy.deepcopy(thing)
        place(made, given)
        return made

    def loss(given: dict[str, Any]) -> Any:
        out = run(ready(given), given["x"])
        return out * dout if np.ndim(dout) == 0 else (out * dout).sum()

    def backprop(given: dict[str, Any]) -> Any:
        made = ready(given)
        run(made, given["x"])
        dx = backward.function(made, *([dout] if backward.arguments else []))
        dx = dx[0] if isinstance(dx, tuple) else dx
        return {"dx": dx, **{f"d{n}": g for n, g in gradients_of(made, list(params)).items()}}

    words = [
        f"Bound: {c.__name__}: forward(x) -> out, loss {'sum(out * dout)' if np.ndim(dout) else 'out'}, backward.",
        "Made to fit: " + ", ".join(f"{n} {'x'.join(map(str, np.shape(x)))}" for n, x in params.items()) + ".",
    ]
    return as_check_takes_it(loss, c), as_check_takes_it(backprop, backward.function), params, (), words
