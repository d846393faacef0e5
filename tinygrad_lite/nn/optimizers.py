"""How the parameters move, given their gradients.

An optimizer holds a list of parameters, some numbers for each of them (its state), and one rule.
The rule says in ordinary arithmetic how one parameter moves:

    rule(p, g, state, *numbers) -> (new p, new state)

where `numbers` are what all parameters share in this step, such as the learning rate. The rule is the whole optimizer:
whoever feeds it symbols instead of floats gets its formula. A hyperparameter of zero leaves its term out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_lite.engine.ops import sqrt
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import DomainError, StateError, user_line
from tinygrad_lite.nn.module import Module
from tinygrad_lite.nn.schedules import Schedule, from_description

State = tuple[Any, ...]
Rate = float | Callable[[int], float]
Parameters = Iterable[Value] | Module


class Optimizer:
    """What all optimizers share: `step()` moves every parameter by the rule, `zero_grad()` begins afresh.

    Args:
        parameters: a list of Values, or a Module, whose `parameters()` are taken as they are now.
        lr: the learning rate, a number or a schedule (a function of the step, counted from 0).
        hyper: the numbers of the rule, by name.
        clip_norm: scale the gradients down together if their Euclidean norm is larger.
        clip_value: cut each gradient to [-clip_value, clip_value].

    Clipping changes what the rule sees and leaves `.grad` as it was computed.

    Attributes:
        steps: how many steps have been taken.
        state: for each name of `slots` one float a parameter.

    >>> p = Value(1.0); p.grad = 0.5
    >>> SGD([p], lr=0.1).step()
    >>> p.data
    0.95
    """

    slots: tuple[str, ...] = ()

    def __init__(
        self,
        parameters: Parameters,
        lr: Rate,
        hyper: dict[str, Any],
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self.parameters: list[Value] = parameters.parameters() if isinstance(parameters, Module) else list(parameters)
        if not self.parameters or not all(isinstance(p, Value) for p in self.parameters):
            raise ValueError("an optimizer needs a Module or a list of Values, at least one, to train.")
        if len(set(self.parameters)) != len(self.parameters):
            raise ValueError("a parameter is in the list twice, and would be moved twice in each step.")
        self.lr: Rate = lr
        self.hyper: dict[str, Any] = {**hyper, "clip_norm": clip_norm, "clip_value": clip_value}
        for name, x in [("lr", 0.0 if callable(lr) else lr), *self.hyper.items()]:
            if x is not None and not 0 <= x < math.inf:
                raise DomainError(f"{type(self).__name__} needs {name} >= 0, but got {x!r}{user_line()}.")
        self.steps: int = 0
        self.state: dict[str, list[float]] = {name: [0.0] * len(self.parameters) for name in self.slots}

    def numbers(self, lr: float, t: Any) -> State:
        """The quantities that all parameters share in step t, counted from 1; of most the learning rate alone."""
        return (lr,)

    def rule(self, p: Any, g: Any, state: State, *numbers: Any) -> tuple[Any, State]:
        """How one parameter moves; see the top of the file."""
        raise NotImplementedError

    def decayed(self, p: Any, g: Any) -> Any:
        """The gradient with that of the penalty weight_decay p^2 / 2."""
        return g + self.hyper["weight_decay"] * p if self.hyper["weight_decay"] else g

    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return float(self.lr(self.steps)) if callable(self.lr) else self.lr

    def zero_grad(self) -> None:
        """Set the gradients to 0, before a new backward pass."""
        for p in self.parameters:
            p.grad = 0.0

    def step(self) -> None:
        """Move every parameter against its gradient; if it is interrupted, none has moved."""
        numbers, before = self.numbers(self.learning_rate(), self.steps + 1), [p.data for p in self.parameters]
        states = zip(*self.state.values(), strict=True) if self.state else [()] * len(before)
        moved = [self.rule(x, g, own, *numbers) for x, g, own in zip(before, self._gradients(), states, strict=True)]
        columns = zip(*(state for _, state in moved), strict=True)
        state = {name: list(column) for name, column in zip(self.slots, columns, strict=True)}
        try:
            for p, (x, _) in zip(self.parameters, moved, strict=True):
                p.data = x
            self.state, self.steps = state, self.steps + 1
        except BaseException:  # Ctrl-C too
            for p, x in zip(self.parameters, before, strict=True):
                p.data = x
            raise

    def _gradients(self) -> list[float]:
        """The gradients as the rule sees them: clipped by value, then by norm."""
        gs = [p.grad.data if isinstance(p.grad, Value) else p.grad for p in self.parameters]
        limit = self.hyper["clip_value"]
        if limit is not None:
            gs = [g if -limit <= g <= limit else math.copysign(limit, g) if g == g else g for g in gs]
        limit = self.hyper["clip_norm"]
        if limit is not None:
            norm = math.hypot(*gs)
            if norm > limit:
                gs = [g * (limit / norm) for g in gs]
        return gs

    def describe(self) -> dict[str, Any]:
        """Name, learning rate and numbers of the rule, as plain data; a foreign schedule becomes None."""
        lr = self.lr.describe() if isinstance(self.lr, Schedule) else None if callable(self.lr) else self.lr
        return {"name": type(self).__name__, "lr": lr, **self.hyper}

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on exactly where it stands, as plain data."""
        state = {name: list(column) for name, column in self.state.items()}
        return {"optimizer": self.describe(), "steps": self.steps, "state": state}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Take over the configuration, the step count and the state that `state_dict` gave.

        A learning rate that was a function of the user's own stays as it is here.

        Raises:
            StateError: the state is of another optimizer, of other parameters or malformed; nothing was changed.
        """
        try:
            hyper = dict(saved["optimizer"])
            name, lr = hyper.pop("name"), hyper.pop("lr")
            steps, columns = saved["steps"], {str(key): list(column) for key, column in saved["state"].items()}
            lr = self.lr if lr is None else lr if isinstance(lr, (int, float)) else from_description(lr)
        except (TypeError, KeyError, ValueError, AttributeError) as reason:
            raise StateError(f"this is no state of an optimizer ({reason!r}); nothing was changed.") from None
        if name != type(self).__name__ or hyper.keys() != self.hyper.keys():
            raise StateError(f"this state belongs to {name!r:.40}, not to {type(self).__name__}; nothing was changed.")
        n, sizes = len(self.parameters), {key: len(column) for key, column in columns.items()}
        if sizes != dict.fromkeys(self.slots, n):
            raise StateError(f"{n} entries in each of {self.slots} are needed, but got {sizes}; nothing was changed.")
        numbers = [*(x for column in columns.values() for x in column), *(x for x in hyper.values() if x is not None)]
        if not isinstance(steps, int) or not all(isinstance(x, (int, float)) for x in numbers):
            raise StateError("an entry of this optimizer's state is not a number; nothing was changed.")
        self.lr, self.hyper, self.steps = lr, hyper, steps
        self.state = {key: [float(x) for x in columns[key]] for key in self.slots}

    def __repr__(self) -> str:
        hyper = "".join(f", {name}={x!r}" for name, x in self.hyper.items() if x)
        return f"{type(self).__name__}({len(self.parameters)} parameters, lr={self.lr!r}{hyper})"


class SGD(Optimizer):
    """Stochastic gradient descent, p - lr v, where v is the gradient or a running sum of gradients.

        g = g + weight_decay p;   v = momentum v + g;   p = p - lr v      (Nesterov: p - lr (g + momentum v))

    torch: `SGD`, without dampening. Source: Polyak 1964; Nesterov 1983, in the form of Sutskever et al. 2013.
    """

    def __init__(
        self,
        parameters: Parameters,
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
        hyper = {"momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
        super().__init__(parameters, lr, hyper, **clip)

    def rule(self, p: Any, g: Any, state: State, *numbers: Any) -> tuple[Any, State]:
        (lr,), momentum, g = numbers, self.hyper["momentum"], self.decayed(p, g)
        if not momentum:
            return p - lr * g, state
        v = momentum * state[0] + g
        return p - lr * (g + momentum * v if self.hyper["nesterov"] else v), (v,)


class RMSprop(Optimizer):
    """The gradient divided by the root of its running mean square, so that every parameter moves at a similar pace.

        g = g + weight_decay p;   s = alpha s + (1 - alpha) g^2;   p = p - lr g / (sqrt(s) + eps)

    torch: `RMSprop`. Source: Tieleman and Hinton, lecture 6.5 of "Neural Networks for Machine Learning", 2012.
    """

    slots: tuple[str, ...] = ("square",)

    def __init__(
        self,
        parameters: Parameters,
        lr: Rate = 0.01,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **clip: Any,
    ) -> None:
        super().__init__(parameters, lr, {"alpha": alpha, "eps": eps, "weight_decay": weight_decay}, **clip)

    def rule(self, p: Any, g: Any, state: State, *numbers: Any) -> tuple[Any, State]:
        (lr,), alpha, g = numbers, self.hyper["alpha"], self.decayed(p, g)
        square = alpha * state[0] + (1 - alpha) * (g * g)
        return p - lr * (g / (sqrt(square) + self.hyper["eps"])), (square,)


class Adagrad(Optimizer):
    """The gradient divided by the root of the sum of all its squares: steps only become smaller.

        g = g + weight_decay p;   s = s + g^2;   p = p - lr g / (sqrt(s) + eps)

    torch: `Adagrad`, without lr_decay. Source: Duchi, Hazan and Singer 2011.
    """

    slots: tuple[str, ...] = ("square",)

    def __init__(
        self, parameters: Parameters, lr: Rate = 0.01, *, eps: float = 1e-10, weight_decay: float = 0.0, **clip: Any
    ) -> None:
        super().__init__(parameters, lr, {"eps": eps, "weight_decay": weight_decay}, **clip)

    def rule(self, p: Any, g: Any, state: State, *numbers: Any) -> tuple[Any, State]:
        (lr,), g = numbers, self.decayed(p, g)
        square = state[0] + g * g
        return p - lr * (g / (sqrt(square) + self.hyper["eps"])), (square,)


class Adam(Optimizer):
    """Running means of the gradient, m, and of its square, v, both corrected for having begun at 0.

        g = g + weight_decay p
        m = beta1 m + (1 - beta1) g;    v = beta2 v + (1 - beta2) g^2
        p = p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    torch: `Adam`. Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015.
    """

    slots: tuple[str, ...] = ("mean", "square")

    def __init__(
        self,
        parameters: Parameters,
        lr: Rate = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **clip: Any,
    ) -> None:
        hyper = {"beta1": beta1, "beta2": beta2, "eps": eps, "weight_decay": weight_decay}
        super().__init__(parameters, lr, hyper, **clip)

    def numbers(self, lr: float, t: Any) -> State:
        """The learning rate, the corrected one, and by what the root of the square is multiplied to correct it."""
        return lr, lr / (1 - self.hyper["beta1"] ** t), 1.0 / sqrt(1 - self.hyper["beta2"] ** t)

    def rule(self, p: Any, g: Any, state: State, *numbers: Any) -> tuple[Any, State]:
        return self.adam_step(p, self.decayed(p, g), state, *numbers)

    def adam_step(self, p: Any, g: Any, state: State, lr: Any, pace: Any, correction: Any) -> tuple[Any, State]:
        (m, v), beta1, beta2 = state, self.hyper["beta1"], self.hyper["beta2"]
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * (g * g)
        return p - pace * (m / (sqrt(v) * correction + self.hyper["eps"])), (m, v)


class AdamW(Adam):
    """Adam, with the weight decay taken from the parameter itself and not mixed into its gradient.

        p = p - lr weight_decay p, then as Adam

    torch: `AdamW`. Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
    """

    def __init__(self, parameters: Parameters, lr: Rate = 0.001, *, weight_decay: float = 0.01, **how: Any) -> None:
        super().__init__(parameters, lr, weight_decay=weight_decay, **how)

    def rule(self, p: Any, g: Any, state: State, *numbers: Any) -> tuple[Any, State]:
        decay = self.hyper["weight_decay"]
        return self.adam_step(p - numbers[0] * decay * p if decay else p, g, state, *numbers)
