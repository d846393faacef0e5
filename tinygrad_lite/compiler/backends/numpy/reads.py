"""What the NumPy text reads: operands, the axes they have, and views of arrays in any order of axes.

In: accesses of a plan. Out: text such as `P[48:304].reshape(16, 16).T`, which copies nothing.

An axis is a dimension of the loop nest (0, 1, ...), "t" for the terms of a sum, "k9" for the nine operands of a
maximum, or "r" for the samples. An operand has those along which it varies and no others, so that NumPy
stretches it over the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

Axis = Any
Node = Any
"""A nested tuple: ("read", array, base, ((axis, step), ...)), ("number", x), ..., or (name of a sample, node, ...)."""


def order(axis: Axis) -> int:
    """Axes stand in this order: dimensions, terms, operands, samples."""
    return int(axis) if isinstance(axis, int) else {"t": 1000, "k": 1001, "r": 1002}[axis[0]]


def ordered(axes: Any) -> tuple[Axis, ...]:
    return tuple(sorted(set(axes), key=order))


class Operand:
    """An array in the text.

    Attributes:
        name: what it is called there.
        axes: in the order of its own axes; steps: for each but the samples, entries from one to the next.
        kind: "float", "bool", or "bits" for a comparison of which true is all ones.
        stage: 0 if it is known with the buffers, 1 with the data, 2 with the parameters.
        scratch: whether its room may be used again after its last use.
        node: the read it stands for, if nothing was computed.
    """

    __slots__ = ("name", "axes", "steps", "kind", "stage", "scratch", "node")

    def __init__(
        self,
        name: str,
        axes: Sequence[Axis],
        stage: int,
        kind: str = "float",
        steps: Sequence[int] | None = None,
        scratch: bool = False,
        node: Node = None,
    ) -> None:
        self.name = name
        self.axes = tuple(axes)
        self.stage = stage
        self.kind = kind
        self.steps = None if steps is None else tuple(steps)  # None: without gaps
        self.scratch = scratch
        self.node = node


class Lengths:
    """How long the axes are, and how they are written; that of the samples is known when buffers are made."""

    def __init__(self, dims: Sequence[int], terms: int = 1) -> None:
        self.of: dict[Axis, int] = dict(enumerate(dims)) | {"t": terms, "r": 256}  # of the samples a guess

    def __getitem__(self, axis: Axis) -> int:
        found = self.of.get(axis)
        return int(axis[1:]) if found is None else found

    def size(self, axes: Sequence[Axis]) -> int:
        n = 1
        for axis in axes:
            n *= self[axis]
        return n

    def text(self, nests: Sequence[Sequence[Axis]]) -> str:
        """A shape: each loop nest of axes is one."""
        parts = []
        for nest in nests:
            plain = self.size([axis for axis in nest if axis != "r"])
            if "r" in nest:
                parts.append("R" if plain == 1 else f"{plain} * R")
            else:
                parts.append(str(plain))
        return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def sliced(array: str, base: int, length: int, step: int, size: int | None) -> str:
    """One axis of an array: the whole of it, or a slice."""
    if base == 0 and step == 1 and length == size:
        return array
    stop = base + (length - 1) * step + (1 if step > 0 else -1)
    end = "" if stop < 0 else str(stop)
    return f"{array}[{base}:{end}]" if step == 1 else f"{array}[{base}:{end}:{step}]"


def read(
    array: str,
    base: int,
    steps: Mapping[Axis, int],
    axes: Sequence[Axis],
    lengths: Lengths,
    samples: bool,
    size: int | None,
) -> str:
    """The view of an array whose axes are these, in this order; an array with samples has them last."""
    inner = [axis for axis in axes if axis != "r"]
    tail = ", R" if samples else ""
    if not inner:
        return f"{array}[{base}]" if samples else f"entry({array}, {base})"
    if len(inner) == 1:
        return sliced(array, base, lengths[inner[0]], steps[inner[0]], size)
    falling = sorted(inner, key=lambda axis: -steps[axis])
    if _gapless(falling, steps, lengths):
        text = f"{sliced(array, base, lengths.size(inner), 1, size)}.reshape"
        shape = f"({', '.join(str(lengths[axis]) for axis in falling)}{tail})"
        if falling == inner:
            return text + shape
        if not samples and len(inner) == 2:
            return text + shape + ".T"
    shape = lengths.text([[axis] for axis in inner])
    return f"view({array}, {base}, {shape}, ({', '.join(str(steps[axis]) for axis in inner)}))"


def _gapless(axes: Sequence[Axis], steps: Mapping[Axis, int], lengths: Lengths) -> bool:
    expected = 1
    for axis in reversed(axes):
        if steps[axis] != expected:
            return False
        expected *= lengths[axis]
    return True


def together(operand: Operand, axes: Sequence[Axis], lengths: Lengths) -> bool:
    """Whether these axes, in this order, are one long axis of the operand."""
    if len(axes) < 2:
        return True
    if operand.steps is None:  # without gaps: the axes must follow each other
        first = operand.axes.index(axes[0])
        return operand.axes[first : first + len(axes)] == tuple(axes)
    if "r" in axes:
        return False
    steps = dict(zip(operand.axes, operand.steps, strict=False))
    return all(steps[a] == steps[b] * lengths[b] for a, b in pairwise(axes))
