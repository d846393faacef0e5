"""Finding the rows of a batch in a loss that was written as a loop over samples.

In: the raw tape of a whole-batch loss, in the order in which it was traced. Out: the tape of one row, the tape of
what is made of the sum over the rows, and the data of each row; or nothing, if there are no rows to find.

    1. The longest chain of additions is the sum over samples; each of its terms, or each few of them, may be a row.
    2. A node *belongs* to a row if everything that uses it does; what several rows use is shared.
    3. Rows that perform the same ops in the same order form the batch; the others stay what they are.
    4. Operand by operand the rows are compared. The same node of its own row: structure. The same shared node: a
       parameter. Constants that differ: a column of data. Inputs that differ: a column gathered from the inputs. Nodes
       of the row that differ from row to row, as in z[label]: a choice by a column of labels.

Steps 1 to 3 are in alike.py. The tape must not be tidied before: a constant folded in one row, or a node shared by
two, would make rows differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_lite.compiler.finding.alike import Alike, alike
from tinygrad_lite.compiler.tracing.paths import picked
from tinygrad_lite.compiler.tracing.tape import Guard, Ref, Tape
from tinygrad_lite.engine import ops

MOST_CHOICES = 64
"""Nodes of a row among which a label may choose."""


class Rows:
    """How the numbers of a call become rows of data.

    Attributes:
        rows: how many rows.
        fixed: the numbers of the first columns, one line a row.
        gathered: for each further column, which input each row reads.
        left: rows that look different and are computed one by one.
    """

    def __init__(self, rows: int, fixed: Any, gathered: Any, left: int) -> None:
        self.rows = rows
        self.fixed = fixed
        self.gathered = gathered
        self.left = left


class Batch(Rows):
    """What was found: the rows, and two tapes.

    Attributes:
        row: inputs are those of the whole tape, then the columns; outputs the row's term. Guards are the row's.
        epilogue: inputs are those of the whole tape, then the sum over the rows and their number.
    """

    def __init__(self, row: Tape, epilogue: Tape, rows: int, fixed: Any, gathered: Any, left: int) -> None:
        super().__init__(rows, fixed, gathered, left)
        self.row = row
        self.epilogue = epilogue


def find(tape: Tape, keep: Sequence[Ref] = ()) -> Batch | None:
    """The batch in a tape with one output; inputs in `keep`, whose slopes are wanted, must not become columns."""
    return joined(tape, alike(tape), keep)


def joined(tape: Tape, rows: Alike | None, keep: Sequence[Ref] = ()) -> Batch | None:
    """Step 4: the batch made of such rows, if what they read allows it."""
    if rows is None:
        return None
    reader = _Reader(tape, rows, set(keep))
    row = reader.row()
    if row is None:
        return None
    fixed, gathered = reader.data()
    return Batch(row, _epilogue(tape, rows), len(rows.numbers), fixed, gathered, rows.left)


class _Reader:
    """Step 4: operand by operand, what the rows have in common and what is a column."""

    def __init__(self, tape: Tape, rows: Alike, keep: set[Ref]) -> None:
        import numpy as np

        self.tape, self.keep = tape, keep
        self.columns, self.owner = rows.columns, rows.owner
        self.samples, self.signs = rows.samples, rows.signs
        self.numbers, self.nodes = rows.numbers, rows.nodes
        self.rows, width = rows.nodes.shape
        self.place: Any = np.zeros(len(tape), dtype=np.int64)  # of a node in its row
        self.place[self.nodes.reshape(-1)] = np.tile(np.arange(width), self.rows)
        self.constant = np.array([x.__class__ is float for x in tape.sources] or [False])
        self.value = np.array([x if x.__class__ is float else 0.0 for x in tape.sources] or [0.0])
        self.out = Tape()
        self.fixed: dict[bytes, tuple[Ref, Any]] = {}
        self.gathered: dict[bytes, tuple[Ref, Any]] = {}
        self.shared: dict[Ref, Ref] = {}

    def row(self) -> Tape | None:
        """The tape of one row; None if the rows cannot be brought together."""
        tape, c, first = self.tape, self.columns, self.nodes[0].tolist()
        reads: list[list[Any]] = []
        for j, node in enumerate(first):
            start = c.start[self.nodes[:, j]]  # of the node at place j, in each row
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
        """What a sample adds to the sum: nodes of its own, by their place in the row, or what all share."""
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

        if len(candidates) > MOST_CHOICES or len(candidates) * 2 > self.rows:
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
        """A shared node, with everything it needs, on the tape of the row: it will be done once."""
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
        """(fixed, gathered): tables with one line for each row."""
        import numpy as np

        tables = []
        for kind, dtype in ((self.fixed, float), (self.gathered, np.int64)):
            columns = [data for _, data in kind.values()]
            tables.append(np.array(columns, dtype=dtype).reshape(len(columns), self.rows).T)
        return tables[0], tables[1]


def _epilogue(tape: Tape, rows: Alike) -> Tape:
    """Everything outside of the rows, with their sum as an input."""
    import numpy as np

    c, out = rows.columns, Tape()
    place = dict(zip(tape.inputs, out.declared(tape.names()), strict=True))
    total = out.input("total")
    out.input("rows")
    last = max(rows.chain)
    alike = set(rows.numbers.tolist())

    def at(ref: Ref) -> Ref:
        if ref < 0 and ref not in place:
            place[ref] = out.constant(tape.number(ref))  # type: ignore[arg-type]
        return place[ref]

    for i in np.flatnonzero(rows.owner < 0).tolist():
        if i == last:
            others = []
            for k, group in enumerate(rows.samples):
                for ref, sign in zip(group, rows.signs[k], strict=True):
                    if k not in alike:
                        others.append(at(ref) if sign > 0 else out.node(ops.neg, (at(ref),)))
            place[i] = out.node(ops.sum, (total, *others)) if others else total
            if c.op(i) is ops.mean:
                place[i] = out.node(ops.div, (place[i], out.constant(float(sum(map(len, rows.samples))))))
        elif i not in rows.chain:
            place[i] = out.node(c.op(i), tuple([at(ref) for ref in c.args(i)]))
    for guard in tape.guards:
        if rows.owner[guard.flag] < 0:
            out.guards.append(Guard(place[guard.flag], guard.outcome, guard.line))
    out.outputs = [at(tape.outputs[0])]
    return out
