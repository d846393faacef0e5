"""`tg.live`: the graph of a Value as a page in which the numbers can be changed.

The page (`page.py`) holds the picture, the graph as data (`program.py`), the rules of its ops as JavaScript
(`javascript.py`), the engine that runs them (`engine.js`), and what shows and changes them (`page.js`, `edit.js`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError
from tinygrad_lite.views.drawing.data import Edge, Note
from tinygrad_lite.views.live.javascript import Library
from tinygrad_lite.views.live.page import Page
from tinygrad_lite.views.live.program import answers, page_data, points
from tinygrad_lite.views.live.source_lines import called_with_lines
from tinygrad_lite.views.picture.draw import draw
from tinygrad_lite.views.picture.picture import Picture

ROOM = "-0.0001235"  # the widest number that a box must hold
MANY = 4000  # values up to which every one may be drawn
_NOTES = (Note((("", "beside an arrow: the local derivative"),)),)
_NO_ROOT = "tg.live needs the Value of a result, or a function and its arguments, but got {what}."


class Live(Page):
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

    kind = "a live page"

    def __init__(self, root: Value, picture: Picture, data: dict[str, Any], library: Library) -> None:
        scripts = ("live/charts.js", "live/page.js", "live/edit.js")
        title = picture.title or "A computation, live"
        super().__init__(title, picture.alt, picture.theme, picture.svg, data, scripts, library)
        self.root = root
        self.picture = picture
        self.frozen: dict[int, Any] = {int(number): node["why"] for number, node in data["frozen"].items()}

    def __repr__(self) -> str:
        leaves = len(self._data["leaves"])
        return f"<Live of {len(self._data['ops'])} values, {leaves} of them to be changed>"

    def widget(self) -> Any:
        """The page as a Jupyter widget: what is changed there changes the Values here, and the other way round.

        Raises:
            RenderingError: anywidget is not installed.
        """
        from tinygrad_lite.views.live.widget import widget_of

        return widget_of(self, self._data["leaves"])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        from tinygrad_lite.views.live import widget

        if not widget.available():
            return super()._repr_mimebundle_()
        shown = self.widget()._repr_mimebundle_()
        shown = shown[0] if isinstance(shown, tuple) else shown or {}
        return {**shown, "text/html": self.picture.html(), "text/plain": repr(self)}


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
    flips = [op for op in TABLE.values() if op.activation and op.arity == 1]
    wanted = page_data(picture, library) | {
        "lines": {str(graph.number[node]): line for node, line in lines.items() if node in graph.number},
        "rate": rate,
        "train": _trained(train, model, graph),
        "flips": [op.name for op in flips],
    }
    for op in flips:
        library.rules(op)
    if model is not None:
        inputs, targets = ([], []) if data is None else (data.inputs, data.targets) if hasattr(data, "inputs") else data
        wanted |= {"model": answers(model, 2, graph.number, library), "points": points(inputs, targets)}
    return Live(root, _with_room(picture), wanted, library)


def _trained(train: Iterable[Value] | None, model: Any, graph: Graph) -> list[int]:
    if train is None and hasattr(model, "parameters"):
        train = model.parameters()
    if train is not None:
        return sorted({graph.number[value] for value in train if value in graph.number})
    leaves = [i for i, node in enumerate(graph.nodes) if node.op is ops.leaf]
    return [i for i in leaves if graph.nodes[i].label] or leaves


def _with_room(picture: Picture) -> Picture:
    """The picture with room for any number, and without what would not stay true."""
    whole = picture.graph is not None and len(picture.boxes) == len(picture.graph)
    boxes = [box._replace(room=ROOM) for box in picture.boxes]
    edges = [  # between closed boxes only how many values an arrow stands for stays true
        edge._replace(room=ROOM if whole else "", texts=edge.texts if whole else _count(edge)) for edge in picture.edges
    ]
    notes = _NOTES if whole else tuple(note for note in picture.notes if "x " in note.text)
    return picture.changed(boxes=boxes, edges=edges, notes=notes)


def _count(edge: Edge) -> tuple[tuple[str, str], ...]:
    return tuple(text for text in edge.texts if text[0] == "values")
