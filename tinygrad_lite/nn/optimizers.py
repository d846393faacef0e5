"""The optimizers, each one rule: how a parameter moves, given its gradient. Read `optimizer.py` first.

A zero in the hyperparameters leaves its term out, so that plain gradient descent is p - lr g and nothing more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.value import Value
from tinygrad_lite.nn.module import Module
from tinygrad_lite.nn.optimizer import Optimizer, Rate, State


def sqrt(x: Any) -> Any:
    """The square root of a float, or of whatever the rule is fed with."""
    return math.sqrt(x) if x.__class__ is float else ops.sqrt(x)


class SGD(Optimizer):
    """Stochastic gradient descent, p - lr v, where v is the gradient or a running sum of gradients.

        g = g + weight_decay p;   v = momentum v + g;   p = p - lr v      (Nesterov: p - lr (g + momentum v))

    torch: `SGD`, without dampening. Source: Polyak 1964; Nesterov 1983, in the form of Sutskever et al. 2013.
    """

    def __init__(
        self,
        parameters: Iterable[Value] | Module,
        lr: Rate = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        **clip: Any,
    ) -> None:
        if nesterov and not momentum:
            raise ValueError("Nesterov's method looks ahead along the momentum, so it needs momentum > 0.")
        self.slots: tuple[str, ...] = ("momentum",) if momentum else ()
        super().__init__(
            parameters, lr, {"momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}, **clip
        )

    def rule(self, p: Any, g: Any, state: State, *numbers: Any) -> tuple[Any, State]:
        (lr,), hyper = numbers, self.hyper
        momentum = hyper["momentum"]
        if hyper["weight_decay"]:
            g = g + hyper["weight_decay"] * p
        if not momentum:
            return p - lr * g, state
        v = momentum * state[0] + g
        return p - lr * (g + momentum * v if hyper["nesterov"] else v), (v,)


class RMSprop(Optimizer):
    """The gradient divided by the root of its running mean square, so that every parameter moves at a similar pace.

        g = g + weight_decay p;   s = alpha s + (1 - alpha) g^2;   p = p - lr g / (sqrt(s) + eps)

    torch: `RMSprop`. Source: Tieleman and Hinton, lecture 6.5 of "Neural Networks for Machine Learning", 2012.
    """

    slots: tuple[str, ...] = ("square",)

    def __init__(
        self,
        parameters: Iterable[Value] | Module,
        lr: Rate = 0.01,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **clip: Any,
    ) -> None:
        super().__init__(parameters, lr, {"alpha": alpha, "eps": eps, "weight_decay": weight_decay}, **clip)

    def rule(self, p: Any, g: Any, state: State, *numbers: Any) -> tuple[Any, State]:
        (lr,), hyper = numbers, self.hyper
        alpha = hyper["alpha"]
        if hyper["weight_decay"]:
            g = g + hyper["weight_decay"] * p
        square = alpha * state[0] + (1 - alpha) * (g * g)
        return p - lr * (g / (sqrt(square) + hyper["eps"])), (square,)


class Adagrad(Optimizer):
    """The gradient divided by the root of the sum of all its squares: steps only become smaller.

        g = g + weight_decay p;   s = s + g^2;   p = p - lr g / (sqrt(s) + eps)

    torch: `Adagrad`, without lr_decay. Source: Duchi, Hazan and Singer 2011.
    """

    slots: tuple[str, ...] = ("square",)

    def __init__(
        self,
        parameters: Iterable[Value] | Module,
        lr: Rate = 0.01,
        *,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        **clip: Any,
    ) -> None:
        super().__init__(parameters, lr, {"eps": eps, "weight_decay": weight_decay}, **clip)

    def rule(self, p: Any, g: Any, state: State, *numbers: Any) -> tuple[Any, State]:
        (lr,), hyper = numbers, self.hyper
        if hyper["weight_decay"]:
            g = g + hyper["weight_decay"] * p
        square = state[0] + g * g
        return p - lr * (g / (sqrt(square) + hyper["eps"])), (square,)


class Adam(Optimizer):
    """Running means of the gradient, m, and of its square, v, both corrected for having begun at 0.

        g = g + weight_decay p
        m = beta1 m + (1 - beta1) g;    v = beta2 v + (1 - beta2) g^2
        p = p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    torch: `Adam`. Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015.
    """

    slots: tuple[str, ...] = ("mean", "square")
    decoupled = False

    def __init__(
        self,
        parameters: Iterable[Value] | Module,
        lr: Rate = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **clip: Any,
    ) -> None:
        super().__init__(
            parameters, lr, {"beta1": beta1, "beta2": beta2, "eps": eps, "weight_decay": weight_decay}, **clip
        )

    def numbers(self, lr: float, t: Any) -> State:
        """The learning rate, the corrected one, and the root of the square's correction."""
        return lr, lr / (1 - self.hyper["beta1"] ** t), sqrt(1 - self.hyper["beta2"] ** t)

    def rule(self, p: Any, g: Any, state: State, *numbers: Any) -> tuple[Any, State]:
        (lr, pace, correction), (m, v), hyper = numbers, state, self.hyper
        beta1, beta2, decay = hyper["beta1"], hyper["beta2"], hyper["weight_decay"]
        if decay and self.decoupled:
            p = p - lr * decay * p
        elif decay:
            g = g + decay * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * (g * g)
        return p - pace * (m / (sqrt(v) / correction + hyper["eps"])), (m, v)


class AdamW(Adam):
    """Adam, with the weight decay taken from the parameter itself and not mixed into its gradient.

        p = p - lr weight_decay p, then as Adam

    torch: `AdamW`. Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
    """

    decoupled = True

    def __init__(
        self, parameters: Iterable[Value] | Module, lr: Rate = 0.001, *, weight_decay: float = 0.01, **how: Any
    ):
        super().__init__(parameters, lr, weight_decay=weight_decay, **how)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
}
