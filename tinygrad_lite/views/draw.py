"""From a graph to a picture: what is shown, in which words, in which colours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import Graph
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import GraphTooLarge, OperandError
from tinygrad_lite.views.picture import Box, Edge, Picture
from tinygrad_lite.views.themes import Theme, theme_named

if TYPE_CHECKING:
    import graphviz

SHOWN = ("data", "grad", "local", "contribution")
LIMIT = 300


def draw(
    root: Value | Iterable[Value],
    *,
    direction: str = "LR",
    show: str | Iterable[str] = ("data", "grad", "local"),
    format: str | Callable[[float], str] = "",
    theme: str | Theme = "light",
    title: str = "",
    limit: int | None = LIMIT,
    engine: str | None = None,
) -> Picture:
    """A picture of the graph behind a Value, which shows itself in a notebook.

    Args:
        root: the Value, or several.
        direction: "LR" from left to right, "TB" from top to bottom.
        show: any of "data", "grad", "local" (the local derivative beside each arrow) and
            "contribution" (what the arrow carries back: the gradient above times the local derivative).
        format: how numbers are written, as in `format(x, ".4f")`, or a function.
        theme: "light", "dark" or "print".
        title: a line above the picture.
        limit: the largest number of values that is drawn; None is any.
        engine: "graphviz-pure", "dot", "own", or the path of a Graphviz program.

    Raises:
        GraphTooLarge: more values than `limit`.
        ValueError: an unknown choice; the message lists the choices.

    >>> import tinygrad_lite as tg
    >>> a, b = tg.Value(-4.0, label="a"), tg.Value(2.0, label="b")
    >>> loss = tg.tanh(a * b + b**3)
    >>> loss.backward()
    >>> picture = tg.draw(loss)
    >>> picture
    <Picture of 7 values and 7 operands>
    >>> picture.svg[:4]
    '<svg'
    """
    shown = _choices("show", show, SHOWN)
    if direction not in ("LR", "TB"):
        raise ValueError(f'direction is "LR" or "TB", but got {direction!r}.')
    colours = theme_named(theme)
    write = writer(format)
    graph = Graph(*_roots(root))
    if limit is not None and len(graph) > limit:
        raise _too_large(graph, limit)

    boxes = [_box(graph, i, shown, write) for i in range(len(graph))]
    edges = []
    for tail, head, i, local in graph.edges():
        grad = boxes[head].grad
        contribution = None if local is None else grad * local
        texts = [
            (role, ("" if role == "local" else "+ " if number >= 0 else "") + write(number))
            for role, number in (("local", local), ("contribution", contribution))
            if role in shown and number is not None
        ]
        edges.append(Edge(tail, head, i, local, contribution, tuple(texts)))
    return Picture(
        boxes,
        edges,
        graph=graph,
        direction=direction,
        theme=colours,
        title=title,
        alt=described(graph, boxes),
        engine=engine,
    )


def draw_dot(
    root: Value | Iterable[Value], format: str = "svg", rankdir: str = "LR", **options: Any
) -> graphviz.Digraph:
    """The picture as a `graphviz.Digraph`, by the name that micrograd's notebooks use.

    It shows itself and renders without a system `dot`. Options are those of `draw`.
    """
    from tinygrad_lite.views import dot

    if rankdir not in ("LR", "TB"):
        raise ValueError(f'rankdir is "LR" or "TB", but got {rankdir!r}.')
    return dot.digraph(draw(root, direction=rankdir, **options), format)


# ---------------------------------------------------------------------- parts


def writer(format: str | Callable[[float], str]) -> Callable[[float], str]:
    """How numbers are written: by default four decimals, or powers of ten where those say nothing.

    >>> write = writer("")
    >>> write(2.0), write(1e-7), write(-123456.0)
    ('2.0000', '1.000e-07', '-1.235e+05')
    """
    if callable(format):
        return lambda x: str(format(x))
    if format:
        _ = f"{0.0:{format}}"  # a spec that Python refuses is refused here
        return lambda x: f"{x:{format}}"
    return lambda x: f"{x:.4f}" if x == 0 or 1e-3 <= abs(x) < 1e5 else f"{x:.3e}"


def number_of(grad: Any) -> float:
    """The gradient as a float; after `create_graph=True` it is a Value."""
    return float(grad.data) if isinstance(grad, Value) else float(grad)


def described(graph: Graph, boxes: list[Box]) -> str:
    """The alt text: what the picture is of, for those who cannot see it."""
    leaves = [box.label for box in boxes if box.kind == "leaf" and box.label]
    roots = ", ".join(f"{boxes[i].label or 'the result'} = {boxes[i].data:.4g}" for i in graph.roots)
    of = f" computed from {', '.join(leaves[:8])}{' and more' if len(leaves) > 8 else ''}" if leaves else ""
    return f"Computation graph of {len(boxes)} values: {roots}{of}."


def _box(graph: Graph, i: int, shown: tuple[str, ...], write: Callable[[float], str]) -> Box:
    node = graph.nodes[i]
    grad = number_of(node.grad)
    if node.op is ops.constant:
        return Box(i, "constant", str(node.label or ""), node.data, grad, rows=(("", f"{node.data:g}"),))
    kind = "root" if i in graph.roots and node.parents else "inner" if node.parents else "leaf"
    rows = tuple((name, write(x)) for name, x in (("data", node.data), ("grad", grad)) if name in shown)
    return Box(i, kind, str(node.label or ""), node.data, grad, node.op.symbol if node.parents else "", rows)


def _roots(root: Any) -> list[Value]:
    roots = [root] if isinstance(root, Value) else list(root) if hasattr(root, "__iter__") else [root]
    for one in roots:
        if not isinstance(one, Value):
            raise OperandError(
                f"a picture is drawn of a Value, or of several, but got the {type(one).__name__} {one!r:.60}.\n"
                "  Draw the result of the computation, such as tg.draw(loss)."
            )
    if not roots:
        raise OperandError("a picture needs at least one Value, but got an empty collection.")
    return roots


def _choices(name: str, asked: str | Iterable[str], known: tuple[str, ...]) -> tuple[str, ...]:
    asked = (asked,) if isinstance(asked, str) else tuple(asked)
    for one in asked:
        if one not in known:
            raise ValueError(f"{name} is any of {', '.join(known)}, but got {one!r}.")
    return tuple(one for one in known if one in asked)


def _too_large(graph: Graph, limit: int) -> GraphTooLarge:
    return GraphTooLarge(
        f"a picture of {len(graph):,} values would not be legible (the limit is {limit}).\n"
        "  Draw a part, such as one neuron or the loss of one sample; or pass limit=None to draw it all."
    )
