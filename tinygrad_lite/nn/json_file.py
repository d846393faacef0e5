"""JSON files with a schema, written so that a kill at any moment leaves the old file or the new one.

Floats are written by `repr` and so come back with the same bits. Reading executes nothing: what is
not the JSON that was expected raises a StateError.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from tinygrad_lite.errors import StateError


def write(path: str | Path, schema: str, content: dict[str, Any]) -> None:
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


def read(path: str | Path, schema: str) -> dict[str, Any]:
    """The content of a file that `write` wrote with that schema.

    Raises:
        StateError: the file is missing, truncated, no JSON, or of another schema.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as reason:
        raise StateError(f"{path} cannot be read: {reason.strerror}.") from None
    except (ValueError, RecursionError) as reason:  # a UnicodeDecodeError and a JSONDecodeError are ValueErrors
        said = str(reason).split("\n")[0][:100]
        raise StateError(f"{path} is not JSON, or was cut off: {said}. Nothing was changed.") from None
    found = content.get("schema") if isinstance(content, dict) else None
    if found != schema:
        raise StateError(f"{path} needs the schema {schema!r}, but has {found!r:.60}. Nothing was changed.")
    return content  # type: ignore[no-any-return]
