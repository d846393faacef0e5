"""Machine code kept on disk, so that a second process need not compile again.

An entry is a file named by the hash of everything its code depends on. It begins with a digest of
its content: an entry that is cut short, altered or foreign is not used, it is compiled again and
replaced. Writers never meet: each writes a file of its own and renames it into place.

The folder is `TINYGRAD_LITE_CACHE`, or the user's ordinary cache folder; `TINYGRAD_LITE_CACHE=off`
keeps nothing. Since an entry is code that will run, the folder is made for its owner alone, and one
that belongs to somebody else, or that others may write to, is left alone.

The folder does not grow without bound: beyond so many entries, or so many bytes, those that were not
used for the longest time go. `clear_cache()`, or `tinygrad-lite doctor --clear-cache`, removes all.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
import time
from pathlib import Path

_MAGIC = b"tinygrad_lite machine code 1\n"
_SUFFIX = ".tgcode"
_MOST_ENTRIES = 1000
_MOST_BYTES = 1 << 28
_DRAFT_SECONDS = 3600


def folder() -> Path | None:
    """Where entries are kept, or None if nothing is to be kept."""
    chosen = os.environ.get("TINYGRAD_LITE_CACHE", "").strip()
    if chosen.lower() in ("off", "0", "no", "none"):
        return None
    if chosen:
        return Path(chosen).expanduser()
    with contextlib.suppress(RuntimeError):  # no home folder: nowhere to keep anything
        if sys.platform == "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "tinygrad_lite" / "cache"
        if sys.platform == "darwin":
            return Path.home() / "Library/Caches/tinygrad_lite"
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinygrad_lite"
    return None


def key(*parts: str) -> str:
    """One name for all that an entry depends on: two different lists of parts never share it.

    >>> key("ab", "c") == key("a", "bc")
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def load(name: str) -> bytes | None:
    """The content stored under that key, or None if there is none that can be trusted."""
    place = folder()
    if place is None or not _ours(place):
        return None
    entry = place / (name + _SUFFIX)
    try:
        raw = entry.read_bytes()
    except OSError:
        return None
    head, content = raw[: len(_MAGIC) + 32], raw[len(_MAGIC) + 32 :]
    if head != _seal(name, content):
        return None
    with contextlib.suppress(OSError):
        os.utime(entry)  # it was used now
    return content


def store(name: str, content: bytes) -> bool:
    """Keep the content under that key; False if the folder cannot be written, which is no error."""
    place = folder()
    if place is None:
        return False
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _ours(place):
            return False
        handle, draft = tempfile.mkstemp(dir=place, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_seal(name, content) + content)
            os.replace(draft, place / (name + _SUFFIX))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(draft)
            raise
        _trim(place)
    except OSError:
        return False
    return True


def evict(name: str) -> None:
    """Remove an entry, if it is there."""
    place = folder()
    if place is not None:
        with contextlib.suppress(OSError):
            (place / (name + _SUFFIX)).unlink(missing_ok=True)


def clear_cache() -> int:
    """Remove all compiled code from the disk; the number of entries that were removed."""
    place = folder()
    removed = 0
    if place is not None and place.is_dir():
        for entry in [*place.glob("*" + _SUFFIX), *place.glob("*.part")]:
            with contextlib.suppress(OSError):
                entry.unlink()
                removed += entry.suffix == _SUFFIX
    return removed


def _seal(name: str, content: bytes) -> bytes:
    """The head of an entry; it covers the name, so that a renamed entry is foreign too."""
    return _MAGIC + hashlib.sha256(name.encode() + content).digest()


def _ours(place: Path) -> bool:
    """True of a folder that only its owner, who runs this program, may write to."""
    if not hasattr(os, "getuid"):
        return place.is_dir()
    try:
        facts = place.stat()
    except OSError:
        return False
    open_to_others = facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid() and not open_to_others


def size() -> tuple[int, int]:
    """How many entries there are, and their bytes."""
    place = folder()
    found = _found(place) if place is not None and place.is_dir() else []
    return len(found), sum(length for _, length, _ in found)


def _found(place: Path) -> list[tuple[float, int, str]]:
    """(when it was used last, bytes, path) of each entry; a draft whose writer must be dead is removed."""
    entries = []
    with os.scandir(place) as files:
        for file in files:
            with contextlib.suppress(OSError):  # another process may have removed it meanwhile
                if file.name.endswith(_SUFFIX):
                    facts = file.stat()
                    entries.append((facts.st_mtime, facts.st_size, file.path))
                elif file.name.endswith(".part") and file.stat().st_mtime < time.time() - _DRAFT_SECONDS:
                    os.unlink(file.path)
    return entries


def _trim(place: Path) -> None:
    """Where there is too much, drop what was not used for the longest time, until a tenth is free."""
    entries = sorted(_found(place))
    count, total = len(entries), sum(length for _, length, _ in entries)
    if count <= _MOST_ENTRIES and total <= _MOST_BYTES:
        return
    for _, length, path in entries:
        if count <= _MOST_ENTRIES * 9 // 10 and total <= _MOST_BYTES * 9 // 10:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)
        count, total = count - 1, total - length
