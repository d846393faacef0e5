"""Networks and training runs in files: JSON with a schema, shapes and exact floats.

    {"schema": "tinygrad_lite.model/1",
     "architecture": {"kind": "MLP", "nin": 2, "nouts": [3, 1], "activation": ["relu", "linear"], "init": "zeros"},
     "shapes": {"layers.0.weight": [3, 2], "layers.0.bias": [3], ...},
     "state": {"layers.0.weight": [[...], [...], [...]], "layers.0.bias": [...], ...},
     "notes": {...}}

A module's architecture is its kind and its `config`, the arguments that make it again. Reading runs nothing but the
constructors of this package's own modules. A file that is damaged, foreign or does not fit raises a StateError, and
nothing has changed. A checkpoint holds a run that goes on as if it had never been stopped; nothing random has to be
saved for it, since each epoch shuffles and drops out by a seed made of the run's seed and the epoch's number.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
from pathlib import Path
from typing import Any

from tinygrad_lite.errors import StateError
from tinygrad_lite.nn.history import History
from tinygrad_lite.nn.layers import MLP, Layer, Linear, Neuron, activation_name, named
from tinygrad_lite.nn.module import Module, entries, shape
from tinygrad_lite.nn.optimizers import Optimizer
from tinygrad_lite.nn.sequential import Dropout, Elementwise, Embedding, RNNCell, Sequential, Standardize

MODEL, CHECKPOINT = "tinygrad_lite.model/1", "tinygrad_lite.checkpoint/1"
KINDS: dict[str, type[Module]] = {
    kind.__name__: kind
    for kind in (MLP, Layer, Linear, Neuron, Sequential, Elementwise, Dropout, Standardize, Embedding, RNNCell)
}
LARGEST = 10_000_000
"""More parameters than this are not built from a file."""


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
    for name, x in entries(state):
        if not math.isfinite(x):
            raise StateError(f"{name} is {x}, and a network with such a number is not saved.")
    shapes = {name: shape(held) for name, held in state.items()}
    _write(path, MODEL, {"architecture": describe(model), "shapes": shapes, "state": state, "notes": notes or {}})


def load(path: str | Path, model: Module | None = None) -> Module:
    """The network from a file that `save` wrote; into `model` if one is given, else built anew.

    Raises:
        StateError: the file is damaged, foreign or does not fit the model, which is unchanged; or no model was
            given and the file's network has modules of the user's own.
    """
    content = _read(path, MODEL)
    state, shapes = content.get("state"), content.get("shapes")
    if not isinstance(state, dict) or shapes != {name: shape(held) for name, held in state.items()}:
        raise StateError(f"{path}: the shapes do not belong to the numbers; the file is damaged. Nothing was changed.")
    if not all(math.isfinite(x) for _, x in entries(state)):
        raise StateError(f"{path} holds a number that is not finite. Nothing was changed.")
    if model is None:
        if content.get("architecture") is None:
            raise StateError(
                f"{path} holds a network with modules or activations of your own.\n"
                "  Make that network first, then load the numbers into it: nn.load(path, model)."
            )
        model = build(content["architecture"])
    model.load_state_dict(state)
    return model


def notes(path: str | Path) -> dict[str, Any]:
    """What was given to `save` as notes."""
    return dict(_read(path, MODEL).get("notes") or {})


# ---------------------------------------------------------------------- a network without its numbers


def describe(model: Module) -> dict[str, Any] | None:
    """What `build` needs to make the same network, or None if there is a module or an activation of the user's own.

    >>> describe(MLP(2, [3, 1], seed=0))
    {'kind': 'MLP', 'nin': 2, 'nouts': [3, 1], 'activation': ['relu', 'linear'], 'init': 'zeros'}
    """
    try:
        described: dict[str, Any] = _plain(model)
    except LookupError:
        return None
    return described


def _plain(entry: Any) -> Any:
    """A module, or an argument of one, as plain data."""
    if isinstance(entry, Module):
        kind = type(entry).__name__
        if KINDS.get(kind) is not type(entry):
            raise LookupError(kind)
        return {"kind": kind, **{name: _plain(x) for name, x in entry.config().items()}}
    if isinstance(entry, list):
        return [_plain(x) for x in entry]
    if not callable(entry):
        return entry
    name = activation_name(entry)
    with contextlib.suppress(ValueError):
        if named(name) is entry:
            return name
    raise LookupError(name)


def build(described: Any) -> Module:
    """The network that was described, with parameters that are not yet the saved ones.

    Raises:
        StateError: it is no description, or of a network too large to be meant.

    >>> build({"kind": "MLP", "nin": 2, "nouts": [2, 1], "activation": ["tanh", "linear"], "init": "zeros"})
    MLP of [Layer of [TanhNeuron(2), TanhNeuron(2)], Layer of [LinearNeuron(2)]]
    """
    try:
        if _size(described) > LARGEST:
            raise StateError(f"a network of more than {LARGEST:,} parameters is described; refused.")
        return _build(described)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as reason:
        if isinstance(reason, StateError):
            raise
        raise StateError(f"this is no description of a network ({reason!r:.80}).") from None


def _size(described: Any) -> int:
    """How many parameters it will have, from the sizes alone."""
    if "steps" in described:
        return sum(map(_size, described["steps"]))
    hidden = described.get("nhidden", 0)
    inputs, outputs = (
        described.get("nin", described.get("n", 0)),
        described.get("nout", described.get("m", hidden or 1)),
    )
    sizes = [inputs, *described.get("nouts", [outputs])]
    if not all(type(n) is int and n >= 0 for n in (*sizes, hidden)):
        raise ValueError(f"sizes {sizes!r:.40}")
    sizes[0] += hidden
    return sum((n + 1) * m for n, m in itertools.pairwise(sizes))


def _build(described: dict[str, Any]) -> Module:
    config = dict(described)
    kind, steps = KINDS[config.pop("kind")], config.pop("steps", [])
    return kind(*map(_build, steps), **config)


# ---------------------------------------------------------------------- a run to go on with


def save_run(
    path: str | Path,
    model: Module,
    optimizer: Optimizer,
    history: History,
    settings: dict[str, Any],
    best: dict[str, Any] | None,
) -> None:
    """Write all that `resume` needs."""
    content = {
        "settings": settings,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": vars(history),
        "best": best,
    }
    _write(path, CHECKPOINT, content)


def resume(
    path: str | Path, model: Module, optimizer: Optimizer, settings: dict[str, Any]
) -> tuple[History, dict[str, Any] | None]:
    """Put model and optimizer back where they were; give the history until then, and the best state so far.

    Raises:
        StateError: the file is damaged, or of another network, optimizer, data set or seed; nothing was changed.
    """
    content = _read(path, CHECKPOINT)
    try:
        saved, held, history = dict(content["settings"]), content["history"], History()
        history.rows, history.record = [dict(row) for row in held["rows"]], held["record"]
        history.step_losses, history.seconds = ([float(x) for x in held[key]] for key in ("step_losses", "seconds"))
        best, model_state, optimizer_state = content["best"], content["model"], content["optimizer"]
    except (KeyError, TypeError, ValueError) as reason:
        raise StateError(f"{path} is no checkpoint ({reason!r:.80}); nothing was changed.") from None
    if saved != settings:
        changed = [f"{key}: {saved.get(key)!r} there, {x!r} now" for key, x in settings.items() if saved.get(key) != x]
        raise StateError(
            f"{path} belongs to another run; nothing was changed.\n  " + "\n  ".join(changed) + "\n"
            "  Delete the file to begin anew, or train with the same settings to go on."
        )
    before = model.state_dict()
    model.load_state_dict(model_state)
    try:
        optimizer.load_state_dict(optimizer_state)
    except StateError:
        model.load_state_dict(before)
        raise
    return history, best


# ---------------------------------------------------------------------- the files


def _write(path: str | Path, schema: str, content: dict[str, Any]) -> None:
    """Write beside the file, force it to the disk, then rename it into place, which is one step for everyone else."""
    path = Path(path)
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(beside, "w", encoding="utf-8") as file:
            json.dump({"schema": schema, **content}, file)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
    if os.name == "posix":  # the new name itself must reach the disk too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(path: str | Path, schema: str) -> dict[str, Any]:
    """The content of a file that `_write` wrote with that schema."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as reason:
        raise StateError(f"{path} cannot be read: {reason.strerror}.") from None
    except (ValueError, RecursionError) as reason:  # a UnicodeDecodeError and a JSONDecodeError are ValueErrors
        message = str(reason).split("\n")[0][:100]
        raise StateError(f"{path} is not JSON, or was cut off: {message}. Nothing was changed.") from None
    found = content.get("schema") if isinstance(content, dict) else None
    if found != schema:
        raise StateError(f"{path} needs the schema {schema!r}, but has {found!r:.60}. Nothing was changed.")
    return content  # type: ignore[no-any-return]
