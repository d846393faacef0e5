"""The house stands as DESIGN draws it: imports point one way, files stay short, importing is light."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import tinygrad_lite

PACKAGE = Path(tinygrad_lite.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# room: the rooms it may import. `errors` is open to all.
MAY_IMPORT = {
    "errors": set(),
    "hints": set(),
    "engine": set(),
    "arrays": {"engine"},
    "calculus": {"engine", "arrays"},
    "nn": {
        "engine",
        "calculus",
        "analysis",
        "report",
        "data",
        "compiler",
    },  # the compiler for compile_step alone, opened at its first use
    "report": {"engine"},
    "formulas": {"engine", "report"},
    "analysis": {"engine", "formulas"},
    "views": {"engine", "calculus", "report", "formulas", "analysis"},
    "compiler": {"engine", "calculus"},
    "export": {"engine", "arrays", "calculus", "nn", "compiler"},  # source code is a plan, spelled
    "checking": {"engine", "calculus", "report", "formulas", "analysis", "compiler", "export"},
    "exercises": {"engine", "arrays", "checking", "report"},
    "data": set(),
}
ABOVE_ALL = {"__init__", "__main__", "cli", "commands", "testing"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@cache
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


@cache
def imports(source: str, typing: bool) -> list[ast.Import | ast.ImportFrom]:
    """The import statements of a file, late ones too, and those for type checkers alone if asked for."""
    found, todo = [], list(parsed(source).body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(node)
        if typing or not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
            todo += [child for child in getattr(node, "body", []) if isinstance(child, ast.stmt)]
        for name in ("orelse", "finalbody", "handlers", "cases"):
            todo += getattr(node, name, [])
    return found


def imported_modules(source: str, typing: bool = False) -> list[str]:
    """The modules of this package that a file imports, type-checking imports only if asked for."""
    found = []
    for node in imports(source, typing):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif node.module:
            names = [node.module] if node.module != "tinygrad_lite" else [f"tinygrad_lite.{n.name}" for n in node.names]
        found += [name for name in names if name.split(".")[0] == "tinygrad_lite"]
    return found


def forbidden(room: str, source: str) -> list[str]:
    """The imports of a file in `room` that point the wrong way."""
    wrong = []
    for module in imported_modules(source):
        target = module.split(".")[1] if "." in module else "__init__"
        allowed = target in {room, "errors", "hints", "__version__"} | MAY_IMPORT[room]
        if not allowed:
            wrong.append(module)
    return wrong


def test_imports_point_one_way():
    rooms = {path: room_of(path) for path in FILES if room_of(path) not in ABOVE_ALL}

    wrong = {str(path.relative_to(PACKAGE)): forbidden(room, path.read_text()) for path, room in rooms.items()}
    assert {name: imports for name, imports in wrong.items() if imports} == {}


def test_an_import_against_the_arrows_is_seen():
    assert forbidden("engine", "from tinygrad_lite.views.picture.picture import draw") == [
        "tinygrad_lite.views.picture.picture"
    ]
    assert forbidden("nn", "import tinygrad_lite.views") == ["tinygrad_lite.views"]
    assert forbidden("checking", "from tinygrad_lite.views.player.player import x") == [
        "tinygrad_lite.views.player.player"
    ]


# The compiler's own rooms, each of which may import those named; its front, the files beside them, imports all.
COMPILER = PACKAGE / "compiler"
WITHIN = {
    "ir": set(),
    "frontend": {"ir"},
    "passes": {"ir", "frontend"},
    "backends": {"ir", "frontend", "passes"},
    "runtime": {"ir", "frontend", "passes", "backends"},
    "training": {"backends", "runtime", "front"},
}


@pytest.mark.parametrize("room", WITHIN)
def test_the_passes_of_the_compiler_build_on_those_before(room):
    for path in sorted((COMPILER / room).rglob("*.py")):
        for module in imported_modules(path.read_text()):
            parts = module.split(".")[2:]
            if module.startswith("tinygrad_lite.compiler"):
                target = parts[0] if parts and (COMPILER / parts[0]).is_dir() else "front"
                assert target in {room} | WITHIN[room], f"{path.name} imports {module}"


# The packages of views, each of which may import those named and itself.
VIEWS = PACKAGE / "views"
OF_VIEWS = {
    "layout": set(),
    "drawing": {"layout"},
    "formats": {"layout", "drawing"},
    "picture": {"layout", "drawing", "formats"},
    "live": {"drawing", "picture"},
    "player": {"drawing", "formats", "picture", "live", "plots"},
    "derivation": set(),
    "matrix_form": set(),
}


@pytest.mark.parametrize("package", OF_VIEWS)
def test_the_packages_of_views_build_on_those_before(package):
    for path in sorted((VIEWS / package).rglob("*.py")):
        for module in imported_modules(path.read_text(), typing=True):
            if module.startswith("tinygrad_lite.views."):
                assert module.split(".")[2] in {package} | OF_VIEWS[package], f"{path.name} imports {module}"


def test_every_package_of_views_has_its_place():
    assert {path.name for path in VIEWS.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(OF_VIEWS)


def circle_in_the_house() -> list[str]:
    """Files that import each other in a circle, type hints and late imports included; [] for none."""
    paths = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)
    names = {f"tinygrad_lite.{'.'.join(path.relative_to(PACKAGE).with_suffix('').parts)}": path for path in paths}
    return circle({name: imported_files(path.read_text()) & names.keys() for name, path in names.items()})


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """What is left when every name without arrows to others that are left has been taken away."""
    left = dict(arrows)
    while free := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def imported_files(source: str) -> set[str]:
    """All imports of a file: the modules, and what is taken from them, which may be a module too."""
    found = set()
    for node in imports(source, True):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_no_files_import_each_other_in_a_circle():
    assert circle_in_the_house() == []


def test_a_circle_is_seen():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def test_every_room_of_the_compiler_has_its_place():
    assert {path.name for path in COMPILER.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(WITHIN)


# The folders of checking, each built on those before it; what a user calls, beside them, imports all.
CHECKING = PACKAGE / "checking"
CHECKING_ORDER = ("result", "network", "paper", "trial", "catalogue", "lines", "binding")


@pytest.mark.parametrize(
    "folder", [path.name for path in sorted(CHECKING.iterdir()) if (path / "__init__.py").exists()]
)
def test_the_folders_of_checking_build_on_those_before(folder):
    below = CHECKING_ORDER[: CHECKING_ORDER.index(folder) + 1]

    for path in sorted((CHECKING / folder).rglob("*.py")):
        for module in imported_modules(path.read_text()):
            if module.startswith("tinygrad_lite.checking"):
                assert module.split(".")[2] in below, f"{path.name} imports {module}"


def test_every_file_tells_one_story():
    """It is short, opens with what it is and how to read it, and has a name that says so too."""
    for path in FILES:
        limit = 400 if room_of(path) == "compiler" else 300

        assert len(path.read_text().splitlines()) <= limit, path
        assert ast.get_docstring(parsed(path.read_text())), path
        assert path.stem not in {"utils", "helpers", "misc", "common"}, path


def loaded_by(program: str, *flags: str) -> set[str]:
    """The top-level modules in memory after a program has run in a fresh interpreter."""
    code = f"{program}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, *flags, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    return set(run.stdout.split())


HEAVY = {
    "numpy",
    "matplotlib",
    "graphviz",
    "llvmlite",
    "torch",
    "sympy",
    "mpmath",
    "IPython",
    "dataclasses",
    "inspect",
}


def test_importing_the_package_loads_no_optional_library():
    assert loaded_by("import tinygrad_lite") & HEAVY == set()
    assert loaded_by("from tinygrad_lite.engine import Value; from tinygrad_lite.nn import MLP") & HEAVY == set()


def test_importing_the_package_loads_next_to_nothing_of_pythons_own_library():
    """Started with -S, since what makes an editable install found loads pathlib and re before any program begins."""
    loaded = loaded_by("import tinygrad_lite", "-S")

    assert "tinygrad_lite" in loaded
    assert loaded & {"typing", "collections", "re", "enum", "functools", "pathlib"} == set()


def test_the_proof_of_light_import_can_fail():
    assert "numpy" in loaded_by("import tinygrad_lite, numpy")
