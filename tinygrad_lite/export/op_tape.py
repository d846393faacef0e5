"""A program that was not folded into loops: as a tape, in groups of like ops that do not need one another.

In: a program in ops that a library has. Out: rows of whole numbers, and a few lines of source that run them. All
numbers of the program stand in one list: the inputs, the constants, then the results of each group.

    OPS = [lambda x, y: x * y, lambda x, y: np.tanh(x)]
    TAPE = np.array([[0, 8, 1, 3, 2, 2], ...])         op, where 2 results begin, first operands, second operands
    for row in TAPE: v[row[1] : row[1] + 2] = OPS[row[0]](*v[row[2:].reshape(2, 2)])
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from tinygrad_lite.compiler.ir.tape import LESS, SELECT, Builder, Ref
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op
from tinygrad_lite.export.expression import put
from tinygrad_lite.export.spelling import Spelling

WIDTHS = (1, 4, 16, 64, 256)
"""How many results a group may have."""

ROW = 16
"""What a group costs beside its results, in results."""


class OpTape(NamedTuple):
    """A program as a tape.

    Attributes:
        ops: the ops that there are.
        operands: how many operands each reads; one of fewer repeats its first.
        constants: the numbers behind the inputs.
        width: how many results a group has; a group of fewer repeats its first.
        rows: of each group which op it is, where its results begin, and where its operands stand: all the first ones,
            then all the second ones, ...
        outputs: where the outputs stand.
        nodes: how many ops were performed one by one.
    """

    ops: list[Op]
    operands: int
    constants: list[float]
    width: int
    rows: list[list[int]]
    outputs: list[int]
    nodes: int


def op_tape(tape: Builder, places: Sequence[int], inputs: int) -> OpTape:
    """The tape in groups.

    Args:
        tape: in ops of no more than three operands; a sum may have any number.
        places: where each of its inputs stands.
        inputs: where the constants begin, behind all inputs.
    """
    flat = _balanced(tape)
    live = flat.live()
    place = dict(zip(flat.inputs, places, strict=True))
    numbers = [ref for ref in range(-1, -1 - len(flat.sources), -1) if flat.number(ref) is not None]
    place |= {ref: inputs + k for k, ref in enumerate(numbers)}
    start = inputs + len(numbers)
    found = {width: _groups(flat, live, width) for width in WIDTHS}
    width = min(found, key=lambda width: len(found[width]) * (width + ROW))
    kinds = [*dict.fromkeys(flat.op[group[0]] for group in found[width])]
    operands = max([op.arity or 2 for op in kinds], default=1)
    rows = []
    for k, group in enumerate(found[width]):
        at = start + width * k
        place |= {i: at + m for m, i in enumerate(group)}
        full = [*group, *group[:1] * (width - len(group))]
        columns = [[place[(flat.args[i] * operands)[k]] for i in full] for k in range(operands)]
        rows.append([kinds.index(flat.op[group[0]]), at, *(x for column in columns for x in column)])
    constants = [flat.number(ref) or 0.0 for ref in numbers]
    return OpTape(kinds, operands, constants, width, rows, [place[ref] for ref in flat.outputs], sum(live))


def _balanced(tape: Builder) -> Builder:
    """The tape with sums of two terms, such that no long sum is a long chain."""
    made = Builder()
    known = {~k: made.input(x) if isinstance(x, str) else made.constant(x) for k, x in enumerate(tape.sources)}
    made.inputs = [known[ref] for ref in tape.inputs]
    uses = [0] * len(tape)
    for args in tape.args:
        for ref in args:
            if ref >= 0:
                uses[ref] += 1
    for ref in tape.outputs:
        if ref >= 0:
            uses[ref] += 2
    depth: dict[Ref, int] = {}
    terms: dict[Ref, list[Ref]] = {}  # of sums that only another sum reads

    def emit(op: Op, args: tuple[Ref, ...]) -> Ref:
        ref = made.emit(op, args)
        depth[ref] = 1 + max(depth.get(x, 0) for x in args)
        return ref

    def total(of: list[Ref]) -> Ref:
        heap = [(depth.get(ref, 0), k, ref) for k, ref in enumerate(of)]
        heapq.heapify(heap)
        while len(heap) > 1:
            x, y = heapq.heappop(heap), heapq.heappop(heap)
            ref = emit(ops.add, (x[2], y[2]))
            heapq.heappush(heap, (depth[ref], y[1], ref))
        return heap[0][2]

    for i, (op, args) in enumerate(zip(tape.op, tape.args, strict=True)):
        mine: list[Ref] = []
        for ref in args:
            if ref in terms and not (op in (ops.add, ops.sum) and uses[ref] == 1):
                known[ref] = total(terms.pop(ref))
            mine += terms.pop(ref) if ref in terms else [known[ref]]
        if op in (ops.add, ops.sum):
            terms[i] = mine
        else:
            known[i] = emit(op, tuple(mine))
    for ref in tape.outputs:
        if ref in terms:
            known[ref] = total(terms.pop(ref))
    made.outputs = [known[ref] for ref in tape.outputs]
    return made


def _groups(tape: Builder, live: Sequence[bool], width: int) -> list[list[int]]:
    """The ops in an order in which each finds its operands, those of one kind together."""
    waits = [0] * len(tape)
    readers: dict[int, list[int]] = {}
    ready: dict[Op, deque[int]] = {}
    for i, args in enumerate(tape.args):
        if live[i]:
            needed = {ref for ref in args if ref >= 0}
            waits[i] = len(needed)
            for ref in needed:
                readers.setdefault(ref, []).append(i)
            if not needed:
                ready.setdefault(tape.op[i], deque()).append(i)
    groups = []
    while queue := max(ready.values(), key=len, default=None):
        group = [queue.popleft() for _ in range(min(width, len(queue)))]
        groups.append(group)
        for i in group:
            for reader in readers.get(i, ()):
                waits[reader] -= 1
                if not waits[reader]:
                    ready.setdefault(tape.op[reader], deque()).append(reader)
    return groups


# ------------------------------------------------------------------ as text


def constants_of(spelling: Spelling, tape: OpTape) -> dict[str, str]:
    """What stands in front of the function: the ops, and the rows."""
    import numpy as np

    made = []
    for op in tape.ops:
        if op is SELECT:
            text = f"{spelling.lib}.where(x != 0, y, z)"
        elif op is LESS:
            text = f"{spelling.lib}.where(x < y, 1.0, 0.0)"
        elif op.name in ("max", "min"):
            text = f"{spelling.lib}.{op.name}imum(x, y)"
        else:
            text = put(spelling.template(op, op.arity or 1), x0="x", x1="y", x2="z")
        made.append(f"    lambda {', '.join('xyz'[: tape.operands])}: {text},")
    return {"OPS": "\n".join(["[", *made, "]"]), "TAPE": spelling.array(np.array(tape.rows))}


def lines_of(spelling: Spelling, tape: OpTape, data: Sequence[str], given: Sequence[str], samples: str) -> list[str]:
    """The lines after which v holds all numbers of the tape.

    Args:
        data: of the samples, numbers by sample; `samples` says how many there are, if there are any.
        given: the other inputs and the constants, one number behind the other.
    """
    results = tape.width * len(tape.rows)
    known = given[0] if len(given) == 1 else spelling.joined(given, 0)
    operands = f"v[row[2:].reshape({tape.operands}, {tape.width})]"
    if samples:
        lines = [f"v = {known}[:, None] + {spelling.zeros(f'(1, {samples})')}"] if given else []
        parts = [*data, *(["v"] if given else []), spelling.zeros(f"({results}, {samples})")]
    else:
        lines, parts = [], [*given, spelling.zeros(str(results))]
    return [
        f"# {tape.nodes} ops that were not folded into loops: each row of TAPE is an op, where its {tape.width} "
        "results begin, and where its operands stand.",
        *lines,
        f"v = {spelling.joined(parts, 0)}",
        *spelling.run(operands, tape.width, bool(samples)),
    ]
