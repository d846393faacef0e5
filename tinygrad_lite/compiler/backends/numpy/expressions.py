"""Expressions as NumPy calls that write into arrays made beforehand: no call makes an array of its own.

In: a node, and where its result should go. Out: lines in `Calls`, and the operand that holds the result. What is used
twice is computed once, and what is used no more gives its room to the next result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tinygrad_lite.compiler.backends.numpy import nodes
from tinygrad_lite.compiler.backends.numpy.calls import Calls
from tinygrad_lite.compiler.backends.numpy.reads import Node, Operand, ordered
from tinygrad_lite.engine.op import TABLE

UFUNCS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "neg": "negative",
    "pow": "power",
    "less": "less",
    **{op.name: op.numpy_name for op in TABLE.values() if op.numpy_name and op.arity != 3},
}
"""Ops of the table, and what NumPy calls them."""

MASKS = {"and": "logical_and", "not": "logical_not", "isnt": "not_equal", "less": "less"}


def evaluated(calls: Calls, root: Node, target: Operand | None = None) -> Operand:
    """The operand that holds a node's numbers: the target, if there is one."""
    uses: Counter[Node] = Counter()
    todo = [root]
    while todo:
        node = todo.pop()
        uses[node] += 1
        if uses[node] == 1:
            todo += nodes.parts(node)
    return _Walk(calls, uses).into(root, target)


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
            found = self._shared(node)
            self.known[node] = found
        return found

    def _shared(self, node: Node) -> Operand:
        """What other loop nests need as well is computed once and kept."""
        c = self.calls
        if self.simple(node):
            return self._leaf(node)
        name = nodes.portable(node, c.samples, c.lengths.__getitem__) if c.common else node
        if name not in c.common:
            return self.computed(node, None)
        early = c.least < 2 and all(c.stage(array) < 2 for array in nodes.reads_of(node))
        kept = c.computed.get((name, early))  # what `run` computes is of no use to `once`
        if kept is None:
            kept = c.computed[name, early] = self.computed(node, None)
            c.release(kept, after=c.common[name])
        return Operand(kept.name, nodes.axes(node, c.samples), kept.stage, kept.kind)

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
        made = c.room(nodes.axes(node, c.samples), stage)
        axis = "0" if array in c.samples else "None"
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
            axes = nodes.axes(node, c.samples)
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
