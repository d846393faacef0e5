"""From a function to loop nests: the one file of the export that calls the compiler's passes.

In: a function and numbers, or a tape. Out: a tape, and its plan (`ir/loop_nest.py`) in ops that a library has.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from tinygrad_lite.calculus.pytree import Structure, fill
from tinygrad_lite.compiler.compiled import CompiledFunction
from tinygrad_lite.compiler.frontend.paths import TooManyPaths, explore
from tinygrad_lite.compiler.frontend.trace import Trace, TraceError
from tinygrad_lite.compiler.ir.loop_nest import Plan
from tinygrad_lite.compiler.ir.recording import Recording
from tinygrad_lite.compiler.ir.tape import LESS, SELECT, Builder, Ref, Tape
from tinygrad_lite.compiler.passes.adjoint import gradient, tidied
from tinygrad_lite.compiler.passes.lowering import Lowered, NoLowering, formula
from tinygrad_lite.compiler.passes.reroll import reroll
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import REAL, Op
from tinygrad_lite.engine.tracing import traced_call
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError
from tinygrad_lite.export.op_tape import OpTape, op_tape

MOST_PATHS = 16
"""Ways through the comparisons of a function that are written as choices; with more, its branches are checked."""

MANY = 24
"""Loop nests of a program that is divided into nests in a second way too."""


def traced(fast: CompiledFunction, structure: Structure, given: Sequence[float]) -> tuple[Tape, Structure, list[Value]]:
    """The function's tape: by paths, so that its branches become choices; by numbers, where that cannot be."""
    labels = fast._labels(structure)
    tape: Tape = Builder()
    trace = Trace(tape)  # type: ignore[arg-type]
    tracers = [trace.input(name) for name in labels]
    shape: Structure = float

    def run() -> list[Ref]:
        nonlocal shape
        args, kwargs = fill(structure, tracers)
        shape, found = trace.lifted(traced_call(trace, fast.f, *args, **kwargs))
        return [x.ref for x in found]

    try:
        tape.outputs = explore(trace, run, cap=MOST_PATHS)
    except (TooManyPaths, TraceError, ValueError, ArithmeticError, TypeError):
        tape = Recording()
        trace = Trace(tape)
        tracers = [trace.input(name, x) for name, x in zip(labels, given, strict=True)]
        tape.outputs = run()
    return tape, shape, list(trace.captured)


class _LibraryOps(Lowered):
    """Ops that the library has stay; any other becomes what it stands for.

    Those of any number of operands stay too, unless `pairs` is asked for: then only sums do.
    """

    def __init__(self, spelled: Callable[[Op], bool], pairs: bool = False) -> None:
        super().__init__({"max", "min"} if pairs else set())
        self.spelled = spelled

    def has(self, op: Op) -> bool:
        if op.arity is None and self.known:
            return op is ops.sum
        return op in (LESS, SELECT) or op is ops.sum or self.spelled(op)

    def opened(self, op: Op, args: tuple[Ref, ...]) -> Ref:
        """An op that the library lacks, in others: what the table says it stands for, else its rule for floats."""
        if op.name in self.known:
            return super().opened(op, args)
        for rule in (op.lower or op.expand, op.forward):
            if rule is not None:
                with contextlib.suppress(TypeError, AttributeError, ValueError, NoLowering):
                    return self.inline(_rule(op.replaced(lower=rule), len(args)), args)[0]
        raise OperandError(
            f"{op.name} cannot be written for another library: it has no template there, no `lower`, and its function "
            "of floats does not run on symbols.\n  Write it in functions of this package, such as tg.exp."
        )


def _rule(op: Op, n: int) -> Tape:
    found = formula(op, n)
    if found is None:
        raise NoLowering(op.name)
    return found


def differentiated(
    tape: Tape, arrays: Sequence[tuple[str, int]], wrt: Sequence[int]
) -> tuple[Builder, list[tuple[bool, str]]]:
    """The program of the outputs, then of the derivatives w.r.t. these places of P, then of the guards' flags."""
    tidy = _sheltered(tidied(tape))
    guards = [(guard.outcome, guard.line) for guard in tidy.guards]
    flags, tidy.guards = [guard.flag for guard in tidy.guards], []
    if wrt:
        there = {place: ref for ref, (array, place) in zip(tidy.inputs, arrays, strict=True) if array == "P"}
        known = {i: there[i] for i in wrt if i in there}
        derivatives = dict(zip(known, gradient(tidy, [*known.values()], fast_math=True).outputs[1:], strict=True))
        tidy.outputs = [tidy.outputs[0], *(derivatives.get(i, tidy.constant(0.0)) for i in wrt)]
    tidy.outputs += flags
    return tidy, guards


def planned(tape: Builder, arrays: Sequence[tuple[str, int]], spelled: Callable[[Op], bool]) -> Plan:
    """The program's loop nests, in ops that the library has.

    Where there are many, sums that look like one that is read twice are kept as that one is, if fewer nests are left.
    """
    made = _LibraryOps(spelled)
    made.lower(tape)
    places = dict(zip(made.inputs, arrays, strict=True))
    plan = reroll(made, places, long=2)
    if len(plan.nests) < MANY or not (roots := _alike(made, places)):
        return plan
    return min(plan, reroll(made, places, long=2, roots=roots), key=lambda one: len(one.nests))


def _alike(tape: Builder, arrays: Mapping[Ref, tuple[str, int]]) -> set[Ref]:
    """Sums of which another one of the same ops is read more than once."""
    shapes: dict[object, int] = {}
    shape = {ref: -1 if ref not in arrays else -2 - (arrays[ref][0] == "X") for ref in range(-len(tape.sources), 0)}
    uses: Counter[Ref] = Counter(ref for args in tape.args for ref in args)
    for i, (op, args) in enumerate(zip(tape.op, tape.args, strict=True)):
        shape[i] = shapes.setdefault((op.name, *[shape[ref] for ref in args]), len(shapes))
    sums = [i for i, op in enumerate(tape.op) if op in (ops.add, ops.sub, ops.sum)]
    often = {shape[i] for i in sums if uses[i] > 1}
    return {i for i in sums if uses[i] == 1 and shape[i] in often}


def unrolled(
    tape: Builder, arrays: Sequence[tuple[str, int]], spelled: Callable[[Op], bool], columns: int, others: int
) -> OpTape:
    """The program as a tape, whose inputs are the columns of a sample, then the others."""
    made = _LibraryOps(spelled, pairs=True).lower(tape)
    return op_tape(made, [place + columns * (array == "P") for array, place in arrays], columns + others)


def _sheltered(tape: Builder) -> Builder:
    """The program with numbers inside of their domains for ops whose result a choice leaves out.

    Arrays compute both sides of a choice, and 0 times the infinite derivative of the other one is no number.
    """
    if SELECT not in tape.op:
        return tape
    needed: dict[Ref, frozenset[tuple[Ref, bool]]] = {ref: frozenset() for ref in tape.outputs}
    needed |= {guard.flag: frozenset() for guard in tape.guards}
    for i in reversed(range(len(tape))):
        if i in needed:
            for k, ref in enumerate(tape.args[i]):
                mine = needed[i] | {(tape.args[i][0], k == 1)} if tape.op[i] is SELECT and k else needed[i]
                needed[ref] = needed[ref] & mine if ref in needed else mine
    made = Builder()
    known = {~k: made.input(x) if isinstance(x, str) else made.constant(x) for k, x in enumerate(tape.sources)}
    made.inputs = [known[ref] for ref in tape.inputs]
    for i, (op, args) in enumerate(zip(tape.op, tape.args, strict=True)):
        refs = [known[ref] for ref in args]
        for k in range(len(refs)):
            if op.domain[min(k, len(op.domain) - 1)] is not REAL and op is not SELECT and made.number(refs[k]) is None:
                for flag, side in sorted(needed.get(i, ())):
                    inside = made.constant(1.0)
                    choice = (refs[k], inside) if side else (inside, refs[k])
                    refs[k] = made.emit(SELECT, (known[flag], *choice))
        known[i] = made.emit(op, tuple(refs))
    made.outputs = [known[ref] for ref in tape.outputs]
    made.guards = [guard._replace(flag=known[guard.flag]) for guard in tape.guards]
    return made
