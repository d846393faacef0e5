"""The documentation: its examples run, and the site that is built of it has every public name and no dead link."""

import doctest
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / ".docs").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page):
    if page.stem == "data":
        pytest.importorskip("pandas")
        pytest.importorskip("sklearn")
    if page.stem == "elsewhere":
        pytest.importorskip("numpy")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    text = re.sub(r"^```.*$", "", page.read_text(encoding="utf-8"), flags=re.M)
    runner, told = doctest.DocTestRunner(verbose=False, optionflags=flags), []
    runner.run(doctest.DocTestParser().get_doctest(text, {}, page.stem, None, 0), out=told.append)

    assert runner.failures == 0, "".join(told)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_nothing_that_is_not_there(page):
    import tinygrad_lite as tg

    for module, name in re.findall(r"`(tg|nn)\.(\w+)", page.read_text(encoding="utf-8")):
        found = tg if module == "tg" else tg.nn
        known = f"{module}.{name}"
        if known not in TORCH:
            assert hasattr(found, name), f"{page.name}: {known}"


TORCH = {"nn.Module", "nn.Linear", "nn.Sequential", "nn.Dropout", "nn.Embedding", "nn.RNNCell"}


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / ".docs/build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_docstring_becomes_markdown(build):
    made = build.markdown("What *you* get.\n\nArgs:\n    x: a number, `2**3`.\n\n>>> 1 + 1\n2\n")

    assert made.split("\n") == [
        *("What \\*you\\* get.", "", "", "**Args:** ", "", "- `x`: a number, `2**3`.", ""),
        *("", "```pycon", ">>> 1 + 1", "2", "```", "", ""),
    ]


def test_a_dead_link_and_a_missing_name_are_seen(build, tmp_path):
    (tmp_path / "reference").mkdir()
    (tmp_path / "index.html").write_text('<a href="reference/a.html#here">a</a><a href="b.html">b</a>')
    (tmp_path / "reference/a.html").write_text('<p id="there">')

    assert build.dead_links(tmp_path) == ["index.html: reference/a.html#here", "index.html: b.html"]
    assert {"tg.grad", "tg.tanh", "nn.fit"} <= set(build.missing_names(tmp_path))


@pytest.mark.long
@pytest.mark.skipif(not importlib.util.find_spec("myst_nb"), reason="the extra `docs` is not installed")
def test_the_site_is_built_without_a_warning(tmp_path):
    built = subprocess.run([sys.executable, ROOT / ".docs/build.py", tmp_path], capture_output=True, text=True)

    assert built.returncode == 0, built.stdout + built.stderr
    assert "no link is dead, no public name missing" in built.stdout
