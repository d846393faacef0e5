"""Networks with scikit-learn's interface: `nn.Classifier` and `nn.Regressor`.

They stand where an estimator of scikit-learn stands: in a Pipeline, in `cross_val_score`, in a GridSearchCV. What is
underneath stays within reach: `model_` is the network, a Module, and `history_` the record of its training.

scikit-learn checks the data and is imported here alone. Both pass its `check_estimator`, without exception.
"""

from __future__ import annotations

import math
from typing import Any

from tinygrad_lite.nn.history import History
from tinygrad_lite.nn.layers import MLP, SMOOTH
from tinygrad_lite.nn.losses import cross_entropy, mse
from tinygrad_lite.nn.optimizers import Adam
from tinygrad_lite.nn.sequential import Sequential, Standardize
from tinygrad_lite.nn.training import fit

try:
    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "nn.Classifier and nn.Regressor need scikit-learn: pip install scikit-learn.\n"
        "  nn.MLP and nn.fit train without it.",
        name=missing.name,
    ) from missing


class Estimator(BaseEstimator):  # type: ignore[misc]
    """What Classifier and Regressor share: their parameters, and the training.

    Args:
        hidden: how many neurons each hidden layer has.
        activation: of the hidden layers, by its name.
        lr: the learning rate of Adam.
        epochs: how many times every sample is seen.
        batch_size: samples in a batch, shuffled anew in each epoch.
        penalty: times half the sum of all squared parameters, as Adam's weight decay.
        random_state: a whole number, from which weights and shuffles are drawn.
        compiled: take the steps in compiled code, as `nn.fit(compiled=True)`.

    Attributes, after `fit`:
        model_: the network, a Module that measures its inputs' mean and deviation first.
        history_: loss and gradient norms of every epoch.
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (16,),
        *,
        activation: str = SMOOTH,
        lr: float = 0.02,
        epochs: int = 100,
        batch_size: int | None = 32,
        penalty: float = 0.0,
        random_state: int | None = 0,
        compiled: bool = True,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.penalty = penalty
        self.random_state = random_state
        self.compiled = compiled

    def _train(self, X: Any, targets: list[Any], outputs: int, loss: Any) -> None:
        seed = self._seed()
        inputs = X.tolist()
        network = MLP(X.shape[1], [*self.hidden, outputs], activation=self.activation, init="xavier", seed=seed)
        self.model_: Sequential = Sequential(Standardize(inputs), network)
        optimizer = Adam(network, lr=self.lr, weight_decay=self.penalty)
        batch = None if self.batch_size is None else min(self.batch_size, len(inputs))
        how: dict[str, Any] = {"epochs": self.epochs, "batch_size": batch, "seed": seed, "compiled": self.compiled}
        self.history_: History = fit(self.model_, (inputs, targets), loss, optimizer, progress=False, **how)
        self.n_iter_: int = len(self.history_)

    def _seed(self) -> int:
        state: Any = np.random if self.random_state is None else self.random_state
        return int(state.randint(2**31 - 1) if hasattr(state, "randint") else state)

    def _outputs(self, X: Any) -> Any:
        """m rows, one for each sample; as many columns as the network has outputs."""
        check_is_fitted(self, "model_")
        answers = self.model_(validate_data(self, X, reset=False, dtype=float))
        return np.array([[y.data for y in (a if isinstance(a, list) else [a])] for a in answers])


class Classifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """A network that puts samples into classes, trained on the cross-entropy; for scikit-learn's tools.

    >>> from tinygrad_lite import nn
    >>> flowers = nn.datasets.iris()
    >>> flowers = nn.Classifier(hidden=(8,), epochs=20).fit(flowers.inputs, flowers.targets)
    >>> flowers.predict([[5.0, 3.4, 1.5, 0.2]]).tolist(), flowers.predict_proba([[5.0, 3.4, 1.5, 0.2]]).shape
    ([0], (1, 3))
    """

    def fit(self, X: Any, y: Any) -> Classifier:
        """Train a new network on m samples and their classes, numbers or words.

        Raises:
            ValueError: the samples are no table of finite numbers, or the targets no classes.
        """
        X, y = validate_data(self, X, y, dtype=float)
        check_classification_targets(y)
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a Classifier needs samples of two classes or more, but got one class: {y[0]!r}.")
        self._train(X, places.tolist(), len(self.classes_), cross_entropy)
        return self

    def decision_function(self, X: Any) -> Any:
        """The logits: m rows, a column for each class; of two classes, how much larger the second's logit is."""
        logits = self._outputs(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X: Any) -> Any:
        """The probabilities: m rows, a column for each class of `classes_`, 1 in all."""
        logits = self._outputs(X)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> Any:
        """The most probable class of each sample."""
        places = self._outputs(X).argmax(axis=1)
        return self.classes_[places]


class Regressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """A network that predicts a number, trained on the mean squared error; for scikit-learn's tools.

    The targets are standardized for the training; what `predict` gives is on their own scale.

    >>> from tinygrad_lite import nn
    >>> line = nn.Regressor(hidden=(), epochs=200).fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> round(float(line.predict([[3.0]])[0]), 2)
    7.0
    """

    def fit(self, X: Any, y: Any) -> Regressor:
        """Train a new network on m samples and their numbers.

        Raises:
            ValueError: the samples are no table of finite numbers, or the targets no finite numbers.
        """
        X, y = validate_data(self, X, y, dtype=float, y_numeric=True)
        y = y.astype(float)
        self.target_mean_: float = float(y.mean())
        self.target_deviation_: float = float(y.std()) or 1.0
        if not math.isfinite(self.target_deviation_):
            raise ValueError("the targets are too large to be standardized.")
        self._train(X, ((y - self.target_mean_) / self.target_deviation_).tolist(), 1, mse)
        return self

    def predict(self, X: Any) -> Any:
        """The number of each sample."""
        return self._outputs(X)[:, 0] * self.target_deviation_ + self.target_mean_
