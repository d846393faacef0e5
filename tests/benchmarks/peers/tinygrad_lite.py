"""Our adapter for the peers' benchmark: rows `eager` and `eager-gcoff`."""

from peers._common import Ops, eager_rows, merge

IMPORT, DISTS = "tinygrad_lite", ("tinygrad_lite",)


class Eager(Ops):
    """The workload's own program on Values, one node an operator."""

    def __init__(self):
        from tinygrad_lite import Value

        self.params = lambda values: [Value(x) for x in values]
        self.tanh, self.relu, self.exp, self.log = Value.tanh, Value.relu, Value.exp, Value.log


class EagerWithoutCollector(Eager):
    note = "Python's cyclic GC off while timed"
    gc_off = True


def _renamed(rows, name):
    return {work: {name: row["eager"]} for work, row in rows.items()}


ROWS = merge(eager_rows(Eager), _renamed(eager_rows(EagerWithoutCollector), "eager-gcoff"))


def chain(n):
    """W6: (leaf constructor, backward, gradient of a leaf, value of a node)."""
    from tinygrad_lite import Value

    return Value, (lambda y: y.backward()), (lambda x: x.grad), lambda x: x.data
