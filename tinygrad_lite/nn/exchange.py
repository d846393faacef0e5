"""Taking weights to other libraries and back: PyTorch in both directions, and safetensors files.

Neither library is needed, nor loaded, unless one of these functions is called.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.errors import StateError
from tinygrad_lite.nn.layers import MLP, Activation, Layer, Linear
from tinygrad_lite.nn.module import Module
from tinygrad_lite.nn.sequential import Dropout, Elementwise, Sequential


def to_torch(model: Module) -> Any:
    """A `torch.nn.Sequential` of float64 layers with copies of the weights: equal outputs for equal inputs.

    Args:
        model: an MLP, a layer, or a Sequential of layers, activations and Dropout.

    Raises:
        ImportError: PyTorch is not installed.
        StateError: a module or an activation has no counterpart there.
    """
    torch = _imported("torch", "to_torch needs PyTorch: pip install torch")
    steps: list[Any] = []
    for step in _flat(model):
        if isinstance(step, Layer):
            held = step.state_dict()
            linear = torch.nn.Linear(len(held["weight"][0]), len(held["weight"]), bias="bias" in held)
            linear = linear.to(torch.float64)
            with torch.no_grad():
                linear.weight.copy_(torch.tensor(held["weight"], dtype=torch.float64))
                if "bias" in held:
                    linear.bias.copy_(torch.tensor(held["bias"], dtype=torch.float64))
            steps += [linear, *_torch_activation(torch, step.activation)]
        elif isinstance(step, Elementwise):
            steps += _torch_activation(torch, step._function)
        elif isinstance(step, Dropout):
            steps.append(torch.nn.Dropout(step.p))
        else:
            raise StateError(f"{type(step).__name__} has no counterpart in a torch.nn.Sequential.")
    return torch.nn.Sequential(*steps)


def from_torch(module: Any, model: Module | None = None) -> Module:
    """Copy the weights of a torch module's Linear layers, in their order, into the model's layers, in theirs.

    Args:
        module: a `torch.nn.Sequential`, or any module with Linear layers if a model is given.
        model: the network to fill; without it, a Sequential of the same layers and activations is made.

    Raises:
        StateError: layers, shapes or activations do not fit; the model is unchanged.
    """
    if model is None:
        model = Sequential(*[step for child in module.children() for step in _from_torch(child)])
    linears = [m for m in module.modules() if type(m).__name__ == "Linear"]
    layers = [(name, m) for name, m in model.modules() if isinstance(m, Layer)]
    if len(linears) != len(layers):
        raise StateError(f"{len(layers)} layers are to be filled, but there are {len(linears)} Linear layers there.")
    state = model.state_dict()
    for (name, _), linear in zip(layers, linears, strict=True):
        prefix = f"{name}." if name else ""
        state[f"{prefix}weight"] = linear.weight.tolist()
        if linear.bias is not None:
            state[f"{prefix}bias"] = linear.bias.tolist()
    model.load_state_dict(state)
    return model


def to_jax(model: Module) -> tuple[dict[str, Any], Any]:
    """The parameters as arrays by their names, and `apply(params, x)` for JAX: equal outputs for equal inputs.

    The samples stand along the first axis of x; `apply` of a model with Dropout takes a key in training, that of an
    RNNCell the state behind the input. Its source is `apply.source`.

    Args:
        model: any module of this package.

    Raises:
        ImportError: JAX or NumPy is not installed.
        StateError: a module or an activation has no counterpart there.
    """
    jax = _imported("jax", "to_jax needs JAX: pip install jax")
    numpy = _imported("numpy", "to_jax needs NumPy: pip install numpy jax")
    from tinygrad_lite.nn.apply_source import apply_source

    source = apply_source(model, "jax")
    space: dict[str, Any] = {"jax": jax, "jnp": _imported("jax.numpy", "to_jax needs JAX: pip install jax")}
    exec(compile(source, "<nn.to_jax>", "exec"), space)  # our own text; names of parameters are quoted
    apply = space["apply"]
    apply.source = source
    return {name: numpy.array(held, dtype=float) for name, held in model.state_dict().items()}, apply


def from_jax(params: dict[str, Any], model: Module) -> Module:
    """Fill the model with parameters such as `to_jax` gave.

    Args:
        params: arrays of JAX or NumPy by the names of `state_dict`.
        model: the network to fill.

    Raises:
        StateError: names or shapes do not fit; the model is unchanged.
    """
    numpy = _imported("numpy", "from_jax needs NumPy: pip install numpy")
    model.load_state_dict({name: numpy.asarray(held, dtype=float).tolist() for name, held in params.items()})
    return model


def export_safetensors(model: Module, path: str | Path) -> None:
    """Write the parameters to a safetensors file, as float64 tensors under the names of `state_dict`.

    Raises:
        ImportError: safetensors or NumPy is not installed.
    """
    numpy = _imported("numpy", "export_safetensors needs NumPy: pip install numpy safetensors")
    safe = _imported("safetensors.numpy", "export_safetensors needs safetensors: pip install numpy safetensors")
    safe.save_file({name: numpy.array(held) for name, held in model.state_dict().items()}, str(path))


def import_safetensors(path: str | Path, model: Module) -> Module:
    """Fill the model with the tensors of a safetensors file, under the names of `state_dict`; gives the model.

    Raises:
        ImportError: safetensors or NumPy is not installed.
        StateError: names or shapes do not fit; the model is unchanged.
    """
    safe = _imported("safetensors.numpy", "import_safetensors needs safetensors: pip install numpy safetensors")
    model.load_state_dict({name: held.tolist() for name, held in safe.load_file(str(path)).items()})
    return model


def _flat(model: Module) -> list[Module]:
    """The modules that a model calls one after the other."""
    if isinstance(model, MLP):
        return list(model.layers)
    if isinstance(model, Sequential):
        return [step for _, child in model.children() for step in _flat(child)]
    return [model]


def _torch_activation(torch: Any, act: Activation | None) -> list[Any]:
    if act is None:
        return []
    name = getattr(act, "name", "")
    kinds = {kind.lower(): kind for kind in dir(torch.nn)}
    kind = kinds.get(name.replace("_", ""))
    if kind is None or not ops.TABLE[name].activation:
        raise StateError(f"the activation {name or act!r} has no counterpart in a torch.nn.Sequential.")
    return [getattr(torch.nn, kind)()]


def _from_torch(child: Any) -> list[Module]:

    kind = type(child).__name__
    if kind == "Linear":
        return [Linear(child.in_features, child.out_features, bias=child.bias is not None, init="zeros")]
    if kind == "Dropout":
        return [Dropout(child.p)]
    if kind == "Sequential":
        return [step for inner in child.children() for step in _from_torch(inner)]
    if kind == "Identity":
        return []
    for op in ops.TABLE.values():
        if op.activation and op.name.replace("_", "") == kind.lower():
            return [Elementwise(op.name)]
    raise StateError(f"torch.nn.{kind} has no counterpart here; make the network first and give it as `model`.")


def _imported(name: str, hint: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImportError(hint) from None
