"""Problems with other data and other sizes, until the trial makes them."""

# ruff: noqa
# mypy: ignore-errors
from typing import Any

import numpy as np

from tinygrad_lite.checking.network.problems import Problem


def _add(bench, p):
    sub = bench.submission
    if not np.isfinite(sub.loss(p)):
        return False
    try:
        ex = sub.exact(p)
    except RuntimeError:
        return False
    r = np.random.default_rng(1)
    near = Problem(
        p.name,
        {n: np.asarray(v, float) * (1 + 1e-13 * r.normal(size=np.shape(v))) for n, v in p.params.items()},
        p.data,
    )
    again = sub.exact(near)
    for n in sub.names:
        x, y = np.array(ex[n].numbers), np.array(again[n].numbers)
        if not np.all(np.abs(x - y) <= 1e-9 * np.maximum(np.abs(x), 1e-2 * np.abs(x).max(initial=0))):
            return False
    bench.add(p, ex)
    return True


def temporary(bench: Any) -> Any:
    given = bench.evaluation.given
    out = []

    def fewer():
        for axis in (0, 1):
            for n in {np.shape(d)[axis] for d in given.data if np.ndim(d) > axis}:
                if n < 3:
                    continue
                cut = lambda a: (
                    np.take(np.asarray(a), range(n - 1), axis=axis)
                    if np.ndim(a) > axis and np.shape(a)[axis] == n
                    else a
                )
                for with_params in (False, True):
                    params = {k: cut(v) for k, v in given.params.items()} if with_params else dict(given.params)
                    if with_params and all(np.shape(params[k]) == np.shape(given.params[k]) for k in params):
                        continue
                    p = Problem("a sample less", params, tuple(cut(d) for d in given.data))
                    if _add(bench, p):
                        out.append(p)
                        return

    fewer()
    made = 0
    for seed in range(11, 23):
        r = np.random.default_rng(seed)
        bold = seed < 17

        def moved(d):
            a = np.asarray(d)
            if a.dtype.kind not in "iubf" or not a.size:
                return d
            if a.dtype.kind != "f":
                new = r.permutation(a.ravel()).reshape(a.shape)
                return new if a.ndim and isinstance(d, np.ndarray) else d if not a.ndim else new.tolist()
            new = r.permutation(a.ravel()).reshape(a.shape)
            few = set(np.unique(a).tolist()) <= {-1.0, 0.0, 1.0}
            if not few:
                new = new * (1 + 0.2 * r.uniform(-1, 1, size=a.shape))
                if bold and (a < 0).any() and (a > 0).any():
                    new = new * r.choice([-1.0, 1.0], size=a.shape)
            return new if isinstance(d, np.ndarray) else float(new) if not a.ndim else new.tolist()

        def shifted(v):
            a = np.asarray(v, float)
            spread = np.abs(a).max(initial=0.0) or 1.0
            new = r.permutation(a.ravel()).reshape(a.shape) * (1 + 0.3 * r.uniform(-1, 1, size=a.shape))
            return new + 0.3 * spread * r.normal(size=a.shape) if bold else new

        p = Problem(
            "other numbers", {k: shifted(v) for k, v in given.params.items()}, tuple(moved(d) for d in given.data)
        )
        if _add(bench, p):
            made += 1
            out.append(p)
        if made >= 3:
            break
    return out
