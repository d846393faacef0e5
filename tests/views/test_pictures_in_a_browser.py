"""Pictures in Chromium: they appear, they fit, the console stays empty, and no label runs."""

import re
import shutil
import subprocess

import pytest

import tinygrad_lite as tg
from tests.views.random_graphs import HOSTILE
from tinygrad_lite import Value

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")]

WATCH = """<script>
window.ran = [];
for (const name of ["alert", "confirm", "prompt", "open", "eval"]) window[name] = x => window.ran.push(name + x);
window.addEventListener("error", e => window.ran.push("error " + (e.message || e.target.tagName)), true);
window.addEventListener("load", () => {
  document.querySelectorAll("svg *").forEach(e => e.dispatchEvent(new Event("click", {bubbles: true})));
  document.body.dataset.ran = JSON.stringify(window.ran);
  document.body.dataset.images = [...document.images].map(i => i.naturalWidth > 50).join();
  const fetched = performance.getEntriesByType("resource").map(r => r.name);
  document.body.dataset.requests = fetched.filter(name => !name.startsWith("data:")).length;
  document.body.dataset.overflow = [...document.querySelectorAll("svg g.value")].filter(g => {
    const frame = g.querySelector("rect").getBoundingClientRect();
    return [...g.querySelectorAll("text")].some(t => {
      const box = t.getBoundingClientRect();
      return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;
    }) || [...g.querySelectorAll(".caption")].some(caption =>
      caption.getBoundingClientRect().right > caption.nextElementSibling.getBoundingClientRect().left);
  }).length;
});
</script>"""


def opened(body, tmp_path):
    """The data attributes that the page wrote down about itself, and what the console said."""
    page = tmp_path / "page.html"
    page.write_text(f'<!doctype html><meta charset="utf-8">{WATCH}<body>{body}</body>', encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=3000"]
    done = subprocess.run([CHROMIUM, *flags, "--dump-dom", page.as_uri()], capture_output=True, timeout=90)
    dom = done.stdout.decode(errors="replace")
    found = dict(re.findall(r'data-(ran|images|requests|overflow)="([^"]*)"', dom[dom.index("<body") :]))
    return found, re.findall(r"CONSOLE[^\n]*", done.stderr.decode(errors="replace"))


def test_hostile_labels_are_shown_and_do_nothing(tmp_path):
    root = tg.sum([Value(1.0, label=label) for label in HOSTILE])
    picture = tg.draw(root, title=HOSTILE[2], paths=root.parents[2])
    inline = picture.svg + tg.draw(root).svg + tg.draw(root, direction="TB", theme="dark").svg
    found, console = opened(picture.html() + inline, tmp_path)

    assert found["ran"] == "[]"
    assert found["images"] == "true"
    assert found["requests"] == "0"
    assert console == []


@pytest.mark.parametrize("font", ["Helvetica", "'DejaVu Sans'"])  # the second is a sixth wider
def test_texts_stay_inside_their_boxes(tmp_path, font):
    a, b = Value(-4.0, label="a rather long name"), Value(2.0, label="WWWWWWWWWW")
    loss = tg.tanh(a * b + b**3) * 1e-7 - 1e9
    loss.label = "loss"
    loss.backward()
    pictures = [tg.draw(loss), tg.draw(loss, theme="dark", heat=True), tg.draw(loss, theme="print")]
    body = "".join(picture.svg.replace('font-family="Helvetica', f'font-family="{font}') for picture in pictures)
    found, console = opened(body, tmp_path)

    assert font in body
    assert found["overflow"] == "0"
    assert console == []


@pytest.mark.long
def test_the_watch_can_fail(tmp_path):
    svg = tg.draw(Value(1.0, label="x") * 2.0).svg
    found, _ = opened(svg.replace("</text>", "and much more text</text>") + "<img src=x onerror=alert(1)>", tmp_path)

    assert "alert1" in found["ran"]
    assert found["overflow"] != "0"
