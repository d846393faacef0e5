"""From changed trees back to the user's own text, with as little of it changed as possible."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Sequence

from tinygrad_lite.checking.lines.functions import Function, Node
from tinygrad_lite.checking.lines.slots import put

Splice = tuple[tuple[int, int], tuple[int, int], str]  # from (line, column in bytes) up to another: the new text
BLOCKS = ("body", "orelse", "finalbody", "handlers")


def mended_lines(lines: Sequence[str], functions: dict[Function, Node]) -> list[str]:
    """The lines of a file with some of its functions changed.

    Args:
        lines: the file.
        functions: each changed function of the file with its new tree.
    """
    splices = [s for f, tree in functions.items() for s in _splices(lines, f.tree, tree)]
    text = [line.encode() for line in lines]
    for (row, column), (last, end), new in sorted(splices, reverse=True):
        if row > len(text):
            text.append(b"")
        before, after = text[row - 1][:column], text[last - 1][end:] if last <= len(text) else b""
        joined = (before + new.encode() + after).decode()
        text[row - 1 : last] = [part.encode() for part in joined.splitlines(keepends=True)]
    return [line.decode() for line in text]


def source_of(function: Function, tree: Node) -> str:
    """The text of one changed function."""
    new = mended_lines(function.lines, {function: tree})
    grown = len(new) - len(function.lines)
    return "".join(new[function.first - 1 : (function.tree.end_lineno or function.first) + grown])


def _dump(node: Node) -> str:
    return ast.dump(node)


def _stands(lines: Sequence[str], node: Node) -> bool:
    """Whether a node has a place in the file."""
    return getattr(node, "end_lineno", None) is not None and node.end_lineno <= len(lines)


def _splices(lines: Sequence[str], old: Node, new: Node) -> Iterator[Splice]:
    """What to replace so that the text of `old` says `new`."""
    if old is new or (type(old) is type(new) and _dump(old) == _dump(new)):
        return
    blocks = [f for f in BLOCKS if getattr(old, f, None) and isinstance(getattr(old, f), list)]
    if type(old) is not type(new) or not blocks:
        yield _rewritten(lines, old, new)
        return
    bare = new
    for field in blocks:
        yield from _block(lines, getattr(old, field), getattr(new, field, []))
        bare = put(bare, ((field, None),), getattr(old, field))
    for field, x in ast.iter_fields(old):  # the head: a test, what is looped over, a target
        y = getattr(bare, field)
        if field not in BLOCKS and isinstance(x, ast.expr) and _dump(x) != _dump(y):
            yield _rewritten(lines, x, y)


def _block(lines: Sequence[str], old: list[Node], new: list[Node]) -> Iterator[Splice]:
    matched = difflib.SequenceMatcher(None, [_dump(s) for s in old], [_dump(s) for s in new], autojunk=False)
    for tag, i, j, k, m in matched.get_opcodes():
        if tag == "equal":
            continue
        pairs = min(j - i, m - k)
        for a, b in zip(old[i : i + pairs], new[k : k + pairs], strict=True):
            yield from _splices(lines, a, b)
        for a in old[i + pairs : j]:
            yield _left_out(lines, a, only=len(new) == 0)
        if m - k > pairs:
            at = old[i + pairs - 1] if i + pairs else old[0]
            indent = " " * (old[0].col_offset)
            text = "".join(indent + line + "\n" for s in new[k + pairs : m] for line in _text(lines, s).splitlines())
            row = at.end_lineno + 1 if i + pairs else at.lineno
            if i + pairs and not lines[at.end_lineno - 1].endswith("\n"):
                yield (at.end_lineno, at.end_col_offset), (at.end_lineno, at.end_col_offset), "\n" + text.rstrip("\n")
            else:
                yield (row, 0), (row, 0), text


def _left_out(lines: Sequence[str], stmt: Node, only: bool) -> Splice:
    """Without a statement: its lines go, or `pass` stands there if it shares them or the block would be empty."""
    first, last = lines[stmt.lineno - 1], lines[stmt.end_lineno - 1].encode()
    alone = not first[: stmt.col_offset].strip() and not last[stmt.end_col_offset :].decode().partition("#")[0].strip()
    if alone and not only:
        return (stmt.lineno, 0), (stmt.end_lineno + 1, 0), ""
    return (stmt.lineno, stmt.col_offset), (stmt.end_lineno, stmt.end_col_offset), "pass"


def _text(lines: Sequence[str], node: Node) -> str:
    """A statement that stands elsewhere in the file in its own words, a new one in ours."""
    if _stands(lines, node):
        written = _segment(lines, node)
        try:
            if _dump(ast.parse(written).body[0]) == _dump(node):
                return written
        except (SyntaxError, IndexError):
            pass
    return ast.unparse(ast.fix_missing_locations(node))


def _segment(lines: Sequence[str], node: Node) -> str:
    rows = [line.encode() for line in lines[node.lineno - 1 : node.end_lineno]]
    rows[-1] = rows[-1][: node.end_col_offset]
    rows[0] = rows[0][node.col_offset :]
    return b"".join(rows).decode()


def _rewritten(lines: Sequence[str], old: Node, new: Node) -> Splice:
    """The smallest differing part of a statement or expression, parts that stay in the user's own writing."""
    if isinstance(new, ast.Pass):
        return _left_out(lines, old, only=False)
    a, b = smallest(old, new)
    whole = _dump(new)
    span = (old.lineno, old.col_offset), (old.end_lineno, old.end_col_offset)
    for x, y in ((a, b), (old, new)):
        if not _stands(lines, x):
            continue
        for brackets in (False, True):
            for form in (_faithful(lines, y, brackets), f"({_faithful(lines, y, brackets)})"):
                said = _spliced(lines, old, x, form)
                try:
                    parsed: Node = ast.parse(said if isinstance(old, ast.stmt) else f"({said})").body[0]
                except (SyntaxError, IndexError):
                    continue
                if _dump(parsed if isinstance(old, ast.stmt) else parsed.value) == whole:
                    return (x.lineno, x.col_offset), (x.end_lineno, x.end_col_offset), form
    return *span, ast.unparse(ast.fix_missing_locations(new))


def smallest(old: Node, new: Node) -> tuple[Node, Node]:
    """The smallest pair of parts in which two trees differ."""
    if type(old) is not type(new):
        return old, new
    pairs: list[tuple[Node, Node]] = []
    for field in old._fields:
        a, b = getattr(old, field, None), getattr(new, field, None)
        if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            changed = [(x, y) for x, y in zip(a, b, strict=True) if not _same(x, y)]
            pairs += changed
        elif not _same(a, b):
            pairs.append((a, b))
    if len(pairs) == 1 and isinstance(pairs[0][0], ast.expr) and isinstance(pairs[0][1], ast.expr):
        return smallest(*pairs[0])
    return old, new


def _same(a: object, b: object) -> bool:
    if isinstance(a, ast.AST) and isinstance(b, ast.AST):
        return ast.dump(a) == ast.dump(b)
    return a == b


def _faithful(lines: Sequence[str], new: Node, brackets: bool) -> str:
    """An expression in text; its parts that stand in the file keep the user's own writing."""
    kept: dict[str, str] = {}

    def replace(node: Node) -> Node:
        if isinstance(node, ast.expr) and _stands(lines, node) and node is not new:
            written = _segment(lines, node)
            try:
                stands = bool(written) and _dump(ast.parse(f"({written})").body[0].value) == _dump(node)  # type: ignore[attr-defined]
            except SyntaxError:
                stands = False
            if stands:
                simple = isinstance(node, (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.Constant))
                name = f"kept{len(kept)}kept"
                kept[name] = written if simple or not brackets else f"({written})"
                return ast.Name(name, getattr(node, "ctx", ast.Load()))
        made = node
        for field, x in ast.iter_fields(node):
            if isinstance(x, ast.AST):
                made = put(made, ((field, None),), replace(x))
            elif isinstance(x, list) and x and isinstance(x[0], ast.AST):
                made = put(made, ((field, None),), [replace(item) for item in x])
        return made

    said = ast.unparse(ast.fix_missing_locations(replace(new))).replace(" ** ", "**")
    for name, written in kept.items():
        said = said.replace(name, written)
    return said


def _spliced(lines: Sequence[str], old: Node, part: Node, form: str) -> str:
    """The text of `old` with other text in the place of one of its parts."""
    rows = [line.encode() for line in lines[old.lineno - 1 : old.end_lineno]]
    tail = rows[-1][: old.end_col_offset]
    before = b"".join(rows[: part.lineno - old.lineno]) + rows[part.lineno - old.lineno][: part.col_offset]
    rows[-1] = tail
    after = rows[part.end_lineno - old.lineno][part.end_col_offset :] + b"".join(
        rows[part.end_lineno - old.lineno + 1 :]
    )
    said: bytes = before[old.col_offset :] + form.encode() + after
    return said.decode()
