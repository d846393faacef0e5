"""The statements of a forward pass made ready for the way back, and what is known of each name in them.

`params["W1"]` is W1; a loop over an array goes over an index; what a statement overwrites while it reads it gets a name
of its own first; and the sum inside of tanh(W @ x + b) gets a name, since its gradient is wanted more than once.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tinygrad_lite.export.flatten import Flattened, Statement
from tinygrad_lite.export.seen import Seen
from tinygrad_lite.export.symbols import rules


class Prepared:
    """The statements, and which names matter.

    Attributes:
        active: names that hold numbers made of the parameters.
        simple: those assigned once and read in that block alone, whose gradient begins with its first part.
        assigned: the blocks in which each name is assigned.
    """

    def __init__(self, f: Callable[..., Any], params: dict[str, Any], data: Sequence[Any]) -> None:
        self.flat = flat = Flattened(f, list(params))
        self.params = params
        self.whole = len(flat.parameters) == 1 + len(data) and len(params) != 1
        self.whole = self.whole or (len(flat.parameters) == 1 + len(data) and flat.parameters[0] not in params)
        self.statements = [*self._with_parameters(flat.statements)]
        self._once(self.statements)
        self.seen = Seen(self.statements, flat.space, self.arguments(params, data))
        self.active = self._activity()
        self.simple = self._simple()

    def arguments(self, params: dict[str, Any], data: Sequence[Any]) -> dict[str, Any]:
        """The arguments by name."""
        import numpy as np

        arrays = {
            k: np.array(v, dtype=float) if not isinstance(v, float | int) else float(v) for k, v in params.items()
        }
        if self.whole:
            return {
                self.flat.parameters[0]: arrays,
                **dict(zip(self.flat.parameters[1:], data, strict=False)),
                **arrays,
            }
        rest = [p for p in self.flat.parameters if p not in params]
        return {**arrays, **dict(zip(rest, data, strict=False))}

    # ------------------------------------------------------------------ preparing

    def _with_parameters(self, statements: list[Statement]) -> Iterator[Statement]:
        """params["W1"] is W1; loops over arrays and lists go over an index."""
        root = self.flat.parameters[0] if self.whole else ""
        written = self

        class Named(ast.NodeTransformer):
            def visit_Subscript(self, node: ast.Subscript) -> Any:
                self.generic_visit(node)
                inner = (
                    isinstance(node.value, ast.Name) and node.value.id == root and isinstance(node.slice, ast.Constant)
                )
                return ast.Name(node.slice.value, ast.Load()) if inner else node  # type: ignore[attr-defined]

        for s in statements:
            s.value = Named().visit(s.value)
            if s.kind == "for":
                written._over_an_index(s)
            s.body, s.orelse = [*self._with_parameters(s.body)], [*self._with_parameters(s.orelse)]
            if s.kind == "assign" and isinstance(s.target, ast.Tuple):
                yield from self._unpacked(s)
            elif s.kind == "assign" and isinstance(s.target, ast.Name) and ast.unparse(s.value) == s.target.id:
                continue
            elif s.kind == "assign" and composed(s.value):  # tanh(W @ x + b): the inner sum gets a name
                inner = self.flat.fresh("z")
                yield self._like(s, ast.Name(inner, ast.Store()), s.value.args[0])
                s.value.args[0] = ast.Name(inner, ast.Load())
                yield from self._with_parameters([s])
            elif s.kind == "assign" and isinstance(s.target, ast.Name) and _reads(s.value, s.target.id):
                new = self.flat.fresh(f"{s.target.id}_new")
                yield self._like(s, ast.Name(new, ast.Store()), s.value)
                yield self._like(s, s.target, ast.Name(new, ast.Load()))
            else:
                yield s

    def _like(self, s: Statement, target: Any, value: Any) -> Statement:
        return Statement("assign", target, value, s.line, s.text)

    def _unpacked(self, s: Statement) -> Iterator[Statement]:
        rows = s.value.id if isinstance(s.value, ast.Name) else self.flat.fresh("parts")
        if not isinstance(s.value, ast.Name):
            yield self._like(s, ast.Name(rows, ast.Store()), s.value)
        for k, target in enumerate(s.target.elts):
            yield self._like(s, target, ast.parse(f"{rows}[{k}]", mode="eval").body)

    def _over_an_index(self, s: Statement) -> None:
        call = s.value.func.id if isinstance(s.value, ast.Call) and isinstance(s.value.func, ast.Name) else ""
        if call == "range":
            return
        inner = s.value.args if call in ("zip", "enumerate") else [s.value]
        if not all(isinstance(e, ast.Name | ast.Attribute) for e in inner):
            return
        k: Any = ast.Name(self.flat.fresh("k"), ast.Load())
        targets = s.target.elts if call in ("zip", "enumerate") else [s.target]
        if call == "enumerate":
            k, targets = targets[0], targets[1:]
        first = [
            self._like(s, t, ast.parse(f"{ast.unparse(e)}[{k.id}]", mode="eval").body)
            for t, e in zip(targets, inner, strict=False)
        ]
        s.target, s.body = k, [*first, *s.body]
        s.value = ast.parse(f"range(len({ast.unparse(inner[0])}))", mode="eval").body

    def _once(self, statements: Sequence[Statement]) -> None:
        """Where each name is assigned: the blocks, by name."""
        self.assigned: dict[str, list[int]] = {}
        for block in blocks_of(statements):
            for s in block:
                if s.kind in ("assign", "for") and isinstance(s.target, ast.Name):
                    self.assigned.setdefault(s.target.id, []).append(id(block))

    def _activity(self) -> set[str]:
        """The names that hold numbers made of the parameters."""
        found = set(self.params)
        while True:
            before = len(found)
            for block in blocks_of(self.statements):
                for s in block:
                    if s.kind in ("assign", "append") and any(n.id in found for n in live_names(s.value)):
                        target = s.target.value if isinstance(s.target, ast.Subscript) else s.target
                        if isinstance(target, ast.Name) and self.seen.numeric(target.id):
                            found.add(target.id)
            if len(found) == before:
                return found

    def _simple(self) -> set[str]:
        """Names assigned once, and read in that block alone: their gradient begins with its first part."""
        read: dict[str, set[int]] = {}
        for block in blocks_of(self.statements):
            for s in block:
                for e in [s.value, *([s.target] if s.kind == "append" or isinstance(s.target, ast.Subscript) else [])]:
                    for n in names_in(e):
                        read.setdefault(n.id, set()).add(id(block))
        top = id(self.statements)
        return (
            {
                v
                for v in self.active
                if len(where := self.assigned.get(v, [top] if v in self.params else [])) == 1
                and read.get(v, set()) <= {where[0]}
            }
            - {s.target.id for b in blocks_of(self.statements) for s in b if s.kind == "append"}
            - self.seen.lists
        )


def blocks_of(statements: Sequence[Statement]) -> Iterator[Sequence[Statement]]:
    yield statements
    for s in statements:
        if s.body:
            yield from blocks_of(s.body)
        if s.orelse:
            yield from blocks_of(s.orelse)


def names_in(thing: Any, kind: Any = ast.Load) -> Iterator[ast.Name]:
    if thing is None:
        return
    if isinstance(thing, str):
        code = thing.split("\t")[0].strip()
        thing = ast.parse(
            code + " pass" if code.endswith(":") and not code.startswith("else") else code.replace("else:", "pass")
        )
    for n in ast.walk(thing):
        if isinstance(n, ast.Name) and isinstance(n.ctx, kind):
            yield n


def live_names(e: Any) -> Iterator[ast.Name]:
    """The names whose numbers, not only shapes or comparisons, an expression uses."""
    if isinstance(e, ast.Attribute) and e.attr in ("shape", "ndim", "size", "dtype"):
        return
    if isinstance(e, ast.Compare) or (
        isinstance(e, ast.Call) and isinstance(e.func, ast.Name) and e.func.id in ("len", "range")
    ):
        return
    if isinstance(e, ast.Name):
        yield e
    for child in ast.iter_child_nodes(e) if e is not None else ():
        yield from live_names(child)


def composed(e: Any) -> bool:
    """Whether a function entry by entry is applied to a product of matrices."""
    if not isinstance(e, ast.Call) or len(e.args) != 1 or e.keywords or not isinstance(e.args[0], ast.BinOp):
        return False
    return ast.unparse(e.func).removeprefix("np.") in rules() and any(
        isinstance(n, ast.MatMult) for n in ast.walk(e.args[0])
    )


def indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _reads(e: Any, name: str) -> bool:
    return any(n.id == name for n in names_in(e))
