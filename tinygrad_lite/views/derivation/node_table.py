"""Every node of a graph in a table: its value, and how its gradient came together.

    print(tg.table(loss))

One line for each share of a node's gradient: the node that sent it, that node's own gradient (upstream), the local
derivative on the way, and their product. The shares of a node add up to its gradient.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints, require_fresh
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError
from tinygrad_lite.formulas.names import names_in
from tinygrad_lite.formulas.naming import Names
from tinygrad_lite.formulas.notation import Infix
from tinygrad_lite.report.table import Table
from tinygrad_lite.views.derivation.chain import expression

COLUMNS = ("node", "op", "computed as", "value", "from", "upstream", "local", "contribution", "gradient")
_OF_NODE = (0, 1, 2, 3, 8)  # the columns that are the same in every line of a node


def table(out: Value, *, most: int = 100, expand: bool = True, names: bool | Mapping[Value, str] = True) -> NodeTable:
    """All nodes behind `out`, from the leaves up, with the arithmetic of the backward pass.

    Args:
        out: the root; its own gradient is 1.
        most: longer tables show their two ends as text and HTML; `.csv()` and `.to_dict()` are always whole.
        expand: write a fused node in its elementary products and sums.
        names: True calls a Value without a label as the variable does that holds it here; a dict gives names.

    Raises:
        StaleGraphError: some `.data` was changed after the forward pass.

    >>> a = Value(2.0, "a")
    >>> b = a * a; b.label = "b"
    >>> print(table(b + a).text(width=100))
    node  op    computed as  value  from  upstream  local  contribution  gradient
    ----  ----  -----------  -----  ----  --------  -----  ------------  --------
    a     leaf                   2  b            1      2             2         5
                                    b            1      2             2
                                    y            1      1             1
    b     mul   a*a              4  y            1      1             1         1
    y     add   b + a            6                                            1
    """
    if not isinstance(out, Value):
        raise OperandError(f"table needs the Value that was computed, but got the {type(out).__name__} {out!r:.60}.")
    order = topological(out)
    require_fresh(order)
    called = names if isinstance(names, Mapping) else names_in(sys._getframe(1)) if names else {}
    known, gradients, notation = Names(order, called=called), adjoints(out), Infix()
    shares: dict[Value, list[tuple[Any, ...]]] = {node: [] for node in order}
    for child in order:
        for parent, derivative in zip(child.parents, child.local, strict=True):
            if derivative is not None:
                upstream = gradients[child]
                shares[parent].append((known[child].text, upstream, derivative, upstream * derivative))
    rows = []
    for node in order:
        formula = notation.of(expression(node, known, expand=expand)) if node.parents else ""
        for share in shares[node] or [(None, None, None, None)]:
            rows.append([known[node].text, node.op.name, formula, node.data, *share, gradients[node]])
    legend = "; ".join(f"{name} is labelled {label}" for name, label in known.legend()[:20])
    return NodeTable(rows, legend, most)


class NodeTable(Table):
    """The table of nodes: to look at, what belongs to one node stands once; as CSV, in every line."""

    def __init__(self, rows: list[list[Any]], note: str, most: int) -> None:
        self.full: Table = Table(COLUMNS, rows, note=note)
        shown = []
        for i, row in enumerate(rows):
            same = i > 0 and rows[i - 1][0] == row[0]
            shown.append([None if same and j in _OF_NODE else cell for j, cell in enumerate(row)])
        if len(shown) > most:
            left_out = len(shown) - most
            note = f"{left_out:,} lines in the middle are left out; .csv() has them all. {note}".strip()
            half = most // 2
            shown = [*shown[:half], [f"... {left_out:,} lines", *[None] * (len(COLUMNS) - 1)], *shown[-(most - half) :]]
        super().__init__(COLUMNS, shown, note=note)

    def csv(self) -> str:
        """Every line whole, numbers with all their digits."""
        return self.full.csv()

    def to_dict(self) -> dict[str, Any]:
        return self.full.to_dict()
