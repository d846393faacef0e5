"""What is said of a large gradient: the path with the largest product, its share, and its factors."""

import math
import re

import pytest

import tinygrad_lite as tg
from tinygrad_lite.engine import Value


def products(root, param):
    """All paths from root down to param, each with the product of its local derivatives: by recursion."""
    if root is param:
        return [1.0]
    return [
        d * rest for p, d in zip(root.parents, root.local, strict=True) if d is not None for rest in products(p, param)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_the_path_told_is_the_one_with_the_largest_product(seed):
    numbers = [math.sin(3.0 * seed + i) * 5 for i in range(4)]
    w = Value(numbers[0] + 3.0, label="w")
    a = w * (numbers[1] * 40) + (w * numbers[2]).exp()
    root = a * a * (numbers[3] * 30) + w * 1e5

    said = tg.why_large(w, root)
    found = products(root, w)
    largest = max(found, key=abs)

    assert f"Of its {len(found)} paths" in said
    assert float(re.search(r"product of (\S+),", said)[1]) == pytest.approx(largest, rel=1e-5)
    gradient = float(re.search(r"gradient of w is (\S+)\. ", said)[1])
    assert gradient == pytest.approx(math.fsum(found), rel=1e-5)
    assert int(re.search(r"which is (-?\d+) %", said)[1]) == round(100 * largest / math.fsum(found))


def test_gradients_that_are_not_large_and_nodes_without_one():
    w, other = Value(2.0, label="w"), Value(1.0, label="other")

    assert tg.why_large(w, w * 3.0) == "The gradient of w is 3, which is not large."
    assert tg.why_large(other, w * 3.0) == tg.why_zero(other, w * 3.0)
    assert "a bare number" in tg.why_large(3.0, w)
    assert "the root itself" in tg.why_large(w, w)


def test_many_small_paths_may_add_up():
    w = Value(1.0, label="w")
    total = w
    for _ in range(12):
        total = total + total

    said = tg.why_large(w, total)

    assert "Of its 4,096 paths" in said
    assert "No factor is above 1" in said
