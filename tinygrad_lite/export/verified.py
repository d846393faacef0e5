"""An exported function, run where its library is there and compared with the engine: value and gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_lite.errors import TinygradLiteError, user_line
from tinygrad_lite.export.blocks import Block
from tinygrad_lite.export.program import ArrayProgram

CLOSE = 1e-11
"""How far, relative to the largest number, a source may be from the engine when it is made."""


def verified(library: str, source: Any, found: ArrayProgram) -> str:
    """Run what was written, where its library is there, and compare it with the engine.

    Raises:
        TinygradLiteError: they differ.
    """
    try:
        value, slopes = run(library, source.function, found)
    except ImportError:
        return f"not run: {library} is not installed"
    least = 1e-3 * max(map(abs, found.value), default=0.0)  # where tanh is flat, 1 - out**2 has few digits
    worst = max(apart(value, found.value), apart(slopes, found.slopes, least) if slopes is not None else 0.0)
    if not worst <= CLOSE:
        raise TinygradLiteError(
            f"the source for {library} is {worst:.1e} away from the engine's value or gradient{user_line()}, "
            "so it is not given out.\n  Please report the function; tg.compile runs it meanwhile."
        )
    return f"equal to the engine to {worst:.0e}"


def run(library: str, f: Any, found: ArrayProgram) -> tuple[list[float], list[float] | None]:
    """The value, and the gradient w.r.t. all numbers of P where the library takes one."""
    blocks = [block for block in found.blocks if not block.samples]
    if library == "numpy":
        import numpy as np

        with np.errstate(all="ignore"):
            value, slopes = f(*found.point)
        expected = dict(found.gradients or ())
        flat = list(found.slopes)
        for (_, block), slope in zip(expected.items(), slopes.values(), strict=True):
            flat[block.base : block.base + block.size] = [float(x) for x in np.asarray(slope).reshape(-1)]
        return [float(x) for x in _numbers(value)], flat
    return _by_jax(f, found, blocks) if library == "jax" else _by_torch(f, found, blocks)


def _by_jax(f: Any, found: ArrayProgram, blocks: Sequence[Block]) -> tuple[list[float], list[float] | None]:
    import jax

    with jax.enable_x64(True):
        import jax.numpy as jnp

        point = jax.tree.map(lambda x: x if isinstance(x, str | bool) else jnp.asarray(x), found.point)
        differentiable = [k for k, x in enumerate(found.point) if _floats(x)]
        if len(found.value) > 1 or not differentiable:
            return [float(x) for x in _numbers(f(*point))], None
        value, slopes = jax.jit(jax.value_and_grad(f, argnums=tuple(differentiable)))(*point)
        pairs = dict(zip([found.parameters[k] for k in differentiable], slopes, strict=True))
        return [float(value)], _flat(pairs, found, blocks)


def _by_torch(f: Any, found: ArrayProgram, blocks: Sequence[Block]) -> tuple[list[float], list[float] | None]:
    import torch

    def tensor(x: Any) -> Any:
        if isinstance(x, dict):
            return {key: tensor(part) for key, part in x.items()}
        if isinstance(x, list | tuple):
            return type(x)([tensor(part) for part in x])
        if isinstance(x, str | bool) or x is None:
            return x
        return torch.tensor(x, dtype=torch.float64, requires_grad=True) if _floats(x) else torch.tensor(x)

    point = [tensor(x) for x in found.point]
    value = f(*point)
    values = [float(x.detach()) if hasattr(x, "detach") else float(x) for x in _numbers(value)]
    if len(found.value) > 1 or not hasattr(value, "requires_grad") or not value.requires_grad:
        return values, None
    value.backward()

    def slope(x: Any) -> Any:
        if isinstance(x, dict):
            return {key: slope(part) for key, part in x.items()}
        if isinstance(x, list | tuple):
            return [slope(part) for part in x]
        grad = getattr(x, "grad", None)
        return (grad if grad is not None else torch.zeros_like(x)).numpy() if hasattr(x, "detach") else x

    return values, _flat(dict(zip(found.parameters, map(slope, point), strict=True)), found, blocks)


def _flat(pairs: dict[str, Any], found: ArrayProgram, blocks: Sequence[Block]) -> list[float]:
    """The derivatives in the order of P."""
    import numpy as np

    flat = list(found.slopes)
    for block in blocks:
        try:
            got = eval(block.path, {}, pairs)  # our own text
        except NameError:
            continue
        flat[block.base : block.base + block.size] = [float(x) for x in np.asarray(got).reshape(-1)]
    return flat


def _floats(x: Any) -> bool:
    """Whether an argument holds numbers that can be differentiated."""
    if isinstance(x, dict):
        return all(map(_floats, x.values()))
    if isinstance(x, list | tuple):
        return all(map(_floats, x))
    return isinstance(x, float) or (hasattr(x, "dtype") and x.dtype.kind == "f")


def _numbers(thing: Any) -> Iterator[Any]:
    if isinstance(thing, dict):
        thing = list(thing.values())
    if isinstance(thing, list | tuple):
        for x in thing:
            yield from _numbers(x)
    elif getattr(thing, "shape", ()):
        yield from thing.reshape(-1)
    elif not isinstance(thing, str | bool) and thing is not None:
        yield thing


def apart(xs: Sequence[float], ys: Sequence[float], least: float = 0.0) -> float:
    """The largest difference, relative to the largest number, or to `least`."""
    if len(xs) != len(ys):
        return float("inf")
    scale = max([least, *(abs(y) for y in ys if y == y and abs(y) != float("inf"))]) or 1.0
    found = [abs(x - y) / scale for x, y in zip(xs, ys, strict=True) if x != y and not (x != x and y != y)]
    return max([float("inf") if x != x else x for x in found], default=0.0)
