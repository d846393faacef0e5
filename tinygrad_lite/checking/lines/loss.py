"""What the loss tells about its gradients: its forward pass on Values, and the exact adjoint of all on the way."""

from __future__ import annotations

import ast
import copy
import re
from typing import Any

from tinygrad_lite.checking.lines.bench import Bench, large
from tinygrad_lite.checking.lines.functions import Function, Node, World, is_float
from tinygrad_lite.checking.lines.program import Codes, Program
from tinygrad_lite.checking.lines.slots import (
    HOOK,
    Slot,
    at,
    call,
    hooked,
    nodes,
    put,
    slots_of,
    statements,
    targets_of,
)
from tinygrad_lite.checking.lines.values import Scope
from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.checking.trial.state import State
from tinygrad_lite.engine import Value
from tinygrad_lite.engine.reverse import adjoints


class Numbers:
    """Arrays known by their numbers, whatever axes of length one they have."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, ...], list[Array]] = {}
        self._stacked: dict[tuple[int, ...], Array] = {}

    def add(self, x: Array) -> None:
        shape = tuple(n for n in x.shape if n != 1)
        self._rows.setdefault(shape, []).append(x.ravel())

    def like(self, x: Array) -> Array:
        """All of the shape of an array, one row each."""
        rows = self._rows.get(tuple(n for n in x.shape if n != 1), [])
        return np.unique(np.array(rows), axis=0) if rows else np.empty((0, x.size))

    def __contains__(self, x: Any) -> bool:
        x = np.asarray(x, float)
        shape = tuple(n for n in x.shape if n != 1)
        if shape not in self._rows:
            return False
        if shape not in self._stacked:
            self._stacked[shape] = np.unique(np.array(self._rows[shape]), axis=0)
        known, flat = self._stacked[shape], x.ravel()
        allowed = 1e-7 * np.abs(known) + 1e-10 * np.abs(known).max(axis=-1, keepdims=True)
        return bool(np.any(np.all(np.abs(known - flat) <= allowed, axis=-1)))


class _Noting(ast.NodeTransformer):
    """Every operation, call and element passes through the hook, with the number of its function."""

    def __init__(self, number: int) -> None:
        self.number = number

    def visit(self, node: Node) -> Node:
        done = super().visit(node)
        loads = not isinstance(getattr(done, "ctx", None), (ast.Store, ast.Del))
        if isinstance(done, (ast.BinOp, ast.Call, ast.UnaryOp, ast.Subscript)) and loads:
            return call(HOOK, ast.Constant(""), done, ast.Constant(self.number))
        return done


class Forward:
    """The forward pass of the loss on one problem.

    Attributes:
        world: the copies of the loss's functions.
        cased: the names as they are written.      ran: the functions that it ran.
        named: lower-case name: (value, adjoint) of each time it was assigned, in order.
        values, adjoints: all of them, known by their numbers.
    """

    def __init__(self, bench: Bench, k: int, world: World) -> None:
        self.world = world
        self.named: dict[str, list[tuple[Array, Array]]] = {}
        self.cased: set[str] = set()
        self.ran: set[Any] = set()
        self.values: Numbers = Numbers()
        self.adjoints: Numbers = Numbers()
        noted: list[tuple[str, Any]] = []

        def note(name: str, x: Any, ran: int) -> Any:
            self.ran.add(world.functions[ran].original)
            noted.append((name, x.copy() if isinstance(x, np.ndarray) else x))
            return x

        submission = copy.copy(bench.submission)
        submission.loss_fn, submission.state = world.entry, State(world.entry)
        problem = bench.problems[k]
        for i, function in enumerate(world.functions):
            tree: Node = _Noting(i).visit(copy.deepcopy(function.tree))
            for slot in slots_of(function, tree):
                noting = call(HOOK, ast.Constant(slot.name), at(tree, slot.path), ast.Constant(i))
                tree = put(tree, slot.path, noting)
            function.copy.__globals__[HOOK] = note
            try:
                function.copy.__code__ = function.compiled(tree)
            except (ValueError, SyntaxError, TypeError):
                continue
        try:
            root, leaves = submission.recorded(problem)
        except RuntimeError:
            root, leaves = None, {}
        finally:
            for function in world.functions:
                function.copy.__code__ = function.code
        if root is None:
            return
        adjoint = adjoints(root)
        noted += [(n, np.array(leaf, dtype=object).reshape(np.shape(problem.params[n]))) for n, leaf in leaves.items()]
        for name, x in noted:
            self.cased.add(name)
            self._add(name.lower(), x, adjoint)

    def _add(self, name: str, x: Any, adjoint: Any) -> None:
        try:
            entries = np.array(x, dtype=object)
        except ValueError:
            return
        flat = entries.ravel().tolist()
        if not flat or len(flat) > 5000 or not all(isinstance(e, (Value, int, float, np.number)) for e in flat):
            return
        value = np.array([e.data if isinstance(e, Value) else float(e) for e in flat]).reshape(entries.shape)
        self.values.add(value)
        if any(isinstance(e, Value) for e in flat):  # what a maximum made a plain 0 has an adjoint that is not known
            d = np.array([float(adjoint.get(e, 0.0)) if isinstance(e, Value) else np.nan for e in flat])
            d = d.reshape(entries.shape)
            if np.all(np.isfinite(d)):
                self.adjoints.add(d)
                self.adjoints.add(d.T)
            if name:
                self.named.setdefault(name, []).append((value, d))


class Loss:
    """What the loss tells about its gradients.

    Attributes:
        world: copies of all that it can reach.      shared: the functions that it runs; functions: their copies.
        passes: its forward pass on the first problem and the second.
        decimals: the numbers with decimals in its source.
    """

    def __init__(self, bench: Bench) -> None:
        self.world: World = World(bench.original.loss_fn)
        self._indifferent: dict[Any, bool] = {}
        second = len(bench.problems) > 1 and not large(bench.problems[1])
        self.passes: list[Forward] = [Forward(bench, k, self.world) for k in range(1 + second)]
        self.shared: set[Any] = {f for run in self.passes for f in run.ran}
        self.functions: list[Function] = [f for f in self.world.functions if f.original in self.shared]
        constants = (n for f in self.functions for n in ast.walk(f.tree) if isinstance(n, ast.Constant))
        self.decimals: list[float] = list(dict.fromkeys(n.value for n in constants if isinstance(n.value, float)))[:8]

    def computes(self, values: list[Any]) -> bool:
        """Whether arrays occur in its forward pass on the first problem."""
        return all(is_float(x) and np.size(x) > 1 and x in self.passes[0].values for x in values)

    def unchanged(self, bench: Bench, codes: Codes) -> bool:
        """Whether it stays what it is where functions that it runs have other code."""
        return not any(f.original in self.shared for f in codes) or bench.keeps_loss(codes)

    def indifferent(self, bench: Bench, program: Program, slot: Slot) -> bool:
        """Whether the loss stays the same if a value in a function that it runs too changes, such as a cache."""
        key = slot.function, slot.path
        if key not in self._indifferent:
            bench.hook(lambda _, x, __: x * 1.1 + 0.1 if is_float(x) else x)
            code = hooked(slot.function, program.trees[slot.function], [slot], lambda _: 0)
            self._indifferent[key] = self.unchanged(bench, {**program.codes, slot.function: code})
        return self._indifferent[key]

    def rebuilt(self, scope: Scope) -> list[Node]:
        """What the loss computes on its way and a place does not have, as expressions of what it has."""
        known: dict[str, Node] = {}
        for function in self.functions:
            for path, stmt in () if isinstance(function.tree, ast.Lambda) else statements(function.tree):
                goal = targets_of(stmt)[0] if isinstance(stmt, ast.Assign) else None
                if len(path) > 1 or not isinstance(goal, ast.Name) or goal.id in scope.local:
                    continue
                e = stmt.value
                for where, n in list(nodes(e)):
                    if isinstance(n, ast.Name) and n.id in known:
                        e = put(e, where, known[n.id])
                try:
                    fits = scope.value(e) in self.passes[0].values
                except Exception:
                    continue
                if fits and sum(1 for _ in ast.walk(e)) <= 60:
                    known[goal.id] = e
        return list(known.values())[:12]


def meant(name: str, named: dict[str, Any]) -> str:
    """The name in the loss whose adjoint a variable is to be; "" if it is none.

    >>> meant("dxhat", {"xhat": 1}), meant("grad_Q", {"q": 1}), meant("delta2", {"z2": 1}), meant("n", {"h": 1})
    ('xhat', 'q', 'z2', '')
    """
    low = name.lower()
    for form in (r"(?:gradient_?|grad_?|dl_?/?d_?|d_?|g_?|adj_)(.+)", r"(.+?)(?:_grad|_bar|_adj|_d|grad|bar)"):
        found = re.fullmatch(form, low)
        if found and found[1] in named:
            return found[1]
    numbered = re.fullmatch(r"(?:delta|error|err|dz|da)_?(\d+)", low)
    if numbered:
        return next((w + numbered[1] for w in ("z", "a", "h") if w + numbered[1] in named), "")
    return ""
