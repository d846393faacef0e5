"""One op, one place: one entry is all that a new op needs, and everything else follows from it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")

ENTRY = """
import math
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import primitive

def rule(x, out):
    t = ops.tanh(ops.softplus(x))
    return (t + x * ops.sigmoid(x) * (1.0 - t * t),)

mish = primitive(
    name="mish",
    forward=lambda x: x * math.tanh(ops.softplus.forward(x)),
    partials=rule,
    doc="A smooth relu that dips below 0.",
    lower=lambda x: x * ops.tanh(ops.softplus(x)),
    source="{x} * {lib}.tanh({lib}.logaddexp(0.0, {x}))",
    torch="torch.nn.functional.mish({x})",
    activation=True,
)
turn = primitive(
    name="turn",
    forward=math.degrees,
    partials=lambda x, out: (180.0 / math.pi,),
    doc="An angle in degrees.",
    source="{lib}.rad2deg({x})",
)
"""

WALK = """
import doctest, math, sys
import numpy as np
import tinygrad_lite as tg
from tinygrad_lite import Value, nn
from tinygrad_lite.compiler.backends.choice import available
from tinygrad_lite.engine.op import TABLE

before = set(dir(tg))
import new_ops

close = lambda a, b: np.allclose(np.asarray(a, float), np.asarray(b, float), rtol=1e-9, atol=1e-12)
value = lambda x: x * math.tanh(math.log1p(math.exp(x)))
slope = lambda x: (value(x + 1e-5) - value(x - 1e-5)) / 2e-5

# functions, methods, NumPy
assert set(dir(tg)) - before == {"mish", "turn", "rad2deg"} and "mish" in tg.__all__
assert close(tg.mish(0.7), value(0.7)) and close(Value(0.7).mish().data, value(0.7))
X = np.array([-1.0, 0.5])
assert close(tg.mish(X), [value(-1.0), value(0.5)]) and close(tg.data(tg.mish(tg.array(X))), tg.mish(X))
assert close(tg.data(np.rad2deg(tg.array(X))), np.rad2deg(X)) and close(Value(1.0).rad2deg().data, math.degrees(1.0))

# help
text = tg.mish.__doc__
assert all(part in text for part in ("dips below 0", "Formula", "Derivative: d/dx = ", "Domain", ">>> ")), text
runner = doctest.DocTestRunner(verbose=False)
shown = []
runner.run(doctest.DocTestParser().get_doctest(text, {}, "mish", None, 0), out=shown.append)
assert runner.failures == 0 and runner.tries >= 4, shown

# picture, explanation
x = Value(0.7, "x")
y = tg.mish(x) * 2.0
y.backward()
assert close(x.grad, 2.0 * slope(0.7)) or abs(x.grad - 2.0 * slope(0.7)) < 1e-8
assert "mish" in tg.draw(y).dot and "mish" in str(tg.explain(y, x)) and "mish" in tg.explain(y, x).latex()

# transforms
f = lambda v: tg.mish(v) ** 2
assert abs(tg.grad(f)(0.7) - 2 * value(0.7) * slope(0.7)) < 1e-8
assert abs(tg.jvp(f, (0.7,), (1.0,))[1] - tg.grad(f)(0.7)) < 1e-12
assert abs(tg.hessian(f)(0.7) - (tg.grad(f)(0.7 + 1e-5) - tg.grad(f)(0.7 - 1e-5)) / 2e-5) < 1e-7
assert abs(tg.derivative(f, 2)(0.7) - tg.hessian(f)(0.7)) < 1e-9

# exports
assert close(tg.to_numpy(y).function(0.7)[0], y.data) and close(tg.to_numpy(y).function(0.7)[1]["x"], x.grad)
assert tg.from_json(tg.to_json(y)).data == y.data
if sys.argv[1:] == ["libraries"]:
    assert "torch.nn.functional.mish(x)" in str(tg.to_torch(y)) and "jnp.logaddexp(0.0, x)" in str(tg.to_jax(y))

# networks, checks
model = nn.MLP(2, [3, 1], activation="mish", seed=0)
assert close(model([0.3, -0.2]).data, tg.compile(lambda v: model(v))([0.3, -0.2]))
assert tg.gradcheck(f, 0.7)

# back ends
for backend in available():
    fast = tg.compile(f, backend=backend)
    got, derivative = fast.value_and_grad(0.7)
    assert close(got, f(0.7)) and close(derivative, tg.grad(f)(0.7)), backend

from tinygrad_lite.commands.expression import parse
assert close(parse("mish(a)", {"a": 0.7}).data, value(0.7))
print("everything", ",".join(available()))
"""


@pytest.mark.parametrize("words", [[], pytest.param(["libraries"], marks=pytest.mark.long)])
def test_an_op_of_one_entry_is_everywhere(words, tmp_path):
    (tmp_path / "new_ops.py").write_text(ENTRY)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{tmp_path}"}
    run = subprocess.run([sys.executable, "-c", WALK, *words], capture_output=True, text=True, env=environment)

    assert run.stdout.startswith("everything"), run.stderr[-2000:]


@pytest.mark.long
def test_the_generic_tests_take_it_too(tmp_path):
    (tmp_path / "new_ops.py").write_text(ENTRY)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "new_ops",
        "-p",
        "no:cacheprovider",
        "tests/engine/test_ops.py",
        "tests/export",
        "-k",
    ]
    chosen = "(mish or turn) and not sixty and not rule_on_values"
    run = subprocess.run([sys.executable, *command, chosen], capture_output=True, text=True, env=environment, cwd=root)

    assert run.returncode == 0, run.stdout[-2000:]
    assert " passed" in run.stdout
