"""From a graph to a picture: `draw` and what can be asked of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.engine.reverse import stale
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import GraphTooLarge, OperandError
from tinygrad_lite.formulas.names import formulas, names_in
from tinygrad_lite.views.drawing.themes import Theme, theme_named
from tinygrad_lite.views.picture.collapse import collapsed
from tinygrad_lite.views.picture.elementary import written_out
from tinygrad_lite.views.picture.heat import heated
from tinygrad_lite.views.picture.labels import BoxBuilder, described, writer
from tinygrad_lite.views.picture.paths import highlighted
from tinygrad_lite.views.picture.picture import Picture

SHOWN = ("data", "grad", "local", "contribution")
LIMIT = 300
WHOLE = 60  # values up to which depth="auto" draws every one
NAMED = 2000  # values of a graph in which formulas are made for those without a name


def draw(
    root: Value | Iterable[Value],
    *,
    direction: str = "LR",
    show: str | Iterable[str] = SHOWN,
    format: str | Callable[[float], str] = "",
    theme: str | Theme = "light",
    title: str = "",
    names: bool | Mapping[Value, str] = False,
    elementary: bool = False,
    heat: bool = False,
    paths: Value | Iterable[Value] = (),
    depth: int | str | None = "auto",
    sample: int = 0,
    collapse: Callable[[Value], str | None] | None = None,
    expand: str | Iterable[str] = (),
    limit: int | None = LIMIT,
) -> Picture:
    """A picture of the graph behind a Value, which shows itself in a notebook.

    Args:
        root: the Value, or several.
        direction: "LR" from left to right, "TB" from top to bottom.
        show: any of "data", "grad", "local" (the local derivative beside each arrow) and
            "contribution" (what the arrow carries back: the gradient of the result times the local
            derivative). With both an arrow says `gradient × local = contribution`, and a gradient
            of several contributions is written as their sum.
        format: how numbers are written, as in `format(x, ".4f")`, or a function; by default in four
            significant digits.
        theme: "light", "dark" or "print".
        title: a line above the picture.
        names: True takes names for unlabelled Values from the variables where draw is called, and
            short formulas for the steps between; a dict gives them.
        elementary: write fused nodes out, a `dot` or a `sum` as products and additions.
        heat: tint the boxes and arrows by their gradients, with a legend.
        paths: a leaf, or several: every path from it to the root in a colour of its own, with
            its product of local derivatives; their sum is the gradient.
        depth: fold what repeats, such as the samples of a loss, and close modules deeper than
            this: 0 draws the network as one box, 1 each layer, 2 each neuron, 3 what is in it.
            None draws every value; "auto" does so up to 60 of them, and beyond chooses 1 where
            the graph has layers or repeats.
        sample: of parts that were computed alike and are drawn as one, which to show.
        collapse: a rule of your own: the name of the box in which a Value is drawn, or None.
        expand: the names of closed boxes to open by one level, such as "layer 1", or "layers.0" of nn.
        limit: the largest number of boxes that is drawn; None is any.

    Numbers that were computed before some `.data` was assigned are marked as stale.

    Raises:
        GraphTooLarge: more boxes than `limit`.
        ValueError: an unknown choice; the message lists the choices.
        OperandError: root or paths is not a Value.

    >>> import tinygrad_lite as tg
    >>> a, b = tg.Value(-4.0, label="a"), tg.Value(2.0, label="b")
    >>> loss = tg.tanh(a * b + b**3)
    >>> loss.backward()
    >>> picture = tg.draw(loss, paths=b)
    >>> picture
    <Picture of 7 values and 7 operands>
    >>> print(*[note.text for note in picture.notes], sep="\\n")
    beside an arrow: gradient of the result × local derivative = contribution to the gradient
    b, path 1: 12 × 1 × 1 = 12
    b, path 2: -4 × 1 × 1 = -4
    the sum over 2 paths: d/d b = 8
    """
    shown = _choices("show", show, SHOWN)
    if direction not in ("LR", "TB"):
        raise ValueError(f'direction is "LR" or "TB", but got {direction!r}.')
    colours = theme_named(theme)
    roots, sources = _values("a picture is drawn", root), _values("paths are drawn", paths) if paths != () else []
    called = dict(names) if isinstance(names, Mapping) else names_in(sys._getframe(1)) if names else {}
    old: list[Any] = [node for node, _ in stale(topological(*roots))]
    if elementary:
        image = written_out(*roots)
        roots, old, sources = ([image.get(node, node) for node in nodes] for nodes in (roots, old, sources))
        called = {image.get(value, value): name for value, name in called.items()}
    graph = Graph(*roots)
    if names and len(graph) <= NAMED:
        called |= formulas([node for node in graph.nodes if node.op is not ops.constant], called)
    opened = (expand,) if isinstance(expand, str) else tuple(expand)
    asked = None if depth is None else "auto" if depth == "auto" else _whole("depth", depth)
    builder = BoxBuilder(graph, shown, writer(format), called, old)
    drawn = None
    if opened or collapse or sample or isinstance(asked, int) or (asked and len(graph) > WHOLE and not sources):
        if sources:
            raise ValueError("paths= needs every value drawn: leave out depth=, expand=, sample= and collapse=.")
        level = asked if isinstance(asked, int) else None if collapse and not opened else 1
        drawn = collapsed(builder, level, opened, _whole("sample", sample), collapse)
        if len(drawn[0]) == len(graph) and not any(box.kind == "group" for box in drawn[0]):
            drawn = None  # nothing was closed or folded
    if limit is not None and (drawn is None or len(drawn[0]) > limit) and len(graph) > limit:
        raise _too_large(len(drawn[0] if drawn else graph), limit, folded=drawn is not None)
    boxes, edges, notes = drawn or (*builder.whole(), [])
    if heat:
        boxes, edges, legend = heated(boxes, edges, colours, builder.write)
        notes = [legend, *notes]
    notes += builder.notes(boxes, edges)
    if sources:
        edges, lines = highlighted(graph, sources, edges, colours, builder.write)
        notes += lines
    return Picture(
        boxes,
        edges,
        graph=graph,
        direction=direction,
        theme=colours,
        title=title,
        alt=described(graph, boxes),
        notes=tuple(notes),
    )


def draw_dot(root: Value | Iterable[Value], format: str = "svg", rankdir: str = "LR", **options: Any) -> Any:
    """The picture as a `graphviz.Digraph`, by the name that micrograd's notebooks use.

    It shows itself and renders without a system `dot`.

    Args:
        root: the Value whose graph is drawn, or several.
        format: of what `render` writes, such as "svg", "png" or "pdf".
        rankdir: "LR" for left to right, "TB" for top to bottom.
        options: those of `draw`.

    Raises:
        ValueError: another rankdir.
        OperandError: root is no Value.

    >>> a = Value(2.0, label="a")
    >>> draw_dot(a * 3.0).format
    'svg'
    """
    from tinygrad_lite.views.formats import dot

    if rankdir not in ("LR", "TB"):
        raise ValueError(f'rankdir is "LR" or "TB", but got {rankdir!r}.')
    if options.get("names") is True:
        options["names"] = names_in(sys._getframe(1))
    picture = draw(root, direction=rankdir, **options)
    return dot.digraph(picture, picture._repr_mimebundle_, format)


def _values(what: str, given: Any) -> list[Value]:
    """One Value or several, as a list."""
    values = [given] if isinstance(given, Value) else list(given) if hasattr(given, "__iter__") else [given]
    for one in values:
        if not isinstance(one, Value):
            raise OperandError(
                f"{what} of a Value, or of several, but got the {type(one).__name__} {one!r:.60}.\n"
                "  Draw the result of the computation, such as tg.draw(loss)."
            )
    if not values:
        raise OperandError(f"{what} of at least one Value, but got an empty collection.")
    return values


def _choices(name: str, asked: str | Iterable[str], known: tuple[str, ...]) -> tuple[str, ...]:
    asked = (asked,) if isinstance(asked, str) else tuple(asked)
    for one in asked:
        if one not in known:
            raise ValueError(f"{name} is any of {', '.join(known)}, but got {one!r}.")
    return tuple(one for one in known if one in asked)


def _whole(name: str, given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or given < 0:
        raise ValueError(f"{name} is a whole number from 0 on, but got {given!r}.")
    return given


def _too_large(boxes: int, limit: int, folded: bool = False) -> GraphTooLarge:
    what = "even folded, " if folded else ""
    cure = (
        "Close more of it with a smaller depth="
        if folded
        else "Fold it: tg.draw(root, depth=1) draws each layer as one box, and of alike samples one"
    )
    return GraphTooLarge(
        f"{what}a picture of {boxes:,} values would not be legible (the limit is {limit}).\n"
        f"  {cure}.\n  Or draw a part of it, such as one neuron; or pass limit=None to draw it all."
    )
