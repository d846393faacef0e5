"""Who paints DOT: the chain, what is forced, and what is said when nothing can."""

import functools
import json
import os
import stat
import sys
import sysconfig
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.errors import RenderingError
from tinygrad_lite.views.formats import programs, raster

PURE = programs.program("graphviz-pure")


def lesson():
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    return tg.tanh(a * b + b**3)


@pytest.fixture
def nothing_installed(monkeypatch):
    """As in a browser, or where graphviz-pure has no wheel and no Graphviz is installed."""
    monkeypatch.setattr(programs, "program", lambda name: None)
    monkeypatch.setattr(raster, "available", lambda: False)
    monkeypatch.delenv(programs.VARIABLE, raising=False)


def program_that(tmp_path, body):
    """A little program in the place of Graphviz."""
    tmp_path.mkdir(exist_ok=True)
    path = tmp_path / "fake-dot"
    path.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return str(path)


needs_scripts = pytest.mark.skipif(os.name == "nt", reason="the fake program is a script with a #! line")


def test_without_any_program_everything_still_draws(nothing_installed, tmp_path):
    picture = tg.draw(lesson(), heat=True)

    for ending in ("svg", "dot", "mmd", "json", "txt", "html"):
        assert picture.save(tmp_path / f"g.{ending}").read_text(encoding="utf-8")
    assert "text/html" in picture._repr_mimebundle_()
    assert "text/html" in tg.draw_dot(lesson())._repr_mimebundle_()


@pytest.mark.parametrize(("ending", "format"), [("png", "PNG"), ("jpg", "JPEG")])
def test_without_any_program_a_png_is_refused_with_what_to_do(nothing_installed, tmp_path, ending, format):
    with pytest.raises(RenderingError, match=rf"no program here can write {format}(.|\n)*\.svg(.|\n)*nstall"):
        tg.draw(lesson()).save(tmp_path / f"g.{ending}")
    assert not (tmp_path / f"g.{ending}").exists()


@pytest.mark.skipif(PURE is None, reason="graphviz-pure is not installed")
def test_the_bundled_program_comes_first_and_is_found_without_a_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(programs.VARIABLE, raising=False)

    assert programs.describe() == f"graphviz-pure ({programs.program('graphviz-pure')})"
    assert Path(programs.program("graphviz-pure")).parent == Path(sysconfig.get_path("scripts"))


@pytest.mark.skipif(not raster.available(), reason="resvg-py is not installed")
@pytest.mark.filterwarnings("ignore:no font installed here")
def test_letters_of_every_alphabet_reach_every_format(tmp_path):
    label = "权重 وزن भार"
    x = Value(2.0, label=label)
    y = x * 3.0
    plain = tg.draw(Value(2.0, label="") * 3.0).save(tmp_path / "plain.png").read_bytes()

    assert tg.draw(y).save(tmp_path / "g.pdf").read_bytes().startswith(b"%PDF")
    assert b"/Helvetica" not in (tmp_path / "g.pdf").read_bytes()  # an image, as Helvetica has no such letters
    assert tg.draw(y).save(tmp_path / "g.png").read_bytes() != plain
    for ending in ("svg", "dot", "json", "txt", "html"):
        text = tg.draw(y).save(tmp_path / f"g.{ending}").read_text(encoding="utf-8")
        assert label in text or label in json.loads(text)["boxes"][0]["label"]


@pytest.mark.skipif(not raster.available(), reason="resvg-py is not installed")
@pytest.mark.parametrize("ending", ["png", "gif", "pdf"])
def test_a_picture_whose_letters_no_font_has_says_which(monkeypatch, tmp_path, ending):
    """As on a machine with one font, which has Latin letters alone."""
    import matplotlib
    import resvg_py

    file = str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf")
    one_font = functools.partial(
        resvg_py.svg_to_bytes, skip_system_fonts=True, font_files=[file], sans_serif_family="DejaVu Sans"
    )
    monkeypatch.setattr(resvg_py, "svg_to_bytes", one_font)
    raster.unpainted.cache_clear()
    loss = (tg.Value(2.0, label="权重") * tg.Value(3.0, label="é")) ** 2
    loss.backward()

    with pytest.warns(UserWarning, match="no font installed here has '权重'"):
        (tg.animate(loss) if ending == "gif" else tg.draw(loss)).save(tmp_path / f"graph.{ending}")
    raster.unpainted.cache_clear()


@pytest.mark.skipif(PURE is None, reason="graphviz-pure is not installed")
def test_a_png_begins_as_a_png(tmp_path):
    assert tg.draw(lesson(), title="A title").save(tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")
    assert tg.draw(lesson()).save(tmp_path / "g.jpg").read_bytes().startswith(b"\xff\xd8")


@pytest.mark.skipif(PURE is None, reason="graphviz-pure is not installed")
@pytest.mark.parametrize("options", [{}, {"heat": True}], ids=["alone", "with a legend"])
def test_the_programs_write_the_title_above_and_the_legend_below(options):
    """As our own SVG does; in the DOT text and in the Digraph."""
    root = lesson()
    root.backward()
    for dot in (tg.draw(root, title="A title", **options).dot, tg.draw_dot(root, title="A title", **options).source):
        drawn = ET.fromstring(programs.run("graphviz-pure", dot, "svg"))
        height = {text.text.strip(): float(text.get("y")) for text in drawn.iter() if text.tag.endswith("}text")}
        notes = {text for text in height if text == "■" or text.startswith("beside an arrow")}
        title, legend = height.pop("A title"), height.get("■")
        boxes = [y for text, y in height.items() if text not in notes and y != legend]

        assert title < min(boxes)
        assert (legend is not None) == bool(options)
        assert legend is None or legend > max(boxes)


@pytest.mark.dot
def test_a_pdf_begins_as_a_pdf(tmp_path):
    if programs.program("dot") is None:
        pytest.skip("the system has no dot")
    assert tg.draw(lesson()).save(tmp_path / "g.pdf").read_bytes().startswith(b"%PDF")


@needs_scripts
@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("sys.stderr.write('lost edge'); print('{}'); sys.exit(1)", "exit code 1 and said: lost edge"),
        ("pass", "wrote no png"),
        ("import time; time.sleep(30)", "no answer within 0.3 s"),
    ],
)
def test_a_program_that_fails_is_never_believed(monkeypatch, tmp_path, body, complaint):
    fake = program_that(tmp_path, body)
    if "sleep" in body:
        monkeypatch.setattr(programs, "PATIENCE", 0.3)

    monkeypatch.setenv(programs.VARIABLE, fake)

    monkeypatch.setattr(raster, "available", lambda: False)

    with pytest.raises(RenderingError, match=complaint):
        tg.draw(lesson()).save(tmp_path / "g.png")


@needs_scripts
def test_when_the_bundled_program_fails_the_next_one_draws(monkeypatch, tmp_path):
    broken = program_that(tmp_path, "sys.exit(3)")
    works = program_that(tmp_path / "other", "sys.stdout.buffer.write(bytes([0x89]) + b'PNG')")
    monkeypatch.setattr(raster, "available", lambda: False)
    monkeypatch.setattr(programs, "program", lambda name: broken if name == "graphviz-pure" else works)
    monkeypatch.delenv(programs.VARIABLE, raising=False)

    assert tg.draw(lesson()).save(tmp_path / "g.png").read_bytes() == b"\x89PNG"


@pytest.mark.skipif(PURE is None, reason="graphviz-pure is not installed")
def test_micrograds_digraph_renders_to_a_file(tmp_path):
    graph = tg.draw_dot(lesson(), format="svg")
    path = graph.render(tmp_path / "gout")

    assert path == str(tmp_path / "gout.svg")
    assert ET.parse(path).getroot().tag.endswith("svg")
    assert graph.pipe(format="png").startswith(b"\x89PNG")
    assert graph.pipe(encoding="utf-8").lstrip().startswith("<")


def test_a_program_asked_for_is_run_no_longer_than_it_is_asked_for(monkeypatch, tmp_path):
    from graphviz.backend import dot_command

    (tmp_path / "dot").write_text("#!/bin/sh\n")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)  # a machine that has a dot of its own
    monkeypatch.delenv(programs.VARIABLE, raising=False)
    programs.tell_graphviz()
    before = dot_command.DOT_BINARY
    monkeypatch.setenv(programs.VARIABLE, str(tmp_path / "dot"))
    programs.tell_graphviz()
    asked = dot_command.DOT_BINARY
    monkeypatch.delenv(programs.VARIABLE)
    programs.tell_graphviz()

    assert (asked, dot_command.DOT_BINARY) == (tmp_path / "dot", before)


def test_one_line_says_which_program_paints(monkeypatch):
    monkeypatch.setenv(programs.VARIABLE, "no-such-program")
    assert programs.describe() == "none of no-such-program was found, chosen by TINYGRAD_LITE_DOT"


def test_a_browser_has_no_programs_and_draws_all_the_same(monkeypatch):
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.delenv(programs.VARIABLE, raising=False)

    assert programs.describe() == "none of graphviz-pure, dot was found"
    assert tg.draw(lesson()).svg.startswith("<svg")


@needs_scripts
def test_a_png_that_one_program_cannot_make_says_why(monkeypatch, tmp_path):
    broken = program_that(tmp_path, "sys.stderr.write('no cairo'); sys.exit(3)")
    monkeypatch.setattr(programs, "program", lambda name: broken)
    monkeypatch.setattr(raster, "available", lambda: False)
    monkeypatch.delenv(programs.VARIABLE, raising=False)

    with pytest.raises(RenderingError, match=r"PNG \(graphviz-pure: .*no cairo; dot: .*no cairo\)"):
        tg.draw(lesson()).save(tmp_path / "g.png")


@needs_scripts
def test_a_file_that_is_no_program_is_said_to_be_none(monkeypatch, tmp_path):
    path = tmp_path / "not-a-program"
    path.write_text("hello")
    monkeypatch.setenv(programs.VARIABLE, str(path))
    monkeypatch.setattr(raster, "available", lambda: False)

    with pytest.raises(RenderingError, match="could not be started"):
        tg.draw(lesson()).save(tmp_path / "g.png")


def test_draw_dot_without_the_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)

    with pytest.raises(RenderingError, match="by the Python package graphviz, which is not installed"):
        tg.draw_dot(lesson())


@pytest.mark.skipif(PURE is None, reason="graphviz-pure is not installed")
def test_a_digraph_cleans_up_after_rendering(tmp_path):
    graph = tg.draw_dot(lesson(), format="png")

    assert graph.render(outfile=tmp_path / "g.png", cleanup=True) == str(tmp_path / "g.png")
    assert [file.name for file in tmp_path.iterdir()] == ["g.png"]
    graph.render("h", directory=tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["g.png", "h", "h.png"]
