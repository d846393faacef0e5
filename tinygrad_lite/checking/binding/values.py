"""The parameters and data that a lesson has itself: at its top level, in its object, from its own function for them."""

from __future__ import annotations

import copy
import inspect
import itertools
import types
from collections.abc import Callable
from typing import Any

from tinygrad_lite.checking.binding.contents import parameters_of
from tinygrad_lite.checking.binding.fit import SAMPLES, Found, targets
from tinygrad_lite.checking.binding.flow import Flow
from tinygrad_lite.checking.binding.roles import BACKWARD, INIT, INPUT, STEP, TARGET, Function
from tinygrad_lite.checking.binding.source import Lesson
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.trial.updates import RATE


def own_parameters(lesson: Lesson, flow: Flow, asked: dict[str, Any]) -> dict[str, Any] | None:
    """The parameters that the lesson itself has or that were said, by name; None if there are none."""
    names = lesson.names
    params: Any = asked.get("params")
    if params is None and flow.thing is not None:
        params = {n: x for n, x in parameters_of(flow.thing).items() if n in flow.params}
    if params is None and all(_numbers(names.get(n)) for n in flow.params) and flow.params:
        params = {n: names[n] for n in flow.params}
    if params is None and flow.grouped and isinstance(names.get(flow.grouped), (dict, list, tuple)):
        params = names[flow.grouped]
    if params is None:
        params = initialised(lesson, flow)
        flow.fresh = True
    if not params:
        return None
    if not isinstance(params, dict) or any(isinstance(x, (dict, tuple)) for x in params.values()):
        flow.nested = copy.deepcopy(params)
        params = parameters_of(flow.nested, flow.root, lists=False)
    flow.params = list(params)
    return {n: np.array(x, float) if np.ndim(x) else float(x) for n, x in params.items()}


def own_data(lesson: Lesson, flow: Flow, asked: dict[str, Any]) -> tuple[Any, ...] | None:
    """The data that the lesson itself has or that were said; None if some are missing."""
    if asked.get("data") is not None:
        return tuple(asked["data"])
    found = [_of_role(lesson.names, n, role, flow.params) for n, role in zip(flow.data, (INPUT, TARGET), strict=False)]
    return None if not found or any(x is None for x in found) else tuple(found)


def _of_role(names: dict[str, Any], name: str, role: Any, params: list[str]) -> Any:
    """The lesson's own data: of this name, or of another with the same meaning."""
    fitting = [n for n, x in names.items() if role.fullmatch(n) and n not in params and np.ndim(x) and _numbers(x)]
    found = name if _numbers(names.get(name)) else fitting[0] if fitting else None
    if found is None:
        return None
    x = names[found]
    return x if isinstance(x, list) else np.asarray(x)


def fitted_data(params: dict[str, Any], source: str, try_out: Callable[..., int], seed: int) -> Found | None:
    """Data that fit given parameters: X and y of every size that occurs in them."""
    sizes = list(dict.fromkeys(n for x in params.values() for n in np.shape(x))) or [1, 2, 3]
    chance = np.random.default_rng(seed)
    best, tries = None, []
    for k, o in itertools.product(sizes, [*reversed(sizes), 1]):
        X = chance.normal(size=(SAMPLES, k))
        for rank, y in enumerate(targets(source, o, chance)):
            tries += [
                (rank, X, y),
                (rank, X.T, y.T),
                (rank if y.ndim == 1 or o == 1 else 9, X, np.ravel(y)),
                (10, X[0], y[0]),
                (11, X[0], float(np.ravel(y)[0])),
            ]
    for _, x, y in sorted(tries, key=lambda t: t[0]):
        found = try_out(params, (x, y))
        if found == 2:
            return params, (x, y)
        best = best or ((params, (x, y)) if found else None)
    return best


def initialised(lesson: Lesson, flow: Flow) -> Any:
    """Parameters from the lesson's own function for it."""
    for name, f in lesson.own(types.FunctionType).items():
        if INIT.match(name):
            arguments = Function(name, f).arguments
            for filled in (dict.fromkeys(arguments), {}):
                try:
                    made = f(**{a: sized(a, i, len(arguments)) for i, a in enumerate(filled)})
                except Exception:
                    continue
                if isinstance(made, dict) and all(map(_numbers, made.values())):
                    return made
                if isinstance(made, (dict, list)) and flow.grouped and parameters_of(made, lists=False):
                    return made
                if isinstance(made, dict):
                    return {k: x for k, x in made.items() if _numbers(x)}
                if isinstance(made, tuple) and len(made) == len(flow.params):
                    order = Function(name, f).returned
                    return dict(zip(order if set(order) == set(flow.params) else flow.params, made, strict=True))
    return None


def instance(lesson: Lesson) -> tuple[Any, bool]:
    """An object of the lesson's own class that has a backward pass, or None, and whether it is new, of our sizes."""
    classes = [c for c in lesson.own(type).values() if has_method(c, BACKWARD) or has_method(c, STEP)]
    for x in lesson.names.values():
        if type(x) in classes and parameters_of(x):
            return x, False
    for c in reversed(classes):
        arguments = constructor_arguments(c)
        try:
            made = c(*arguments)
        except Exception:
            continue
        if parameters_of(made):
            return made, bool(arguments)
    return None, False


def has_method(c: type, pattern: Any) -> bool:
    """Whether a class has a method of such a name."""
    return any(pattern.match(name) for name, _ in inspect.getmembers(c, inspect.isfunction))


def constructor_arguments(c: type) -> list[Any]:
    """What a class can be made with: sizes, data, weights."""
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


def sized(name: str, i: int, many: int) -> Any:
    """A value for an argument of a constructor: sizes that differ, a list of them, a seed, a learning rate."""
    lowered = name.lower()
    if RATE.fullmatch(name):
        return 0.1
    if "seed" in lowered:
        return 0
    if any(word in lowered for word in ("layers", "sizes", "dims", "architecture", "shape", "topology")):
        return [3, 4, 2]
    if "hid" in lowered or lowered in ("n_h", "h", "nh"):
        return 4
    if "out" in lowered or lowered in ("n_y", "o", "ny", "num_classes", "n_classes", "classes", "k"):
        return 2
    return 3 if "in" in lowered or i == 0 else 2 if i == many - 1 else 4


def _numbers(x: Any) -> bool:
    """Whether something is a number, an array of numbers or a list that makes one."""
    try:
        return isinstance(x, (int, float, list, np.ndarray)) and np.asarray(x).dtype.kind in "iuf" and np.size(x) > 0
    except ValueError:
        return False
