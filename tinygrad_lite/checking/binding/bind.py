"""A lesson bound: its functions in their roles, ready for `check`. Start here."""

from __future__ import annotations

import inspect
import itertools
import types
from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_lite.checking.binding.fit import fitted, runs
from tinygrad_lite.checking.binding.flow import Flow, Unplaced, as_check_takes_it, parameters_of
from tinygrad_lite.checking.binding.losses import assumed_loss
from tinygrad_lite.checking.binding.objects import instance, layer_checks
from tinygrad_lite.checking.binding.roles import (
    BACKWARD,
    CACHE,
    FORWARD,
    INIT,
    INPUT,
    LOSS,
    NO_BACKWARD,
    NO_LOSS,
    PARAMETER,
    PARAMS,
    PREDICTION,
    RATE,
    STEP,
    TARGET,
    UPSTREAM,
    Function,
    bare,
)
from tinygrad_lite.checking.binding.scripts import step_of
from tinygrad_lite.checking.binding.source import Lesson
from tinygrad_lite.checking.network.arrays import np


class Binding:
    """What `check` is to be called with, and how that was found.

    Attributes:
        loss, backprop, params, data, options: for `check(loss, backprop, params, *data, **options)`.
        words: what was bound to what, in two lines.
    """

    def __init__(
        self, loss: Any, backprop: Any, params: dict[str, Any], data: tuple[Any, ...], words: list[str]
    ) -> None:
        self.loss, self.backprop, self.params, self.data, self.words = loss, backprop, params, data, words
        self.options: dict[str, Any] = {}


def bind(lesson: Lesson, roles: Mapping[str, Any] | None = None, seed: int = 0) -> list[Binding]:
    """The bindings of a lesson: one as a rule, one for each layer where layers stand alone.

    Args:
        lesson: what it defines.
        roles: what is said explicitly: `forward`, `loss`, `backprop` as functions or their names; `params` and `data`
            with their values; anything else by the name of an argument.

    Raises:
        Unplaced: something is missing, which is asked for by name.
    """
    said = dict(roles or {})
    pairs = [] if {"loss", "backprop"} & set(said) else layer_checks(lesson, seed)
    if pairs:
        return [Binding(*pair) for pair in pairs]
    step = None
    flow = _functions(lesson, said) or instance_flow(lesson, said)
    if flow is None and lesson.loops:
        step = step_of(lesson)
        flow = None if step is None else Flow(step.forward, step.loss, step.backward, step.params, step.data, {})
    if flow is None:
        own = ", ".join([*lesson.own(types.FunctionType), *lesson.own(type)]) or "nothing"
        raise Unplaced(
            f"no backward pass was found in {lesson.name}, which defines {own}.\n"
            '  Say which function it is, as in tg.check(lesson, backprop="my_gradients", loss="my_loss").'
        )
    return [_bound(lesson, flow, said, seed)]


def _bound(lesson: Lesson, flow: Flow, said: dict[str, Any], seed: int) -> Binding:
    known = values(lesson, flow, said)
    source = "\n".join(f.source for f in flow.functions)
    guess = flow.loss is None
    if guess:
        flow.assumed = lambda p, y: ((p - y) ** 2).sum() / 2

    def try_out(params: dict[str, Any], data: tuple[Any, ...]) -> int:
        return runs(flow.loss_fn, flow.backprop_fn, params, data, list(params))

    target = any(TARGET.fullmatch(a) for f in flow.functions for a in f.arguments) or len(flow.data) > 1
    found = known if known is not None and try_out(*known) else None
    made = found is None
    if found is None and known is not None and flow.thing is not None:
        found = fitted_data(known[0], flow, try_out, seed)
    if found is None:
        found = fitted(flow.params, source, try_out, seed, target, flow.known_data)
    if found is None and flow.known_data is not None:
        found = fitted(flow.params, source, try_out, seed, target)
    if found is None:
        _missing(flow, known or next(iter(_first(flow, source, seed, target))))
        raise Unplaced(
            f"no parameters and data were found on which {flow.backward.name} of {lesson.name} runs.\n"
            "  Give them, as in tg.check(lesson, params={'W1': W1, 'b1': b1}, data=(X, y))."
        )
    params, data = found
    loss_words = flow.spoken.get(flow.loss.name, "") if flow.loss is not None else ""
    if guess:
        loss_words = assumed_loss(flow, params, data)
    backprop = as_check_takes_it(flow.backprop_fn, flow.backward.function)
    loss = as_check_takes_it(flow.loss_fn, flow.loss.function if flow.loss is not None else flow.backward.function)
    gives = f"updated parameters, learning rate {flow.rate:g}" if flow.updates and flow.rate else "updated parameters"
    forward = (
        f"{flow.spoken[flow.forward.name]}, " if flow.forward is not None and flow.forward.name in flow.spoken else ""
    )
    shapes = ", ".join(
        f"{n} {_shape(x)}" for n, x in [*params.items(), *zip(flow.data or ["X", "y"], data, strict=False)]
    )
    words = [
        f"Bound: {forward}loss {loss_words}, backprop {flow.spoken[flow.backward.name]} gives "
        f"{gives if flow.updates else 'gradients'}.",
        f"{'Made to fit' if made else 'From the lesson'}: {shapes}.",
    ]
    binding = Binding(loss, backprop, params, data, words)
    if flow.updates and flow.rate:
        binding.options = {"updates": True, "lr": flow.rate}
    return binding


def _missing(flow: Flow, problem: Any) -> None:
    """Raise what a run asks for; other failures are told by the caller."""
    try:
        flow.loss_fn(problem[0], *problem[1])
        flow.backprop_fn(problem[0], *problem[1])
    except Unplaced:
        raise
    except Exception:
        return


def _first(flow: Flow, source: str, seed: int, target: bool) -> Any:
    from tinygrad_lite.checking.binding.fit import _candidates

    return _candidates(flow.params, source, seed, target)


def _shape(x: Any) -> str:
    return "x".join(map(str, np.shape(x))) or "number"


# ---------------------------------------------------------------------- functions


def _chosen(said: Any, candidates: dict[str, Function], *patterns: Any, but: Any = None) -> Function | None:
    if said is not None:
        if callable(said):
            return Function(getattr(said, "__name__", "function"), said)
        if said not in candidates:
            raise Unplaced(f"there is no function {said!r}; there are {', '.join(candidates)}.")
        return candidates[said]
    for pattern in patterns:
        fitting = [f for n, f in candidates.items() if pattern.match(n) and not (but and but.match(n)) and not f.empty]
        if fitting:
            return max(fitting, key=lambda f: len(f.arguments))
    return None


def _functions(lesson: Lesson, said: dict[str, Any]) -> Flow | None:
    """The flow of a lesson of functions, or None."""
    own = {name: Function(name, f) for name, f in lesson.own(types.FunctionType).items()}
    own |= {
        name: Function(name, x)
        for name, x in lesson.names.items()
        if isinstance(x, types.FunctionType) and name in (said.get("loss"), said.get("backprop"), said.get("forward"))
    }
    inner = {n for f in own.values() for n in f.globals}
    tops = {n: f for n, f in own.items() if len(f.arguments) > 1 or n not in inner}
    backward = _chosen(
        said.get("backprop"), {n: f for n, f in tops.items() if not _elementwise(f)}, BACKWARD, STEP, but=NO_BACKWARD
    )
    if backward is None:
        return None
    rest = {n: f for n, f in own.items() if f is not backward}
    loss = _chosen(said.get("loss"), rest, LOSS, but=NO_LOSS)
    forward = _chosen(said.get("forward"), {n: f for n, f in rest.items() if f is not loss}, FORWARD, but=NO_LOSS)
    if loss is not None and forward is not None and forward.name in loss.globals and not _needs_output(backward):
        forward = None  # the loss makes its own forward pass
    functions = [f for f in (forward, loss, backward) if f is not None]
    params, data = parameters_and_data(functions, lesson, said)
    given = {n: x for n, x in {**lesson.names, **said}.items() if any(n in f.arguments for f in functions)}
    given = {n: x for n, x in given.items() if n not in params and n not in data and not callable(x)}
    everywhere = {n for f in own.values() for n in f.globals}
    space = lesson.names if everywhere & {*params, *data} else None
    return Flow(forward, loss, backward, params, data, given, space)


def _elementwise(f: Function) -> bool:
    """A derivative of one argument, such as sigmoid_grad(z), is no backward pass."""
    return len([a for a in f.arguments if a not in f.defaults]) < 2 and not f.globals & {"global"} and bool(f.arguments)


def _needs_output(f: Function) -> bool:
    return any(PREDICTION.fullmatch(a) or CACHE.fullmatch(a) for a in f.arguments)


def parameters_and_data(functions: list[Function], lesson: Lesson, said: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The names of the parameters and of the data: of arguments, of the keys of a dict, or of globals."""
    returned = {n for f in functions[:-1] for n in f.returned if n}
    free = [a for a in dict.fromkeys(a for f in functions for a in f.arguments) if a not in returned]
    backward = functions[-1]
    everywhere = {n for name, f in lesson.own(types.FunctionType).items() for n in Function(name, f).globals}
    gradients = {bare(n) for n in (*backward.returned, *(k for ks in backward.keys.values() for k in ks))}
    inside = {bare(n) for n in backward.changed if not PREDICTION.fullmatch(bare(n)) and not CACHE.fullmatch(bare(n))}
    data = [next((a for a in free if role.fullmatch(a)), "") for role in (INPUT, TARGET)]
    if "params" in said and isinstance(said["params"], Mapping):
        return list(said["params"]), [d for d in data if d]
    subscripted = {a for f in lesson.own(types.FunctionType).values() for a in Function("", f).keys}
    group = next((a for a in free if PARAMS.fullmatch(a) and a in subscripted), None)
    if group is not None:
        everywhere = [Function(n, f) for n, f in lesson.own(types.FunctionType).items()]
        keys = [k for f in everywhere for k in f.keys.get(group, []) if not bare(k) or PARAMETER.fullmatch(k)]
        return list(dict.fromkeys(keys)), [d for d in data if d]

    def is_one(name: str) -> bool:
        kinds = (INPUT, TARGET, RATE, UPSTREAM)
        return (
            bool(PARAMETER.fullmatch(name)) and not any(k.fullmatch(name) for k in kinds)
        ) or name in gradients | inside

    params = [a for a in free if is_one(a) and a not in data]
    params = [a for a in params if not (PREDICTION.fullmatch(a) or CACHE.fullmatch(a)) or a in gradients]
    if not params:  # as globals
        used = [n for n in lesson.names if n in everywhere]
        params = [n for n in used if is_one(n) and isinstance(lesson.names[n], (np.ndarray, float))]
        data = [
            d or next((n for n in used if role.fullmatch(n)), "") for d, role in zip(data, (INPUT, TARGET), strict=True)
        ]
    return params, [d for d in data if d]


def values(lesson: Lesson, flow: Flow, said: dict[str, Any]) -> tuple[dict[str, Any], tuple[Any, ...]] | None:
    """The parameters and data that the lesson itself has, or that were said; None if some are missing."""
    names = lesson.names
    params: Any = said.get("params")
    if params is None and flow.thing is not None:
        params = {n: x for n, x in parameters_of(flow.thing).items() if n in flow.params}
    if params is None and all(_numbers(names.get(n)) for n in flow.params) and flow.params:
        params = {n: names[n] for n in flow.params}
    if params is None and flow.grouped and isinstance(names.get(flow.grouped), dict):
        params = names[flow.grouped]
    if params is None:
        params = initialised(lesson, flow)
    data: Any = said.get("data")
    if data is None and flow.data:
        found = [_of_role(names, n, role, flow.params) for n, role in zip(flow.data, (INPUT, TARGET), strict=False)]
        data = None if any(x is None for x in found) else tuple(found)
        flow.known_data = data
    if params is None or not params:
        return None
    flow.params = list(params)
    params = {n: np.array(x, float) if np.ndim(x) else float(x) for n, x in params.items()}
    if data is not None:
        return params, tuple(data)
    return fitted_data(params, flow, lambda p, d: runs(flow.loss_fn, flow.backprop_fn, p, d, list(p)), 0)


def _of_role(names: dict[str, Any], name: str, role: Any, params: list[str]) -> Any:
    """The lesson's own data: of this name, or of another with the same meaning."""
    fitting = [n for n, x in names.items() if role.fullmatch(n) and n not in params and np.ndim(x) and _numbers(x)]
    found = name if _numbers(names.get(name)) else fitting[0] if fitting else None
    if found is None:
        return None
    x = names[found]
    return x if isinstance(x, list) else np.asarray(x)


def fitted_data(params: dict[str, Any], flow: Flow, try_out: Callable[..., int], seed: int) -> Any:
    """Data that fit given parameters: X and y of every size that occurs in them."""
    from tinygrad_lite.checking.binding.fit import SAMPLES, _targets

    if flow.loss is None and flow.assumed is None:
        flow.assumed = lambda p, y: ((p - y) ** 2).sum() / 2
    sizes = list(dict.fromkeys(n for x in params.values() for n in np.shape(x))) or [1]
    chance = np.random.default_rng(seed)
    source = "\n".join(f.source for f in flow.functions)
    best, tries = None, []
    for k, o in itertools.product(sizes, [*reversed(sizes), 1]):
        X = chance.normal(size=(SAMPLES, k))
        for rank, y in enumerate(_targets(source, o, chance)):
            tries += [
                (rank, X, y),
                (rank, X.T, y.T),
                (rank if y.ndim == 1 or o == 1 else 9, X, np.ravel(y)),
                (10, X[0], y[0]),
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
                except Exception:  # noqa: S112
                    continue
                if isinstance(made, dict) and made:
                    return {k: x for k, x in made.items() if _numbers(x)}
                if isinstance(made, tuple) and len(made) == len(flow.params):
                    order = Function(name, f).returned
                    return dict(zip(order if set(order) == set(flow.params) else flow.params, made, strict=True))
    return None


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
    if isinstance(x, (bool, str, bytes)) or x is None:
        return False
    if isinstance(x, (int, float)):
        return True
    return (
        isinstance(x, (np.ndarray, list))
        and getattr(np.asarray(x, dtype=None if isinstance(x, np.ndarray) else object), "dtype", None) is not None
        and _array(x)
    )


def _array(x: Any) -> bool:
    try:
        return np.asarray(x).dtype.kind in "iuf" and np.size(x) > 0
    except ValueError:
        return False


def instance_flow(lesson: Lesson, said: dict[str, Any]) -> Flow | None:
    """The flow of a lesson whose network is an object, or None."""
    thing = instance(lesson, sized)
    if thing is None:
        return None
    methods = {
        n: Function(n, getattr(thing, n))
        for n, m in inspect.getmembers(type(thing), inspect.isfunction)
        if not n.startswith("__")
    }
    backward = _chosen(said.get("backprop"), methods, BACKWARD, STEP, but=NO_BACKWARD)
    if backward is None:
        return None
    rest = {n: f for n, f in methods.items() if f is not backward}
    own = {n: Function(n, f) for n, f in lesson.own(types.FunctionType).items()}
    loss = _chosen(said.get("loss"), rest, LOSS, but=NO_LOSS) or _chosen(None, own, LOSS, but=NO_LOSS)
    forward = _chosen(said.get("forward"), {n: f for n, f in rest.items() if f is not loss}, FORWARD, but=NO_LOSS)
    functions = [f for f in (forward, loss, backward) if f is not None]
    data = [next((a for f in functions for a in f.arguments if role.fullmatch(a)), "") for role in (INPUT, TARGET)]
    attributes = [next((a for a in vars(thing) if role.fullmatch(a)), "") for role in (INPUT, TARGET)]
    data = [d or a for d, a in zip(data, attributes, strict=True)]
    params = [
        n
        for n in parameters_of(thing)
        if (PARAMETER.fullmatch(n) or PARAMETER.fullmatch(n.rpartition("_")[0]))
        and not bare_is_param(n, thing)
        and n not in data
        and not PREDICTION.fullmatch(n)
        and not RATE.fullmatch(n)
    ]
    given = {n: x for n, x in said.items() if n not in ("forward", "loss", "backprop", "params", "data")}
    rate = next((x for n, x in vars(thing).items() if RATE.fullmatch(n) and isinstance(x, float)), None)
    flow = Flow(forward, loss, backward, params, [d for d in data if d], given, None, thing)
    flow.rate = flow.rate if rate is None else rate
    flow.grouped = ""
    return flow


def bare_is_param(name: str, thing: Any) -> bool:
    """Whether an attribute is the gradient of another one."""
    return bool(bare(name)) and bare(name) in parameters_of(thing)
