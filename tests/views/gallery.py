"""Forty pictures of what people draw, each by a name: for `test_approved.py`, and to be looked at.

python -m tests.views.gallery FOLDER      # every picture as a PNG
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import Value, nn


def leaves(**numbers):
    return [Value(number, label=label) for label, number in numbers.items()]


def back(root, label=""):
    root.label = label or root.label
    root.backward()
    return root


def neuron():
    x1, x2, w1, w2, b = leaves(x1=2.0, x2=0.0, w1=-3.0, w2=1.0, b=6.8814)
    return back((w1 * x1 + w2 * x2 + b).tanh(), "o")


def lesson(n=4):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n, 3)).round(2), rng.normal(size=(n, 1)).round(2)
    W1, b1 = tg.array(rng.normal(size=(3, 4)).round(2), label="W1"), tg.array(np.zeros(4), label="b1")
    W2, b2 = tg.array(rng.normal(size=(4, 1)).round(2), label="W2"), tg.array(np.zeros(1), label="b2")
    return back(np.mean((np.maximum(0, X @ W1 + b1) @ W2 + b2 - y) ** 2), "loss")


def moons(penalty=1e-3):
    model = nn.MLP(2, [4, 4, 1], seed=1)
    pairs = [((0.5, -1.0), 1.0), ((1.0, 2.0), -1.0), ((-1.0, 0.3), 1.0), ((0.2, 0.1), -1.0)]
    hinge = tg.mean([(1.0 - y * model(list(x))).relu() for x, y in pairs])
    return back(hinge + penalty * tg.sum([p * p for p in model.parameters()]), "loss")


def lstm():
    x, h, c = leaves(x=0.5, h=0.1, c=-0.3)
    gate = {k: sum(v * z for v, z in zip(leaves(**{f"W{k}": 0.4, f"U{k}": -0.2}), (x, h), strict=True)) for k in "ifog"}
    cell = gate["f"].sigmoid() * c + gate["i"].sigmoid() * gate["g"].tanh()
    cell.label = "c'"
    return back(gate["o"].sigmoid() * cell.tanh(), "h'")


def attention():
    q, k1, k2, v1, v2 = leaves(q=0.7, k1=1.0, k2=-0.5, v1=2.0, v2=-1.0)
    scores = [q * k1, q * k2]
    top = tg.logsumexp(scores)
    return back(sum((s - top).exp() * v for s, v in zip(scores, (v1, v2), strict=True)), "y")


def recurrence(steps=6):
    w, h = leaves(w=0.9, h0=1.0)
    for _ in range(steps):
        h = (w * h + 0.1).tanh()
    return back(h)


def fraction():
    a, b = leaves(a=3.0, b=5.0)
    return back((a - b) / (b - 2.0 * a))


def square():
    (x,) = leaves(x=3.0)
    return back(x * x + x, "y")


def labelled(*labels):
    a, b, c = (Value(float(i + 2), label=label) for i, label in enumerate(labels))
    return back(a * b + c)


def stale():
    x, w = leaves(x=2.0, w=3.0)
    y = back(x * w + 1.0)
    x.data = 5.0
    return y


def accumulated():
    y = square()
    y.backward()
    return y


def fused():
    w, x = leaves(w1=1.0, w2=-2.0), leaves(x1=3.0, x2=0.5)
    return back(tg.dot(w, x, Value(0.25, label="b")).relu())


def extremes():
    a, b, c = leaves(tiny=1.5e-9, huge=-2.5e12, third=1 / 3)
    return back(a * b + c)


def broken():
    a, b = Value(float("inf"), label="inf"), Value(0.0, label="zero")
    return back(a * b + 1.0)


def classes():
    rng = np.random.default_rng(1)
    X, W = rng.normal(size=(3, 2)).round(2), tg.array(rng.normal(size=(2, 3)).round(2), label="W")
    Z = X @ W
    logs = [tg.logsumexp(list(row)) - row[k] for row, k in zip(Z, (0, 2, 1), strict=True)]
    return back(tg.mean(logs), "loss")


def rows():
    X, W = tg.array(np.ones((2, 3)), label="X"), tg.array(np.full((3, 2), 0.5), label="W1")
    return back(np.sum(np.tanh(X @ W)))


def hand():
    w, x = leaves(w=2.0, x=3.0)
    return tg.draw_diff({"w": 15.0}, back((w * x - 1.0) ** 2, "loss"))


def after_a_step(**options):
    (w,) = leaves(w=2.0)
    before = tg.draw(back((w * 3.0 - 1.0) ** 2, "loss"), **options)
    w.data -= 0.01 * w.grad
    w.grad = 0.0
    return tg.draw_diff(before, back((w * 3.0 - 1.0) ** 2, "loss"), **options)


def cells(value):
    return {"mul": "products", "tanh": "bend"}.get(value.op.name)


def named():
    a, b = Value(2.0), Value(-3.0)
    c = a * b
    return tg.draw(back((c + a).tanh()), names=True)


def paths():
    y = square()
    x = y.parents[1]
    return tg.draw(y, paths=x)


PICTURES = {
    "neuron": lambda: tg.draw(neuron()),
    "neuron downwards": lambda: tg.draw(neuron(), direction="TB"),
    "neuron dark": lambda: tg.draw(neuron(), theme="dark"),
    "neuron print": lambda: tg.draw(neuron(), theme="print"),
    "neuron heat": lambda: tg.draw(neuron(), heat=True),
    "neuron title": lambda: tg.draw(neuron(), title="A neuron: two inputs & a bias"),
    "neuron contributions": lambda: tg.draw(neuron(), show=("data", "grad", "contribution")),
    "neuron derivatives": lambda: tg.draw(neuron(), show=("data", "local")),
    "neuron data alone": lambda: tg.draw(neuron(), show="data"),
    "neuron six digits": lambda: tg.draw(neuron(), format=".6f"),
    "square": lambda: tg.draw(square()),
    "square paths": paths,
    "fraction": lambda: tg.draw(fraction()),
    "fraction heat dark": lambda: tg.draw(fraction(), heat=True, theme="dark"),
    "lesson": lambda: tg.draw(lesson()),
    "lesson one box": lambda: tg.draw(lesson(), depth=0),
    "lesson neurons": lambda: tg.draw(lesson(), depth=2),
    "lesson third sample": lambda: tg.draw(lesson(), depth=1, sample=2),
    "lesson of one sample": lambda: tg.draw(lesson(1), depth=None),
    "moons": lambda: tg.draw(moons(), depth=1),
    "moons penalty open": lambda: tg.draw(moons(), depth=1, expand="penalty"),
    "moons layer open": lambda: tg.draw(moons(), depth=1, expand="layers.1"),
    "moons heat": lambda: tg.draw(moons(), depth=1, heat=True),
    "lstm cell": lambda: tg.draw(lstm()),
    "attention": lambda: tg.draw(attention()),
    "recurrence": lambda: tg.draw(recurrence()),
    "classes": lambda: tg.draw(classes(), depth=1),
    "rows of an array": lambda: tg.draw(rows(), depth=1),
    "hand and exact": hand,
    "before and after": after_a_step,
    "before and after downwards": lambda: after_a_step(direction="TB"),
    "chinese": lambda: tg.draw(labelled("权重", "输入", "偏置"), title="神经元"),
    "other scripts": lambda: tg.draw(labelled("وزن", "भार", "вес")),
    "long labels": lambda: tg.draw(labelled("a very long label that goes on and on", "<b>&", "x" * 60)),
    "stale": lambda: tg.draw(stale()),
    "two passes": lambda: tg.draw(accumulated()),
    "fused": lambda: tg.draw(fused()),
    "fused written out": lambda: tg.draw(fused(), elementary=True),
    "extremes": lambda: tg.draw(extremes()),
    "not a number": lambda: tg.draw(broken()),
    "a rule of one's own": lambda: tg.draw(neuron(), collapse=cells),
    "names of variables": named,
    "narrow": lambda: tg.draw(square(), direction="TB", show=("data", "grad")),
}


def picture(name):
    """The picture, placed by the layout that is the same everywhere."""
    return PICTURES[name]()


if __name__ == "__main__":
    from tinygrad_lite.views.formats import raster

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in PICTURES:
        (folder / f"{name}.png").write_bytes(raster.png(picture(name).svg, 1.0))
