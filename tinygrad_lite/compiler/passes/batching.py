"""Finding the samples of a batch in a loss that was written as a loop over samples.

In: the raw tape of a whole-batch loss, in the order in which it was traced. Out: the tape of one sample, the tape of
what is made of the sum over the samples, and the data of each sample; or nothing, if there are no samples to find.

    1. The longest chain of additions is the sum over samples; each of its terms, or each few of them, may be a sample.
    2. A node *belongs* to a sample if everything that uses it does; what several samples use is shared.
    3. Samples that perform the same ops in the same order form the batch; the others stay what they are.
    4. Operand by operand the samples are compared. The same node of its own sample: structure. The same shared node: a
       parameter. Constants that differ: a column of data. Inputs that differ: a column gathered from the inputs. Nodes
       of the sample that differ from sample to sample, as in z[label]: a choice by a column of labels.

Steps 1 to 3 are in alike.py. The tape must not be tidied before: a constant folded in one sample, or a node shared by
two, would make samples differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_lite.compiler.frontend.paths import picked
from tinygrad_lite.compiler.ir.tape import Guard, Ref, Tape
from tinygrad_lite.compiler.passes.alike import Alike, alike
from tinygrad_lite.engine import ops

MOST_CHOICES = 64
"""Nodes of a sample among which a label may choose."""

CHOICE = 3
"""Ops that each of them costs: two comparisons and a select."""


@dataclass(eq=False)
class SampleData:
    """How the numbers of a call become samples of data.

    Attributes:
        samples: how many.
        fixed: the numbers of the first columns, one line a sample.
        gathered: for each further column, which input each sample reads.
        left: samples that look different and are computed one by one.
    """

    samples: int
    fixed: Any
    gathered: Any
    left: int


@dataclass(eq=False)
class Batch(SampleData):
    """What was found: the samples, and two tapes.

    Attributes:
        sample: inputs are those of the whole tape, then the columns; outputs the sample's term. Guards are its own.
        epilogue: inputs are those of the whole tape, then the sum over the samples and their number.
    """

    sample: Tape
    epilogue: Tape


def find(tape: Tape, keep: Sequence[Ref] = ()) -> Batch | None:
    """The batch in a tape with one output; inputs in `keep`, whose gradients are wanted, must not become columns."""
    return joined(tape, alike(tape), keep)


def joined(tape: Tape, found: Alike | None, keep: Sequence[Ref] = ()) -> Batch | None:
    """Step 4: the batch made of such samples, if what they read allows it."""
    if found is None:
        return None
    reader = _Reader(tape, found, set(keep))
    sample = reader.sample()
    if sample is None:
        return None
    return Batch(len(found.numbers), *reader.data(), found.left, sample, _epilogue(tape, found))


class _Reader:
    """Step 4: operand by operand, what the samples have in common and what is a column."""

    def __init__(self, tape: Tape, found: Alike, keep: set[Ref]) -> None:
        import numpy as np

        self.tape, self.keep = tape, keep
        self.columns, self.owner = found.columns, found.owner
        self.samples, self.signs = found.samples, found.signs
        self.numbers, self.nodes = found.numbers, found.nodes
        self.count, width = found.nodes.shape
        self.place: Any = np.zeros(len(tape), dtype=np.int64)  # of a node in its sample
        self.affordable = 2 * width  # ops for choices: beyond, the loops of the whole program are the cheaper way
        self.place[self.nodes.reshape(-1)] = np.tile(np.arange(width), self.count)
        self.constant = np.array([x.__class__ is float for x in tape.sources] or [False])
        self.value = np.array([x if x.__class__ is float else 0.0 for x in tape.sources] or [0.0])
        self.out = Tape()
        self.fixed: dict[bytes, tuple[Ref, Any]] = {}
        self.gathered: dict[bytes, tuple[Ref, Any]] = {}
        self.shared: dict[Ref, Ref] = {}

    def sample(self) -> Tape | None:
        """The tape of one sample; None if the samples cannot be brought together."""
        tape, c, first = self.tape, self.columns, self.nodes[0].tolist()
        reads: list[list[Any]] = []
        for j, node in enumerate(first):
            start = c.start[self.nodes[:, j]]  # of the node at place j, in each sample
            columns = [self._column(c.operands[start + k]) for k in range(c.count[node])]
            if any(column is None for column in columns):
                return None
            reads.append(columns)
        out = self.out
        inputs = out.declared(tape.names())
        self.shared.update(zip(tape.inputs, inputs, strict=True))
        for kind in (self.fixed, self.gathered):
            for key, (_, data) in kind.items():
                kind[key] = out.input(f"column{len(out.inputs) - len(inputs)}"), data
        outcome = {guard.flag: guard for guard in tape.guards}
        made: list[Ref] = []
        for j, i in enumerate(first):
            made.append(out.node(c.op(i), tuple([self._written(column, made) for column in reads[j]])))
            if i in outcome:
                out.guards.append(Guard(made[-1], outcome[i].outcome, outcome[i].line))
        ends = {self._ends(k) for k in self.numbers.tolist()}
        if len(ends) != 1:
            return None
        last = []
        for where, what, sign in ends.pop():
            term = self._written((where, what), made)
            last.append(term if sign > 0 else out.node(ops.neg, (term,)))
        out.outputs = [out.node(ops.sum, tuple(last)) if len(last) > 1 else last[0]]
        return out

    def _ends(self, k: int) -> tuple[tuple[str, int, int], ...]:
        """What a sample adds to the sum: nodes of its own, by their place in the sample, or what all share."""
        return tuple(
            [
                ("own", int(self.place[t]), sign) if t >= 0 and self.owner[t] == k else ("shared", t, sign)
                for t, sign in zip(self.samples[k], self.signs[k], strict=True)
            ]
        )

    def _column(self, refs: Any) -> tuple[str, Any] | None:
        import numpy as np

        inner = refs >= 0
        own: Any = np.zeros(len(refs), dtype=bool)
        own[inner] = self.owner[refs[inner]] == self.numbers[inner]
        if own.all():
            places = self.place[refs]
            if (places == places[0]).all():
                return "own", int(places[0])
            return self._choice([("own", int(p)) for p in np.unique(places)], places)
        if own.any():
            return None
        if (refs == refs[0]).all():
            return "shared", int(refs[0])
        if not inner.any():
            sources = ~refs
            constant = self.constant[sources]
            if constant.all():
                return "fixed", self._column_of(self.fixed, self.value[sources])
            if not constant.any() and not self.keep.intersection(refs.tolist()):
                place = {ref: i for i, ref in enumerate(self.tape.inputs)}
                return "gathered", self._column_of(self.gathered, np.array([place[ref] for ref in refs.tolist()]))
        return self._choice([("shared", int(ref)) for ref in np.unique(refs)], refs)

    def _choice(self, candidates: list[tuple[str, int]], which: Any) -> tuple[str, Any] | None:
        import numpy as np

        self.affordable -= CHOICE * len(candidates)
        if len(candidates) > MOST_CHOICES or len(candidates) * 2 > self.count or self.affordable < 0:
            return None
        labels: Any = np.searchsorted(np.unique(which), which).astype(float)
        return "choice", (self._column_of(self.fixed, labels), candidates)

    def _column_of(self, kind: dict[bytes, tuple[Ref, Any]], data: Any) -> bytes:
        key: bytes = data.tobytes()
        kind.setdefault(key, (0, data))
        return key

    def _written(self, column: tuple[str, Any], made: list[Ref]) -> Ref:
        kind, what = column
        if kind == "own":
            return int(made[what])
        if kind == "shared":
            return self._outside(what)
        if kind == "choice":
            label, candidates = self.fixed[what[0]][0], what[1]
            options = [self._written(candidate, made) for candidate in candidates]
            return picked(self.out, label, range(len(options)), options)
        return (self.fixed if kind == "fixed" else self.gathered)[what][0]

    def _outside(self, ref: Ref) -> Ref:
        """A shared node, with everything it needs, on the tape of the sample: it will be done once."""
        todo = [ref]
        while todo:
            node = todo[-1]
            if node in self.shared:
                todo.pop()
            elif node < 0:
                self.shared[node] = self.out.constant(self.tape.number(node))  # type: ignore[arg-type]
            else:
                args = self.columns.args(node)
                missing = [arg for arg in args if arg not in self.shared]
                todo += missing
                if not missing:
                    self.shared[node] = self.out.node(self.columns.op(node), tuple([self.shared[arg] for arg in args]))
        return self.shared[ref]

    def data(self) -> tuple[Any, Any]:
        """(fixed, gathered): tables with one line for each sample."""
        import numpy as np

        tables = []
        for kind, dtype in ((self.fixed, float), (self.gathered, np.int64)):
            columns = [data for _, data in kind.values()]
            tables.append(np.array(columns, dtype=dtype).reshape(len(columns), self.count).T)
        return tables[0], tables[1]


def _epilogue(tape: Tape, found: Alike) -> Tape:
    """Everything outside of the samples, with their sum as an input."""
    import numpy as np

    c, out = found.columns, Tape()
    place = dict(zip(tape.inputs, out.declared(tape.names()), strict=True))
    total = out.input("total")
    out.input("rows")
    last = max(found.chain)
    alike = set(found.numbers.tolist())

    def at(ref: Ref) -> Ref:
        if ref < 0 and ref not in place:
            place[ref] = out.constant(tape.number(ref))  # type: ignore[arg-type]
        return place[ref]

    for i in np.flatnonzero(found.owner < 0).tolist():
        if i == last:
            others = []
            for k, group in enumerate(found.samples):
                for ref, sign in zip(group, found.signs[k], strict=True):
                    if k not in alike:
                        others.append(at(ref) if sign > 0 else out.node(ops.neg, (at(ref),)))
            place[i] = out.node(ops.sum, (total, *others)) if others else total
            if c.op(i) is ops.mean:
                place[i] = out.node(ops.div, (place[i], out.constant(float(sum(map(len, found.samples))))))
        elif i not in found.chain:
            place[i] = out.node(c.op(i), tuple([at(ref) for ref in c.args(i)]))
    for guard in tape.guards:
        if found.owner[guard.flag] < 0:
            out.guards.append(Guard(place[guard.flag], guard.outcome, guard.line))
    out.outputs = [at(tape.outputs[0])]
    return out
