"""What users of PyTorch and micrograd expect of a node: hooks, constants, one step of the chain rule, and more."""

import copy
import pickle

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.reverse import adjoints, zero_grad
from tinygrad_lite.errors import OperandError


def test_one_step_at_a_node_by_hand_gives_what_backward_gives():
    """The cells of micrograd's lecture: every `_backward` called by hand, from the output back."""
    x1, x2, w1, w2, b = (Value(x) for x in (2.0, 0.0, -3.0, 1.0, 6.8813735870195432))
    p1, p2 = x1 * w1, x2 * w2
    s = p1 + p2
    n = s + b
    o = n.tanh()
    o.grad = 1.0
    for node in (o, n, b, s, p1, p2, x1):
        node._backward()
    by_hand = [v.grad for v in (x1, w1, x2, w2)]
    for v in (x1, w1, x2, w2, b):
        v.grad = 0.0
    o.backward()

    assert by_hand == [v.grad for v in (x1, w1, x2, w2)]
    assert by_hand == pytest.approx([-1.5, 1.0, 0.5, 0.0])


def test_a_step_out_of_order_adds_what_the_node_has_now():
    a = Value(2.0)
    b = a * 3.0
    b.grad = 5.0
    b._backward()
    b._backward()

    assert a.grad == 30.0


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_hook_sees_the_whole_gradient_and_may_replace_it(create_graph):
    x, seen = Value(3.0), []
    y = x * x
    z = y + y * 2.0
    y.register_hook(lambda g: seen.append(getattr(g, "data", g)))
    remove = y.register_hook(lambda g: g * 10.0)
    z.backward(create_graph=create_graph)
    first, x.grad = getattr(x.grad, "data", x.grad), 0.0
    remove()
    z.backward()

    assert seen == [3.0, 3.0]
    assert (first, x.grad) == (180.0, 18.0)


def test_a_hook_of_a_leaf_sees_what_this_pass_adds():
    x, seen = Value(3.0), []
    x.register_hook(seen.append)
    x.register_hook(lambda g: -g)
    (x * 2.0).backward()
    (x * 5.0).backward()

    assert seen == [2.0, 5.0]
    assert x.grad == -7.0


def test_hooks_of_nodes_of_every_width_and_in_anomaly_mode():
    x = Value(2.0)
    for node in (x.tanh(), x * x, tg.sum([x, x, x]), tg.dot([x, x], [1.0, 2.0])):
        x.grad = 0.0
        (node * 1.0).backward()
        plain, x.grad = x.grad, 0.0
        node.register_hook(lambda g: 2.0 * g)
        assert (len(node.parents), len(node.local)) == (len(tuple(node.parents)), len(tuple(node.parents)))
        with tg.detect_anomaly():
            (node * 1.0).backward()
        assert x.grad == 2.0 * plain
        assert adjoints(node * 1.0)[x] == 2.0 * plain


def test_a_copy_and_a_pickle_have_no_hooks():
    x = Value(2.0)
    y = x * x
    y.register_hook(lambda g: 0.0)
    for kept in (copy.deepcopy(y), pickle.loads(pickle.dumps(y)), copy.copy(y)):
        assert kept.local == (2.0, 2.0)
        assert kept.notes is None


def test_a_constant_gets_no_gradient_and_passes_none_on():
    x, c = Value(3.0), Value(4.0, "c", requires_grad=False)
    y = x * c
    y.backward()

    assert (x.grad, c.grad) == (4.0, 0.0)
    assert (c.requires_grad, x.requires_grad, y.requires_grad) == (False, True, True)


def test_a_parameter_is_frozen_and_thawed():
    w = Value(3.0)
    w.grad = 1.0
    w.requires_grad = False
    (w * 2.0).backward()
    assert w.grad == 1.0
    w.requires_grad = True
    (w * 2.0).backward()

    assert w.grad == 3.0


def test_a_computed_node_cannot_be_frozen():
    with pytest.raises(OperandError, match=r"was made by mul at test_node\.py:\d+\.\n  Use node\.detach\(\)"):
        (Value(2.0) * 3.0).requires_grad = False


def test_detach_cuts_and_item_reads():
    x = Value(3.0)
    y = x * x
    cut = y.detach()
    (cut * x).backward()

    assert (x.grad, y.item(), cut.data, cut.parents) == (9.0, 9.0, 9.0, ())


def test_zero_grad_reaches_every_node():
    a, b = Value(2.0), Value(3.0)
    c = a * b
    d = c + a
    d.backward()
    zero_grad(d)

    assert [v.grad for v in (a, b, c, d)] == [0.0] * 4
