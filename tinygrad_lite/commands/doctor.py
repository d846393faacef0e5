"""`tinygrad-lite doctor`: versions, the program that paints DOT, which extras are installed, and what code is kept."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform

from tinygrad_lite import __version__
from tinygrad_lite.engine import native

EXTRAS = {
    "compile": ("llvmlite", "numpy"),
    "plot": ("matplotlib", "numpy"),
    "notebook": ("jupyterlab", "ipykernel", "nbclient"),
    "test": ("pytest", "hypothesis", "mpmath", "sympy"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--clear-cache", action="store_true", help="first remove all compiled code from the disk")


def run(args: argparse.Namespace) -> int:
    """Print what is installed; the exit code is 1 if nothing can be drawn."""
    from tinygrad_lite import Value, draw

    if args.clear_cache:
        from tinygrad_lite.compiler.backends.llvm.cache import clear_cache

        clear_cache()
    if args.json:
        print(json.dumps(diagnosis(), indent=2))
    else:
        show_versions()
    return 0 if "<svg" in draw(Value(1.0) + 1.0).svg else 1


def show_versions() -> None:
    """Print what a report of a fault should say: versions, which engine and program are in use, what is installed.

    The same as `tinygrad-lite doctor` prints. Raises nothing: what is missing is a line of it.

    >>> show_versions()
    tinygrad_lite     ...
    python            ...
    engine            ...
    """
    for name, value in diagnosis().items():
        if isinstance(value, dict):
            print(f"{name}:")
            for key, text in value.items():
                print(f"  {key:<16}{text}")
        else:
            print(f"{name:<18}{value}")


def diagnosis() -> dict[str, object]:
    """What is installed, as names and texts."""
    from tinygrad_lite.compiler.backends.llvm import cache
    from tinygrad_lite.views.formats import programs

    entries, length = cache.size()
    kept = f"{entries} entr{'y' if entries == 1 else 'ies'}, {length / 1e6:.1f} MB in {cache.folder()}"
    return {
        "tinygrad_lite": __version__,
        "python": f"{platform.python_version()} ({platform.machine()}, {platform.system()})",
        "engine": "nodes in C" if native.node else "nodes in Python (not compiled, or TINYGRAD_LITE_PURE is set)",
        "DOT program": programs.describe(),
        "packages": {name: _version(name) for name in ("graphviz", "graphviz-pure")},
        "extras": {extra: ", ".join(f"{name} {_version(name)}" for name in names) for extra, names in EXTRAS.items()},
        "compiled code": kept if cache.folder() else "not kept (TINYGRAD_LITE_CACHE)",
    }


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
