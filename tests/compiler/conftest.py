"""Compiled code of the tests is kept in a folder of their own."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
