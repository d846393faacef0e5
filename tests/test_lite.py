"""The lessons in the browser: the site is built, and Python runs in headless Chromium."""

import functools
import http.server
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.long
PROGRAM = """
import sys, tinygrad_lite as tg
x = tg.Value(3.0, label='x')
z = x
for _ in range(100_000):
    z = z * 1.00001
z.backward()
del z  # a chain that is freed on a browser's stack
print(sys.platform, round(x.grad, 6), tg.compare({'x': 5.0}, {'x': x}, loss=x * x).wrong, 'it ran')
x * x
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of the site, served on this machine."""
    pytest.importorskip("jupyterlite_core")
    pytest.importorskip("jupyterlite_pyodide_kernel")
    if not shutil.which("npm"):
        pytest.skip("needs npm")
    folder = tmp_path_factory.mktemp("lite") / "site"
    built = subprocess.run(
        [sys.executable, ROOT / ".docs" / "lite.py", folder], capture_output=True, text=True, timeout=1200
    )
    if built.returncode == 3:
        pytest.skip("a part of the site cannot be had")
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    if not shutil.which("chromedriver"):
        pytest.skip("needs Chromium")
    options = webdriver.ChromeOptions()
    for switch in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,900"):
        options.add_argument(switch)
    driver = webdriver.Chrome(options=options)
    yield driver
    driver.quit()


def test_python_in_the_browser_records_differentiates_and_frees_a_long_chain(site, browser):
    browser.get(f"{site}/repl/index.html?kernel=python&code={urllib.parse.quote(PROGRAM)}")
    outputs = "return [...document.querySelectorAll('.jp-OutputArea-output')].map(o => o.textContent).join(' ')"

    shown, end = "", time.monotonic() + 600
    while "it ran" not in shown and "Error" not in shown and time.monotonic() < end:
        time.sleep(1)
        shown = browser.execute_script(outputs)
    assert "emscripten 2.718268 ['x'] it ran" in shown
    while not browser.execute_script("return document.querySelectorAll('.jp-OutputArea-output svg, img').length"):
        assert time.monotonic() < end, "no picture of the graph"
        time.sleep(1)


def test_the_lessons_are_on_the_site(site):
    import urllib.request

    for lesson in ("05_compile.ipynb", "zh/01_forward_and_backward.ipynb"):
        with urllib.request.urlopen(f"{site}/files/{lesson}") as answer:
            assert answer.status == 200
