"""A loss that is a sum over samples, taken apart into what is done once and what is done for each sample.

In: the tape of one sample's loss, and the tape of what is made of the sum of these. Out: three tapes.

    prologue   parameters -> what every sample needs of them alone, such as exp(log_sigma)
    sample        those and the sample's data -> the sample's loss, and its derivatives w.r.t. them
    epilogue     the sums of these over all samples -> the loss, and its derivatives w.r.t. the parameters

The gradient goes back the same way: the samples' gradients w.r.t. what the prologue gave are added up, and the
epilogue sends the sums back through the prologue. Where the loss changes with the sum at a rate known beforehand,
as a mean does at 1/samples, the samples' sweep starts from that rate, and no derivative is scaled afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinygrad_lite.compiler.ir.tape import Builder, Guard, Ref, Tape
from tinygrad_lite.compiler.passes.adjoint import sweep, tidied
from tinygrad_lite.engine import ops

BEFORE, EACH, AFTER = "before the samples", "each sample", "at the end"
"""The three tapes, for people."""


class SampleProgram:
    """The three tapes and where their inputs live.

    Attributes:
        prologue: inputs P (the parameters), then the number of samples if it is needed; its outputs stand behind the
            parameters in the array P.
        sample: inputs by `sample_arrays`; outputs are weight times loss, then the derivatives w.r.t. P.
        sample_places: where in the sums G each output goes.
        epilogue: inputs by `epilogue_arrays`; outputs are the loss, then its derivatives w.r.t. the parameters.
    """

    outputs: int
    flags: int
    epilogue: Builder
    epilogue_arrays: dict[Ref, tuple[str, int]]

    def __init__(
        self, sample: Tape, epilogue: Tape | None, parameters: int, columns: int, wrt: Sequence[int] | None
    ) -> None:
        """Args:
        sample: inputs are the parameters, then the columns of a sample; one output.
        epilogue: inputs are the parameters, the sum over the samples, and their number; one output.
            None if nothing is summed: the outputs of the sample, many or one, are kept for each.
        parameters, columns: how many of each.
        wrt: the parameters that gradients are wanted w.r.t.; None for the value alone.
        """
        self.given: tuple[Tape, Tape | None] = sample, epilogue
        self.parameters: int = parameters
        self.wrt: Sequence[int] | None = wrt
        self.columns = columns  # the weight of the sample is one more

    def hoist(self) -> Mapping[str, Tape] | None:
        sample, _ = self.given
        whole = sample if isinstance(sample, Builder) and ops.dot not in sample.op else tidied(sample)
        self.prologue, self.sample, self.needed = _hoisted(whole, self.parameters)
        return {BEFORE: self.prologue, EACH: self.sample} if self.prologue.outputs else None

    def differentiate(self) -> Mapping[str, Tape]:
        gradients, epilogue, body = self.wrt is not None, self.given[1], self.sample
        uniforms = len(self.needed)
        if epilogue is None:
            self.epilogue, self.epilogue_arrays, self.outputs, self.flags = Builder(), {}, len(body.outputs), 0
            self.sample_arrays = {ref: ("P", i) for ref, i in zip(body.inputs[:uniforms], self.needed, strict=True)}
            self.sample_arrays |= {ref: ("X", i) for i, ref in enumerate(body.inputs[uniforms:])}
            return {BEFORE: self.prologue, EACH: body}
        ins, xs = body.inputs[:uniforms], body.inputs[uniforms:]
        weight = body.input("weight")
        (loss,) = body.outputs
        flags, body.guards = [guard.flag for guard in body.guards], []
        self.sample_arrays = {ref: ("P", place) for ref, place in zip(ins, self.needed, strict=True)}
        self.sample_arrays |= {ref: ("X", i) for i, ref in enumerate([*xs, weight])}
        rate = _rate(epilogue) if gradients else None
        seed = weight
        if rate is not None:
            x = rate.number(rate.outputs[0])
            seed = body.node(ops.mul, (weight, self._rate_of_samples(rate) if x is None else body.constant(x)))
        grads = sweep(body, {loss: seed}, ins, fast_math=True) if gradients else []
        body.outputs = [body.node(ops.mul, (weight, loss)), *grads]
        self.flags = len(flags)  # each is summed over the samples: where it was true, it was true of all of them
        body.outputs += [body.node(ops.mul, (weight, flag)) for flag in flags]
        self.epilogue, self.epilogue_arrays = _epilogue(
            self.prologue, epilogue, self.parameters, self.needed, self.wrt, len(grads), len(flags), rate is not None
        )
        self.outputs = len(self.epilogue.outputs)
        return {BEFORE: self.prologue, EACH: body, AFTER: self.epilogue}

    def tapes(self) -> Mapping[str, Builder]:
        """Those that compute anything, by title."""
        every = {BEFORE: self.prologue, EACH: self.sample, AFTER: self.epilogue}
        return {title: tape for title, tape in every.items() if tape.outputs}

    def arrays(self, title: str) -> Sequence[tuple[str, int]]:
        """Where the inputs of a tape live."""
        if title == BEFORE:
            return [("P", i) if i < self.parameters else ("N", 0) for i in range(len(self.prologue.inputs))]
        if title == EACH:
            return [self.sample_arrays[ref] for ref in self.sample.inputs]
        return [self.epilogue_arrays[ref] for ref in self.epilogue.inputs]

    def _rate_of_samples(self, rate: Builder) -> Ref:
        """The prologue computes the rate, and the sample reads it."""
        self.prologue.outputs += self.prologue.inline(rate, [self.prologue.input("rows")])
        uniform = self.sample.input("rate")
        self.sample_arrays[uniform] = "P", self.parameters + len(self.prologue.outputs) - 1
        return uniform


def _rate(epilogue: Tape) -> Builder | None:
    """How fast the loss changes with the sum over the samples, as a tape of their number.

    None if it is 1, or depends on the parameters or on the sum itself.
    """
    tape = Builder()
    *ps, total, count = tape.declared(epilogue.names())
    (loss,) = tape.inline(tidied(epilogue), [*ps, total, count])
    (rate,) = sweep(tape, {loss: tape.constant(1.0)}, [total])
    tape.outputs, tape.guards = [rate], []
    if tape.number(rate) == 1.0:
        return None
    read = {rate, *(ref for i, needed in enumerate(tape.live()) if needed for ref in tape.args[i])}
    if not read.isdisjoint([*ps, total]):
        return None
    alone = Builder()
    rows = [alone.input("rows")] * len(tape.inputs)
    alone.outputs = alone.inline(tape, rows, lambda _, op, args: alone.node(op, args))
    return alone


def _hoisted(tape: Builder, parameters: int) -> tuple[Builder, Builder, list[int]]:
    """(prologue, sample, places): what depends on parameters alone moves from the sample to the prologue.

    The inputs of the new sample are numbers of the array P, at `places`: parameters first, then
    what the prologue computes.
    """
    given = set(tape.inputs[:parameters])
    live = tape.live()
    uniform: list[bool] = []
    for args in tape.args:
        uniform.append(all(uniform[ref] if ref >= 0 else ref in given or tape.number(ref) is not None for ref in args))
    prologue, sample = Builder(), Builder()
    before = dict(zip(tape.inputs[:parameters], prologue.declared(tape.names()[:parameters]), strict=True))
    position = {ref: i for i, ref in enumerate(tape.inputs[:parameters])}
    inside: dict[Ref, Ref] = {}
    used: dict[Ref, int] = {}  # what the sample reads of the array P, and where it is there

    def outside(ref: Ref) -> Ref:
        if ref < 0 and ref not in before:
            before[ref] = prologue.constant(tape.number(ref))  # type: ignore[arg-type]
        return before[ref]

    def within(ref: Ref) -> Ref:
        if ref in inside:
            return inside[ref]
        x = tape.number(ref)
        if x is not None:
            inside[ref] = sample.constant(x)
        else:  # of the array P
            if ref in position:
                used[ref] = position[ref]
            else:
                used[ref] = parameters + len(prologue.outputs)
                prologue.outputs.append(before[ref])
            inside[ref] = sample.input(tape.name(ref) if ref in position else f"u{used[ref]}")
        return inside[ref]

    columns = sample.declared(tape.names()[parameters:])
    inside.update(zip(tape.inputs[parameters:], columns, strict=True))
    for i, (op, args) in enumerate(zip(tape.op, tape.args, strict=True)):
        if live[i] and uniform[i]:
            before[i] = prologue.emit(op, tuple([outside(ref) for ref in args]))
        elif live[i]:
            inside[i] = sample.emit(op, tuple([within(ref) for ref in args]))
    sample.outputs = [within(ref) for ref in tape.outputs]
    sample.guards = [Guard(within(guard.flag), guard.outcome, guard.line) for guard in tape.guards]
    order = sorted(used, key=lambda ref: used[ref])  # as they stand in P: neighbours there are summed as neighbours
    sample.inputs = [*[inside[ref] for ref in order], *columns]
    return prologue, sample, [used[ref] for ref in order]


def _epilogue(
    prologue: Builder,
    epilogue: Tape,
    parameters: int,
    needed: Sequence[int],
    wrt: Sequence[int] | None,
    grads: int,
    flags: int,
    scaled: bool,
) -> tuple[Builder, dict[Ref, tuple[str, int]]]:
    """The tape behind the samples: loss, gradients, the guards outside of the samples, and the samples' flags summed.

    `scaled` says that the samples' gradients are those of the loss already, not of the sum.
    """
    tape = Builder()
    ps = tape.declared(prologue.names()[:parameters])
    total, count = tape.input("total"), tape.input("rows")
    arrays = {ref: ("P", i) for i, ref in enumerate(ps)} | {total: ("G", 0), count: ("N", 0)}
    made = tape.inline(prologue, [*ps, count][: len(prologue.inputs)]) if wrt is not None else []
    (loss,) = tape.inline(tidied(epilogue), [*ps, total, count])
    outside, tape.guards = [guard.flag for guard in tape.guards], []
    tape.outputs = [loss]
    if wrt is not None:
        rate = tape.constant(1.0)
        if not scaled:
            (rate,) = sweep(tape, {loss: rate}, [total])
        seeds: dict[Ref, Ref] = {}
        for k, place in enumerate(needed):
            summed = tape.input(f"g{k}")
            arrays[summed] = ("G", k + 1)
            node = ps[place] if place < parameters else made[place - parameters]
            new = tape.node(ops.mul, (summed, rate))
            seeds[node] = tape.node(ops.add, (seeds[node], new)) if node in seeds else new
        one = tape.constant(1.0)
        seeds[loss] = tape.node(ops.add, (seeds[loss], one)) if loss in seeds else one
        tape.outputs += sweep(tape, seeds, [ps[i] for i in wrt])
    tape.outputs += outside
    for k in range(flags):
        summed = tape.input(f"flag{k}")
        arrays[summed] = ("G", 1 + grads + k)
        tape.outputs.append(summed)
    return tape, arrays


def mean(parameters: int) -> Tape:
    """The epilogue of a loss averaged over the samples."""
    tape = Tape()
    tape.declared([f"p{i}" for i in range(parameters)])
    total, count = tape.input("total"), tape.input("rows")
    tape.outputs = [tape.node(ops.div, (total, count))]
    return tape
