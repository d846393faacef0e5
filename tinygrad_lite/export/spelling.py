"""What source code for different libraries has in common: arguments, lines, and how an op of the table is spelled.

A graph becomes a tape (of the compiler), and each node of the tape a line `v3 = np.tanh(v2)`. A library
differs from another in its import line and in the spelling of some ops, for which the table has a column.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tinygrad_lite.compiler.ir.tape import LESS, SELECT, Ref, Tape
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError


class Spelling:
    """How one library writes the ops.

    Args:
        lib: what the library is called in the code.
        column: that of the table which has the templates, in {x}, {y}, {z} and {xs}.
        number: how a bare number is written where the library wants one of its own kind.
    """

    def __init__(self, lib: str, column: str, number: str = "{x}") -> None:
        self.lib, self.column, self.number = lib, column, number

    def lines(self, tape: Tape) -> list[str]:
        """A line for each result that is needed."""
        return [
            f"    v{i} = {self.expression(op, [self.text(tape, ref) for ref in args])}"
            for i, (op, args, needed) in enumerate(zip(tape.op, tape.args, tape.live(), strict=True))
            if needed
        ]

    def text(self, tape: Tape, ref: Ref) -> str:
        """A reference as code."""
        number = tape.number(ref)
        if number is None:
            return tape.name(ref)
        written = repr(number).replace("inf", f"{self.lib}.inf").replace("nan", f"{self.lib}.nan")
        return f"({written})" if written.startswith("-") else written

    def expression(self, op: Op, names: Sequence[str]) -> str:
        """One op applied; its operands are names and numbers, so no further brackets are needed."""
        if op.infix:
            return f"{names[0]} {op.infix} {names[1]}" if op.arity == 2 else f"{op.infix}{names[0]}"
        if op is LESS:
            return f"{names[0]} < {names[1]}"
        if op is SELECT:
            return f"{self.lib}.where({', '.join(names)})"
        if op is ops.sum:
            return " + ".join(names)
        if op is ops.prod:
            return " * ".join(names)
        if op is ops.mean:
            return f"({' + '.join(names)}) / {len(names)}"
        if op is ops.maximum or op is ops.minimum:
            joined = self._kind(names[0])
            for x in names[1:]:
                joined = f"{self.lib}.{op.name}imum({joined}, {self._kind(x)})"
            return joined
        template: str = getattr(op, self.column)
        if not template:
            raise OperandError(f"{op.name} has no template, so it cannot be written for {self.lib}.")
        slots = {slot: self._kind(x) for slot, x in zip("xyz", names, strict=False)}
        return template.format(lib=self.lib, xs=", ".join(map(self._kind, names)), **slots)

    def _kind(self, name: str) -> str:
        """An operand of a function: a name as it is, a bare number in the library's own kind."""
        return name if name.isidentifier() else self.number.format(x=name.strip("()"))


class Source:
    """A program as text.

    Attributes:
        code: the text, with its imports.
        arguments: the Value behind each argument of its function, by name, in order.
    """

    code: str
    arguments: dict[str, Value]

    def save(self, path: str | Path) -> Path:
        """Write the code to a file."""
        path = Path(path)
        path.write_text(self.code + "\n", encoding="utf-8")
        return path

    def __str__(self) -> str:
        return self.code

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {', '.join(self.arguments)}: {self.code.count(chr(10)) + 1} lines>"


def checked(root: Value, name: str, caller: str) -> None:
    """Raise if the root is no Value, or the function's name no word."""
    if not isinstance(root, Value):
        raise OperandError(f"{caller} needs the Value of a result, but got the {type(root).__name__} {root!r:.60}.")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise OperandError(f"a function's name is a word such as loss, but got {name!r}.")


def as_tape(root: Value, order: Sequence[Value], arguments: Mapping[str, Value]) -> Tape:
    """The graph as a tape whose inputs are its leaves and whose output is the root."""
    tape = Tape()
    place = {leaf: tape.input(name) for name, leaf in arguments.items()}
    for node in order:
        if node.parents:
            refs = [tape.constant(p) if p.__class__ is float else place[p] for p in node.parents]
            place[node] = tape.node(node.op, tuple(refs))
    tape.outputs = [place[root]]
    return tape


def argument_names(leaves: Sequence[Value], function: str) -> list[str]:
    """An argument for each leaf: its label made a word, such as W1_0_2 of W1[0, 2]; x1, x2, ... where that is none."""
    taken = {function, "np", "math", "torch", "jax", "jnp"}
    names = []
    for i, leaf in enumerate(leaves, start=1):
        word = re.sub(r"\W+", "_", leaf.label[:60]).strip("_")
        usable = word.isidentifier() and not keyword.iskeyword(word) and not re.fullmatch(r"v\d+", word)
        if not usable or word in taken:
            word = next(w for w in (f"x{i}", *(f"x{i}_{k}" for k in range(2, len(leaves) + 3))) if w not in taken)
        taken.add(word)
        names.append(word)
    return names
