"""What a node remembers, and how little memory that takes.

To everybody else a node has `parents` and `local`, two tuples of the same length. Nearly every
node has one or two operands, so these are kept in slots of the node itself and the tuples are
made when somebody asks. That halves a node's size, and it more than halves the objects that
Python's cyclic collector has to walk over, which is the first cost of building a graph.

    operands      _a                 _da                 _b        _db
    none          None               None                ABSENT    None
    one           the parent         its derivative      ABSENT    None
    two           the first          its derivative      second    its derivative
    more          tuple of parents   tuple of them       ABSENT    None

A node with notes (hooks, or the line of the program that made it) keeps whole tuples, and its
`local` is a `Noted` one.

This file is the seam of the engine. Where `_node.c` was compiled (see `native.py`), the fields lie in a
struct of C, and the methods below stand there a second time.
"""

from __future__ import annotations

from tinygrad_lite.engine import native, ops
from tinygrad_lite.engine.domain import is_foreign, number
from tinygrad_lite.engine.op import Op
from tinygrad_lite.hints import Any, Callable

ABSENT = float("nan")  # stands where there is no second operand; a float, so that walks pass it by as a constant


class Node:
    """The fields of a Value, and its comparisons: see there."""

    __slots__ = () if native.node else ("data", "grad", "label", "op", "_a", "_da", "_b", "_db")

    def __init__(
        self,
        data: float,
        label: str = "",
        op: Op = ops.leaf,
        parents: tuple[Any, ...] = (),
        local: tuple[Any, ...] = (),
        *,
        requires_grad: bool = True,
    ) -> None:
        self.data: float = data if data.__class__ is float else number(data)
        self.grad: Any = 0.0
        self.label = label
        self.op: Op = op if requires_grad else ops.constant
        self._a: Any = None
        self._da: Any = None
        self._b: Any = ABSENT
        self._db: Any = None
        if parents:
            self.link(parents)
            self.local = local

    @property
    def parents(self) -> tuple[Any, ...]:
        """The operands in order: Values, or bare floats for constants."""
        a = self._a
        if a is None:
            return ()
        if a.__class__ is tuple:
            return a
        return (a,) if self._b is ABSENT else (a, self._b)

    def link(self, parents: tuple[Any, ...]) -> None:
        """Set the operands of a new node; nobody sets them afterwards, so no node can be behind itself."""
        self._b = ABSENT
        if len(parents) == 2:
            self._a, self._b = parents
        elif len(parents) == 1:
            (self._a,) = parents
        else:
            self._a = parents or None

    @property
    def local(self) -> tuple[Any, ...]:
        """The local derivative w.r.t. each operand, None for a bare float."""
        a = self._a
        if a is None:
            return ()
        if a.__class__ is tuple:
            return self._da  # type: ignore[no-any-return]
        return (self._da,) if self._b is ABSENT else (self._da, self._db)

    @local.setter
    def local(self, local: tuple[Any, ...]) -> None:
        self._da = self._db = None
        if self._a.__class__ is tuple:
            self._da = local
        elif self._b is not ABSENT:
            self._da, self._db = local
        elif self._a is not None:
            (self._da,) = local

    @property
    def notes(self) -> Noted | None:
        """Hooks, and the line of the program that made this node; None of nearly every node."""
        return self._da if self._da.__class__ is Noted else None

    def with_notes(self) -> Noted:
        """The notes of this node, begun now if there are none."""
        if self._da.__class__ is not Noted:
            parents, notes = self.parents, Noted(self.local)
            self._a, self._da, self._b, self._db = parents or None, notes, ABSENT, None
        return self._da

    # ------------------------------------------------------------------ comparisons: of the data; a NaN compares False

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


class Noted(tuple[Any, ...]):
    """Local derivatives, and what else is known about their node."""

    where: str = ""  # the line of the user's program that made the node, if it was watched
    hooks: tuple[Callable[[Any], Any], ...] = ()  # each sees the node's gradient and may replace it

    def hooked(self, grad: Any) -> Any:
        """The gradient that the hooks make of this one."""
        for hook in self.hooks:
            replaced = hook(grad)
            grad = grad if replaced is None else replaced
        return grad


def _compare(holds: Callable[[float, float], bool], x: Node, y: Any) -> Any:
    other = y.data if isinstance(y, Node) else y if y.__class__ is float else None
    if other is None:
        if is_foreign(y):
            return NotImplemented
        other = number(y, "a comparison")
    return holds(x.data, other)
