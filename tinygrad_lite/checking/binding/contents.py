"""The arrays in an object or a container, at any depth, by names such as `W1`, `weights_0`, `layers_0_W`.

A network keeps its weights in attributes, in dicts and lists, in tuples of both, in layers that are objects themselves.
`mapped` is the one walk through all of these; what is read, set and recognised as a gradient goes through it.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tinygrad_lite.checking.binding.roles import GRADIENTS, bare
from tinygrad_lite.checking.network.arrays import np

Path = tuple[str, ...]
DEPTH = 5


def mapped(thing: Any, change: Callable[[Path, Any], Any], path: Path = (), lists: bool = True) -> Any:
    """A container or an object with every number and array `x` in it replaced by `change(path, x)`.

    Objects, dicts and lists are changed in place; a tuple is made anew. An attribute that is a dict gives no name of
    its own to what is in it.

    Args:
        lists: go into lists of plain numbers; otherwise such a list is one array.
    """
    if is_numbers(thing) or (not lists and is_list_of_numbers(thing)):
        return change(path, thing)
    if len(path) > DEPTH:
        return thing
    if isinstance(thing, tuple):
        return tuple([mapped(x, change, (*path, str(i)), lists) for i, x in enumerate(thing)])
    if isinstance(thing, list):
        thing[:] = [mapped(x, change, (*path, str(i)), lists) for i, x in enumerate(thing)]
    elif isinstance(thing, dict):
        thing.update({key: mapped(x, change, (*path, str(key)), lists) for key, x in thing.items()})
    elif hasattr(thing, "__dict__") and not isinstance(thing, (type, types.ModuleType, types.FunctionType)):
        for name, x in vars(thing).items():
            unnamed = isinstance(x, dict) and name.lower().strip("_") not in GRADIENTS
            vars(thing)[name] = mapped(x, change, path if unnamed else (*path, name), lists)
    return thing


def is_numbers(x: Any) -> bool:
    """Whether something is one float or one array of them."""
    return isinstance(x, float) or (isinstance(x, np.ndarray) and x.dtype.kind in "fO")


def is_list_of_numbers(x: Any) -> bool:
    """Whether something is nested lists of plain numbers."""
    return isinstance(x, list) and bool(x) and all(isinstance(e, (int, float)) or is_list_of_numbers(e) for e in x)


def arrays_in(thing: Any, path: Path = (), lists: bool = True) -> dict[Path, Any]:
    """The numbers and arrays in a container or an object by the names on the way to them.

    >>> arrays_in({"W1": 1.0, "hidden": {"W": 2.0}, "b": (3.0, 4.0)})
    {('W1',): 1.0, ('hidden', 'W'): 2.0, ('b', '0'): 3.0, ('b', '1'): 4.0}
    """
    found: dict[Path, Any] = {}

    def note(at: Path, x: Any) -> Any:
        found[at] = x
        return x

    mapped(thing, note, path, lists)
    return found


def parameters_of(thing: Any, path: Path = (), lists: bool = True) -> dict[str, Any]:
    """The same by one name each: `W1`, `params['W1']` as W1, `weights[0]` as weights_0, `layers[0].W` as layers_0_W."""
    return {"_".join(at): x for at, x in arrays_in(thing, path, lists).items()}


def place(thing: Any, params: Mapping[str, Any], path: Path = (), lists: bool = True) -> Any:
    """Set parameters wherever `parameters_of` found them; what is kept beside one, as its velocity, gets its shape."""
    before = parameters_of(thing, path, lists)

    def placed(at: Path, x: Any) -> Any:
        name = "_".join(at)
        if name in params:
            return params[name]
        of = next((p for p in params if name.endswith(p) and p in before and np.shape(before[p]) == np.shape(x)), None)
        return x if of is None or np.shape(x) == np.shape(params[of]) else np.resize(x, np.shape(params[of]))

    return mapped(thing, placed, path, lists)


def gradients_of(thing: Any, params: Iterable[str], path: Path = ()) -> dict[str, Any]:
    """The gradients that stand in an object or a container: dW1, grad_W1, grads['W1'], dweights_0, layers_0_dW."""
    wanted = {p.lower(): p for p in params}
    found: dict[str, Any] = {}
    for at, x in arrays_in(thing, path).items():
        name = "_".join(at)
        spoken = [
            bare(name),
            bare(bare(name)),
            *("_".join((*at[:i], bare(at[i]), *at[i + 1 :])) for i in range(len(at))),
        ]
        of = next((wanted[s.lower()] for s in spoken if s.lower() in wanted), None)
        if of is not None:
            found[of] = x
    return found
