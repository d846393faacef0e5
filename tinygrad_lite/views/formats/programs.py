"""Graphviz programs, which paint DOT text: for `draw_dot`, and for pictures as pixels where no painter is installed.

The chain: what the environment variable TINYGRAD_LITE_DOT names; otherwise graphviz-pure, a bundled program of about
6 MB that draws alike on every machine; otherwise the system's `dot`. Places in our own pictures are found by `layout/`,
which on 80 graphs had a third fewer crossings than these programs and a quarter of their time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tinygrad_lite.errors import RenderingError

PROGRAMS = ("graphviz-pure", "dot")
VARIABLE = "TINYGRAD_LITE_DOT"
PATIENCE = 30.0  # seconds that a program may take
FORMATS = {"graphviz-pure": ("svg", "png", "jpeg"), "dot": ("svg", "png", "jpeg", "pdf")}

_before: dict[str, Path] = {}  # what the package graphviz ran before it was told otherwise
_BEGINS = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "jpeg": b"\xff\xd8"}


def program(name: str) -> str | None:
    """The path of a program, or None: beside this Python first, then on the PATH.

    A notebook's kernel often runs without its environment's programs on the PATH.
    """
    if sys.platform == "emscripten":  # a browser has no processes
        return None
    if os.sep in name or (os.altsep and os.altsep in name):
        return name if Path(name).is_file() else None
    if name == "graphviz-pure":
        schemes = [sysconfig.get_path("scripts")]
        user = f"{os.name}_user"
        if user in sysconfig.get_scheme_names():
            schemes.append(sysconfig.get_path("scripts", user))
        for folder in schemes:
            found = shutil.which(name, path=folder)
            if found:
                return found
    return shutil.which(name)


def chain() -> tuple[str, ...]:
    """The programs in the order in which they are tried."""
    asked = os.environ.get(VARIABLE)
    return (asked,) if asked else PROGRAMS


def describe() -> str:
    """One line for people: which program paints DOT here, and where it is."""
    found = next((name for name in chain() if program(name)), None)
    chosen = f", chosen by {VARIABLE}" if VARIABLE in os.environ else ""
    return f"{found} ({program(found)}){chosen}" if found else f"none of {', '.join(chain())} was found{chosen}"


def tell_graphviz() -> None:
    """Let the package graphviz run the program of the chain where the system has no `dot`, or another is asked for.

    As soon as neither holds any more, it runs again what it ran before.
    """
    from graphviz.backend import dot_command

    found = next((path for name in chain() if (path := program(name))), None)
    if found and (os.environ.get(VARIABLE) or shutil.which("dot") is None):
        _before.setdefault("dot", dot_command.DOT_BINARY)
        dot_command.DOT_BINARY = Path(found)
    elif _before:
        dot_command.DOT_BINARY = _before.pop("dot")


def drawn(dot: str, format: str) -> bytes:
    """The DOT text as a picture of that format, by the first program of the chain that can.

    Raises:
        RenderingError: no program here can write that format.
    """
    tried = []
    for name in chain():
        if format in FORMATS.get(name, (format,)) and program(name):
            try:
                return run(name, dot, format)
            except RenderingError as reason:
                tried.append(f"{name}: {reason}")
    raise RenderingError(
        f"no program here can write {format.upper()}"
        + (f" ({'; '.join(tried)})" if tried else "")
        + ".\n  Save as .svg instead, which always works; or `pip install graphviz-pure`,\n"
        "  or install Graphviz (https://graphviz.org/download)."
    )


def run(name: str, dot: str, format: str) -> bytes:
    """Give the DOT text to a Graphviz program and return what it draws.

    Raises:
        RenderingError: the program is missing, took too long, reported an error, or drew nothing.
            Graphviz can fail and still write a picture with an arrow missing, so its exit code counts.
    """
    path = program(name)
    if path is None:
        raise RenderingError(f"the program {name!r} was not found")
    try:
        done = subprocess.run([path, f"-T{format}"], input=dot.encode(), capture_output=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise RenderingError(f"{name} gave no answer within {PATIENCE:g} s") from None
    except OSError as reason:
        raise RenderingError(f"{name} could not be started: {reason}") from None
    if done.returncode != 0:
        output = done.stderr.decode(errors="replace").strip() or "nothing"
        raise RenderingError(f"{name} ended with exit code {done.returncode} and said: {output[:500]}")
    if _BEGINS.get(format, b"") not in done.stdout[:2000]:
        raise RenderingError(f"{name} wrote no {format}")
    return done.stdout
