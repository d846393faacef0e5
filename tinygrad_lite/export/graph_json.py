"""A graph as JSON text, and back: exact, readable, and safe to load.

    text = tg.to_json(loss)
    loss = tg.from_json(text)

The text lists the nodes, parents first. A node names its op and says of each operand which node
it is (a whole number) or which bare number ({"constant": 2.0}):

    {"format": "tinygrad_lite graph", "version": 1,
     "nodes": [{"op": "leaf", "data": 3.0, "label": "x", "grad": 6.0},
               {"op": "mul", "data": 9.0, "parents": [0, 0], "local": [3.0, 3.0], "grad": 1.0}],
     "roots": 1}

Numbers come back bit for bit; NaN and the infinities are written as "nan", "inf" and "-inf",
since JSON has no words for them. Loading looks ops up by name and computes nothing: a file from
somebody else can be wrong, and is then refused, but it cannot do anything.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from tinygrad_lite.engine.keeping import everything_behind
from tinygrad_lite.engine.op import Op, op_named
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, StateError

FORMAT, VERSION = "tinygrad_lite graph", 1
LARGEST = 10_000_000
"""How many nodes a file may hold unless the caller allows more."""

_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_KEYS = {"op", "data", "label", "grad", "parents", "local"}


def to_json(roots: Any, indent: int | None = None) -> str:
    """The graph behind a Value, or behind a list or dict of Values, as JSON text.

    Data, gradients, labels, local derivatives and sharing are all kept.

    Args:
        roots: a Value, or a list or dict of them.
        indent: of the text, in blanks; None for one line.

    Raises:
        OperandError: something in roots is not a Value, or a gradient is neither a number nor a Value.

    >>> x = Value(3.0, label="x")
    >>> print(to_json(x))
    {"format": "tinygrad_lite graph", "version": 1, "nodes": [{"op": "leaf", "data": 3.0, "label": "x"}], "roots": 0}
    """
    nodes = everything_behind(*_values(roots))
    place = {node: i for i, node in enumerate(nodes)}
    document = {
        "format": FORMAT,
        "version": VERSION,
        "nodes": [_entry(node, place) for node in nodes],
        "roots": _map(roots, lambda root: place[root]),
    }
    return json.dumps(document, indent=indent, allow_nan=False)


def from_json(text: str | bytes, largest: int = LARGEST) -> Any:
    """The Value, or the list or dict of Values, that `to_json` was given. Nothing is executed.

    Args:
        largest: refuse a file of more nodes than this.

    Raises:
        StateError: the text is not JSON, not a graph of ours, of a newer version, or its nodes
            do not make a graph; the message names the node.

    >>> x = Value(3.0, label="x")
    >>> y = from_json(to_json(x * x))
    >>> y.data, y.parents[0].label
    (9.0, 'x')
    """
    document = _parsed(text)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        _refuse(f'it does not say "format": "{FORMAT}", so it was made by another program or for another purpose')
    if not _whole(document.get("version")) or document["version"] > VERSION:
        _refuse(f"its version is {_short(document.get('version'))}, and this program reads version {VERSION}")
    written = document.get("nodes")
    if not isinstance(written, list):
        _refuse('"nodes" must be a list')
    if len(written) > largest:
        _refuse(f"it holds {len(written)} nodes, and at most {largest} are allowed: from_json(text, largest=...)")
    nodes: list[Value] = []
    for i, entry in enumerate(written):
        nodes.append(_node(i, entry, nodes))
    for i, (node, entry) in enumerate(zip(nodes, written, strict=True)):
        if "grad" in entry:
            node.grad = _gradient(i, entry["grad"], nodes)
    return _map_checked(document.get("roots"), nodes)


# ---------------------------------------------------------------------- writing


def _values(roots: Any) -> list[Value]:
    found: list[Value] = []
    _map(roots, found.append)
    return found


def _map(roots: Any, give: Any) -> Any:
    if isinstance(roots, Value):
        return give(roots)
    if isinstance(roots, list | tuple):
        return [_map(root, give) for root in roots]
    if isinstance(roots, dict) and all(isinstance(key, str) for key in roots):
        return {key: _map(root, give) for key, root in roots.items()}
    raise OperandError(
        f"to_json takes a Value, or a list or a dict (with keys of text) of Values, but got {_short(roots)}."
    )


def _entry(node: Value, place: dict[Value, int]) -> dict[str, Any]:
    grad, parents = node.grad, node.parents
    entry: dict[str, Any] = {"op": node.op.name, "data": _number(node.data)}
    if node.label:
        entry["label"] = node.label
    if isinstance(grad, Value):
        entry["grad"] = {"node": place[grad]}
    elif grad.__class__ is not float or grad != 0.0 or math.copysign(1.0, grad) < 0:
        entry["grad"] = _number(grad)
    if parents:
        entry["parents"] = [{"constant": _number(p)} if p.__class__ is float else place[p] for p in parents]
        entry["local"] = [s if s is None or (s.__class__ is float and s - s == 0.0) else _number(s) for s in node.local]
    return entry


def _number(x: Any) -> float | str:
    if x.__class__ is float and x - x == 0.0:  # finite, as nearly all are
        return x
    if not isinstance(x, float | int):
        raise OperandError(f"to_json writes numbers, but a node holds the {type(x).__name__} {_short(x)}.")
    x = float(x)
    return x if math.isfinite(x) else repr(x)


# ---------------------------------------------------------------------- reading


def _parsed(text: str | bytes) -> Any:
    if not isinstance(text, str | bytes | bytearray):
        raise OperandError(f"from_json reads text, but got {_short(text)}; for a file give open(path).read().")
    try:
        return json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except StateError:
        raise
    except RecursionError:
        _refuse("it is nested far deeper than a graph ever is")
    except ValueError as reason:  # malformed JSON, bytes that are no text, numbers of endless length
        _refuse(f"it is not JSON: {reason}")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse(f"an object says the same key twice, among {_short([key for key, _ in pairs])}")
    return found


def _no_constant(word: str) -> NoReturn:
    _refuse(f'{word} is not JSON; a graph writes "nan", "inf" and "-inf" as text')


def _node(i: int, entry: Any, before: list[Value]) -> Value:
    """Node i from what is written of it, after the nodes before it."""
    if not isinstance(entry, dict):
        _refuse(f"node {i} must be an object, but is {_short(entry)}")
    unknown = set(entry) - _KEYS
    if unknown:
        _refuse(f"node {i} has the unknown key {_short(min(unknown))}; the keys are {', '.join(sorted(_KEYS))}")
    op = _op(i, entry.get("op"))
    label = entry.get("label", "")
    if not isinstance(label, str):
        _refuse(f"the label of node {i} must be text, but is {_short(label)}")
    parents = entry.get("parents", [])
    local = entry.get("local", [])
    if not isinstance(parents, list) or not isinstance(local, list):
        _refuse(f'"parents" and "local" of node {i} must be lists')
    if (op.arity is None and not parents) or (op.arity is not None and len(parents) != op.arity):
        _refuse(f"node {i} is {op.name}, which takes {op.arity or 'one or more'} operand(s), but has {len(parents)}")
    if len(local) != len(parents):
        _refuse(f"node {i} has {len(parents)} operand(s) but {len(local)} local derivative(s)")
    operands = tuple([_operand(i, parent, before) for parent in parents])
    derivatives = tuple([_derivative(i, p, derivative) for p, derivative in zip(operands, local, strict=True)])
    return Value(_float(entry.get("data"), f"the data of node {i}"), label, op, operands, derivatives)


def _op(i: int, name: Any) -> Op:
    if not isinstance(name, str):
        _refuse(f"the op of node {i} must be a name, but is {_short(name)}")
    try:
        return op_named(name)
    except KeyError as reason:
        _refuse(f"node {i}: {str(reason.args[0])[:500]}")


def _operand(i: int, parent: Any, before: list[Value]) -> Value | float:
    if isinstance(parent, dict) and set(parent) == {"constant"}:
        return _float(parent["constant"], f"a constant of node {i}")
    if not _whole(parent):
        _refuse(f'an operand of node {i} must be a node\'s number or {{"constant": x}}, but is {_short(parent)}')
    if not 0 <= parent < len(before):
        _refuse(f"node {i} uses node {_short(parent)}, but an operand must stand before its node")
    return before[int(parent)]


def _derivative(i: int, operand: Value | float, derivative: Any) -> float | None:
    if isinstance(operand, Value) == (derivative is None):
        _refuse(f"node {i} must have a local derivative for each node and null for each constant")
    return None if derivative is None else _float(derivative, f"a local derivative of node {i}")


def _gradient(i: int, grad: Any, nodes: list[Value]) -> Any:
    if isinstance(grad, dict) and set(grad) == {"node"} and _whole(grad["node"]) and 0 <= grad["node"] < len(nodes):
        return nodes[grad["node"]]
    return _float(grad, f"the gradient of node {i}")


def _map_checked(roots: Any, nodes: list[Value], depth: int = 0) -> Any:
    if depth > 50:
        _refuse('"roots" is nested far deeper than anybody would')
    if isinstance(roots, list):
        return [_map_checked(root, nodes, depth + 1) for root in roots]
    if isinstance(roots, dict):
        return {key: _map_checked(root, nodes, depth + 1) for key, root in roots.items()}
    if not _whole(roots) or not 0 <= roots < len(nodes):
        _refuse(f'"roots" must name nodes by their numbers, 0 to {len(nodes) - 1}, but holds {_short(roots)}')
    return nodes[roots]


def _float(x: Any, what: str) -> float:
    if isinstance(x, str) and x in _WORDS:
        return _WORDS[x]
    if not isinstance(x, float | int) or isinstance(x, bool):
        _refuse(f'{what} must be a number, "nan", "inf" or "-inf", but is {_short(x)}')
    try:
        return float(x)
    except OverflowError:
        _refuse(f"{what} is too large for a float")


def _whole(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def _short(x: Any) -> str:
    text = repr(x)
    return text if len(text) <= 60 else text[:57] + "..."


def _refuse(why: str) -> NoReturn:
    raise StateError(f"this text cannot be loaded as a graph: {why}.\n  tg.to_json writes such a text from a Value.")
