"""Graphs as JSON: what is written comes back bit for bit, and what is foreign is refused."""

import copy
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.errors import OperandError, StateError


def lesson():
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    c = a * b + b**3 + 1.5
    loss = tg.tanh(c / 10) * c + tg.dot([a, b], [b, 3.0], c)
    loss.label = "loss"
    loss.backward()
    return a, loss


def record(root):
    order = topological(root)
    place = {node: i for i, node in enumerate(order)}
    return [
        (repr(n.data), repr(n.grad), n.label, n.op.name, repr(n.local), [place.get(p, p) for p in n.parents])
        for n in order
    ]


def test_a_graph_comes_back_whole_and_can_go_backward():
    _, loss = lesson()
    again = tg.from_json(tg.to_json(loss, indent=1))

    assert record(again) == record(loss)
    again.backward()
    loss.backward()
    assert record(again) == record(loss)


def test_the_schema_is_as_documented():
    x = Value(3.0, label="x")
    y = x * x
    y.backward()

    assert json.loads(tg.to_json(y * 2.0)) == {
        "format": "tinygrad_lite graph",
        "version": 1,
        "nodes": [
            {"op": "leaf", "data": 3.0, "label": "x", "grad": 6.0},
            {"op": "mul", "data": 9.0, "parents": [0, 0], "local": [3.0, 3.0], "grad": 1.0},
            {"op": "mul", "data": 18.0, "parents": [1, {"constant": 2.0}], "local": [2.0, None]},
        ],
        "roots": 2,
    }


def test_several_roots_come_back_as_they_were_given():
    a, loss = lesson()
    again = tg.from_json(tg.to_json({"loss": loss, "leaves": [a, (loss,)]}))

    assert again["leaves"][0] in topological(again["loss"])
    assert again["leaves"][1] == [again["loss"]]


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1])
def test_every_float_comes_back_bit_for_bit(x):
    leaf = Value(x, label='"quoted" \N{SNOWMAN} \\')
    leaf.grad = x
    again = tg.from_json(tg.to_json(leaf))

    assert (repr(again.data), repr(again.grad), again.label) == (repr(x), repr(x), leaf.label)


@given(st.floats(), st.floats(), st.text(max_size=10))
def test_any_number_and_any_label_come_back(x, grad, label):
    leaf = Value(x, label=label)
    leaf.grad = grad
    again = tg.from_json(tg.to_json(leaf + 1.0)).parents[0]

    assert (repr(again.data), repr(again.grad), again.label) == (repr(x), repr(grad), label)


def test_gradients_that_are_values_are_kept_with_their_graph():
    x = Value(2.0, label="x")
    y = x**3 * 1.0
    y.backward(create_graph=True)
    again = tg.from_json(tg.to_json({"x": x, "y": y}))["x"]
    slope, again.grad = again.grad, 0.0
    slope.backward()

    assert (slope.data, again.grad) == (12.0, 12.0)


def test_a_deep_graph_is_written_and_read_without_recursion():
    x = Value(1.0)
    y = x
    for _ in range(20_000):
        y = y + x
    again = tg.from_json(tg.to_json(y).encode())

    assert len(topological(again)) == 20_001


def test_only_values_are_written():
    with pytest.raises(OperandError, match=r"takes a Value, or a list or a dict .*, but got 3\.0"):
        tg.to_json(3.0)
    with pytest.raises(OperandError, match="keys of text"):
        tg.to_json({1: Value(1.0)})
    leaf = Value(1.0)
    leaf.grad = None
    with pytest.raises(OperandError, match="a node holds the NoneType None"):
        tg.to_json(leaf)


LEAF = {"op": "leaf", "data": 1.0}
ADD = {"op": "add", "data": 2.0, "parents": [0, 0], "local": [1.0, 1.0]}


def document(*nodes, roots=0, **changes):
    return {"format": "tinygrad_lite graph", "version": 1, "nodes": list(nodes), "roots": roots, **changes}


def nested(depth):
    inner = 0
    for _ in range(depth):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], "does not say"),
        ({"format": "torch"}, "made by another program"),
        (document(LEAF, version=2), "its version is 2, and this program reads version 1"),
        (document(LEAF, version=None), "its version is None"),
        (document(LEAF, version=True), "its version is True"),
        (document(nodes={}), '"nodes" must be a list'),
        (document(3), "node 0 must be an object, but is 3"),
        (document({**LEAF, "code": "x"}), "node 0 has the unknown key 'code'; the keys are data, grad"),
        (document({**LEAF, "op": "tahn"}), "no op is named 'tahn'; did you mean .*tanh"),
        (document({**LEAF, "op": None}), "the op of node 0 must be a name, but is None"),
        (document({**LEAF, "op": "__import__"}), "no op is named '__import__'"),
        (document({**LEAF, "label": 3}), "the label of node 0 must be text"),
        (document({**LEAF, "parents": 3}), "must be lists"),
        (document({**LEAF, "local": {}}), "must be lists"),
        (document({**LEAF, "parents": [0], "local": [1.0]}), "node 0 is leaf, which takes"),
        (document(LEAF, {**ADD, "parents": [0]}), "node 1 is add, which takes 2 operand.s., but has 1"),
        (document(LEAF, {**ADD, "op": "sum", "parents": [], "local": []}), "takes one or more operand"),
        (document(LEAF, {**ADD, "local": [1.0]}), "2 operand.s. but 1 local"),
        (document(LEAF, {**ADD, "local": [1.0, None]}), "a local derivative for each node and null for"),
        (document(LEAF, {**ADD, "parents": [0, {"constant": 1.0}]}), "null for each constant"),
        (document(LEAF, {**ADD, "parents": [0, 1]}), "node 1 uses node 1, but an operand must stand before"),
        (document(LEAF, {**ADD, "parents": [0, -1]}), "node 1 uses node -1"),
        (document(LEAF, {**ADD, "parents": [0, 7]}), "node 1 uses node 7"),
        (document(LEAF, {**ADD, "parents": [0, 10**400]}), "node 1 uses node 1000"),
        (document(LEAF, {**ADD, "parents": [0, 0.0]}), "an operand of node 1 must be a node's number"),
        (document(LEAF, {**ADD, "parents": [0, True]}), "an operand of node 1"),
        (document(LEAF, {**ADD, "parents": [0, {"value": 1.0}]}), "an operand of node 1"),
        (document(LEAF, {**ADD, "local": [1.0, "1.0"]}), "a local derivative of node 1 must be a number"),
        (document({"op": "leaf"}), "the data of node 0 must be a number, .* but is None"),
        (document({**LEAF, "data": True}), "the data of node 0"),
        (document({**LEAF, "data": "NaN"}), "the data of node 0"),
        (document({**LEAF, "data": 10**400}), "the data of node 0 is too large for a float"),
        (document({**LEAF, "grad": {"node": 5}}), "the gradient of node 0"),
        (document({**LEAF, "grad": None}), "the gradient of node 0"),
        (document(LEAF, roots=1), '"roots" must name nodes by their numbers, 0 to 0, but holds 1'),
        (document(LEAF, roots=None), '"roots" must name nodes'),
        (document(LEAF, roots=[0, -1]), "but holds -1"),
        (document(LEAF, roots={"w": "0"}), "but holds '0'"),
        (document(LEAF, roots=nested(100)), "nested far deeper"),
    ],
)
def test_a_malformed_document_is_refused_by_the_place_of_its_fault(bad, message):
    with pytest.raises(StateError, match=message):
        tg.from_json(json.dumps(bad))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ("import os", "it is not JSON"),
        (b"\xff\xfe\xff", "it is not JSON"),
        ("[" * 100_000, "nested far deeper"),
        ('{"format": "a", "format": "b"}', "the same key twice"),
        ('{"data": NaN}', "NaN is not JSON"),
        ("1" * 10_000, "it is not JSON"),
    ],
)
def test_text_that_is_no_json_is_refused(text, message):
    with pytest.raises(StateError, match=message):
        tg.from_json(text)


def test_a_file_that_is_too_large_is_refused_before_it_is_built():
    with pytest.raises(StateError, match=r"holds 3 nodes, and at most 2 are allowed: from_json\(text, largest="):
        tg.from_json(json.dumps(document(LEAF, LEAF, LEAF)), largest=2)


def test_only_text_is_read():
    with pytest.raises(OperandError, match=r"reads text, but got .*open\(path\)\.read\(\)"):
        tg.from_json(3)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["leaf", "add", "nan", "x"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["op", "data", "parents", "local", "grad", "label", "node", "constant"]), inner
        )
    ),
    max_leaves=12,
)
PLACES = st.lists(st.sampled_from(["nodes", "roots", 0, 1, 2, 3, "op", "data", "parents", "local", "grad"]), max_size=4)


@given(JSON, PLACES)
def test_a_document_changed_anywhere_is_loaded_or_refused_and_nothing_else(junk, path):
    """Fuzzing: put anything at any place of a good document."""
    good = json.loads(tg.to_json(lesson()[1]))
    changed = copy.deepcopy(good)
    place = changed
    for step in path[:-1]:
        try:
            place = place[step]
        except (KeyError, IndexError, TypeError):
            break
    try:
        place[path[-1] if path else "nodes"] = junk
    except (IndexError, TypeError):
        changed = junk

    try:
        loaded = tg.from_json(json.dumps(changed))
    except StateError:
        return
    tg.to_json(loaded)
    for root in loaded if isinstance(loaded, list) else list(loaded.values()) if isinstance(loaded, dict) else [loaded]:
        assert isinstance(root, Value)


@given(st.binary(max_size=60))
def test_any_bytes_are_refused(text):
    with pytest.raises(StateError):
        tg.from_json(text)
