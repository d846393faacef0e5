"""A tape in machine code: one function that runs any traced program, forward and back, without compiling it.

In: the table of ops. Out: LLVM's text of the function, and the number that each op has in its code. The text is the
same for every program, so its machine code is made once for a machine and comes from the disk ever after.

Forward is a loop with a switch over `op`; a case is the op's kernel, or what its `lower` rule stands for. On the way
back the cases are the op's own derivatives, run on tracers as the adjoint does (`template`). Of an op with two
operands there are three: to both, to the first alone, to the second alone; a constant needs nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from tinygrad_lite.compiler.backends.llvm import kernels
from tinygrad_lite.compiler.backends.llvm.instructions import CODES, COUNTS, FIELDS, FIXED, MANY, WHOLE, back
from tinygrad_lite.compiler.backends.llvm.tape_cases import LOOPS, Step
from tinygrad_lite.compiler.backends.llvm.writer import Name, Writer
from tinygrad_lite.compiler.ir.tape import LESS, SELECT, Builder, Ref, Tape
from tinygrad_lite.compiler.passes.adjoint import template
from tinygrad_lite.compiler.passes.lowering import lowered
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op

Case = tuple[int, Callable[[Step], None]]
"""A number of the switch, and what writes its body."""


# ------------------------------------------------------------------ the cases


def evaluated(w: Writer, tape: Tape, given: Callable[[int], Name]) -> list[Name]:
    """The outputs of a short tape, written straight; `given(k)` is its k-th input."""
    place: dict[Ref, Name] = {}
    position = {ref: k for k, ref in enumerate(tape.inputs)}

    def at(ref: Ref) -> Name:
        if ref not in place:
            x = tape.number(ref)
            place[ref] = given(position[ref]) if x is None else w.literal(x)
        return place[ref]

    def add(x: Name, y: Name) -> Name:
        return w.apply("add", [x, y])

    for i, (op, args, needed) in enumerate(zip(tape.op, tape.args, tape.live(), strict=True)):
        if not needed:
            continue
        if op is SELECT:
            place[i] = w.pick("une", at(args[0]), w.literal(0.0), at(args[1]), at(args[2]))
        else:
            xs = [at(ref) for ref in args]
            place[i] = functools.reduce(add, xs) if op is ops.sum else w.apply(op.name, xs)
    return [at(ref) for ref in tape.outputs]


def _forward(op: Op) -> Callable[[Step], None]:
    tape = Builder()
    xs = tape.declared([f"x{k}" for k in range(op.arity or 0)])
    tape.outputs = [Tape.node(tape, op, tuple(xs))]
    low = lowered(tape, kernels.supported())

    def case(step: Step) -> None:
        step.give(evaluated(step.w, low, lambda k: step.value(step.index(k + 1)))[0])

    return case


def _backward(op: Op, wanted: Sequence[int]) -> Callable[[Step], None] | None:
    """The shares of these operands; None if nothing ever comes through."""
    n = op.arity or 0
    rule = template(op, (None,) * n)
    if rule is None or all(rule.number(ref) == 0.0 for ref in rule.outputs):
        return None
    tape = Builder()
    partials = tape.inline(rule, tape.declared([f"x{k}" for k in range(n + 1)]))
    tape.outputs = [partials[k] for k in wanted]
    low = lowered(tape, kernels.supported())

    def case(step: Step) -> None:
        found = evaluated(step.w, low, lambda k: step.value(step.index(k + 1)) if k < n else step.out())
        for k, partial in zip(wanted, found, strict=True):
            one = partial == step.w.literal(1.0)
            step.share(step.index(k + 1), step.adjoint() if one else step.w.apply("mul", [step.adjoint(), partial]))

    return case


def _select(step: Step) -> None:
    w, zero = step.w, step.w.literal(0.0)
    flag = step.value(step.index(1))
    step.share(step.index(2), w.pick("une", flag, zero, step.adjoint(), zero))
    step.share(step.index(3), w.pick("une", flag, zero, zero, step.adjoint()))


def _power(step: Step) -> None:
    x, n = step.xs(2)
    step.give(step.w.say(f"call double @whole(double {x}, double {n})"))


def _power_back(step: Step) -> None:
    w = step.w
    x, n = step.xs(2)
    less = w.say(f"call double @whole(double {x}, double {w.apply('sub', [n, w.literal(1.0)])})")
    step.share(step.index(1), w.apply("mul", [step.adjoint(), w.apply("mul", [n, less])]))


_WHOLE = """define internal double @whole(double %x, double %power) nounwind {
entry:
  %n = fptosi double %power to i64
  %negative = icmp slt i64 %n, 0
  %minus = sub i64 0, %n
  %first = select i1 %negative, i64 %minus, i64 %n
  br label %next
next:
  %left = phi i64 [ %first, %entry ], [ %half, %next ]
  %square = phi double [ %x, %entry ], [ %squared, %next ]
  %product = phi double [ 1.0, %entry ], [ %more, %next ]
  %times = fmul double %product, %square
  %odd = trunc i64 %left to i1
  %more = select i1 %odd, double %times, double %product
  %squared = fmul double %square, %square
  %half = lshr i64 %left, 1
  %again = icmp ne i64 %half, 0
  br i1 %again, label %next, label %done
done:
  %inverse = fdiv double 1.0, %more
  %found = select i1 %negative, double %inverse, double %more
  ret double %found
}"""


@functools.cache
def cases() -> tuple[list[Case], list[Case]]:
    """All cases, forward and back."""
    ahead: list[Case] = [(CODES[op.name], _forward(op)) for op in FIXED if op is not SELECT]
    ahead += [(CODES[SELECT.name], _choose), (CODES[WHOLE], _power)]
    ahead += [(CODES[op.name], LOOPS[op][0]) for op in MANY]
    behind: list[Case] = [(back(CODES[SELECT.name]), _select), (back(CODES[WHOLE]), _power_back)]
    behind += [(back(CODES[WHOLE], second=False), _power_back)]
    behind += [(back(CODES[op.name]), LOOPS[op][1]) for op in MANY]
    for op in FIXED:
        if op in (LESS, SELECT):
            continue
        masks = [(True, True), (True, False), (False, True)] if op.arity == 2 else [(True, True)]
        for mask in masks:
            case = _backward(op, [k for k in range(op.arity or 0) if op.arity != 2 or mask[k]])
            if case is not None:
                behind.append((back(CODES[op.name], *mask), case))
    return ahead, behind


def _choose(step: Step) -> None:
    flag, x, y = step.xs(3)
    step.give(step.w.pick("une", flag, step.w.literal(0.0), x, y))


# ------------------------------------------------------------------ the functions


@functools.cache
def text() -> str:
    """The module: `entry` runs a program, `mark` prepares one."""
    used: set[tuple[str, int]] = set()
    declared: set[str] = set()
    functions = [_WHOLE]
    for name, body in (("entry", _entry), ("mark", _mark)):
        w = Writer()
        w.kernels, w.declared = used, declared
        body(w, w.fields(FIELDS, COUNTS))
        functions.append(w.function(f"void @{name}(ptr noalias %arguments)"))
    return kernels.module(functions, used, declared, inline=False)


def _moved(w: Writer, n: Name, source: Callable[[Name], Name], target: Callable[[Name], Name]) -> None:
    with w.some(n) as i:
        w.store(w.say(f"load double, ptr {source(i)}"), target(i), 8)


def _entry(w: Writer, given: dict[str, Name]) -> None:
    """Parameters to their places; forward; results and guards; back; gradients."""

    def at(array: str, table: str) -> Callable[[Name], Name]:
        return lambda i: w.address(given[array], w.load_integer(given[table], i))

    _moved(w, given["parameters"], lambda i: w.address(given["P"], i), at("values", "inputs"))
    _sweep(w, given, forward=True)
    _moved(w, given["returned"], at("values", "outputs"), lambda i: w.address(given["out"], i))
    behind = w.address(given["out"], w.integer("add", given["returned"], given["derivatives"]))
    w.store(w.literal(0.0), behind, 8)  # how many guards do not hold
    with w.some(given["guarded"]) as i:
        twice = w.integer("mul", i, 2)
        flag = w.say(f"load double, ptr {at('values', 'guards')(twice)}")
        outcome = w.say(f"sitofp i64 {w.load_integer(given['guards'], w.integer('add', twice, 1))} to double")
        wrong = w.say(f"uitofp i1 {w.say(f'fcmp une double {flag}, {outcome}')} to double")
        w.store(w.apply("add", [w.say(f"load double, ptr {behind}"), wrong]), behind, 8)
    with w.only_if(w.say(f"icmp sgt i64 {given['derivatives']}, 0")):
        with w.some(w.integer("add", given["sources"], given["ops"])) as i:
            w.store(w.literal(0.0), w.address(given["adjoints"], i), 8)
        w.store(w.literal(1.0), at("adjoints", "outputs")("0"), 8)
        _sweep(w, given, forward=False)
        _moved(
            w, given["derivatives"], at("adjoints", "wrt"),
            lambda i: w.address(given["out"], w.integer("add", given["returned"], i)),
        )  # fmt: skip


def _sweep(w: Writer, given: dict[str, Name], forward: bool) -> None:
    """The loop over the instructions, with a case for each op."""
    name = "ahead" if forward else "behind"
    last = w.say(f"sub i64 {given['ops']}, 1")
    with w.some(given["ops"]) as k:
        i = k if forward else w.say(f"sub i64 {last}, {k}")
        place = w.say(f"getelementptr [4 x i32], ptr {given['code']}, i64 {i}")
        op = w.say(f"load i16, ptr {w.say(f'getelementptr i16, ptr {place}, i64 {0 if forward else 1}')}")
        own = w.say(f"add i64 {given['sources']}, {i}")
        chosen = cases()[0 if forward else 1]
        numbers = " ".join(f"i16 {number}, label %{name}{number}" for number, _ in chosen)
        w.do(f"switch i16 {op}, label %{name} [ {numbers} ]")
        outer = w.known
        for number, write in chosen:
            w.lines.append(f"{name}{number}:")
            w.block, w.known = f"{name}{number}", dict(outer)
            write(Step(w, given, place, own))
            w.do(f"br label %{name}")
        w.lines.append(f"{name}:")
        w.block, w.known = name, outer


def _mark(w: Writer, given: dict[str, Name]) -> None:
    """Nothing on the way back for what the first output does not need: there `adjoints` has a 1, and 0 elsewhere."""
    last = w.say(f"sub i64 {given['ops']}, 1")
    with w.some(given["ops"]) as k:
        i = w.say(f"sub i64 {last}, {k}")
        x = w.say(f"load double, ptr {w.address(given['adjoints'], w.integer('add', given['sources'], i))}")
        needed = w.say(f"fcmp une double {x}, {w.literal(0.0)}")
        place = w.say(f"getelementptr [4 x i32], ptr {given['code']}, i64 {i}")
        behind = w.say(f"getelementptr i16, ptr {place}, i64 1")
        kept = w.say(f"select i1 {needed}, i16 {w.say(f'load i16, ptr {behind}')}, i16 0")
        w.do(f"store i16 {kept}, ptr {behind}")
        with w.only_if(w.say(f"icmp ne i16 {kept}, 0")):
            start, stop = w.load_integer(given["starts"], i), w.load_integer(given["starts"], w.integer("add", i, 1))
            with w.loop(start, stop) as j:
                w.store(w.literal(1.0), w.address(given["adjoints"], w.load_integer(given["operands"], j)), 8)
