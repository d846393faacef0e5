"""Installed either way, Python, mypy and pyright find the package; the sdist holds what its tests need."""

import importlib.util
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BUILT = {"editable": "build_editable", "wheel": "build_wheel", "sdist": "build_sdist"}

TYPING = ROOT / "tests" / "typing"
COMPLETE = 95.0  # percent of the names in the package whose types pyright knows without guessing


def run(*command, cwd=None, ok=(0,)):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600, cwd=cwd)
    assert done.returncode in ok, done.stdout + done.stderr
    return done.stdout


def built(kind, folder):
    """What the build backend makes of this folder; nothing is fetched."""
    run(sys.executable, "-c", f"import hatchling.build as b; b.{BUILT[kind]}({str(folder)!r})", cwd=ROOT)
    (made,) = folder.iterdir()
    return made


def installed(kind, folder):
    """The Python of a fresh environment in which there is this package and nothing else."""
    (folder / "built").mkdir()
    made = built(kind, folder / "built")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    run(sys.executable, "-m", "pip", "-q", "--python", python, "install", "--no-index", "--no-deps", made)
    return python


def pyright():
    """The command, which is tried where it is installed."""
    return shutil.which("pyright", path=f"{sysconfig.get_path('scripts')}:/usr/local/bin:/usr/bin")


def lines_with_errors(report, file):
    return {int(line.split(":")[1]) for line in report.splitlines() if f"{file}:" in line and "error" in line}


@pytest.mark.long
@pytest.mark.parametrize("kind", ["editable", "wheel"])
def test_a_users_file_is_typed_by_what_is_installed(kind, tmp_path):
    """No false error in typical use; every planted mistake found; and what is revealed is what the line says."""
    python = installed(kind, tmp_path)
    (site,) = (tmp_path / "env").rglob("site-packages")
    (site / "numpy.pth").write_text(sysconfig.get_path("purelib"))
    for name in ("right", "wrong"):
        shutil.copy(TYPING / f"{name}.txt", tmp_path / f"{name}.py")
    found = run(python, "-I", "-c", "import tinygrad_lite; print(tinygrad_lite.__file__)", cwd=tmp_path)
    checkers = [[sys.executable, "-m", "mypy", "--strict", "--cache-dir", "cache", "--python-executable", python]]
    checkers += [[pyright(), "--pythonpath", python]] if pyright() else []
    source = [(number, *line.split("  # ")) for number, line in enumerate(texts("right"), 1) if "reveal_type" in line]
    planted = {number for number, line in enumerate(texts("wrong"), 1) if line.endswith("# wrong")}

    assert Path(found.strip()).is_relative_to(ROOT if kind == "editable" else tmp_path)
    assert len(planted) == 10
    for checker in checkers:
        told = run(*checker, "right.py", cwd=tmp_path)
        revealed = {
            int(line.split(":")[1]): line for line in told.splitlines() if "type" in line and "right.py:" in line
        }
        assert {number for number, *_ in source if _[-1] not in revealed[number]} == set(), told
        assert lines_with_errors(run(*checker, "wrong.py", cwd=tmp_path, ok=(1,)), "wrong.py") == planted


def texts(name):
    return (TYPING / f"{name}.txt").read_text().splitlines()


@pytest.mark.long
@pytest.mark.skipif(not pyright(), reason="pyright is not installed")
def test_nearly_every_type_is_known(tmp_path):
    python = installed("wheel", tmp_path)
    verify = f"PATH={python.parent}:$PATH {pyright()} --verifytypes tinygrad_lite --ignoreexternal"
    told = run("sh", "-c", verify, cwd=tmp_path, ok=(0, 1))
    (score,) = [line.split(":")[1] for line in told.splitlines() if line.startswith("Type completeness score")]

    assert float(score.strip(" %")) >= COMPLETE


def test_an_editable_install_is_a_folder_that_editors_can_read(tmp_path):
    made = built("editable", tmp_path)
    run(sys.executable, "-m", "zipfile", "-e", made, tmp_path / "content")
    (path,) = (tmp_path / "content").glob("*.pth")

    assert path.read_text().split() == [str(ROOT)]
    assert list((tmp_path / "content").rglob("*.py")) == []  # no hook that finds the package while a program runs


def test_the_source_package_holds_tests_and_notebooks(tmp_path):
    with tarfile.open(built("sdist", tmp_path)) as archive:
        held = {Path(*Path(name).parts[1:]) for name in archive.getnames()}
    wanted = [ROOT / "conftest.py", ROOT / "README.md", ROOT / ".ci/run", ROOT / "pyproject.toml"]
    wanted += [*(ROOT / "tests").rglob("*.py"), *(ROOT / "notebooks").rglob("*.ipynb")]
    wanted += [path for path in (ROOT / "tinygrad_lite").rglob("*") if path.suffix in (".py", ".html", ".csv", ".js")]

    assert [path for path in wanted if path.relative_to(ROOT) not in held] == []
    assert not [name for name in held if {".venv", "__pycache__"} & set(name.parts)]


def test_the_addresses_of_the_project_are_those_of_the_machine_that_publishes_it():
    spec = importlib.util.spec_from_file_location("project_metadata", ROOT / ".ci/metadata.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert module.absolute("![a](b.svg) [c](d.md) [e](https://f) [g](#h)", "https://home") == (
        "![a](https://home/raw/main/b.svg) [c](https://home/blob/main/d.md) [e](https://f) [g](#h)"
    )


def test_the_build_backend_of_the_project_is_the_one_tried_here():
    assert 'build-backend = "hatchling.build"' in (ROOT / "pyproject.toml").read_text()
    assert importlib.util.find_spec("hatchling")
