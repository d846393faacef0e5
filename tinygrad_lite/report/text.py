"""The one report style: tables, paragraphs, strips and code that can be read anywhere.

    table = Table(["name", "yours", "exact"], [["w", 1.2, 1.2], ["b", 0.6, 1.2]], title="Gradients")
    report = Report("Your gradient").paragraph("One of two is wrong.").table(table)
    print(report)                # a terminal; .text(width=60, ascii=True) for a narrow or an old one
    report                       # a notebook, by _repr_html_
    report.save("report.html")   # a page; .txt, .md and .json by the ending

Everything is data first (`to_dict`), then lowered to text, HTML or Markdown; whatever a user wrote
is escaped on the way. The tables stand in `table.py`, the look in `style.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from tinygrad_lite.report import escape
from tinygrad_lite.report.language import say
from tinygrad_lite.report.style import LINE, MARKS, MONO, TINT, bdi, known, page, printable, sign, wrapped
from tinygrad_lite.report.table import Table

__all__ = ["Code", "Heading", "Paragraph", "Part", "Report", "Reported", "Strip", "Table", "page"]


class Part(Protocol):
    """A piece of a report: it can be lowered to text, HTML, Markdown and plain data."""

    def text(self, width: int = 80, *, ascii: bool = False) -> str: ...
    def html(self) -> str: ...
    def markdown(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...


class Plain:
    """A part whose data are its attributes."""

    def to_dict(self) -> dict[str, Any]:
        return {"kind": type(self).__name__.lower(), **vars(self)}


class Heading(Plain):
    """A title inside a report; level 1 is the report's own."""

    def __init__(self, words: str, level: int = 2) -> None:
        self.words: str = words
        self.level: int = level

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        words = printable(self.words, ascii)
        line = ("=" if self.level == 1 else "-") * min(escape.width(words), width)
        return words if self.level > 2 else f"{words}\n{line}"

    def html(self) -> str:
        size = {1: "1.5em", 2: "1.2em"}.get(self.level, "1em")
        style = f"color:inherit;font-size:{size};margin:14px 0 4px 0;overflow-wrap:anywhere"
        return f'<h{self.level} style="{style}">{bdi(self.words)}</h{self.level}>'

    def markdown(self) -> str:
        return f"{'#' * self.level} {escape.markdown(self.words)}"


class Paragraph(Plain):
    """A few sentences, wrapped to the width of the reader."""

    def __init__(self, words: str) -> None:
        self.words = words

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        return "\n".join(wrapped(printable(self.words, ascii), width))

    def html(self) -> str:
        return f'<p style="color:inherit;margin:4px 0;overflow-wrap:anywhere">{bdi(self.words)}</p>'

    def markdown(self) -> str:
        return escape.markdown(self.words)


class Code(Plain):
    """Lines that must keep their shape: a formula, a program, a traceback."""

    def __init__(self, code: str, language: str = "") -> None:
        self.code: str = code
        self.language: str = language

    def _lines(self) -> list[str]:
        return [escape.visible(line.expandtabs(4)) for line in self.code.split("\n")]

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        lines = [escape.ascii_only(line) for line in self._lines()] if ascii else self._lines()
        return "\n".join(f"    {line}".rstrip() for line in lines)

    def html(self) -> str:
        inner = "\n".join(escape.html(line) for line in self._lines())
        return (
            f'<pre style="{MONO};color:inherit;background-color:rgba(128,128,128,0.12);padding:8px 10px;'
            f'margin:4px 0;overflow-x:auto;line-height:1.4">{inner}</pre>'
        )

    def markdown(self) -> str:
        return escape.fenced("\n".join(self._lines()), self.language)


class Strip:
    """A chain of links, each with a mark: the first wrong one is where to look.

    Args:
        links: (name, mark) or (name, mark, remark), in the order in which one follows from another.

    >>> print(Strip([("loss", "ok"), ("dZ1", "wrong"), ("dW1", "follows")]).text(ascii=True))
    loss [ok] -> dZ1 [WRONG] -> dW1 [follows]
    """

    def __init__(self, links: Iterable[Sequence[str]]) -> None:
        self.links: list[tuple[str, str, str]] = [
            (str(link[0]), known(link[1]), str(link[2]) if len(link) > 2 else "") for link in links
        ]

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        arrow = " -> " if ascii else " → "
        lines = [""]
        for i, (name, mark, remark) in enumerate(self.links):
            word = sign(mark, ascii=ascii)
            seal = f" [{word}]" if ascii else f" {word}{f' ({say(MARKS[mark][1])})' if mark == 'follows' else ''}"
            link = f"{printable(name, ascii)}{seal}" + (f" ({printable(remark, ascii)})" if remark else "")
            joined = lines[-1] + (arrow if i else "") + link
            if i and escape.width(joined) > width:
                lines[-1] += arrow.rstrip()
                lines.append("  " + link)
            else:
                lines[-1] = joined
        return "\n".join(lines)

    def html(self) -> str:
        links = []
        for name, mark, remark in self.links:
            border = "2px solid currentColor" if mark == "wrong" else LINE
            word = say(mark) + (f": {remark}" if remark else "")
            links.append(
                f'<span style="display:inline-block;padding:1px 8px;margin:2px;border-radius:4px;border:{border};'
                f'background-color:{TINT[mark]}">{bdi(name)} {sign(mark, False)} '
                f'<span style="font-size:80%">{bdi(word)}</span></span>'
            )
        return f'<div style="color:inherit;margin:6px 0">{" → ".join(links)}</div>'

    def markdown(self) -> str:
        return escape.markdown(self.text(width=10**6))

    def to_dict(self) -> dict[str, Any]:
        links = [{"name": name, "mark": mark, "remark": remark} for name, mark, remark in self.links]
        return {"kind": "strip", "links": links}


class Report:
    """A sequence of headings, paragraphs, tables, strips and code, written one after the other.

    >>> report = Report("Gradients").paragraph("Both agree.").strip([("dW2", "ok"), ("dW1", "ok")])
    >>> print(report)
    Gradients
    =========
    <BLANKLINE>
    Both agree.
    <BLANKLINE>
    dW2 ✓ → dW1 ✓
    """

    def __init__(self, title: str = "", parts: Iterable[Part] = ()) -> None:
        self.title = title
        self.parts: list[Part] = list(parts)

    def add(self, part: Part) -> Report:
        """Any part: a Table, a Strip, or one of your own with the four methods of `Part`."""
        self.parts.append(part)
        return self

    def heading(self, words: str, level: int = 2) -> Report:
        return self.add(Heading(words, level))

    def paragraph(self, words: str) -> Report:
        return self.add(Paragraph(words))

    def say(self, english: str, *put_in: Any) -> Report:
        """A paragraph in the reader's language."""
        return self.paragraph(say(english, *put_in))

    def table(self, table: Table) -> Report:
        return self.add(table)

    def strip(self, links: Iterable[Sequence[str]]) -> Report:
        return self.add(Strip(links))

    def code(self, code: str, language: str = "") -> Report:
        return self.add(Code(code, language))

    def _all(self) -> list[Part]:
        return [Heading(self.title, 1), *self.parts] if self.title else self.parts

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        """The report for a terminal of that width; `ascii` for one that knows no other characters."""
        return "\n\n".join(part.text(width, ascii=ascii) for part in self._all())

    def html(self) -> str:
        """A fragment for a notebook or a page; `save` makes a whole page of it."""
        return f'<div style="color:inherit;line-height:1.5">{"".join(part.html() for part in self._all())}</div>'

    def markdown(self) -> str:
        return "\n\n".join(part.markdown() for part in self._all())

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, ready for JSON."""
        return {"title": self.title, "parts": [part.to_dict() for part in self.parts]}

    def save(self, path: str | Path) -> Path:
        """Write it: .html a page that follows the reader's light or dark setting; .md, .txt, .json.

        Raises:
            ValueError: another ending.
        """
        path = Path(path)
        forms = {
            ".html": lambda: page(self.html(), self.title),
            ".md": lambda: self.markdown() + "\n",
            ".txt": lambda: self.text() + "\n",
            ".json": lambda: json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        }
        if path.suffix not in forms:
            raise ValueError(f"a report is saved as {', '.join(forms)}, but the file is named {path.name!r}.")
        path.write_text(forms[path.suffix](), encoding="utf-8", errors="backslashreplace")
        return path

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return self.text()


class Reported:
    """The base of what can be told as a report: in a terminal, a notebook, a page or a file."""

    def report(self) -> Report:
        """The parts of the report."""
        raise NotImplementedError

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        """For a terminal of that width."""
        return self.report().text(width, ascii=ascii)

    def html(self) -> str:
        """A fragment that needs no script, no style sheet and no network."""
        return self.report().html()

    def markdown(self) -> str:
        """Markdown with LaTeX between `$$`, as GitHub and notebooks show it."""
        return self.report().markdown()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return self.report().to_dict()

    def save(self, path: str | Path) -> Path:
        """Write .html, .md, .txt or .json."""
        return self.report().save(path)

    def _repr_html_(self) -> str:
        return self.html()

    def __str__(self) -> str:
        return self.text()
