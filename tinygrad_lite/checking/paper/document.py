"""A text as a list of statements: definitions, steps and assumptions, each with its formulas as trees."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tinygrad_lite.checking.paper.names import Known
from tinygrad_lite.checking.paper.parser import parse
from tinygrad_lite.checking.paper.rows import Row, rows, sides
from tinygrad_lite.checking.paper.term import Term, name
from tinygrad_lite.checking.paper.tokens import LETTERS, Unreadable
from tinygrad_lite.report.language import say

ROOTS = ("L", "J", "E", "C", "loss", "Loss", "cost", "ℓ")
DEFINITION, STEP, ASSUMPTION, UNREAD = "definition", "step", "assumption", "unread"


class Statement:
    """One row: what kind it is, and its sides as trees.

    Attributes:
        sides: the formulas of a chain of equalities, the first taken from the row before if it began with =.
        offset: where each side begins in the row.
        left: of a definition, what is defined.
        error: of a row that could not be read, why.
        only: relations between indices for which a step is claimed.
    """

    def __init__(self, row: Row) -> None:
        self.row: Row = row
        self.kind: str = STEP
        self.error: str = ""
        self.sides: list[Term] = []
        self.only: list[Term] = []
        self.continued = False

    @property
    def claimed(self) -> list[Term]:
        """The sides that are claimed to be the first."""
        return self.sides[{STEP: 1, DEFINITION: 2}.get(self.kind, len(self.sides)) :]

    @property
    def left(self) -> Term:
        return self.sides[0]


class Document:
    """A derivation as it was read.

    Attributes:
        statements: every row.
        definitions: what each name is defined as, in order.
        functions: functions that the document defines: (operand, body).
        numbers: the user's own numbers by name.
        shapes: the shapes that were given, as names or numbers.
        simplex: vectors whose entries add up to 1.
        relations: assumptions such as x > 0.
        unread: names whose definition could not be read, each with its line.
    """

    def __init__(self, text: str, shapes: Mapping[str, Any] | None = None) -> None:
        found = rows(text)
        self._read_all(text, found, shapes, set(shapes or {}))
        names = [t for s in self.statements for side in s.sides for t in side.walk() if t.op == "name"]
        lettered = {t.word for t in names if any(i.op == "name" for i in t.args)} | set(self.shapes)
        if lettered:  # so that x_1 is an entry of x
            self._read_all(text, found, shapes, lettered)

    def _read_all(self, text: str, found: list[Row], shapes: Mapping[str, Any] | None, lettered: set[str]) -> None:
        self.known: Known = Known()
        self.known.lettered = lettered
        self.statements: list[Statement] = []
        self.definitions: dict[str, tuple[Term, Term]] = {}
        self.functions: dict[str, tuple[str, Term]] = {}
        self.numbers: dict[str, float] = {}
        self.shapes: dict[str, Any] = dict(shapes or {})
        self.simplex: set[str] = set()
        self.relations: list[Term] = []
        self.unread: dict[str, int] = {}
        self._look_ahead(text, found)
        for row in found:
            self._read(row)

    def behind(self, *formulas: Term) -> set[str]:
        """The names in some formulas, and those behind them by the definitions."""
        found: set[str] = set()
        todo = [word for t in formulas for word in t.names() | _functions(t)]
        while todo:
            word = todo.pop()
            if word not in found:
                found.add(word)
                for body in (self.definitions.get(word), self.functions.get(word)):
                    todo += body[1].names() | _functions(body[1]) if body else ()
        return found

    # ------------------------------------------------------------------ what the words mean

    def _look_ahead(self, text: str, found: list[Row]) -> None:
        """Which letters count and which words are functions, before anything is parsed."""
        known = self.known
        for match in re.finditer(r"(?:sum|prod|∑|∏|Σ)\s*_\s*(?:\{([^}]*)\}|([a-z]))", text):
            inside = re.split(r"=|\\ne|≠|\\in", match.group(1) or match.group(2))[0]
            known.indices |= {c for c in re.sub(r"\\[a-z]+", "", inside) if c.islower()}
        word = r"(?:\\(?:mathrm|mathbf|text)\{(\w+)\}|\\([a-z]+)|([^\W\d_]\w*))"
        for row in found:
            head = re.match(rf"\s*{word}\s*(?:\\left)?\(\s*\w+\s*(?:\\right)?\)\s*:?=", row.text)
            if head:
                f = next(g for g in head.groups() if g)
                f = LETTERS.get(f"\\{f}", f)
                if (f not in ROOTS and f not in ("y", "z", "a", "h", "s")) or f"{f}'" in text or f"\\{f}'" in text:
                    known.functions.add(f)
            if head := re.match(rf"\s*{word}\s*:?=(?!=)", row.text):
                f = next(g for g in head.groups() if g)
                known.variables |= {f} if f[0] != "d" or len(f) == 1 else set()
        for f in "fghφψF":
            plain = {"φ": r"(?:φ|\\phi|\\varphi)", "ψ": r"(?:ψ|\\psi)"}.get(f, f)
            uses = re.findall(rf"(?<![A-Za-z\\{{]){plain}(?![A-Za-z])'*\s*(?:\\left)?(\(|\S|$)", text)
            if uses and f not in known.variables and all(u == "(" for u in uses):
                known.functions.add(f)

    # ------------------------------------------------------------------ rows

    def _read(self, row: Row) -> None:
        statement = Statement(row)
        self.statements.append(statement)
        try:
            if self._assumption(row):
                statement.kind = ASSUMPTION
            else:
                self._equation(row, statement)
        except Unreadable as error:
            statement.kind, statement.error = UNREAD, str(error)
            self._missed(row)

    def _missed(self, row: Row) -> None:
        """Remember the name that a row would have defined, had it been read."""
        if len(parts := sides(row.text)) > 1:
            head = re.match(r"\s*\\?(\w+)\s*(?:\\left)?\([\w\s,;]+(?:\\right)?\)\s*$", parts[0][0])
            try:
                left = name(LETTERS.get(f"\\{head[1]}", head[1])) if head else parse(parts[0][0], self.known, row.latex)
            except Unreadable:
                return
            if left.op == "name" and left.word not in self.definitions:
                self.unread[left.word] = row.line

    def _assumption(self, row: Row) -> bool:
        """Shapes, one-hot targets, and relations such as x > 0."""
        shape = re.search(
            r"(?:\\\w+\{)?(\w+)\}?\s*(?:∈|\\in|\bin\b)\s*(?:\\mathbb\s*\{?R\}?|ℝ|R)\s*\^\s*\{?\s*(\w+)\s*"
            r"(?:(?:×|x|\\times|\*)\s*(\w+))?",
            row.text,
        )
        if shape:
            word, r, c = shape.groups()
            self.shapes[word] = tuple([int(n) if n.isdigit() else f"size:{n}" for n in (r, c or "1")])
            return True
        if re.search(r"-\s*(\.\.\.|…|\\c?dots)\s*&?\s*=", row.text):  # claims nothing
            return True
        hot = re.search(r"(\w+?)(?:_\w+)?\s+(?:is\s+)?(?:a\s+)?one-hot", row.text)
        if hot:
            self.simplex.add(hot.group(1))
            return True
        if len(sides(row.text)) > 1:
            return False
        cut = re.search(r"≤|≥|≠|\\leq?\b|\\geq?\b|\\neq?\b|<=?|>=?|!=|\\lt|\\gt", row.text)
        if cut is None or re.search(r"[\[{]", row.text[: cut.start()]):
            raise Unreadable(say("this is no equation"), row.text, 0, len(row.text))
        relation = self._translated(parse(f"[{row.text}]", self.known, row.latex), -1)
        if (letters := relation.names()) and letters <= self.known.indices and not letters & self.known.variables:
            for s in self.statements[:-1]:
                if s.kind == STEP and s.row.line == row.line:
                    s.only.append(relation)
        else:
            self.relations.append(relation)
        return True

    def _equation(self, row: Row, statement: Statement) -> None:
        parts = sides(row.text)
        if several := re.fullmatch(r"(\s*\w+\s*)\(\s*\w+\s*(,\s*\w+\s*)+\)\s*", parts[0][0]):  # f(x, y) = x y
            parts[0] = (several[1].ljust(len(parts[0][0])), 0)
        if not parts[0][0].strip():
            before = [s for s in self.statements[:-1] if s.sides and s.kind != ASSUMPTION]
            if not before:
                raise Unreadable(say("nothing stands before this ="), row.text, 0, 1)
            statement.continued = True
            statement.sides = [before[-1].sides[0]]
            parts = parts[1:]
        head = re.match(r"\s*(\S+?)\s*(?:\\left)?\(\s*(\w+)\s*(?:\\right)?\)\s*$", parts[0][0])
        f = head and LETTERS.get(head.group(1), head.group(1))
        if head and not statement.continued and f in self.known.functions and f not in self.functions:
            body = parse(parts[1][0], self.known, row.latex)
            statement.sides = [Term("call", (name(head.group(2)),), f), self._translated(body, parts[1][1])]
            self.functions[f] = (head.group(2), body)
            statement.kind = DEFINITION
            parts = parts[2:]
        for part, start in parts:
            part = re.sub(
                r"(?<![\w\\])([LJEC]|\\mathcal\{?L\}?|ℓ)\(\s*\\?\w+(?:\s*[,;]\s*\\?\w+)*\s*\)",
                lambda m: m.group(1) + " " * (len(m.group()) - len(m.group(1))),
                part,
            )
            statement.sides.append(self._translated(parse(part, self.known, row.latex), start))
        self._define(statement)
        for side in statement.sides:
            self.known.variables |= {t.word for t in side.walk() if t.op == "name"} - self.known.indices

    def _translated(self, t: Term, by: int) -> Term:
        """The tree with places that count from the beginning of the row."""
        return Term(t.op, tuple([self._translated(a, by) for a in t.args]), t.word, (t.span[0] + by, t.span[1] + by))

    def _define(self, statement: Statement) -> None:
        left = statement.sides[0]
        if statement.kind == DEFINITION or statement.continued or len(statement.sides) < 2:
            return
        right = statement.sides[1]
        if left.op == "sum" and right.bare() == Term("num", (), "1") and left.args[-1].op == "name":
            self.simplex.add(left.args[-1].word)
            statement.kind = ASSUMPTION
            return
        self._in_steps(left, right)
        new = left.op == "name" and left.word not in self.definitions and left.word not in right.names()
        if not new or any(i.op == "num" for i in left.args):
            return
        used = any(left.word in {n for s in b.sides for n in s.names()} for b in self.statements[:-1])
        sign = right.args[0] if right.op == "neg" else right
        if sign.op == "num" or (sign.op == "/" and all(x.op == "num" for x in sign.args)):
            value = float(sign.word) if sign.op == "num" else float(sign.args[0].word) / float(sign.args[1].word)
            self.numbers[left.word] = -value if right.op == "neg" else value
            statement.kind = DEFINITION
            return
        if used and left.word not in ROOTS:
            late = {n for s in self.statements[:-1] if s.kind == STEP for side in s.sides for n in side.names()}
            if left.word in late and any(left.word in body.names() for _, body in self.definitions.values()):
                return
        self.definitions[left.word] = (left, right)
        self.known.defined.add(left.word)
        statement.kind = DEFINITION
        if left.word in ROOTS or self.known.root not in ROOTS:
            self.known.root = left.word

    def _in_steps(self, left: Term, right: Term) -> None:
        """What was first written in full may be defined again by the steps between: then that is its definition."""
        order = list(self.definitions)
        if left.op != "name" or left.word not in order:
            return
        later = order[order.index(left.word) + 1 :]
        if set(later) & right.names() and left.word not in self.behind(right):
            old = self.definitions.pop(left.word)
            for s in self.statements[:-1]:
                if s.kind == DEFINITION and s.sides[:2] == list(old):
                    s.kind = STEP


def _functions(t: Term) -> set[str]:
    return {node.word.rstrip("'") for node in t.walk() if node.op in ("call", "prime")}
