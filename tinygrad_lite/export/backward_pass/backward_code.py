"""The text of a backward pass: the forward pass with what must be kept, then its statements from the last on."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tinygrad_lite.export.backward_pass.adjoint import Adjoint
from tinygrad_lite.export.backward_pass.flatten import Flattened, Statement, names_in
from tinygrad_lite.export.backward_pass.observed import Observed, blocks_of, index_of
from tinygrad_lite.export.expression import Term, word


class Line(NamedTuple):
    """A line of the way back, and the statement that it answers."""

    code: str
    answers: Statement


class BackwardCode:
    """The text.

    Attributes:
        flat: the statements of the forward pass.
        code: all of it; mapped: each line of the way back, with the number and the text of the line it answers.
    """

    def __init__(self, f: Callable[..., Any], params: Any, data: Sequence[Any]) -> None:
        self.flat = flat = Flattened(f, params, data)
        given = flat.parameters.given.values()
        self.observed: Observed = Observed(flat)
        self.adjoint: Adjoint = Adjoint(self.observed)
        self.stacks: set[str] = set()
        self.needed: set[str] | None = None
        self.branches: dict[int, str] = {}
        self.mapped: list[tuple[str, int, str]] = []
        self.started: set[str] = set()
        self.indexed: set[str] = set()
        self.seeds: dict[str, str] = {flat.result: "1.0"} if flat.result in self.observed.simple else {}
        back = self._back(flat.statements)
        tree = ast.parse("\n".join(line.code for line in back))
        self.needed, made = names_in(tree, ast.Load), names_in(tree, ast.Store)
        forward = self._forward(flat.statements)
        gathered = sorted(self.observed.active - self.observed.simple)
        zeros = [
            f"d{v} = {'1.0' if v == flat.result else self._zeros(v)}" for v in gathered if f"d{v}" in self.needed | made
        ]
        derivatives = [f"d{v}" if f"d{v}" in made or v in self.indexed else f"np.zeros_like({v})" for v in given]
        lines = [
            *flat.parameters.unpacked(),
            *[f"{v} = None" for v in self._unbound()],
            *[f"{name} = []" for name in sorted(self.stacks)],
            *[*forward, "", *zeros, *self._commented(back)],
            f"return {flat.result}, {flat.parameters.built(derivatives)}",
        ]
        body = "\n".join(f"    {line}".rstrip() for line in lines)
        self.code: str = f"import numpy as np\n\n\ndef backward({', '.join(flat.parameters.parameters)}):\n{body}"

    # ------------------------------------------------------------------ forward

    def _forward(self, statements: Sequence[Statement]) -> list[str]:
        lines: list[str] = []
        for s in statements:
            text, target = ast.unparse(s.value), "" if s.target is None else ast.unparse(s.target)
            if s.kind == "for":
                lines += [f"for {target} in {text}:", *_indented(self._forward(s.body))]
            elif s.kind == "if":
                branch = self._branch(s)
                lines += [f"{branch}.append(bool({text}))", f"if {branch}[-1]:", *_indented(self._forward(s.body))]
                lines += ["else:", *_indented(self._forward(s.orelse))] if s.orelse else []
            elif s.kind == "append":
                lines.append(f"{target}.append({text})")
            else:
                if self._stored(s):
                    self.stacks.add(f"{s.place.id}_kept")
                    before = target if isinstance(s.target, ast.Name) else f"np.copy({target})"
                    lines.append(f"{s.place.id}_kept.append({before})")
                lines.append(f"{target} = {text}")
        return lines

    def _again(self, s: Statement) -> bool:
        """Whether the statement may overwrite what another one, or an earlier step, assigned and read."""
        if isinstance(s.target, ast.Subscript):
            block = next(block for block in blocks_of(self.flat.statements) if s in block)
            return any(s.place.id in names_in(t.value, ast.Load) for t in block)
        where = self.observed.assigned.get(s.target.id, [])
        named = (t for t in self.flat.statements if t.kind == "assign" and isinstance(t.target, ast.Name))
        first = next((t is s for t in named if t.target.id == s.target.id), False)
        return not first and (len(where) > 1 or where != [id(self.flat.statements)])

    def _stored(self, s: Statement) -> bool:
        """Whether the statement overwrites a number that the way back needs; all may be, until that is known."""
        needed = self.needed is None or s.place.id in self.needed
        return s.kind == "assign" and needed and self._again(s)

    def _branch(self, s: Statement) -> str:
        if id(s) not in self.branches:
            self.branches[id(s)] = word("taken", self.flat.names)
            self.stacks.add(self.branches[id(s)])
        return self.branches[id(s)]

    def _unbound(self) -> list[str]:
        """Names that are kept before they are first assigned."""
        tops = self.flat.statements
        top = {s.target.id for s in tops if s.kind == "assign" and isinstance(s.target, ast.Name)}
        kept = [name.removesuffix("_kept") for name in sorted(self.stacks) if name.endswith("_kept")]
        return [v for v in kept if v not in top | {*self.flat.parameters.arguments}]

    # ------------------------------------------------------------------ backward

    def _back(self, statements: Sequence[Statement]) -> list[Line]:
        lines: list[Line] = []
        for s in reversed(statements):
            if s.kind == "for":
                inner = self._back(s.body)
                if inner:
                    text = ast.unparse(s.value)
                    over = f"reversed({text})" if text.startswith("range(") else f"reversed(list({text}))"
                    lines += [Line(f"for {ast.unparse(s.target)} in {over}:", s), *_within(inner)]
            elif s.kind == "if":
                yes, no = self._side(s.body, s), self._side(s.orelse, s)
                lines += [Line(f"if {self._branch(s)}.pop():", s), *_within(yes or [Line("pass", s)])]
                lines += [Line("else:", s), *_within(no)] if no else []
            else:
                lines += [Line(code, s) for code in self._answer(s)]
        return lines

    def _side(self, block: Sequence[Statement], s: Statement) -> list[Line]:
        """The way back through one side of an `if`; an error, if it was not taken when the shapes were looked at."""
        if block and not self.observed.ran(block[0].value):
            return [Line('raise ValueError("this side was not taken when the source was written")', s)]
        return self._back(block)

    def _answer(self, s: Statement) -> list[str]:
        """What a statement hands back, and its name as it was before."""
        place = s.place.id
        before = [f"{ast.unparse(s.target)} = {place}_kept.pop()"] if self._stored(s) else []
        if place not in self.observed.active:
            return before
        d, shape, lines = f"d{place}", self.observed.shape(s.value), []
        if s.kind == "append":
            g = Term(f"{d}.pop()", shape)
            if not isinstance(s.value, ast.Name):
                lines.append(f"{d}_row = {g.text}")
                g = Term(f"{d}_row", shape)
        elif isinstance(s.target, ast.Subscript):
            g = Term(f"{d}[{', '.join(map(ast.unparse, index_of(s.target)))}]", shape)
        else:
            g = Term(self.seeds.get(place, d), () if place in self.seeds else shape)
        if place != getattr(s.target, "id", "") or s.kind == "append":
            self.indexed.add(place)
        for part in self.adjoint.of(s, g):
            lines.append(self._contribution(*part))
        if isinstance(s.target, ast.Subscript):
            return [*lines, f"{g.text} = 0.0", *before]
        if s.kind == "append":
            return lines
        faded = place not in self.observed.simple and place not in self.seeds and self._again(s)
        ends = [f"{d} = {self._zeros(place)}"] if faded else []
        return [*lines, *before, *ends] if self._turns(place) else [*lines, *ends, *before]

    def _turns(self, name: str) -> bool:
        """Whether the name stands for arrays of several shapes, so that its gradient begins with the one before."""
        assigned = (s for block in blocks_of(self.flat.statements) for s in block if s.kind == "assign")
        values = [s.value for s in assigned if isinstance(s.target, ast.Name) and s.target.id == name]
        return len({self.observed.shape(value) for value in values if self.observed.ran(value)} - {()}) > 1

    def _contribution(self, name: str, index: str, text: str) -> str:
        d, listed = f"d{name}", name in self.observed.lists
        if index or listed:
            self.indexed.add(name)
        if index:
            self.observed.simple.discard(name)
            if index in self.observed.fancy and not listed:
                return f"np.add.at({d}, {f'({index})' if ', ' in index else index}, {text})"
            return f"{d}[{index}] = {d}[{index}] + {text}" if listed else f"{d}[{index}] += {text}"
        if listed:
            return f"{d} = [a + b for a, b in zip({d}, {text}, strict=True)]"
        first = name in self.observed.simple and name not in self.started
        self.started.add(name)
        return f"{d} = {text}" if first else f"{d} = {d} + {text}"

    def _zeros(self, v: str) -> str:
        if v in self.observed.lists:
            return f"[np.zeros_like(v) for v in {v}]"
        return "0.0" if v in self.observed.scalars else f"np.zeros_like({v})"

    def _commented(self, back: Sequence[Line]) -> list[str]:
        """The lines with what they answer, without those that take back what nobody needs."""
        found, wide = [], min(60, max((len(line.code) for line in back), default=0))
        for code, s in back:
            stack = code.split(" = ")[-1].removesuffix(".pop()")
            if code.endswith("_kept.pop()") and stack not in self.stacks:
                continue
            self.mapped.append((code.strip(), s.line, s.text))
            found.append(f"{code:{wide}}  # line {s.line}: {s.text}")
        return found


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _within(lines: Sequence[Line]) -> list[Line]:
    return [line._replace(code=f"    {line.code}") for line in lines]
