"""Compile the engine's node: a build hook of hatchling, and `python .ci/build_native.py` for a checkout.

Where there is no C compiler, and where the C code does not belong (PyPy, free-threaded Python, browsers, 32 bits), the
package is pure Python, does the same, and its wheel says so. TINYGRAD_LITE_PURE=1 asks for that.
"""

import os
import sys
import sysconfig
import tempfile
from pathlib import Path

SOURCE = "tinygrad_lite/engine/_node.c"


def why_not() -> str:
    """Why the C code is left out; empty if it is to be compiled."""
    if os.environ.get("TINYGRAD_LITE_PURE"):
        return "TINYGRAD_LITE_PURE is set"
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "it is written for CPython with its lock"
    if sys.platform in ("emscripten", "wasi") or sys.maxsize < 2**62:
        return "it is written for processors of 64 bits"
    return ""


def compiled(root: Path) -> Path | None:
    """The compiled module beside its source, or None with a word of why."""
    reason = why_not()
    if not reason:
        try:
            return _compile(root)
        except (Exception, SystemExit) as failure:  # no compiler, no headers, or one that refuses: all the same to us
            reason = f"{type(failure).__name__}: {failure}"
    print(f"{SOURCE} is not compiled ({reason}); the engine is pure Python.", file=sys.stderr)
    return None


def _compile(root: Path) -> Path:
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    # a product and a sum stay two roundings, as in Python, also where the processor could do both at once
    flags = ["/O2", "/std:c11", "/fp:precise"] if sys.platform == "win32" else ["-O3", "-ffp-contract=off"]
    module = Extension("_node", [str(root / SOURCE)], extra_compile_args=flags)
    with tempfile.TemporaryDirectory() as scratch:
        command = build_ext(Distribution({"name": "tinygrad_lite", "ext_modules": [module]}))
        command.build_temp, command.build_lib = scratch, str((root / SOURCE).parent)
        command.ensure_finalized()
        command.run()
    return Path(command.get_ext_fullpath("_node"))


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a program
    pass
else:

    class NativeNode(BuildHookInterface):
        def initialize(self, version: str, build_data: dict) -> None:
            if self.target_name == "wheel" and (made := compiled(Path(self.root))):
                build_data["pure_python"], build_data["infer_tag"] = False, True
                build_data["artifacts"].append(made.relative_to(self.root).as_posix())


if __name__ == "__main__":
    print(compiled(Path(__file__).resolve().parents[1]))
