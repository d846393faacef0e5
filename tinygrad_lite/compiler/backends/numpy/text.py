"""A plan as a short Python program whose functions are nothing but NumPy calls.

In: a plan. Out: the text of a program. It first makes all arrays and all views of them, then defines two functions:

    once   what needs the data alone, to be called when they change
    run    the rest, to be called for each set of parameters

Above the calls for a loop nest stands the loop nest's line of the plan, and each call writes its result into an array
that
is there already. In a plan for samples an array has one line for each iteration of its loop nest and a column for each
of the R samples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.compiler.backends.numpy import dense as numpy_dense
from tinygrad_lite.compiler.backends.numpy import layers as numpy_layers
from tinygrad_lite.compiler.backends.numpy import nodes
from tinygrad_lite.compiler.backends.numpy.calls import Calls
from tinygrad_lite.compiler.backends.numpy.expressions import UFUNCS, evaluated
from tinygrad_lite.compiler.backends.numpy.reads import Lengths, Node, Operand
from tinygrad_lite.compiler.backends.numpy.sums import Sums
from tinygrad_lite.compiler.ir.loop_nest import LoopNest, Plan, Reduction


class PlanText:
    """One plan as text.

    Attributes:
        source: the text.
        tables: arrays of indices that it refers to.
    """

    def __init__(self, name: str, plan: Plan, weight: int, zero: int) -> None:
        import numpy as np

        self.plan = plan
        self.weight, self.zero = weight, zero
        self.samples = plan.samples
        self.calls = Calls(plan.sizes, plan.samples)
        self.sums = Sums(self.calls)
        self.reads = nodes.Reads(weight, self.calls.named)
        self.functions: dict[str, Callable[..., Any]] = {sample: getattr(np, name) for sample, name in UFUNCS.items()}
        self.again = {g.target.array for g in plan.nests for run in g.reductions if g.target.array in _read([run])}
        self.declared: set[str] = set()
        self.number = 0  # of the loop nest that is written now
        self.spelled: dict[int, Node] = {}
        for nest in plan.nests:
            for run in nest.reductions:
                self.spelled[id(run)] = self._spelled(nest, run)
            self._known_by_another_name(nest)
        self.layers = {id(nest): self._layer(nest) for nest in plan.nests}
        self.with_ones = {layer.array for layer in self.layers.values() if layer is not None}
        self.last: dict[str, int] = {}  # the loop nest that reads an array last
        self.writers: Counter[str] = Counter(nest.target.array for nest in plan.nests)
        for number, nest in enumerate(plan.nests):
            for run in nest.reductions:
                self.last |= dict.fromkeys(nodes.reads_of(self.spelled[id(run)]), number)
        roots = [
            [(self.spelled[id(run)], _lengths(nest, run).__getitem__) for run in nest.reductions] for nest in plan.nests
        ]
        shared = nodes.common(roots, self.samples)
        self.calls.common = {node: last for node, last in shared.items() if not nodes.reads_of(node) & self.again}
        for number, nest in enumerate(plan.nests):
            before = len(self.calls.once), len(self.calls.run)
            if (nest.target.array, nest.target.base) in self.reads.same:
                self.calls.run.append(f"# {nest}  (read where it is needed)")
                continue
            self.number = number
            self._nest(nest)
            for place in self.calls.ends.pop(number, []):
                self.calls.give(*place)
            for lines, n in zip((self.calls.once, self.calls.run), before, strict=True):
                if len(lines) > n:
                    lines.insert(n, f"# {nest}")
        self.calls.least = 0
        self._code: Any = None
        self.tables = self.calls.tables
        self.source = self._text(name)

    def _text(self, name: str) -> str:
        lines = [f"# {name}", "", *self.calls.views]
        for function, calls in (("once", self.calls.once), ("run", self.calls.run)):
            lines += ["", "", f"def {function}():"]
            lines += ["    " + line for line in calls]
            lines += [] if any(line[0] != "#" for line in calls) else ["    pass"]
        return "\n".join(lines)

    def bound(self, given: dict[str, Any]) -> tuple[Callable[[], None], Callable[[], None]]:
        """(once, run) on the arrays that are given by name."""
        import numpy as np

        if self._code is None:
            self._code = compile(self.source, "<numpy plan>", "exec")
        scope: dict[str, Any] = {name: getattr(np, name) for name in _NUMPY}
        scope |= self.tables | {"entry": entry, "view": view} | given
        exec(self._code, scope)
        return scope["once"], scope["run"]

    # ------------------------------------------------------------------ a loop nest

    def _nest(self, nest: LoopNest) -> None:
        c = self.calls
        c.lengths = Lengths(nest.dims)
        adds = bool(self.samples) and nest.target.array == "out"  # gradients: the samples are summed as well
        where = self.reads.node(nest.target, nest.dims, 1)
        array = nest.target.array
        c.least = 2 if array in self.again else 0  # what is added to must be there anew for each call
        terms = [self.spelled[id(run)] for run in nest.reductions]
        stage = max([c.least, *[c.stage(read) for node in terms for read in nodes.reads_of(node)]])
        if adds and stage:
            c.least = stage = 2  # blocks of samples that are as long share the array of their gradients
        self._declare(array, stage)
        target = self._target(where, stage)
        layer = self.layers[id(nest)]
        if layer is not None and target is not None:
            numpy_layers.write(c, layer, nest.iterations, target)
            c.stages[array] = stage
            return
        alone = target if len(nest.reductions) == 1 else None
        parts = [(run.sign, self._run(nest, run, adds, alone if run.sign > 0 else None)) for run in nest.reductions]
        c.lengths = Lengths(nest.dims)
        total = self._total(parts)
        if target is not None and self._safe(total, where):
            evaluated(c, total, target)
        else:
            self._scattered(where, total, target)
        c.stages[array] = max(c.stages.get(array, 0), stage) if array in self.plan.sizes else 2
        for _, part in parts:
            for node in [part, *nodes.parts(part)]:
                if node[0] == "value" and node[1] is not target:
                    c.release(node[1])

    def _declare(self, array: str, stage: int) -> None:
        """Room for the array that a loop nest makes: its own, or what another no longer needs."""
        c = self.calls
        if array not in self.plan.sizes or array in self.declared:
            return
        self.declared.add(array)
        n, tail = self.plan.sizes[array], ", R" if self.samples else ","
        ours = stage == 2 and self.writers[array] == 1
        if array in self.with_ones:
            made = c.space(f"({n + 1}{tail})", "float", stage)
            c.views += [f"ones_and_{array} = {made}", f"ones_and_{array}[0] = 1.0", f"{array} = ones_and_{array}[1:]"]
        else:
            c.views.append(f"{array} = {c.space(f'({n}{tail})', 'float', stage, again=ours)}")
            if ours:
                place = array, f"({n}{tail})", "float"
                c.ends.setdefault(max(self.last.get(array, 0), self.number), []).append(place)

    def _layer(self, nest: LoopNest) -> numpy_layers.Layer | None:
        terms = [self.spelled[id(run)] for run in nest.reductions]
        return numpy_layers.found(nest, terms, self.samples, self.weight) if self.samples else None

    def _target(self, where: Node, stage: int) -> Operand | None:
        """Where the results go, if that is a view; what belongs to it may be computed in place."""
        c = self.calls
        if where[0] != "read":
            return None
        found = c.leaf(where)
        inner = [axis for axis in found.axes if axis != "r"]
        steps = dict(where[3])
        expected = 1
        for axis in reversed(inner):
            if steps[axis] != expected:
                return Operand(found.name, found.axes, stage, steps=found.steps)
            expected *= c.lengths[axis]
        return Operand(found.name, found.axes, stage)

    def _safe(self, total: Node, where: Node) -> bool:
        """Whether no call that computes the total reads what it overwrites elsewhere."""
        if total[0] == "read" and total[1] == where[1] and total != where:
            return False
        return all(self._safe(part, where) for part in nodes.parts(total))

    def _scattered(self, where: Node, total: Node, target: Operand | None) -> None:
        c = self.calls
        found = evaluated(c, total)
        if target is not None:
            c.emit(found.stage, f"{target.name}[...] = {c.aligned(found, target.axes)}")
        else:
            axes = nodes.axes(where, self.samples)
            c.emit(found.stage, f"{where[1]}[{where[2]}] = {c.aligned(found, axes)}")
        c.release(found)

    def _total(self, parts: Sequence[tuple[int, Node]]) -> Node:
        """The signed sum of the runs; a product with a negative number is subtracted."""
        signed = [
            (-sign, nodes.product(-1.0, part)) if part[0] == "product" and part[1] < 0 else (sign, part)
            for sign, part in parts
        ]
        signed.sort(key=lambda part: (-part[0], part[1][0] != "value"))
        sign, total = signed[0]
        if sign < 0:
            total = nodes.product(-1.0, total)
        for sign, part in signed[1:]:
            total = nodes.made("add" if sign > 0 else "sub", [total, part], self.functions)
        return total

    def _run(self, nest: LoopNest, run: Reduction, adds: bool, target: Operand | None) -> Node:
        """One run with its terms summed, and for gradients the samples as well, as a node."""
        c = self.calls
        term_stride = ["r"] if adds else []
        dense = numpy_dense.summed(c, self.sums, nest, run, adds, self.zero, target)
        if dense is not None:
            return dense
        if run.starts is not None:
            return self._ragged(nest, run, term_stride)
        c.lengths = Lengths(nest.dims, run.terms)
        node = self.spelled[id(run)]
        term_stride += ["t"] if run.terms > 1 else []
        return self.sums.summed(node, term_stride, target) if term_stride else node

    def _known_by_another_name(self, nest: LoopNest) -> None:
        """A single entry that only repeats another need not be written: the other is read in its place."""
        array = nest.target.array
        if self.plan.sizes.get(array) == 1 and array not in self.again and len(nest.reductions) == 1:
            (run,) = nest.reductions
            node = self.spelled[id(run)]
            if run.sign > 0 and run.terms == 1 and run.starts is None and node[0] == "read" and not node[3]:
                self.reads.same[array, nest.target.base] = node

    def _spelled(self, nest: LoopNest, run: Reduction) -> Node:
        """The expression of a run; that of a ragged one has a single axis, along all terms of all iterations."""
        if run.starts is not None:
            return nodes.spelled(run, (int(run.starts[-1]),), 1, self.reads, self.functions)
        return nodes.spelled(run, nest.dims, run.terms, self.reads, self.functions)

    def _ragged(self, nest: LoopNest, run: Reduction, term_stride: list[Any]) -> Node:
        """Sums of different lengths: all terms of all iterations on one axis, then added up in pieces."""
        import numpy as np

        c = self.calls
        n = int(run.starts[-1])
        c.lengths = Lengths((n,))
        flat = self.spelled[id(run)]
        found = evaluated(c, self.sums.summed(flat, term_stride) if term_stride else flat)
        axes = (0, *[axis for axis in found.axes if axis != 0])
        if found.axes != axes or found.kind == "bool" or not found.scratch:
            whole = c.room(axes, found.stage)
            c.emit(found.stage, f"{whole.name}[...] = {c.aligned(found, axes)}")
            c.release(found)
            found = whole
        starts = self.calls.named(np.asarray(run.starts[:-1], dtype=np.intp))
        c.lengths = Lengths(nest.dims)
        inner = tuple([k for k, n in enumerate(nest.dims) if n > 1])
        made = c.room((*inner, *axes[1:]), found.stage)
        flat_axes = ([[*inner]] if inner else [[]]) + [[axis] for axis in axes[1:]]
        out = self.sums.matrix(made, flat_axes) if len(inner) != 1 else made.name
        c.emit(found.stage, f"add.reduceat({found.name}, {starts}, 0, None, {out})")
        c.lengths = Lengths((n,))
        c.release(found)
        c.lengths = Lengths(nest.dims)
        return ("value", made)


def _lengths(nest: LoopNest, run: Reduction) -> Lengths:
    """Those of the axes of a run; a ragged one has a single axis, along all terms of all iterations."""
    return Lengths(nest.dims, run.terms) if run.starts is None else Lengths((int(run.starts[-1]),))


def _read(reductions: Sequence[Reduction]) -> set[str]:
    """The names of the arrays that are read."""
    return {access.array for run in reductions for access in run.accesses if access.literal is None}


def entry(array: Any, i: int) -> Any:
    """One entry, to be read and written as an array without axes."""
    return array[i : i + 1].reshape(())


def view(array: Any, first: int, lengths: Sequence[int], steps: Sequence[int]) -> Any:
    """The entries first + i * step + ..., for all counters; if there are samples, they stay the last axis."""
    import numpy as np

    line = array.strides[0]
    strides = (*[step * line for step in steps], *array.strides[1:])
    return np.lib.stride_tricks.as_strided(array[first:], (*lengths, *array.shape[1:]), strides)


_NUMPY = (
    "array", "full", "int8", "int64", "matmul", "bitwise_and", "bitwise_xor", "logical_and",
    "logical_not", "not_equal", "zeros", *UFUNCS.values(),
)  # fmt: skip
