"""The picture in Graphviz' language, and the `Digraph` that micrograd's notebooks expect.

Boxes are HTML-like tables, never records, because Graphviz loses arrows on records in clusters.
Every text of the user's passes through `_words` and stands between tags; no text of the
user's ever becomes a name, a URL or a tooltip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tinygrad_lite.report import escape
from tinygrad_lite.views.drawing import cards
from tinygrad_lite.views.formats import programs
from tinygrad_lite.views.formats.svg import TITLE

if TYPE_CHECKING:
    from tinygrad_lite.views.drawing.data import Box, Drawing, Edge


def to_dot(drawing: Drawing) -> str:
    """The DOT text of the drawing.

    Raises:
        RenderingError: the Python package graphviz is not installed.
    """
    return str(digraph(drawing).source)


def defaults(drawing: Drawing) -> dict[str, dict[str, str]]:
    """The looks of the graph, of all nodes and of all edges."""
    theme = drawing.theme
    graph = {
        "rankdir": drawing.direction,
        "bgcolor": theme.background,
        "nodesep": "0.2",
        "ranksep": "0.3",
        "fontname": "Helvetica",
        "fontcolor": theme.ink,
        "pad": "0.2",
    }
    if drawing.title:
        graph |= {"label": f"<{_bold(_words(drawing.title))}>", "labelloc": "t", "fontsize": _n(TITLE)}
    elif drawing.notes:
        graph |= _below(drawing)
    return {
        "graph": graph,
        "node": {"shape": "plain", "fontname": "Helvetica", "fontsize": _n(cards.ROW), "fontcolor": theme.ink},
        "edge": {
            "color": theme.line,
            "fontname": "Helvetica",
            "fontsize": _n(cards.BESIDE),
            "fontcolor": theme.beside,
            "arrowsize": "0.6",
        },
    }


def nodes(drawing: Drawing, box: Box) -> list[tuple[str, dict[str, str]]]:
    """The ellipse, if there is one, and the box, each as (name, looks)."""
    theme = drawing.theme
    found = []
    if box.symbol:
        looks = {
            "shape": "ellipse",
            "label": f"<{_bold(_words(box.symbol))}>",
            "style": "filled",
            "fillcolor": theme.op[0],
            "color": theme.op[1],
            "margin": "0.06,0.02",
            "width": "0.4",
            "height": "0.35",
            "id": f"o{box.number}",
        }
        found.append((f"o{box.number}", looks))
    return [*found, (f"v{box.number}", {"label": _table(drawing, box), "id": box.key})]


def arrow(edge: Edge, theme: Any) -> dict[str, str]:
    """The looks of an operand's arrow."""
    looks = {"id": edge.key}
    if edge.texts:
        looks["label"] = _lines([text for _, text in edge.texts])
    if edge.colours:
        looks |= {"color": ":".join(edge.colours), "penwidth": "2"}
    elif edge.tint:
        looks |= {"color": edge.tint, "penwidth": _n(edge.thick)}
    elif edge.local is None:
        looks["color"] = theme.constant[1]
    return looks


def _table(drawing: Drawing, box: Box) -> str:
    """The card of a box as an HTML-like label."""
    theme = drawing.theme
    fill, frame = getattr(theme, box.kind)
    faint = theme.ink if box.tint else theme.faint
    style = "rounded,dashed" if box.kind == "constant" else "rounded"
    rows = []
    head = _bold(_words(cards.shown_label(box.label))) if box.label else ""
    if box.times > 1:
        head += f' <FONT COLOR="{faint}">{cards.many(box)}</FONT>'
    if head:
        rows.append(f'<TR><TD COLSPAN="2">{head}</TD></TR>')
    for caption, text in box.rows:
        if caption:
            rows.append(
                f'<TR><TD ALIGN="LEFT"><FONT COLOR="{faint}">{_words(caption)}</FONT></TD>'
                f'<TD ALIGN="RIGHT">{_words(text)} </TD></TR>'
            )
        else:
            rows.append(f'<TR><TD COLSPAN="2">{_words(text)}</TD></TR>')
    return (
        f'<<TABLE BORDER="{2 if box.kind == "root" else 1}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" '
        f'STYLE="{style}" COLOR="{frame}" BGCOLOR="{box.tint or fill}">'
        f"{''.join(rows) or '<TR><TD> </TD></TR>'}</TABLE>>"
    )


def _lines(texts: list[str]) -> str:
    return f"<{'<BR/>'.join(_words(text) for text in texts)}>"


def _below(drawing: Drawing) -> dict[str, str]:
    """The lines below, with their swatches, as an HTML-like table, and where they stand."""
    rows = []
    for note in drawing.notes:
        parts = [
            (f'<FONT COLOR="{colour}">&#9632;</FONT> ' if colour else "") + _words(words)
            for colour, words in note.parts
        ]
        rows.append(f'<TR><TD ALIGN="LEFT">{"   ".join(parts)}</TD></TR>')
    table = f'<<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="2">{"".join(rows)}</TABLE>>'
    return {"label": table, "labelloc": "b", "peripheries": "0", "fontsize": _n(cards.ROW)}


def _words(text: str) -> str:
    """A text between tags; a backslash stands alone, so that Graphviz does not take `\\G` for the graph's name."""
    return escape.html(text).replace("\\", "<FONT>\\</FONT>")


def _bold(markup: str) -> str:
    return f"<B>{markup}</B>"


def _n(x: float) -> str:
    return f"{x:g}"


def digraph(drawing: Drawing, mimebundle: Callable[..., dict[str, str]] | None = None, format: str = "svg") -> Any:
    """The picture as a `graphviz.Digraph`, which renders by the bundled program where the system has no `dot`.

    Raises:
        RenderingError: the Python package graphviz is not installed.
    """
    try:
        import graphviz
    except ImportError:
        from tinygrad_lite.errors import RenderingError

        raise RenderingError(
            "DOT is written by the Python package graphviz, which is not installed.\n"
            "  `pip install graphviz`; or use tg.draw(root).save('graph.svg'), which needs nothing."
        ) from None

    programs.tell_graphviz()

    class Digraph(graphviz.Digraph):  # type: ignore[misc]
        """A Digraph that a notebook shows as our own picture."""

        def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
            return mimebundle(include, exclude) if mimebundle else {"text/plain": self.source}

    graph = Digraph(format=format)
    for kind, looks in defaults(drawing).items():
        graph.attr(kind, **looks)
    for box in drawing.boxes:
        for name, looks in nodes(drawing, box):
            graph.node(name, **looks)
        if box.symbol:
            graph.edge(f"o{box.number}", box.key, id=f"r{box.number}", weight="20")
    for name, looks, boxes in _frames(drawing):
        with graph.subgraph(name=name, graph_attr=looks) as frame:
            for box in boxes:
                for key in (f"o{box.number}", box.key) if box.symbol else (box.key,):
                    frame.node(key)
    symbols = {box.number: box.symbol for box in drawing.boxes}
    for edge in drawing.edges:
        head = f"o{edge.head}" if symbols[edge.head] else f"v{edge.head}"
        graph.edge(f"v{edge.tail}", head, **arrow(edge, drawing.theme))
    return graph


def _frames(drawing: Drawing) -> Iterator[tuple[str, dict[str, str], list[Box]]]:
    """Frames around boxes: of each part, and an unseen one that bears the lines below where a title stands above."""
    for i, part in enumerate(drawing.parts):
        looks = {"label": _lines([part.title]), "labelloc": "t", "color": drawing.theme.line}
        moved = [box._replace(number=box.number + part.shift) for box in part.picture.boxes]
        yield f"cluster{i}", looks, moved
    if drawing.title and drawing.notes:
        yield "cluster_all", _below(drawing), drawing.boxes
