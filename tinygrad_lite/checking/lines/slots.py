"""Slots: the places in a function at which a value is made, and the hooks that note or replace it.

A slot is a right-hand side, a value of a dict, an element of a tuple, an argument of a call made for its effect,
or a returned value. A *missing* slot is a place after a statement where `x += something` may have been forgotten.
Paths lead from a function's tree to a node; `put` makes a changed copy that shares everything off the path.
"""

from __future__ import annotations

import ast
import copy
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tinygrad_lite.checking.lines.forms import load, storing
from tinygrad_lite.checking.lines.functions import Function, Node, is_float
from tinygrad_lite.checking.lines.safety import SIMPLE, harmless
from tinygrad_lite.checking.network.arrays import np

Path = tuple[tuple[str, int | None], ...]
HOOK = "__tinygrad_lite_hook__"


class Slot:
    """One place where a value is made.

    Attributes:
        function, path, stmt: where it stands.
        kind: "value"; "aug" for the right side of `+=` and its kin; "missing" for a place after `stmt`.
        name: what the value is called: the variable, the key, or "".
        visits: (local variables before, value) each time it ran in the last recording, arrays copied.
        times: when that was, counted over all slots.
        editable: its statement calls nothing but NumPy, safe built-ins and the user's own functions.
        out, shared: it is handed back as a gradient; its function is one that the loss runs too.
        met: whether it met the goal that its name tells, None if it tells none; missed: if not, when first.
        goals: if missed, what the first visit may have to be: for each choice an array for each problem.
        known: all its values occur in the loss's forward pass, as values or adjoints.
        prime, unsure: nothing it uses is off; nothing says that all it uses is right.
        evidence: how much speaks against its being the mistake.
    """

    out = shared = known = prime = unsure = False
    met: bool | None = None
    evidence, missed = 0.0, 0

    def __init__(self, function: Function, path: Path, stmt: Node, kind: str, name: str) -> None:
        self.function: Function = function
        self.path: Path = path
        self.stmt: Node = stmt
        self.kind: str = kind
        self.name: str = name
        self.line: int = getattr(stmt, "lineno", function.first)
        self.visits: list[tuple[dict[str, Any], Any]] = []
        self.times: list[int] = []
        self.goals: list[list[Any]] = []
        self.target: Node = load(name)  # of a missing slot: the variable, or the entry of a dict
        self.editable = True

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name} in line {self.line} of {self.function.name}>"

    def expression(self, tree: Node) -> Node:
        """What stands there now; for a missing slot, the variable."""
        return self.target if self.kind == "missing" else at(tree, self.path)

    def replaced(self, tree: Node, new: Node) -> Node:
        """The function with another expression there; in a missing slot, with the statement `new` put in."""
        if self.kind != "missing":
            return put(tree, self.path, new)
        return inserted(tree, self.path, new)


def at(node: Node, path: Path) -> Node:
    """The node at the end of a path."""
    for field, i in path:
        node = getattr(node, field) if i is None else getattr(node, field)[i]
    return node


def put(node: Node, path: Path, new: Node) -> Node:
    """A copy of node with another node at the end of the path; all else is shared."""
    if not path:
        return new
    (field, i), rest = path[0], path[1:]
    made = copy.copy(node)
    if i is None:
        setattr(made, field, put(getattr(node, field), rest, new))
    else:
        items = list(getattr(node, field))
        items[i] = put(items[i], rest, new)
        setattr(made, field, items)
    return made


def inserted(tree: Node, path: Path, stmt: Node) -> Node:
    """A copy of the tree with a statement put in after the one at the path."""
    field, i = path[-1]
    block = at(tree, path[:-1])
    made = copy.copy(block)
    items = list(getattr(block, field))
    assert i is not None
    items.insert(i + 1, stmt if hasattr(stmt, "lineno") else ast.copy_location(stmt, items[i]))
    setattr(made, field, items)
    return put(tree, path[:-1], made)


def nodes(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every node below, with its path, outermost first."""
    yield path, node
    for field, x in ast.iter_fields(node):
        if isinstance(x, ast.AST):
            yield from nodes(x, (*path, (field, None)))
        elif isinstance(x, list):
            for i, item in enumerate(x):
                if isinstance(item, ast.AST):
                    yield from nodes(item, (*path, (field, i)))


def statements(tree: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every statement with its path, in the order of the text, those of nested functions included."""
    if isinstance(tree, ast.Lambda):
        return
    for field in ("body", "orelse", "finalbody"):
        for i, stmt in enumerate(getattr(tree, field, None) or []):
            here = (*path, (field, i))
            yield here, stmt
            yield from statements(stmt, here)
    for k, handler in enumerate(getattr(tree, "handlers", [])):
        yield from statements(handler, (*path, ("handlers", k)))


def rest(tree: Node, path: Path) -> list[Node]:
    """The statements of a block after the one at the path."""
    field, i = path[-1]
    return list(getattr(at(tree, path[:-1]), field)[(i or 0) + 1 :])


def ends_block(tree: Node, path: Path, stmt: Node) -> bool:
    """Whether a statement is the last of its block, but for a return."""
    after = rest(tree, path)
    return not isinstance(stmt, ast.Return) and (not after or isinstance(after[0], ast.Return))


def call(name: str, *arguments: Node) -> Node:
    """`name(arguments)` as an expression."""
    return ast.Call(load(name), list(arguments), [])


def target_name(t: Node) -> str:
    """What an assignment's target is called: a variable, an attribute, a key."""
    if isinstance(t, ast.Name):
        return t.id
    if isinstance(t, ast.Attribute):
        return t.attr
    if isinstance(t, ast.Subscript):
        key = t.slice.value if isinstance(t.slice, ast.Constant) else None
        return key if isinstance(key, str) else target_name(t.value)
    return target_name(t.value) if isinstance(t, ast.Starred) else ""


def targets_of(stmt: Node) -> list[Node]:
    """What a statement assigns to."""
    if isinstance(stmt, ast.Assign):
        return stmt.targets
    return [stmt.target] if isinstance(stmt, (ast.AugAssign, ast.AnnAssign)) else []


def assigned(stmt: Node) -> set[str]:
    """The variables that a statement assigns."""
    return {n.id for t in targets_of(stmt) for n in ast.walk(t) if isinstance(n, ast.Name)}


def slots_of(function: Function, tree: Node) -> list[Slot]:
    """The slots of a function in the order of the text."""
    if isinstance(tree, ast.Lambda):
        return [Slot(function, (("body", None), *p), tree, "value", n) for p, n in _parts(tree.body)]
    found: list[Slot] = []
    for path, stmt in statements(tree):
        here: Path = (*path, ("value", None))
        value = getattr(stmt, "value", None)
        if isinstance(stmt, ast.AugAssign):
            found.append(Slot(function, here, stmt, "aug", target_name(stmt.target)))
        elif isinstance(stmt, (ast.Assign, ast.AnnAssign)) and value is not None:
            goal = targets_of(stmt)[0]
            paired = isinstance(goal, ast.Tuple) and isinstance(value, ast.Tuple) and len(goal.elts) == len(value.elts)
            for p, name in _parts(value):
                if paired and p:
                    name = target_name(goal.elts[p[0][1]])
                found.append(Slot(function, (*here, *p), stmt, "value", name or target_name(goal)))
        elif isinstance(stmt, ast.Return) and value is not None:
            found += [Slot(function, (*here, *p), stmt, "value", name) for p, name in _parts(value)]
        elif isinstance(stmt, ast.Expr) and isinstance(value, ast.Call):
            added = isinstance(value.func, ast.Attribute) and value.func.attr == "at"  # np.add.at(x, i, v)
            for i, x in enumerate(value.args):
                parts = (
                    _parts(x) if isinstance(x, ast.Dict) else [((), target_name(value.args[0]) * (added and i == 2))]
                )
                found += [Slot(function, (*here, ("args", i), *p), stmt, "value", name) for p, name in parts]
            for i, k in enumerate(value.keywords):  # grads.update(W=dW)
                found.append(Slot(function, (*here, ("keywords", i), ("value", None)), stmt, "value", k.arg or ""))
        for slot in found[::-1]:
            if slot.stmt is not stmt:
                break
            slot.editable = harmless(function, stmt)
    return found


def _parts(e: Node) -> list[tuple[Path, str]]:
    """The slots within a value: each value of a dict and each element of a tuple is one of its own."""
    if isinstance(e, ast.Dict) and e.values:
        keys = [str(k.value) if isinstance(k, ast.Constant) else "" for k in e.keys]
        return [((("values", i), *p), n or keys[i]) for i, x in enumerate(e.values) for p, n in _parts(x)]
    if isinstance(e, (ast.Tuple, ast.List)) and e.elts:
        return [((("elts", i), *p), n) for i, x in enumerate(e.elts) for p, n in _parts(x)]
    if isinstance(e, ast.Call) and isinstance(e.func, ast.Name) and e.func.id == "dict" and e.keywords:
        return [((("keywords", i), ("value", None)), k.arg or "") for i, k in enumerate(e.keywords)]
    return [((), "")]


def entries(local: dict[str, Any]) -> list[Node]:
    """The entries of dicts that hold numbers, such as `grads["W"]`."""
    return [
        ast.Subscript(load(name), ast.Constant(key), ast.Load())
        for name, x in local.items()
        if type(x) is dict
        for key, value in x.items()
        if isinstance(key, str) and is_float(value)
    ]


def missing_slots(function: Function, tree: Node, targets: Iterable[Node]) -> list[Slot]:
    """Places where `x += something` may have been forgotten: ends of blocks, after x is made, beside other sums."""
    found: list[Slot] = []
    sums = {target_name(s.target) for _, s in statements(tree) if isinstance(s, ast.AugAssign)}
    for path, stmt in statements(tree):
        ends = isinstance(stmt, ast.Pass) or (isinstance(stmt, SIMPLE) and ends_block(tree, path, stmt))
        goes_on = isinstance(next(iter(rest(tree, path)), None), ast.AugAssign)  # with one more sum
        for target in targets if harmless(function, stmt) and not isinstance(stmt, ast.Return) else ():
            whole = isinstance(target, ast.Name)
            beside = isinstance(stmt, ast.AugAssign) and not (whole and (target.id in sums or goes_on))
            if ends or beside or (whole and target.id in assigned(stmt)):
                found.append(Slot(function, path, stmt, "missing", target_name(target)))
                found[-1].target = target
    return sorted(found, key=lambda slot: not isinstance(slot.stmt, ast.Pass))  # where something is to come first


def hooked(function: Function, tree: Node, slots: list[Slot], number: Callable[[Slot], int]) -> types.CodeType:
    """Code in which each slot's value passes through the hook: `hook(number, value, locals())`."""
    for slot in slots:
        if slot.kind != "missing":
            noted = call(HOOK, ast.Constant(number(slot)), at(tree, slot.path), call("locals"))
            tree = put(tree, slot.path, noted)
    last_first = sorted(
        (s for s in slots if s.kind == "missing"), key=lambda s: [i or 0 for _, i in s.path], reverse=True
    )
    for slot in last_first:
        noted = call(HOOK, ast.Constant(number(slot)), slot.target, call("locals"))
        absent = ast.ExceptHandler(load("Exception"), None, [ast.Pass()])  # the variable is not there yet
        tree = inserted(tree, slot.path, ast.Try([ast.Assign([storing(slot.target)], noted)], [absent], [], []))
    return function.compiled(tree)


def snapshot(x: Any, depth: int = 6) -> Any:
    """A copy of local variables that later changes in place do not reach."""
    if isinstance(x, np.ndarray):
        return x.copy()
    if type(x) in (dict, list, tuple) and depth:
        if isinstance(x, dict):
            return {k: snapshot(v, depth - 1) for k, v in x.items()}
        return type(x)([snapshot(v, depth - 1) for v in x])
    if hasattr(x, "__dict__") and depth and not isinstance(x, (type, types.ModuleType, types.FunctionType)):
        try:
            made = copy.copy(x)
            for name, value in vars(x).items():
                object.__setattr__(made, name, snapshot(value, depth - 1))
        except Exception:
            return x
        return made
    return x
