"""Why backward goes through the nodes in topological order, shown by breaking it.

    print(tg.why_order())          # on two small diamonds
    print(tg.why_order(loss))      # on a graph of your own

A node may hand its gradient on only when every child has added its share. Two popular shortcuts skip the sorting: one
recurses along each edge at once, the other goes through the nodes breadth first. Here they are really run,
step by step beside the right order, and the first step that hands on an unfinished gradient is marked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError
from tinygrad_lite.formulas.naming import Names
from tinygrad_lite.formulas.notation import TEXT
from tinygrad_lite.report.text import Report, Table
from tinygrad_lite.views.derivation.chain import expression

MOST_STEPS = 20_000  # the recursive shortcut takes a step for every path, and there may be 2**100
SHOWN = 14


class Step(NamedTuple):
    """One share handed down one edge: from a node with `upstream` so far, to a parent that then has `total`."""

    node: Value
    parent: Value
    upstream: float
    local: float
    total: float


def sorted_order(root: Value) -> Iterator[Step]:
    """The right order: every node after all of its children."""
    gathered = dict.fromkeys(topological(root), 0.0)
    gathered[root] = 1.0
    for node in reversed(topological(root)):
        yield from _handed_on(node, gathered)


def recursive_order(root: Value) -> Iterator[Step]:
    """The shortcut without a sort: a parent that receives a share hands on all it has, at once, and so down."""
    gathered = dict.fromkeys(topological(root), 0.0)
    gathered[root] = 1.0
    todo = [_handed_on(root, gathered)]  # the stack that a recursion would keep
    while todo:
        step = next(todo[-1], None)
        if step is None:
            todo.pop()
        else:
            yield step
            todo.append(_handed_on(step.parent, gathered))


def breadth_order(root: Value) -> Iterator[Step]:
    """The shortcut with a queue: each node once, in the order in which it is first met from the root."""
    gathered = dict.fromkeys(topological(root), 0.0)
    gathered[root] = 1.0
    queue, met = deque([root]), {root}
    while queue:
        node = queue.popleft()
        for step in _handed_on(node, gathered):
            yield step
            if step.parent not in met:
                met.add(step.parent)
                queue.append(step.parent)


def _handed_on(node: Value, gathered: dict[Value, float]) -> Iterator[Step]:
    """What backward does at one node: each parent gets the gradient times the local derivative."""
    for parent, local in zip(node.parents, node.local, strict=True):
        if local is not None:
            upstream = gathered[node]
            gathered[parent] += upstream * local
            yield Step(node, parent, upstream, local, gathered[parent])


SHORTCUTS: dict[str, tuple[Callable[[Value], Iterator[Step]], str]] = {
    "recursive": (recursive_order, "Recursive: a parent that gets a share hands on, at once, all it has so far"),
    "breadth": (breadth_order, "Breadth first: each node once, in the order in which it is met from the root"),
}


class Replay:
    """One shortcut run on one graph.

    Attributes:
        steps: what was handed on, in order; at most 20,000 steps.
        finished: False if there were more steps than that.
        gradients: what each node ended with.
        first_wrong: the number of the first step that handed on an unfinished gradient, or None.
    """

    def __init__(self, root: Value, order: Callable[[Value], Iterator[Step]], right: dict[Value, float]) -> None:
        self.steps: list[Step] = []
        self.finished: bool = True
        self.gradients: dict[Value, float] = dict.fromkeys(right, 0.0)
        self.gradients[root] = 1.0
        self.first_wrong: int | None = None
        for i, step in enumerate(order(root)):
            if i == MOST_STEPS:
                self.finished = False
                break
            self.steps.append(step)
            self.gradients[step.parent] = step.total
            if self.first_wrong is None and not _close(step.upstream, right[step.node]):
                self.first_wrong = i
        self.wrong: list[Value] = [node for node in right if not _close(self.gradients[node], right[node])]


class OrderReport(Report):
    """What `why_order` gives: a report, with the numbers in `right` and `replays`.

    Attributes:
        right: d(root)/d(node) of every node, from the engine.
        replays: each shortcut's run, by name: "recursive" and "breadth".
        agree: True if both shortcuts happen to be right on this graph.
    """

    right: dict[Value, float]
    replays: dict[str, Replay]

    @property
    def agree(self) -> bool:
        return not any(replay.wrong for replay in self.replays.values())


def why_order(root: Value | None = None) -> OrderReport:
    """Run backward in the right order and in two popular wrong ones, and show where they part.

    Args:
        root: your own graph; without it, b = a + a, c = b + b, and a larger diamond.

    Raises:
        OperandError: root is no Value.

    >>> report = why_order()
    >>> replay = report.replays["recursive"]
    >>> {node.label: (replay.gradients[node], report.right[node]) for node in replay.wrong}
    {'a': (6.0, 4.0)}
    >>> replay.first_wrong                      # counted from 0: b handed on 1 when 2 were due
    1
    """
    if root is not None and not isinstance(root, Value):
        raise OperandError(f"why_order needs a Value, but got the {type(root).__name__} {root!r:.60}.")
    report = OrderReport("Why backward needs the topological order")
    report.replays = {}
    if root is not None:
        report.right = _act(report, root, list(SHORTCUTS))
        return report
    report.paragraph(
        "A node must not hand its gradient on before every node that uses it has added its share. Sorting the graph "
        "makes sure of that. Leaving the sort out looks simpler, and is right as long as no node is used twice."
    )
    report.heading("A small diamond")
    report.right = _act(report, _small(), ["recursive"])
    report.heading("A larger one, where a queue goes wrong too")
    _act(report, _large(), ["breadth"])
    return report


def _small() -> Value:
    a = Value(1.0, "a")
    b = a + a
    b.label = "b"
    c = b + b
    c.label = "c"
    return c


def _large() -> Value:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    d = a * b
    e = d + a
    f = e * b
    g = f + d
    for node, label in ((d, "d"), (e, "e"), (f, "f"), (g, "g")):
        node.label = label
    return g


def _act(report: OrderReport, root: Value, shortcuts: list[str]) -> dict[Value, float]:
    """One graph: what it computes, the right order, and each shortcut; gives the right gradients."""
    order = topological(root)
    names, right = Names(order), adjoints(root)
    inner = [node for node in order if node.parents]
    if len(inner) <= SHOWN:
        lines = [f"{names[node].text} = {TEXT.of(expression(node, names))} = {node.data:.6g}" for node in inner]
        report.code("\n".join(lines))
    report.table(_steps("In topological order, from the root back", list(sorted_order(root)), names, None))
    for key in shortcuts:
        run, title = SHORTCUTS[key]
        replay = report.replays[key] = Replay(root, run, right)
        report.table(_steps(title, replay.steps, names, replay.first_wrong))
        _verdict(report, replay, names, right)
    return right


def _steps(title: str, steps: list[Step], names: Names, wrong: int | None) -> Table:
    """The steps around the first wrong one, or the first steps."""
    middle = wrong or 0
    start = max(0, min(middle - SHOWN // 2, len(steps) - SHOWN))
    shown = list(enumerate(steps))[start : start + SHOWN]
    rows = [
        [i + 1, names[s.node].text, s.upstream, s.local, s.upstream * s.local, names[s.parent].text, s.total]
        for i, s in shown
    ]
    marks = ["wrong" if i == wrong else "" for i, _ in shown] if wrong is not None else []
    note = f"steps {start + 1} to {start + len(shown)} of {len(steps):,}" if len(shown) < len(steps) else ""
    columns = ["step", "from", "it has", "x local", "= share", "to", "which then has"]
    return Table(columns, rows, title=title, note=note, marks=marks)


def _verdict(report: OrderReport, replay: Replay, names: Names, right: dict[Value, float]) -> None:
    if not replay.finished:
        report.paragraph(f"Stopped after {MOST_STEPS:,} steps: this shortcut takes one step for every path.")
    if replay.first_wrong is not None:
        step = replay.steps[replay.first_wrong]
        report.paragraph(
            f"The two part at step {replay.first_wrong + 1}: {names[step.node].text} hands on {step.upstream:.6g}, but "
            f"its gradient is {right[step.node]:.6g}; other shares are still to come."
        )
    if not replay.wrong:
        report.paragraph("It ends with the right gradients here, though: on this graph the order does not matter.")
        return
    shown = replay.wrong[:SHOWN]
    rows = [[names[node].text, replay.gradients[node], right[node]] for node in shown]
    note = f"and {len(replay.wrong) - SHOWN:,} more" if len(replay.wrong) > SHOWN else ""
    title = "Where it ends wrong" if replay.finished else "Where it stands wrong"
    report.table(Table(["node", "shortcut", "right"], rows, title=title, note=note))


def _close(x: float, y: float) -> bool:
    return x == y or (x != x and y != y) or abs(x - y) <= 1e-9 * max(abs(x), abs(y))
