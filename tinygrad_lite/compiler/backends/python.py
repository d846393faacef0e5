"""The plain tape as Python: the back end that always works.

In: a tape. Out: a function from a list of numbers to a list of outputs, made of one line of Python
for each node; of a long tape, several functions that hand on what the later ones read. It needs
nothing but Python and is some ten times faster than building Values; the other back ends are
a thousand times faster, and `report()` says which one ran.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tinygrad_lite.compiler.ir.spelling import INFIX, spelled
from tinygrad_lite.compiler.ir.tape import LESS, SELECT, Ref, Tape
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op

LONGEST = 10_000
"""Nodes in one function; Python's own compiler needs about 10 us for each, and more where there are many."""

Runner = Callable[[Sequence[float]], list[float]]


def source(tape: Tape, name: str = "run") -> str:
    """The tape as a Python function of a list of inputs.

    >>> from tinygrad_lite.engine import ops
    >>> t = Tape(); x = t.input("x"); t.outputs = [t.node(ops.tanh, (t.node(ops.mul, (x, x)),))]
    >>> print(source(t))
    def run(inputs):
        x0, = inputs
        v0 = x0 * x0
        v1 = tanh(v0)
        return [v1]
    """
    text = _names(tape)
    lines = [f"def {name}(inputs):"]
    if tape.inputs:
        lines.append("    " + "".join(f"x{i}, " for i in range(len(tape.inputs))).rstrip() + " = inputs")
    lines += [line for _, line in _statements(tape, text)]
    lines.append("    return [" + ", ".join(map(text.__getitem__, _wanted(tape))) + "]")
    return "\n".join(lines)


def pieces(tape: Tape, longest: int) -> Iterator[str]:
    """The same as functions of so many nodes each, to be called in turn with the inputs and one list of numbers.

    What a later one reads stands in the list, and at last the outputs.
    """
    text = _names(tape)
    inputs = {ref: i for i, ref in enumerate(tape.inputs)}
    kept: dict[Ref, int] = {}
    lines = list(_statements(tape, text))
    last = dict.fromkeys(_wanted(tape), len(lines))  # the statement that reads a node last
    last.update({ref: max(k, last.get(ref, 0)) for k, (i, _) in enumerate(lines) for ref in tape.args[i]})
    for start in range(0, len(lines), longest):
        part = lines[start : start + longest]
        here = {i for i, _ in part}
        read = {ref for i in here for ref in tape.args[i] if ref not in here and (ref >= 0 or ref in inputs)}
        body = [f"    {text[ref]} = " + (f"inputs[{inputs[ref]}]" if ref < 0 else f"kept[{kept[ref]}]") for ref in read]
        body += [line for _, line in part]
        for i in sorted(here):
            if last.get(i, 0) >= start + len(part):
                kept[i] = len(kept)
                body.append(f"    kept.append(v{i})")
        yield "\n".join(["def run(inputs, kept):", *body])
    found = [
        f"kept[{kept[ref]}]" if ref >= 0 else f"inputs[{inputs[ref]}]" if ref in inputs else text[ref]
        for ref in _wanted(tape)
    ]
    yield f"def run(inputs, kept):\n    return [{', '.join(found)}]"


def _wanted(tape: Tape) -> list[Ref]:
    """The outputs, then the flags of the guards."""
    return [*tape.outputs, *(guard.flag for guard in tape.guards)]


class _Names(dict[Ref, str]):
    """What stands for each node, input and constant."""

    def __missing__(self, ref: Ref) -> str:
        return f"v{ref}"


def _names(tape: Tape) -> _Names:
    text = _Names({ref: f"x{i}" for i, ref in enumerate(tape.inputs)})
    for i, x in enumerate(tape.sources):
        if x.__class__ is float:
            text[~i] = f"({x!r})" if math.isfinite(x) and x < 0 else repr(x) if math.isfinite(x) else f"float('{x}')"
    return text


def _statements(tape: Tape, text: Mapping[Ref, str]) -> Iterator[tuple[Ref, str]]:
    """Each node that is needed, with the line that computes it."""
    for i, (op, args, needed) in enumerate(zip(tape.op, tape.args, tape.live(), strict=True)):
        if needed:
            yield i, f"    v{i} = {_expression(op, [text[ref] for ref in args])}"


def _expression(op: Op, names: list[str]) -> str:
    if op.name == "neg":
        return f"-{names[0]}"
    if op is SELECT:
        return f"{names[1]} if {names[0]} else {names[2]}"
    if op is LESS:
        return f"1.0 if {names[0]} < {names[1]} else 0.0"
    if op.name in INFIX and op is not ops.div:  # a division by zero is for the op to refuse
        return spelled(op.name, names)
    return f"{op.name}({', '.join(names)})"


def _quiet(op: Op) -> Callable[..., float]:
    """The forward rule, answering nan where it would refuse: the path not taken must not stop the run."""

    def forward(*numbers: float) -> float:
        try:
            return op.forward(*numbers)
        except (ValueError, ArithmeticError):
            return math.nan

    return forward


def compiled(tape: Tape) -> Runner:
    """The tape as something to call: outputs first, then the flags of the guards."""
    branches = SELECT in tape.op
    scope: dict[str, object] = {op.name: _quiet(op) if branches else op.forward for op in set(tape.op)}

    def made(text: str) -> Any:
        exec(compile(text, "<compiled tape>", "exec"), scope)
        return scope["run"]

    if len(tape) <= LONGEST:
        return made(source(tape))  # type: ignore[no-any-return]
    *parts, last = map(made, pieces(tape, LONGEST))

    def run(numbers: Sequence[float]) -> list[float]:
        kept: list[float] = []
        for part in parts:
            part(numbers, kept)
        return last(numbers, kept)  # type: ignore[no-any-return]

    return run
