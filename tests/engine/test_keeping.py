"""Pickling and copying: any depth, sharing kept, nothing lost, and a failure leaves no trace.

The depth of the deep test is 100,000, a hundred times the recursion limit; for a million:
TINYGRAD_LITE_DEPTH=1000000 python -m pytest tests/engine/test_keeping.py
"""

import copy
import gc
import io
import math
import os
import pickle
import sys
import threading

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.graph import topological

DEEP = int(os.environ.get("TINYGRAD_LITE_DEPTH", "100000"))
PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)


def through_c(thing, protocol=pickle.HIGHEST_PROTOCOL):
    return pickle.loads(pickle.dumps(thing, protocol))


def through_python(thing, protocol=pickle.HIGHEST_PROTOCOL):
    file = io.BytesIO()
    pickle._Pickler(file, protocol).dump(thing)
    file.seek(0)
    return pickle._Unpickler(file).load()


WAYS = pytest.mark.parametrize("kept", [through_c, through_python, copy.deepcopy])


def record(root):
    """Everything about a graph as plain data."""
    order = topological(root)
    place = {node: i for i, node in enumerate(order)}
    return [
        (repr(n.data), repr(n.grad), n.label, n.op.name, repr(n.local), [place.get(p, p) for p in n.parents])
        for n in order
    ]


def lesson():
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    c = a * b + b**3 + 1.5
    loss = tg.tanh(c / 10) * c + tg.dot([a, b], [b, 3.0], c)
    loss.label = "loss"
    loss.backward()
    return a, loss


def chain(depth):
    x = Value(0.5, label="x")
    y = x
    for _ in range(depth):
        y = y + x
    return x, y


@WAYS
def test_a_graph_comes_back_whole(kept):
    _, loss = lesson()
    again = kept(loss)

    assert record(again) == record(loss)
    assert not set(topological(again)) & set(topological(loss))
    again.backward()
    loss.backward()
    assert record(again) == record(loss)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kept", [through_c, through_python])
def test_every_protocol_keeps_sharing(kept, protocol):
    a, loss = lesson()
    again_a, again_loss, same = kept([a, loss, loss], protocol)
    first_loss, then_a = kept((loss, a), protocol)

    assert again_a in topological(again_loss)
    assert same is again_loss
    assert then_a in topological(first_loss)
    assert record(again_loss) == record(first_loss) == record(loss)


def test_two_roots_share_their_common_part_in_one_deepcopy():
    a, loss = lesson()
    other = a * loss
    again_a, again_loss, again_other = copy.deepcopy([a, loss, other])

    assert again_other.parents == (again_a, again_loss)
    assert again_a in topological(again_loss)


@WAYS
def test_gradients_that_are_values_are_kept_with_their_graph(kept):
    x = Value(2.0, label="x")
    y = x**3 * 1.0
    y.backward(create_graph=True)
    again = kept(y)
    (again_x,) = [n for n in topological(again) if n.label == "x"]
    slope, again_x.grad = again_x.grad, 0.0
    slope.backward()

    assert (slope.data, again_x.grad) == (12.0, 12.0)
    assert again_x in topological(slope)


@WAYS
def test_a_gradient_may_reach_back_to_the_root_itself(kept):
    x = Value(2.0)
    y = x * x
    x.grad = y * 3.0
    again = kept(x)

    assert again.grad.parents[0].parents == (again, again)


@WAYS
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 0.1])
def test_odd_numbers_and_odd_gradients_are_kept(kept, number):
    leaf = Value(number, label="naïve \N{GREEK SMALL LETTER MU}")
    leaf.grad = None
    again = kept(leaf)

    assert repr(again.data) == repr(number)
    assert again.grad is None
    assert again.label == leaf.label


def test_a_copy_is_a_new_node_on_the_same_parents():
    _, loss = lesson()
    again = copy.copy(loss)
    again.data = 7.0

    assert again is not loss
    assert again.parents == loss.parents
    assert again.grad == loss.grad
    assert loss.data != 7.0
    assert again.label == "loss"


class Noted(Value):
    """A subclass with attributes of its own."""

    def __init__(self, data, note):
        super().__init__(data)
        self.note = note


@pytest.mark.parametrize("kept", [copy.deepcopy, copy.copy])
def test_a_subclass_keeps_its_class_and_its_attributes(kept):
    again = kept(Noted(1.0, ["note"]))

    assert type(again) is Noted
    assert again.note == ["note"]


def test_a_subclass_hands_its_attributes_to_the_pickle():
    make, arguments, state = Noted(1.0, ["note"]).__reduce_ex__(4)
    again = make(*arguments)

    assert (type(again), again.data, state) == (Noted, 1.0, {"note": ["note"]})


class Refuses:
    def __reduce__(self):
        raise RuntimeError("cannot be pickled")


@pytest.mark.long
def test_a_pickle_that_fails_half_way_does_not_disturb_the_next():
    _, y = chain(3_000)
    middle = topological(y)[1_500]
    middle.grad = Refuses()
    kept_alive = []
    with pytest.raises(RuntimeError) as failure:
        pickle.dumps(y)
    pickler = pickle.Pickler(io.BytesIO())
    with pytest.raises(RuntimeError):
        pickler.dump(y)  # this pickler stays alive, and what it was writing with it
    kept_alive += [failure, pickler]
    middle.grad = 0.0

    for root in (y, y.parents[0], middle, chain(3_000)[1]):
        assert record(through_c(root)) == record(root)
        assert record(through_python(root)) == record(root)


def test_one_pickler_can_write_several_graphs_one_after_the_other():
    a, loss = lesson()
    file = io.BytesIO()
    pickler = pickle.Pickler(file)
    for thing in (loss, a * loss, loss):
        pickler.dump(thing)
    file.seek(0)
    unpickler = pickle.Unpickler(file)
    first, second, third = (unpickler.load() for _ in range(3))

    assert first is third
    assert second.parents[1] is first


@WAYS
@pytest.mark.parametrize("order", [topological, lambda y: topological(y)[::-1], lambda y: topological(y)[::-7]])
def test_a_list_of_all_nodes_is_kept_in_linear_size(kept, order):
    _, y = chain(2_000)
    nodes = order(y)
    again = kept(nodes)

    assert [n.data for n in again] == [n.data for n in nodes]
    assert record(again[nodes.index(y)] if y in nodes else again[-1]) == record(y if y in nodes else nodes[-1])
    assert len(set(topological(*again))) == len(set(topological(*nodes)))
    assert len(pickle.dumps(nodes)) < 1.5 * len(pickle.dumps(y)) + 10_000


def test_two_picklers_can_take_turns():
    x, y = chain(3_000)
    z = y * x
    files = [io.BytesIO(), io.BytesIO()]
    first, second = pickle.Pickler(files[0]), pickle._Pickler(files[1])
    for pickler, thing in ((first, y), (second, z), (first, z), (second, y), (second, [x, y, z])):
        pickler.dump(thing)
    for file in files:
        file.seek(0)
    loads = [pickle.Unpickler(file) for file in files]

    assert record(loads[0].load()) == record(y)
    assert record(loads[0].load()) == record(z)
    again = loads[1].load()
    assert record(again) == record(z)
    assert loads[1].load() is again.parents[0]
    assert loads[1].load()[2] is again


@pytest.mark.long
def test_threads_pickle_their_graphs_at_the_same_time():
    roots = [chain(2_000 + i)[1] for i in range(4)]
    found = [None] * 4

    def work(i):
        for _ in range(3):
            found[i] = through_python(roots[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [record(r) for r in found] == [record(r) for r in roots]


@pytest.mark.long
@pytest.mark.parametrize("kept", [through_c, copy.deepcopy])
def test_a_very_deep_graph_is_kept_in_a_small_thread_with_the_recursion_limit_untouched(kept):
    limit, outcome = sys.getrecursionlimit(), []

    def work():
        x, y = chain(DEEP)
        again = kept(y)
        order = topological(again)
        again.backward()
        outcome.append((len(order), order[0].grad, again.data == y.data))
        del x, y, order, again  # freed here, inside the small stack

    old = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(old)

    assert outcome == [(DEEP + 1, DEEP + 1.0, True)]
    assert sys.getrecursionlimit() == limit


@pytest.mark.long
def test_keeping_leaves_nothing_behind():
    def alive():
        gc.collect()
        return sum(type(o) is Value for o in gc.get_objects())

    before = alive()
    x, y = chain(100)
    x.grad = Refuses()
    with pytest.raises(RuntimeError):
        pickle.dumps(y)
    x.grad = 0.0
    again = [through_c(y), copy.deepcopy(y)]
    del x, y, again

    assert alive() == before
