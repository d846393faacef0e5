"""How wrong a network is, as one number to go downhill on. Each name carries its convention.

y is what the network gave and t what it should have given: single numbers, lists with one entry
for each sample, or lists of such lists. Both have the same structure, since stretching one to fit
the other silently is how wrong losses are made. `mean` is over all entries, unless it says samples.

    mse, half_mse, sse, mae, huber             numbers
    binary_cross_entropy, ..._from_logits      a probability, or its logit, against 0 and 1
    cross_entropy                              logits of several classes against the right one
    hinge, multi_class_hinge                   scores that should keep a margin
    l1, l2                                     penalties on parameters
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tinygrad_lite.engine.ops import log, logsumexp, maximum, minimum, relu, softplus
from tinygrad_lite.engine.value import dot, total
from tinygrad_lite.errors import DomainError, ShapeError, user_line


def mse(y: Any, t: Any) -> Any:
    """The mean squared error, mean((y - t)^2): no one half in it.

    Gradient w.r.t. one of N entries: 2 (y - t) / N. Unit: that of y, squared. torch: `MSELoss()`.
    Source: A.-M. Legendre, "Nouvelles méthodes pour la détermination des orbites des comètes", 1805.

    >>> from tinygrad_lite import Value
    >>> mse([Value(1.0), Value(3.0)], [0.0, 1.0]).data
    2.5
    """
    errors = _errors("mse", y, t)
    return dot(errors, errors) / len(errors)


def half_mse(y: Any, t: Any) -> Any:
    """Half the mean squared error, mean((y - t)^2) / 2, for a gradient without the 2.

    Gradient w.r.t. an entry: (y - t) / N. Unit: that of y, squared. torch: `0.5 * MSELoss()`. Source: that of `mse`.
    """
    errors = _errors("half_mse", y, t)
    return dot(errors, errors) / (2 * len(errors))


def sse(y: Any, t: Any) -> Any:
    """The sum of squared errors, sum((y - t)^2): it grows with the number of samples.

    Gradient w.r.t. an entry: 2 (y - t). Unit: that of y, squared. torch: `MSELoss(reduction="sum")`.
    Source: that of `mse`.
    """
    errors = _errors("sse", y, t)
    return dot(errors, errors)


def mae(y: Any, t: Any) -> Any:
    """The mean absolute error, mean(|y - t|), which outliers move less than the mse.

    Gradient w.r.t. an entry: sign(y - t) / N, and 0 where they are equal. Unit: that of y. torch: `L1Loss()`.
    Source: R. J. Boscovich 1757 and P.-S. Laplace 1793, for the figure of the Earth.
    """
    errors = _errors("mae", y, t)
    return total([abs(e) for e in errors]) / len(errors)


def huber(y: Any, t: Any, delta: float = 1.0) -> Any:
    """The mean of e^2/2 for errors |e| <= delta, and of delta (|e| - delta/2) beyond: a parabola with arms.

    With c = e clipped to [-delta, delta] both cases are c (e - c/2), and the gradient w.r.t. an entry is c / N.
    Unit: that of y, squared. torch: `HuberLoss(delta)`. Source: P. J. Huber, "Robust estimation of a location
    parameter", 1964.

    >>> huber([0.5, 3.0], [0.0, 0.0])
    1.3125
    """
    if not delta > 0:
        raise DomainError(f"huber needs delta > 0, but got {delta!r}{user_line()}.")
    errors = _errors("huber", y, t)
    clipped = [maximum(minimum(e, delta), -delta) for e in errors]
    return total([c * (e - 0.5 * c) for c, e in zip(clipped, errors, strict=True)]) / len(errors)


def binary_cross_entropy(p: Any, t: Any) -> Any:
    """-mean(t log(p) + (1 - t) log(1 - p)) for probabilities p and targets t in [0, 1].

    Gradient w.r.t. an entry: (p - t) / (p (1 - p)) / N. Unit: nats. torch: `BCELoss()`, which replaces
    logarithms below -100 by -100; here a probability of exactly 0 or 1 against the other raises.
    If p is the sigmoid of something, `binary_cross_entropy_from_logits` of that something is stable.
    Source: I. J. Good, "Rational decisions", 1952.

    Raises:
        DomainError: a target outside [0, 1], or log of a probability that is not positive.
    """
    terms = []
    for q, target in _pairs("binary_cross_entropy", p, t):
        _probability(target)
        if target != 0:
            terms.append(log(q) * -target)
        if target != 1:
            terms.append(log(1.0 - q) * (target - 1.0))
    return total(terms) / _count(t)


def binary_cross_entropy_from_logits(z: Any, t: Any) -> Any:
    """The binary cross-entropy of p = sigmoid(z), stable for z of any size: mean(t softplus(-z) + (1 - t) softplus(z)).

    Gradient w.r.t. an entry: (sigmoid(z) - t) / N. Unit: nats. torch: `BCEWithLogitsLoss()`.
    Source: that of `binary_cross_entropy`; log(1 - sigmoid(z)) is -softplus(z).

    >>> binary_cross_entropy_from_logits([1000.0, -1000.0], [1, 1])
    500.0
    """
    terms = []
    for logit, target in _pairs("binary_cross_entropy_from_logits", z, t):
        _probability(target)
        if target != 0:
            terms.append(softplus(-logit) if target == 1 else softplus(-logit) * target)
        if target != 1:
            terms.append(softplus(logit) if target == 0 else softplus(logit) * (1.0 - target))
    return total(terms) / _count(t)


def cross_entropy(logits: Any, target: Any) -> Any:
    """-log of the probability that softmax(logits) gives to the target: log(sum(exp(z))) - z[target].

    The logits are the network's outputs before any softmax; logits of any size are safe. For a list
    of samples, it is the mean over the samples.

    Args:
        logits: one number or Value for each class, or a list of such lists, one for each sample.
        target: the number of the right class, or a distribution over the classes that sums to 1; or a list of those.

    Gradient: softmax(z) - t, where t is 1 for the target and 0 elsewhere; divided by the number of
    samples. Unit: nats. torch: `CrossEntropyLoss()`. Source: J. S. Bridle, "Probabilistic interpretation
    of feedforward classification network outputs", 1990.

    >>> from tinygrad_lite import Value
    >>> cross_entropy([Value(0.0), Value(0.0)], 1).data        # log 2
    0.6931471805599453
    >>> cross_entropy([1000.0, -1000.0], 0)
    0.0
    """
    if not _is_list(logits) or not len(logits):
        raise ShapeError(
            f"cross_entropy needs a list with a logit for each class, but got {logits!r:.60}{user_line()}."
        )
    if not _is_list(logits[0]):
        return _surprise(logits, target)
    if not _is_list(target) or len(target) != len(logits):
        raise ShapeError(f"cross_entropy needs a target for each of {len(logits)} samples, but got {target!r:.60}.")
    return total([_surprise(z, t) for z, t in zip(logits, target, strict=True)]) / len(logits)


def _surprise(z: Sequence[Any], target: Any) -> Any:
    """The cross-entropy of one sample."""
    if not _is_list(target):
        return logsumexp(*z) - z[_class(target, len(z))]
    if len(target) != len(z):
        raise ShapeError(
            f"as many probabilities as logits are needed, but got {len(target)} and {len(z)}{user_line()}."
        )
    return logsumexp(*z) * sum(target) - dot(z, list(target))


def hinge(y: Any, t: Any) -> Any:
    """The max-margin loss mean(max(0, 1 - t y)) for scores y and targets t = -1 or +1, as in a support vector machine.

    Gradient w.r.t. an entry: -t / N inside the margin, t y < 1, and 0 outside and on it. Unit: that of the score.
    Source: C. Cortes and V. Vapnik, "Support-vector networks", 1995.

    >>> hinge([2.0, -0.5], [1, 1])
    0.75
    """
    pairs = _pairs("hinge", y, t)
    for _, side in pairs:
        if side not in (-1, 1):
            raise DomainError(f"hinge needs targets -1 or +1, but got {side!r}{user_line()}.")
    return total([relu(1.0 + score * -side) for score, side in pairs]) / len(pairs)


def multi_class_hinge(scores: Any, target: Any) -> Any:
    """The max-margin loss of C classes: mean over samples of sum over j != t of max(0, 1 - y[t] + y[j]) / C.

    Args:
        scores: for each sample a list with one score for each class.
        target: for each sample the number of the right class.

    Gradient of one sample w.r.t. y[j], j != t: 1 / C where 1 - y[t] + y[j] > 0, else 0; w.r.t. y[t] minus their sum.
    Unit: that of the score. torch: `MultiMarginLoss()`. Source: J. Weston and C. Watkins, 1999.
    """
    if not _is_list(scores) or not _is_list(target) or len(scores) != len(target):
        raise ShapeError(f"multi_class_hinge needs a list of score lists and as many classes{user_line()}.")
    terms = []
    for y, k in zip(scores, target, strict=True):
        right = y[_class(k, len(y))]
        terms += [relu(1.0 - right + y[j]) / len(y) for j in range(len(y)) if j != k]
    return total(terms) / len(scores)


def l1(parameters: Iterable[Any]) -> Any:
    """The penalty sum(|p|), which draws small parameters to exactly 0. Gradient: sign(p).

    Unit: that of a parameter. Source: R. Tibshirani, "Regression shrinkage and selection via the lasso", 1996.

    >>> l1([1.0, -2.0])
    3.0
    """
    return total([abs(p) for p in parameters])


def l2(parameters: Iterable[Any]) -> Any:
    """The penalty sum(p^2), with no one half and no root, as in micrograd's demo. Gradient: 2 p.

    Unit: that of a parameter, squared. Source: A. E. Hoerl and R. W. Kennard, "Ridge regression", 1970.

    >>> l2([1.0, -2.0])
    5.0
    """
    ps = list(parameters)
    return dot(ps, ps) if ps else 0.0


# ---------------------------------------------------------------------- structures


def _is_list(x: Any) -> bool:
    return hasattr(x, "__len__")


def _count(t: Any) -> int:
    return sum(map(_count, t)) if _is_list(t) else 1


def _pairs(loss: str, y: Any, t: Any) -> list[tuple[Any, Any]]:
    """The entries of y and t side by side.

    Raises:
        ShapeError: the structures differ, or there is no entry.
    """
    pairs = list(_walk(loss, y, t, "y"))
    if not pairs:
        raise ShapeError(f"{loss} needs at least one entry, but got empty lists{user_line()}.")
    return pairs


def _walk(loss: str, y: Any, t: Any, place: str) -> Iterator[tuple[Any, Any]]:
    if not _is_list(y) and not _is_list(t):
        yield y, t
    elif _is_list(y) and _is_list(t) and len(y) == len(t):
        for i, (a, b) in enumerate(zip(y, t, strict=True)):
            yield from _walk(loss, a, b, f"{place}[{i}]")
    else:
        sizes = [f"a list of {len(x)}" if _is_list(x) else "one number" for x in (y, t)]
        raise ShapeError(
            f"{loss} needs outputs and targets of the same shape, but {place} is {sizes[0]} "
            f"and its target {sizes[1]}{user_line()}."
        )


def _errors(loss: str, y: Any, t: Any) -> list[Any]:
    return [a - b for a, b in _pairs(loss, y, t)]


def _probability(t: Any) -> None:
    if not 0 <= t <= 1:
        raise DomainError(f"binary cross-entropy needs targets from 0 to 1, but got {t!r}{user_line()}.")


def _class(k: Any, n: int) -> int:
    """The number of a class, of a traced one too, which becomes a path for each class."""
    whole = k.is_integer() if isinstance(k, float) else hasattr(k, "__index__")
    if not whole or not 0 <= k < n:
        raise ShapeError(f"a class from 0 to {n - 1} is needed for {n} logits, but got {k!r}{user_line()}.")
    return int(k) if isinstance(k, float) else k.__index__()  # type: ignore[no-any-return]
