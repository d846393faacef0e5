"""The door to `_node.c`, where it was compiled: the node, its operators, the walk and the sweep, in C.

`node` is the module, or None, and then `node.py` and `fast.py` serve as they stand. Whether it was
compiled is decided at install; TINYGRAD_LITE_PURE=1 in the environment leaves it out, and so does
TINYGRAD_LITE_READABLE=1, which leaves out `fast.py` too. The results and the messages are the same. What may
differ is the last bit of a leaf's gradient where three or more shares arrive: they are added in the
order of making here, and in the order of the walk there.
"""

from __future__ import annotations

import gc
import os

from tinygrad_lite.hints import Any

node: Any = None

if not (os.environ.get("TINYGRAD_LITE_PURE") or os.environ.get("TINYGRAD_LITE_READABLE")):
    try:
        from tinygrad_lite.engine import _node as node  # type: ignore[attr-defined,no-redef]
    except ImportError:
        pass
    else:
        source: str = os.path.join(
            os.path.dirname(__file__), "_node.c"
        )  # in a checkout: perhaps newer than what was compiled
        if os.path.exists(source) and os.path.getmtime(source) > os.path.getmtime(node.__file__):
            node = None


def derive(readable: Any, *known: Any) -> Any:
    """The class with the fields and the operators of `_node.c`, and all other methods of the readable one.

    Args:
        readable: the class in Python.
        known: what C calls in Python: the ops, `number` and `Noted`.
    """
    if node is None:
        return readable
    value = node.derive(readable, *known, _one)
    value.__doc__, value.__signature__ = readable.__doc__, _Signature(readable)
    gc.callbacks.append(_collect)
    return value


def _one(op: Any, x: float) -> tuple[float, float]:
    """The number of an op of one operand, and its derivative."""
    out = op.forward(x)
    (derivative,) = op.partials(x, out)
    return out, derivative


def gradients(root: Any, leaves: Any) -> list[float] | None:
    """Of a root w.r.t. leaves, with every `.grad` left as it is; None where Python has to find them."""
    return None if node is None else node.gradients(root, tuple(leaves))


def _collect(phase: str, info: dict[str, int]) -> None:
    """Python's collector does not see nodes, so the node has its own for gradients with a history."""
    if phase == "start" and info["generation"] == 2:
        node.collect()


class _Signature:
    """What `inspect.signature(Value)` finds: that of the readable node."""

    def __init__(self, readable: Any) -> None:
        self.readable = readable

    def __get__(self, instance: Any, owner: Any) -> Any:
        import inspect

        whole = inspect.signature(self.readable.__init__)
        return whole.replace(parameters=list(whole.parameters.values())[1:])


def watch(on: bool) -> None:
    """While a mode is on, every node is made by `Value._apply`, so that the mode sees it."""
    if node is not None:
        node.watch(on)


def install(graph: Any, reverse: Any, value: Any) -> None:
    """Put the functions of `_node.c` in the place of the readable ones, in these modules of the engine."""
    readable_backward, readable_dot, readable_total = reverse.backward, value.dot, value.total
    plain_sweep = reverse.sweep

    def backward(root: Any, *, create_graph: bool = False) -> None:
        if create_graph or reverse.sweep is not plain_sweep or not node.backward(root):
            readable_backward(root, create_graph=create_graph)

    def dot(ws: Any, xs: Any, b: Any = None) -> Any:
        made = node.dot(ws, xs, b)
        if made is None and "ndarray" in (type(ws).__name__, type(xs).__name__):
            made = node.dot(*(v.tolist() if type(v).__name__ == "ndarray" else v for v in (ws, xs)), b)
        return readable_dot(ws, xs, b) if made is None else made

    def total(values: Any) -> Any:
        terms = tuple(values)
        made = node.sum(terms)
        return readable_total(terms) if made is None else made

    def walk(roots: Any, reset: bool = False) -> Any:
        return node.walk(tuple(roots), reset)

    replacing: tuple[tuple[Any, Any], ...] = ((reverse, backward), (value, dot), (value, total), (graph, walk))
    for module, function in replacing:
        readable: Any = getattr(module, function.__name__)
        function.__doc__, function.__module__ = readable.__doc__, readable.__module__
        function.__annotations__, function.__wrapped__ = readable.__annotations__, readable
        setattr(module, function.__name__, function)
