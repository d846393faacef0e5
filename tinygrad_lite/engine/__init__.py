"""What a computation is. Read `value.py` first, then `op.py` and `ops/`, then `graph.py` and `reverse.py`.

    value.py       a number that remembers how it was computed
    node.py        what a node remembers, and how little room that takes
    op.py          what is known about one primitive; domain.py, which numbers it takes
    ops/           the table: one row a primitive
    arithmetic.py  which Python operators and methods lead to which row
    graph.py       the graph behind a Value, as a list in topological order
    reverse.py     the chain rule, from a root back to the leaves

That is the engine. Around it stand `functions.py` (functions of whole lists), `custom.py` (rows of
your own), `modes.py` (no_grad, detect_anomaly), `keeping.py`
(pickle and copies), and `promises.py`: every decision, with an example.

`from tinygrad_lite.engine import Value` is a drop-in for micrograd's engine.
"""

from tinygrad_lite.engine.graph import Graph, topological
from tinygrad_lite.engine.op import TABLE, Op
from tinygrad_lite.engine.value import Value, dot
from tinygrad_lite.engine.value import total as sum

__all__ = ["TABLE", "Graph", "Op", "Value", "dot", "sum", "topological"]
