"""A whole training script for JAX or PyTorch: data parallel over all devices of all hosts, to be started as it is.

    tg.export.train_script(model, "cross_entropy", data=(X, y), engine="jax", path="train.py")

    python train.py --check                  # value and gradient here, beside the numbers recorded by the engine
    python train.py                          # on all devices of this machine
    python train.py --hosts 2 --host 0 --coordinator 10.0.0.1:8476      # on several: one such line on each
    torchrun --nproc-per-node 4 train.py     # PyTorch

The script holds the network in the library's own functions; weights, data and the numbers of the check stand in an npz
file beside it. It saves its state after every epoch, and goes on from there when it is started again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, user_line
from tinygrad_lite.export.scripts.templates import TEMPLATES
from tinygrad_lite.nn import losses
from tinygrad_lite.nn.apply_source import apply_source
from tinygrad_lite.nn.module import Module

FEW = 8
"""Samples on which the engine's value and gradient are recorded."""

LOSSES = {
    "mse": {"jax": "jnp.mean((out - y) ** 2)", "torch": "torch.mean((out - y) ** 2)"},
    "cross_entropy": {
        "jax": "-jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(out), y[:, None], axis=1))",
        "torch": "torch.nn.functional.cross_entropy(out, y)",
    },
    "binary_cross_entropy_from_logits": {
        "jax": "jnp.mean(jax.nn.softplus(out) - y * out)",
        "torch": "torch.mean(torch.nn.functional.softplus(out) - y * out)",
    },
}


def train_script(
    model: Module,
    loss: str,
    data: tuple[Any, Any],
    engine: str = "jax",
    path: str | Path = "train.py",
    *,
    epochs: int = 10,
    batch_size: int = 32,
    lr: float = 0.1,
) -> Path:
    """Write a script that trains the model on all devices there are, and the npz file with what it needs.

    Args:
        model: the network, with the weights to begin from.
        loss: "mse", "cross_entropy" or "binary_cross_entropy_from_logits".
        data: the samples X, m rows of n numbers, and y: targets, or labels as whole numbers.
        engine: "jax" or "torch".
        path: of the script; its data stand beside it, under the same name with .npz.
        epochs, batch_size, lr: of training by SGD; options of the script too.

    Raises:
        OperandError: an unknown loss or engine.
        StateError: a module has no counterpart there.
    """
    import numpy as np

    if engine not in TEMPLATES or loss not in LOSSES:
        raise OperandError(
            f"train_script knows the engines {', '.join(TEMPLATES)} and the losses {', '.join(LOSSES)}{user_line()}, "
            f"but got {engine!r} and {loss!r}."
        )
    path = Path(path)
    X, y = (np.asarray(part) for part in data)
    value, derivatives = _recorded(model, loss, X[:FEW], y[:FEW])
    held = {f"param:{name}": np.array(x, dtype=float) for name, x in model.state_dict().items()}
    checks = {f"grad:{name}": np.array(x, dtype=float) for name, x in derivatives.items()}
    np.savez(path.with_suffix(".npz"), X=X.astype(float), y=y, value=value, few=FEW, **held, **checks)
    single = "out = out[:, 0] if out.shape[-1] == 1 else out"
    fields = {"apply": apply_source(model, engine), "loss": LOSSES[loss][engine], "single": single}
    text = TEMPLATES[engine]
    for key, part in {**fields, "epochs": epochs, "batch": batch_size, "lr": lr}.items():
        text = text.replace(f"<{key}>", str(part))
    path.write_text(text, encoding="utf-8")
    return path


def _recorded(model: Module, loss: str, X: Any, y: Any) -> tuple[float, dict[str, Any]]:
    """The engine's loss on these samples, and its gradient in the shape of the state."""
    outputs = [model(row.tolist()) for row in X]  # type: ignore[operator]
    targets = [int(t) for t in y] if loss == "cross_entropy" else [t.tolist() for t in y]
    result: Value = getattr(losses, loss)(outputs, targets)
    found = adjoints(result)
    state = {name: _zeros(held) for name, held in model.state_dict().items()}
    for name, value in model.named_parameters():
        key, _, index = name.partition("[")
        places = [int(k) for k in index.rstrip("]").split("][")] if index else []
        derivative = found.get(value, 0.0)
        if not places:
            state[key] = derivative
            continue
        at = state[key]
        for k in places[:-1]:
            at = at[k]
        at[places[-1]] = derivative
    return result.data, state


def _zeros(held: Any) -> Any:
    return [_zeros(x) for x in held] if isinstance(held, list) else 0.0
