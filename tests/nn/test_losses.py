"""The losses against their formulas."""

import math

import pytest

from tinygrad_lite import Value, nn
from tinygrad_lite.errors import ShapeError


def test_cross_entropy_is_minus_the_log_of_the_softmax():
    logits = [Value(0.5), Value(-1.0), Value(2.0)]
    loss = nn.cross_entropy(logits, 2)
    loss.backward()
    total = sum(math.exp(z.data) for z in logits)
    softmax = [math.exp(z.data) / total for z in logits]

    assert loss.data == pytest.approx(-math.log(softmax[2]), rel=1e-14)
    assert [z.grad for z in logits] == pytest.approx([softmax[0], softmax[1], softmax[2] - 1], rel=1e-13)


def test_cross_entropy_takes_a_distribution():
    logits = [Value(0.5), Value(-1.0), Value(2.0)]
    soft = nn.cross_entropy(logits, [0.2, 0.3, 0.5])

    assert soft.data == pytest.approx(sum(t * nn.cross_entropy(logits, k).data for k, t in enumerate([0.2, 0.3, 0.5])))
    assert nn.cross_entropy(logits, [0.0, 1.0, 0.0]).data == nn.cross_entropy(logits, 1).data


def test_cross_entropy_is_stable_at_a_thousand():
    logits = [Value(1000.0), Value(-1000.0)]
    loss = nn.cross_entropy(logits, 1)
    loss.backward()

    assert loss.data == 2000.0
    assert [z.grad for z in logits] == [1.0, -1.0]


def test_cross_entropy_refuses_a_class_that_is_not_there():
    with pytest.raises(ShapeError, match="0 to 2 is needed for 3 logits, but got 3"):
        nn.cross_entropy([0.0, 0.0, 0.0], 3)
    with pytest.raises(ShapeError, match="got 2 and 3"):
        nn.cross_entropy([0.0, 0.0, 0.0], [0.5, 0.5])
