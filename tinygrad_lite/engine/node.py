"""What a node remembers, and how little room that takes.

To everybody else a node has `parents` and `local`, two tuples of the same length. Nearly every
node has one or two operands, so these are kept in slots of the node itself and the tuples are
made when somebody asks. That halves a node's size, and it more than halves the objects that
Python's cyclic collector has to walk over, which is the first cost of building a graph.

    operands      _a                 _da                 _b        _db
    none          None               None                ABSENT    None
    one           the parent         its derivative      ABSENT    None
    two           the first          its derivative      second    its derivative
    more          tuple of parents   tuple of them       ABSENT    None
"""

from __future__ import annotations

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.engine.domain import number
from tinygrad_lite.engine.op import Op
from tinygrad_lite.hints import Any

ABSENT = float("nan")  # stands where there is no second operand; a float, so that walks pass it by as a constant


class Node(Arithmetic):
    """The fields of a Value: see there."""

    __slots__ = ("data", "grad", "label", "op", "_a", "_da", "_b", "_db")

    def __init__(
        self,
        data: float,
        label: str = "",
        op: Op = ops.leaf,
        parents: tuple[Any, ...] = (),
        local: tuple[Any, ...] = (),
    ) -> None:
        self.data: float = data if data.__class__ is float else number(data)
        self.grad: Any = 0.0
        self.label = label
        self.op = op
        self._a: Any = None
        self._da: Any = None
        self._b: Any = ABSENT
        self._db: Any = None
        if parents:
            self.parents = parents
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

    @parents.setter
    def parents(self, parents: tuple[Any, ...]) -> None:
        self._b = ABSENT
        if len(parents) == 2:
            self._a, self._b = parents
        elif len(parents) == 1:
            (self._a,) = parents
        else:
            self._a = parents or None

    @property
    def local(self) -> tuple[Any, ...]:
        """The local derivative along each operand, None along a bare float."""
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
