"""The file from which a training run goes on as if it had never been stopped.

It is written after an epoch, by a rename, so that it is whole whenever the run is killed. Nothing
random has to be saved: each epoch shuffles and drops out by a seed made of the run's seed and the
epoch's number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinygrad_lite.errors import StateError
from tinygrad_lite.nn import json_file
from tinygrad_lite.nn.history import History
from tinygrad_lite.nn.module import Module
from tinygrad_lite.nn.optimizer import Optimizer

SCHEMA = "tinygrad_lite.checkpoint/1"


def save(
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
        "rows": history.rows,
        "step_losses": history.step_losses,
        "seconds": history.seconds,
        "record": history.record,
        "best": best,
    }
    json_file.write(path, SCHEMA, content)


def resume(
    path: str | Path, model: Module, optimizer: Optimizer, settings: dict[str, Any]
) -> tuple[History, dict[str, Any] | None]:
    """Put model and optimizer back where they were; give the history until then, and the best state so far.

    Raises:
        StateError: the file is damaged, or of another network, optimizer, data set or seed; nothing was changed.
    """
    content = json_file.read(path, SCHEMA)
    try:
        saved, rows, best = content["settings"], content["rows"], content["best"]
        history = History(rows)
        history.step_losses = [float(x) for x in content["step_losses"]]
        history.seconds = [float(x) for x in content["seconds"]]
        history.record = content["record"]
        model_state, optimizer_state = content["model"], content["optimizer"]
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
