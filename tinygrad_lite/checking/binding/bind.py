"""A lesson bound: its functions in their roles, ready for `check`. Start here."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from tinygrad_lite.checking.binding.contents import arrays_in
from tinygrad_lite.checking.binding.fit import candidates, fitted, runs
from tinygrad_lite.checking.binding.flow import Flow, Unplaced, as_check_takes_it
from tinygrad_lite.checking.binding.layers import layer_checks
from tinygrad_lite.checking.binding.losses import assumed_loss
from tinygrad_lite.checking.binding.roles import (
    BACKWARD,
    CACHE,
    FORWARD,
    INPUT,
    LOSS,
    NO_BACKWARD,
    NO_LOSS,
    PARAMETER,
    PARAMS,
    PREDICTION,
    ROLES,
    STEP,
    TARGET,
    UPSTREAM,
    Function,
    bare,
)
from tinygrad_lite.checking.binding.scripts import loop_flow
from tinygrad_lite.checking.binding.source import Lesson
from tinygrad_lite.checking.binding.values import fitted_data, instance, own_data, own_parameters
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.trial.updates import RATE
from tinygrad_lite.report.language import say


class Binding(NamedTuple):
    """What `check` is to be called with, and how that was found.

    Attributes:
        loss, backprop, params, data, options: for `check(loss, backprop, params, *data, **options)`.
        words: what was bound to what, in two lines.
    """

    loss: Any
    backprop: Any
    params: dict[str, Any]
    data: tuple[Any, ...]
    words: list[str]
    options: Mapping[str, Any] = {}


def bind(lesson: Lesson, roles: Mapping[str, Any] | None = None, seed: int = 0) -> list[Binding]:
    """The bindings of a lesson: one as a rule, one for each layer where layers stand alone.

    Args:
        lesson: what it defines.
        roles: what is said explicitly: `forward`, `loss`, `backprop` as functions or their names; `params` and `data`
            with their values; anything else by the name of an argument.

    Raises:
        Unplaced: something is missing, which is asked for by name.
    """
    asked = dict(roles or {})
    pairs = [] if {"loss", "backprop"} & set(asked) else layer_checks(lesson, seed)
    if pairs:
        return [Binding(*pair) for pair in pairs]
    flow = _functions(lesson, asked) or instance_flow(lesson, asked) or loop_flow(lesson)
    if flow is None:
        own = ", ".join([*lesson.own(types.FunctionType), *lesson.own(type)]) or say("nothing")
        raise Unplaced(
            say(
                "no backward pass was found in {0}, which defines {1}.\n"
                '  Say which function it is, as in tg.check(lesson, backprop="my_gradients", loss="my_loss").',
                *(lesson.name, own),
            )
        )
    return [_bound(lesson, flow, asked, seed)]


def _bound(lesson: Lesson, flow: Flow, asked: dict[str, Any], seed: int) -> Binding:
    own, data = own_parameters(lesson, flow, asked), own_data(lesson, flow, asked)
    source = "\n".join(f.source for f in flow.functions)
    guess = flow.loss is None
    if guess:
        flow.assumed = lambda p, y: ((p - y) ** 2).sum() / 2

    def try_out(params: dict[str, Any], made: tuple[Any, ...]) -> int:
        well = runs(flow.loss_fn, flow.backprop_fn, params, made, list(params))
        shape, wanted = np.shape(flow.output), np.shape(made[-1])
        spread = len(shape) == len(wanted) == 2 and shape != wanted  # such a target is never made by us
        return min(well, 1) if spread and len(made) > 1 and made is not data else well

    target = any(TARGET.fullmatch(a) for f in flow.functions for a in f.arguments) or len(flow.data) > 1
    names = flow.params
    found = (own, data) if own and data and try_out(own, data) else None
    if found is None and own:
        found = fitted_data(own, source, try_out, seed)
    for given in (data, None) if data is not None else (None,):
        found = found or fitted(names, source, try_out, seed, target, given)
    if found is None:
        _missing(flow, (own, data) if own and data else next(candidates(names, source, seed, target)))
        raise Unplaced(
            say(
                "no parameters and data were found on which {0} of {1} runs.\n"
                "  Give them, as in tg.check(lesson, params={{'W1': W1, 'b1': b1}}, data=(X, y)).",
                *(flow.backward.name, lesson.name),
            )
        )
    params = found[0]
    loss_words = flow.spoken.get(flow.loss.name, "") if flow.loss is not None else ""
    if guess:
        loss_words = assumed_loss(flow, *found)
    backprop = as_check_takes_it(partial(Flow.backprop_fn, flow, own=flow.own), flow.backward.function)
    loss = as_check_takes_it(partial(Flow.loss_fn, flow, own=flow.own), (flow.loss or flow.backward).function)
    updates = bool(flow.updates and flow.rate)
    gives = say("updated parameters") if flow.updates else say("gradients")
    if updates:
        gives = say("updated parameters, learning rate {0:g}", flow.rate)
    forward = f"{flow.spoken[flow.forward.name]}, " if flow.forward and flow.forward.name in flow.spoken else ""
    words = [
        say("Bound: {0}loss {1}, backprop {2} gives {3}.", forward, loss_words, flow.spoken[flow.backward.name], gives)
    ]
    named = dict(zip(flow.data or ["X", "y"], found[1], strict=False))
    origins = (params, "params", params is own and not flow.fresh), (named, "data", found[1] is data)
    words.append(_origin(asked, *origins))
    return Binding(loss, backprop, params, found[1], words, {"updates": True, "lr": flow.rate} if updates else {})


def _origin(asked: dict[str, Any], *groups: tuple[dict[str, Any], str, bool]) -> str:
    """Where parameters and data come from, with their shapes; each group comes with whether it is the lesson's own."""
    given, lessons, fitted = "Given: {0}.", "From the lesson: {0}.", "Made to fit: {0}."
    kinds: dict[str, list[str]] = {given: [], lessons: [], fitted: []}
    for numbers, role, own in groups:
        for name, x in numbers.items():
            kind = fitted if not own else given if {name, role} & {*asked} else lessons
            kinds[kind].append(f"{name} {'x'.join(map(str, np.shape(x))) or say('number')}")
    return " ".join(say(english, ", ".join(shapes)) for english, shapes in kinds.items() if shapes)


def _missing(flow: Flow, problem: Any) -> None:
    """Raise what a run asks for; other failures are told by the caller."""
    try:
        flow.loss_fn(problem[0], *problem[1])
        flow.backprop_fn(problem[0], *problem[1])
    except Unplaced:
        raise
    except Exception:
        return


# ---------------------------------------------------------------------- functions


def _chosen(asked: Any, candidates: dict[str, Function], *patterns: Any, but: Any = None) -> Function | None:
    if asked is not None:
        if callable(asked):
            return Function(getattr(asked, "__name__", "function"), asked)
        if asked not in candidates:
            raise Unplaced(say("there is no function {0!r}; there are {1}.", asked, ", ".join(candidates)))
        return candidates[asked]
    for pattern in patterns:
        fitting = [f for n, f in candidates.items() if pattern.match(n) and not (but and but.match(n)) and not f.empty]
        if fitting:
            return max(fitting, key=lambda f: len(f.arguments))
    return None


def _three(
    asked: dict[str, Any], backwards: dict[str, Function], own: dict[str, Function], losses: dict[str, Function]
) -> tuple[Function | None, Function | None, Function] | None:
    """Forward pass, loss and backward pass by their names; None without a backward pass."""
    backward = _chosen(asked.get("backprop"), backwards, BACKWARD, STEP, but=NO_BACKWARD)
    both = backward is None  # the loss and its gradients from one function
    backward = backward or next((f for n, f in backwards.items() if LOSS.match(n) and f.gives_gradients), None)
    if backward is None:
        return None
    rest = {n: f for n, f in own.items() if f is not backward}
    loss = _chosen(asked.get("loss"), rest, LOSS, but=NO_LOSS) or _chosen(None, losses, LOSS, but=NO_LOSS)
    if loss is None and (both or any(map(LOSS.match, backward.returned[:1]))):
        loss = backward
    forward = _chosen(asked.get("forward"), {n: f for n, f in rest.items() if f is not loss}, FORWARD, but=NO_LOSS)
    return forward, loss, backward


def _functions(lesson: Lesson, asked: dict[str, Any]) -> Flow | None:
    """The flow of a lesson of functions, or None."""
    own = {name: Function(name, f) for name, f in lesson.own(types.FunctionType).items()}
    own |= {
        name: Function(name, x)
        for name, x in lesson.names.items()
        if isinstance(x, types.FunctionType) and name in map(asked.get, ("loss", "backprop", "forward"))
    }
    inner = {n for f in own.values() for n in f.globals}
    tops = {n: f for n, f in own.items() if (f.arguments or n not in inner) and not _elementwise(f)}
    three = _three(asked, tops, own, {})
    if three is None:
        return None
    forward, loss, backward = three
    if loss is not None and forward is not None and forward.name in loss.globals and not _needs_output(backward):
        forward = None  # the loss makes its own forward pass
    functions = [f for f in (forward, loss, backward) if f is not None]
    params, data = parameters_and_data(functions, lesson, asked)
    given = {n: x for n, x in {**lesson.names, **asked}.items() if any(n in f.arguments for f in functions)}
    given = {n: x for n, x in given.items() if n not in params and n not in data and not callable(x)}
    everywhere = {n for f in own.values() for n in f.globals}
    space = lesson.names if everywhere & {*params, *data} else None
    return Flow(forward, loss, backward, params, data, given, space)


def _elementwise(f: Function) -> bool:
    """A derivative of one argument, such as sigmoid_grad(z), is no backward pass; one of the model is."""
    needed = [a for a in f.arguments if a not in f.defaults]
    return len(needed) < 2 and bool(f.arguments) and not any(map(PARAMS.fullmatch, needed))


def _needs_output(f: Function) -> bool:
    return any(PREDICTION.fullmatch(a) or CACHE.fullmatch(a) for a in f.arguments)


def parameters_and_data(
    functions: list[Function], lesson: Lesson, asked: dict[str, Any]
) -> tuple[list[str], list[str]]:
    """The names of the parameters and of the data: of arguments, of the keys of a dict, or of globals."""
    returned = {n for f in functions[:-1] for n in f.returned if n}
    free = [a for a in dict.fromkeys(a for f in functions for a in f.arguments) if a not in returned]
    backward = functions[-1]
    everywhere = {n for name, f in lesson.own(types.FunctionType).items() for n in Function(name, f).globals}
    used = [n for n in lesson.names if n in everywhere]
    gradients = {bare(n) for n in (*backward.returned, *(k for ks in backward.keys.values() for k in ks))}
    inside = {bare(n) for n in backward.changed if not PREDICTION.fullmatch(bare(n)) and not CACHE.fullmatch(bare(n))}
    data = [next((a for a in free if role.fullmatch(a)), "") for role in (INPUT, TARGET)]
    if "params" in asked and isinstance(asked["params"], Mapping):
        return list(asked["params"]), [d for d in data if d]
    subscripted = {a for f in lesson.own(types.FunctionType).values() for a in Function("", f).keys}
    group = next((a for a in free if PARAMS.fullmatch(a) and a in subscripted), None)
    if group is not None:
        own = [Function(n, f) for n, f in lesson.own(types.FunctionType).items()]
        keys = [k for f in own for k in f.keys.get(group, []) if not bare(k) or PARAMETER.fullmatch(k)]
        return list(dict.fromkeys(keys)), _with_globals(data, used)

    def is_one(name: str) -> bool:
        kinds = (INPUT, TARGET, RATE, UPSTREAM)
        return (
            bool(PARAMETER.fullmatch(name)) and not any(k.fullmatch(name) for k in kinds)
        ) or name in gradients | inside

    params = [a for a in free if is_one(a) and a not in data]
    params = [a for a in params if not (PREDICTION.fullmatch(a) or CACHE.fullmatch(a)) or a in gradients]
    if not params:  # as globals
        params = [n for n in used if is_one(n) and isinstance(lesson.names[n], (np.ndarray, float))]
        return params, _with_globals(data, used)
    return params, [d for d in data if d]


def _with_globals(data: list[str], used: list[str]) -> list[str]:
    """The names of input and target, of which those that are no arguments are globals."""
    pairs = zip(data, (INPUT, TARGET), strict=True)
    return [d for d in (d or next((n for n in used if role.fullmatch(n)), "") for d, role in pairs) if d]


def instance_flow(lesson: Lesson, asked: dict[str, Any]) -> Flow | None:
    """The flow of a lesson whose network is an object, or None."""
    thing, fresh = instance(lesson)
    if thing is None:
        return None
    methods = {
        n: Function(n, getattr(thing, n))
        for n, m in inspect.getmembers(type(thing), inspect.isfunction)
        if not n.startswith("__")
    }
    own = {n: Function(n, f) for n, f in lesson.own(types.FunctionType).items()}
    if (three := _three(asked, methods, methods, own)) is None:
        return None
    forward, loss, backward = three
    functions = [f for f in (forward, loss, backward) if f is not None]
    data = [next((a for f in functions for a in f.arguments if role.fullmatch(a)), "") for role in (INPUT, TARGET)]
    attributes = [next((a for a in vars(thing) if role.fullmatch(a)), "") for role in (INPUT, TARGET)]
    data = [d or a for d, a in zip(data, attributes, strict=True)]
    inside = arrays_in(thing)
    names = {"_".join(at): next((part for part in reversed(at) if not part.isdigit()), "") for at in inside}
    params = [
        n
        for n, own_name in names.items()
        if any(map(PARAMETER.fullmatch, (n, own_name)))
        and bare(n) not in names
        and n not in data
        and not any(role.fullmatch(n) for role in (PREDICTION, RATE))
    ]
    given = {n: x for n, x in asked.items() if n not in ROLES}
    rate = next((x for n, x in vars(thing).items() if RATE.fullmatch(n) and isinstance(x, float)), None)
    flow = Flow(forward, loss, backward, params, [d for d in data if d], given, None, thing)
    flow.rate = flow.rate if rate is None else rate
    flow.grouped, flow.fresh = "", fresh
    return flow
