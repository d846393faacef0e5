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

TORCH = Spelling("torch", "torch", number="torch.tensor({x}, dtype=torch.float64)")
JAX = Spelling("jnp", "jax")


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
    """A function for JAX: `jax.grad(f, argnums=(0, 1))(a, b)` gives its derivatives.

    Raises:
        OperandError: root is no Value, or the name is none.

    >>> a = Value(-4.0, "a")
    >>> print(to_jax((a * 2.0).tanh()))
    import jax
    import jax.numpy as jnp
    <BLANKLINE>
    <BLANKLINE>
    def f(a):
        v0 = 2.0 * a
        v1 = jnp.tanh(v0)
        return v1
    """
    checked(root, name, "to_jax")
    return ForwardSource(root, name, JAX, ["import jax", "import jax.numpy as jnp"])
