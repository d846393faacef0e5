"""A backpropagation written by hand in NumPy, as a student writes it, for the lesson to check.

The network is the lesson's: 4 inputs, 8 hidden units with tanh, 3 classes with softmax, and the mean cross-entropy.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def forward(W1: Any, b1: Any, W2: Any, b2: Any, X: Any) -> tuple[Any, Any]:
    """Hidden activations (N, 8) and class probabilities (N, 3)."""
    A1 = np.tanh(X @ W1 + b1)
    Z2 = A1 @ W2 + b2
    E = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
    return A1, E / E.sum(axis=1, keepdims=True)


def backprop(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, T: Any) -> dict[str, Any]:
    """The gradients of the mean cross-entropy; T is (N, 3), one 1 in each row."""
    A1, P = forward(W1, b1, W2, b2, X)
    dZ2 = (P - T) / len(X)  # (N, 3)  softmax and cross-entropy together
    dW2 = A1.T @ dZ2  # (8, 3)
    db2 = dZ2.sum(axis=0)  # (3,)
    dA1 = dZ2 @ W2.T  # (N, 8)
    dZ1 = dA1 * (1 - A1**2)  # (N, 8)  the derivative of tanh
    dW1 = X.T @ dZ1  # (4, 8)
    db1 = dZ1.sum(axis=0)  # (8,)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def loss(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, T: Any) -> Any:
    """The mean cross-entropy."""
    return -np.sum(T * np.log(forward(W1, b1, W2, b2, X)[1])) / len(X)


def backprop_with_a_mistake(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, T: Any) -> dict[str, Any]:
    """The same, with one slip that no shape betrays: the derivative of tanh is missing."""
    A1, P = forward(W1, b1, W2, b2, X)
    dZ2 = (P - T) / len(X)
    dW2 = A1.T @ dZ2
    db2 = dZ2.sum(axis=0)
    dA1 = dZ2 @ W2.T
    dZ1 = dA1  # the slip
    dW1 = X.T @ dZ1
    db1 = dZ1.sum(axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
