"""The likelihood of a scalar Kalman filter, by hand, without arrays of parameters."""

BACKWARD = ["score"]


def loss(a, q, r, ys):
    m, p, nll = 0.0, 1.0, 0.0
    for y in ys:
        m, p = a * m, a * a * p + q
        s = p + r
        e = y - m
        nll = nll + 0.5 * (e * e / s) + 0.5 * s
        k = p / s
        m = m + k * e
        p = (1 - k) * p
    return nll


def score(a, q, r, ys):
    m, p, log = 0.0, 1.0, []
    for y in ys:
        m0, p0 = m, p
        mp, pp = a * m0, a * a * p0 + q
        s = pp + r
        e = y - mp
        k = pp / s
        m = mp + k * e
        p = (1 - k) * pp
        log.append((m0, p0, pp, s, e, k))
    da = dq = dr = dm = dp = 0.0
    for m0, p0, pp, s, e, k in log[::-1]:
        dk = dm * e - dp * pp
        dpp = dp * (1 - k) + dk / s
        ds = -dk * pp / s**2 - 0.5 * e * e / s**2 + 0.5
        de = dm * k + e / s
        dpp += ds
        dr += ds
        dmp = dm - de
        da += dmp * m0 + dpp * 2 * a * p0
        dq += dpp
        dm = dmp * a
        dp = dpp * a * a
    return {"a": da, "q": dq, "r": dr}


backprop = score


def make(seed):
    import random

    g = random.Random(seed)
    return {"a": g.uniform(0.5, 0.95), "q": g.uniform(0.2, 1), "r": g.uniform(0.3, 1)}, (
        [g.gauss(0, 1) for _ in range(5)],
    )
