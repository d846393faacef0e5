"""Edits of whole statements: `=` for `+=`, another target, another order, a statement left out or forgotten."""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Iterator
from typing import Any

from tinygrad_lite.checking.lines.atoms import Atoms
from tinygrad_lite.checking.lines.edits import edits, swapped
from tinygrad_lite.checking.lines.forms import form, load, made, storing
from tinygrad_lite.checking.lines.functions import Function, Node, is_float
from tinygrad_lite.checking.lines.offers import Offers
from tinygrad_lite.checking.lines.safety import SIMPLE, harmless
from tinygrad_lite.checking.lines.slots import Path, at, ends_block, inserted, put, rest, statements, targets_of
from tinygrad_lite.checking.network.arrays import np

Change = tuple[float, Node, int]  # cost, the function's tree, the line
ROWS = (  # cost, what was written, what was meant
    *((1.0, f"a {p}= b", f"a {q}= b") for p, q in itertools.permutations("+-*/", 2)),
    *((1.0, f"a {p}= b", "a = b") for p in "+-*/"),
    *((1.1, "a = b", f"a {p}= b") for p in "+-*/"),
    *((1.2, f"a[i] {p} b", "np.add.at(a, i, b)") for p in ("=", "+=")),  # loses repeated indices
    (1.2, "a[i] -= b", "np.subtract.at(a, i, b)"),
    (1.0, "np.add.at(a, i, b)", "np.subtract.at(a, i, b)"),
    (1.0, "np.subtract.at(a, i, b)", "np.add.at(a, i, b)"),
)


def changes(function: Function, tree: Node) -> Iterator[Change]:
    """Every change of a whole statement, with its cost and line."""
    if isinstance(tree, ast.Lambda):
        return
    offers = Offers(function, tree, {}, [])
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    variables = sorted(stored | {a.arg for a in tree.args.args})
    for path, stmt in statements(tree):
        if not harmless(function, stmt):
            continue
        for cost, new in itertools.chain(_by_table(stmt, offers), _parts(stmt, offers, variables)):
            yield cost, put(tree, path, ast.copy_location(new, stmt)), stmt.lineno
        if isinstance(stmt, SIMPLE) and not isinstance(stmt, ast.Return):
            yield 1.6, put(tree, path, ast.copy_location(ast.Pass(), stmt)), stmt.lineno
            yield from _moved(tree, path, stmt)
        if len(path) > 1 and not rest(tree, path) and not isinstance(at(tree, path[:-1]), ast.FunctionDef):
            left = put(tree, path, ast.copy_location(ast.Pass(), stmt))
            yield 1.3, inserted(left, path[:-1], stmt), stmt.lineno  # indented too far


def _by_table(stmt: Node, offers: Offers) -> Iterator[tuple[float, Node]]:
    code = stmt.value if isinstance(stmt, ast.Expr) else stmt
    if any(isinstance(goal, ast.Tuple) for goal in targets_of(stmt)):
        return
    for cost, old, new in ROWS:
        parts = form(old).match(code)
        if parts is not None:
            changed = made(new, **{"np": load(offers.numpy), **parts})
            yield cost, changed if isinstance(changed, ast.stmt) else ast.Expr(changed)


def _parts(stmt: Node, offers: Offers, variables: list[str]) -> Iterator[tuple[float, Node]]:
    """Another target, other bounds of a loop, another condition, another order of what is returned."""
    for field, more in (("iter", 0.2), ("test", 0.2), ("target", 0.1), ("targets", 0.1)):
        old = getattr(stmt, field, None)
        goal = old[0] if isinstance(old, list) else old
        if goal is None or (field == "target" and isinstance(stmt, ast.For)):
            continue
        offers.names, offers.at_hand, offers.subscripts = [], {"N": [], "C": [], "F": []}, []
        offers.names = variables if "target" in field else []
        offers.counts = [v for v in offers.names if len(v) < 3]
        for cost, new in itertools.islice(edits(_loading(goal), offers), 400):
            if "target" not in field:
                yield cost + more, _with(stmt, **{field: new})
            elif isinstance(new, (ast.Name, ast.Subscript)):
                more = 0.6 if isinstance(new, ast.Name) else 0.1
                yield cost + more, _with(stmt, **{field: [storing(new)] if field == "targets" else storing(new)})
    value = getattr(stmt, "value", None)
    if isinstance(stmt, (ast.Assign, ast.Return)) and isinstance(value, ast.Name):  # a dict handed back, say
        yield from ((1.0, _with(stmt, value=load(v))) for v in variables if v != value.id)
    if isinstance(stmt, (ast.Assign, ast.Return)) and isinstance(value, ast.Tuple):
        yield from ((1.2, _with(stmt, value=ast.Tuple(order, ast.Load()))) for order in swapped(value.elts))


def _loading(target: Node) -> Node:
    return _with(target, ctx=ast.Load()) if hasattr(target, "ctx") else target


def _with(stmt: Node, **fields: Any) -> Node:
    made = copy.copy(stmt)
    for name, x in fields.items():
        setattr(made, name, x)
    return made


def _moved(tree: Node, path: Path, stmt: Node, most: int = 6) -> Iterator[Change]:
    """The statement elsewhere in its block."""
    field, i = path[-1]
    parent = at(tree, path[:-1])
    block = getattr(parent, field)
    assert i is not None
    for j in range(max(0, i - most), min(len(block), i + most + 1)):
        if j != i and not (j > i and isinstance(block[j], ast.Return)):
            order = list(block)
            order.insert(j, order.pop(i))
            yield 1.3 + 0.05 * abs(j - i), put(tree, path[:-1], _with(parent, **{field: order})), stmt.lineno


# ------------------------------------------------------------------ what may have been forgotten


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
        places += [ast.Constant(i) for i in range(3)]
    arrays = [n for n, x in local.items() if is_float(x) and np.ndim(x) and n not in answers]
    different = {ast.dump(p): p for p in places}.values()
    return [made("x[i]", x=load(n), i=p) for n in arrays for p in different][:most]


def scattered_sums(tree: Node, empty: list[str], atoms: Atoms) -> Iterator[Change]:
    """`np.add.at(x, i, v)` at the end of a block, for an x that nothing was ever added to."""
    values, numpy = atoms.scope.local, load(atoms.offers.numpy)
    whole = [k for k, v in values.items() if isinstance(v, np.ndarray) and v.dtype.kind in "iu"]
    ends = [(path, s) for path, s in statements(tree) if ends_block(tree, path, s)]
    for path, stmt in sorted(ends, key=lambda e: -len(e[0])):
        for name, (cost, x, v) in itertools.product(empty, atoms.items):
            shape = np.shape(values[name])
            new = [
                ast.Expr(made("np.add.at(x, i, v)", np=numpy, x=load(name), i=load(i), v=x))
                for i in (whole if v.ndim else ())
                if v.ndim == values[i].ndim + len(shape) - 1
            ]
            yield from ((2.6 + cost, inserted(tree, path, s), stmt.lineno) for s in new)


def forgotten(tree: Node, missing: str) -> Iterator[Change]:
    """`cache["A1"] = A1` and `self.A1 = A1` where nothing was stored under a name that is asked for."""
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    priced = [(1.6 if n.lower().strip("_") == missing.lower().strip("_") else 2.2, n) for n in sorted(names)]
    for path, stmt in statements(tree):
        goals = [part for goal in targets_of(stmt) for part in getattr(goal, "elts", [goal])]
        stored: dict[str, Node] = {}
        for part in goals:
            if isinstance(part, ast.Attribute):
                stored[ast.dump(part.value)] = ast.Attribute(part.value, missing, ast.Store())
            elif isinstance(part, ast.Subscript) and isinstance(getattr(part.slice, "value", None), str):
                stored[ast.dump(part.value)] = ast.Subscript(part.value, ast.Constant(missing), ast.Store())
        for cost, name in priced:
            for new in stored.values():
                yield cost, inserted(tree, path, ast.Assign([new], load(name))), stmt.lineno + 1
            if isinstance(stmt, (ast.Assign, ast.Return)) and isinstance(stmt.value, ast.Dict):
                d = ast.Dict([*stmt.value.keys, ast.Constant(missing)], [*stmt.value.values, load(name)])
                yield cost, put(tree, path, _with(stmt, value=d)), stmt.lineno
