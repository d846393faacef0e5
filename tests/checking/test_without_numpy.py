"""Comparing and measuring need no NumPy; putting a backprop on trial says clearly that it does."""

import subprocess
import sys

PROGRAM = """
import sys
sys.modules["numpy"] = None  # as if it were not installed
import tinygrad_lite as tg
from tinygrad_lite.testing import assert_gradients
x = tg.Value(3.0, label="x")
(x * x).backward()
assert tg.compare({"x": 6.0}, {"x": x}).ok and not tg.compare([5.0], [x]).ok
assert tg.gradcheck(lambda v: tg.exp(v[0]) * v[1], [1.0, 2.0]).ok
assert_gradients({"x": 6.0}, {"x": x})
w, b = tg.Value(3.0, label="w"), tg.Value(1.0, label="b")
named = tg.compare({"w": 10.0, "b": 10.0}, {"w": w, "b": b}, loss=(w * 3.0 + b - 5.0) ** 2)
assert [[m.code for m in each] for each in named.mistakes] == [["DROPPED_FACTOR"]], named
for formula in (lambda: tg.compare({"w": "2*w"}, {"w": w}, loss=w * w), lambda: tg.check_derivation("y = x^2")):
    try:
        formula()
    except ImportError as reason:
        assert "needs NumPy" in str(reason)
    else:
        raise AssertionError("formulas did without NumPy; say so")
try:
    tg.check
except ImportError as reason:
    print(reason)
"""


def test_comparing_and_measuring_do_without_numpy():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert "needs NumPy: pip install numpy" in done.stdout
