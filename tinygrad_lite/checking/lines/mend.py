"""Mends: what the search found, as data, as a diff of the user's text, as a function to call, and on disk."""

from __future__ import annotations

import difflib
import tokenize
from pathlib import Path
from typing import Any, NamedTuple

from tinygrad_lite.checking.lines.bench import Bench
from tinygrad_lite.checking.lines.functions import World
from tinygrad_lite.checking.lines.loss import Forward
from tinygrad_lite.checking.lines.program import Program, Standing
from tinygrad_lite.checking.lines.reasons import Reason, reason
from tinygrad_lite.checking.lines.text import mended_text, source_of
from tinygrad_lite.checking.network.arrays import np


class Edit(NamedTuple):
    """One change: in which function, on which line, what stood there and what is to stand there.

    Attributes:
        old, new: lines of text; `old` is "" where a line is put in after `line`, `new` where it is left out.
    """

    function: str
    line: int
    old: str
    new: str

    def __repr__(self) -> str:
        return f"line {self.line}: {self.old.strip() or '(nothing)'} -> {self.new.strip() or '(nothing)'}"

    def to_dict(self) -> dict[str, Any]:
        return self._asdict()


class Mend:
    """Changes with which every gradient is exact on every problem that was tried.

    Attributes:
        edits: the changes, in the order of the text.
        sources: qualified name: the whole text of each changed function.
        files: file: its whole text with the changes.
        diff: the changes as a unified diff of the user's own text, for `patch` and `git apply`.
        function: the mended backprop, to call at once (a copy: the user's own is not changed).
        problems: on how many problems every gradient was exact.
        sizes: they were of different sizes; if not, a size may be written in.
        reasons: for each change a code and a sentence why.
        tied: the lines of other mends that are as good.
    """

    def __init__(self, bench: Bench, program: Program, stands: Standing, forward: Forward) -> None:
        self._backprop = bench.original.backprop_fn
        self._changed = {f: t for f, t in program.trees.items() if t is not f.tree}
        edits = sorted(program.edits, key=lambda edit: edit[1])
        self.reasons: list[Reason] = [reason(f, program.trees[f], line, forward) for f, line in edits]
        tried = [p for k, p in enumerate(bench.problems) if k not in stands.raised]
        shapes = {tuple(np.shape(x) for x in (*p.params.values(), *p.data)) for p in tried}
        self.problems: int = len(tried)
        self.sizes: bool = len(shapes) > 1
        self.tied: list[int] = []
        self._texts = {f.filename: f.lines for f in self._changed}
        self.files: dict[str, str] = {file: self._mended(file) for file in self._texts}
        self.sources: dict[str, str] = {f.name: source_of(f, t) for f, t in self._changed.items()}
        self.edits: list[Edit] = sorted((e for file in self._texts for e in self._edits(file)), key=lambda e: e.line)

    def _mended(self, file: str) -> str:
        return mended_text(self._texts[file], {f: t for f, t in self._changed.items() if f.filename == file})

    def _edits(self, file: str) -> list[Edit]:
        found = []
        old, new = "".join(self._texts[file]).split("\n"), self.files[file].split("\n")
        for tag, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            name = next((f.name for f in self._changed if f.filename == file and f.first <= i + 1 <= f.last + 1), "")
            if tag == "replace" and j - i == m - k:
                found += [Edit(name, i + n + 1, old[i + n], new[k + n]) for n in range(j - i)]
            elif tag != "equal":
                found.append(Edit(name, i + 1 if j > i else i, "\n".join(old[i:j]), "\n".join(new[k:m])))
        return found

    @property
    def diff(self) -> str:
        return "".join(unified(self._texts[file], text, Path(file).name) for file, text in self.files.items())

    @property
    def function(self) -> Any:
        world = World(self._backprop)
        for original, tree in self._changed.items():
            for f in world.functions:
                if f.original is original.original:
                    f.copy.__code__ = original.compiled(tree)
        return world.entry

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.edits))

    def to_dict(self) -> dict[str, Any]:
        return {
            "edits": [e.to_dict() for e in self.edits],
            "diff": self.diff,
            "sources": self.sources,
            "problems": self.problems,
            "other_sizes": self.sizes,
            "reasons": [r.to_dict() for r in self.reasons],
            "tied": self.tied,
        }


def unified(old: list[str], new: str, name: str) -> str:
    """A unified diff as git writes it, which also says where a file does not end with a new line."""
    found = []
    for line in difflib.unified_diff(old, new.splitlines(keepends=True), f"a/{name}", f"b/{name}"):
        found.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return "".join(found)


# ------------------------------------------------------------------ files: encoding and line ends stay as they are


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
