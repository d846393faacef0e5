"""The computation as a list of steps: the numbers in them are the engine's."""

import random

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.views.live.program import named
from tinygrad_lite.views.player.steps import steps


def random_root(seed):
    rng = random.Random(seed)
    values = [Value(rng.uniform(-2, 2), label=name) for name in "abc"]
    for _ in range(rng.randrange(3, 20)):
        x, y = rng.choice(values), rng.choice(values)
        values.append([x + y, x * y, tg.tanh(x), 2 * x - y, x * x][rng.randrange(5)])
    return tg.sum(values[-3:])


@pytest.mark.parametrize("seed", range(40))
def test_what_has_gathered_at_the_end_is_the_gradient(seed):
    graph = Graph(random_root(seed))
    exact = adjoints(graph.nodes[graph.roots[0]])

    gathered = {}
    for step in steps(graph, ".17g"):
        gathered |= step.grad

    assert gathered
    for i, text in gathered.items():
        assert float(text) == pytest.approx(exact[graph.nodes[i]], rel=1e-12, abs=1e-12)


def test_every_value_is_set_once_and_every_operand_lights_up():
    graph = Graph(random_root(7))
    played = steps(graph)

    set_once = [i for step in played for i in step.data]
    assert sorted(set_once) == list(range(len(graph)))
    lit = {key for step in played for key in step.lit}
    assert {f"e{child}.{k}" for _, child, k, _ in graph.edges()} <= lit


def test_nothing_flies_along_a_constant():
    graph = Graph(2 * Value(3.0, label="x"))

    flights = [flight for step in steps(graph) for flight in step.fly]

    assert flights == [("e2.1", "2")]


def test_a_number_used_twice_adds_its_shares_up_in_the_formula():
    x = Value(3.0, label="x")

    formulas = [step.formula for step in steps(Graph(x * x + x))]

    assert "d y/d x = 1" in formulas[4] or "d y/d x = 1 * 1 = 1" in formulas[4]
    assert formulas[5] == "d y/d x = 1 + 1 * 3 + 1 * 3 = 7"


def test_unlabelled_nodes_have_names_that_the_picture_shows_too():
    a = Value(1.0, label="a")

    assert named(Graph(-(a + 2.0))) == ["a", "2", "v2", "y"]


def test_no_grad_is_touched():
    x = Value(3.0)
    steps(Graph(x * x))

    assert x.grad == 0.0


def test_a_negative_number_has_brackets_where_the_formula_would_read_wrong_without():
    x = Value(-2.0, label="x")

    formulas = [step.formula for step in steps(Graph((3.0 - x) * tg.tanh(x) ** 2))]

    assert formulas[1:4] == ["3 - x = 3 - (-2) = 5", "tanh(x) = tanh(-2) = -0.964", "v3**2 = (-0.964)**2 = 0.9293"]


def test_a_negative_gradient_in_a_sum_stands_in_brackets():
    x = Value(3.0, label="x")
    formulas = [step.formula for step in steps(Graph(-(x * x) - x))]

    assert "d y/d x = -1 + (-1) * 3 + (-1) * 3 = -7" in formulas
