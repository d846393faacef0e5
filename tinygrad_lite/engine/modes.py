"""Two switches, each for the thread and the `with` block that asks for it.

    with tg.no_grad():          # results are bare leaves: nothing is remembered
    with tg.detect_anomaly():   # stop at the first op that makes a NaN or an infinity

While no switch is on anywhere they cost nothing: the engine does not ask for them. Turning the
first one on puts watching versions in the place of what makes a Value and of the sweep of
`backward`; turning the last one off takes them away again. The watching versions look at
`contextvars`, so a thread that did not ask sees no difference but a little time.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from tinygrad_lite.engine import fast, native, ops, reverse
from tinygrad_lite.engine.domain import operand_names
from tinygrad_lite.engine.node import ABSENT, Node
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import AnomalyError, user_line

P = ParamSpec("P")
R = TypeVar("R")

_FORGETTING: ContextVar[bool] = ContextVar("no_grad", default=False)
_WATCHING: ContextVar[bool] = ContextVar("detect_anomaly", default=False)

_plain_init = Value.__init__
_plain_made = fast._made
_plain_sweep = reverse.sweep
_lock = threading.Lock()
_blocks_open = 0


class _Switch:
    """A `with` block, or a decorator, inside which one of the switches is on."""

    def __init__(self, switch: ContextVar[bool]) -> None:
        self._switch = switch
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> None:
        self._tokens.append(self._switch.set(True))
        _count(+1)

    def __exit__(self, *reason: object) -> None:
        _count(-1)
        self._switch.reset(self._tokens.pop())

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def inside(*args: P.args, **keywords: P.kwargs) -> R:
            with _Switch(self._switch):
                return function(*args, **keywords)

        return inside


def no_grad() -> _Switch:
    """A `with` block, or a decorator, in which results remember nothing: quicker, and they hold no graph alive.

    Derivatives asked for inside have nothing to follow. Other threads are not touched. Raises nothing of its own.

    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.parents
    (9.0, ())
    """
    return _Switch(_FORGETTING)


@contextmanager
def remembering() -> Iterator[None]:
    """A `with` block, or a decorator, in which results remember how they were made, also inside `no_grad`.

    For what needs a graph of its own whoever calls it, as a compiled function does that compares its gradient.

    >>> x = Value(3.0)
    >>> with no_grad(), remembering():
    ...     y = x * x
    >>> y.parents
    (Value(data=3.0, grad=0.0), Value(data=3.0, grad=0.0))
    """
    token = _FORGETTING.set(False)
    try:
        yield
    finally:
        _FORGETTING.reset(token)


def detect_anomaly() -> _Switch:
    """A `with` block, or a decorator, that stops at the first op whose result or gradient is NaN or infinite.

    The AnomalyError names the op, its operands with their labels, and the line of your program
    that made the node. Leaves keep the gradients they had. Other threads are not touched.

    Raises:
        AnomalyError: inside the block, at the op that made a NaN or an infinity.

    >>> big = Value(1e200, label="big")
    >>> with detect_anomaly():
    ...     y = big * big
    Traceback (most recent call last):
    ...
    tinygrad_lite.errors.AnomalyError: mul made inf from x = 1e+200 (labelled 'big'), y = 1e+200 (labelled 'big')...
    """
    return _Switch(_WATCHING)


def _count(change: int) -> None:
    """Put the watching versions in place with the first open block; take them away with the last."""
    global _blocks_open
    with _lock:
        before, _blocks_open = _blocks_open, _blocks_open + change
        if before == 0:
            Value.__init__ = _watching_init  # type: ignore[method-assign,assignment]
            fast._made = _watching_made
            reverse.sweep = _watching_sweep
            native.watch(True)
        elif _blocks_open == 0:
            Value.__init__ = _plain_init  # type: ignore[method-assign]
            fast._made = _plain_made
            reverse.sweep = _plain_sweep
            native.watch(False)


def _watching_init(
    self: Value,
    data: float,
    label: str = "",
    op: Op = ops.leaf,
    parents: tuple[Any, ...] = (),
    local: tuple[Any, ...] = (),
    *,
    requires_grad: bool = True,
) -> None:
    where = ""
    if parents and _WATCHING.get():
        where = user_line()
        if not math.isfinite(data):
            raise AnomalyError(
                f"{op.name} made {data!r} from {_operands(parents)}{where}.\n"
                f"  {_advice([p if p.__class__ is float else p.data for p in parents])}"
            )
    if _FORGETTING.get():
        op, parents, local = (op if op is ops.constant else ops.leaf), (), ()
    _plain_init(self, data, label, op, parents, local, requires_grad=requires_grad)
    if where and parents:
        self.with_notes().where = where


def _watching_made(data: float, op: Op, a: Any, da: Any, b: Any = ABSENT, db: Any = None) -> Value:
    return Value(data, "", op, *(((a,), (da,)) if b is ABSENT else ((a, b), (da, db))))


def _watching_sweep(order: Sequence[Node]) -> None:
    if not _WATCHING.get():
        return _plain_sweep(order)
    for node in reversed(order):
        if node.notes is not None:
            node.grad = node.notes.hooked(node.grad)
        for i, (parent, derivative) in enumerate(zip(node.parents, node.local, strict=True)):
            if derivative is None:
                continue
            parent.grad += node.grad * derivative
            if not math.isfinite(parent.grad):
                name = operand_names(len(node.parents))[i]
                raise AnomalyError(
                    f"going back through {node.op.name}, the gradient w.r.t. {name} became {parent.grad!r}: the "
                    f"upstream gradient is {node.grad!r}, and the local derivative {derivative!r} at "
                    f"{_operands(node.parents)}{node.notes.where if node.notes is not None else ''}.\n"
                    f"  {_advice([node.grad, derivative])}"
                )
    return None


def _operands(parents: Sequence[Any]) -> str:
    """The operands with their names, numbers and labels; of many, the first few."""
    shown = []
    for name, parent in list(zip(operand_names(len(parents)), parents, strict=True))[:6]:
        number = parent if parent.__class__ is float else parent.data
        label = "" if parent.__class__ is float or not parent.label else f" (labelled {parent.label!r})"
        shown.append(f"{name} = {number!r}{label}")
    return ", ".join(shown) + (f" and {len(parents) - 6} more" if len(parents) > 6 else "")


def _advice(came_in: Sequence[float]) -> str:
    if all(map(math.isfinite, came_in)):
        return "Everything that came in was finite, so this is where it began."
    return "Something that came in was not finite already: look at where that number was computed or given as input."
