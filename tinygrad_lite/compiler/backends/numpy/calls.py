"""The names, rooms and lines of a NumPy text as it grows.

In: requests for views, for room and for calls. Out: text. A line belongs to `once`, if it needs no parameters, or to
`run`. Room for what lies between is taken from a pool and given back as soon as it is free.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.compiler.backends.numpy import nodes
from tinygrad_lite.compiler.backends.numpy.reads import Axis, Lengths, Node, Operand, read


class Calls:
    """The text of one plan as it grows.

    Attributes:
        views: lines that name arrays and views of arrays, done once for each set of buffers.
        once: calls that need the data alone; run: all the others.
    """

    def __init__(self, sizes: dict[str, int], samples: set[str]) -> None:
        self.sizes = sizes  # of the arrays that the plan makes
        self.samples = samples
        self.views: list[str] = []
        self.once: list[str] = []
        self.run: list[str] = []
        self.stages: dict[str, int] = {"K": 0, "N": 0, "X": 1}  # others are known with the parameters
        self.tables: dict[str, Any] = {}
        self.common: dict[Node, int] = {}  # nodes that several loop nests need, and the last of these
        self.ends: dict[int, list[tuple[str, str, str]]] = {}  # after which loop nest which room is free
        self.lengths = Lengths(())
        self.least = 0  # the stage of what is computed now, at least
        self._bound: dict[str, str] = {}
        self._count: Counter[str] = Counter()
        self.computed: dict[Any, Operand] = {}
        self._free: dict[tuple[tuple[int, bool], str], dict[str, list[str]]] = {}
        self.bytes = 0  # of all arrays, for each sample

    # ------------------------------------------------------------------ names

    def bound(self, prefix: str, text: str) -> str:
        """A name for what this text gives; the same text has one name."""
        if text.isidentifier():
            return text
        name = self._bound.get(text)
        if name is None:
            name = self._bound[text] = f"{prefix}_{self._count[prefix]}"
            self._count[prefix] += 1
            self.views.append(f"{name} = {text}")
        return name

    def new(self, prefix: str, text: str) -> str:
        """A name of its own for what this text gives."""
        name = f"{prefix}{self._count[prefix]}"
        self._count[prefix] += 1
        self.views.append(f"{name} = {text}")
        return name

    def named(self, table: Any) -> str:
        """The name of a table of indices."""
        for name, known in self.tables.items():
            if known.shape == table.shape and (known == table).all():
                return name
        name = f"I{len(self.tables)}"
        self.tables[name] = table
        return name

    def number(self, x: float) -> str:
        if x in (0.0, 1.0) and math.copysign(1.0, x) > 0:
            return self.bound("c", "array(0.0)" if x == 0 else "array(1.0)")
        return self.bound("c", f"array({x!r})" if math.isfinite(x) else f"array(float('{x}'))")

    def stage(self, array: str) -> int:
        return max(self.stages.get(array, 2), self.least)

    def emit(self, stage: int, line: str) -> None:
        (self.run if stage == 2 else self.once).append(line)

    def shape(self, axes: Sequence[Axis]) -> str:
        return self.lengths.text([[axis] for axis in axes]) if axes else "()"

    def room(self, axes: Sequence[Axis], stage: int, kind: str = "float") -> Operand:
        """An array for a result on its way; what `once` computes keeps its room."""
        prefix = "T" if kind == "float" else "M"
        text = self.space(self.shape(axes), kind, stage, again=stage == 2)
        name = (
            text if text.isidentifier() else self.bound(prefix, text) if "reshape" in text else self.new(prefix, text)
        )
        return Operand(name, axes, stage, kind, scratch=True)

    def space(self, shape: str, kind: str, stage: int, again: bool = False) -> str:
        """An array of this shape, if possible (and `again`) one that is free now."""
        free = self._free.get((_count(shape), kind)) if again else None
        if free:
            other = shape if shape in free else next(reversed(free))
            name = free[other].pop()
            if not free[other]:
                del free[other]
            return name if other == shape else f"{name}.reshape({shape})"
        self.bytes += _count(shape)[0] * (8 if kind == "float" else 1) * _count(shape)[1]
        made = "empty" if stage == 2 else "kept"
        return f"{made}({shape})" if kind == "float" else f"{made}({shape}, bool)"

    def give(self, name: str, shape: str, kind: str) -> None:
        """From now on this array may be used for other numbers."""
        self._free.setdefault((_count(shape), kind), {}).setdefault(shape, []).append(name)

    def release(self, operand: Operand, after: int | None = None) -> None:
        """The operand's room is free, now or after that loop nest."""
        if operand.scratch and operand.stage == 2:
            kind = "bool" if operand.kind == "bits" else operand.kind
            place = operand.name.removesuffix("_bits"), self.shape(operand.axes), kind
            if after is None:
                self.give(*place)
            else:
                self.ends.setdefault(after, []).append(place)
        operand.scratch = False

    # ------------------------------------------------------------------ operands

    def leaf(self, node: Node, axes: Sequence[Axis] | None = None) -> Operand:
        """A view for a read, in this order of axes (by default the usual one)."""
        _, array, base, steps = node
        samples = array in self.samples
        axes = nodes.axes(node, self.samples) if axes is None else axes
        by_axis = dict(steps)
        text = read(array, base, by_axis, axes, self.lengths, samples, self.sizes.get(array))
        kept = [by_axis.get(axis, 0) for axis in axes]
        return Operand(self.bound(array, text), axes, self.stage(array), steps=kept, node=node)

    def aligned(self, operand: Operand, axes: Sequence[Axis]) -> str:
        """The name of an operand so that NumPy stretches it along the axes it does not have."""
        if operand.axes == tuple(axes)[len(axes) - len(operand.axes) :]:
            return operand.name
        first = min(list(axes).index(axis) for axis in operand.axes)
        index = ", ".join(":" if axis in operand.axes else "None" for axis in list(axes)[first:])
        return self.bound(operand.name.split("_")[0], f"{operand.name}[{index}]")

    def bits(self, name: str, kind: str = "int64") -> str:
        """The same memory as whole numbers."""
        text = f"{name}.view({kind})"
        if text not in self._bound:
            self._bound[text] = f"{name}_bits"
            self.views.append(f"{name}_bits = {text}")
        return self._bound[text]


def _count(shape: str) -> tuple[int, bool]:
    """How many numbers an array of this shape has, for each sample if there are samples."""
    parts = shape.strip("()").replace(" ", "").split(",")
    return math.prod([int(part) for part in parts if part not in ("R", "")]), "R" in parts
