"""The same engine, faster: each function here takes the place of a readable one and gives the same bits.

    Arithmetic's operators, `_apply_one`   written out, for Values and floats; all else goes to `_apply`
    value.dot                              without asking each operand in turn what it is
    graph.walk                             on the slots of node.py, and without the stack where a chain runs straight
    reverse.sweep                          `step` written into the loop

Nothing has to be known of this file to understand the engine. With TINYGRAD_LITE_READABLE=1 in the
environment it is left out, and the same tests pass; what makes nodes here does so through `_made`,
which `modes.py` replaces while a mode is on.
"""

from __future__ import annotations

from operator import mul as times

from tinygrad_lite.engine import graph, ops, reverse, value
from tinygrad_lite.engine.domain import number
from tinygrad_lite.engine.node import ABSENT, Node
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.value import Value
from tinygrad_lite.hints import Any, Sequence

_new = Value.__new__


def _made(data: float, op: Op, a: Any, da: Any, b: Any = ABSENT, db: Any = None) -> Value:
    """`Value(data, "", op, (a, b), (da, db))`, without making the tuples."""
    node = _new(Value)
    node.data = data if data.__class__ is float else number(data)
    node.grad = 0.0
    node.label = ""
    node.op = op
    node._a = a
    node._da = da
    node._b = b
    node._db = db
    return node


class Operators(Value):
    """Methods that `install` copies to `Value`."""

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        if other.__class__ is Value:
            return _made(self.data + other.data, ops.add, self, 1.0, other, 1.0)
        if other.__class__ is float:
            return _made(self.data + other, ops.add, self, 1.0, other, None)
        return self._apply(ops.add, (self, other))

    def __radd__(self, other: Any) -> Any:
        if other.__class__ is float:
            return _made(other + self.data, ops.add, other, None, self, 1.0)
        return self._apply(ops.add, (other, self))

    def __sub__(self, other: Any) -> Any:
        if other.__class__ is Value:
            return _made(self.data - other.data, ops.sub, self, 1.0, other, -1.0)
        if other.__class__ is float:
            return _made(self.data - other, ops.sub, self, 1.0, other, None)
        return self._apply(ops.sub, (self, other))

    def __mul__(self, other: Any) -> Any:
        if other.__class__ is Value:
            x, y = self.data, other.data
            return _made(x * y, ops.mul, self, y, other, x)
        if other.__class__ is float:
            return _made(self.data * other, ops.mul, self, other, other, None)
        return self._apply(ops.mul, (self, other))

    def __rmul__(self, other: Any) -> Any:
        if other.__class__ is float:
            return _made(other * self.data, ops.mul, other, None, self, other)
        return self._apply(ops.mul, (other, self))

    def __truediv__(self, other: Any) -> Any:
        if other.__class__ is Value and other.data != 0.0:
            y = other.data
            out = self.data / y
            return _made(out, ops.div, self, 1.0 / y, other, -out / y)
        return self._apply(ops.div, (self, other))

    def __pow__(self, other: Any) -> Any:
        if other.__class__ is int and other != 0 and self.data != 0.0:
            x, n = self.data, other
            try:
                return _made(x**n, ops.pow, self, n * x ** (n - 1), float(n), None)
            except ArithmeticError:
                pass  # too large: _apply says so in full
        return self._apply(ops.pow, (self, other))

    def __neg__(self) -> Any:
        return _made(-self.data, ops.neg, self, -1.0)

    def _apply_one(self, op: Op) -> Any:
        """`_apply` for an op of one operand, which is self."""
        x = self.data
        try:
            out = op.forward(x)
            (derivative,) = op.partials(x, out)
        except (ValueError, ArithmeticError):
            return self._apply(op, (self,))  # which says what is wrong
        return _made(out, op, self, derivative)


_readable_dot = value.dot


def dot(ws: Sequence[Any], xs: Sequence[Any], b: Any = None) -> Any:
    n = len(ws)
    if not n or len(xs) != n or not isinstance(ws[0], Value):
        return _readable_dot(ws, xs, b)
    try:  # the common cases: Values as weights, all Values or all floats as inputs, a Value or nothing as bias
        weights = [w.data for w in ws]
        bare = set(map(type, xs)) == {float}
        inputs = xs if bare else [x.data for x in xs]
        out = sum(map(times, weights, inputs), 0.0 if b is None else b.data)
    except (AttributeError, TypeError):  # others, such as NumPy numbers, take the readable way
        return _readable_dot(ws, xs, b)
    if out.__class__ is not float:  # something else has `.data` too
        return _readable_dot(ws, xs, b)
    for_inputs = (None,) * n if bare else weights
    if b is None:
        return Value(out, "", ops.dot, (*ws, *xs), (*inputs, *for_inputs))
    return Value(out, "", ops.dot, (*ws, *xs, b), (*inputs, *for_inputs, 1.0))


def walk(roots: Sequence[Node], reset: bool = False) -> tuple[list[Any], list[Any]]:
    order: list[Any] = []
    leaves: list[Any] = []
    seen: set[Any] = set()
    todo: list[Any] = list(reversed(roots))
    while todo:
        node = todo.pop()
        if node is None:
            order.append(todo.pop())
            continue
        if node in seen:
            continue
        while True:  # visit the node, then at once one of its parents, and so on down
            seen.add(node)
            a = node._a
            if a is None:
                leaves.append(node)
                order.append(node)
                break
            if reset:
                node.grad = 0.0
            if a.__class__ is not tuple:
                b = node._b
                if a.__class__ is not float and a not in seen:
                    todo.append(node)
                    todo.append(None)
                    if b.__class__ is not float and b not in seen:
                        todo.append(b)
                    node = a
                elif b.__class__ is not float and b not in seen:
                    todo.append(node)
                    todo.append(None)
                    node = b
                else:
                    order.append(node)
                    break
            else:
                todo.append(node)
                todo.append(None)
                todo += [p for p in reversed(a) if p.__class__ is not float and p not in seen]
                break
    return order, leaves


def sweep(order: Sequence[Node]) -> None:
    for node in reversed(order):
        a = node._a
        if a is None:
            if node._da is not None:
                node.grad = node._da.hooked(node.grad)
            continue
        grad = node.grad
        if a.__class__ is not tuple:
            da, db = node._da, node._db
            if da is not None:
                a.grad += grad * da
            if db is not None:
                node._b.grad += grad * db
        else:
            local = node._da
            if local.__class__ is not tuple:
                grad = node.grad = local.hooked(grad)
            for parent, derivative in zip(a, local):  # noqa: B905  equal by construction
                if derivative is not None:
                    parent.grad += grad * derivative


def install() -> None:
    """Put the fast functions in the place of the readable ones, whose docstrings they keep."""
    for name, method in vars(Operators).items():
        if callable(method):
            setattr(Value, name, method)
    for module, function in ((value, dot), (graph, walk), (reverse, sweep)):
        function.__doc__ = getattr(module, function.__name__).__doc__
        setattr(module, function.__name__, function)
