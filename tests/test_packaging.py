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

USER = """
import tinygrad_lite as tg
from tinygrad_lite.nn import MLP

x = tg.Value(2.0, label="x")
reveal_type(tg.tanh(x) * 3)
reveal_type(MLP(2, [4, 1]).parameters())
wrong: str = x.data
"""


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


@pytest.mark.long
@pytest.mark.parametrize("kind", ["editable", "wheel"])
def test_a_users_file_is_typed_by_what_is_installed(kind, tmp_path):
    python = installed(kind, tmp_path)
    (tmp_path / "user.py").write_text(USER)
    found = run(python, "-I", "-c", "import tinygrad_lite; print(tinygrad_lite.__file__)", cwd=tmp_path)
    checkers = [[sys.executable, "-m", "mypy", "--strict", "--cache-dir", "cache", "--python-executable", python]]
    pyright = shutil.which("pyright", path=f"{sysconfig.get_path('scripts')}:/usr/local/bin:/usr/bin")
    checkers += [[pyright, "--pythonpath", python]] if pyright else []

    assert Path(found.strip()).is_relative_to(ROOT if kind == "editable" else tmp_path)
    for checker in checkers:
        said = run(*checker, "user.py", cwd=tmp_path, ok=(1,))
        errors = [line for line in said.splitlines() if "error" in line and "user.py:" in line]
        assert "Value" in said
        assert "list[" in said
        assert len(errors) == 1, said  # the wrong annotation, and no library that could not be found
        assert "str" in errors[0]


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


def test_the_build_backend_of_the_project_is_the_one_tried_here():
    assert 'build-backend = "hatchling.build"' in (ROOT / "pyproject.toml").read_text()
    assert importlib.util.find_spec("hatchling")
