"""A recorded graph as a function for PyTorch or JAX, which then differentiate it themselves.

    print(tg.to_torch(loss))     # import torch; def f(a, b): ... return v5
    print(tg.to_jax(loss))       # import jax.numpy as jnp; ...

The leaves become arguments, bare numbers stay numbers, and only the forward pass is written: run it in the other
library, take its gradient there, and compare with ours. At a kink or a tie that library's own choice holds.
Nothing is imported here; the code is text.
"""

from __future__ import annotations

from tinygrad_lite.compiler.passes.adjoint import tidied
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.value import Value
from tinygrad_lite.export.spelling import Source, Spelling, argument_names, as_tape, checked

TORCH = Spelling(
    "torch",
    {
        "relu": "torch.relu({x})",
        "abs": "torch.abs({x})",
        "sigmoid": "torch.sigmoid({x})",
        "logsigmoid": "torch.nn.functional.logsigmoid({x})",
        "softplus": "torch.nn.functional.softplus({x})",
        "silu": "torch.nn.functional.silu({x})",
        "gelu": "torch.nn.functional.gelu({x})",
        "gelu_tanh": 'torch.nn.functional.gelu({x}, approximate="tanh")',
        "selu": "torch.selu({x})",
        "elu": "torch.where({x} > 0.0, {x}, {y} * torch.expm1(torch.clamp({x}, max=0.0)))",
        "softsign": "torch.nn.functional.softsign({x})",
        "cbrt": "torch.sign({x}) * torch.abs({x}) ** (1.0 / 3.0)",
        "round": "torch.round({x})",
        "clip": "torch.minimum(torch.maximum({x}, {y}), {z})",
        "hardtanh": "torch.minimum(torch.maximum({x}, {y}), {z})",
        "norm": "torch.stack(torch.broadcast_tensors({xs})).norm(dim=0)",
        "logsumexp": "torch.logsumexp(torch.stack(torch.broadcast_tensors({xs})), 0)",
    },
    number="torch.tensor({x}, dtype=torch.float64)",
)

JAX = Spelling(
    "jnp",
    {
        "relu": "jax.nn.relu({x})",
        "abs": "jnp.abs({x})",
        "sigmoid": "jax.nn.sigmoid({x})",
        "logsigmoid": "jax.nn.log_sigmoid({x})",
        "softplus": "jax.nn.softplus({x})",
        "silu": "jax.nn.silu({x})",
        "gelu": "jax.nn.gelu({x}, approximate=False)",
        "gelu_tanh": "jax.nn.gelu({x}, approximate=True)",
        "selu": "jax.nn.selu({x})",
        "softsign": "{x} / (1.0 + jnp.abs({x}))",
        "erf": "jax.scipy.special.erf({x})",
        "erfc": "jax.scipy.special.erfc({x})",
        "hardtanh": "jnp.clip({x}, {y}, {z})",
        "norm": "jnp.linalg.norm(jnp.stack(jnp.broadcast_arrays({xs})), axis=0)",
        "logsumexp": "jax.nn.logsumexp(jnp.stack(jnp.broadcast_arrays({xs})), axis=0)",
    },
)


class ForwardSource(Source):
    """A function of the leaves that gives the value, as text."""

    def __init__(self, root: Value, name: str, spelling: Spelling, head: list[str]) -> None:
        order = topological(root)
        leaves = [node for node in order if not node.parents]
        names = argument_names(leaves, name)
        self.arguments = dict(zip(names, leaves, strict=True))
        tape = tidied(as_tape(root, order, self.arguments))
        value = spelling.text(tape, tape.outputs[0])
        signature = f"def {name}({', '.join(names)}):"
        self.code = "\n".join([*head, "", "", signature, *spelling.lines(tape), f"    return {value}"])


def to_torch(root: Value, *, name: str = "f") -> ForwardSource:
    """A function for PyTorch: call it on float64 tensors with `requires_grad=True`, then `.backward()`.

    Raises:
        OperandError: root is no Value, or the name is none.

    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> print(to_torch((a * b).tanh()))
    import torch
    <BLANKLINE>
    <BLANKLINE>
    def f(a, b):
        v0 = a * b
        v1 = torch.tanh(v0)
        return v1
    """
    checked(root, name, "to_torch")
    return ForwardSource(root, name, TORCH, ["import torch"])


def to_jax(root: Value, *, name: str = "f") -> ForwardSource:
    """A function for JAX: `jax.grad(f, argnums=(0, 1))(a, b)` gives its slopes.

    Raises:
        OperandError: root is no Value, or the name is none.
    """
    checked(root, name, "to_jax")
    return ForwardSource(root, name, JAX, ["import jax", "import jax.numpy as jnp"])
