"""The table of nodes: shares add up, products are products, CSV is whole."""

import csv
import io
import math

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.errors import OperandError, StaleGraphError


def lines_of(root):
    return list(csv.DictReader(io.StringIO(tg.table(root).csv())))


def example():
    a, b = Value(-4.0, "a"), Value(2.0, "b")
    c = a * b
    c.label = "c"
    return tg.tanh(c + b**3) * tg.dot([a, b], [b, 0.5]) + c, (a, b, c)


def test_the_shares_of_each_node_add_up_to_its_gradient():
    root, (a, b, c) = example()
    right = adjoints(root)
    for node in (a, b, c):
        shares = [line for line in lines_of(root) if line["node"] == node.label]
        assert math.fsum(float(s["contribution"]) for s in shares) == pytest.approx(right[node], rel=1e-14)
        assert {float(s["gradient"]) for s in shares} == {right[node]}
        for s in shares:
            assert float(s["upstream"]) * float(s["local"]) == float(s["contribution"])


def test_every_node_has_a_line_and_every_edge_a_share():
    root, _ = example()
    order = topological(root)
    lines = lines_of(root)

    assert len({line["node"] for line in lines}) == len(order) == 9
    assert sum(line["from"] != "" for line in lines) == sum(s is not None for node in order for s in node.local) == 13
    assert next(line for line in lines if line["op"] == "dot")["computed as"] == "a*b + b*0.5"


def test_what_belongs_to_a_node_is_shown_once_and_written_to_csv_in_every_line():
    root, _ = example()

    shown = [line for line in tg.table(root).text(200).split("\n") if line.startswith("b ")]
    assert len(shown) == 1
    assert sum(line["node"] == "b" for line in lines_of(root)) == 4


def test_a_long_table_shows_its_ends_and_keeps_every_line_in_csv():
    y = Value(0.5, "x")
    for _ in range(500):
        y = tg.sin(y)
    table = tg.table(y, most=20)

    assert len(table.text(200).split("\n")) < 30
    assert "481 lines in the middle are left out" in table.text(200)
    assert len(table.csv().split("\n")) == 503
    assert len(table.to_dict()["rows"]) == 501


def test_hostile_labels_stay_out_of_formulas_and_are_named_below():
    x = Value(0.5, "<script>")
    table = tg.table(x * 2.0)

    assert "v1 is labelled <script>" in table.text()
    assert "<script>" not in table.html()


def test_changed_data_and_wrong_arguments_are_refused():
    a = Value(2.0, "a")
    y = a * a
    a.data = 3.0
    with pytest.raises(StaleGraphError):
        tg.table(y)
    with pytest.raises(OperandError, match="table needs the Value"):
        tg.table([1.0])
