"""Fused nodes written out keep every number and every gradient."""

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.views.picture.elementary import written_out


def neuron():
    w, x, b = [Value(0.5), Value(-1.0)], [Value(2.0), Value(3.0)], Value(0.1, label="b")
    return w, x, b, tg.tanh(tg.dot(w, x, b)) * tg.sum([w[0], b, 1.5])


def test_the_copy_is_elementary_and_computes_the_same():
    *_, out = neuron()
    out.backward()
    copy = written_out(out)[out]
    names = [node.op.name for node in topological(copy)]

    assert copy.data == out.data
    assert "dot" not in names
    assert "sum" not in names
    assert {"dot", "sum"} < {node.op.name for node in topological(out)}  # the graph itself is left as it was


def test_the_gradients_between_are_those_of_a_backward_pass_through_the_copy():
    *_, out = neuron()
    out.backward()
    copy = written_out(out)[out]
    exact = adjoints(copy)

    assert [node.grad for node in topological(copy)] == pytest.approx([exact[node] for node in topological(copy)])


def test_an_operand_used_twice_stays_one_leaf():
    x = Value(3.0)
    out = tg.dot([x, x], [x, 2.0])
    out.backward()
    copy = written_out(out)[out]

    assert topological(copy)[0] is x
    assert adjoints(copy)[x] == x.grad == 8.0


def test_a_fused_node_whose_operands_changed_since_stays_fused():
    w = Value(2.0)
    out = tg.dot([w], [3.0], Value(1.0))
    w.data = 5.0

    assert written_out(out)[out].op.name == "dot"


def test_a_sum_of_one_term_stays_what_it_is():
    x = Value(2.0)
    out = tg.sum([x])

    assert written_out(out)[out].op.name == "sum"
