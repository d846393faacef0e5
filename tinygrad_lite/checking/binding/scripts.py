"""A script that trains at its top level: the body of its loop as functions, one step of which is tried.

for epoch in range(10000):          step(W, X, y): the body once, W as it is then
    out = sigmoid(X @ W)      ->    forward(W, X, y): the lines before the first update
    delta = out - y
    W -= 0.1 * X.T @ delta
"""

from __future__ import annotations

import ast
import linecache
from typing import Any

from tinygrad_lite.checking.binding.flow import Flow
from tinygrad_lite.checking.binding.roles import INPUT, LOSS, NO_LOSS, TARGET, Function
from tinygrad_lite.checking.binding.source import Lesson
from tinygrad_lite.checking.network.arrays import np


def loop_flow(lesson: Lesson) -> Flow | None:
    """The first loop that changes arrays as a flow of functions; None if there is none."""
    for loop in lesson.loops:
        body = _innermost(loop, lesson)
        params = _changed(body, lesson)
        if params:
            return _functions(body, params, lesson)
    return None


def _innermost(loop: Any, lesson: Lesson) -> list[ast.stmt]:
    for statement in loop.body:
        if isinstance(statement, (ast.For, ast.While)) and _changed(statement.body, lesson):
            return _innermost(statement, lesson)
    return list(loop.body)


def _changed(body: list[ast.stmt], lesson: Lesson) -> list[str]:
    """The arrays that a body updates: W -= ..., W = W - ..."""
    found = []
    for statement in body:
        name = None
        if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id if isinstance(statement.op, (ast.Sub, ast.Add)) else None
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            value = statement.value
            left = value.left if isinstance(value, ast.BinOp) and isinstance(value.op, (ast.Sub, ast.Add)) else None
            name = left.id if isinstance(left, ast.Name) and left.id == statement.targets[0].id else None
        x = lesson.names.get(name or "")
        if name and isinstance(x, (np.ndarray, float, list)) and not LOSS.match(name):
            found.append(name)
    return list(dict.fromkeys(found))


def _functions(body: list[ast.stmt], params: list[str], lesson: Lesson) -> Flow:
    body = [s for s in body if not isinstance(s, ast.Expr)]
    loaded = [n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    arrays = [
        n for n in dict.fromkeys(loaded) if isinstance(lesson.names.get(n), (np.ndarray, list)) and n not in params
    ]
    data = [next((n for n in arrays if role.fullmatch(n)), "") for role in (INPUT, TARGET)]
    data = [d for d in data if d]
    arguments = ", ".join([*params, *data])
    first = next(i for i, s in enumerate(body) if set(_changed([s], lesson)) & set(params))
    ahead = [s for s in body[:first] if not isinstance(s, ast.If)]
    plain = [s for s in body if not isinstance(s, ast.If)]
    loss_line = next((s for s in _assignments(body) if _is_loss(s)), None)
    backward = _made("step", arguments, plain, ", ".join(params), lesson)
    loss = forward = None
    if loss_line is not None:
        stops = [s for s in ahead if s is not loss_line]
        loss = _made("loss", arguments, [*_before(stops, loss_line, ahead), loss_line], loss_line.targets[0].id, lesson)  # type: ignore[attr-defined]
    else:
        output = _output(ahead, data, lesson)
        forward = _made("forward", arguments, ahead, output, lesson) if output else None
    return Flow(forward, loss, backward, params, data, {})


def _before(statements: list[ast.stmt], loss_line: ast.stmt, ahead: list[ast.stmt]) -> list[ast.stmt]:
    return ahead[: ahead.index(loss_line)] if loss_line in ahead else statements


def _assignments(body: list[ast.stmt]) -> list[ast.Assign]:
    found = [s for s in body if isinstance(s, ast.Assign)]
    return found + [s for b in body if isinstance(b, ast.If) for s in b.body if isinstance(s, ast.Assign)]


def _is_loss(statement: ast.Assign) -> bool:
    target = statement.targets[0]
    if not isinstance(target, ast.Name) or not LOSS.match(target.id) or NO_LOSS.match(target.id):
        return False
    text = ast.unparse(statement.value)
    return any(word in text for word in ("mean", "sum", "loss", "cost", "mse", "entropy", "log", "average"))


def _output(ahead: list[ast.stmt], data: list[str], lesson: Lesson) -> str:
    """What the target is subtracted from, or is subtracted from it."""
    for statement in ahead:
        for node in ast.walk(statement):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
                sides = [side.id for side in (node.left, node.right) if isinstance(side, ast.Name)]
                others = [n for n in sides if n not in data]
                if len(sides) == 2 and len(others) == 1 and sides != others and data[-1] in sides:
                    return others[0]
    return ""


def _made(name: str, arguments: str, body: list[ast.stmt], result: str, lesson: Lesson) -> Function:
    lines = "\n".join(f"    {line}" for s in body for line in ast.unparse(s).splitlines())
    text = f"def {name}({arguments}):\n{lines}\n    return {result}\n"
    filename = f"<{name} of {lesson.name}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    names = lesson.names
    inside: dict[str, Any] = {}
    exec(compile(text, filename, "exec"), names, inside)
    return Function(name, inside[name])
