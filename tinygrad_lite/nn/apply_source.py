"""The forward pass of a model as a function of its parameters, in source for JAX or PyTorch.

    def apply(params, x):
        x = jnp.tanh(x @ params["0.weight"].T + params["0.bias"])
        return x @ params["2.weight"].T + params["2.bias"]

The parameters are a dict with the names of `state_dict`; the samples stand along the first axis. Activations are
spelled by the table of ops.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygrad_lite.engine.op import Op
from tinygrad_lite.errors import StateError, user_line
from tinygrad_lite.nn.layers import MLP, Layer, Neuron
from tinygrad_lite.nn.module import Module
from tinygrad_lite.nn.sequential import Dropout, Elementwise, Embedding, RNNCell, Sequential, Standardize

LIBRARIES = {"jax": "jnp", "torch": "torch"}


def apply_source(model: Module, library: str) -> str:
    """The function `apply(params, x)`; of a model with Dropout also of a key, for JAX.

    Raises:
        StateError: a module or an activation has no counterpart there.
    """
    lines = [*_steps(model, "", library)]
    recurrent = isinstance(model, RNNCell)
    given = (
        "params, x, h" if recurrent else "params, x, key=None" if any("key" in line for line in lines) else "params, x"
    )
    if lines and lines[-1].startswith("x = "):
        lines[-1] = "return " + lines[-1].removeprefix("x = ")
    else:
        lines.append("return x")
    return f"def apply({given}):\n" + "\n".join(f"    {line}" for line in lines)


def _steps(model: Module, prefix: str, library: str) -> Iterator[str]:
    lib = LIBRARIES[library]
    if isinstance(model, MLP | Sequential):
        for name, child in model.children():
            yield from _steps(child, f"{prefix}{name}.", library)
    elif isinstance(model, Layer):
        bias = f' + params["{prefix}bias"]' if "bias" in model.state_dict() else ""
        yield from _activated(f'x @ params["{prefix}weight"].T{bias}', model.activation, library)
    elif isinstance(model, Neuron):
        bias = f' + params["{prefix}b"]' if "b" in model.state_dict() else ""
        yield from _activated(f'x @ params["{prefix}w"]{bias}', model.activation, library)
    elif isinstance(model, Elementwise):
        yield from _activated("x", model._function, library)
    elif isinstance(model, Standardize):
        yield f'x = (x - params["{prefix}mean"]) / params["{prefix}deviation"]'
    elif isinstance(model, Embedding):
        yield f'x = params["{prefix}weight"][x]'
    elif isinstance(model, RNNCell):
        yield f"x = {lib}.concatenate([x, h], axis=-1)"
        yield from _steps(model.layer, f"{prefix}layer.", library)
    elif isinstance(model, Dropout) and library == "jax":
        yield "if key is not None:"
        yield "    key, mine = jax.random.split(key)"
        yield f"    x = jnp.where(jax.random.bernoulli(mine, {1 - model.p}, x.shape), x / {1 - model.p}, 0.0)"
    elif isinstance(model, Dropout):
        yield f"x = torch.nn.functional.dropout(x, {model.p}, torch.is_grad_enabled())"
    else:
        raise StateError(f"{type(model).__name__} cannot be written for {library}{user_line()}.")


def _activated(text: str, act: Any, library: str) -> list[str]:
    if act is None:
        return [f"x = {text}"]
    if not isinstance(act, Op):
        raise StateError(
            f"the activation {act!r} cannot be written for {library}{user_line()}: give an op of the table."
        )
    template: str = getattr(act, library)
    slots = {name: repr(value) for name, value in zip("yz", act.defaults.values(), strict=False)}
    lines = [] if template.count("{x}") == 1 and "({x}" in template else [f"x = {text}"] if text != "x" else []
    given = text if not lines and text != "x" else "x"
    return [*lines, "x = " + template.format(lib=LIBRARIES[library], x=given, **slots)]
