"""A graph, a model of the plane and its samples as plain data, in the form that `engine.js` and `page.js` read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError
from tinygrad_lite.formulas.formula import Name, Symbol
from tinygrad_lite.formulas.naming import Names
from tinygrad_lite.formulas.notation import TEXT
from tinygrad_lite.views.drawing.cards import shown_label
from tinygrad_lite.views.live.javascript import Library
from tinygrad_lite.views.live.syntax import Untranslatable
from tinygrad_lite.views.picture.picture import Picture


def program(graph: Graph, library: Library) -> dict[str, Any]:
    """The graph as `engine.js` reads it; a node whose rule has no JavaScript is frozen, with the reason."""
    reasons: dict[str, str] = {}
    for op in {node.op.name: node.op for node in graph.nodes if node.parents}.values():
        try:
            library.rules(op)
        except Untranslatable as reason:
            reasons[op.name] = f"{op.name} is frozen: {reason}"
    frozen = {
        str(i): {"why": reasons[node.op.name], "local": [d or 0.0 for d in node.local]}
        for i, node in enumerate(graph.nodes)
        if node.parents and node.op.name in reasons
    }
    return {
        "ops": [node.op.name if node.parents else "" for node in graph.nodes],
        "parents": [list(operands) for operands in graph.parents],
        "data": [node.data for node in graph.nodes],
        "constant": [i for i, node in enumerate(graph.nodes) if node.op is ops.constant],
        "frozen": frozen,
    }


def page_data(picture: Picture, library: Library) -> dict[str, Any]:
    """What `page.js` needs: the graph of a picture, what its nodes are called, and how their ops are written.

    The names are a node's label, a constant's number, else what formulas call it.
    """
    graph = picture.graph
    assert graph is not None
    return program(graph, library) | {
        "root": graph.roots[0],
        "names": named(graph),
        "lines": {},
        "leaves": [i for i, node in enumerate(graph.nodes) if node.op is ops.leaf],
        "groups": {str(box.number): list(box.members) for box in picture.boxes if box.kind == "group"},
        "whole": len(picture.boxes) == len(graph),
        "flips": [],
        "compensated": sys.version_info >= (3, 12),  # how Python's own sum adds up
        "templates": _templates(graph),
    }


def named(graph: Graph) -> list[str]:
    """What captions call each node: its label, a constant's number, else the name that formulas give it."""
    names = Names([node for node in graph.nodes if node.op is not ops.constant])
    return [
        f"{node.data:g}"
        if node.op is ops.constant
        else shown_label(str(node.label))
        if node.label
        else names[node].text
        for node in graph.nodes
    ]


def _templates(graph: Graph) -> dict[str, str]:
    """For each op and number of operands its formula, with {0}, {1}, ... for the operands."""
    found: dict[str, str] = {}
    for node in graph.nodes:
        key = f"{node.op.name}/{len(node.parents)}"
        if node.parents and key not in found:
            slots = [Symbol.named(Name(f"{{{i}}}", "", ""), 1.0) for i in range(len(node.parents))]
            found[key] = TEXT.of(Symbol(node.op, tuple(slots), node.data)) if len(slots) <= 12 else ""
    return found


def answers(
    model: Callable[[list[Any]], Any], width: int, number: Mapping[Any, int], library: Library
) -> dict[str, Any]:
    """The model as a graph of `width` inputs; `number` has those of its leaves that are leaves of the page."""
    inputs = [Value(0.0, label=f"x{k}") for k in range(1, width + 1)]
    answer = model(inputs)
    outputs = [answer] if isinstance(answer, Value) else list(answer)
    if not outputs or not all(isinstance(out, Value) for out in outputs):
        raise OperandError(
            f"model= is a function of a list of two numbers that gives Values, but it gave {answer!r:.60}."
        )
    own = Graph(*outputs)
    for value in inputs:
        if value not in own.number:
            raise OperandError("model= does not use both of its two inputs, so it has no boundary in the plane.")
    return program(own, library) | {
        "inputs": [own.number[value] for value in inputs],
        "outputs": list(own.roots),
        "shared": [[i, number[node]] for i, node in enumerate(own.nodes) if node in number],
    }


def points(inputs: Any, targets: Any, middle: float | None = None, half: float = 1.0) -> dict[str, Any]:
    """Samples in the plane or on a line with a class or a number each; one answer changes sides at `middle`."""
    x = [[float(getattr(v, "data", v)) for v in row] for row in inputs]
    y = [class_of(target) for target in targets]
    if len({len(row) for row in x}) > 1 or any(len(row) > 2 for row in x) or len(x) != len(y):
        raise OperandError("data= is (inputs, targets) with two numbers for each input and one target for each.")
    if middle is None:
        middle = (min(y) + max(y)) / 2 if y else 0.0
    return {"x": x, "y": y, "middle": middle, "half": half}


def class_of(target: Any) -> float:
    """A label or a number; of a distribution over classes the likeliest."""
    if not hasattr(target, "__len__"):
        return float(getattr(target, "data", target))
    numbers = [class_of(t) for t in target]
    return numbers[0] if len(numbers) == 1 else float(numbers.index(max(numbers)))
