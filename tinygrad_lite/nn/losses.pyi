"""How wrong a network is: a Value if its outputs are Values, a float for numbers.

Written off the table of ops by `python .ci/stubs.py`; tests/test_public_names.py holds it equal.
"""
# mypy: disable-error-code="overload-overlap"

from collections.abc import Iterable
from typing import Any, TypeAlias, overload

from tinygrad_lite.engine.value import Value

_Values: TypeAlias = Value | Iterable[Value | float] | Iterable[Iterable[Value | float]]
_Numbers: TypeAlias = float | Iterable[float] | Iterable[Iterable[float]]

@overload
def mse(y: _Numbers, t: Any) -> float:
    """The mean squared error, mean((y - t)^2): no one half in it.

    Gradient w.r.t. one of N entries: 2 (y - t) / N. Unit: that of y, squared. torch: `MSELoss()`.
    Source: A.-M. Legendre, "Nouvelles méthodes pour la détermination des orbites des comètes", 1805.

    >>> from tinygrad_lite import Value
    >>> mse([Value(1.0), Value(3.0)], [0.0, 1.0]).data
    2.5
    """

@overload
def mse(y: _Values, t: Any) -> Value: ...
@overload
def half_mse(y: _Numbers, t: Any) -> float:
    """Half the mean squared error, mean((y - t)^2) / 2, for a gradient without the 2.

    Gradient w.r.t. an entry: (y - t) / N. Unit: that of y, squared. torch: `0.5 * MSELoss()`. Source: that of `mse`.
    """

@overload
def half_mse(y: _Values, t: Any) -> Value: ...
@overload
def sse(y: _Numbers, t: Any) -> float:
    """The sum of squared errors, sum((y - t)^2): it grows with the number of samples.

    Gradient w.r.t. an entry: 2 (y - t). Unit: that of y, squared. torch: `MSELoss(reduction="sum")`.
    Source: that of `mse`.
    """

@overload
def sse(y: _Values, t: Any) -> Value: ...
@overload
def mae(y: _Numbers, t: Any) -> float:
    """The mean absolute error, mean(|y - t|), which outliers move less than the mse.

    Gradient w.r.t. an entry: sign(y - t) / N, and 0 where they are equal. Unit: that of y. torch: `L1Loss()`.
    Source: R. J. Boscovich 1757 and P.-S. Laplace 1793, for the figure of the Earth.
    """

@overload
def mae(y: _Values, t: Any) -> Value: ...
@overload
def huber(y: _Numbers, t: Any, delta: float = 1.0) -> float:
    """The mean of e^2/2 for errors |e| <= delta, and of delta (|e| - delta/2) beyond: a parabola with arms.

    With c = e clipped to [-delta, delta] both cases are c (e - c/2), and the gradient w.r.t. an entry is c / N.
    Unit: that of y, squared. torch: `HuberLoss(delta)`. Source: P. J. Huber, "Robust estimation of a location
    parameter", 1964.

    >>> huber([0.5, 3.0], [0.0, 0.0])
    1.3125
    """

@overload
def huber(y: _Values, t: Any, delta: float = 1.0) -> Value: ...
@overload
def binary_cross_entropy(p: _Numbers, t: Any) -> float:
    """-mean(t log(p) + (1 - t) log(1 - p)) for probabilities p and targets t in [0, 1].

    Gradient w.r.t. an entry: (p - t) / (p (1 - p)) / N. Unit: nats. torch: `BCELoss()`, which replaces
    logarithms below -100 by -100; here a probability of exactly 0 or 1 against the other raises.
    If p is the sigmoid of something, `binary_cross_entropy_from_logits` of that something is stable.
    Source: I. J. Good, "Rational decisions", 1952.

    Raises:
        DomainError: a target outside [0, 1], or log of a probability that is not positive.
    """

@overload
def binary_cross_entropy(p: _Values, t: Any) -> Value: ...
@overload
def binary_cross_entropy_from_logits(z: _Numbers, t: Any) -> float:
    """The binary cross-entropy of p = sigmoid(z), stable for z of any size: mean(t softplus(-z) + (1 - t) softplus(z)).

    Gradient w.r.t. an entry: (sigmoid(z) - t) / N. Unit: nats. torch: `BCEWithLogitsLoss()`.
    Source: that of `binary_cross_entropy`; log(1 - sigmoid(z)) is -softplus(z).

    >>> binary_cross_entropy_from_logits([1000.0, -1000.0], [1, 1])
    500.0
    """

@overload
def binary_cross_entropy_from_logits(z: _Values, t: Any) -> Value: ...
@overload
def cross_entropy(logits: _Numbers, target: Any) -> float:
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

@overload
def cross_entropy(logits: _Values, target: Any) -> Value: ...
@overload
def hinge(y: _Numbers, t: Any) -> float:
    """The max-margin loss mean(max(0, 1 - t y)) for scores y and targets t = -1 or +1, as in a support vector machine.

    Gradient w.r.t. an entry: -t / N inside the margin, t y < 1, and 0 outside and on it. Unit: that of the score.
    Source: C. Cortes and V. Vapnik, "Support-vector networks", 1995.

    >>> hinge([2.0, -0.5], [1, 1])
    0.75
    """

@overload
def hinge(y: _Values, t: Any) -> Value: ...
@overload
def multi_class_hinge(scores: _Numbers, target: Any) -> float:
    """The max-margin loss of C classes: mean over samples of sum over j != t of max(0, 1 - y[t] + y[j]) / C.

    Args:
        scores: for each sample a list with one score for each class.
        target: for each sample the number of the right class.

    Gradient of one sample w.r.t. y[j], j != t: 1 / C where 1 - y[t] + y[j] > 0, else 0; w.r.t. y[t] minus their sum.
    Unit: that of the score. torch: `MultiMarginLoss()`. Source: J. Weston and C. Watkins, 1999.
    """

@overload
def multi_class_hinge(scores: _Values, target: Any) -> Value: ...
@overload
def l1(parameters: _Numbers) -> float:
    """The penalty sum(|p|), which draws small parameters to exactly 0. Gradient: sign(p).

    Unit: that of a parameter. Source: R. Tibshirani, "Regression shrinkage and selection via the lasso", 1996.

    >>> l1([1.0, -2.0])
    3.0
    """

@overload
def l1(parameters: _Values) -> Value: ...
@overload
def l2(parameters: _Numbers) -> float:
    """The penalty sum(p^2), with no one half and no root, as in micrograd's demo. Gradient: 2 p.

    Unit: that of a parameter, squared. Source: A. E. Hoerl and R. W. Kennard, "Ridge regression", 1970.

    >>> l2([1.0, -2.0])
    5.0
    """

@overload
def l2(parameters: _Values) -> Value: ...
