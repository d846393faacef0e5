"""Edits of whole statements: `=` for `+=`, another target, another order, a statement left out or forgotten."""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Iterator
from typing import Any

from tinygrad_lite.checking.lines.atoms import Atoms
from tinygrad_lite.checking.lines.edits import edits
from tinygrad_lite.checking.lines.functions import Function, Node, is_float
from tinygrad_lite.checking.lines.offers import Offers, binary, constant
from tinygrad_lite.checking.lines.safety import SIMPLE, harmless
from tinygrad_lite.checking.lines.slots import (
    Path,
    at,
    inserted,
    load,
    nodes,
    put,
    statements,
    targets_of,
)  # fmt: skip
from tinygrad_lite.checking.network.arrays import np

Change = tuple[float, Node, int]  # cost, the function's tree, the line


def names_in(tree: Node) -> list[str]:
    """The variables of a function: its arguments and what it assigns."""
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return sorted(stored | {a.arg for a in tree.args.args})


def changes(function: Function, tree: Node) -> Iterator[Change]:
    """Every change of a whole statement, with its cost and line."""
    if isinstance(tree, ast.Lambda):
        return
    variables = names_in(tree)
    for path, stmt in statements(tree):
        if not harmless(function, stmt):
            continue
        for cost, new in _rewritten(stmt, variables):
            yield cost, put(tree, path, ast.copy_location(new, stmt)), stmt.lineno
        if isinstance(stmt, (ast.For, ast.While, ast.If)):
            yield from _head(function, tree, path, stmt)
        if isinstance(stmt, SIMPLE) and not isinstance(stmt, ast.Return):
            yield from _moved(tree, path, stmt)


def _with(stmt: Node, **fields: Any) -> Node:
    made = copy.copy(stmt)
    for name, x in fields.items():
        setattr(made, name, x)
    return made


def _rewritten(stmt: Node, variables: list[str]) -> Iterator[tuple[float, Node]]:
    target: Node = targets_of(stmt)[0] if targets_of(stmt) else None
    if isinstance(stmt, ast.AugAssign):
        yield 1.0, ast.Assign([stmt.target], stmt.value)
        for op in (ast.Add, ast.Sub, ast.Mult, ast.Div):
            if not isinstance(stmt.op, op):
                yield 1.0, ast.AugAssign(stmt.target, op(), stmt.value)
    if isinstance(stmt, ast.Assign) and len(stmt.targets) == 1 and not isinstance(target, ast.Tuple):
        for op in (ast.Add, ast.Sub, ast.Mult):
            yield 1.1, ast.AugAssign(target, op(), stmt.value)
    value = getattr(stmt, "value", None)
    if isinstance(stmt, (ast.Assign, ast.Return)):
        if isinstance(value, ast.Tuple):
            for i, j in itertools.combinations(range(len(value.elts)), 2):
                order = list(value.elts)
                order[i], order[j] = order[j], order[i]
                yield 1.2, _with(stmt, value=ast.Tuple(order, ast.Load()))
        if isinstance(value, ast.Name):
            yield from ((1.0, _with(stmt, value=load(v))) for v in variables if v != value.id)
    if isinstance(stmt, SIMPLE) and not isinstance(stmt, ast.Return):
        yield 1.6, ast.Pass()
    for goal in targets_of(stmt)[:1]:
        for cost, new in _retargeted(goal, variables):
            yield cost, _with(stmt, target=new) if hasattr(stmt, "target") else _with(stmt, targets=[new])
    called = value.func if isinstance(stmt, ast.Expr) and isinstance(value, ast.Call) else None
    if isinstance(called, ast.Attribute) and called.attr == "at" and isinstance(called.value, ast.Attribute):
        for ufunc in ("add", "subtract"):
            f = _with(called, value=_with(called.value, attr=ufunc))
            yield 1.0, _with(stmt, value=_with(value, func=f))
    if isinstance(stmt, ast.AugAssign) and isinstance(stmt.op, (ast.Add, ast.Sub)):
        yield from _scattered(stmt)


def _scattered(stmt: Node) -> Iterator[tuple[float, Node]]:
    """`np.add.at(x, i, v)` for `x[i] += v`, which loses repeated indices."""
    if isinstance(stmt.target, ast.Subscript):
        name = "add" if isinstance(stmt.op, ast.Add) else "subtract"
        f = ast.Attribute(ast.Attribute(load("np"), name, ast.Load()), "at", ast.Load())
        x = copy.copy(stmt.target.value)
        yield 1.2, ast.Expr(ast.Call(f, [x, stmt.target.slice, stmt.value], []))


def _retargeted(goal: Node, variables: list[str]) -> Iterator[tuple[float, Node]]:
    if isinstance(goal, ast.Name):
        yield from ((1.6, ast.Name(v, ast.Store())) for v in variables if v != goal.id)
    if not isinstance(goal, ast.Subscript):
        return
    if isinstance(goal.value, ast.Name):
        yield from ((1.1, _with(goal, value=load(v))) for v in variables if v != goal.value.id)
    for path, n in nodes(goal.slice):
        others: list[Node] = []
        if isinstance(n, ast.Name):
            others = [binary(n, ast.Add, constant(1)), binary(n, ast.Sub, constant(1))]
            others += [load(v) for v in variables if v != n.id]
            others += [binary(load(v), ast.Add, n) for v in variables if v != n.id and len(v) < 3]
        elif isinstance(n, ast.Constant) and isinstance(n.value, int):
            others = [constant(n.value + 1), constant(n.value - 1)]
        elif isinstance(n, ast.BinOp):
            others = [n.left, n.right, binary(n.left, ast.Sub, n.right), binary(n.left, ast.Add, n.right)]
        for other in others:
            yield 1.1, _with(goal, slice=put(goal.slice, path, other))


def _head(function: Function, tree: Node, path: Path, stmt: Node) -> Iterator[Change]:
    """Other bounds of a loop, another condition."""
    field = "iter" if isinstance(stmt, ast.For) else "test"
    offers = Offers(function, tree, {}, [])
    offers.names, offers.sizes, offers.subscripts, offers.functions = [], [], [], []
    for cost, new in itertools.islice(edits(getattr(stmt, field), offers), 150):
        yield cost + 0.2, put(tree, path, _with(stmt, **{field: new})), stmt.lineno


def _moved(tree: Node, path: Path, stmt: Node, most: int = 6) -> Iterator[Change]:
    """The statement elsewhere in its block, or one level out, after the block or before it."""
    field, i = path[-1]
    parent = at(tree, path[:-1])
    block = getattr(parent, field)
    assert i is not None
    for j in range(max(0, i - most), min(len(block), i + most + 1)):
        if j != i and not (j > i and isinstance(block[j], ast.Return)):
            order = list(block)
            order.insert(j, order.pop(i))
            yield 1.3 + 0.05 * abs(j - i), put(tree, path[:-1], _with(parent, **{field: order})), stmt.lineno
    if len(path) > 1 and len(block) > 1 and path[-2][1] is not None:  # out of a loop
        rest = put(tree, path[:-1], _with(parent, **{field: [s for s in block if s is not stmt]}))
        yield 1.6, inserted(rest, path[:-1], stmt), stmt.lineno


def elements(tree: Node, local: dict[str, Any], answers: frozenset[str], most: int = 40) -> list[Node]:
    """What `x[i] += ...` may have been forgotten for: arrays at the places that such statements and loops speak of."""
    sums = [n.target for n in ast.walk(tree) if isinstance(n, ast.AugAssign)]
    places: list[Node] = [t.slice for t in sums if isinstance(t, ast.Subscript)]
    if not places:
        return []
    loops = [n.target for n in ast.walk(tree) if isinstance(n, ast.For)]
    names = [n.id for target in loops for n in ast.walk(target) if isinstance(n, ast.Name)]
    places += [load(n) for n in names if isinstance(local.get(n), (int, np.integer))]
    if any(isinstance(p, ast.Constant) for p in places):
        places += [constant(i) for i in range(3)]
    arrays = [n for n, x in local.items() if is_float(x) and np.ndim(x) and n not in answers]
    different = {ast.dump(p): p for p in places}.values()
    return [ast.Subscript(load(n), p, ast.Load()) for n in arrays for p in different][:most]


def scattered_sums(tree: Node, empty: list[str], atoms: Atoms) -> Iterator[Change]:
    """`np.add.at(x, i, v)` and `x[i] += v` at the end of a block, for an x that nothing was ever added to."""
    values = atoms.scope.local
    whole = [k for k, v in values.items() if isinstance(v, np.ndarray) and v.dtype.kind in "iu"]
    slices = {ast.dump(s.slice): s.slice for s in atoms.offers.subscripts}
    ends = [(path, s) for path, s in statements(tree) if _ends_block(tree, path, s)]
    for path, stmt in sorted(ends, key=lambda e: -len(e[0])):
        for name in empty:
            shape = np.shape(values[name])
            for cost, x, v in atoms.items:
                for i in whole if v.ndim else ():
                    if v.ndim == values[i].ndim + len(shape) - 1:
                        add = ast.Attribute(
                            ast.Attribute(load(atoms.offers.numpy), "add", ast.Load()), "at", ast.Load()
                        )
                        new: Node = ast.Expr(ast.Call(add, [load(name), load(i), x], []))
                        yield 2.6 + cost, inserted(tree, path, new), stmt.lineno
                for index in slices.values() if v.ndim < len(shape) else ():
                    try:
                        fits = np.shape(values[name][atoms.scope.value(index)]) == v.shape
                    except Exception:
                        continue
                    if fits:
                        goal = ast.Subscript(load(name), index, ast.Store())
                        yield 2.6 + cost, inserted(tree, path, ast.AugAssign(goal, ast.Add(), x)), stmt.lineno


def _ends_block(tree: Node, path: Path, stmt: Node) -> bool:
    """Whether a statement is the last of its block, but for a return."""
    field, i = path[-1]
    rest = getattr(at(tree, path[:-1]), field)[(i or 0) + 1 :]
    return not isinstance(stmt, ast.Return) and (not rest or isinstance(rest[0], ast.Return))


def forgotten(tree: Node, missing: str, names: list[str]) -> Iterator[Change]:
    """`cache["A1"] = A1` and `self.A1 = A1` where nothing was stored under a name that is asked for."""
    if isinstance(tree, ast.Lambda):
        return
    seen: set[str] = set()
    for path, stmt in statements(tree):
        for goal in targets_of(stmt):
            for part in goal.elts if isinstance(goal, ast.Tuple) else [goal]:
                stored: Node = None
                if isinstance(part, ast.Attribute):
                    stored = ast.Attribute(part.value, missing, ast.Store())
                elif isinstance(part, ast.Subscript) and isinstance(getattr(part.slice, "value", None), str):
                    stored = ast.Subscript(part.value, constant(missing), ast.Store())
                if stored is not None:
                    place = ast.dump(stored) + str(path[:-1])
                    for name in sorted(names, key=lambda n: n.lower() != missing.lower()):
                        if place + name + str(path[-1]) not in seen:
                            seen.add(place + name + str(path[-1]))
                            near = 1.6 if name.lower().strip("_") == missing.lower().strip("_") else 2.2
                            yield near, inserted(tree, path, ast.Assign([stored], load(name))), stmt.lineno + 1
        if isinstance(stmt, (ast.Assign, ast.Return)) and isinstance(stmt.value, ast.Dict):
            for name in names:
                near = 1.6 if name.lower() == missing.lower() else 2.2
                d = ast.Dict([*stmt.value.keys, constant(missing)], [*stmt.value.values, load(name)])
                yield near, put(tree, path, _with(stmt, value=d)), stmt.lineno
