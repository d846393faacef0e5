"""How weights begin: draws from a seeded generator.

A draw is a function of (generator, number of inputs, number of outputs) of the layer. Its size
matters: weights that are too small let the signal die out from layer to layer, weights that are
too large saturate or overflow it. Xavier and He choose the variance for which it stays as it is.

The generator is anything with `uniform(a, b)` and `gauss(mean, deviation)`: a `random.Random`,
or the module `random` itself, which is what micrograd draws from.
"""

from __future__ import annotations

import difflib
import math
import random
from collections.abc import Callable
from typing import Any

Draw = Callable[[Any, int, int], float]


def uniform(rng: Any, n_in: int, n_out: int) -> float:
    """Between -1 and 1, whatever the size of the layer, as micrograd does."""
    return rng.uniform(-1, 1)  # type: ignore[no-any-return]


def xavier_uniform(rng: Any, n_in: int, n_out: int) -> float:
    """Between -a and a, a = sqrt(6 / (n_in + n_out)): variance 2 / (n_in + n_out), meant for tanh and sigmoid.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward networks", 2010.
    """
    a = math.sqrt(6 / (n_in + n_out))
    return rng.uniform(-a, a)  # type: ignore[no-any-return]


def xavier_normal(rng: Any, n_in: int, n_out: int) -> float:
    """Gaussian with variance 2 / (n_in + n_out); see `xavier_uniform`."""
    return rng.gauss(0.0, math.sqrt(2 / (n_in + n_out)))  # type: ignore[no-any-return]


def he_uniform(rng: Any, n_in: int, n_out: int) -> float:
    """Between -a and a, a = sqrt(6 / n_in): variance 2 / n_in, meant for relu.

    Source: He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015.
    """
    a = math.sqrt(6 / n_in)
    return rng.uniform(-a, a)  # type: ignore[no-any-return]


def he_normal(rng: Any, n_in: int, n_out: int) -> float:
    """Gaussian with variance 2 / n_in; see `he_uniform`."""
    return rng.gauss(0.0, math.sqrt(2 / n_in))  # type: ignore[no-any-return]


def zeros(rng: Any, n_in: int, n_out: int) -> float:
    """All zero: every neuron of a layer then learns the same, which is why one does not do it."""
    return 0.0


DRAWS: dict[str, Draw] = {
    begin.__name__: begin for begin in (uniform, xavier_uniform, xavier_normal, he_uniform, he_normal, zeros)
}


def draw(init: str | Draw) -> Draw:
    """The draw of that name; a function of (generator, n_in, n_out) is taken as it is.

    Raises:
        ValueError: no initialisation has that name; the message shows the names.
    """
    if callable(init):
        return init
    return choose("initialisation", init, {**DRAWS, "xavier": xavier_uniform, "he": he_uniform})  # type: ignore[no-any-return]


def generator(seed: int | None, rng: Any) -> Any:
    """The generator to draw from: rng itself, one made from the seed, or the global one of `random`.

    Raises:
        ValueError: both were given.
    """
    if seed is not None and rng is not None:
        raise ValueError("give seed= or rng=, not both: a seed makes a generator of its own.")
    return rng if rng is not None else random.Random(seed) if seed is not None else random


def choose(what: str, name: object, choices: dict[str, Any]) -> Any:
    """The choice of that name.

    Raises:
        ValueError: there is none; the message shows the choices, the nearest first.
    """
    if isinstance(name, str) and name in choices:
        return choices[name]
    near = difflib.get_close_matches(str(name), choices, n=len(choices), cutoff=0.5)
    names = ", ".join([*near, *(c for c in choices if c not in near)])
    raise ValueError(f"there is no {what} {name!r}; choose one of {names}.")
