"""A number that remembers how it was computed.

    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    y = a * b          # y.data = 6.0, y.op = mul, y.parents = (a, b), y.local = (3.0, 2.0)
    y.backward()       # a.grad = 3.0, b.grad = 2.0

`parents` are the operands in the order they were written: Values, or bare floats for the
constants in a program. `local` are the local derivatives d(out)/d(parent), as numbers; along a
constant there is none, so its place holds None. That is all a node remembers, and all that
`backward` needs; `node.py` says how it is kept. Since a node only points back at what existed
before it, there are no cycles, and a graph that nobody holds is freed at once.

The operators + - * / and ** by a number are written out for speed; every other op goes through
`_apply`, which is the readable form of the same thing. A test holds both equal.
"""

from __future__ import annotations

from operator import mul as times

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.node import ABSENT, Node
from tinygrad_lite.engine.op import Op, is_foreign, number
from tinygrad_lite.engine.reverse import backward
from tinygrad_lite.errors import OperandError, ShapeError, user_line
from tinygrad_lite.hints import Any, Iterable, Sequence


class Value(Node):
    """A real number, its gradient, and how it was made.

    Args:
        data: the number; ints, bools and NumPy scalars become a float.
        label: the name that pictures, explanations and errors use.

    Attributes:
        data: the number; may be assigned between passes, which is how one trains.
        grad: d(root)/d(self) after `root.backward()`; leaves add up over calls.
        op: the row of the table that made it; `ops.leaf` if it was put in.
        parents: its operands in order, Values or bare floats; duplicates are kept.
        local: the local derivative along each operand, None along a bare float.

    Raises:
        OperandError: data is not one real number (a TypeError).

    >>> x = Value(3.0, label="x")
    >>> y = x * x + 1
    >>> y.backward()
    >>> y.data, x.grad
    (10.0, 6.0)
    """

    __slots__ = ()

    # ------------------------------------------------------------------ recording

    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Any:
        """Compute op on the operands and remember it: the readable form of every operator below."""
        if op.arity is not None and len(operands) != op.arity:
            operands = op.complete(operands)
        parents: list[Any] = []
        numbers: list[float] = []
        for operand in operands:
            if isinstance(operand, Value):
                parents.append(operand)
                numbers.append(operand.data)
            elif operand.__class__ is not float and is_foreign(operand):
                return NotImplemented  # perhaps the other operand knows how, as a NumPy array does
            else:
                parents.append(number(operand, op.name))
                numbers.append(parents[-1])
        try:
            out = op.forward(*numbers)
            slopes = op.partials(*numbers, out)
        except (ValueError, ArithmeticError) as reason:
            raise op.refusal(numbers, reason, [getattr(p, "label", "") for p in parents]) from None
        local = tuple([None if p.__class__ is float else d for p, d in zip(parents, slopes, strict=True)])
        return Value(out, "", op, tuple(parents), local)

    def __add__(self, other: Any) -> Value:
        if other.__class__ is Value:
            return _made(self.data + other.data, ops.add, self, 1.0, other, 1.0)
        if other.__class__ is float:
            return _made(self.data + other, ops.add, self, 1.0, other, None)
        return self._apply(ops.add, (self, other))  # type: ignore[no-any-return]

    def __radd__(self, other: Any) -> Value:
        if other.__class__ is float:
            return _made(other + self.data, ops.add, other, None, self, 1.0)
        return self._apply(ops.add, (other, self))  # type: ignore[no-any-return]

    def __sub__(self, other: Any) -> Value:
        if other.__class__ is Value:
            return _made(self.data - other.data, ops.sub, self, 1.0, other, -1.0)
        if other.__class__ is float:
            return _made(self.data - other, ops.sub, self, 1.0, other, None)
        return self._apply(ops.sub, (self, other))  # type: ignore[no-any-return]

    def __mul__(self, other: Any) -> Value:
        if other.__class__ is Value:
            x, y = self.data, other.data
            return _made(x * y, ops.mul, self, y, other, x)
        if other.__class__ is float:
            return _made(self.data * other, ops.mul, self, other, other, None)
        return self._apply(ops.mul, (self, other))  # type: ignore[no-any-return]

    def __rmul__(self, other: Any) -> Value:
        if other.__class__ is float:
            return _made(other * self.data, ops.mul, other, None, self, other)
        return self._apply(ops.mul, (other, self))  # type: ignore[no-any-return]

    def __truediv__(self, other: Any) -> Value:
        if other.__class__ is Value and other.data != 0.0:
            y = other.data
            out = self.data / y
            return _made(out, ops.div, self, 1.0 / y, other, -out / y)
        return self._apply(ops.div, (self, other))  # type: ignore[no-any-return]

    def __pow__(self, other: Any) -> Value:
        if other.__class__ is int and other != 0 and self.data != 0.0:
            x, n = self.data, other
            try:
                return _made(x**n, ops.pow, self, n * x ** (n - 1), float(n), None)
            except ArithmeticError:
                pass  # too large: _apply says so in full
        return self._apply(ops.pow, (self, other))  # type: ignore[no-any-return]

    def __neg__(self) -> Value:
        return _made(-self.data, ops.neg, self, -1.0)

    def _apply_one(self, op: Op) -> Value:
        """`_apply` for a row of one operand, which is self."""
        x = self.data
        try:
            out = op.forward(x)
            (slope,) = op.partials(x, out)
        except (ValueError, ArithmeticError):
            return self._apply(op, (self,))  # type: ignore[no-any-return]  # which says what is wrong
        return _made(out, op, self, slope)

    # ------------------------------------------------------------------ going back

    def backward(self, *, create_graph: bool = False) -> None:
        """Set the gradient of every node behind self, by the chain rule from self back to the leaves.

        The gradients of inner nodes are set anew; those of leaves are *added* to what is there, so
        that several losses add up (`p.grad = 0.0` begins afresh). An interruption leaves all
        leaves as they were.

        Args:
            create_graph: make the gradients of leaves Values with a history of their own, which can
                be differentiated again; inner nodes get the numbers. Such a gradient refers to its
                leaf, and the leaf to it: assign `leaf.grad = 0.0` when done, or use `tg.grad`.

        >>> x = Value(2.0)
        >>> (x**3).backward(create_graph=True)
        >>> slope, x.grad = x.grad, 0.0
        >>> slope.backward()                       # the second derivative, 6x
        >>> slope.data, x.grad
        (12.0, 12.0)
        """
        backward(self, create_graph=create_graph)

    # ------------------------------------------------------------------ being a number

    def __lt__(self, other: Any) -> Any:
        return _compare(float.__lt__, self, other)

    def __le__(self, other: Any) -> Any:
        return _compare(float.__le__, self, other)

    def __gt__(self, other: Any) -> Any:
        return _compare(float.__gt__, self, other)

    def __ge__(self, other: Any) -> Any:
        return _compare(float.__ge__, self, other)

    def __bool__(self) -> bool:
        return self.data != 0.0

    def __float__(self) -> float:
        raise OperandError(
            f"float(Value) would cut the graph silently{user_line()}.\n"
            "  Use tg.exp(v) and the like instead of math.exp(v) to stay in the graph, or v.data for the bare number."
        )

    __int__ = __float__
    __complex__ = __float__

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else str(self)

    def __repr__(self) -> str:
        name = f", label={self.label!r}" if self.label else ""
        grad = self.grad.data if isinstance(self.grad, Value) else self.grad
        return f"Value(data={self.data!r}, grad={grad!r}{name})"

    # ------------------------------------------------------------------ being kept: see keeping.py

    def __reduce_ex__(self, protocol: Any) -> Any:
        from tinygrad_lite.engine.keeping import reduce

        return reduce(self)

    def __copy__(self) -> Any:
        from tinygrad_lite.engine.keeping import shallow_copied

        return shallow_copied(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        from tinygrad_lite.engine.keeping import deep_copied

        return deep_copied(self, memo)

    # ------------------------------------------------------------------ micrograd's names

    @property
    def _prev(self) -> set[Value]:
        """The operands as a set of Values, as micrograd keeps them; bare numbers come as new leaves."""
        return {p if isinstance(p, Value) else Value(p, "", ops.constant) for p in self.parents}

    @property
    def _op(self) -> str:
        """The symbol of the op, as micrograd writes it; empty for a leaf."""
        if self.op is ops.pow and self.parents[1].__class__ is float:
            return f"**{self.parents[1]:g}"
        return self.op.symbol


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


def _compare(holds: Any, x: Value, y: Any) -> Any:
    """Compare the data; a NaN compares False."""
    other = y.data if isinstance(y, Value) else y if y.__class__ is float else None
    if other is None:
        if is_foreign(y):
            return NotImplemented
        other = number(y, "a comparison")
    return holds(x.data, other)


def total(values: Iterable[Any]) -> Any:
    """The sum of Values as one node with many parents; of bare numbers, a float.

    >>> total([Value(1.0), Value(2.0), 3.0]).data
    6.0
    """
    terms = tuple(values)
    return ops.sum(*terms) if terms else 0.0


def dot(ws: Sequence[Any], xs: Sequence[Any], b: Any = None) -> Any:
    """w1*x1 + w2*x2 + ... + b as one node with 2n+1 parents, where elementary operators would make 2n nodes.

    Args:
        ws, xs: n numbers or Values each.
        b: a bias, or None.

    Raises:
        ShapeError: ws and xs differ in length.

    >>> w = [Value(1.0), Value(2.0)]
    >>> y = dot(w, [10.0, 20.0], Value(5.0))
    >>> y.backward()
    >>> y.data, w[1].grad
    (55.0, 20.0)
    """
    n = len(ws)
    if len(xs) != n:
        raise ShapeError(f"dot needs as many weights as inputs, but got {n} weights and {len(xs)} inputs{user_line()}.")
    if n and not isinstance(ws[0], Value):
        return ops.dot(*ws, *xs) if b is None else ops.dot(*ws, *xs, b)
    try:  # the common cases: Values as weights, all Values or all floats as inputs, a Value or nothing as bias
        weights = [w.data for w in ws]
        bare = set(map(type, xs)) == {float}
        inputs = xs if bare else [x.data for x in xs]
        out = sum(map(times, weights, inputs), 0.0 if b is None else b.data)
    except (AttributeError, TypeError):  # others, such as NumPy numbers, take the readable way
        return ops.dot(*ws, *xs) if b is None else ops.dot(*ws, *xs, b)
    along_inputs = (None,) * n if bare else weights
    if b is None:
        return Value(out, "", ops.dot, (*ws, *xs), (*inputs, *along_inputs))
    return Value(out, "", ops.dot, (*ws, *xs, b), (*inputs, *along_inputs, 1.0))
