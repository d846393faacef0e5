"""Build the lessons as a JupyterLite site, Python in the browser: python .docs/lite.py [FOLDER], by default build/lite.

    python .docs/lite.py build/lite --distribution URL     # with NumPy and matplotlib of the Pyodide distribution there
    python -m http.server -d build/lite                    # then open it in a browser

The site has JupyterLab (jupyterlite-core from PyPI), Python (pyodide from npm), the packages that the kernel needs
(PyPI) and ours as a wheel in pure Python, all listed in Pyodide's lock file, so that `import tinygrad_lite` finds it
and nothing is fetched from elsewhere. The exit code is 3 where one of these cannot be had. NumPy for browsers is on
neither registry: without --distribution the lessons that need it say so. Needs npm and the extra `lite`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PYODIDE = "314.0.6"  # the version that jupyterlite-pyodide-kernel 0.8 is written for
KERNEL = ["ipython", "micropip", "packaging", "jedi", "pyodide-http"]  # what it asks for, and what these ask for
OURS = ["comm", "graphviz"]  # pure Python, and not in Pyodide's list
WASM = ["numpy", "matplotlib"]  # from the distribution alone


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the lessons as a JupyterLite site.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "lite")
    parser.add_argument(
        "--distribution", metavar="URL", help="a Pyodide distribution, for the wheels of NumPy and such"
    )
    args = parser.parse_args()
    site = args.folder.resolve()
    work = site.with_name(site.name + "-work")
    for folder in (site, work):
        shutil.rmtree(folder, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        pyodide = python_for_browsers(work)
        add_packages(pyodide, args.distribution)
    except (OSError, subprocess.CalledProcessError) as failure:
        print(f"a part of the site cannot be had: {failure}", file=sys.stderr)
        return 3
    build(site, work, pyodide)
    shutil.rmtree(work)
    print(f"{site}: {sum(f.stat().st_size for f in site.rglob('*')) / 1e6:.0f} MB, {len(lessons(site))} lessons")
    return 0


def python_for_browsers(work: Path) -> Path:
    """Pyodide from npm, unpacked."""
    run("npm", "pack", "--silent", f"pyodide@{PYODIDE}", cwd=work)
    (archive,) = work.glob("pyodide-*.tgz")
    shutil.unpack_archive(archive, work)
    return (work / "package").rename(work / "pyodide")


def add_packages(pyodide: Path, distribution: str | None) -> None:
    """Put the wheels beside Python and into its lock file."""
    path = pyodide / "pyodide-lock.json"
    lock = json.loads(path.read_text(encoding="utf-8"))
    known = lock["packages"]
    for name in with_needs(KERNEL, known):
        fetch(f"{name}=={known[name]['version']}", pyodide)
    for name in OURS:
        fetch(name, pyodide)
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", pyodide, ROOT, env={"TINYGRAD_LITE_PURE": "1"})
    for wheel in sorted(pyodide.glob("*.whl")):
        name, version = re.match(r"(.+?)-(.+?)-", wheel.name).groups()  # type: ignore[union-attr]
        entry = known.setdefault(normal(name), new_entry(name))
        entry |= {"version": version, "file_name": wheel.name, "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()}
    known["tinygrad-lite"]["depends"] = ["graphviz"]
    for name in with_needs(WASM, known) if distribution else ():
        file = known[name]["file_name"]
        if not (pyodide / file).exists():
            print(f"+ {file}")
            urllib.request.urlretrieve(f"{distribution}/{file}", pyodide / file)
    path.write_text(json.dumps(lock), encoding="utf-8")


def build(site: Path, work: Path, pyodide: Path) -> None:
    """The site: JupyterLab, the kernel, and the lessons without the outputs of our machine's Python."""
    contents = work / "contents"
    shutil.copytree(ROOT / "notebooks", contents)
    settings = {"loadPyodideOptions": {"packages": ["tinygrad-lite"]}, "disablePyPIFallback": True}
    kernel = {"@jupyterlite/pyodide-kernel-extension:kernel": settings}
    config = {"jupyter-lite-schema-version": 0, "jupyter-config-data": {"litePluginSettings": kernel}}
    (work / "jupyter-lite.json").write_text(json.dumps(config), encoding="utf-8")
    archive = shutil.make_archive(str(work / "pyodide"), "bztar", work, "pyodide")
    command = ["build", "--lite-dir", work, "--contents", contents, "--output-dir", site, "--pyodide", archive]
    run(sys.executable, "-m", "jupyterlite_core", *command, cwd=work)


def lessons(site: Path) -> list[Path]:
    """The notebooks of the site."""
    return sorted((site / "files").rglob("*.ipynb"))


def with_needs(names: list[str], known: dict[str, Any]) -> list[str]:
    """Some packages and all that they ask for, by the names of the lock file."""
    found: list[str] = []
    todo = list(names)
    while todo:
        name = normal(todo.pop())
        if name not in found:
            found.append(name)
            todo += known[name]["depends"]
    return sorted(found)


def new_entry(name: str) -> dict[str, Any]:
    """A package that the lock file does not have."""
    return {
        "name": normal(name),
        "imports": [name],
        "depends": [],
        "install_dir": "site",
        "package_type": "package",
        "unvendored_tests": False,
    }


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def fetch(requirement: str, into: Path) -> None:
    """A wheel in pure Python, without what it asks for."""
    run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--platform", "any",
        "--python-version", "3.14", "-d", into, requirement)  # fmt: skip


def run(*command: Any, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    print("+", " ".join(Path(word).name if os.sep in str(word) else str(word) for word in command), flush=True)
    subprocess.run([str(word) for word in command], cwd=cwd, env={**os.environ, **(env or {})}, check=True)


if __name__ == "__main__":
    sys.exit(main())
