"""The report style: aligned numbers, honest cuts, and nothing a user typed is ever obeyed."""

import csv
import html as html_library
import html.parser
import io
import json
import re

import pytest

from tinygrad_lite import Value
from tinygrad_lite.report import escape
from tinygrad_lite.report.text import Report, Strip, Table

HOSTILE = [
    "quotes \" and ' too",
    "<script>alert(1)</script>",
    "</pre></td><img src=x onerror=alert(1)>",
    "a|{b}|<c>",
    "line\nline\r\nline\ttab",
    "\x1b[31mred\x07",
    "שלום \u202eevil",
    "😀👩\u200d🔬",
    "$x$ $$y$$ \\(z\\) \\alpha",
    "a_b^c%d#e&f~g`h```",
    "[link](javascript:alert(1)) https://example.invalid *b* __c__",
    "\ud800 lone",
    "x" * 10_000,
    "-- rule",
    "1. item",
    "# heading",
    "> quote",
    "=cmd()",
]


GUARDS = [("bdi", {}), ("span", {})]  # they change nothing but the direction and the reach of MathJax


class Tags(html.parser.HTMLParser):
    """Collects what a browser would build: the tags, their attributes, and the text."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.words, self.depth = [], "", []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.depth.append(tag)

    def handle_endtag(self, tag):
        assert self.depth.pop() == tag

    def handle_data(self, data):
        self.words += data


def everything(label):
    return (
        Report(label)
        .heading(label)
        .paragraph(label)
        .table(Table([label, "n"], [[label, 1.0]], title=label, note=label, marks=["wrong"]))
        .strip([(label, "ok", label), (label, "wrong")])
        .code(label)
    )


@pytest.mark.parametrize("label", HOSTILE)
def test_html_shows_a_hostile_label_and_builds_no_tag_of_it(label):
    harmless, hostile = Tags(everything("harmless").html()), Tags(everything(label).html())

    allowed = [tag for tag in hostile.tags if tag not in GUARDS]
    assert allowed == [tag for tag in harmless.tags if tag not in GUARDS]
    assert hostile.depth == []
    assert escape.visible(label) in hostile.words


@pytest.mark.parametrize("label", ["$x$", "a $\\href{javascript:alert(1)}{b}$", "\\(x\\)", "\\begin{equation}x"])
def test_mathjax_meets_no_formula_in_a_label(label):
    """It reads the text between two tags; no such piece may hold both a delimiter and what follows it."""
    report = Report().paragraph(label).table(Table([label], [[label]], title=label))
    for written in (report.html(), report.markdown()):
        pieces = [html_library.unescape(piece) for piece in re.split(r"<[^>]*>", written)]
        assert all(piece in ("$", "\\") or not set(piece) & {"$", "\\"} for piece in pieces)


@pytest.mark.parametrize("label", HOSTILE)
def test_a_terminal_is_sent_no_control_character(label):
    for ascii in (False, True):
        sent = everything(label).text(ascii=ascii)
        assert all(c == "\n" or c in " \u200d" or c.isprintable() for c in sent)
        assert sent.isascii() or not ascii


@pytest.mark.parametrize("label", HOSTILE)
def test_markdown_of_a_hostile_label_holds_no_markup_of_its_own(label):
    inline = re.sub(r"<span>&#(36|92);</span>", "", escape.markdown(label))  # $ and backslash, out of MathJax's reach

    assert not set("\\`*{}[]()<>|!$~^\n\r") & set(inline)
    assert not inline.startswith(("- ", "+ ", "--", "1. ", "# ", "> "))
    assert "://" not in inline
    fence, *_, last = everything(label).markdown().rpartition("\n\n")[2].split("\n")
    assert last == fence
    assert fence not in label


@pytest.mark.parametrize("label", HOSTILE)
def test_csv_reads_back_what_was_written(label):
    rows = list(csv.reader(io.StringIO(Table(["name", "x"], [[label, 0.1 + 0.2]]).csv())))

    assert rows[1][0].lstrip("'") == escape.visible(label).lstrip("'")
    assert rows[1][0][:1] not in "=+-@"
    assert float(rows[1][1]) == 0.1 + 0.2


def test_numbers_stand_with_their_points_in_line_and_are_never_cut():
    table = Table(["a name", "x"], [["w" * 100, 1.25], ["b", -1234.5], ["c", None], ["d", 7]])

    lines = table.text(width=40).split("\n")
    points = {line.index(".") for line in lines if "." in line}
    assert len(points) == 1
    assert max(map(len, lines)) <= 40
    assert "…" in lines[2]
    assert "-1234.5" in lines[3]


@pytest.mark.parametrize("width", [30, 50, 80, 200])
def test_wide_letters_and_emoji_count_as_two_columns(width):
    table = Table(["k", "label", "n"], [["漢字", "😀" * 30, 1.0], ["e\u0301", "long " * 30, 20.0]])

    assert max(escape.width(line) for line in table.text(width).split("\n")) <= width


def test_columns_that_do_not_fit_follow_in_blocks_with_the_first_column_in_front():
    table = Table(["name", *"abcdefgh"], [["w", *[1.23456e-12] * 8], ["b", *range(8)]], marks=["ok", ""])
    blocks = table.text(width=60).split("\n\n")

    assert len(blocks) == 2
    assert max(len(line) for block in blocks for line in block.split("\n")) <= 60
    assert [block.split("\n")[0].split() for block in blocks] == [["name", *"abcd"], ["name", *"efgh"]]
    assert all(block.split("\n")[2].startswith("✓  w") for block in blocks)
    assert "1.23456e-12" in blocks[1]


def test_a_table_takes_values_and_refuses_ragged_rows():
    assert Table(["v"], [[Value(2.5)]]).to_dict()["rows"] == [[2.5]]
    with pytest.raises(ValueError, match=r"2 columns, but row 1 has 1 cells"):
        Table(["a", "b"], [[1, 2], [3]])
    with pytest.raises(ValueError, match="2 rows, but 1 marks"):
        Table(["a"], [[1], [3]], marks=["ok"])
    with pytest.raises(ValueError, match="'good'"):
        Table(["a"], [[1]], marks=["good"])
    with pytest.raises(ValueError, match="'good'"):
        Strip([("a", "good")])


def test_a_strip_says_each_mark_in_a_sign_and_breaks_between_links():
    strip = Strip([("loss", "ok"), ("dZ1", "wrong", "mask from X"), ("dW1", "follows")])

    assert strip.text() == "loss ✓ → dZ1 ✗ (mask from X) → dW1 ↳ (follows)"
    assert strip.text(width=20, ascii=True).split("\n")[0] == "loss [ok] ->"
    assert "WRONG" in strip.text(ascii=True)


def test_plain_data_is_strict_json_also_with_nan():
    report = Report("r").table(Table(["x"], [[float("nan")], [float("-inf")], [1], [True]]))

    rows = json.loads(json.dumps(report.to_dict(), allow_nan=False))["parts"][0]["rows"]
    assert rows == [["nan"], ["-inf"], [1], [True]]


def test_a_report_saves_in_four_forms_and_names_them_when_asked_for_a_fifth(tmp_path):
    report = everything("<b>")
    for ending in (".html", ".md", ".txt", ".json"):
        assert report.save(tmp_path / f"r{ending}").read_text(encoding="utf-8")

    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "prefers-color-scheme:dark" in page
    assert "default-src 'none'" in page
    with pytest.raises(ValueError, match=r"\.html, \.md, \.txt, \.json.*'r\.pdf'"):
        report.save(tmp_path / "r.pdf")


def test_html_needs_no_style_sheet_and_names_no_colour_of_its_own_for_text():
    page = everything("label").html()

    assert "<style" not in page
    assert "class=" not in page
    assert page.replace("background-color", "").replace("color:inherit", "").count("color:") == 0
