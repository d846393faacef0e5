"""The shortcuts are really run, and really go wrong, where the report says so."""

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.errors import OperandError
from tinygrad_lite.views.derivation.why_order import MOST_STEPS, SHORTCUTS, sorted_order


def shortcut_in_five_lines(node, grads):
    """The recursive shortcut as people write it, for comparison with its replay."""
    for parent, local in zip(node.parents, node.local, strict=True):
        grads[parent] = grads.get(parent, 0.0) + grads[node] * local
        shortcut_in_five_lines(parent, grads)


def test_the_small_diamond_gives_6_where_4_is_right():
    report = tg.why_order()
    recursive = report.replays["recursive"]

    assert [(n.label, recursive.gradients[n]) for n in recursive.wrong] == [("a", 6.0)]
    assert recursive.first_wrong == 1
    assert not report.agree
    assert "a            6      4" in report.text()
    assert "step 2: b hands on 1, but its gradient is 2" in report.text()


def test_the_replay_is_the_recursion_people_write():
    a, b = Value(0.7, "a"), Value(-1.3, "b")
    c = a * b + a
    root = tg.tanh(c) * c + c * a
    grads = {root: 1.0}
    shortcut_in_five_lines(root, grads)

    replay = tg.why_order(root).replays["recursive"]
    assert {n: replay.gradients[n] for n in grads} == pytest.approx(grads, rel=1e-12)


def test_the_sorted_steps_end_with_the_engine_s_gradients():
    a = Value(0.5, "a")
    b = tg.sin(a) * a
    root = b * b + tg.exp(b) * a
    totals = {step.parent: step.total for step in sorted_order(root)}

    right = adjoints(root)
    assert totals == {node: right[node] for node in totals}


def test_on_a_tree_every_order_is_right_and_the_report_says_so():
    report = tg.why_order(tg.tanh(Value(0.5, "a") * Value(2.0, "b")) + Value(1.0, "c"))

    assert report.agree
    assert report.text(200).count("on this graph the order does not matter") == len(SHORTCUTS)


@pytest.mark.long
def test_a_graph_with_too_many_paths_is_stopped_in_time():
    y = Value(1.0, "x")
    for _ in range(100):
        y = y + y
    report = tg.why_order(y)

    assert not report.replays["recursive"].finished
    assert len(report.replays["recursive"].steps) == MOST_STEPS
    assert "takes one step for every path" in report.text(200)
    assert len(report.text()) < 10_000


@pytest.mark.long
def test_a_deep_chain_needs_no_recursion():
    y = Value(1.0, "x")
    for _ in range(15_000):
        y = tg.sin(y)

    assert tg.why_order(y).agree


def test_what_is_no_value_is_refused():
    with pytest.raises(OperandError, match="why_order needs a Value, but got the int 3"):
        tg.why_order(3)
