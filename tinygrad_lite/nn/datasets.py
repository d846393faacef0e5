"""Data to train on: real measurements that come with the package, and shapes drawn by a seeded generator.

    iris, digits                           shipped, see `tinygrad_lite/data/README.md` for sources and licences
    moons, circles, spirals, xor           points in the plane, in classes 0, 1, ...
    linear, sine                           numbers to predict from numbers

The generators draw from `random.Random(seed)`, so that the same call gives the same data on every machine.
"""

from __future__ import annotations

import csv
import gzip
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_lite.nn.dataset import Dataset


def iris() -> Dataset:
    """Fisher's irises: 150 flowers, four lengths in cm, three species of 50 flowers each.

    Source: R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of
    Eugenics 7 (1936) 179-188; see `tinygrad_lite/data/README.md` for the version and the licence.

    >>> data = iris()
    >>> data, data[0]
    (Dataset(150 samples of 4 numbers), ([5.1, 3.5, 1.4, 0.2], 0))
    >>> data.target_names
    ('setosa', 'versicolor', 'virginica')
    """
    text = _file("iris.csv").read_text(encoding="utf-8")
    header, *rows = csv.reader(text.splitlines())
    names = list(dict.fromkeys(row[4] for row in rows))
    return Dataset(
        [[float(x) for x in row[:4]] for row in rows],
        [names.index(row[4]) for row in rows],
        header[:4],
        names,
        "R. A. Fisher 1936, as corrected to the article; CC BY 4.0 (UCI Machine Learning Repository)",
    )


def digits() -> Dataset:
    """Handwritten digits: 1,797 pictures of 8 x 8 points, row by row, ink from 0 (none) to 16, and the digit.

    Divide by 16, or use `standardized`, before training. Source: E. Alpaydin and C. Kaynak, "Optical
    recognition of handwritten digits", 1998, the test set; see `tinygrad_lite/data/README.md`.

    >>> data = digits()
    >>> data
    Dataset(1797 samples of 64 numbers)
    >>> x, t = data[0]
    >>> for row in range(8): print("".join(" .:oO#@@@"[int(ink) // 2] for ink in x[8 * row : 8 * row + 8]).rstrip())
      :@O
      @@#@:
     .@. #O
     :@  OO
     :O  OO
     :#  @o
     .@:#@
      o@#
    >>> t
    0
    """
    packed = _file("digits.csv.gz").read_bytes()
    rows = [[int(x) for x in line.split(",")] for line in gzip.decompress(packed).decode("ascii").splitlines()]
    return Dataset(
        [[float(x) for x in row[:64]] for row in rows],
        [row[64] for row in rows],
        [f"row {r} column {c}" for r in range(8) for c in range(8)],
        [str(k) for k in range(10)],
        "E. Alpaydin and C. Kaynak 1998; CC BY 4.0 (UCI Machine Learning Repository)",
    )


def moons(n: int = 100, *, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Two half circles of radius 1 that interlock, n points in all, shaken by Gaussian noise of that deviation.

    The upper one (class 0) is centred at the origin; the lower one (class 1) at (1, 0.5).

    >>> moons(100, seed=0)
    Dataset(100 samples of 2 numbers)
    """
    shapes = [(math.cos, math.sin), (lambda a: 1 - math.cos(a), lambda a: 0.5 - math.sin(a))]
    places = [(x(a), y(a)) for (x, y), m in zip(shapes, _shares(n, 2), strict=True) for a in _steps(math.pi, m)]
    return _points(places, [k for k, m in enumerate(_shares(n, 2)) for _ in range(m)], noise, seed)


def circles(n: int = 100, *, noise: float = 0.05, ratio: float = 0.5, seed: int = 0) -> Dataset:
    """A circle of radius 1 (class 0) and one of radius `ratio` inside it (class 1), n points in all, with noise."""
    places = [
        (r * math.cos(2 * math.pi * i / m), r * math.sin(2 * math.pi * i / m))
        for r, m in zip((1.0, ratio), _shares(n, 2), strict=True)
        for i in range(m)
    ]
    return _points(places, [k for k, m in enumerate(_shares(n, 2)) for _ in range(m)], noise, seed)


def spirals(n: int = 100, *, classes: int = 2, turns: float = 1.0, noise: float = 0.03, seed: int = 0) -> Dataset:
    """Arms that start near the origin and wind outward to radius 1, one for each class, n points in all, with noise."""
    places = []
    for k, m in enumerate(_shares(n, classes)):
        for step in _steps(1.0, m):
            radius, angle = 0.1 + 0.9 * step, 2 * math.pi * (turns * step + k / classes)
            places.append((radius * math.cos(angle), radius * math.sin(angle)))
    return _points(places, [k for k, m in enumerate(_shares(n, classes)) for _ in range(m)], noise, seed)


def xor(n: int = 100, *, noise: float = 0.2, seed: int = 0) -> Dataset:
    """Four clusters at the corners (-1, -1) to (1, 1): class 1 where the signs differ, n points in all."""
    corners = [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)]
    places = [corner for corner, m in zip(corners, _shares(n, 4), strict=True) for _ in range(m)]
    return _points(places, [int(x * y < 0) for x, y in places], noise, seed)


def linear(
    n: int = 100, *, weights: Sequence[float] = (2.0, -3.0), bias: float = 0.5, noise: float = 0.1, seed: int = 0
) -> Dataset:
    """Inputs between -1 and 1, and the target weights . x + bias with Gaussian noise: what a linear fit should find."""
    rng = random.Random(seed)
    rows = [[rng.uniform(-1, 1) for _ in weights] for _ in range(n)]
    targets = [sum(w * x for w, x in zip(weights, row, strict=True)) + bias + rng.gauss(0, noise) for row in rows]
    return Dataset(rows, targets, [f"x{i + 1}" for i in range(len(weights))], source="drawn by nn.datasets.linear")


def sine(n: int = 100, *, noise: float = 0.1, seed: int = 0) -> Dataset:
    """One input between -pi and pi, and the target sin(x) with Gaussian noise."""
    rng = random.Random(seed)
    rows = [[rng.uniform(-math.pi, math.pi)] for _ in range(n)]
    return Dataset(
        rows, [math.sin(x) + rng.gauss(0, noise) for (x,) in rows], ["x"], source="drawn by nn.datasets.sine"
    )


def _shares(n: int, parts: int) -> list[int]:
    """n points shared among the parts, the first ones taking what does not divide."""
    return [n // parts + (k < n % parts) for k in range(parts)]


def _steps(end: float, m: int) -> Iterator[float]:
    """m numbers from 0 to `end`, equally far apart."""
    return (end * i / max(m - 1, 1) for i in range(m))


def _points(places: Sequence[tuple[float, float]], classes: Sequence[int], noise: float, seed: int) -> Dataset:
    """Points in the plane shaken by noise, in a shuffled order."""
    rng = random.Random(seed)
    rows = [[x + rng.gauss(0, noise), y + rng.gauss(0, noise)] for x, y in places]
    order = list(range(len(rows)))
    rng.shuffle(order)
    names = [str(k) for k in range(max(classes, default=0) + 1)]
    return Dataset([rows[i] for i in order], [classes[i] for i in order], ["x", "y"], names, "drawn by nn.datasets")


def _file(name: str) -> Any:
    from importlib.resources import files  # here, since it loads `inspect` from Python 3.12 on

    return files("tinygrad_lite").joinpath("data", name)
