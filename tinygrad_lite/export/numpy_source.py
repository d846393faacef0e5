"""A recorded graph as a NumPy function, with its gradient, to be pasted anywhere.

    print(tg.to_numpy(loss))          # import numpy as np; def f(a, b): ... return value, {"a": ..., "b": ...}
    f = tg.to_numpy(loss).function    # the same, ready to be called
    value, derivatives = f(-4.0, 2.0)      # or with arrays, entry by entry

The leaves become arguments; bare numbers stay numbers. Unlike the graph, which remembers one forward pass, the
function chooses again at every kink: its derivatives come from the tape of the compiler, where a rule that
branches has become a choice (`np.where`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.compiler.passes.adjoint import gradient, tidied
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError
from tinygrad_lite.export.spelling import Source, Spelling, argument_names, as_tape, checked

NUMPY = Spelling("np", "numpy")


def to_numpy(root: Value, wrt: Sequence[Value] | None = None, *, name: str = "f") -> NumPySource:
    """A NumPy function of the leaves of a graph that gives its value and its derivatives.

    Args:
        root: the result.
        wrt: the leaves to differentiate with respect to; None for all.
        name: of the function.

    Raises:
        OperandError: root is no Value, wrt holds something that is no leaf of it, or the name is none.

    >>> from tinygrad_lite import tanh
    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> print(to_numpy(tanh(a * b)))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def f(a, b):
        v0 = a * b
        v1 = np.tanh(v0)
        v2 = v1 * v1
        ...
        return v1, {"a": v..., "b": v...}
    """
    checked(root, name, "to_numpy")
    return NumPySource(root, wrt, name)


class NumPySource(Source):
    """The function as text and, as `.function`, as something to call: it gives (value, {argument: derivative})."""

    def __init__(self, root: Value, wrt: Sequence[Value] | None, name: str) -> None:
        order = topological(root)
        leaves = [node for node in order if not node.parents]
        chosen = leaves if wrt is None else list(wrt)
        for x in chosen:
            if x not in leaves:
                raise OperandError(f"wrt needs leaves of this graph, but got {x!r:.60}.")
        names = argument_names(leaves, name)
        self.arguments = dict(zip(names, leaves, strict=True))
        self._name = name
        built = tidied(as_tape(root, order, self.arguments))
        given = dict(zip(leaves, built.inputs, strict=True))
        program = gradient(built, [given[x] for x in chosen], fast_math=True)
        lines = NUMPY.lines(program)
        value, *derivatives = [NUMPY.text(program, ref) for ref in program.outputs]
        named = [names[leaves.index(x)] for x in chosen]
        pairs = ", ".join(f'"{name}": {derivative}' for name, derivative in zip(named, derivatives, strict=True))
        head = ["import numpy as np"]
        if any("_erf" in line for line in lines):
            own = [f"_{word} = np.vectorize(math.{word})" for word in ("erf", "erfc")]  # NumPy has none
            head = ["import math", "", *head, "", *own]
        signature = f"def {name}({', '.join(names)}):"
        self.code = "\n".join([*head, "", "", signature, *lines, f"    return {value}, {{{pairs}}}"])

    @property
    def function(self) -> Callable[..., Any]:
        """The code, run in a namespace of its own."""
        space: dict[str, Any] = {}
        exec(compile(self.code, "<tg.to_numpy>", "exec"), space)  # our own text: labels only name its arguments
        return space[self._name]  # type: ignore[no-any-return]
