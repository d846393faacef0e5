"""An exported function, run where its library is there and compared with the engine: value and gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_lite.calculus.pytree import leaves
from tinygrad_lite.errors import TinygradLiteError, user_line
from tinygrad_lite.export.blocks import entries
from tinygrad_lite.export.program import ArrayProgram

CLOSE = 1e-11
"""How far, relative to the largest number, a source may be from the engine when it is made."""


def verified(library: str, f: Any, found: ArrayProgram) -> str:
    """Run what was written, where its library is there, and compare it with the engine.

    Raises:
        TinygradLiteError: they differ.
    """
    try:
        mine = outcome(library, f, found)
    except ImportError:
        return f"not run: {library} is not installed"
    right = expected(found, mine)
    least = 1e-3 * max(map(abs, found.value), default=0.0)  # where tanh is flat, 1 - out**2 has few digits
    derivatives, others = ([x for n, part in d.items() if n != "value" for x in leaves(part)] for d in (mine, right))
    worst = max(_apart(mine["value"], right["value"], 0.0), _apart(derivatives, others, least))
    if not worst <= CLOSE:
        raise TinygradLiteError(
            f"the source for {library} is {worst:.1e} away from the engine's value or gradient{user_line()}, "
            "so it is not given out.\n  Please report the function; tg.compile runs it meanwhile."
        )
    return f"equal to the engine to {worst:.0e}"


def outcome(library: str, f: Any, found: ArrayProgram) -> dict[str, Any]:
    """The value under "value", as a list; and by their names the derivatives that the library gives."""
    import numpy as np

    run = {"numpy": _by_numpy, "jax": _by_jax, "torch": _by_torch}[library]
    value, derivatives = run(f, found)
    made = {"value": [float(x) for x in leaves(value)]}
    for block in found.blocks:
        if not block.samples and (block.path in derivatives or block.path.split("[")[0] in derivatives):
            got = derivatives[block.path] if library == "numpy" else eval(block.path, {}, derivatives)  # our own text
            made[block.path] = np.asarray(got, dtype=float).reshape(block.shape)
    return made


def expected(found: ArrayProgram, names: Any) -> dict[str, Any]:
    """What the engine gives for these names."""
    return {"value": found.value, **{b.path: entries(b, found.derivatives) for b in found.blocks if b.path in names}}


def _by_numpy(f: Any, found: ArrayProgram) -> tuple[Any, dict[str, Any]]:
    import numpy as np

    with np.errstate(all="ignore"):
        value, derivatives = f(*found.point)
    return value, dict(zip([block.path for block in found.gradients or ()], derivatives.values(), strict=True))


def _by_jax(f: Any, found: ArrayProgram) -> tuple[Any, dict[str, Any]]:
    import jax

    with jax.enable_x64(True):
        point = jax.tree.map(lambda x: x if isinstance(x, str | bool) else jax.numpy.asarray(x), found.point)
        floats = tuple(k for k, x in enumerate(found.point) if _floats(x))
        if len(found.value) > 1 or not floats:
            return f(*point), {}
        both = jax.value_and_grad(f, argnums=floats)
        value, derivatives = jax.jit(both)(*point)
    return value, {found.parameters[k]: derivative for k, derivative in zip(floats, derivatives, strict=True)}


def _by_torch(f: Any, found: ArrayProgram) -> tuple[Any, dict[str, Any]]:
    import torch

    def tensor(x: Any) -> Any:
        if isinstance(x, str | bool) or x is None:
            return x
        return torch.tensor(x, dtype=torch.float64, requires_grad=True) if _floats(x) else torch.tensor(x)

    def derivative(x: Any) -> Any:
        if not hasattr(x, "detach"):
            return x
        return (x.grad if x.grad is not None else torch.zeros_like(x)).numpy()

    point = [_mapped(tensor, x) for x in found.point]
    value = f(*point)
    values = _mapped(lambda x: x.detach() if hasattr(x, "detach") else x, value)
    if len(found.value) > 1 or not getattr(value, "requires_grad", False):
        return values, {}
    value.backward()
    floats = [k for k, x in enumerate(found.point) if _floats(x)]
    return values, {found.parameters[k]: _mapped(derivative, point[k]) for k in floats}


def _mapped(give: Any, x: Any) -> Any:
    if isinstance(x, dict):
        return {key: _mapped(give, part) for key, part in x.items()}
    return [_mapped(give, part) for part in x] if isinstance(x, list | tuple) else give(x)


def _floats(x: Any) -> bool:
    """Whether an argument holds numbers that can be differentiated."""
    if isinstance(x, dict | list | tuple):
        return all(map(_floats, x.values() if isinstance(x, dict) else x))
    return isinstance(x, float) or (hasattr(x, "dtype") and x.dtype.kind == "f")


def _apart(xs: Sequence[float], ys: Sequence[float], least: float) -> float:
    """The largest difference, relative to the largest number, or to `least`."""
    if len(xs) != len(ys):
        return float("inf")
    scale = max([least, *(abs(y) for y in ys if y == y and abs(y) != float("inf"))]) or 1.0
    found = [abs(x - y) / scale for x, y in zip(xs, ys, strict=True) if x != y and not (x != x and y != y)]
    return max([float("inf") if x != x else x for x in found], default=0.0)
