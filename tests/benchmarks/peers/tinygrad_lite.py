"""Our adapter for the peers' benchmark: rows `eager`, `fused`, and both with Python's collector off.

`eager` runs the workload's own program, one node an operator. `fused` writes the same sums with
`tg.dot`, `tg.sum` and `tg.logsumexp`, as a user of `nn` gets them: one node a weighted sum.
"""

import math
from itertools import pairwise

from peers._common import Ops, _eager, eager_rows, merge

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


def _layers(p, sizes):
    """A flat list of numbers as layers of (weights, bias)."""
    k, layers = 0, []
    for n_in, n_out in pairwise(sizes):
        biases = k + n_in * n_out
        layers.append([(p[k + j * n_in : k + (j + 1) * n_in], p[biases + j]) for j in range(n_out)])
        k = biases + n_out
    return layers


def _moons(w):
    """W2: the hinge loss of a 2-16-16-1 network, and the squares of all parameters."""
    import tinygrad_lite as tg

    X, y = w.X.tolist(), w.y.tolist()

    def program(p):
        first, second, [(last, bias)] = _layers(p, w.SIZES)
        losses = []
        for x, target in zip(X, y, strict=True):
            h = [tg.dot(row, x, b).relu() for row, b in first]
            h = [tg.dot(row, h, b).relu() for row, b in second]
            losses.append((1.0 - target * tg.dot(last, h, bias)).relu())
        return (1.0 / w.n) * tg.sum(losses) + w.ALPHA * tg.dot(p, p)

    return program


def _digits(w):
    """W3: softmax cross-entropy of a 64-32-10 network on one minibatch."""
    import tinygrad_lite as tg

    (a, b) = w.batches[0]
    X, labels = w.X[a:b].tolist(), w.t[a:b].tolist()

    def program(p):
        hidden, out = _layers(p, w.SIZES)
        losses = []
        for x, t in zip(X, labels, strict=True):
            h = [tg.dot(row, x, b).tanh() for row, b in hidden]
            z = [tg.dot(row, h, b) for row, b in out]
            losses.append(tg.logsumexp(z) - z[t])
        return (1.0 / len(X)) * tg.sum(losses)

    return program


def _mixture(w):
    """W4: the log-likelihood of a Gaussian mixture, its matrices as weighted sums."""
    import tinygrad_lite as tg

    d, K, n = w.d, w.K, w.n
    size = d * (d + 1) // 2
    points = w.x[:n].tolist()
    constant = -n * d * 0.5 * math.log(2 * math.pi) + w.wconst
    column = {(i, j): d + k for k, (j, i) in enumerate(zip(w.rows.tolist(), w.cols.tolist(), strict=True))}

    def program(p):
        alphas = p[:K]
        clusters = []
        for k in range(K):
            mean, icf = p[K + k * d : K + (k + 1) * d], p[K + K * d + k * size : K + K * d + (k + 1) * size]
            diagonal = [v.exp() for v in icf[:d]]
            lines = [[icf[column[i, j]] for i in range(j)] + [diagonal[j]] for j in range(d)]
            clusters.append((alphas[k] + tg.sum(icf[:d]), mean, lines, diagonal + icf[d:]))
        terms = []
        for x in points:
            inner = []
            for base, mean, lines, _ in clusters:
                away = [xi - m for xi, m in zip(x, mean, strict=True)]
                y = [tg.dot(line, away[: j + 1]) for j, line in enumerate(lines)]
                inner.append(base - 0.5 * tg.dot(y, y))
            terms.append(tg.logsumexp(inner))
        prior = tg.sum([tg.dot(entries, entries) for *_, entries in clusters])
        return constant + (tg.sum(terms) - float(n) * tg.logsumexp(alphas) + 0.5 * w.gamma**2 * prior)

    return program


def _rosenbrock(w):
    """W5: both sums of squares as weighted sums of a list with itself."""
    import tinygrad_lite as tg

    def program(x):
        t = [b - a * a for a, b in pairwise(x)]
        u = [a - 1.0 for a in x[:-1]]
        return 100.0 * tg.dot(t, t) + tg.dot(u, u)

    return program


def _fused_rows(make_ops):
    """The same workloads, starts and steps as in `eager_rows`, with the programs above."""

    def row(program, lr=1e-9, points=None):
        def make(w):
            checked, mult, note = None, 1.0, ""
            if points is not None:
                small = type(w)(w.d, w.K, points)
                checked, mult, note = (small.loss, small.grad), w.n / points, f"{points} points timed, scaled to {w.n}"
                w = small
            elif hasattr(w, "equiv"):
                mult, note = w.equiv, "one minibatch timed, scaled to the epoch"
            step = getattr(w, "LR", lr)
            return _eager(make_ops(), w.p0, program(w), w.nodes(), step, mult, note, checked=checked)

        return make

    return {
        "W2": row(_moons),
        "W3": row(_digits),
        "W4a": row(_mixture),
        "W4b": row(_mixture, points=20),
        "W5": row(_rosenbrock),
    }


def _named(rows, name):
    return {work: {name: row["eager"] if isinstance(row, dict) else row} for work, row in rows.items()}


ROWS = merge(
    eager_rows(Eager),
    _named(eager_rows(EagerWithoutCollector), "eager-gcoff"),
    _named(_fused_rows(Eager), "fused"),
    _named(_fused_rows(EagerWithoutCollector), "fused-gcoff"),
)


def chain(n):
    """W6: (leaf constructor, backward, gradient of a leaf, value of a node)."""
    from tinygrad_lite import Value

    return Value, (lambda y: y.backward()), (lambda x: x.grad), lambda x: x.data
