"""How well are mistakes named? The measurement behind the claims, for tests (a sample) and benchmarks (all of it).

`single` and `double` plant mistakes by `planting.py` and ask the search for their names;
`right_form` writes a right derivation in one of many algebraically equal forms.
"""

import random

import numpy as np

from tests.checking.planting import Lesson, forward, plants_for, slope
from tinygrad_lite.checking.catalogue.diagnose import NEAR
from tinygrad_lite.checking.catalogue.search import Observed, search
from tinygrad_lite.checking.network.kinks import gradients
from tinygrad_lite.checking.network.network import Record
from tinygrad_lite.checking.network.problems import SIZES, Problem, chosen, structures
from tinygrad_lite.checking.network.recognise import activations_in, recognise
from tinygrad_lite.engine import Value

RATE = 0.1


class Prepared:
    """A lesson recognised from its loss, with the problems that the tool chooses for it."""

    def __init__(self, lesson, seed, outputs=3):
        self.lesson = lesson
        widths = [4, *[3] * (lesson.depth - 1), outputs]
        like = Problem("your data", lesson.params(widths, seed), lesson.data(6, widths, seed))
        fixed = 1 if outputs == 1 else None
        self.net = None
        for structure in structures(like):
            probes = [structure.problem(name, seed, fixed) for name in SIZES]
            losses = [float(lesson.loss(p.params, *p.data)) for p in probes]
            self.net = recognise(structure, probes, losses, _hidden_activations(lesson, structure, probes))
            if self.net is not None:
                found = [chosen(structure, self.net, name, seed, fixed) for name in SIZES]
                self.problems = [p for p in found if p is not None]
                break

    def stories(self, plants):
        """What the search says of a backprop with these plants; None if they change nothing."""
        backprop = self.lesson.backprop(*plants, lr=RATE)
        records, seen, harmless = [], [], True
        for problem in self.problems:
            try:
                with np.errstate(all="ignore"):
                    g = backprop(problem.params, *problem.data)
            except ValueError:
                continue  # the shapes betray it there
            if any(np.shape(g[name]) != np.shape(problem.params[name]) for name in g):
                continue
            record = Record(self.net, problem.params, *problem.data)
            exact = gradients(self.net, record)
            harmless &= all(_same(g[name], exact["d" + name]) for name in g)
            records.append(record)
            seen.append(
                Observed([None, *(g[n] for n in self.net.weights)], [None, *(g.get(n) for n in self.net.biases)])
            )
        return None if harmless or not records else search(self.net, records, seen, RATE)


def _hidden_activations(lesson, structure, probes):
    """As the graphs of the loss show them."""
    graphs = []
    for problem in probes:
        leaves = {name: np.vectorize(Value, otypes=[object])(x) for name, x in problem.params.items()}
        graphs.append((lesson.loss(leaves, *problem.data), leaves))
    return activations_in(graphs, structure)


def _same(mine, exact):
    return bool(np.all(np.abs(mine - exact) <= 1e-10 * np.abs(exact).max(initial=1e-300) + 1e-15))


def verdict(stories, plants):
    """ "exact", "tied" (named among those that give the same numbers), "unknown" or "wrong"."""
    wanted = {(code, place) for code, place, _ in plants}
    best = stories[0]
    if best.unknown:
        named = {(m.code, m.place) for m in best.mistakes}
        return "unknown" if named <= wanted else "wrong"
    sets = [{(m.code, m.place) for m in s.mistakes} for s in stories if s.cost <= best.cost + NEAR]
    return "exact" if sets[0] == wanted else "tied" if wanted in sets else "wrong"


def single(prepared, every=1):
    """(plant, verdict, stories) for every plant, or one in so many, that changes the numbers."""
    outputs = prepared.problems[0].params[prepared.net.weights[-1]].shape[1]
    for plant in plants_for(prepared.lesson, outputs)[::every]:
        stories = prepared.stories([plant])
        if stories is not None:
            yield plant, verdict(stories, [plant]), stories


def layer_of(plant, depth):
    return depth + 1 if plant[1] == "loss" else int(plant[1][2:]) + (plant[1][1] == "A")


def double(prepared, chance, many):
    """(plants, verdict, stories) for random pairs at different layers, each of which changes the numbers on top."""
    depth = prepared.lesson.depth
    plants = plants_for(prepared.lesson)
    for _ in range(many):
        pair = chance.sample(plants, 2)
        if layer_of(pair[0], depth) == layer_of(pair[1], depth):
            continue
        stories = prepared.stories(pair)
        alone = [prepared.stories([plant]) for plant in pair]
        if stories is None or None in alone:
            continue
        said = verdict(stories, pair)
        if said == "wrong" and any(_hidden(prepared, pair, plant) for plant in pair):
            continue  # the numbers are those of one plant alone: the other does nothing here
        yield pair, said, stories


def _hidden(prepared, pair, plant):
    both, one = (prepared.lesson.backprop(*plants, lr=RATE) for plants in (pair, [plant]))
    for problem in prepared.problems:
        try:
            a, b = both(problem.params, *problem.data), one(problem.params, *problem.data)
        except ValueError:
            continue
        if any(np.shape(g[n]) != np.shape(problem.params[n]) for g in (a, b) for n in g):
            continue  # the shapes betray it there: `tg.check` looks at them before any number
        if not all(_same(a[n], b[n]) for n in a):
            return False
    return True


# ---------------------------------------------------------------------- right derivations


def right_form(lesson, seed):
    """A right backprop in one of many equal forms: other orders, other formulas, loops, scales put elsewhere."""
    chance = random.Random(seed)
    late_scale = chance.random() < 0.4
    fused = chance.random() < 0.6
    product = chance.choice(["dot", "einsum", "loop", "tensordot"])
    sums = chance.choice(["sum", "ones", "mean"])
    masks = chance.choice(["z", "a", "output form"])
    at_kink = chance.choice([0.0, 0.5, 1.0])
    kind = lesson.loss_name

    def times(A, D):
        if product == "einsum":
            return np.einsum("ni,nj->ij", A, D)
        if product == "loop":
            return sum((np.outer(a, d) for a, d in zip(A, D, strict=True)), np.zeros((A.shape[1], D.shape[1])))
        if product == "tensordot":
            return np.tensordot(A, D, axes=(0, 0))
        return np.dot(A.T, D)

    def margin_slopes(P, y):
        M = (1 - y) * ((P * y).sum(axis=1)[:, None] < P + 1)
        return M - y * M.sum(axis=1)[:, None]

    def derivative(act, z, a):
        if act in ("relu", "leaky_relu"):
            low = 0.0 if act == "relu" else 0.1
            kink = low + at_kink * (1 - low)
            v = a if masks == "a" else z
            return np.where(v > 0, 1.0, np.where(v < 0, low, kink if act == "leaky_relu" or masks != "a" else low))
        if masks == "output form":
            return {
                "sigmoid": a * (1 - a),
                "tanh": 1 - a * a,
                "softplus": 1 - np.exp(-a),
                "elu": np.where(z > 0, 1.0, a + 1),
            }.get(act, slope(act, z))
        return slope(act, z)

    def backprop(params, X, y):
        Z, A = lesson.pass_on(params, X)
        P, n = A[-1], len(X)
        o = P.shape[1]
        scale = {"mse": 2 / (n * o), "mse_n": 2 / n, "mse_sum": 2.0, "half": 1 / (n * o), "half_n": 1 / n}.get(
            kind, 1 / n if kind == "ce" else 1 / (n * o)
        )
        bare = {
            "mae": lambda: np.sign(P - y),
            "huber": lambda: np.clip(P - y, -1, 1),
            "hinge": lambda: -y * (y * P < 1),
            "multi": lambda: margin_slopes(P, y),
        }.get(kind, lambda: P - y)()
        is_fused = kind in ("bce", "ce")
        if is_fused and not fused:
            bare = (P - y) / (P * (1 - P)) if kind == "bce" else -y / P
        G = bare if late_scale else scale * bare
        late = scale if late_scale else 1.0
        grads = {}
        for k in range(lesson.depth, 0, -1):
            act = lesson.acts[k - 1]
            if k == lesson.depth and is_fused and fused:
                D = G
            elif act == "softmax":
                D = P * (G - np.sum(G * P, axis=1, keepdims=True))
            else:
                D = G * derivative(act, Z[k], A[k])
            dW = times(A[k - 1], D) * late
            grads[f"W{k}"] = dW + lesson.l2 * params[f"W{k}"] if lesson.l2 else dW
            if lesson.biases:
                summed = {"sum": D.sum(axis=0), "ones": np.ones(n) @ D, "mean": D.mean(axis=0) * n}
                grads[f"b{k}"] = late * summed[sums]
            G = np.dot(params[f"W{k}"], D.T).T if product == "dot" else D @ params[f"W{k}"].T
        return grads

    return backprop


def right_case(seed):
    """A lesson, its data and a right backprop; in a third of the cases the data stands on kinks."""
    from tests.checking.planting import ACTIVATIONS, LOSSES

    chance = random.Random(seed)
    depth = chance.randint(1, 4)
    loss = chance.choice(LOSSES)
    last = {"bce": "sigmoid", "ce": "softmax"}.get(loss) or chance.choice(ACTIVATIONS)
    lesson = Lesson((*[chance.choice(ACTIVATIONS) for _ in range(depth - 1)], last), loss,
                    chance.choice([0.0, 0.0, 0.2]), chance.random() < 0.8)  # fmt: skip
    widths = [chance.randint(1, 4) for _ in range(depth + 1)]
    if loss in ("ce", "multi"):
        widths[-1] = max(2, widths[-1])
    params, (X, y) = lesson.params(widths, seed), lesson.data(chance.randint(1, 6), widths, seed)
    if seed % 3 == 0:  # a sample of zeros, and no first bias: z1 is exactly 0 there
        X[0] = 0.0
        if lesson.biases:
            params["b1"][:] = 0.0
    return lesson, params, X, y, right_form(lesson, seed)


__all__ = ["Prepared", "double", "forward", "right_case", "right_form", "single", "verdict"]
