"""A number that remembers how it was computed.

    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    y = a * b          # y.data = 6.0, y.op = mul, y.parents = (a, b), y.local = (3.0, 2.0)
    y.backward()       # a.grad = 3.0, b.grad = 2.0

`parents` are the operands in the order they were written: Values, or bare floats for the
constants in a program. `local` are the local derivatives d(out)/d(parent), as numbers; w.r.t. a
constant there is none, so its place holds None. That is all a node remembers, and all that
`backward` needs; `node.py` says how it is kept. Since a node only points back at what existed
before it, there are no cycles, and a graph that nobody holds is freed at once.

Every operator and function goes through `_apply`. `fast.py` replaces the commonest ones by the
same thing written out for speed; a test holds both equal, bit for bit.
"""

from __future__ import annotations

from tinygrad_lite.engine import native, ops, reverse
from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.engine.node import Node, Noted
from tinygrad_lite.engine.op import Op, is_foreign, number
from tinygrad_lite.errors import OperandError, ShapeError, user_line
from tinygrad_lite.hints import Any, Callable, Iterable, Sequence


class Value(Node, Arithmetic):
    """A real number, its gradient, and how it was made.

    Args:
        data: the number; ints, bools and NumPy scalars become a float.
        label: the name that pictures, explanations and errors use.
        requires_grad: False makes a constant, whose gradient stays 0.

    Attributes:
        data: the number; may be assigned between passes, which is how one trains.
        grad: d(root)/d(self) after `root.backward()`; leaves add up over calls.
        op: the op that made it; `ops.leaf` if it was given as input.
        parents: its operands in order, Values or bare floats; duplicates are kept.
        local: the local derivative w.r.t. each operand, None for a bare float.

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
        """Compute op on the operands and remember it: what every operator and function does."""
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
            derivatives = op.partials(*numbers, out)
        except (ValueError, ArithmeticError) as reason:
            from tinygrad_lite.engine.origin import origin

            story = next(filter(None, (origin(p) for p in parents if p.__class__ is not float)), "")
            raise op.refusal(numbers, reason, [getattr(p, "label", "") for p in parents], story) from None
        local = tuple([None if p.__class__ is float else d for p, d in zip(parents, derivatives, strict=True)])
        return Value(out, "", op, tuple(parents), local)

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
        >>> derivative, x.grad = x.grad, 0.0
        >>> derivative.backward()                  # the second derivative, 6x
        >>> derivative.data, x.grad
        (12.0, 12.0)
        """
        reverse.backward(self, create_graph=create_graph)

    def _backward(self) -> None:
        """One step of the chain rule, at this node alone: hand its `grad` on to its parents, as micrograd does.

        >>> a = Value(2.0); b = a * 3.0; b.grad = 1.0; b._backward(); a.grad
        3.0
        """
        reverse.step(self)

    def register_hook(self, hook: Callable[[Any], Any]) -> Callable[[], None]:
        """Call `hook(gradient)` in each backward pass, when this node's gradient is complete.

        What the hook returns replaces the gradient, for this node and for all that stands before it; None
        leaves it as it is. A leaf's hook sees what this pass adds. Several hooks run in the order of registration.

        Returns:
            a function that takes the hook away again.

        >>> x = Value(2.0); y = x * x
        >>> remove = y.register_hook(lambda gradient: 10.0 * gradient)
        >>> (y + 1.0).backward(); x.grad
        40.0
        """
        notes = self.with_notes()
        notes.hooks += (hook,)

        def remove() -> None:
            notes.hooks = tuple(other for other in notes.hooks if other is not hook)

        return remove

    @property
    def requires_grad(self) -> bool:
        """False of a constant, whose gradient stays 0. May be assigned to leaves, to freeze a parameter.

        Raises:
            OperandError: assigned to a node that was computed: `detach()` gives a constant with its number.
        """
        return self.op is not ops.constant

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self.parents:
            raise OperandError(
                f"requires_grad can be set on a leaf only, but this node was made by {self.op.name}{user_line()}.\n"
                "  Use node.detach() for a constant with the same number."
            )
        self.op: Op = ops.leaf if wanted else ops.constant

    def detach(self) -> Value:
        """A constant with this number, cut off from what is behind it: no gradient passes through.

        >>> x = Value(3.0); y = x * x.detach(); y.backward(); x.grad
        3.0
        """
        return Value(self.data, self.label, requires_grad=False)

    def item(self) -> float:
        """The number alone, as `.data`; PyTorch's word."""
        return self.data

    # ------------------------------------------------------------------ being a number

    def __float__(self) -> float:
        raise OperandError(
            f"float(Value) would cut the graph silently{user_line()}.\n"
            "  Use tg.exp(v) and the like instead of math.exp(v) to stay in the graph, or v.data for the bare number.\n"
            "  An array that Values are put into is np.zeros(n, dtype=object), or made by tg.array."
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


if native.node:
    Value = native.derive(Value, ops, number, Noted)  # type: ignore[misc]


def total(values: Iterable[Any]) -> Any:
    """The sum of Values as one node with many parents; of bare numbers, a float.

    Args:
        values: numbers and Values, any number of them; of none the sum is 0.0.

    Raises:
        OperandError: something in values is no real number.

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
    if len(xs) != len(ws):
        raise ShapeError(
            f"dot needs as many weights as inputs, but got {len(ws)} weights and {len(xs)} inputs{user_line()}."
        )
    return ops.dot(*ws, *xs) if b is None else ops.dot(*ws, *xs, b)
