"""Our own PDF: well formed, of the picture's size, the same each time, and readable by a program that is not ours."""

import re
import shutil
import subprocess

import pytest

import tinygrad_lite as tg
from tests.views.random_graphs import HOSTILE, random_graph
from tinygrad_lite import Value
from tinygrad_lite.views.formats import pdf


def lesson():
    a, b = Value(-4.0, label="a (left)"), Value(2.0, label="β ≠ ∂")
    loss = tg.tanh(a * b + b**3)
    loss.backward()
    return loss


def test_it_is_saved_without_any_program(tmp_path):
    picture = tg.draw(lesson(), engine="own", title="Ünïcode", heat=True)
    first = picture.save(tmp_path / "g.pdf").read_bytes()

    assert first.startswith(b"%PDF-1.4")
    assert first.endswith(b"%%EOF\n")
    assert first == tg.draw(lesson(), engine="own", title="Ünïcode", heat=True).save(tmp_path / "h.pdf").read_bytes()


def test_its_table_says_where_each_object_begins():
    data = pdf.to_pdf(tg.draw(lesson(), engine="own").svg)
    begin = int(re.search(rb"startxref\n(\d+)", data)[1])
    table = re.findall(rb"(\d{10}) 00000 n ", data[begin:])

    assert data[begin : begin + 4] == b"xref"
    for number, place in enumerate(map(int, table), start=1):
        assert data[place:].startswith(b"%d 0 obj" % number)
    length, content = re.search(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", data, re.S).groups()
    assert len(content) == int(length)


def test_texts_are_set_in_helvetica_and_greek_in_symbol():
    data = pdf.to_pdf(tg.draw(lesson(), engine="own").svg)

    assert b"/F2 12 Tf <%s> Tj" % b"a (left)".hex().encode() in data
    assert b"/F3 12 Tf <62> Tj" in data  # beta
    assert b"/F3 12 Tf <b9> Tj" in data  # not equal


@pytest.mark.long
@pytest.mark.skipif(shutil.which("gs") is None, reason="needs Ghostscript")
@pytest.mark.parametrize("seed", range(3))
def test_a_program_that_is_not_ours_draws_it(tmp_path, seed):
    root = random_graph(seed, hostile=True) if seed else tg.sum([Value(1.0, label=label) for label in HOSTILE])
    path = tg.draw(root, engine="own", theme="dark", direction="TB").save(tmp_path / "g.pdf")
    command = ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=png16m", f"-sOutputFile={tmp_path / 'g.png'}"]
    done = subprocess.run([*command, str(path)], capture_output=True, timeout=60)

    assert done.returncode == 0
    assert done.stdout + done.stderr == b""
    assert (tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")
