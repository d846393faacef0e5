"""Backward rules for PyTorch and JAX, on float64 numbers against measured derivatives; arrays for layers."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

from tinygrad_lite.checking.binding.flow import as_check_takes_it
from tinygrad_lite.checking.binding.source import Lesson
from tinygrad_lite.checking.network.arrays import np

Pair = tuple[Any, Any, dict[str, Any], tuple[Any, ...], list[str]]
SHAPES = ((5, 4), (4,), (2, 3, 6, 6))


def inputs(names: list[str], seed: int) -> Iterator[dict[str, Any]]:
    """Arrays for a layer's arguments: x a matrix, a vector or images; weights and vectors that may go with it."""
    for shape in SHAPES:
        for rest in ("matrix", "vector", "same", "filters"):
            chance = np.random.default_rng(seed)
            params: dict[str, Any] = {}
            for i, name in enumerate(names):
                lowered = name.lower()
                size: tuple[int, ...] = shape
                if i and lowered.startswith(("w", "theta", "k")):
                    size = {"matrix": (shape[-1], 3), "vector": (shape[-1],), "same": shape, "filters": (2, 3, 3, 3)}[
                        rest
                    ]
                elif i and lowered.startswith(("b", "g")):
                    size = (
                        (3,)
                        if rest == "matrix" and lowered in ("b", "bias")
                        else (2,)
                        if rest == "filters"
                        else (shape[-1],)
                    )
                params[name] = chance.normal(size=size)
            yield params
            if len(names) == 1:
                break


def upstream(out: Any, seed: int) -> Any:
    return np.random.default_rng(seed + 1).normal(size=np.shape(out))


def is_torch_function(c: type) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and issubclass(c, torch.autograd.Function)


def torch_functions(lesson: Lesson, seed: int) -> Iterator[Pair]:
    """Each autograd.Function: its backward against measured derivatives of its forward, both on float64 tensors."""
    for c in lesson.own(type).values():
        if not is_torch_function(c):
            continue
        torch: Any = sys.modules["torch"]
        forward = c.forward
        names = [a for a in inspect.signature(forward).parameters if a != "ctx"]

        def applied(given: dict[str, Any], names: Any = names, c: Any = c, torch: Any = torch) -> Any:
            tensors = {n: torch.tensor(np.asarray(given[n], float), requires_grad=True) for n in names}
            return tensors, c.apply(*tensors.values())

        def loss(given: dict[str, Any], applied: Any = applied) -> float:
            out = applied(given)[1].detach().numpy()
            return float((out * upstream(out, seed)).sum())

        def backprop(given: dict[str, Any], applied: Any = applied, torch: Any = torch) -> dict[str, Any]:
            tensors, out = applied(given)
            out.backward(torch.tensor(upstream(out.detach().numpy(), seed)))
            return {f"d{n}": t.grad.numpy() for n, t in tensors.items() if t.grad is not None}

        yield from _first_that_runs(names, loss, backprop, c.__name__, "autograd.Function", seed)


def jax_functions(lesson: Lesson, seed: int) -> Iterator[Pair]:
    """Each custom_vjp: its backward rule against measured derivatives of its function."""
    jax = sys.modules.get("jax")
    if jax is None:
        return
    for name, f in lesson.names.items():
        if not isinstance(f, jax.custom_vjp):
            continue
        names = list(inspect.signature(f.fun).parameters)

        def loss(given: dict[str, Any], f: Any = f, names: Any = names) -> float:
            with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
                out = np.asarray(f.fun(*(jax.numpy.asarray(given[n], dtype="float64") for n in names)))
            return float((out * upstream(out, seed)).sum())

        def backprop(given: dict[str, Any], f: Any = f, names: Any = names) -> dict[str, Any]:
            with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
                out, pull = jax.vjp(f, *(jax.numpy.asarray(given[n], dtype="float64") for n in names))
                found = pull(jax.numpy.asarray(upstream(out, seed)))
            return {f"d{n}": np.asarray(g) for n, g in zip(names, found, strict=True)}

        yield from _first_that_runs(names, loss, backprop, name, "custom_vjp", seed)


def _first_that_runs(names: list[str], loss: Any, backprop: Any, name: str, kind: str, seed: int) -> Iterator[Pair]:
    for params in inputs(names, seed):
        try:
            loss(params), backprop(params)
        except Exception:
            continue
        words = [f"Bound: {kind} {name}({', '.join(names)}), loss sum(out * dout).", ""]
        words[1] = (
            "Made to fit: " + ", ".join(f"{n} {'x'.join(map(str, np.shape(x)))}" for n, x in params.items()) + "."
        )
        yield as_check_takes_it(loss, loss), as_check_takes_it(backprop, backprop), params, (), words
        return
