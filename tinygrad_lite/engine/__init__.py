"""What a computation is. Read `value.py` first, then `node.py`, `op.py`, `ops/`, `graph.py` and `reverse.py`.

    value.py       a number that remembers how it was computed
    node.py        what a node remembers, and how little memory that takes
    op.py          what is known about one primitive; domain.py, which numbers it takes
    ops/           the table of ops, in files by family
    arithmetic.py  which Python operators and methods lead to which op
    graph.py       the graph behind a Value, as a list in topological order
    reverse.py     the chain rule, from a root back to the leaves

That is the engine. `fast.py` does the same quicker, and `_node.c` quicker still (its door is
`native.py`). Around it stand `numbered.py` (the graph with numbers for its nodes), `functions.py`
(functions of whole lists), `custom.py` (ops of your own), `kinks.py` (another derivative at a
corner), `origin.py` (where a 0 came from that an op refuses), `foreign.py` (numbers as other
libraries have them), `modes.py` (no_grad, detect_anomaly), `tracing.py` (which trace is being made), `keeping.py`
(pickle and copies), `small_stack.py` (freeing in a browser), `op_help.py` (what `help` says of an op),
and `promises.py`: every decision, with an example.

`from tinygrad_lite.engine import Value` is a drop-in for micrograd's engine.
"""

import os

from tinygrad_lite.engine import graph, native, reverse, small_stack, value
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.op import TABLE, Op
from tinygrad_lite.engine.value import Value

if native.node:
    native.install(graph, reverse, value)
elif not os.environ.get("TINYGRAD_LITE_READABLE"):
    from tinygrad_lite.engine import fast

    fast.install()

if small_stack.NEEDED:
    small_stack.install(Value)

from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.engine.value import dot
from tinygrad_lite.engine.value import total as sum

__all__ = ["TABLE", "Graph", "Op", "Value", "dot", "sum", "topological"]
