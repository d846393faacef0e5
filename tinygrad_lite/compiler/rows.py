"""A loss that is a sum over rows, taken apart into what is done once and what is done for each row.

In: the tape of one row's loss, and the tape of what is made of the sum of these. Out: three tapes.

    prologue   parameters -> what every row needs of them alone, such as exp(log_sigma)
    row        those and the row's data -> the row's loss, and its slopes along them
    finale     the sums of these over all rows -> the loss, and its slopes along the parameters

The gradient goes back the same way: the rows' slopes are added up along what the prologue gave, and the
finale sends the sums back through the prologue.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_lite.compiler.adjoint import sweep, tidied
from tinygrad_lite.compiler.tape import Builder, Guard, Ref, Tape
from tinygrad_lite.engine import ops


class RowProgram:
    """The three tapes and where their inputs live.

    Attributes:
        prologue: inputs P (the parameters); its outputs stand behind them in the array P.
        row: inputs by `row_arrays`; outputs are weight times loss, then the slopes along P.
        row_places: where in the sums G each output goes.
        finale: inputs by `finale_arrays`; outputs are the loss, then its slopes along the parameters.
    """

    def __init__(self, row: Tape, epilogue: Tape, parameters: int, columns: int, along: Sequence[int] | None) -> None:
        """Args:
        row: inputs are the parameters, then the columns of a row; one output.
        epilogue: inputs are the parameters, the sum over the rows, and their number; one output.
        parameters, columns: how many of each.
        along: the parameters along which the slopes are wanted; None for the value alone.
        """
        slopes = along is not None
        self.parameters = parameters
        self.columns = columns  # the weight of the row is one more
        whole = row if isinstance(row, Builder) and ops.dot not in row.op else tidied(row)
        self.prologue, inner, self.needed = _hoisted(whole, parameters)
        uniforms = len(self.needed)
        body = inner
        ins, xs = body.inputs[:uniforms], body.inputs[uniforms:]
        weight = body.input("weight")
        (loss,) = body.outputs
        flags, body.guards = [guard.flag for guard in body.guards], []
        self.row_arrays = {ref: ("P", place) for ref, place in zip(ins, self.needed, strict=True)}
        self.row_arrays |= {ref: ("X", i) for i, ref in enumerate([*xs, weight])}
        grads = sweep(body, {loss: weight}, ins) if slopes else []
        body.outputs = [body.node(ops.mul, (weight, loss)), *grads]
        self.flags = len(flags)  # each is summed over the rows: where it was true, it was true of all of them
        body.outputs += [body.node(ops.mul, (weight, flag)) for flag in flags]
        self.row: Builder | None = body
        self.finale, self.finale_arrays = _finale(
            self.prologue, epilogue, parameters, self.needed, along, len(grads), len(flags)
        )
        self.outputs = len(self.finale.outputs)


def _hoisted(tape: Builder, parameters: int) -> tuple[Builder, Builder, list[int]]:
    """(prologue, row, places): what depends on parameters alone moves from the row to the prologue.

    The inputs of the new row are numbers of the array P, at `places`: parameters first, then
    what the prologue computes.
    """
    given = set(tape.inputs[:parameters])
    live = tape.live()
    uniform: list[bool] = []
    for args in tape.args:
        uniform.append(all(uniform[ref] if ref >= 0 else ref in given or tape.number(ref) is not None for ref in args))
    prologue, row = Builder(), Builder()
    before = dict(
        zip(tape.inputs[:parameters], [prologue.input(tape.name(r)) for r in tape.inputs[:parameters]], strict=True)
    )
    position = {ref: i for i, ref in enumerate(tape.inputs[:parameters])}
    inside: dict[Ref, Ref] = {}
    used: dict[Ref, int] = {}  # what the row reads of the array P, and where it is there

    def outside(ref: Ref) -> Ref:
        if ref < 0 and ref not in before:
            before[ref] = prologue.constant(tape.number(ref))  # type: ignore[arg-type]
        return before[ref]

    def within(ref: Ref) -> Ref:
        if ref in inside:
            return inside[ref]
        x = tape.number(ref)
        if x is not None:
            inside[ref] = row.constant(x)
        else:  # of the array P
            if ref in position:
                used[ref] = position[ref]
            else:
                used[ref] = parameters + len(prologue.outputs)
                prologue.outputs.append(before[ref])
            inside[ref] = row.input(tape.name(ref) if ref in position else f"u{used[ref]}")
        return inside[ref]

    columns = [row.input(tape.name(ref)) for ref in tape.inputs[parameters:]]
    inside.update(zip(tape.inputs[parameters:], columns, strict=True))
    for i, (op, args) in enumerate(zip(tape.op, tape.args, strict=True)):
        if live[i] and uniform[i]:
            before[i] = prologue.written(op, tuple([outside(ref) for ref in args]))
        elif live[i]:
            inside[i] = row.written(op, tuple([within(ref) for ref in args]))
    row.outputs = [within(ref) for ref in tape.outputs]
    row.guards = [Guard(within(guard.flag), guard.outcome, guard.line) for guard in tape.guards]
    order = sorted(used, key=lambda ref: used[ref])  # as they stand in P: neighbours there are summed as neighbours
    row.inputs = [*[inside[ref] for ref in order], *columns]
    return prologue, row, [used[ref] for ref in order]


def _finale(
    prologue: Builder,
    epilogue: Tape,
    parameters: int,
    needed: Sequence[int],
    along: Sequence[int] | None,
    grads: int,
    flags: int,
) -> tuple[Builder, dict[Ref, tuple[str, int]]]:
    """The tape behind the rows: loss, slopes, the guards outside of the rows, and the rows' flags summed."""
    tape = Builder()
    ps = [tape.input(prologue.name(ref)) for ref in prologue.inputs]
    total, count = tape.input("total"), tape.input("rows")
    arrays = {ref: ("P", i) for i, ref in enumerate(ps)} | {total: ("G", 0), count: ("N", 0)}
    made = tape.inline(prologue, ps) if along is not None else []
    (loss,) = tape.inline(tidied(epilogue), [*ps, total, count])
    outside, tape.guards = [guard.flag for guard in tape.guards], []
    tape.outputs = [loss]
    if along is not None:
        (share,) = sweep(tape, {loss: tape.constant(1.0)}, [total])
        seeds: dict[Ref, Ref] = {}
        for k, place in enumerate(needed):
            summed = tape.input(f"g{k}")
            arrays[summed] = ("G", k + 1)
            node = ps[place] if place < parameters else made[place - parameters]
            new = tape.node(ops.mul, (summed, share))
            seeds[node] = tape.node(ops.add, (seeds[node], new)) if node in seeds else new
        one = tape.constant(1.0)
        seeds[loss] = tape.node(ops.add, (seeds[loss], one)) if loss in seeds else one
        tape.outputs += sweep(tape, seeds, [ps[i] for i in along])
    tape.outputs += outside
    for k in range(flags):
        summed = tape.input(f"flag{k}")
        arrays[summed] = ("G", 1 + grads + k)
        tape.outputs.append(summed)
    return tape, arrays


def mean(parameters: int) -> Tape:
    """The epilogue of a loss averaged over the rows."""
    tape = Tape()
    for i in range(parameters):
        tape.input(f"p{i}")
    total, count = tape.input("total"), tape.input("rows")
    tape.outputs = [tape.node(ops.div, (total, count))]
    return tape
