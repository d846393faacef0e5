"""From changed trees back to the user's own text, with as little of it changed as possible."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_lite.checking.lines.forms import same
from tinygrad_lite.checking.lines.functions import Function, Node
from tinygrad_lite.checking.lines.slots import put

Splice = tuple[int, int, str]  # from one byte up to another: the new text
BLOCKS = ("body", "orelse", "finalbody", "handlers")


def mended_text(lines: Sequence[str], functions: dict[Function, Node]) -> str:
    """The text of a file with some of its functions changed.

    Args:
        lines: the file.
        functions: each changed function of the file with its new tree.
    """
    text = Text(lines)
    splices = [s for f, tree in functions.items() for s in text.splices(f.tree, tree)]
    found = text.bytes
    for start, end, new in sorted(splices, reverse=True):
        found = found[:start] + new.encode() + found[end:]
    return found.decode()


def source_of(function: Function, tree: Node) -> str:
    """The text of one changed function."""
    new = mended_text(function.lines, {function: tree}).splitlines(keepends=True)
    return "".join(new[function.first - 1 : function.last + len(new) - len(function.lines)])


def plain(n: Node) -> str:
    """A node in our own words."""
    return ast.unparse(ast.fix_missing_locations(n)).replace(" ** ", "**")


class Text:
    """A file's text, in which syntax trees know their places by line and column in bytes."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.bytes: bytes = "".join(lines).encode()
        self._starts = [0]
        for line in lines:
            self._starts.append(self._starts[-1] + len(line.encode()))

    def span(self, n: Node) -> tuple[int, int]:
        return self._starts[n.lineno - 1] + n.col_offset, self._starts[n.end_lineno - 1] + n.end_col_offset

    def of(self, n: Node) -> str:
        """A node in the user's own words; "" for one that does not stand in the file."""
        if getattr(n, "end_lineno", None) is None or n.end_lineno >= len(self._starts):
            return ""
        start, end = self.span(n)
        shown = self.bytes[start:end].decode(errors="replace")
        return shown if same_in_text(n, shown) else ""

    def splices(self, old: Node, new: Node) -> Iterator[Splice]:
        """What to replace so that the text of `old` says `new`."""
        blocks = [f for f in BLOCKS if getattr(old, f, None) and isinstance(getattr(old, f), list)]
        if same(old, new):
            return
        if type(old) is not type(new) or not blocks:
            yield self._rewritten(old, new)
            return
        for field in blocks:
            yield from self._block(getattr(old, field), getattr(new, field, []))
        for field, x in ast.iter_fields(old):  # the head: a test, what is looped over, a target
            if field not in BLOCKS and isinstance(x, ast.expr) and not same(x, getattr(new, field)):
                yield self._rewritten(x, getattr(new, field))

    def _block(self, old: list[Node], new: list[Node]) -> Iterator[Splice]:
        matched = difflib.SequenceMatcher(None, [ast.dump(s) for s in old], [ast.dump(s) for s in new], autojunk=False)
        for tag, i, j, k, m in matched.get_opcodes():
            if tag == "equal":
                continue
            pairs = min(j - i, m - k)
            for a, b in zip(old[i : i + pairs], new[k : k + pairs], strict=True):
                yield from self.splices(a, b)
            for a in old[i + pairs : j]:
                yield self._left_out(a, only=not new)
            added = "\n".join(self.of(s) or plain(s) for s in new[k + pairs : m]).split("\n")
            indent = " " * old[0].col_offset
            if m - k > pairs and i + pairs:  # at the end of the line of the one before
                last = old[i + pairs - 1].end_lineno
                end = self._starts[last] - self.bytes[: self._starts[last]].endswith(b"\n")
                yield end, end, "".join(f"\n{indent}{line}" for line in added)
            elif m - k > pairs:
                start = self._starts[old[0].lineno - 1]
                yield start, start, "".join(f"{indent}{line}\n" for line in added)

    def _left_out(self, stmt: Node, only: bool) -> Splice:
        """Without a statement: its lines go, or `pass` stands there if it shares them or the block would be empty."""
        start, end = self.span(stmt)
        first, last = self._starts[stmt.lineno - 1], self._starts[stmt.end_lineno]
        alone = not self.bytes[first:start].strip() and not self.bytes[end:last].partition(b"#")[0].strip()
        return (first, last, "") if alone and not only else (start, end, "pass")

    def _rewritten(self, old: Node, new: Node) -> Splice:
        """The smallest differing part of a statement or expression, parts that stay in the user's own writing."""
        if isinstance(new, ast.Pass):
            return self._left_out(old, only=False)
        begin, finish = self.span(old)
        for x, y in (smallest(old, new), (old, new)):
            if not self.of(x):
                continue
            start, end = self.span(x)
            forms = [self._faithful(y, brackets) for brackets in (False, True)]
            for form in (forms[0], f"({forms[0]})", forms[1], f"({forms[1]})"):
                around = self.bytes[begin:start].decode() + form + self.bytes[end:finish].decode()
                if same_in_text(new, around):
                    return start, end, form
        return begin, finish, plain(new)

    def _faithful(self, new: Node, brackets: bool) -> str:
        """An expression in text; its parts that stand in the file keep the user's own writing."""
        kept: dict[str, str] = {}

        def replace(node: Node) -> Node:
            written = self.of(node) if isinstance(node, ast.expr) and node is not new else ""
            if written:
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

        shown = plain(replace(new))
        for name, written in kept.items():
            shown = shown.replace(name, written)
        return shown


def same_in_text(n: Node, written: str) -> bool:
    """Whether a text says what a tree does."""
    try:
        parsed: Node = ast.parse(written if isinstance(n, ast.stmt) else f"({written})").body[0]
    except (SyntaxError, IndexError, ValueError):
        return False
    return same(n, parsed if isinstance(n, ast.stmt) else parsed.value)


def smallest(old: Node, new: Node) -> tuple[Node, Node]:
    """The smallest pair of parts in which two trees differ."""
    if type(old) is not type(new):
        return old, new
    pairs: list[tuple[Node, Node]] = []
    for field in old._fields:
        a, b = getattr(old, field, None), getattr(new, field, None)
        listed = isinstance(a, list) and isinstance(b, list) and len(a) == len(b)
        both: Any = zip(a or (), b or (), strict=True) if listed else [(a, b)]
        pairs += [(x, y) for x, y in both if not _equal(x, y)]
    if len(pairs) == 1 and isinstance(pairs[0][0], ast.expr) and isinstance(pairs[0][1], ast.expr):
        return smallest(*pairs[0])
    return old, new


def _equal(a: object, b: object) -> bool:
    return same(a, b) if isinstance(a, ast.AST) and isinstance(b, ast.AST) else a == b
