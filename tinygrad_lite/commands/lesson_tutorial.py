"""A two-layer network as tutorials write it, a backpropagation with four mistakes, and the same mended.

The lines that differ end in a comment. `tg.check` takes these functions as they are: data first, the output handed
over, updated weights returned.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def relu(x: Any) -> Any:
    """What is positive stays, the rest becomes 0."""
    return np.maximum(0, x)


def forward_propagation(X: Any, weights_1: Any, weights_2: Any, bias_1: Any, bias_2: Any) -> Any:
    """The network's output (N, outputs)."""
    a1 = relu(np.dot(X, weights_1) + bias_1)
    return relu(np.dot(a1, weights_2) + bias_2)


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The loss: the mean over all entries."""
    return np.mean((y_true - y_pred) ** 2)


def backpropagation(
    X: Any, y: Any, output: Any, weights_1: Any, weights_2: Any, bias_1: Any, bias_2: Any, learning_rate: Any
) -> tuple[Any, Any, Any, Any]:
    """One step of gradient descent, with four mistakes."""
    error_output = output - y  # 1 and 2
    d_weights_2 = np.dot(X.T, error_output)  # 3
    d_bias_2 = np.sum(error_output, axis=0, keepdims=True)
    error_hidden = np.dot(error_output, weights_2.T) * (X > 0)  # 4
    d_weights_1 = np.dot(X.T, error_hidden)
    d_bias_1 = np.sum(error_hidden, axis=0, keepdims=True)
    weights_1 = weights_1 - learning_rate * d_weights_1
    bias_1 = bias_1 - learning_rate * d_bias_1
    weights_2 = weights_2 - learning_rate * d_weights_2
    bias_2 = bias_2 - learning_rate * d_bias_2
    return weights_1, weights_2, bias_1, bias_2


def mended_backpropagation(
    X: Any, y: Any, output: Any, weights_1: Any, weights_2: Any, bias_1: Any, bias_2: Any, learning_rate: Any
) -> tuple[Any, Any, Any, Any]:
    """The same step, right."""
    a1 = relu(np.dot(X, weights_1) + bias_1)  # the hidden layer, which 3 and 4 need
    error_output = 2 * (output - y) / y.size * (output > 0)  # 1: the loss is a mean of squares, 2: relu' at the output
    d_weights_2 = np.dot(a1.T, error_output)  # 3: a1 in the place of X
    d_bias_2 = np.sum(error_output, axis=0, keepdims=True)
    error_hidden = np.dot(error_output, weights_2.T) * (a1 > 0)  # 4: relu' where the hidden layer is on
    d_weights_1 = np.dot(X.T, error_hidden)
    d_bias_1 = np.sum(error_hidden, axis=0, keepdims=True)
    weights_1 = weights_1 - learning_rate * d_weights_1
    bias_1 = bias_1 - learning_rate * d_bias_1
    weights_2 = weights_2 - learning_rate * d_weights_2
    bias_2 = bias_2 - learning_rate * d_bias_2
    return weights_1, weights_2, bias_1, bias_2


def diagnoses() -> tuple[Any, Any]:
    """The checks of the backpropagation as it is and of the mended one."""
    from tinygrad_lite.checking.check import check

    as_it_is = check(forward_propagation, mean_squared_error, backpropagation, mend=False)
    return as_it_is, check(forward_propagation, mean_squared_error, mended_backpropagation, mend=False)
