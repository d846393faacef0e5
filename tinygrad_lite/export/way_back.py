"""The text of a backward pass: the forward pass with what must be kept, then its statements from the last on."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.export.adjoint import Adjoint
from tinygrad_lite.export.flatten import Statement
from tinygrad_lite.export.gradients import Cotangent
from tinygrad_lite.export.prepared import Prepared, blocks_of, indented, names_in


class WayBack(Prepared):
    """The text.

    Attributes:
        code: all of it; mapped: each line of the way back, with the number and the text of the line it answers.
    """

    def __init__(self, f: Callable[..., Any], params: dict[str, Any], data: Sequence[Any]) -> None:
        super().__init__(f, params, data)
        flat = self.flat
        self.adjoint = Adjoint(self.seen, self.active)
        self.stacks: set[str] = set()
        self.needed: set[str] | None = None
        self.branches: dict[int, str] = {}
        self.mapped: list[tuple[str, int, str]] = []
        self.started: set[str] = set()
        self.indexed: set[str] = set()
        back = self._back(self.statements, 0, {flat.result: "1.0"} if flat.result in self.simple else {})
        self.needed = {n.id for line in back for n in names_in(line)}
        forward = self._forward(self.statements, 0)
        first = [f"{v} = None" for v in self._unbound()]
        stacks = [f"{name} = []" for name in sorted(self.stacks)]
        zeros = [f"d{v} = {'1.0' if v == flat.result else self._zeros(v)}" for v in self._accumulated(back)]
        given = ", ".join(flat.parameters)
        unpacked = [f'{k} = {flat.parameters[0]}["{k}"]' for k in params] if self.whole else []
        made = {n.id for line in back for n in names_in(line, ast.Store)}
        slopes = ", ".join(
            f'"{k}": ' + (f"d{k}" if f"d{k}" in made or k in self.indexed else f"np.zeros_like({k})") for k in params
        )
        lines = [*unpacked, *first, *stacks, *forward, "", *zeros, *self._commented(back)]
        body = "\n".join(f"    {line}".rstrip() for line in [*lines, f"return {flat.result}, {{{slopes}}}"])
        self.code = f"import numpy as np\n\n\ndef backward({given}):\n{body}"

    # ------------------------------------------------------------------ forward

    def _forward(self, statements: Sequence[Statement], depth: int) -> list[str]:
        lines: list[str] = []
        for s in statements:
            text = "" if s.value is None else ast.unparse(s.value)
            if s.kind == "for":
                lines += [f"for {ast.unparse(s.target)} in {text}:", *indented(self._forward(s.body, depth + 1))]
            elif s.kind == "if":
                branch = self._branch(s)
                lines += [
                    f"{branch}.append(bool({text}))",
                    f"if {branch}[-1]:",
                    *indented(self._forward(s.body, depth)),
                ]
                lines += ["else:", *indented(self._forward(s.orelse, depth))] if s.orelse else []
            elif s.kind == "append":
                lines.append(f"{ast.unparse(s.target)}.append({text})")
            else:
                if self._kept(s):
                    self.stacks.add(f"{s.target.id}_kept")
                    lines.append(f"{s.target.id}_kept.append({s.target.id})")
                lines.append(f"{ast.unparse(s.target)} = {text}")
        return lines

    def _first(self, s: Statement) -> bool:
        """Whether nothing is overwritten: the first statement of all that assigns the name."""
        firsts = (t for t in self.statements if t.kind == "assign" and isinstance(t.target, ast.Name))
        return next((t is s for t in firsts if t.target.id == s.target.id), False)

    def _kept(self, s: Statement) -> bool:
        """Whether the statement overwrites a number that the way back needs."""
        if isinstance(s.target, ast.Name) and self._first(s):
            return False
        if not isinstance(s.target, ast.Name) or (self.needed is not None and s.target.id not in self.needed):
            return False
        where = self.assigned.get(s.target.id, [])
        return len(where) > 1 or where != [id(self.statements)]

    def _branch(self, s: Statement) -> str:
        if id(s) not in self.branches:
            self.branches[id(s)] = self.flat.fresh("taken")
            self.stacks.add(self.branches[id(s)])
        return self.branches[id(s)]

    def _unbound(self) -> list[str]:
        """Names that are kept before they are first assigned."""
        top = {s.target.id for s in self.statements if s.kind == "assign" and isinstance(s.target, ast.Name)}
        kept = [name.removesuffix("_kept") for name in sorted(self.stacks) if name.endswith("_kept")]
        return [v for v in kept if v not in {*self.flat.parameters, *self.params, *top}]

    # ------------------------------------------------------------------ backward

    def _back(self, statements: Sequence[Statement], depth: int, seeds: dict[str, str]) -> list[str]:
        """The lines of the way back, each with the number of the statement it answers behind a tab."""
        lines: list[str] = []
        for s in reversed(statements):
            mark = f"\t{s.line}\t{s.text}"
            if s.kind == "for":
                inner = self._back(s.body, depth + 1, {})
                if inner:
                    text = ast.unparse(s.value)
                    over = f"reversed({text})" if text.startswith("range(") else f"reversed(list({text}))"
                    lines += [f"for {ast.unparse(s.target)} in {over}:{mark}", *indented(inner)]
            elif s.kind == "if":
                yes, no = ([*self._way(block, depth, mark)] for block in (s.body, s.orelse))
                branch = self._branch(s)
                lines += [f"if {branch}.pop():{mark}", *indented(yes or [f"pass{mark}"])]
                lines += [f"else:{mark}", *indented(no)] if no else []
            else:
                lines += self._answer(s, seeds, mark)
        return lines

    def _way(self, block: Sequence[Statement], depth: int, mark: str) -> list[str]:
        """The way back through one side of an `if`; an error, if it was not taken when the shapes were looked at."""
        if block and block[0].value is not None and not self.seen.ran(block[0].value):
            return [f'raise ValueError("this side was not taken when the source was written"){mark}']
        return self._back(block, depth, {})

    def _answer(self, s: Statement, seeds: dict[str, str], mark: str) -> list[str]:
        lines: list[str] = []
        place = s.target.value.id if isinstance(s.target, ast.Subscript) else s.target.id  # type: ignore[attr-defined]
        if place not in self.active:
            return [f"{place} = {place}_kept.pop(){mark}"] if s.kind == "assign" and self._restored(s) else []
        d = f"d{place}"
        if s.kind == "append":
            cotangent = Cotangent(f"{d}.pop()", self.seen.shape(s.value))
            if not isinstance(s.value, ast.Name):
                lines.append(f"{d}_row = {cotangent.text}{mark}")
                cotangent = Cotangent(f"{d}_row", cotangent.shape)
            self.indexed.add(place)
        elif isinstance(s.target, ast.Subscript):
            at = s.target.slice.elts if isinstance(s.target.slice, ast.Tuple) else [s.target.slice]
            cotangent = Cotangent(f"{d}[{', '.join(map(ast.unparse, at))}]", self.seen.shape(s.value))
            self.indexed.add(place)
        else:
            shape = self.seen.shape(s.value)
            cotangent = Cotangent(seeds.get(place, d), () if place in seeds else shape)
        for name, index, text in self.adjoint.of(s, cotangent):
            lines += [line + mark for line in self._contribution(name, index, text)]
        if isinstance(s.target, ast.Subscript):
            lines.append(f"{cotangent.text} = 0.0{mark}")
        elif s.kind == "assign":
            faded = place not in self.simple and place not in seeds and self._fades(s)
            ends = [f"{d} = {self._zeros(place)}{mark}"] if faded else []
            ends += [f"{place} = {place}_kept.pop(){mark}"] if self._restored(s) else []
            lines += ends[::-1] if self._turns(place) else ends  # what was there before may have another shape
        return lines

    def _turns(self, name: str) -> bool:
        """Whether the name stands for arrays of several shapes."""
        values = [
            s.value
            for block in blocks_of(self.statements)
            for s in block
            if s.kind == "assign" and isinstance(s.target, ast.Name) and s.target.id == name
        ]
        return len({self.seen.shape(value) for value in values if self.seen.ran(value)} - {()}) > 1

    def _fades(self, s: Statement) -> bool:
        """Whether the gradient of what is overwritten must begin anew."""
        where = self.assigned.get(s.target.id, [])
        return not self._first(s) and (len(where) > 1 or where != [id(self.statements)])

    def _restored(self, s: Statement) -> bool:
        """Whether the number before is taken back; decided for all that may be needed, and left out where it is not."""
        return isinstance(s.target, ast.Name) and self._kept(s)

    def _contribution(self, name: str, index: str, text: str) -> list[str]:
        d = f"d{name}"
        if index:
            self.indexed.add(name)
            self.simple.discard(name)
            if name in self.seen.lists:
                return [f"{d}[{index}] = {d}[{index}] + {text}"]
            fancy = self.seen.fancy(index)
            at = f"({index})" if ", " in index else index
            return [f"np.add.at({d}, {at}, {text})" if fancy else f"{d}[{index}] += {text}"]
        if name in self.seen.lists:
            self.indexed.add(name)
            return [f"{d} = [a + b for a, b in zip({d}, {text}, strict=True)]"]
        if name in self.simple and name not in self.started:
            self.started.add(name)
            return [f"{d} = {text}"]
        return [f"{d} = {d} + {text}"]

    def _zeros(self, v: str) -> str:
        if v in self.seen.lists:
            return f"[np.zeros_like(v) for v in {v}]"
        return "0.0" if self.seen.scalar(v) else f"np.zeros_like({v})"

    def _accumulated(self, back: Sequence[str]) -> list[str]:
        """The names whose gradient is gathered from zero."""
        used = {n.id for line in back for kind in (ast.Load, ast.Store) for n in names_in(line, kind)}
        return [v for v in sorted(self.active) if v not in self.simple and f"d{v}" in used]

    def _commented(self, back: Sequence[str]) -> list[str]:
        found, wide = [], min(60, max((len(line.split("\t")[0]) for line in back), default=0))
        for line in back:
            code, number, text = line.split("\t")
            if (
                (v := code.strip().removesuffix("_kept.pop()").split(" = ")[0])
                and code.endswith("_kept.pop()")
                and f"{v}_kept" not in self.stacks
            ):
                continue
            self.mapped.append((code.strip(), int(number), text))
            found.append(f"{code:{wide}}  # line {number}: {text}")
        return found
