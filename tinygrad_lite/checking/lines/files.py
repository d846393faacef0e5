"""A mended file on disk: its diff, and how it is written; encoding, byte-order mark and line ends stay as they are."""

from __future__ import annotations

import tokenize
from pathlib import Path

from tinygrad_lite.checking.lines.mend import unified


def _read(path: Path) -> tuple[list[str], str, str]:
    """The lines of a source file with `\\n` at their ends, its encoding, and the line end that it uses."""
    raw = path.read_bytes()
    with path.open("rb") as file:
        encoding, _ = tokenize.detect_encoding(file.readline)
    lines = raw.decode(encoding).replace("\r\n", "\n").splitlines(keepends=True)
    return lines, encoding, "\r\n" if b"\r\n" in raw else "\n"


def diff_of(file: str, text: str) -> str:
    """The unified diff from a file as it is to a text, on the path that was given."""
    lines, _, end = _read(Path(file))
    found = unified(lines, text, Path(file).as_posix())
    if end == "\n":
        return found
    marked = [line if line[:3] in ("---", "+++", "@@ ", "\\ N") else line + "\r" for line in found.splitlines()]
    return "\n".join(marked) + "\n"


def write_with_backup(file: str, text: str) -> Path:
    """Write a text into a file and give the backup of what was there: FILE.py.bak, or .bak2 and so on."""
    path = Path(file)
    _, encoding, end = _read(path)
    backup = path.with_name(path.name + ".bak")
    number = 2
    while backup.exists():
        backup = path.with_name(f"{path.name}.bak{number}")
        number += 1
    backup.write_bytes(path.read_bytes())
    path.write_bytes(text.replace("\n", end).encode(encoding))
    return backup
