"""Nodes as NumPy calls that write into arrays made beforehand: no call makes an array of its own.

In: nodes, and where a result should go. Out: lines of text. A line belongs to `once`, if it needs no parameters,
or to `run`. Room for what lies between is taken from a pool and used again as soon as it is free.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.compiler import numpy_nodes as nodes
from tinygrad_lite.compiler.numpy_reads import Axis, Lengths, Node, Operand, ordered, read

UFUNCS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative", "sqrt": "sqrt",
    "abs": "absolute", "exp": "exp", "log": "log", "tanh": "tanh", "sin": "sin", "cos": "cos", "pow": "power",
    "max": "maximum", "min": "minimum", "less": "less", "log1p": "log1p", "expm1": "expm1", "tan": "tan",
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "sinh": "sinh", "cosh": "cosh",
}  # fmt: skip
"""Rows of the table, and what NumPy calls them."""

MASKS = {"and": "logical_and", "not": "logical_not", "isnt": "not_equal", "less": "less"}


class Calls:
    """The text of one plan as it grows.

    Attributes:
        views: lines that name arrays and views of arrays, done once for each set of buffers.
        once: calls that need the data alone; run: all the others.
    """

    def __init__(self, sizes: dict[str, int], rows: set[str]) -> None:
        self.sizes = sizes  # of the arrays that the plan makes
        self.rows = rows
        self.views: list[str] = []
        self.once: list[str] = []
        self.run: list[str] = []
        self.stages: dict[str, int] = {"K": 0, "N": 0, "X": 1}  # others are known with the parameters
        self.tables: dict[str, Any] = {}
        self.with_ones: set[str] = set()  # arrays that have a line of ones before the others
        self.common: set[Node] = set()  # nodes that several groups need
        self.lengths = Lengths(())
        self.least = 0  # the stage of what is computed now, at least
        self._bound: dict[str, str] = {}
        self._count: Counter[str] = Counter()
        self.computed: dict[Any, Operand] = {}
        self._free: dict[tuple[tuple[int, bool], str], list[tuple[str, str]]] = {}
        self.bytes = 0  # of all arrays, for each row

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

    def key(self, node: Node) -> Any:
        """A node together with the lengths of its axes, which belong to its group."""
        return node, tuple([self.lengths[axis] for axis in nodes.axes(node, self.rows)])

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
        free = self._free.get((_count(shape), kind), []) if again else []
        if free:
            same = [place for place in free if place[1] == shape]
            found = same[-1] if same else free[-1]
            free.remove(found)
            return found[0] if found[1] == shape else f"{found[0]}.reshape({shape})"
        self.bytes += _count(shape)[0] * (8 if kind == "float" else 1) * _count(shape)[1]
        made = "empty" if stage == 2 else "kept"
        return f"{made}({shape})" if kind == "float" else f"{made}({shape}, bool)"

    def give(self, name: str, shape: str, kind: str) -> None:
        """From now on this array may be used for other numbers."""
        self._free.setdefault((_count(shape), kind), []).append((name, shape))

    def release(self, operand: Operand) -> None:
        if operand.scratch and operand.stage == 2:
            kind = "bool" if operand.kind == "bits" else operand.kind
            self.give(operand.name.removesuffix("_bits"), self.shape(operand.axes), kind)
            operand.scratch = False

    # ------------------------------------------------------------------ operands

    def leaf(self, node: Node, axes: Sequence[Axis] | None = None) -> Operand:
        """A view for a read, in this order of axes (by default the usual one)."""
        _, array, base, steps = node
        rows = array in self.rows
        axes = nodes.axes(node, self.rows) if axes is None else axes
        by_axis = dict(steps)
        text = read(array, base, by_axis, axes, self.lengths, rows, self.sizes.get(array))
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

    # ------------------------------------------------------------------ elementwise

    def evaluated(self, root: Node, target: Operand | None = None) -> Operand:
        """The operand that holds a node's numbers: the target, if there is one."""
        uses: Counter[Node] = Counter()
        todo = [root]
        while todo:
            node = todo.pop()
            uses[node] += 1
            if uses[node] == 1:
                todo += nodes.parts(node)
        return _Walk(self, uses).into(root, target)


def _count(shape: str) -> tuple[int, bool]:
    """How many numbers an array of this shape has, for each row if there are rows."""
    parts = shape.strip("()").replace(" ", "").split(",")
    return math.prod([int(part) for part in parts if part not in ("R", "")]), "R" in parts


class _Walk:
    """One expression: what is used twice is computed once, and what is no longer used makes room."""

    def __init__(self, calls: Calls, uses: Counter[Node]) -> None:
        self.calls = calls
        self.uses = uses
        self.shared = {node for node, n in uses.items() if n > 1}
        self.known: dict[Node, Operand] = {}

    def into(self, node: Node, target: Operand | None) -> Operand:
        """The node's numbers, in the target if there is one."""
        c = self.calls
        if target is None:
            return self.operand(node)
        if self.simple(node) or nodes.truth(node):
            found = self.operand(node)
            if found is not target:
                c.emit(found.stage, f"{target.name}[...] = {c.aligned(found, target.axes)}")
            return target
        return self.computed(node, target)

    @staticmethod
    def simple(node: Node) -> bool:
        return node[0] in ("number", "value", "read", "gather")

    def operand(self, node: Node) -> Operand:
        found = self.known.get(node)
        if found is None:
            common = self.calls.key(node) if node in self.calls.common else None
            found = self.calls.computed.get(common)
            if found is None:
                found = self._leaf(node) if self.simple(node) else self.computed(node, None)
                if common is not None:
                    found.scratch = False
                    self.calls.computed[common] = found
            self.known[node] = found
        return found

    def _leaf(self, node: Node) -> Operand:
        c = self.calls
        if node[0] == "number":
            return Operand(c.number(node[1]), (), c.least)
        if node[0] == "value":
            return node[1]  # type: ignore[no-any-return]
        if node[0] == "read":
            return c.leaf(node)
        _, array, table, _ = node
        stage = c.stage(array)
        made = c.room(nodes.axes(node, c.rows), stage)
        axis = "0" if array in c.rows else "None"
        c.emit(stage, f"{array}.take({table}, {axis}, {made.name}, 'clip')")
        return made

    def number(self, node: Node) -> Operand:
        """An operand of numbers: a comparison as 1 and 0."""
        found = self.operand(node)
        if found.kind != "bool":
            return found
        key = ("number of", node)
        if key not in self.known:
            made = self.known[key] = self.calls.room(found.axes, found.stage)
            self.calls.emit(found.stage, f"{made.name}[...] = {found.name}")
        return self.known[key]

    def computed(self, node: Node, target: Operand | None) -> Operand:
        if node[0] == "product":
            return self.product(node, target)
        if node[0] == "mask":
            return self.mask(node)
        if node[0] == "keep":
            args = [self.number(node[2]), self.operand(node[1])]
            return self.bitwise("bitwise_and", [node[2], node[1]], args, target)
        if node[0] == "pick":
            return self.pick(node, target)
        c = self.calls
        if node[0] == "fold":
            whole = self.operand(node[2])
            axes = nodes.axes(node, c.rows)
            made = target if target is not None and target.axes == axes else c.room(axes, whole.stage)
            axis = whole.axes.index(node[3])
            c.emit(whole.stage, f"{UFUNCS[node[1]]}.reduce({whole.name}, {axis}, None, {made.name})")
            if target is not None and made is not target:
                c.emit(whole.stage, f"{target.name}[...] = {c.aligned(made, target.axes)}")
                c.release(made)
            return target or made
        truth = nodes.truth(node)
        logic = node[0] in ("and", "not")
        args = [self.operand(part) if logic else self.number(part) for part in node[1:]]
        return self.call(
            MASKS[node[0]] if truth else UFUNCS[node[0]], node[1:], args, target, "bool" if truth else "float"
        )

    def call(
        self, function: str, parts: Sequence[Node], args: list[Operand], target: Operand | None, kind: str = "float"
    ) -> Operand:
        """One call, its result in the target, in the room of an argument that is used no more, or in other room."""
        c = self.calls
        axes = target.axes if target else ordered([axis for arg in args for axis in arg.axes])
        stage = max(arg.stage for arg in args)
        free = self.last(parts, args)
        made = target
        for arg in free:
            fits = arg.axes == axes != () and arg.kind == kind  # one entry onto itself makes NumPy slow
            if made is None and fits and (arg.stage == 2) == (stage == 2):
                made = arg
        for arg in free:
            if arg is not made:
                c.release(arg)
        made = made or c.room(axes, stage, kind)
        names = ", ".join(c.aligned(arg, axes) for arg in args)
        c.emit(stage, f"{function}({names}, out={made.name})")
        return made

    def last(self, parts: Sequence[Node], args: Sequence[Operand]) -> list[Operand]:
        """The arguments that nobody will read again.

        What `once` leaves is read after all of `once` is done: there the order of the lines proves nothing.
        """
        found: list[Operand] = []
        for part, arg in zip(parts, args, strict=True):
            self.uses[part] -= 1
            mine = arg.scratch and part[0] != "value" and (arg.stage == 2 or part not in self.shared)
            if mine and not self.uses[part] and arg not in found:
                found.append(arg)
        return found

    # ------------------------------------------------------------------ products

    def product(self, node: Node, target: Operand | None) -> Operand:
        """The smallest factors first; the number goes to the smallest."""
        c = self.calls
        held = [(part, self.operand(part)) for part in node[2:]]
        held.sort(key=lambda pair: (pair[1].kind == "bool", c.lengths.size(pair[1].axes)))
        if held[0][1].kind == "bool":
            held[0] = (held[0][0], self.number(held[0][0]))
        x = node[1]
        (part, made), rest = held[0], held[1:]
        if x != 1.0:
            aim = target if not rest else None
            if x == -1.0:
                made = self.call("negative", [part], [made], aim)
            else:
                made = self.call("multiply", [("number", x), part], [Operand(c.number(x), (), c.least), made], aim)
            part = ("done", made)
            self.uses[part] = 1
        for k, (other, operand) in enumerate(rest):
            aim = target if k == len(rest) - 1 else None
            if self.outer(made, operand):
                made = self.outer_product(part, made, other, operand, aim)
            else:
                made = self.call("multiply", [part, other], [made, operand], aim)
            part = ("done", made)
            self.uses[part] = 1
        return made

    def outer(self, x: Operand, y: Operand) -> bool:
        """Whether x times y is a column times a line, which BLAS does faster."""
        if y.kind == "bool" or len(x.axes) != 1 or len(y.axes) != 1 or x.axes == y.axes:
            return False
        return "r" in x.axes or "r" in y.axes

    def outer_product(self, part: Node, x: Operand, other: Node, y: Operand, target: Operand | None) -> Operand:
        c = self.calls
        axes = ordered([*x.axes, *y.axes])
        if x.axes[0] != axes[0]:
            part, x, other, y = other, y, part, x
        stage = max(x.stage, y.stage)
        made = target if target is not None and target.steps is None and target.axes == axes else c.room(axes, stage)
        for arg in self.last([part, other], [x, y]):
            c.release(arg)
        column = c.bound(x.name.split("_")[0], f"{x.name}[:, None]")
        line = c.bound(y.name.split("_")[0], f"{y.name}[None]")
        c.emit(stage, f"{column}.dot({line}, out={made.name})")
        if target is not None and made is not target:
            c.emit(stage, f"{target.name}[...] = {c.aligned(made, target.axes)}")
            c.release(made)
            return target
        return made

    # ------------------------------------------------------------------ choices

    def mask(self, node: Node) -> Operand:
        """`bitwise_and` with a mask keeps a number where the comparison is true, and makes it 0 elsewhere."""
        c = self.calls
        truth = self.operand(node[1])
        made = truth if self.last([node[1]], [truth]) else c.room(truth.axes, truth.stage, "bool")
        before, name = c.bits(truth.name, "int8"), c.bits(made.name, "int8")
        c.emit(truth.stage, f"negative({before}, out={name})")
        return Operand(name, truth.axes, truth.stage, "bits", scratch=True)

    def pick(self, node: Node, target: Operand | None) -> Operand:
        """y, with all bits in which x differs turned where the mask says so."""
        _, mask, first, second = node
        x, y = self.number(first), self.number(second)
        chosen = self.operand(mask)
        self.uses[second] += 1
        made = self.bitwise("bitwise_xor", [first, second], [x, y], None)
        for name, part, arg, aim in (("and", mask, chosen, None), ("xor", second, y, target)):
            step = ("done", made)
            self.uses[step] = 1
            made = self.bitwise(f"bitwise_{name}", [step, part], [made, arg], aim)
        return made

    def bitwise(self, function: str, parts: Sequence[Node], args: list[Operand], target: Operand | None) -> Operand:
        c = self.calls
        axes = target.axes if target else ordered([axis for arg in args for axis in arg.axes])
        stage = max(arg.stage for arg in args)
        free = self.last(parts, args)
        made = target or next(
            (a for a in free if a.axes == axes and a.kind == "float" and (a.stage == 2) == (stage == 2)), None
        )
        for arg in free:
            if arg is not made:
                c.release(arg)
        made = made or c.room(axes, stage)
        names = [c.aligned(arg, axes) if arg.kind == "bits" else self.calls.bits(c.aligned(arg, axes)) for arg in args]
        c.emit(stage, f"{function}({', '.join(names)}, out={c.bits(made.name)})")
        return made
