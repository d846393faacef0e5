"""Saving a network and loading it again: JSON with a schema, shapes and exact floats.

    {"schema": "tinygrad_lite.model/1",
     "architecture": {"kind": "MLP", "sizes": [2, 3, 1], "activations": ["relu", "linear"]},
     "shapes": {"layers.0.weight": [3, 2], "layers.0.bias": [3], ...},
     "state": {"layers.0.weight": [[...], [...], [...]], "layers.0.bias": [...], ...},
     "notes": {...}}

Loading reads data and executes nothing. A file that is damaged, foreign or does not fit raises a
StateError, and no parameter has changed.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from tinygrad_lite.errors import StateError
from tinygrad_lite.nn import architecture, json_file
from tinygrad_lite.nn.module import Module

SCHEMA = "tinygrad_lite.model/1"


def save(model: Module, path: str | Path, *, notes: dict[str, Any] | None = None) -> None:
    """Write the network to a JSON file; a kill leaves the old file or the new one.

    Args:
        notes: anything of the user's own that JSON can hold, such as the names of the classes; see `notes`.

    Raises:
        StateError: a parameter is NaN or infinite, which usually means that training went wrong.

    >>> import tempfile, os
    >>> from tinygrad_lite import nn
    >>> model = nn.MLP(2, [3, 1], seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, os.path.join(folder, "model.json"))
    ...     again = load(os.path.join(folder, "model.json"))
    >>> again([1.0, 2.0]).data == model([1.0, 2.0]).data
    True
    """
    state = model.state_dict()
    for name, parameter in model.named_parameters():
        if not math.isfinite(parameter.data):
            raise StateError(f"{name} is {parameter.data}, and a network with such a number is not saved.")
    content = {
        "architecture": architecture.describe(model),
        "shapes": {name: shape(held) for name, held in state.items()},
        "state": state,
        "notes": notes or {},
    }
    json_file.write(path, SCHEMA, content)


def load(path: str | Path, model: Module | None = None) -> Module:
    """The network from a file that `save` wrote; into `model` if one is given, else built anew.

    Raises:
        StateError: the file is damaged, foreign or does not fit the model, which is unchanged; or no model was
            given and the file's network has modules of the user's own.
    """
    content = json_file.read(path, SCHEMA)
    state, shapes = content.get("state"), content.get("shapes")
    if not isinstance(state, dict) or shapes != {name: shape(held) for name, held in state.items()}:
        raise StateError(f"{path}: the shapes do not belong to the numbers; the file is damaged. Nothing was changed.")
    if not all(math.isfinite(x) for held in state.values() for x in _numbers(held)):
        raise StateError(f"{path} holds a number that is not finite. Nothing was changed.")
    if model is None:
        if content.get("architecture") is None:
            raise StateError(
                f"{path} holds a network with modules or activations of your own.\n"
                "  Make that network first, then load the numbers into it: nn.load(path, model)."
            )
        model = architecture.build(content["architecture"])
    model.load_state_dict(state)
    return model


def notes(path: str | Path) -> dict[str, Any]:
    """What was given to `save` as notes."""
    return dict(json_file.read(path, SCHEMA).get("notes") or {})


def shape(held: Any) -> list[int]:
    """The lengths of nested lists, from the outside in."""
    sizes = []
    while isinstance(held, list):
        sizes.append(len(held))
        held = held[0] if held else None
    return sizes


def _numbers(held: Any) -> list[float]:
    """The numbers in nested lists; what is no number counts as NaN."""
    todo, found = [held], []
    while todo:
        entry = todo.pop()
        if isinstance(entry, list):
            todo += entry
        else:
            found.append(_number(entry))
    return found


def _number(entry: Any) -> float:
    try:
        return float(entry) if isinstance(entry, (int, float)) else math.nan
    except OverflowError:
        return math.nan
