"""The derivations that `tg.explain` writes are accepted, line by line."""

import importlib.util
from pathlib import Path

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value

spec = importlib.util.spec_from_file_location("explaining", Path(__file__).with_name("explaining.py"))
explaining = importlib.util.module_from_spec(spec)
spec.loader.exec_module(explaining)


@pytest.mark.parametrize("seed", range(20))
def test_every_line_of_an_explanation_follows(seed):
    result = tg.check_derivation(explaining.explained(seed) + "\n")

    assert result.ok, result.text()


@pytest.mark.parametrize("seed", [2, 5, 8])
def test_a_number_changed_in_an_explanation_is_found(seed):
    text = explaining.told(seed).text()
    head = text[: text.rindex(" = ")]
    wrong = f"{head} = 77.5\n"

    assert tg.check_derivation(text + "\n").ok
    assert tg.check_derivation(wrong).first.number == len(wrong.splitlines())


def test_an_explanation_of_a_network_follows():
    net, x = tg.nn.MLP(2, [2, 1]), [Value(1.0, label="x1"), Value(-2.0, label="x2")]
    loss = (net(x) - 0.5) ** 2

    for told in (tg.explain(loss, x), tg.explain(loss, net.parameters()[0])):
        assert tg.check_derivation(told.text() + "\n").ok
        assert tg.check_derivation(told.markdown() + "\n").ok


def test_lines_of_numbers_are_not_accused_where_no_numbers_are_given():
    text = "z = w x + b, L = (z - t)^2\ndL/dz = 2(z - t) = 2 (1.5 - 0.25) = 2.5\ndL/dw = 7.5\n"
    result = tg.check_derivation(text)

    assert [line.status for line in result.lines[2:]] == ["not checked", "not checked"]
    assert tg.check_derivation(text, {"w": 1, "x": 3, "b": -1.5, "t": 0.25}).ok
    assert not tg.check_derivation(text, {"w": 1, "x": 3, "b": -1.5, "t": 0.75}).ok


def test_a_wrong_number_is_mended_by_the_number_that_belongs_there():
    text = "x = 1.5, y = 3, z = x y, L = z^2\ndL/dx = 2 z y = 27\ndL/dy = {}\n"
    sign, other = tg.check_derivation(text.format("-13.5")), tg.check_derivation(text.format("14.5"))

    assert (sign.first.number, sign.mistake.code, sign.mended) == (3, "SIGN", "dL/dy = 13.5")
    assert (other.first.number, other.mistake, other.mended) == (3, None, "dL/dy = 13.5")


def test_a_rounded_number_is_right_within_a_unit_of_its_last_digit():
    text = "x = 1.3, y = exp(2 x)\ny = {}\n"

    assert tg.check_derivation(text.format("13.46")).ok
    assert tg.check_derivation(text.format("13.463738")).ok
    assert not tg.check_derivation(text.format("13.48")).ok
