"""Our compiled rows for the peers' benchmark.

compiled        W2, W4a, W5: the workload's own scalar program, whole batch, given to `tg.compile` as it is
compiled-batch  W2 to W4: the loss of one row, compiled for all rows
step            W2, W3: `nn.compile_step`: gradient and update in one call, W3 a whole epoch in one call
numpy-backend   as compiled-batch (W5: compiled), run by NumPy
tape            as compiled-batch (W5: compiled), run as plain Python

All of them in one thread, as the peers are asked to run.
"""

import os
from itertools import pairwise

import numpy as np
from peers._common import Ops, Run, merge

os.environ.setdefault("TINYGRAD_LITE_THREADS", "1")
IMPORT, DISTS = "tinygrad_lite", ("tinygrad_lite", "llvmlite", "numpy")


class Scalars(Ops):
    """The workload's own program on what `tg.compile` traces."""

    def __init__(self):
        import tinygrad_lite as tg

        self.relu, self.tanh, self.exp, self.log = tg.relu, tg.tanh, tg.exp, tg.log
        self.vmax = tg.maximum

    def shift(self, x, m):
        return x - m

    def unshift(self, x, m):
        return x + m


def running(ready, w, scale=1.0, note="", reference=None):
    """A Run of a prepared call; the parameters move in place, as the rate is that of the other rows."""
    kept = [np.array(w.p0, dtype=float)]

    def check():
        ready.parameters[:] = w.p0
        ready()
        return ready.loss * scale, ready.gradient * scale

    def step():
        p = kept[0]
        ready.parameters[:] = p
        ready()
        np.subtract(p, ready.gradient * (scale * 1e-9), out=p)

    run = Run(check, step, note=note)
    if reference is not None:
        run.reference = reference
    return run


def layers(p, sizes):
    """For each layer its neurons: (weights, bias)."""
    found, at = [], 0
    for inputs, units in pairwise(sizes):
        bias = at + inputs * units
        found.append([(p[at + j * inputs : at + (j + 1) * inputs], p[bias + j]) for j in range(units)])
        at = bias + units
    return found


def moons_row(w):
    import tinygrad_lite as tg

    def row(p, x, y):
        first, second, [(last, bias)] = layers(p, w.SIZES)
        h = [tg.dot(ws, x, b).relu() for ws, b in first]
        h = [tg.dot(ws, h, b).relu() for ws, b in second]
        return (1.0 - y * tg.dot(last, h, bias)).relu() + w.ALPHA * tg.dot(p, p)

    return row


def digits_row(w):
    import tinygrad_lite as tg

    def row(p, x, y):
        hidden, out = layers(p, w.SIZES)
        h = [tg.dot(ws, x, b).tanh() for ws, b in hidden]
        z = [tg.dot(ws, h, b) for ws, b in out]
        return tg.logsumexp(z) - z[y]

    return row


def mixture_row(w):
    """The share of one point; their mean times their number is the objective."""
    import tinygrad_lite as tg

    d, k = w.d, w.K
    size = d * (d + 1) // 2

    def row(p, x):
        alphas, squares, terms = p[:k], [], []
        for c in range(k):
            mean = p[k + c * d : k + (c + 1) * d]
            rest = p[k + k * d + c * size : k + k * d + (c + 1) * size]
            triangle = iter(rest[d:])
            diagonal = [q.exp() for q in rest[:d]]
            centred = [a - b for a, b in zip(x, mean, strict=True)]
            lines = [[q * e] for q, e in zip(diagonal, centred, strict=True)]
            for i in range(d):
                for j in range(i + 1, d):
                    lines[j].append(next(triangle) * centred[i])
            y = [tg.sum(line) for line in lines]
            terms.append(alphas[c] + tg.sum(rest[:d]) - 0.5 * tg.dot(y, y))
            squares += [*diagonal, *rest[d:]]
        shared = 0.5 * w.gamma**2 * tg.dot(squares, squares) + w.const + w.wconst
        return tg.logsumexp(terms) + shared / float(w.n) - tg.logsumexp(alphas)

    return row


def batched(backend, work):
    def make(w):
        import tinygrad_lite as tg

        if work == "W2":
            ready = tg.compile(moons_row(w), batch=("x", "y"), backend=backend).prepare(w.p0, w.X, w.y)
            return running(ready, w, note="one sample as the program")
        ready = tg.compile(mixture_row(w), batch="x", backend=backend).prepare(w.p0, w.x)
        return running(ready, w, float(w.n), note="one point as the program")

    return make


def digits(backend):
    """W3: an epoch of minibatches, the update in NumPy."""

    def make(w):
        import tinygrad_lite as tg

        fast = tg.compile(digits_row(w), batch=("x", "y"), backend=backend)
        ready = [fast.prepare(w.p0, w.X[a:b], w.t[a:b]) for a, b in w.batches]

        def epoch():
            p = w.p0.copy()
            for call in ready:
                call.parameters[:] = p
                call()
                p -= w.LR * call.gradient
            return p

        def check():
            assert np.abs(epoch() - w.final).max() < 1e-6 * np.abs(w.final).max()
            ready[0].parameters[:] = w.p0
            ready[0]()
            return ready[0].loss, ready[0].gradient.copy()

        return Run(check, epoch, note="one sample as the program; batches prepared")

    return make


def whole(backend=None):
    """The workload's own program, as it is."""

    def make(w):
        import tinygrad_lite as tg

        ops = Scalars()
        ready = tg.compile(lambda p: w.scalar(p, ops), backend=backend).prepare(list(map(float, w.p0)))
        return running(ready, w, note="the whole program, batch found")

    return make


def network(w, act):
    """A model of nn with the workload's parameters."""
    from tinygrad_lite import nn

    model = nn.MLP(w.SIZES[0], list(w.SIZES[1:]), activation=act)
    for layer, neurons in zip(model.layers, layers(w.p0.tolist(), w.SIZES), strict=True):
        for neuron, (ws, b) in zip(layer.neurons, neurons, strict=True):
            for p, x in zip([*neuron.w, neuron.b], [*ws, b], strict=True):
                p.data = x
    values = []
    for layer in model.layers:
        values += [v for neuron in layer.neurons for v in neuron.w]
        values += [neuron.b for neuron in layer.neurons]
    return model, values


def step_moons(w):
    from tinygrad_lite import nn

    model, values = network(w, "relu")
    step = nn.compile_step(model, nn.hinge, nn.SGD(model, lr=w.LR), penalty=lambda m: w.ALPHA * nn.l2(m.parameters()))

    def check():
        for v, x in zip(values, w.p0.tolist(), strict=True):
            v.data = x
        loss = step(w.X, w.y)
        return loss, np.array([v.grad for v in values])

    return Run(check, lambda: step(w.X, w.y), note="nn.compile_step, update included")


def step_digits(w):
    from tinygrad_lite import nn

    model, values = network(w, "tanh")
    optimizer = nn.SGD(model, lr=w.LR)
    step = nn.compile_step(model, nn.cross_entropy, optimizer)
    (a, b) = w.batches[0]

    def check():
        loss = step(w.X[a:b], w.t[a:b])
        slopes = np.array([v.grad for v in values])
        for v, x in zip(values, w.p0.tolist(), strict=True):
            v.data = x
        step.run(w.X, w.t, epochs=1, batch_size=w.BATCH)
        final = np.array([v.data for v in values])
        assert np.abs(final - w.final).max() < 1e-6 * np.abs(w.final).max()
        return loss, slopes

    return Run(check, lambda: step.run(w.X, w.t, epochs=1, batch_size=w.BATCH), note="nn.compile_step.run")


def rows(name, backend):
    return {
        "W2": {name: batched(backend, "W2")},
        "W3": {name: digits(backend)},
        "W4a": {name: batched(backend, "W4a")},
        "W4b": {name: batched(backend, "W4b")},
    }


ROWS = merge(
    rows("compiled-batch", "llvm"),
    rows("numpy-backend", "numpy"),
    rows("tape", "tape"),
    {work: {"compiled": whole()} for work in ("W2", "W4a", "W4b", "W5")},
    {"W5": {"numpy-backend": whole("numpy"), "tape": whole("tape")}},
    {"W2": {"step": step_moons}, "W3": {"step": step_digits}},
)
