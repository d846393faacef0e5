"""Mistakes planted into right derivations: one change of one right-hand side, written back in the style of the text."""

from __future__ import annotations

import random
from pathlib import Path

from tinygrad_lite.checking.paper.document import Document
from tinygrad_lite.checking.paper.judge import Judge
from tinygrad_lite.checking.paper.term import Term, num

DERIVATIONS = Path(__file__).with_name("derivations.txt").read_text(encoding="utf-8").split("\n----\n")
"""Sixty right derivations in varied notation: 30 as plain text, 30 as LaTeX."""

RIGHTLY_NAMED = {
    "factor": {"FACTOR_2"},
    "sign": {"SIGN", "PRODUCT_RULE"},  # of a quotient rule
    "lost": {"DROPPED_FACTOR", "NO_ACT_DERIV", "FACTOR_2", "MEAN_N"},
    "doubled": {"DOUBLED_FACTOR", "WRONG_POWER"},
    "operand": {"WRONG_OPERAND", "DERIV_OF_DERIV_ARG"},
    "index": {"WRONG_INDEX", "TRANSPOSED"},
    "sum": {"PATHS_NOT_SUMMED"},
    "transposed": {"TRANSPOSED"},
    "term": {"DROPPED_PATH", "NO_ACT_DERIV", "PRODUCT_RULE", "DROPPED_FACTOR"},  # 1 - a^2 without a^2: no derivative
    "power": {"WRONG_POWER", "PRODUCT_RULE", "DROPPED_FACTOR", "DOUBLED_FACTOR"},
}
"""For each kind of planted mistake the codes that describe it."""


def changes(t: Term, shapes: dict[str, tuple[int, ...]], letters: list[str]):
    """Every planted change of a formula: (kind, the formula after it)."""
    yield "factor", Term("*", (num(2), t))
    yield "factor", Term("/", (t, num(2)))
    yield "sign", Term("neg", (t,))
    for path, node in nodes(t):
        if node.op in ("+", "-"):
            yield "sign", put(t, path, node._replace(op="-" if node.op == "+" else "+"))
            yield "term", put(t, path, node.args[0])
            if node.op == "+":
                yield "term", put(t, path, node.args[1])
        if node.op in ("*", "odot"):
            for i in (0, 1):
                if node.args[i].op != "num":
                    yield "lost", put(t, path, node.args[1 - i])
                    yield "doubled", put(t, path, Term(node.op, (node, node.args[i])))
        if node.op == "/" and node.args[1].op != "num":
            yield "lost", put(t, path, node.args[0])
        if node.op == "name" and node.word in shapes:
            for other in shapes:
                if other != node.word and shapes[other] == shapes[node.word]:
                    yield "operand", put(t, path, node._replace(word=other))
            for i in range(len(node.args)):
                for letter in letters:
                    if node.args[i].word != letter:
                        new = list(node.args)
                        new[i] = Term("name", (), letter)
                        yield "index", put(t, path, node._replace(args=tuple(new)))
        if node.op == "sum" and len(node.args) > 1:
            yield "sum", put(t, path, node.args[-1])
        if node.op == "T":
            yield "transposed", put(t, path, node.args[0])
        if node.op == "^" and node.args[1].word.isdigit():
            yield "power", put(t, path, Term("^", (node.args[0], num(int(node.args[1].word) + 1))))
            if node.args[1].word == "2":
                yield "power", put(t, path, node.args[0])


def nodes(t: Term, path: tuple[int, ...] = ()):
    yield path, t
    if t.op not in ("name", "num", "d"):
        for i, arg in enumerate(t.args):
            if not (t.op in ("sum", "prod") and i < len(t.args) - 1):
                yield from nodes(arg, (*path, i))


def put(t: Term, path: tuple[int, ...], new: Term) -> Term:
    return new if not path else t.put(path[0], put(t.args[path[0]], path[1:], new))


def written(document: Document, target: int, line: str, latex: bool) -> str:
    """The document with one row replaced, one row a line."""
    found = []
    for k, s in enumerate(document.statements):
        text = line if k == target else s.row.text
        found.append(f"$${text}$$" if s.row.latex and latex else text)
    return "\n".join(found)


def planted(text: str, count: int, seed: int):
    """Some mistakes in one derivation: (kind, the text, its wrong line, the right and the wrong formula)."""
    import numpy as np

    document = Document(text + "\n")
    judge = Judge(document)
    w = judge.worlds[0]
    draw = random.Random(seed)
    words = [
        x
        for x in (*document.definitions, *judge.points.leaves)
        if x in w.env and x in judge.points.known | set(document.definitions)
    ]
    shapes = {x: np.shape(w.env[x]) for x in words}
    made = {}
    for claim in judge.claims:
        statement = claim.statement
        index = document.statements.index(statement)
        follows = document.statements[index + 1 : index + 2]
        if statement.continued or (follows and follows[0].continued) or statement.kind == "definition":
            continue
        named = [t for side in (claim.left, claim.right) for t in side.walk() if t.op == "name"]
        letters = sorted({i.word for t in named for i in t.args if i.op == "name"})
        for kind, wrong in changes(claim.right, shapes, letters):
            made.setdefault(kind, []).append((claim, index, wrong))
    kinds = sorted(made)
    draw.shuffle(kinds)
    found, tries = [], 0
    while len(found) < count and tries < 400:
        kind = kinds[tries % len(kinds)]
        tries += 1
        claim, index, wrong = draw.choice(made[kind])
        try:
            same = all(abs(judge.gap(v, claim, wrong)[0].data) < 1e-7 for v in judge.worlds)
        except Exception:  # shapes that do not fit are a mistake, too
            same = False
        if same:
            continue
        row = claim.statement.row
        left = claim.left.latex if row.latex and "\\" in text else str(claim.left)
        right = wrong.latex if row.latex and "\\" in text else str(wrong)
        marked = "$" in text or "\\[" in text or "\\begin" in text
        entry = (kind, written(document, index, f"{left} = {right}", marked), index + 1, claim, wrong)
        if all(entry[1] != f[1] for f in found):
            found.append(entry)
    return found


def varied(text: str, seed: int) -> str:
    """The same right derivation written anew: other names, sums and products in another order, one row a line."""
    document = Document(text + "\n")
    draw = random.Random(seed)
    matrices = Judge(document).points.matrices
    words = {t.word for s in document.statements for side in s.sides for t in side.walk() if t.op == "name"}
    kept = {*"ijkmnpqrste"} | document.known.functions
    plain = sorted(w for w in words - kept if len(w) == 1 and w.isascii() and w.islower())
    spare = [c for c in "abcdfghouvwxyz" if c not in words]
    draw.shuffle(spare)
    renamed = {w: spare[i] if i < len(spare) and draw.random() < 0.6 else w for i, w in enumerate(plain)}

    def change(t: Term) -> Term | None:
        if t.op == "name" and t.word in renamed:
            return t._replace(word=renamed[t.word], args=tuple(a.mapped(change) for a in t.args))
        if t.op == "+" and draw.random() < 0.5:
            return Term("+", (t.args[1].mapped(change), t.args[0].mapped(change)))
        if t.op == "*" and not matrices and draw.random() < 0.5 and t.args[1].op != "sum":
            return Term("*", (t.args[1].mapped(change), t.args[0].mapped(change)))
        return None

    rows = []
    for s in document.statements:
        if not s.sides:
            rows.append(s.row.text)
            continue
        latex = "\\" in s.row.text
        sides = [side.mapped(change) for side in (s.sides[1:] if s.continued else s.sides)]
        row = ("= " if s.continued else "") + " = ".join(side.latex if latex else str(side) for side in sides)
        rows.append(f"$${row}$$" if latex else row)
    if any(row.startswith("$$") for row in rows):
        rows = [row if row.startswith("$$") else f"$${row}$$" for row in rows]
    return "\n".join(rows)
