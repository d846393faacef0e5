"""A program that exercises ask about: forward, backward in the words of a learner, and what goes wrong in it.

A program is text, so that what is shown is what runs. Run on fractions it gives the key, run on Values the graph that
holds the key to account. Each mistake is a change of one line or two, under its code of the catalogue.
"""

from __future__ import annotations

import ast
import math
import random
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from tinygrad_lite.checking.result.entries import indices
from tinygrad_lite.engine import Value, ops

LARGEST = (1, 2, 3, 5)  # the whole numbers are drawn from -k to k, the smallest k first
DRAWS = 200  # for each k
SIMPLE = 2000  # no numerator and no denominator on the way is larger

Numbers = Mapping[str, Any]  # a name: a whole number, or nested lists of them


class Program:
    """One program: how it goes forward and backward, and the mistakes that can be made in it.

    Attributes:
        title: what it is, in a few words.
        level: 1 to 4.
        params, data: the shape of each; () is a single number.
        forward, backward: the lines. `backward` assigns `dv` for every `v` on the way, the last line first.
        wrong: for each code of the catalogue, what some lines of `backward` become: {variable: right-hand side}.
    """

    def __init__(
        self,
        title: str,
        level: int,
        params: dict[str, tuple[int, ...]],
        data: dict[str, tuple[int, ...]],
        forward: str,
        backward: str,
        wrong: dict[str, dict[str, str]],
    ) -> None:
        self.title: str = title
        self.level: int = level
        self.params: dict[str, tuple[int, ...]] = params
        self.data: dict[str, tuple[int, ...]] = data
        self.wrong: dict[str, dict[str, str]] = wrong
        self.forward: list[str] = [line.strip() for line in forward.strip().splitlines()]
        self.backward: list[str] = [line.strip() for line in backward.strip().splitlines()]

    @property
    def arrays(self) -> bool:
        """It needs NumPy."""
        return any({**self.params, **self.data}.values())

    def mistaken(self, *codes: str) -> list[str]:
        """The backward with these mistakes in it; the right one without any."""
        change = {name: right for code in codes for name, right in self.wrong[code].items()}
        return [f"{name} = {change.get(name, right)}" for name, right in map(assigned, self.backward)]

    def gradients(self, numbers: Numbers, *codes: str) -> dict[str, Any]:
        """Everything that the forward lines and the backward lines, with these mistakes, compute in fractions."""
        return self.run([*self.forward, *self.mistaken(*codes)], numbers)

    def run(self, lines: list[str], numbers: Numbers) -> dict[str, Any]:
        """The variables after some lines, in fractions; whoever hands over lines of his own runs his own code."""
        known: dict[str, Any] = {"__builtins__": __builtins__, "relu": lambda z: z * (z > 0), "exp": _exp}
        env = known | {name: _fractions(x) for name, x in numbers.items()}
        exec("\n".join(lines), env)  # the program's lines, or the learner's own on his own machine
        return {name: x for name, x in env.items() if name not in known}

    def record(self, numbers: Numbers) -> dict[str, Any]:
        """Everything that the forward lines compute, as Values with the names for labels."""
        env: dict[str, Any] = {name: _values(x, name) for name, x in numbers.items()}
        for name, expression in map(assigned, self.forward):
            env[name] = eval(expression, {"relu": ops.relu, "exp": ops.exp}, env)
            if isinstance(env[name], Value):
                env[name].label = name
        return env

    def draws(self, seed: str, smallest: int = 3) -> Iterator[dict[str, Any]]:
        """Whole numbers for it, first from -smallest to smallest, with nothing on a kink and all numbers simple."""
        for k in (k for k in LARGEST if k >= smallest):
            chance = random.Random(f"{self.title} {seed} {k}")
            for _ in range(DRAWS):
                numbers = {
                    name: self._drawn(name, shape, k, chance) for name, shape in {**self.params, **self.data}.items()
                }
                try:
                    found = self.gradients(numbers)
                except ZeroDivisionError:
                    continue
                if all(_simple(x) for name in found for x in flat(found[name])) and self._off_kinks(found):
                    yield numbers

    def _drawn(self, name: str, shape: tuple[int, ...], k: int, chance: random.Random) -> Any:
        if shape:
            return [self._drawn(name, shape[1:], k, chance) for _ in range(shape[0])]
        if any(f"exp({name})" in line for line in self.forward):
            return Log(chance.randint(1, k + 1))
        return chance.randint(-k, k)

    def _off_kinks(self, found: dict[str, Any]) -> bool:
        inside = [line.split("relu(")[1].rstrip(")") for line in self.forward if "relu(" in line]
        return all(x != 0 for name in inside for x in flat(found[name]))

    def asked(self) -> list[tuple[str, tuple[int, ...]]]:
        """Every entry of every parameter."""
        return [(name, index) for name, shape in self.params.items() for index in indices(shape)]


class Log:
    """The logarithm of a whole number, of which `exp` gives that number back: so a softmax stays in fractions."""

    def __init__(self, whole: int) -> None:
        self.whole = whole

    def __str__(self) -> str:
        return f"ln {self.whole}"

    __repr__ = __str__

    def __float__(self) -> float:
        return math.log(self.whole)


def flat(x: Any) -> list[Any]:
    """The numbers of an array, a list or a number, in reading order."""
    if hasattr(x, "ravel"):
        return list(x.ravel().tolist())
    return [n for item in x for n in flat(item)] if isinstance(x, (list, tuple)) else [x]


def entry(x: Any, index: tuple[int, ...]) -> Any:
    """An entry of an array, or the number itself; None where it has another shape."""
    shape = getattr(x, "shape", ())
    if len(shape) != len(index) or any(i >= n for i, n in zip(index, shape, strict=True)):
        return None
    return x[index] if index else x


def literal(x: Any) -> str:
    """A number or nested lists of them, as a learner writes them."""
    x = x.tolist() if hasattr(x, "tolist") else x
    return f"[{', '.join(map(literal, x))}]" if isinstance(x, (list, tuple)) else str(x)


def names_in(expression: str) -> set[str]:
    """The names in an expression."""
    return {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}


def assigned(line: str) -> tuple[str, str]:
    """The variable and the right-hand side of a line."""
    name, expression = line.split(" = ", 1)
    return name, expression


def _simple(x: Any) -> bool:
    return not isinstance(x, Fraction) or max(abs(x.numerator), x.denominator) <= SIMPLE


def _fractions(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        import numpy as np

        return np.array([_fractions(each) for each in x], dtype=object)
    return x if isinstance(x, Log) else Fraction(x)


def _exp(z: Any) -> Any:
    import numpy as np

    return np.array([Fraction(each.whole) for each in z], dtype=object)


def _values(x: Any, name: str) -> Any:
    if isinstance(x, (list, tuple)):
        from tinygrad_lite.arrays.array import array

        return array(_floats(x), label=name)
    return Value(float(x), label=name)


def _floats(x: Any) -> Any:
    return [_floats(each) for each in x] if isinstance(x, (list, tuple)) else float(x)
