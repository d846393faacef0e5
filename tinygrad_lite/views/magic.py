"""`%%backprop`: a notebook cell that is run, and then seen: the graph of its last value, its table and its player.

%load_ext tinygrad_lite

%%backprop
a, b = Value(2.0, label="a"), Value(-3.0, label="b")
tanh(a * b + b)
"""

from __future__ import annotations

from typing import Any

from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError


def load_ipython_extension(ipython: Any) -> None:
    """Give the notebook the cell magic `%%backprop`."""

    def backprop(line: str, cell: str) -> None:
        """Run the cell, go backward from its last value, and show its graph, its table and its player."""
        outcome = ipython.run_cell(cell)
        if not outcome.success:
            return
        from IPython.display import display

        for view in views_of(outcome.result):
            display(view)

    ipython.register_magic_function(backprop, "cell", "backprop")


def views_of(root: Any) -> tuple[Any, Any, Any]:
    """The picture, the table and the player of a value, after a backward pass that begins with gradients of 0.

    Raises:
        OperandError: the cell's last line is not a Value.
    """
    from tinygrad_lite.engine.graph import topological
    from tinygrad_lite.views.derivation.node_table import table
    from tinygrad_lite.views.picture.draw import draw
    from tinygrad_lite.views.player.player import animate

    if not isinstance(root, Value):
        raise OperandError(
            f"%%backprop shows the Value in a cell's last line, but that is the {type(root).__name__} {root!r:.60}.\n"
            "  Let the cell end with the result of the computation, such as a line with `loss` alone."
        )
    for node in topological(root):
        node.grad = 0.0
    root.backward()
    return draw(root), table(root), animate(root)
