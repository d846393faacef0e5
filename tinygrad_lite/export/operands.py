"""What the text of whole arrays is made of: names, constants, what is read, and operands brought side by side."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_lite.compiler.ir.loop_nest import Access, Plan, Reduction
from tinygrad_lite.export.expression import Term, put
from tinygrad_lite.export.reads import Read, Region, T, gathered, indices, varying, viewed
from tinygrad_lite.export.spelling import Spelling


class Operands:
    """The operands of expressions.

    Args:
        spelling: of the library.
        plan: for its constants.
        taken: names that the source has already.
        samples: the text of how many samples there are.
        names: of constants, by their numbers.
    """

    def __init__(
        self,
        spelling: Spelling,
        plan: Plan,
        taken: set[str],
        samples: str = "",
        names: Mapping[bytes, str] | None = None,
    ) -> None:
        import numpy as np

        self.spelling: Spelling = spelling
        self.taken: set[str] = taken
        self.counts: Counter[str] = Counter()  # the last number given with each letter
        self.samples: str = samples
        self.named: Mapping[bytes, str] | dict[bytes, str] = names or {}
        self.pool: Any = np.array(plan.constants, dtype=float)
        self.lines: list[str] = []
        self.constants: dict[str, str] = {}  # name: text
        self.regions: dict[str, list[Region]] = {}
        self.uses: Counter[str] = Counter()  # how often each array is read
        self.forced: dict[str, str] = {}  # results that need a name, and which
        self.terms: dict[str, Term] = {}  # what a step of a scan reads, by the name of its access
        self.before: list[str] | None = None  # the lines in front of the steps that are being written
        self.order: list[str] = [nest.target.array for nest in plan.nests if nest.target.array != "out"]
        self._known: dict[bytes, str] = {}
        self._reads: list[Read] = []
        self.lengths: dict[int, int] = {}

    # ------------------------------------------------------------------ names

    def name(self, first: str) -> str:
        """A name that is free: z1, z2, ..."""
        k = self.counts[first] + 1
        while f"{first}{k}" in self.taken:
            k += 1
        self.counts[first] = k
        self.taken.add(f"{first}{k}")
        return f"{first}{k}"

    def assigned(self, term: Term, first: str = "a", name: str = "") -> Term:
        """The term under a name."""
        name = name or self.name(first)
        self.lines.append(f"{name} = {term.text}")
        return Term(name, term.axes)

    def constant(self, values: Any) -> str:
        """The name of a constant array."""
        key = repr(values.shape).encode() + values.tobytes()
        if key not in self._known:
            name = self.named.get(key, "") if values.dtype.kind == "f" else ""
            if not name or name in self.taken:
                name = self.name("I" if values.dtype.kind == "i" else "C")
            self.taken.add(name)
            self._known[key] = name
            self.constants[name] = self.spelling.array(values)
        return self._known[key]

    # ------------------------------------------------------------------ reading

    def read(self, a: Access, dims: Sequence[int], run: Reduction) -> Read:
        """The access in counters; constants as their numbers."""
        import numpy as np

        if a.array in self.terms:
            return Read(a.array)
        axes = tuple(axis for axis in self.lengths)
        lengths = [self.lengths[axis] for axis in axes]
        if a.literal is not None:
            return Read("K", values=np.float64(a.literal))
        if a.table is None and run.starts is None:
            strides, step = dict(enumerate(a.strides)), a.term_stride
            for axis in sorted(self.lengths, reverse=True):
                if axis >= T:
                    strides[axis] = step
                    step *= self.lengths[axis]
            read = Read(a.array, a.base, {axis: s for axis, s in strides.items() if s and axis in self.lengths})
            if a.array != "K":
                return read
            index, axes = indices(read, self.lengths)
            values, axes = varying(self.pool[index], axes)
            return Read("K", values=values, axes=axes)
        if run.starts is not None and a.table is None:
            counts = np.diff(run.starts)
            term = np.arange(run.starts[-1]) - np.repeat(run.starts[:-1], counts)
            index = np.repeat([a.entry(dims, m) for m in range(len(counts))], counts) + a.term_stride * term
        else:
            index = np.asarray(a.table, dtype=np.int64).reshape(lengths)
        if a.array == "K":
            values, axes = varying(self.pool[index], axes)
            return Read("K", values=values, axes=axes)
        index, axes = varying(index, axes)
        return Read(a.array, table=index, axes=axes)

    def leaf(self, read: Read) -> Term:
        if read.array in self.terms:
            return self.terms[read.array]
        if read.array == "K":
            if not read.axes:
                x = float(read.values)
                return Term(self.spelling.number(x), number=x)
            order = sorted(range(len(read.axes)), key=lambda k: read.axes[k])
            return Term(self.constant(read.values.transpose(order)), tuple(sorted(read.axes)))
        regions = self.regions[read.array]
        found = viewed(self.spelling, regions, read, self.lengths)
        if found is None:
            found = gathered(self.spelling, regions, *indices(read, self.lengths), self.constant)
        if self.before is not None and read.array == "P" and found.axes and not found.text.isidentifier():
            known = next((line.split(" = ")[0] for line in self.before if line.endswith(f" = {found.text}")), "")
            if not known:  # what every step reads alike is cut out once before the steps
                first = re.split(r"\W", found.text)[0]
                known = self.name("w" if first == self.spelling.lib else first)
                self.before.append(f"{known} = {found.text}")
            found = Term(known, found.axes)
        return found

    def sliced(self, read: Read) -> bool:
        """Whether the read is a number, or slices of an array."""
        return (
            read.array == "K"
            or read.array in self.terms
            or viewed(self.spelling, self.regions[read.array], read, self.lengths) is not None
        )

    # ------------------------------------------------------------------ side by side

    def transposed(self, term: Term, axes: Sequence[int]) -> Term:
        """With its axes in this order."""
        order = [term.axes.index(axis) for axis in axes]
        if order == sorted(order):
            return term
        text = put("x.T", x=term.text) if len(order) == 2 else self.spelling.permuted(term.text, order)
        return Term(text, tuple(axes))

    def ordered(self, term: Term) -> Term:
        return self.transposed(term, sorted(term.axes))

    def beside(self, term: Term, axes: Sequence[int]) -> Term:
        """With these axes, those it has not of length 1, as far as broadcasting does not see to that."""
        term = self.ordered(term)
        if not term.axes:
            return term
        first = axes.index(term.axes[0])
        parts = [":" if axis in term.axes else "None" for axis in axes[first:]]
        return term if "None" not in parts else Term(put(f"x[{', '.join(parts)}]", x=term.text), tuple(axes))

    def together(self, terms: Sequence[Term]) -> tuple[list[Term], tuple[int, ...]]:
        axes = tuple(sorted({axis for term in terms for axis in term.axes}))
        return [self.beside(term, axes) for term in terms], axes

    def made(self, template: str, *terms: Term) -> Term:
        """The template with terms for x, y and z, side by side."""
        terms_, axes = self.together(terms)
        return Term(put(template, **{name: term.text for name, term in zip("xyz", terms_, strict=False)}), axes)
