"""A generator of lesson code with planted mistakes: loss functions, right backprops, and wrong ones.

It is written as learners write it and shares nothing with the checker's own model: an oracle of its
own. A plant is (code, place, variant); `plants_for` lists every plant that a network allows.
"""

import itertools

import numpy as np

ACTIVATIONS = ("relu", "leaky_relu", "sigmoid", "tanh", "softplus", "elu", "linear")
LOSSES = ("mse", "mse_n", "mse_sum", "half", "half_n", "mae", "huber", "bce", "ce", "hinge", "multi")


def forward(name, z):
    if name == "relu":
        return np.maximum(0, z)
    if name == "leaky_relu":
        return np.maximum(z, 0.1 * z)
    if name == "sigmoid":
        return 1 / (1 + np.exp(-z))
    if name == "tanh":
        return np.tanh(z)
    if name == "softplus":
        return np.log(1 + np.exp(z))
    if name == "elu":
        return np.where(z > 0, z, np.exp(z) - 1)
    if name == "softmax":
        e = np.exp(z)
        return e / e.sum(axis=1, keepdims=True)
    return z


def slope(name, z):
    if name == "relu":
        return np.where(z > 0, 1.0, 0.0)
    if name == "leaky_relu":
        return np.where(z > 0, 1.0, 0.1)
    if name == "sigmoid":
        s = 1 / (1 + np.exp(-z))
        return s - s * s
    if name == "tanh":
        return 1 / np.cosh(z) ** 2
    if name == "softplus":
        return 1 / (1 + np.exp(-z))
    if name == "elu":
        return np.where(z > 0, 1.0, np.exp(z))
    return np.ones_like(z)


class Lesson:
    """A network: activations, loss, strength of the L2 penalty (on weights), written out as two functions."""

    def __init__(self, acts, loss, l2=0.0, biases=True):
        self.acts, self.loss_name, self.l2, self.biases = acts, loss, l2, biases
        self.depth = len(acts)

    def __repr__(self):
        return f"{'-'.join(self.acts)} {self.loss_name}{' l2' if self.l2 else ''}{'' if self.biases else ' no bias'}"

    def params(self, widths, seed):
        chance = np.random.default_rng(seed)
        found = {}
        for k, (a, b) in enumerate(itertools.pairwise(widths), start=1):
            found[f"W{k}"] = chance.normal(size=(a, b)) / np.sqrt(a)
            if self.biases:
                found[f"b{k}"] = 0.3 * chance.normal(size=b)
        return found

    def data(self, n, widths, seed):
        chance = np.random.default_rng(seed + 1)
        X = chance.normal(size=(n, widths[0]))
        if self.loss_name in ("ce", "multi"):
            return X, np.eye(widths[-1])[chance.integers(0, widths[-1], n)]
        if self.loss_name == "bce":
            y = chance.integers(0, 2, (n, widths[-1])).astype(float)
            y.flat[:2] = 0, 1
            return X, y
        if self.loss_name == "hinge":
            return X, chance.choice([-1.0, 1.0], (n, widths[-1]))
        return X, chance.normal(size=(n, widths[-1])) + 0.5

    def pass_on(self, p, X):
        A, Z = [X], [None]
        for k, act in enumerate(self.acts, start=1):
            z = A[-1] @ p[f"W{k}"]
            Z.append(z + p[f"b{k}"] if self.biases else z)
            A.append(forward(act, Z[-1]))
        return Z, A

    def loss(self, params, X, y):
        P = self.pass_on(params, X)[1][-1]
        n = len(X)
        value = {
            "mse": lambda: np.mean((P - y) ** 2),
            "mse_n": lambda: np.sum((P - y) ** 2) / n,
            "mse_sum": lambda: np.sum((P - y) ** 2),
            "half": lambda: 0.5 * np.mean((P - y) ** 2),
            "half_n": lambda: np.sum((P - y) ** 2) / (2 * n),
            "mae": lambda: np.mean(np.abs(P - y)),
            "huber": lambda: np.mean(np.where(np.abs(P - y) <= 1, (P - y) ** 2 / 2, np.abs(P - y) - 0.5)),
            "bce": lambda: -np.mean(y * np.log(P) + (1 - y) * np.log(1 - P)),
            "ce": lambda: -np.sum(y * np.log(P)) / n,
            "hinge": lambda: np.mean(np.maximum(0, 1 - y * P)),
            "multi": lambda: np.mean((1 - y) * np.maximum(0, 1 + P - np.sum(P * y, axis=1, keepdims=True))),
        }[self.loss_name]()
        if self.l2:
            value = value + self.l2 / 2 * sum((params[f"W{k}"] ** 2).sum() for k in range(1, self.depth + 1))
        return value

    # ------------------------------------------------------------------ going back

    def top(self, P, y, n):
        """dP, right."""
        o = P.shape[1]
        return {
            "mse": lambda: 2 * (P - y) / (n * o),
            "mse_n": lambda: 2 * (P - y) / n,
            "mse_sum": lambda: 2 * (P - y),
            "half": lambda: (P - y) / (n * o),
            "half_n": lambda: (P - y) / n,
            "mae": lambda: np.sign(P - y) / (n * o),
            "huber": lambda: np.where(np.abs(P - y) <= 1, P - y, np.sign(P - y)) / (n * o),
            "exchanged": lambda: np.where(np.abs(P - y) > 1, P - y, np.sign(P - y)) / (n * o),
            "bce": lambda: (-y / P + (1 - y) / (1 - P)) / (n * o),
            "ce": lambda: -y / P / n,
            "hinge": lambda: np.where(1 - y * P > 0, -y, 0.0) / (n * o),
            "multi": lambda: self._of_scores(P, y) / (n * o),
            "right left out": lambda: (1 - y) * self._of_scores(P, y) / (n * o),
            "right once": lambda: np.maximum(self._of_scores(P, y), -1.0) / (n * o),
            "all margins": lambda: np.where(y == 1, 1.0 - o, 1.0) / (n * o),
        }[self.loss_name]()

    def _of_scores(self, P, y):
        """The slope of the sum of all margins that are too small, sample by sample and class by class."""
        G = np.zeros(P.shape)
        for i, right in enumerate(y.argmax(axis=1)):
            for j in range(P.shape[1]):
                if j != right and 1 - P[i, right] + P[i, j] > 0:
                    G[i, j] += 1
                    G[i, right] -= 1
        return G

    def backprop(self, *plants, lr=0.1):
        """A backprop function with these mistakes planted."""
        bad = {(code, place): variant for code, place, variant in plants}

        def has(code, place):
            return (code, place) in bad

        def function(params, X, y):
            Z, A = self.pass_on(params, X)
            n, o = A[-1].shape
            grads = {}
            G = self.top(A[-1], y, n)
            for code in ("WRONG_LOSS", "DROPPED_PATH", "PATHS_NOT_SUMMED"):
                if has(code, "loss"):
                    G = Lesson(self.acts, bad[code, "loss"]).top(A[-1], y, n)
            if has("SIGN", "loss"):
                G = -G
            if has("FACTOR_2", "loss"):
                G = G * bad["FACTOR_2", "loss"]
            if has("MEAN_N", "loss"):
                G = G * n
            if has("MEAN_NO", "loss"):
                G = G * n * o
            if has("DOUBLE_MEAN", "loss"):
                G = G / n
            if has("LAST_SAMPLE_ONLY", "loss"):
                kept = np.zeros_like(G)
                kept[-1] = G[-1]
                G = kept
            for k in range(self.depth, 0, -1):
                act, here = self.acts[k - 1], f"dZ{k}"
                D = self._delta(act, k, G, Z, A, X, {c: v for (c, p), v in bad.items() if p == here})
                if has("DOUBLE_MEAN", here):
                    D = D / n
                if has("FACTOR_2", here):
                    D = D * bad["FACTOR_2", here]
                if has("SIGN", here):
                    D = -D
                name = f"dW{k}"
                operand = A[k - 1]
                if has("INPUT_FOR_HIDDEN", name):
                    operand = X
                if has("PREACT_FOR_ACT", name):
                    operand = Z[k - 1]
                dW = np.einsum("ni,nj->ij", operand, D)
                if has("LAST_SAMPLE_ONLY", name):
                    for i in range(n):
                        dW = np.outer(operand[i], D[i])
                if has("TRANSPOSED", name):
                    dW = D.T @ operand
                if has("DOUBLE_MEAN", name):
                    dW = dW / n
                if has("FACTOR_2", name):
                    dW = dW * bad["FACTOR_2", name]
                if has("SIGN", name):
                    dW = -dW
                if has("ZERO", name):
                    dW = 0 * dW
                if self.l2 and not has("REG_MISSING", name):
                    dW = dW + self.l2 * params[f"W{k}"] * (bad.get(("REG_FACTOR", name), 1))
                grads[f"W{k}"] = dW
                if self.biases:
                    name = f"db{k}"
                    db = D.sum(axis=0)
                    if has("BIAS_MEAN", name):
                        db = D.mean(axis=0)
                    if has("LAST_SAMPLE_ONLY", name):
                        db = D[-1]
                    if has("SUM_AXIS", name):
                        db = np.full(D.shape[1], D.sum())
                    if has("REG_ON_BIAS", name):
                        db = db + self.l2 * params[f"b{k}"]
                    if has("ZERO", name):
                        db = 0 * db
                    grads[f"b{k}"] = db
                W = params[f"W{k}"]
                place = f"dA{k - 1}"
                if has("UPDATED_TOO_EARLY", place):
                    W = W - lr * grads[f"W{k}"]
                G = D @ W.T
                if has("NO_W2", place):
                    ones = np.ones((1, W.shape[0]))
                    G = D * ones if bad["NO_W2", place] == "itself" else D.sum(axis=1, keepdims=True) * ones
                if has("TRANSPOSED", place):
                    G = D @ W
                if has("PATHS_NOT_SUMMED", place):
                    for j in range(W.shape[1]):
                        G = np.outer(D[:, j], W[:, j])
            return grads

        return function

    def _delta(self, act, k, G, Z, A, X, bad):
        if act == "softmax":
            p = A[k]
            if "SOFTMAX_DIAG_ONLY" in bad:
                return G * p * (1 - p)
            if "NO_ACT_DERIV" in bad:
                return G
            D = np.stack([(np.diag(row) - np.outer(row, row)) @ g for row, g in zip(p, G, strict=True)])
            return D * p * (1 - p) if "EXTRA_ACT_DERIV" in bad else D
        s = slope(act, Z[k])
        if "NO_ACT_DERIV" in bad:
            s = 1.0
        if "EXTRA_ACT_DERIV" in bad:
            s = s * s
        if "MASK_FROM_INPUT" in bad:
            s = slope(act, X if bad["MASK_FROM_INPUT"] == "X" else A[k - 1])
        if "MASK_FROM_ERROR" in bad:
            s = slope(act, G)
        if "MASK_IS_VALUE" in bad:
            s = A[k]
        if "WRONG_ACT_DERIV" in bad:
            s = slope(bad["WRONG_ACT_DERIV"], Z[k])
        if "DERIV_OF_DERIV_ARG" in bad:
            v = Z[k] if bad["DERIV_OF_DERIV_ARG"] == "z" else A[k]
            of_output = {"sigmoid": lambda v: v * (1 - v), "tanh": lambda v: 1 - v * v}
            of_output["elu"] = lambda v: np.where(v > 0, 1.0, v + 1)
            s = of_output[act](v) if v is Z[k] else slope(act, v)
        return G * s


def plants_for(lesson, outputs=3):
    """Every (code, place, variant) that can be planted in a lesson."""
    found = [("SIGN", "loss", None), ("FACTOR_2", "loss", 0.5), ("FACTOR_2", "loss", 2.0)]
    found += [("LAST_SAMPLE_ONLY", "loss", None), ("DOUBLE_MEAN", "loss", None)]
    if lesson.loss_name not in ("mse_sum",):
        found += [("MEAN_N", "loss", None)]
        if outputs > 1 and lesson.loss_name not in ("mse_n", "half_n", "ce"):
            found += [("MEAN_NO", "loss", None)]
    if lesson.loss_name.startswith(("mse", "half")):
        found += [("WRONG_LOSS", "loss", "mae")]
        if lesson.acts[-1] == "sigmoid":
            found += [("WRONG_LOSS", "loss", "bce")]
    if lesson.loss_name == "huber":
        found += [("WRONG_LOSS", "loss", other) for other in ("mse", "mae", "exchanged")]
    if lesson.loss_name == "multi":
        found += [("WRONG_LOSS", "loss", "all margins"), ("DROPPED_PATH", "loss", "right left out")]
        found += [("PATHS_NOT_SUMMED", "loss", "right once")] if outputs > 2 else []
    if lesson.loss_name in ("bce", "mae"):
        found += [("WRONG_LOSS", "loss", "mse")]
    L = lesson.depth
    for k in range(1, L + 1):
        act, here = lesson.acts[k - 1], f"dZ{k}"
        if act == "softmax":
            found += [(code, here, None) for code in ("SOFTMAX_DIAG_ONLY", "NO_ACT_DERIV", "EXTRA_ACT_DERIV")]
        elif act != "linear":
            found += [(code, here, None) for code in ("NO_ACT_DERIV", "MASK_FROM_ERROR", "MASK_IS_VALUE")]
            found += [("MASK_FROM_INPUT", here, "X")] + ([("MASK_FROM_INPUT", here, "A")] if k > 1 else [])
            if act != "relu":
                found += [("EXTRA_ACT_DERIV", here, None)]
            if act in ("sigmoid", "tanh", "elu"):
                found += [("DERIV_OF_DERIV_ARG", here, v) for v in ("z", "a")]
        if act != "softmax":
            found += [("WRONG_ACT_DERIV", here, other) for other in ACTIVATIONS if other not in (act, "linear")]
        if k < L:
            found += [("DOUBLE_MEAN", here, None), ("SIGN", here, None), ("FACTOR_2", here, 2.0)]
        name = f"dW{k}"
        found += [(code, name, None) for code in ("LAST_SAMPLE_ONLY", "TRANSPOSED", "DOUBLE_MEAN", "SIGN", "ZERO")]
        found += [("FACTOR_2", name, 0.5)]
        if k > 1:
            found += [("INPUT_FOR_HIDDEN", name, None)]
            if lesson.acts[k - 2] != "linear":
                found += [("PREACT_FOR_ACT", name, None)]
            place = f"dA{k - 1}"
            found += [("NO_W2", place, "itself"), ("NO_W2", place, "sum"), ("UPDATED_TOO_EARLY", place, None)]
            if outputs > 1 or k < L:
                found += [("PATHS_NOT_SUMMED", place, None), ("TRANSPOSED", place, None)]
        if lesson.l2:
            found += [("REG_MISSING", name, None), ("REG_FACTOR", name, 2.0)]
        if lesson.biases:
            found += [(code, f"db{k}", None) for code in ("BIAS_MEAN", "LAST_SAMPLE_ONLY", "ZERO")]
            if outputs > 1 or k < L:
                found += [("SUM_AXIS", f"db{k}", None)]
            if lesson.l2:
                found += [("REG_ON_BIAS", f"db{k}", None)]
    return found


def lessons(depths=(1, 2, 3, 4)):
    """Networks over all activations and losses, depth 1 to 4: each hidden activation with each loss that fits."""
    for depth in depths:
        for i, act in enumerate(ACTIVATIONS):
            others = [ACTIVATIONS[(i + j) % len(ACTIVATIONS)] for j in range(depth)]
            for loss in LOSSES:
                hidden = tuple([act] * (depth - 1)) if (i + depth) % 2 else tuple(others[: depth - 1])
                if loss == "bce":
                    last = "sigmoid"
                elif loss == "ce":
                    last = "softmax"
                else:
                    last = act
                if depth == 1 and loss in ("bce", "ce") and i:
                    continue
                yield Lesson((*hidden, last), loss, 0.3 if (i + depth + len(loss)) % 3 == 0 else 0.0)
