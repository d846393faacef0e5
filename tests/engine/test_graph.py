"""The two walks over a graph: the quick list and the numbered snapshot."""

import random

import pytest

from tinygrad_lite.engine import Graph, Value, dot, topological
from tinygrad_lite.engine.graph import walk


def some_graph(seed, size=300):
    """A random graph of that many nodes, in which early nodes are met again from deep down."""
    rng = random.Random(seed)
    nodes = [Value(rng.uniform(0.5, 1.5)) for _ in range(5)]
    for _ in range(size):
        a, b = rng.choice(nodes), rng.choice(nodes)
        made = [a + b, (a * b).tanh(), a - 1.0, 2.0 * b, dot([a, b], [b, a], a)]
        nodes.append(rng.choice(made))
    return nodes


@pytest.mark.parametrize("seed", range(20))
def test_every_parent_stands_before_its_child(seed):
    nodes = some_graph(seed)
    order = topological(*nodes[-3:])
    place = {node: i for i, node in enumerate(order)}

    assert len(place) == len(order)
    for node in order:
        assert all(place[p] < place[node] for p in node.parents if isinstance(p, Value))
    assert set(nodes[-3:]) <= set(order)


def test_the_order_is_that_of_writing_and_the_same_every_time():
    a, b = Value(1.0, "a"), Value(2.0, "b")
    c = b * a
    d = a + c

    assert topological(d) == [a, b, c, d]
    assert topological(d) == topological(d)
    assert topological(c, d) == [b, a, c, d]
    assert topological(a) == [a]
    assert walk((d,)) == ([a, b, c, d], [a, b])


def test_two_to_the_sixtieth_paths_take_linear_time():
    x = Value(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()

    assert len(topological(y)) == 61
    assert x.grad == 2.0**60


def test_a_snapshot_gives_each_use_of_a_bare_number_a_box():
    x = Value(3.0, label="x")
    g = Graph(2.0 * x + 2.0)

    assert [(n.op.name, n.data) for n in g.nodes] == [
        ("leaf", 3.0),
        ("constant", 2.0),
        ("mul", 6.0),
        ("constant", 2.0),
        ("add", 8.0),
    ]
    assert g.parents == [(), (), (1, 0), (), (2, 3)]
    assert g.roots == (4,)
    assert g.number[x] == 0
    assert len(g) == 5
    assert list(g.edges()) == [(1, 2, 0, None), (0, 2, 1, 2.0), (2, 4, 0, 1.0), (3, 4, 1, None)]


def test_a_snapshot_of_several_roots_shares_what_they_share():
    x = Value(3.0)
    a, b = x * x, x + 1.0
    g = Graph(a, b, a)

    assert [g.nodes[i] for i in g.roots] == [a, b, a]
    assert sum(node is x for node in g.nodes) == 1
