"""`tg.live`: the graph of a Value as a page in which the numbers can be changed.

The page holds the picture, the graph as data, the rules of its ops as JavaScript (`javascript.py`), and the engine
that runs them (`engine.js`, `page.js`). It needs no Python and no network.
"""

from __future__ import annotations

import html as _html
import json
import sys
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError
from tinygrad_lite.formulas.formula import Name, Symbol
from tinygrad_lite.formulas.notation import TEXT
from tinygrad_lite.views.drawing.data import Note
from tinygrad_lite.views.live.javascript import Library
from tinygrad_lite.views.live.program import boundary, points, program
from tinygrad_lite.views.live.source_lines import called_with_lines
from tinygrad_lite.views.picture.draw import draw
from tinygrad_lite.views.picture.picture import Picture
from tinygrad_lite.views.player import frames
from tinygrad_lite.views.player.player import embedded, framed
from tinygrad_lite.views.player.steps import named

ROOM = "-0.0001235"  # the widest number that a box must hold
MANY = 4000  # values up to which every one may be drawn
_NOTES = (Note((("", "beside an arrow: the local derivative"),)),)
_NO_ROOT = "tg.live needs the Value of a result, or a function and its arguments, but got {what}."


class Live:
    """What `live` gives: it shows itself in a notebook, and saves itself as one file.

    Attributes:
        root: the Value that the page computes.
        picture: the picture of it, as Python computed it.
        frozen: the nodes that the page cannot compute, each with the reason.

    >>> import tinygrad_lite as tg
    >>> a, b = tg.Value(2.0, label="a"), tg.Value(-3.0, label="b")
    >>> page = tg.live(tg.tanh(a * b))
    >>> page
    <Live of 4 values, 2 of them to be changed>
    >>> "<script" in page.page(), page.frozen
    (True, {})
    """

    def __init__(self, root: Value, picture: Picture, data: dict[str, Any], library: Library, title: str) -> None:
        self.root = root
        self.picture = picture
        self.title = title
        self.frozen: dict[int, Any] = {int(number): node["why"] for number, node in data["frozen"].items()}
        self._data, self._library = data, library

    def __repr__(self) -> str:
        leaves = len(self._data["leaves"])
        return f"<Live of {len(self._data['ops'])} values, {leaves} of them to be changed>"

    def page(self) -> str:
        """The whole page, which opens without a network."""
        return Template(_asset("live.html")).substitute(
            title=_html.escape(self.title),
            scheme=self.picture.theme.name,
            background=self.picture.theme.background,
            alt=_html.escape(self.picture.alt),
            svg=frames.slim(self.picture.svg),
            data=embedded(self._data),
            engine=_asset("engine.js"),
            rules=script(self._library, self._data["rules"]),
            page=_asset("page.js"),
        )

    def html(self) -> str:
        """A fragment for a notebook: the page in a sandboxed frame, and the picture for where that is removed."""
        height = round(min(max(self.picture.placement.height, 160), 640)) + 330
        return framed(self.page(), self.picture.svg, self.picture.alt, height)

    def save(self, path: str | Path) -> Path:
        """Write the page to an .html file and give its path.

        Raises:
            ValueError: another ending.
        """
        path = Path(path)
        if path.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"a live page is saved as .html, but got {path.name!r}.")
        path.write_text(self.page(), encoding="utf-8")
        return path

    def widget(self) -> Any:
        """The page as a Jupyter widget: what is changed there changes the Values here, and the other way round.

        Raises:
            RenderingError: anywidget is not installed.
        """
        from tinygrad_lite.views.live.widget import widget_of

        return widget_of(self, self._data["leaves"])

    @property
    def height(self) -> int:
        """Pixels that the page takes in a notebook."""
        return round(min(max(self.picture.placement.height, 160), 640)) + 330

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        from tinygrad_lite.views.live import widget

        bundle: dict[str, Any] = {"text/html": self.html(), "text/plain": repr(self)}
        if widget.available():
            shown = self.widget()._repr_mimebundle_()
            shown = shown[0] if isinstance(shown, tuple) else shown or {}
            bundle = {**shown, "text/html": self.picture.html(), "text/plain": repr(self)}
        return bundle


def live(
    what: Value | Callable[..., Value],
    *args: Any,
    model: Callable[[list[Any]], Any] | None = None,
    data: Any = None,
    train: Iterable[Value] | None = None,
    rate: float = 0.1,
    title: str = "",
    **options: Any,
) -> Live:
    """A page in which the numbers of a computation can be changed, and everything that follows from them is seen.

    In the page a leaf is dragged or typed, an activation exchanged for another, and forward, backward, every product
    on an arrow and every formula are computed again at once. A click on a value shows its chain rule with the
    numbers, its formula and its line in your program; gradient descent runs with a learning rate to be chosen.

    Args:
        what: the Value of a result; or a function, which is called with `args`, whose numbers become leaves
            named after its parameters. Of a function the page also shows the lines of its source.
        model: a function of a list of two numbers, such as a network: its decision boundary is drawn and kept up
            to date, together with the points of `data`.
        data: samples as (inputs, targets), or a data set of `tg.nn`.
        train: the leaves that gradient descent changes; by default the parameters of the model, or all labelled
            leaves, or all.
        rate: the learning rate to begin with.
        title: the title of the page and of its picture.
        options: as for `draw`, such as `theme="dark"` or `depth=1`.

    Raises:
        OperandError: neither a Value nor a function that gives one.
        GraphTooLarge: as `draw` does, from 4,000 boxes on.

    >>> page = live(lambda w, x: (w * x).tanh(), 0.5, 2.0)
    >>> round(page.root.data, 4), [leaf.label for leaf in page.root.parents[0].parents]
    (0.7616, ['w', 'x'])
    """
    lines: dict[Value, str] = {}
    root: Any = what
    if not isinstance(what, Value) and callable(what):
        root, lines = called_with_lines(what, args)
    if not isinstance(root, Value):
        given = f"the {type(root).__name__} {root!r:.60}"
        raise OperandError(_NO_ROOT.format(what=f"a function that gives {given}" if callable(what) else given))
    for option in ("show", "format", "paths", "elementary"):
        if option in options:
            raise ValueError(f"a live page shows every number as it is now: leave out {option}=.")
    options.setdefault("limit", MANY)
    picture = draw(root, show=("data", "grad", "local"), title=title, **options)
    graph = picture.graph
    assert graph is not None
    library = Library()
    wanted = program(graph, library)
    wanted |= {
        "root": graph.roots[0],
        "names": named(graph),
        "lines": {str(graph.number[node]): line for node, line in lines.items() if node in graph.number},
        "leaves": [i for i, node in enumerate(graph.nodes) if node.op is ops.leaf],
        "groups": {str(box.number): list(box.members) for box in picture.boxes if box.kind == "group"},
        "whole": len(picture.boxes) == len(graph),
        "rate": rate,
        "compensated": sys.version_info >= (3, 12),  # how Python's own sum adds up
        "templates": _templates(graph),
    }
    if model is not None:
        wanted["model"] = boundary(model, graph, library)
        wanted["points"] = points(data)
    wanted["train"] = _trained(train, model, graph, wanted["leaves"])
    flips = [op for op in TABLE.values() if op.activation and op.arity == 1]
    wanted["flips"] = [op.name for op in flips]
    wanted["rules"] |= {op.name: list(library.rules(op)) for op in flips}
    return Live(root, _with_room(picture), wanted, library, title or "A computation, live")


def script(library: Library, rules: dict[str, Any]) -> str:
    """The JavaScript of the rules, and the table by which `engine.js` finds them."""
    entries = ", ".join(f"{json.dumps(name)}: [{forward}, {local}]" for name, (forward, local) in rules.items())
    return f"{library.code}\nconst RULES = {{{entries}}};".replace("</", "<\\/")


def _templates(graph: Graph) -> dict[str, str]:
    """For each op and number of operands its formula, with {0}, {1}, ... for the operands."""
    found: dict[str, str] = {}
    for node in graph.nodes:
        key = f"{node.op.name}/{len(node.parents)}"
        if node.parents and key not in found:
            slots = [Symbol.named(Name(f"{{{i}}}", "", ""), 1.0) for i in range(len(node.parents))]
            found[key] = TEXT.of(Symbol(node.op, tuple(slots), node.data)) if len(slots) <= 12 else ""
    return found


def _trained(train: Iterable[Value] | None, model: Any, graph: Graph, leaves: list[int]) -> list[int]:
    if train is None and hasattr(model, "parameters"):
        train = model.parameters()
    if train is not None:
        return sorted({graph.number[value] for value in train if value in graph.number})
    return [i for i in leaves if graph.nodes[i].label] or leaves


def _with_room(picture: Picture) -> Picture:
    """The picture with room in each box for any number, and with names for all its values."""
    boxes = [
        box._replace(
            rows=tuple(
                (c, max(text, ROOM, key=len) if c in ("data", "grad", "|grad|") else text) for c, text in box.rows
            )
        )
        for box in picture.boxes
    ]
    whole = picture.graph is not None and len(picture.boxes) == len(picture.graph)
    edges = [  # between closed boxes only how many values an arrow stands for stays true
        edge._replace(
            texts=tuple((role, ROOM if whole else text) for role, text in edge.texts if whole or role == "values")
        )
        for edge in picture.edges
    ]
    notes = tuple(note for note in picture.notes if "x " in note.text) if not whole else _NOTES
    return picture.changed(boxes=boxes, edges=edges, notes=notes)


def _asset(name: str) -> str:
    return files("tinygrad_lite.views.live").joinpath(name).read_text(encoding="utf-8")
