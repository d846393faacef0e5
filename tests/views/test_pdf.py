"""PDF: of the picture's size, sharp, the same each time, and readable by another program."""

import re
import shutil
import subprocess

import pytest

import tinygrad_lite as tg
from tests.views.random_graphs import HOSTILE, random_graph
from tinygrad_lite import Value

pytest.importorskip("fpdf")


def lesson(name):
    a, b = Value(-4.0, label="a (left)"), Value(2.0, label=name)
    loss = tg.tanh(a * b + b**3)
    loss.backward()
    return loss


def test_it_has_the_size_of_the_picture_and_is_the_same_each_time(tmp_path):
    picture = tg.draw(lesson("b"), title="Ünïcode ×", heat=True)
    first = picture.save(tmp_path / "g.pdf").read_bytes()
    width, height = (float(re.search(rf'{side}="([\d.]+)"', picture.svg)[1]) for side in ("width", "height"))
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", first)

    assert (float(box[1]), float(box[2])) == pytest.approx((width, height), abs=0.01)
    assert b"/Helvetica-Bold" in first
    assert b"/Subtype /Image" not in first
    assert first == picture.save(tmp_path / "h.pdf").read_bytes()


def test_a_shortened_label_and_a_difference_stay_sharp(tmp_path):
    x = Value(2.0, label="x" * 60)
    both = tg.draw_diff({"x" * 60: 3.0}, x * 1.0)
    assert "≠" in both.svg

    assert b"/Subtype /Image" not in both.save(tmp_path / "g.pdf").read_bytes()


def test_a_picture_with_letters_that_helvetica_lacks_is_an_image_on_the_page(tmp_path):
    pytest.importorskip("resvg_py")
    data = tg.draw(lesson("β ∂")).save(tmp_path / "g.pdf").read_bytes()

    assert data.startswith(b"%PDF")
    assert b"/Subtype /Image" in data


@pytest.mark.long
@pytest.mark.skipif(shutil.which("gs") is None, reason="needs Ghostscript")
@pytest.mark.parametrize("seed", range(3))
def test_a_program_that_is_not_ours_draws_it(tmp_path, seed):
    root = random_graph(seed, hostile=True) if seed else tg.sum([Value(1.0, label=label) for label in HOSTILE])
    path = tg.draw(root, theme="dark", direction="TB").save(tmp_path / "g.pdf")
    command = ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=png16m", f"-sOutputFile={tmp_path / 'g.png'}"]
    done = subprocess.run([*command, str(path)], capture_output=True, timeout=60)

    assert done.returncode == 0
    assert done.stdout + done.stderr == b""
    assert (tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")
