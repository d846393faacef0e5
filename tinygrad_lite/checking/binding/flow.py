"""Functions called by what their arguments are named: the flow from the forward pass through the loss to the gradients.

An environment holds everything that is known by name: parameters, data, and what each function returned, under the
names in its `return`. A name that is not there is looked up by what it means: `y_pred` is the output of the forward
pass whatever that calls it. What is not found so is asked for.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tinygrad_lite.checking.binding.contents import gradients_of, parameters_of, place
from tinygrad_lite.checking.binding.roles import (
    CACHE,
    GRADIENTS,
    INPUT,
    PARAMS,
    PREDICTION,
    TARGET,
    Function,
    bare,
    kind_of,
)
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.trial.updates import RATE
from tinygrad_lite.errors import OperandError
from tinygrad_lite.report.language import say

LEARNING_RATE = 0.1
ROLES = {"input": INPUT, "target": TARGET, "prediction": PREDICTION, "cache": CACHE, "rate": RATE, "params": PARAMS}


class Unplaced(OperandError):
    """Something in a lesson that could not be placed."""


class Flow:
    """Forward pass, loss and backward pass of a lesson, and how the numbers go from one to the next.

    Attributes:
        forward: or None, if loss and backward make their own.
        loss: or None, if none was found.
        backward: gives gradients, or updates the parameters.
        params, data: the names of both; data are the input and the target.
        given: everything else that was said or found, by name.
        spoken: what was bound to what, for each function.
        updates: the backward pass gives updated parameters; None as long as it is not known.
        rate: the learning rate that it is given or has.
    """

    def __init__(
        self,
        forward: Function | None,
        loss: Function | None,
        backward: Function,
        params: list[str],
        data: list[str],
        given: Mapping[str, Any],
        space: dict[str, Any] | None = None,
        thing: Any = None,
    ) -> None:
        self.forward: Function | None = forward
        self.loss: Function | None = loss
        self.backward: Function = backward
        self.params: list[str] = params
        self.data: list[str] = data
        self.given: dict[str, Any] = dict(given)
        self.space: dict[str, Any] | None = space  # the lesson's globals; the object whose methods are called
        self.thing: Any = thing
        self.assumed: Callable[[Any, Any], Any] | None = None
        self.spoken: dict[str, str] = {}
        self.updates: bool | None = None
        self.nested: Any = None  # the parameters as the lesson holds them, in dicts and lists in one another
        self.fresh = False  # its parameters were made by the lesson's own code, in sizes of ours
        self.output: Any = None  # of the last forward pass
        self.outputs: set[str] = set(forward.returned) if forward is not None else set()
        spaces = getattr(inspect.unwrap(backward.function), "__globals__", {})
        known = {**{n: spaces.get(n) for n in backward.globals}, **backward.defaults, **self.given}
        rates = [x for n, x in known.items() if RATE.fullmatch(n) and isinstance(x, (int, float)) and x]
        self.rate: float | None = float(rates[-1]) if rates else None
        if self.rate is None and any(RATE.fullmatch(a) for a in backward.arguments):
            self.rate = LEARNING_RATE
        self.grouped: str = next(
            (a for f in self.functions for a in f.arguments if PARAMS.fullmatch(a) and a not in params), ""
        )

    @property
    def functions(self) -> list[Function]:
        return [f for f in (self.forward, self.loss, self.backward) if f is not None]

    # ------------------------------------------------------------------ what check calls

    @property
    def own(self) -> dict[str, Any]:
        """What is the learner's in it: functions by name, the object, the globals. Copies of it can be run instead."""
        functions = {f.name: f.function for f in (self.backward, self.forward, self.loss) if f is not None}
        return {**functions, "<self>": self.thing, "<space>": self.space}

    def loss_fn(self, params: dict[str, Any], *data: Any, own: dict[str, Any] | None = None) -> Any:
        """The loss, from the parameters on."""
        env = self._environment(params, data, own or self.own)
        if self.forward is not None:
            self._call(self.forward, env)
            self.output = env.get("<prediction>")
        if self.loss is None:
            assert self.assumed is not None
            return self.assumed(env["<prediction>"], env["<target>"])
        found = self._call(self.loss, env)
        return found[0] if isinstance(found, tuple) else found

    def backprop_fn(self, params: dict[str, Any], *data: Any, own: dict[str, Any] | None = None) -> Any:
        """The gradients, or the updated parameters, by name."""
        env = self._environment(params, data, own or self.own)
        if self.forward is not None and self.forward is not self.backward:
            self._call(self.forward, env)
        before = {name: np.array(x, copy=True) for name, x in params.items()}
        result = self._call(self.backward, env)
        return self._read(result, env, before)

    # ------------------------------------------------------------------ environments and calls

    def _environment(self, params: dict[str, Any], data: tuple[Any, ...], own: dict[str, Any]) -> dict[str, Any]:
        env: dict[str, Any] = {**self.given, **params, **dict(zip(self.data, data, strict=False))}
        env["<input>"], env["<target>"] = data[0], data[1] if len(data) > 1 else None
        env["<rate>"], env["<params>"], env["<own>"] = self.rate, self._as_held(params), own
        if own["<self>"] is not None:
            env["<self>"] = copy.deepcopy(own["<self>"])
            place(env["<self>"], params)
            for name, x in zip(self.data, data, strict=False):
                if name in vars(env["<self>"]):
                    setattr(env["<self>"], name, x)
        space = own["<space>"]
        if space is not None:
            space.update({k: x for k, x in env.items() if k in space and not k.startswith("<")})
        return env

    @property
    def root(self) -> tuple[str, ...]:
        """What the names of parameters in a list begin with."""
        return () if isinstance(self.nested, dict) else (self.grouped,)

    def _as_held(self, params: dict[str, Any]) -> Any:
        """The parameters in the form in which the lesson's functions take them."""
        return params if self.nested is None else place(copy.deepcopy(self.nested), params, self.root, lists=False)

    def _call(self, f: Function, env: dict[str, Any]) -> Any:
        arguments, shown = [], []
        for name in f.arguments:
            found = self._resolve(name, f, env)
            if found is None:
                if name in f.defaults:
                    break
                raise Unplaced(
                    say(
                        "what is `{0}` of {1}({2})? It is neither a parameter nor data, and "
                        "nothing before it returns it.\n  Say it, as in tg.check(lesson, {0}=...).",
                        *(name, f.name, ", ".join(f.arguments)),
                    )
                )
            arguments.append(env[found])
            shown.append(name if found == name else f"{name} <- {found.strip('<>')}")
        call = env["<own>"][f.name]
        call = call if "<self>" not in env else getattr(env["<self>"], f.name, call)
        result = call(*arguments)
        self._keep(f, result, env)
        self.spoken[f.name] = f"{f.name}({', '.join(shown)})"
        return result

    def _resolve(self, name: str, f: Function, env: dict[str, Any]) -> str | None:
        if name in env and not (name == self.grouped and "<params>" in env):
            return name
        for role in ("rate", "prediction", "input", "target", "cache"):
            key = f"<{role}>"
            if ROLES[role].fullmatch(name) and env.get(key) is not None:
                return key
        if name == self.grouped:
            return "<params>"
        if name in f.defaults:
            return None
        unknown = [a for a in f.arguments if a not in env and not any(r.fullmatch(a) for r in ROLES.values())]
        if f is self.forward and unknown == [name] and not any(INPUT.fullmatch(a) for a in f.arguments):
            return "<input>"
        taken = any(a in self.outputs or PREDICTION.fullmatch(a) for a in f.arguments)
        if f is self.loss and unknown == [name] and not taken and env.get("<prediction>") is not None:
            return "<prediction>"
        return None

    def _keep(self, f: Function, result: Any, env: dict[str, Any]) -> None:
        """Note what a function returned under the names in its `return`, and its output as the prediction."""
        if f is self.loss or f is self.backward:
            return
        if isinstance(result, tuple) and len(result) == len(f.returned):
            env |= {name: x for name, x in zip(f.returned, result, strict=True) if name and name not in self.params}
            boxes = [x for x in result if isinstance(x, (dict, tuple, list))]
            numbers = {n: x for n, x in zip(f.returned, result, strict=True) if not isinstance(x, (dict, tuple, list))}
            env["<cache>"] = boxes[0] if boxes else result
            named = [x for n, x in numbers.items() if PREDICTION.fullmatch(n)]
            env["<prediction>"] = (
                named[-1] if named else list(numbers.values())[0 if boxes else -1] if numbers else None
            )
        elif isinstance(result, dict):
            env["<cache>"] = result
            env |= {k: x for k, x in result.items() if k not in env}
            named = [x for n, x in result.items() if PREDICTION.fullmatch(str(n))]
            env["<prediction>"] = named[-1] if named else list(result.values())[-1]
        elif isinstance(result, list) and result:
            env["<cache>"], env["<prediction>"] = result, result[-1]
        else:
            env["<prediction>"] = result
            if f.returned and f.returned[0]:
                env.setdefault(f.returned[0], result)

    # ------------------------------------------------------------------ what came back

    def _read(self, result: Any, env: dict[str, Any], before: dict[str, Any]) -> Any:
        """Gradients or updated parameters by name; which of the two is noted in `updates`."""
        thing = env.get("<self>")
        now = parameters_of(thing) if thing is not None else {n: env[n] for n in self.params if n in env}
        space = env["<own>"]["<space>"]
        if space is not None:
            now |= {n: space[n] for n in self.params if n in space}
        if self.grouped and isinstance(env["<params>"], (dict, list, tuple)):
            now = parameters_of(env["<params>"], self.root if self.nested is not None else (), lists=False)
        changed = [n for n in self.params if n in now and not np.array_equal(np.asarray(now[n]), before[n])]
        if self.nested is not None and not changed:
            for held in (result, *(result if isinstance(result, tuple) else ())):
                found = parameters_of(held, self.root, lists=False)
                found = found if set(self.params) <= set(found) else gradients_of(held, self.params, self.root)
                if len(found) >= len(self.params):
                    return {f"d{n}": found[n] for n in self.params}
        result = self._named(result)
        if isinstance(result, dict):
            flat = {str(k): x for k, x in self._unlisted(result)}
            for x in result.values():
                if isinstance(x, dict):
                    flat |= {str(k): inner for k, inner in x.items()}
            plain = [n for n in self.params if n in flat]
            if plain and (changed or (set(plain) <= set(self.backward.returned))):
                self.updates = True  # returned under the parameters' own names
                return {n: flat[n] for n in self.params if n in flat}
            return flat
        if (thing is not None and result is None) or not isinstance(result, (dict, tuple, list, np.ndarray)):
            found = gradients_of(thing, self.params) if thing is not None else {}
            if len(found) >= len(self.params) > 0 or (found and not changed):
                return found
        if changed:
            self.updates = True
            return {n: now[n] for n in self.params}
        return result

    def _named(self, result: Any) -> Any:
        """What is returned by the names in `return`, where these name the gradients, or what is in their one box."""
        names = self.backward.returned
        if len(names) == 1 and result is not None and not isinstance(result, (dict, tuple, list)):
            return {names[0]: result} if {names[0], bare(names[0])} & {*self.params} else result
        if not isinstance(result, tuple) or len(result) != len(names):
            return result
        named = {n: x for n, x in zip(names, result, strict=True) if n}
        boxes = [x for n, x in named.items() if n.lower().strip("_") in GRADIENTS]
        if len(boxes) == 1 and not isinstance(boxes[0], dict):
            return {self.params[0]: boxes[0]} if len(self.params) == 1 else boxes[0]
        every = all(names) or {*self.params} <= {*named, *map(bare, named)}
        return named if every else result

    def _unlisted(self, result: dict[Any, Any]) -> Iterator[tuple[Any, Any]]:
        """Lists of gradients, one entry a layer, under the names of the parameters: nabla_w is of weights_0, ..."""
        groups = {n.rpartition("_")[0] for n in self.params}
        for key, x in result.items():
            word = bare(str(key)) or str(key)
            group = next(
                (g for g in groups if g and (g == word or (kind_of(g) == kind_of(word) and g[0] == word[0]))), ""
            )
            if group and isinstance(x, list) and all(np.ndim(v) for v in x):
                yield from ((f"d{group}_{i}", v) for i, v in enumerate(x))
            else:
                yield key, x


def as_check_takes_it(function: Callable[..., Any], origin: Callable[..., Any]) -> Any:
    """A function of (params, *data), behind which the learner's own is found by its `__wrapped__`."""
    made = functools.partial(function)
    arguments = [inspect.Parameter("params", inspect.Parameter.POSITIONAL_ONLY)]
    arguments.append(inspect.Parameter("data", inspect.Parameter.VAR_POSITIONAL))
    made.__dict__.update(__signature__=inspect.Signature(arguments), __wrapped__=origin)
    return made
