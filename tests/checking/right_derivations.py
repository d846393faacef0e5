# ruff: noqa: E501
"""Right derivations in the forms in which people write them: 16 programs, in random layouts and calling styles.

A program is a forward pass that fills a cache and a backward pass that reads it, both written once; a style says how
they are called: where the cache lives, what the results look like, whether weights are updated, where a mask comes
from, how the data lie. `right_derivation(seed)` puts one of each together. None may be accused and none may crash.
"""

import collections
import types

import numpy as np


class Program:
    """forward(p, data, cache, draw) -> loss, backward(p, data, cache) -> gradients, made(chance) -> params, data."""

    def __init__(self, name, made, forward, backward, dense=False, draws=False):
        self.name, self.made, self.forward, self.backward = name, made, forward, backward
        self.dense, self.draws = dense, draws


ACTS = {
    "tanh": (np.tanh, lambda z, a: 1 - a * a),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z, a: a * (1 - a)),
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: (z > 0) * 1.0),
    "softplus": (lambda z: np.log(1 + np.exp(z)), lambda z, a: 1 / (1 + np.exp(-z))),
    "square": (lambda z: z**2, lambda z, a: 2 * z),
}


def softmax(z):
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# ---------------------------------------------------------------------- the programs


def linear(one_dimensional, reduce):
    def made(r):
        n, k = r.integers(3, 7), r.integers(1, 4)
        o = 1 if one_dimensional else r.integers(1, 4)
        X = r.normal(size=(n, k))
        return (
            {"w": r.normal(size=k), "b": r.normal()}
            if one_dimensional
            else {"W": r.normal(size=(k, o)), "b": r.normal(size=o)},
            (X, r.normal(size=n) if one_dimensional else r.normal(size=(n, o))),
        )

    def forward(p, data, c, draw):
        (w, b), (X, y) = p.values(), data
        c["e"] = np.dot(X, w) + b - y
        return (c["e"] ** 2).mean() if reduce == "mean" else 0.5 * (c["e"] ** 2).sum()

    def backward(p, data, c):
        (w, b), (X, _) = p.items(), data
        d = c["e"] * (2 / c["e"].size if reduce == "mean" else 1.0)
        return {w[0]: X.T @ d, b[0]: d.sum() if one_dimensional else d.sum(axis=0)}

    return Program(f"linear {one_dimensional} {reduce}", made, forward, backward, dense=not one_dimensional)


def mlp(act, loss, bias, l2=0.0):
    f, slope = ACTS[act]

    def made(r):
        n, k, h, o = r.integers(4, 8), r.integers(2, 5), r.integers(2, 6), r.integers(1 + (loss in ("ce", "labels")), 4)
        size = 0.4 if act == "square" else 1.0  # else the sigmoid above it is 1 to the last digit
        p = {"W1": size * r.normal(size=(k, h)), "b1": 0.2 * r.normal(size=(*bias, h)), "W2": r.normal(size=(h, o))}
        p["b2"] = 0.2 * r.normal(size=(*bias, o))
        y = {
            "ce": lambda: np.eye(o)[r.integers(o, size=n)],
            "labels": lambda: r.integers(o, size=n),
            "bce": lambda: r.integers(2, size=(n, o)).astype(float),
        }.get(loss, lambda: r.normal(size=(n, o)))()
        return p, (r.normal(size=(n, k)), y)

    def forward(p, data, c, draw):
        X, y = data
        c["z1"] = X @ p["W1"] + p["b1"]
        c["a1"] = f(c["z1"])
        z = c["a1"] @ p["W2"] + p["b2"]
        penalty = 0.5 * l2 * ((p["W1"] ** 2).sum() + (p["W2"] ** 2).sum()) if l2 else 0.0
        if loss in ("ce", "labels"):
            c["p"] = softmax(z)
            picked = np.log(c["p"][np.arange(len(y)), y]) if loss == "labels" else (y * np.log(c["p"])).sum(axis=1)
            return -picked.mean() + penalty
        if loss == "bce":
            c["p"] = sigmoid(z)
            return -(y * np.log(c["p"]) + (1 - y) * np.log(1 - c["p"])).mean() + penalty
        c["p"] = z
        return ((z - y) ** 2).mean() + penalty

    def backward(p, data, c):
        X, y = data
        if loss == "labels":
            d = c["p"].copy()
            d[np.arange(len(y)), y] -= 1
        else:
            d = c["p"] - y
        d = d / len(X) if loss in ("ce", "labels") else d * ((1 if loss == "bce" else 2) / d.size)
        dz = (d @ p["W2"].T) * slope(c["z1"], c["a1"])
        return {
            "W1": X.T @ dz + l2 * p["W1"],
            "b1": dz.sum(axis=0).reshape(p["b1"].shape),
            "W2": c["a1"].T @ d + l2 * p["W2"],
            "b2": d.sum(axis=0).reshape(p["b2"].shape),
        }

    return Program(f"mlp {act} {loss} {l2}", made, forward, backward, dense=loss != "labels")


def dropout():
    def made(r):
        return {"W1": r.normal(size=(3, 6)), "W2": r.normal(size=(6, 2))}, (
            r.normal(size=(5, 3)),
            r.normal(size=(5, 2)),
        )

    def forward(p, data, c, draw):
        X, y = data
        c["h"] = np.tanh(X @ p["W1"])
        c["m"] = (draw((len(X), 6)) < 0.7) / 0.7
        c["e"] = (c["h"] * c["m"]) @ p["W2"] - y
        return (c["e"] ** 2).mean()

    def backward(p, data, c):
        d = 2 * c["e"] / c["e"].size
        dh = d @ p["W2"].T * c["m"]
        return {"W1": data[0].T @ (dh * (1 - c["h"] ** 2)), "W2": (c["h"] * c["m"]).T @ d}

    return Program("dropout", made, forward, backward, draws=True)


def logistic():
    def made(r):
        n, k = r.integers(4, 9), r.integers(1, 4)
        return {"w": r.normal(size=k), "b": r.normal()}, (r.normal(size=(n, k)), r.integers(2, size=n))

    def forward(p, data, c, draw):
        X, y = data
        c["p"] = sigmoid(X @ p["w"] + p["b"])
        return -np.mean(y * np.log(c["p"]) + (1 - y) * np.log(1 - c["p"]))

    def backward(p, data, c):
        d = (c["p"] - data[1]) / len(data[1])
        return {"w": data[0].T @ d, "b": d.sum()}

    return Program("logistic", made, forward, backward)


def poisson():
    def made(r):
        n = r.integers(4, 8)
        return {"w": 0.5 * r.normal(size=3), "b": 0.1}, (r.normal(size=(n, 3)), r.poisson(3.0, size=n))

    def forward(p, data, c, draw):
        X, y = data
        z = X @ p["w"] + p["b"]
        c["m"] = np.exp(z)
        return (c["m"] - y * z).sum()

    def backward(p, data, c):
        d = c["m"] - data[1]
        return {"w": d @ data[0], "b": d.sum()}

    return Program("poisson", made, forward, backward)


def svm():
    def made(r):
        n = r.integers(4, 8)
        return {"w": r.normal(size=3), "b": 0.1}, (r.normal(size=(n, 3)), r.choice([-1.0, 1.0], size=n))

    def forward(p, data, c, draw):
        X, y = data
        c["m"] = 1 - y * (X @ p["w"] + p["b"])
        return np.maximum(c["m"], 0).mean() + 0.05 * (p["w"] ** 2).sum()

    def backward(p, data, c):
        X, y = data
        d = -1.0 * (c["m"] > 0) * y / len(y)
        return {"w": X.T @ d + 0.1 * p["w"], "b": d.sum()}

    return Program("svm", made, forward, backward)


def norm(axis):
    def made(r):
        n, k = r.integers(3, 7), r.integers(3, 6)
        return {"x": r.normal(size=(n, k)) + 1, "g": r.normal(size=k), "b": r.normal(size=k)}, (r.normal(size=(n, k)),)

    def forward(p, data, c, draw):
        c["c"] = p["x"] - p["x"].mean(axis=axis, keepdims=True)
        c["s"] = np.sqrt((c["c"] ** 2).mean(axis=axis, keepdims=True) + 1e-5)
        c["n"] = c["c"] / c["s"]
        c["o"] = p["g"] * c["n"] + p["b"]
        return (np.tanh(c["o"]) * data[0]).sum()

    def backward(p, data, c):
        d = (1 - np.tanh(c["o"]) ** 2) * data[0]
        dn = d * p["g"]
        m = dn.mean(axis=axis, keepdims=True)
        dx = (dn - m - c["n"] * (dn * c["n"]).mean(axis=axis, keepdims=True)) / c["s"]
        return {"x": dx, "g": (d * c["n"]).sum(axis=0), "b": d.sum(axis=0)}

    return Program(f"norm {axis}", made, forward, backward)


def embedding():
    def made(r):
        n = r.integers(3, 6)
        return {"E": r.normal(size=(6, 3)), "w": r.normal(size=3)}, (r.integers(6, size=(n, 2)), r.normal(size=n))

    def forward(p, data, c, draw):
        ids, y = data
        c["h"] = np.tanh(p["E"][ids].sum(axis=1))
        c["e"] = c["h"] @ p["w"] - y
        return (c["e"] ** 2).sum()

    def backward(p, data, c):
        ids, _ = data
        d = 2 * c["e"]
        dh = np.outer(d, p["w"]) * (1 - c["h"] ** 2)
        dE = np.zeros_like(p["E"])
        np.add.at(dE, ids, dh[:, None, :])
        return {"E": dE, "w": c["h"].T @ d}

    return Program("embedding", made, forward, backward)


def recurrent():
    def made(r):
        t = r.integers(2, 5)
        p = {"Wx": r.normal(size=(2, 3)), "Wh": 0.5 * r.normal(size=(3, 3)), "b": r.normal(size=3)}
        return p, (r.normal(size=(t, 2)), r.normal(size=(t, 3)))

    def forward(p, data, c, draw):
        xs, ys = data
        c["hs"] = [np.zeros(3)]
        loss = 0.0
        for x, y in zip(xs, ys, strict=True):
            c["hs"].append(np.tanh(x @ p["Wx"] + c["hs"][-1] @ p["Wh"] + p["b"]))
            loss = loss + ((c["hs"][-1] - y) ** 2).sum()
        return loss

    def backward(p, data, c):
        xs, ys = data
        g = {name: np.zeros_like(v) for name, v in p.items()}
        after = np.zeros(3)
        for t in reversed(range(len(xs))):
            h = c["hs"][t + 1]
            dz = (2 * (h - ys[t]) + after) * (1 - h * h)
            g["Wx"] += np.outer(xs[t], dz)
            g["Wh"] += np.outer(c["hs"][t], dz)
            g["b"] += dz
            after = p["Wh"] @ dz
        return g

    return Program("recurrent", made, forward, backward)


def attention():
    def made(r):
        n = r.integers(3, 6)
        p = {k: r.normal(size=(3, 3)) for k in ("Q", "K", "V")}
        return p, (r.normal(size=(n, 3)), r.normal(size=(n, 3)))

    def forward(p, data, c, draw):
        X, y = data
        c["q"], c["k"], c["v"] = X @ p["Q"], X @ p["K"], X @ p["V"]
        c["A"] = softmax(c["q"] @ c["k"].T / np.sqrt(3))
        return (c["A"] @ c["v"] * y).sum()

    def backward(p, data, c):
        X, y = data
        dA = y @ c["v"].T
        dS = c["A"] * (dA - (dA * c["A"]).sum(axis=1, keepdims=True)) / np.sqrt(3)
        return {"Q": X.T @ (dS @ c["k"]), "K": X.T @ (dS.T @ c["q"]), "V": X.T @ (c["A"].T @ y)}

    return Program("attention", made, forward, backward)


def convolution():
    def made(r):
        n = r.integers(5, 9)
        return {"k": r.normal(size=3), "b": 0.1}, (r.normal(size=n), r.normal(size=n - 2))

    def forward(p, data, c, draw):
        x, y = data
        c["a"] = np.tanh(np.array([(x[i : i + 3] * p["k"]).sum() for i in range(len(x) - 2)]) + p["b"])
        return ((c["a"] - y) ** 2).mean()

    def backward(p, data, c):
        x, y = data
        d = 2 * (c["a"] - y) / len(y) * (1 - c["a"] ** 2)
        return {"k": np.array([(x[j : j + len(d)] * d).sum() for j in range(3)]), "b": d.sum()}

    return Program("convolution", made, forward, backward)


def factorisation():
    def made(r):
        m, n = r.integers(3, 6, size=2)
        mask = (r.random((m, n)) < 0.7) * 1.0
        return {"U": r.normal(size=(m, 2)), "V": r.normal(size=(n, 2))}, (r.normal(size=(m, n)), mask)

    def forward(p, data, c, draw):
        c["e"] = data[1] * (p["U"] @ p["V"].T - data[0])
        return 0.5 * (c["e"] ** 2).sum() + 0.1 * ((p["U"] ** 2).sum() + (p["V"] ** 2).sum())

    def backward(p, data, c):
        e = c["e"] * data[1]
        return {"U": e @ p["V"] + 0.2 * p["U"], "V": e.T @ p["U"] + 0.2 * p["V"]}

    return Program("factorisation", made, forward, backward)


def quadratic():
    """A symmetric matrix among the data: 2 A x is right because it is symmetric."""

    def made(r):
        k = r.integers(2, 5)
        root = r.normal(size=(k, k))
        return {"x": r.normal(size=k)}, (root @ root.T, r.normal(size=k))

    def forward(p, data, c, draw):
        A, b = data
        return p["x"] @ A @ p["x"] / 2 - b @ p["x"]

    def backward(p, data, c):
        A, b = data
        return {"x": A @ p["x"] - b}

    return Program("quadratic", made, forward, backward)


def scalars():
    def made(r):
        return {"a": r.normal(), "b": r.normal(), "c": 1 + r.random()}, (r.normal(), 2.0)

    def forward(p, data, c, draw):
        c["u"] = p["a"] * data[0] + p["b"]
        c["t"] = np.tanh(c["u"])
        return (c["t"] * p["c"] - data[1]) ** 2

    def backward(p, data, c):
        d = 2 * (c["t"] * p["c"] - data[1])
        du = d * p["c"] * (1 - c["t"] ** 2)
        return {"a": du * data[0], "b": du, "c": d * c["t"]}

    return Program("scalars", made, forward, backward)


PROGRAMS = [
    *[linear(one, reduce) for one in (True, False) for reduce in ("mean", "half")],
    *[mlp(act, loss, bias) for act in ACTS for loss in ("mse", "ce", "bce", "labels") for bias in ((), (1,))],
    *[mlp("tanh", loss, (), 0.1) for loss in ("mse", "ce")],
    *[
        make()
        for make in (dropout, dropout, dropout, logistic, poisson, svm, embedding, embedding, recurrent, recurrent)
    ],
    *[make() for make in (attention, attention, convolution, factorisation, quadratic, scalars)],
    *[norm(axis) for axis in (0, 1, 0, 1)],
]

# ---------------------------------------------------------------------- the styles

CACHES = ("local", "dict", "object", "argument", "first", "class")
RESULTS = (
    "dict",
    "named",
    "tuple",
    "list",
    "loss and dict",
    "loss and tuple",
    "object",
    "named tuple",
    "vector",
    "nested",
)
UPDATES = (None, None, None, "returned", "returned dict", "in place", "in place and returned", "said")
MASKS = ("seeded inside", "generator", "global", "RandomState")


class Case:
    """One right derivation, ready for check(loss, backprop, params, *data, **options), and its style in words."""

    def __init__(self, words, loss, backprop, params, data, options):
        self.words, self.loss, self.backprop = words, loss, backprop
        self.params, self.data, self.options = params, data, options


def right_derivation(seed):
    """The case of a seed."""
    r = np.random.default_rng(seed)
    program = PROGRAMS[r.integers(len(PROGRAMS))]
    params, data = program.made(r)
    pick = lambda choices: choices[r.integers(len(choices))]  # noqa: E731
    cache, result, update, mask = pick(CACHES), pick(RESULTS), pick(UPDATES), pick(MASKS)
    as_dict, columns = bool(r.integers(2)), program.dense and r.random() < 0.3
    lists, rate = r.random() < 0.1, pick((0.1, 0.01, 0.5, 1e-3))
    if lists and update in ("in place", "in place and returned"):
        update = "returned"
    if any(np.ndim(p) == 0 for p in params.values()) and update in ("in place", "in place and returned"):
        as_dict = True
    names = list(params)
    if columns:  # samples in columns, weights (outputs, inputs)
        params = {k: (v.T.copy() if np.ndim(v) == 2 else v.reshape(-1, 1)) for k, v in params.items()}
        data = tuple(d.T.copy() for d in data)

    def turned(p):
        return {k: (v.T if v.shape[1] > 1 or k[0] == "W" else v.ravel()) for k, v in p.items()} if columns else p

    def straight(given):
        return turned({k: np.asarray(v) if isinstance(v, list) else v for k, v in given.items()})

    generator, old = np.random.default_rng(seed), np.random.RandomState(seed)
    draw = {
        "seeded inside": lambda shape: np.random.default_rng(7).random(shape),
        "generator": lambda shape: generator.random(shape),
        "global": lambda shape: np.random.rand(*shape),
        "RandomState": lambda shape: old.rand(*shape),
    }[mask]
    redraws = program.draws and mask != "seeded inside"
    if redraws and cache == "local":
        cache = "dict"
    memory = types.SimpleNamespace(cache={}, calls=0)

    class Memory:
        cache = {}

    def split(arguments):
        rest = arguments[1:] if as_dict else arguments[len(names) :]
        given = arguments[0] if as_dict else dict(zip(names, arguments, strict=False))
        store = rest[-1] if cache == "argument" else None
        rest = rest[: len(data)]
        rest = tuple(np.asarray(d) if isinstance(d, list) else d for d in rest)
        return given, tuple(d.T for d in rest) if columns else rest, store

    def keep(found, store):
        if cache == "dict":
            memory.cache.clear()
            memory.cache.update(found)
        elif cache == "object":
            memory.cache = found
            memory.calls += 1
        elif cache == "class":
            Memory.cache = found
        elif cache == "argument":
            store.update(found)
        elif cache == "first" and not memory.cache:  # a memo that is never refreshed
            memory.cache.update(found)

    def kept(p, rest, store):
        if cache == "local":
            found = {}
            program.forward(p, rest, found, draw)
            return found
        return store if cache == "argument" else Memory.cache if cache == "class" else memory.cache

    def loss(*arguments):
        given, rest, store = split(arguments)
        found = {}
        value = program.forward(straight(given), rest, found, draw)
        keep(found, store)
        return value

    def gradients(arguments):
        given, rest, store = split(arguments)
        p = straight(given)
        g = program.backward(p, rest, kept(p, rest, store))
        if columns:
            g = {k: (g[k].T if np.ndim(g[k]) == 2 and k[0] == "W" else g[k].reshape(-1, 1)) for k in names}
        return {k: g[k] for k in names}

    def formed(g, value=0.5):
        grouped = [[g[k] for k in names if k[0] == "W"], [g[k] for k in names if k[0] != "W"]]
        return {
            "dict": {f"d{k}": v for k, v in g.items()},
            "named": g,
            "tuple": tuple(g.values()),
            "list": list(g.values()),
            "loss and dict": (value, {f"d{k}": v for k, v in g.items()}),
            "loss and tuple": (value, tuple(g.values())),
            "object": types.SimpleNamespace(**{f"d{k}": v for k, v in g.items()}),
            "named tuple": collections.namedtuple("Gradients", [f"d{k}" for k in names])(
                **{f"d{k}": v for k, v in g.items()}
            ),
            "vector": np.concatenate([np.ravel(v) for v in g.values()]),
            "nested": grouped if names == ["W1", "b1", "W2", "b2"] else tuple(g.values()),
        }[result]

    def backprop(*arguments, lr=rate):
        g = gradients(arguments)
        given = arguments[0] if as_dict else dict(zip(names, arguments, strict=False))
        if update is None:
            return formed(g)
        if update.startswith("in place"):
            for k in names:
                if as_dict and np.ndim(given[k]) == 0:
                    given[k] = given[k] - lr * g[k]
                else:
                    given[k] -= lr * g[k]
            return tuple(given[k] for k in names) if "returned" in update else None
        new = {k: np.asarray(given[k]) - lr * g[k] for k in names}
        return new if update == "returned dict" else tuple(new.values())

    if as_dict:
        loss, backprop = _with_dict(loss), _with_dict(backprop)
    if lists:
        params = {k: v.tolist() if np.ndim(v) else float(v) for k, v in params.items()}
        data = tuple(d.tolist() if np.ndim(d) else d for d in data)
    options = {"updates": True, "lr": rate} if update == "said" else {}
    words = f"{seed}: {program.name}, cache {cache}, {result if update is None else update}, {'dict' if as_dict else 'flat'}"
    words += ", columns" * columns + ", lists" * lists + f", mask {mask}" * program.draws
    return Case(words, loss, backprop, params, (*data, {}) if cache == "argument" else data, options)


def _with_dict(function):
    """The function with a first argument named as people name a dict of parameters."""

    def called(params, *rest):
        return function(params, *rest)

    return called


def tried(case):
    """ "" if a case is called right, else what was said instead."""
    from tinygrad_lite.checking.check import check

    try:
        with np.errstate(all="ignore"):
            result = check(case.loss, case.backprop, case.params, *case.data, **case.options)
            text = result.text()
    except Exception as reason:
        return f"CRASH {type(reason).__name__}: {reason}"
    if "FAULT" in dict(result.evaluation.remarks):
        return f"FAULT {dict(result.evaluation.remarks)['FAULT']}"
    return "" if result.ok else text
