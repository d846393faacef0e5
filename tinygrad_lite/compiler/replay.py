"""`tg.replay`: a graph that is already recorded, as a compiled function.

In: the Value at its root. Out: a callable without arguments; the leaves are what it reads and whose `.grad` it fills.
"""

from __future__ import annotations

from typing import Any

from tinygrad_lite.compiler.compiled import CompiledFunction
from tinygrad_lite.compiler.ir.recording import Recording
from tinygrad_lite.compiler.passes.adjoint import differentiable
from tinygrad_lite.compiler.runtime.program import Program
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, user_line


def replay(loss: Value, *, backend: str | None = None) -> Any:
    """A recorded graph as a compiled function without arguments, which reads its leaves anew at each call.

    `fast()` is the root's value for the leaves' `.data` of now, `fast.backward()` also adds to their `.grad`.

    Args:
        loss: the result whose graph is replayed.
        backend: as for `tg.compile`; None for the fastest that is there.

    Raises:
        OperandError: loss is no Value.

    >>> from tinygrad_lite import Value
    >>> a = Value(3.0); fast = replay(a * a)
    >>> a.data = 4.0
    >>> fast(), fast.backward(), a.grad
    (16.0, 16.0, 8.0)
    """
    if not isinstance(loss, Value):
        raise OperandError(f"replay needs the Value at a graph's root, but got a {type(loss).__name__}{user_line()}.")
    return _Replayed(loss, backend)


class _Replayed(CompiledFunction):
    """A recorded graph; without compiling it is computed again node by node."""

    def __init__(self, root: Value, backend: str | None) -> None:
        super().__init__(lambda: _renewed(root), (), backend)
        self.root = root
        self.__name__ = "replay"
        self.settings = self.settings._replace(name="replay")

    def _trace(self, call: Any) -> Program:
        tape = Recording()
        trace = differentiable(tape)
        tape.outputs = [trace.value(self.root)]
        return Program(tape, tuple(trace.captured), self.settings)


def _renewed(root: Value) -> Value:
    """The same graph with the numbers of now, on the same leaves."""
    new: dict[Value, Any] = {}
    for node in topological(root):
        new[node] = (
            node.op(*[new.get(p, p) if isinstance(p, Value) else p for p in node.parents]) if node.parents else node
        )
    return new[root]  # type: ignore[no-any-return]
