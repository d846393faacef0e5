"""A graph, a model of the plane and its samples as plain data, in the form that `engine.js` and `page.js` read."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError
from tinygrad_lite.views.live.javascript import Library
from tinygrad_lite.views.live.syntax import Untranslatable


def program(graph: Graph, library: Library) -> dict[str, Any]:
    """The graph as `engine.js` reads it; a node whose rule has no JavaScript is frozen, with the reason."""
    rules: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for op in {node.op.name: node.op for node in graph.nodes if node.parents}.values():
        try:
            rules[op.name] = list(library.rules(op))
        except Untranslatable as reason:
            reasons[op.name] = f"{op.name} is frozen: {reason}"
    frozen = {
        str(i): {"why": reasons[node.op.name], "local": [0.0 if d is None else _plain(d) for d in node.local]}
        for i, node in enumerate(graph.nodes)
        if node.parents and node.op.name in reasons
    }
    return {
        "ops": [node.op.name if node.parents else "" for node in graph.nodes],
        "parents": [list(operands) for operands in graph.parents],
        "data": [_plain(node.data) for node in graph.nodes],
        "constant": [i for i, node in enumerate(graph.nodes) if node.op is ops.constant],
        "frozen": frozen,
        "rules": rules,
    }


def _plain(x: float) -> float | str:
    """A number for JSON, which has no NaN and no infinity."""
    return x if math.isfinite(x) else "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def boundary(model: Callable[[list[Any]], Any], graph: Graph, library: Library) -> dict[str, Any]:
    """The model as a graph of two inputs, with which of its leaves are leaves of the page's graph."""
    inputs = [Value(0.0, label="x1"), Value(0.0, label="x2")]
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
    found = program(own, library)
    return found | {
        "inputs": [own.number[value] for value in inputs],
        "outputs": list(own.roots),
        "shared": [[i, graph.number[node]] for i, node in enumerate(own.nodes) if node in graph.number],
    }


def points(data: Any) -> dict[str, Any]:
    """Samples in the plane with a class or a number each."""
    if data is None:
        return {"x": [], "y": []}
    inputs, targets = (data.inputs, data.targets) if hasattr(data, "inputs") else data
    x = [[float(getattr(v, "data", v)) for v in row] for row in inputs]
    y = [float(getattr(t, "data", t)) for t in (row[0] if hasattr(row, "__len__") else row for row in targets)]
    if any(len(row) != 2 for row in x) or len(x) != len(y):
        raise OperandError("data= is (inputs, targets) with two numbers for each input and one target for each.")
    return {"x": x, "y": y}
