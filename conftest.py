"""How much is tried, and where compiled code is kept.

By default a run is for people: every test once, of those with a `seed` the first, of those marked `few(n)` n of
their parameters, and of what hypothesis draws six. The rest is marked `long`, and `.ci/run` does it:

    pytest                                                    # the README's command: minutes
    HYPOTHESIS_PROFILE=ci pytest -n auto -m ""                # everything, in full
    pytest -n auto -m "" --lanes 2 tests/compiler             # machine code for vectors of two doubles
"""

import os

import pytest
from hypothesis import settings

FEW = 1
"""Seeds of a test that are tried by default."""

settings.register_profile("dev", max_examples=6, deadline=None, derandomize=True)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("intense", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_addoption(parser):
    parser.addoption("--lanes", type=int, choices=(2, 4, 8), help="doubles in a vector of machine code")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """All but the first seeds of a test are long; of one marked `few(n)` all but n, which lie evenly among the rest."""
    rows = {}
    for item in items:
        if hasattr(item, "callspec") and item.callspec.indices.get("seed", 0) >= FEW:
            item.add_marker("long")
        elif item.get_closest_marker("few"):
            rows.setdefault((item.path, item.originalname), []).append(item)
    for row in rows.values():
        few = min(row[0].get_closest_marker("few").args[0], len(row))
        tried = {i * len(row) // few for i in range(few)}
        for i, item in enumerate(row):
            if i not in tried:
                item.add_marker("long")


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory):
    """Compiled code is kept in a folder of this run, of each of its processes: no test meets what another run left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def lanes_of_the_tests(request):
    lanes = request.config.getoption("--lanes")
    with pytest.MonkeyPatch.context() as patch:
        if lanes:
            _choose(lanes, patch)
        yield


@pytest.fixture
def with_lanes(monkeypatch):
    """`with_lanes(4)`: from now on machine code is for vectors of 4 doubles."""
    return lambda lanes: _choose(lanes, monkeypatch)


def _choose(lanes, patch):
    """A host like this one but for the length of its vectors; LLVM cuts those that are longer than it has."""
    from tinygrad_lite.compiler.backends.llvm import jit

    here = jit.host()
    features = [name for name in here.features.split(",") if name != "-prefer-256-bit"]
    features += ["-prefer-256-bit"] * (lanes == 8)
    patch.setattr(jit, "host", lambda: here._replace(lanes=lanes, features=",".join(features)))


@pytest.fixture
def loops_at_once(monkeypatch):
    """No program stays on the tape in machine code: its loops are made at the first call, as at a later one."""
    from tinygrad_lite.compiler.backends.llvm import tape_runner

    monkeypatch.setattr(tape_runner, "SOON", -1)
    monkeypatch.setattr(tape_runner, "COST", -1)
    monkeypatch.setattr(tape_runner, "SAMPLES", -1)
