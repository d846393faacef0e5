"""What the tests of the compiler share: a cache of their own, loops at the first call, and shorter vectors."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def with_lanes(monkeypatch):
    """`with_lanes(4)`: code is written for vectors of 4 doubles from now on.

    More than this processor has cannot be run here: that test is skipped and says so. 8 are on AVX-512, 4 on AVX2.
    """
    from tinygrad_lite.compiler.llvm import jit

    def choose(lanes):
        here = jit.host()
        if lanes > here.lanes:
            pytest.skip(f"vectors of this processor have {here.lanes} lanes")
        monkeypatch.setattr(jit, "host", lambda: here._replace(lanes=lanes))

    return choose


@pytest.fixture
def loops_at_once(monkeypatch):
    """No program stays on the tape in machine code: its loops are made at the first call, as at a later one."""
    from tinygrad_lite.compiler.llvm import tape_runner

    monkeypatch.setattr(tape_runner, "SOON", -1)
    monkeypatch.setattr(tape_runner, "COST", -1)
