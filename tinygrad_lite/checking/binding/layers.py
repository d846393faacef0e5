"""Backward rules that stand alone: layers, pairs of functions, PyTorch's `autograd.Function`, `jax.custom_vjp`.

A layer alone has no loss. It is tried with one: the sum of its output times fixed numbers, which are then what arrives
from above. Each kind of layer is a `run(own, given)` that gives the output and how to pull a gradient back through it.
"""

from __future__ import annotations

import copy
import inspect
import itertools
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from tinygrad_lite.checking.binding.contents import gradients_of, parameters_of, place
from tinygrad_lite.checking.binding.flow import as_check_takes_it
from tinygrad_lite.checking.binding.roles import BACKWARD, PREDICTION, TARGET, UPSTREAM, Function, bare
from tinygrad_lite.checking.binding.source import Lesson
from tinygrad_lite.checking.binding.values import constructor_arguments, has_method
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.trial.updates import RATE
from tinygrad_lite.report.language import say

Given = dict[str, Any]
Pair = tuple[Any, Any, Given, tuple[Any, ...], list[str]]
RATE_OF_LAYERS = 2.0**20  # so large that (old - new) / rate is the gradient to its last digits
SHAPES = ((5, 4), (4,), (2, 3, 6, 6))


class Layer(NamedTuple):
    """One backward rule.

    Attributes:
        words: what was bound to what.
        origin: the learner's backward.
        own: what is the learner's in it, of which copies can be run instead.
        run: of `own` and the inputs by name: the output, and a function from its gradient to those of the inputs.
    """

    words: str
    origin: Any
    own: dict[str, Any]
    run: Callable[[dict[str, Any], Given], tuple[Any, Callable[[Any], Given]]]


def layer_checks(lesson: Lesson, seed: int) -> list[Pair]:
    """A pair of functions to check for each layer that stands alone."""
    found: list[Pair | None] = []
    for layer, names in (*_function_pairs(lesson), *_torch_functions(lesson), *_jax_functions(lesson)):
        found.append(_pair(((layer, given) for given in inputs(names, seed)), seed))
    classes = lesson.own(type).values()
    if all(_is_layer(c) or _is_abstract(c) for c in classes if has_method(c, BACKWARD)):
        found += [_pair(_of_class(c, seed), seed) for c in classes if _is_layer(c)]
    return [pair for pair in found if pair is not None]


def _pair(tries: Iterable[tuple[Layer, Given]], seed: int) -> Pair | None:
    """Loss and backprop of a layer on the first inputs on which every gradient has its shape.

    Or else those of the first on which it runs; or on which its forward does, so that it is said how backward fails.
    """
    others: dict[str, Pair] = {}
    for layer, params in tries:
        try:
            out, pull = layer.run(layer.own, copy.deepcopy(params))
            if not np.all(np.isfinite(np.asarray(out, float))):
                continue
        except Exception:
            continue
        dout = np.random.default_rng(seed + 1).normal(size=np.shape(out)) if np.ndim(out) else 1.0
        loss, backprop = (partial(f, layer.run, layer.own, dout) for f in (_loss, _backprop))
        shapes = ", ".join(f"{n} {'x'.join(map(str, np.shape(x))) or say('number')}" for n, x in params.items())
        measure = "sum(out * dout)" if np.ndim(dout) else "out"
        words = [say("Bound: {0}, loss {1}.", layer.words, measure), say("Made to fit: {0}.", shapes)]
        pair = as_check_takes_it(loss, layer.origin), as_check_takes_it(backprop, layer.origin), params, (), words
        try:
            gradients = pull(dout)
        except Exception:
            others.setdefault("raises", pair)
            continue
        if all(np.shape(gradients.get(f"d{n}", x)) == np.shape(x) for n, x in params.items()):
            return pair
        others.setdefault("runs", pair)
    return others.get("runs") or others.get("raises")


def _loss(run: Any, own: dict[str, Any], dout: Any, given: Given) -> Any:
    out = run(own, given)[0]
    return (out * dout).sum() if np.ndim(dout) else out * dout


def _backprop(run: Any, own: dict[str, Any], dout: Any, given: Given) -> Given:
    found: Given = run(own, given)[1](dout)
    return found


def inputs(names: list[str], seed: int) -> Iterator[Given]:
    """Arrays for a layer's arguments: x a matrix, a vector or images; weights and vectors that may go with it."""
    for shape, rest in itertools.product(SHAPES, ("matrix", "vector", "same", "filters")):
        weight = {"matrix": (shape[-1], 3), "vector": shape[-1:], "same": shape, "filters": (2, 3, 3, 3)}[rest]
        chance = np.random.default_rng(seed)
        params: Given = {}
        for i, name in enumerate(names):
            lowered, size = name.lower(), shape
            if i and lowered.startswith(("w", "theta", "k")):
                size = weight
            elif i and lowered.startswith(("b", "g")):
                own = rest == "matrix" and lowered in ("b", "bias")
                size = (3,) if own else (2,) if rest == "filters" else shape[-1:]
            params[name] = chance.normal(size=size)
        yield params


# ---------------------------------------------------------------------- pairs of functions


def _function_pairs(lesson: Lesson) -> Iterator[tuple[Layer, list[str]]]:
    """A forward function that gives (out, cache) and a backward one of (dout, cache)."""
    own = lesson.own(types.FunctionType)
    for name, function in own.items():
        stem, _, ending = name.rpartition("_")
        forward = next((own[f"{stem}_{end}"] for end in ("forward", "fwd", "fw") if f"{stem}_{end}" in own), None)
        back = Function(name, function)
        takes = 0 < len(back.arguments) <= 2 and bool(UPSTREAM.fullmatch(back.arguments[0]))
        if ending not in ("backward", "back", "bwd") or forward is None or not takes:
            continue
        front = Function(stem, forward)
        names = [a for a in front.arguments if a not in front.defaults and not a.endswith(("_param", "_params"))]
        order = [bare(n) if bare(n) in names else n for n in back.returned]
        run = partial(_run_pair, names, order if all(order) else names, len(back.arguments))
        words = f"{stem}({', '.join(names)}) -> out, {name}(dout, ...) -> {', '.join(back.returned)}"
        yield Layer(words, function, {"forward": forward, "backward": function}, run), names


def _run_pair(names: list[str], order: list[str], many: int, own: dict[str, Any], given: Given) -> tuple[Any, Any]:
    result = own["forward"](*(given[n] for n in names))
    out, cache = result if isinstance(result, tuple) and len(result) == 2 else (result, given)

    def pull(dout: Any) -> Given:
        found = own["backward"](*(dout, cache)[:many])
        found = found if isinstance(found, tuple) else (found,)
        named = order if len(order) == len(found) else names
        return {f"d{n}" if n in names else n: x for n, x in zip(named, found, strict=False)}

    return out, pull


# ---------------------------------------------------------------------- classes with forward and backward


def _is_layer(c: type) -> bool:
    backward, forward = getattr(c, "backward", None), getattr(c, "forward", None) or c.__dict__.get("__call__")
    if not inspect.isfunction(backward) or not inspect.isfunction(forward) or _is_torch_function(c):
        return False
    front, back = Function("forward", forward), Function("backward", backward)
    needed = [a for a in back.arguments if a not in back.defaults]
    if not back.arguments:
        return any(TARGET.fullmatch(a) for a in front.arguments)
    alone = len(needed) <= 1 or (len(needed) == 2 and bool(RATE.fullmatch(needed[1])))
    return bool(UPSTREAM.fullmatch(back.arguments[0])) and alone and not back.empty


def _is_abstract(c: Any) -> bool:
    """A class that only says what layers have."""
    return inspect.isfunction(getattr(c, "backward", None)) and Function("backward", c.backward).empty


def _of_class(c: Any, seed: int) -> Iterator[tuple[Layer, Given]]:
    """A layer's class on data that may fit it, with a target where its forward takes one."""
    name = "forward" if hasattr(c, "forward") else "__call__"
    forward, backward = Function(name, getattr(c, name)), Function("backward", c.backward)
    values = constructor_arguments(c)
    chance = np.random.default_rng(seed)
    classes = chance.integers(0, 4, size=5)
    targets: list[Any] = [None]
    if any(TARGET.fullmatch(a) for a in forward.arguments):
        targets = [*([] if "log" in forward.source else [chance.normal(size=(5, 4))]), np.eye(4)[classes], classes]
    widths = [shape for n in values[:1] if isinstance(n, int) for shape in ((5, n), (n, 5), (n, 1))]
    for shape, y in itertools.product(((5, 4), (5, 3), *widths, *SHAPES[1:]), targets):
        if y is not None and np.ndim(y) == 2 and y.shape != shape:
            continue
        try:
            thing = c(*copy.deepcopy(values))
        except Exception:
            return
        run = partial(_run_class, forward, backward, [] if y is None else [y])
        layer = Layer(f"{c.__name__}: forward(x) -> out, backward", c.backward, {"thing": thing}, run)
        weights = {n: np.array(w, float) for n, w in parameters_of(thing).items() if not bare(n) and np.ndim(w)}
        yield layer, {"x": np.random.default_rng(seed).normal(size=shape), **weights}


def _run_class(
    forward: Function, backward: Function, target: list[Any], own: dict[str, Any], given: Given
) -> tuple[Any, Any]:
    thing = copy.deepcopy(own["thing"])
    place(thing, given)
    out = getattr(thing, forward.name)(given["x"], *target)
    if out is None:  # kept as an attribute
        out = next(x for name, x in vars(thing).items() if PREDICTION.fullmatch(name))

    def pull(dout: Any) -> Given:
        rate = [RATE_OF_LAYERS for a in backward.arguments[1:2] if RATE.fullmatch(a)]
        before = {n: np.array(x) for n, x in parameters_of(thing).items() if n in given}
        dx = thing.backward(*[dout, *rate][: len(backward.arguments)])
        dx = dx[0] if isinstance(dx, tuple) else dx
        kept = gradients_of(thing, [*given, *forward.arguments[:1]])
        found = {n: x for n, x in kept.items() if n in given}
        if rate:
            found |= {n: (before[n] - x) / RATE_OF_LAYERS for n, x in parameters_of(thing).items() if n in before}
        return {"dx": kept.get(forward.arguments[0]) if dx is None else dx, **{f"d{n}": g for n, g in found.items()}}

    return out, pull


# ---------------------------------------------------------------------- rules for libraries, on float64 numbers


def _is_torch_function(c: type) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and issubclass(c, torch.autograd.Function)


def _torch_functions(lesson: Lesson) -> Iterator[tuple[Layer, list[str]]]:
    for c in lesson.own(type).values():
        if _is_torch_function(c):
            names = [a for a in inspect.signature(c.forward).parameters if a != "ctx"]
            words = f"autograd.Function {c.__name__}({', '.join(names)})"
            yield Layer(words, _loss, {"rule": c}, _run_torch), names


def _run_torch(own: dict[str, Any], given: Given) -> tuple[Any, Any]:
    torch: Any = sys.modules["torch"]
    tensors = {n: torch.tensor(np.asarray(x, float), requires_grad=True) for n, x in given.items()}
    out = own["rule"].apply(*tensors.values())

    def pull(dout: Any) -> Given:
        out.backward(torch.tensor(dout))
        return {f"d{n}": t.grad.numpy() for n, t in tensors.items() if t.grad is not None}

    return out.detach().numpy(), pull


def _jax_functions(lesson: Lesson) -> Iterator[tuple[Layer, list[str]]]:
    jax: Any = sys.modules.get("jax")
    for name, f in lesson.names.items() if jax is not None else ():
        if isinstance(f, jax.custom_vjp):
            names = list(inspect.signature(f.fun).parameters)
            words = f"custom_vjp {name}({', '.join(names)})"
            yield Layer(words, _loss, {"rule": f}, _run_jax), names


def _run_jax(own: dict[str, Any], given: Given) -> tuple[Any, Any]:
    jax: Any = sys.modules["jax"]
    doubles = partial(jax.enable_x64, True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    with doubles():
        out, back = jax.vjp(own["rule"], *(jax.numpy.asarray(x, dtype="float64") for x in given.values()))

    def pull(dout: Any) -> Given:
        with doubles():
            return {f"d{n}": np.asarray(g) for n, g in zip(given, back(jax.numpy.asarray(dout)), strict=True)}

    return np.asarray(out), pull
