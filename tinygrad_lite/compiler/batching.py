"""Finding the rows of a batch in a loss that was written as a loop over samples.

In: the raw tape of a whole-batch loss, in the order in which it was traced. Out: the tape of one row, the tape of
what is made of the sum over the rows, and the data of each row; or nothing, if there are no rows to find.

    1. The longest chain of additions is the sum over samples; each of its terms, or each few of them, may be a row.
    2. A node *belongs* to a row if everything that uses it does; what several rows use is shared.
    3. Rows that perform the same ops in the same order form the batch; the others stay what they are.
    4. Operand by operand the rows are compared. The same node of its own row: structure. The same shared node: a
       parameter. Constants that differ: a column of data. Inputs that differ: a column gathered from the inputs. Nodes
       of the row that differ from row to row, as in z[label]: a choice by a column of labels.

The tape must not be tidied before: a constant folded in one row, or a node shared by two, would make rows differ.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from tinygrad_lite.compiler.paths import picked
from tinygrad_lite.compiler.tape import Guard, Ref, Tape
from tinygrad_lite.engine import ops

FEWEST = 8
"""Rows that are worth a batch."""

MOST_TERMS = 4
"""Terms that one sample may add to the sum."""

MOST_CHOICES = 64
"""Nodes of a row among which a label may choose."""

_SHARED, _OPEN, _CHAIN = -1, -2, -3


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


class Alike(NamedTuple):
    """Rows that perform the same ops; whether what they read can be brought together is not known yet."""

    chain: set[Ref]
    """The additions of the sum over the samples."""
    samples: list[list[Ref]]
    """The terms of each sample."""
    owner: list[int]
    """For each node the sample it belongs to, or a negative mark."""
    members: dict[int, list[Ref]]
    """The samples that are alike, and the nodes of each."""
    left: int
    """Samples that are not."""


def find(tape: Tape, keep: Sequence[Ref] = ()) -> Batch | None:
    """The batch in a tape with one output; inputs in `keep`, whose slopes are wanted, must not become columns."""
    return joined(tape, alike(tape), keep)


def alike(tape: Tape) -> Alike | None:
    """Steps 1 to 3: the rows of a tape, if it has any."""
    if len(tape.outputs) != 1 or len(tape) < 4 * FEWEST:
        return None
    chain, terms = _longest_chain(tape)
    if len(terms) < FEWEST:
        return None
    best: Alike | None = None
    for size in range(1, MOST_TERMS + 1):
        samples = _samples(terms, size)
        owner = _owners(tape, chain, samples) if samples else None
        if owner is None:
            continue
        members = _same_rows(tape, owner, len(samples))
        left = sum(1 for group in samples if any(t >= 0 and owner[t] >= 0 for t in group)) - len(members)
        if best is None or left < best.left:
            best = Alike(chain, samples, owner, members, left)
        if 4 * left <= len(members):
            break
    if best is None:
        return None
    members = best.members
    if len(members) < FEWEST or 2 * sum(map(len, members.values())) < len(tape):
        return None
    if best.left:
        best.owner[:] = [k if k < 0 or k in members else _SHARED for k in best.owner]
    return best


def joined(tape: Tape, rows: Alike | None, keep: Sequence[Ref] = ()) -> Batch | None:
    """Step 4: the batch made of such rows, if what they read allows it."""
    if rows is None:
        return None
    chain, samples, owner, members, left = rows
    reader = _Reader(tape, owner, members, set(keep))
    row = reader.row(samples)
    if row is None:
        return None
    epilogue = _epilogue(tape, owner, chain, samples, members)
    fixed, gathered = reader.data()
    return Batch(row, epilogue, len(members), fixed, gathered, left)


def _samples(terms: list[Ref], size: int) -> list[list[Ref]]:
    """The terms in groups of that size, a group for each sample; a constant that begins the sum stands alone."""
    start = 0
    while size > 1 and start < len(terms) and terms[start] < 0:
        start += 1
    if (len(terms) - start) % size:
        return []
    return [[t] for t in terms[:start]] + [terms[k : k + size] for k in range(start, len(terms), size)]


def _longest_chain(tape: Tape) -> tuple[set[Ref], list[Ref]]:
    """The chain of additions that spans most of the tape: its nodes, and its terms in order."""
    uses = [0] * len(tape)
    for ref in itertools.chain.from_iterable(tape.args):
        if ref >= 0:
            uses[ref] += 1
    for guard in tape.guards:  # a flag is a use of nothing
        for ref in tape.args[guard.flag] if guard.flag >= 0 else ():
            if ref >= 0:
                uses[ref] -= 1
    chains: dict[Ref, tuple[list[Ref], list[Ref]]] = {}  # of the last node: (nodes, terms)
    best: tuple[list[Ref], list[Ref]] = ([], [])
    width = -1
    for i, (op, args) in enumerate(zip(tape.op, tape.args, strict=True)):
        if op is ops.add:
            x, y = args
            p = chains.get(x) if x >= 0 and uses[x] == 1 else None
            q = chains.get(y) if y >= 0 and uses[y] == 1 else None
            if q is not None and (p is None or len(q[1]) > len(p[1])):
                nodes, found = q
                found.append(x)
                del chains[y]
            elif p is not None:
                nodes, found = p
                found.append(y)
                del chains[x]
            else:
                nodes, found = [], [x, y]
            nodes.append(i)
            chains[i] = nodes, found
        elif op is ops.sum and len(args) > 2:
            chains[i] = [i], list(args)
    for nodes, found in chains.values():
        inner = [ref for ref in found if ref >= 0]
        if len(inner) >= FEWEST and nodes[-1] - min(inner) > width:
            width, best = nodes[-1] - min(inner), (nodes, found)
    nodes, found = best
    row = chains.get(found[-1]) if found else None
    if row is not None and len(row[1]) < len(found) == len(nodes) + 1 and len(row[0]) == len(row[1]) - 1:
        k = len(row[1])  # a row ends in additions itself, and those of the first row seemed to begin the chain
        nodes, found = nodes[k - 1 :], [nodes[k - 2], *found[k:]]
    return set(nodes), found


def _owners(tape: Tape, chain: set[Ref], samples: list[list[Ref]]) -> list[int] | None:
    """For each node the number of the term it belongs to, or a negative mark."""
    owner = [_OPEN] * len(tape)
    for k, group in enumerate(samples):
        for ref in group:
            if ref >= 0:
                owner[ref] = k if owner[ref] in (_OPEN, k) else _SHARED
    for ref in chain:
        owner[ref] = _CHAIN
    flags = {guard.flag for guard in tape.guards}
    for i in range(len(tape) - 1, -1, -1):
        mine = owner[i]
        if i in flags or mine == _CHAIN:
            continue
        if mine == _OPEN:
            mine = owner[i] = _SHARED
        for ref in tape.args[i]:
            if ref >= 0 and owner[ref] != mine and owner[ref] != _CHAIN:
                owner[ref] = mine if owner[ref] == _OPEN else _SHARED
    for flag in flags:
        found = {owner[ref] for ref in tape.args[flag] if ref >= 0} - {_SHARED}
        if len(found) > 1 or _CHAIN in found:
            return None  # a comparison between two rows
        owner[flag] = found.pop() if found else _SHARED
    return owner


def _same_rows(tape: Tape, owner: list[int], n: int) -> dict[int, list[Ref]]:
    """The largest set of rows with the same ops in the same order: {number of the term: its nodes}."""
    nodes: list[list[Ref]] = [[] for _ in range(n)]
    for i, k in enumerate(owner):
        if k >= 0:
            nodes[k].append(i)
    outcome = {guard.flag: guard.outcome for guard in tape.guards}
    kinds: dict[Any, int] = {}  # what a node does, as one number
    kind = [kinds.setdefault((op, len(args)), len(kinds)) for op, args in zip(tape.op, tape.args, strict=True)]
    for flag, held in outcome.items():
        kind[flag] = -1 - held
    classes: dict[tuple[int, ...], list[int]] = {}
    for k, mine in enumerate(nodes):
        if mine:
            classes.setdefault(tuple([kind[i] for i in mine]), []).append(k)
    if not classes:
        return {}
    largest = max(classes.values(), key=lambda ks: len(ks) * len(nodes[ks[0]]))
    return {k: nodes[k] for k in largest}


class _Reader:
    """Step 4: operand by operand, what the rows have in common and what is a column."""

    def __init__(self, tape: Tape, owner: list[int], members: dict[int, list[Ref]], keep: set[Ref]) -> None:
        import numpy as np

        self.tape, self.keep = tape, keep
        self.members = list(members.values())
        self.rows = len(self.members)
        self.owner = np.array(owner)
        self.numbers = np.array(list(members), dtype=np.int64)  # which term each row is
        self.place: Any = np.zeros(len(tape), dtype=np.int64)  # of a node in its row
        self.nodes: Any = np.array(self.members)  # one line for each row
        self.place[self.nodes.reshape(-1)] = np.tile(np.arange(len(self.members[0])), self.rows)
        counts = np.fromiter(map(len, tape.args), np.int64, len(tape))
        self.start: Any = np.cumsum(counts) - counts  # of a node's operands, among all operands of the tape
        self.operands: Any = np.fromiter(itertools.chain.from_iterable(tape.args), np.int64, int(counts.sum()))
        self.constant = np.array([x.__class__ is float for x in tape.sources] or [False])
        self.value = np.array([x if x.__class__ is float else 0.0 for x in tape.sources] or [0.0])
        self.out = Tape()
        self.fixed: dict[bytes, tuple[Ref, Any]] = {}
        self.gathered: dict[bytes, tuple[Ref, Any]] = {}
        self.shared: dict[Ref, Ref] = {}

    def row(self, samples: list[list[Ref]]) -> Tape | None:
        """The tape of one row; None if the rows cannot be brought together."""
        tape, first = self.tape, self.members[0]
        reads: list[list[Any]] = []
        for j, node in enumerate(first):
            start = self.start[self.nodes[:, j]]  # of the node at place j, in each row
            columns = [self._column(self.operands[start + s]) for s in range(len(tape.args[node]))]
            if any(column is None for column in columns):
                return None
            reads.append(columns)
        out = self.out
        inputs = [out.input(tape.name(ref)) for ref in tape.inputs]
        self.shared.update(zip(tape.inputs, inputs, strict=True))
        for kind in (self.fixed, self.gathered):
            for key, (_, data) in kind.items():
                kind[key] = out.input(f"column{len(out.inputs) - len(inputs)}"), data
        outcome = {guard.flag: guard for guard in tape.guards}
        made: list[Ref] = []
        for j, i in enumerate(first):
            made.append(out.node(tape.op[i], tuple([self._written(column, made) for column in reads[j]])))
            if i in outcome:
                out.guards.append(Guard(made[-1], outcome[i].outcome, outcome[i].line))
        ends = {tuple([int(self.place[t]) if t >= 0 else -1 for t in samples[k]]) for k in self.numbers.tolist()}
        if len(ends) != 1 or min(places := ends.pop()) < 0:
            return None
        last = [made[place] for place in places]
        out.outputs = [out.node(ops.sum, tuple(last)) if len(last) > 1 else last[0]]
        return out

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
                missing = [arg for arg in self.tape.args[node] if arg not in self.shared]
                todo += missing
                if not missing:
                    args = tuple([self.shared[arg] for arg in self.tape.args[node]])
                    self.shared[node] = self.out.node(self.tape.op[node], args)
        return self.shared[ref]

    def data(self) -> tuple[Any, Any]:
        """(fixed, gathered): tables with one line for each row."""
        import numpy as np

        tables = []
        for kind, dtype in ((self.fixed, float), (self.gathered, np.int64)):
            columns = [data for _, data in kind.values()]
            tables.append(np.array(columns, dtype=dtype).reshape(len(columns), self.rows).T)
        return tables[0], tables[1]


def _epilogue(
    tape: Tape, owner: list[int], chain: set[Ref], samples: list[list[Ref]], members: dict[int, list[Ref]]
) -> Tape:
    """Everything outside of the rows, with their sum as an input."""
    out = Tape()
    place: dict[Ref, Ref] = {ref: out.input(tape.name(ref)) for ref in tape.inputs}
    total = out.input("total")
    out.input("rows")
    last = max(chain)

    def at(ref: Ref) -> Ref:
        if ref < 0 and ref not in place:
            place[ref] = out.constant(tape.number(ref))  # type: ignore[arg-type]
        return place[ref]

    for i, (op, args) in enumerate(zip(tape.op, tape.args, strict=True)):
        if i == last:
            others = [at(ref) for k, group in enumerate(samples) if k not in members for ref in group]
            place[i] = out.node(ops.sum, (total, *others)) if others else total
        elif i not in chain and owner[i] < 0:
            place[i] = out.node(op, tuple([at(ref) for ref in args]))
    for guard in tape.guards:
        if owner[guard.flag] < 0:
            out.guards.append(Guard(place[guard.flag], guard.outcome, guard.line))
    out.outputs = [at(tape.outputs[0])]
    return out
