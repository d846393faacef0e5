"""The backward pass of a NumPy function as plain NumPy, in the user's own names.

    print(tg.backward_source(loss, params, X, y))

    da1 = dz2 @ W2.T            # line 4: z2 = a1 @ W2 + b2
    dz1 = da1 * (z1 > 0.0)      # line 3: a1 = np.maximum(z1, 0)

The statements (flatten.py) are run once for the shapes of all expressions, and then gone through from the last to the
first: each hands the gradient of what it made to what it read, by the rules of rules.py. What a loop overwrites and
the way back needs is kept in a list. The result is compared with the engine when it is made.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tinygrad_lite.errors import OperandError, TinygradLiteError, user_line
from tinygrad_lite.export.backward_pass.backward_code import BackwardCode

CLOSE = 1e-10
"""How far, relative to the largest number, the gradient may be from the engine's."""


class BackwardSource:
    """The backward pass as text and, as `.function`, as something to call: it gives the loss and its gradient.

    Attributes:
        code: the text; it needs NumPy alone.
        mapped: each line of the way back, with the line of the forward pass that it answers.
        checked: what was compared when it was made.
    """

    def __init__(self, f: Callable[..., Any], params: Any, data: Sequence[Any]) -> None:
        self._made = BackwardCode(f, params, data)
        self.code: str = self._made.code
        self.mapped: list[tuple[str, int, str]] = self._made.mapped
        self.checked: str = _verified(self, f)

    @property
    def function(self) -> Callable[..., Any]:
        """The code, run with what the user's function finds around it."""
        space: dict[str, Any] = dict(self._made.flat.space)
        exec(compile(self.code, "<tg.backward_source>", "exec"), space)  # our own text, of the user's own expressions
        return space["backward"]  # type: ignore[no-any-return]

    def save(self, path: str | Path) -> Path:
        """Write the code to a file."""
        path = Path(path)
        path.write_text(self.code + "\n", encoding="utf-8")
        return path

    def __str__(self) -> str:
        return self.code

    def __repr__(self) -> str:
        return f"<backward source: {len(self.mapped)} lines; {self.checked}>"


def backward_source(loss_fn: Callable[..., Any], params: Any, *data: Any) -> BackwardSource:
    """The backward pass of a loss as plain NumPy, each line with the line of the forward pass that it answers.

    Args:
        loss_fn: `loss(W1, b1, ..., X, y)` or `loss(params, X, y)`, written with NumPy; gives one number. Loops, `if`,
            lists that grow and functions of yours are followed.
        params: the parameters: arrays, nested lists or numbers in a dict, a tuple or a list; or a single array. The
            gradient comes as they do.
        data: X and y, and whatever else the function takes.

    Raises:
        OperandError: a line of the function cannot be followed; the message shows it.
        TinygradLiteError: what was written does not agree with the engine.

    >>> import numpy as np
    >>> def loss(W, b, X, y):
    ...     z = X @ W + b
    ...     return np.mean((z - y) ** 2)
    >>> X, y = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([1.0, 0.0])
    >>> source = backward_source(loss, {"W": np.array([0.2, 0.4]), "b": 0.0}, X, y)
    >>> source.checked.startswith("equal to the engine")
    True
    """
    if not callable(loss_fn):
        raise OperandError(f"backward_source needs a function{user_line()}, but got the {type(loss_fn).__name__}.")
    return BackwardSource(loss_fn, params, data)


def _on_values(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function with a NumPy whose new arrays can hold Values, for forwards that fill them entry by entry."""
    import numpy as np

    from tinygrad_lite.arrays.array import array

    class Filling:
        def __getattr__(self, name: str) -> Any:
            made = getattr(np, name)
            if name not in ("zeros", "empty", "ones", "zeros_like", "empty_like", "ones_like", "full"):
                return made
            like = name.endswith("_like")
            return lambda x, *rest, **_: array(
                made(np.zeros(np.shape(x)) if like else x, *(rest if name == "full" else ()))
            )

    space = {k: Filling() if v is np else v for k, v in f.__globals__.items()}
    made = types.FunctionType(f.__code__, space, f.__name__, f.__defaults__, f.__closure__)
    own = {
        k: types.FunctionType(v.__code__, space, k, v.__defaults__, v.__closure__)
        for k, v in space.items()
        if inspect.isfunction(v) and v.__globals__ is f.__globals__
    }
    space.update(own)
    return made


def _verified(made: BackwardSource, f: Callable[..., Any]) -> str:
    """Run it and compare with the engine: at the point given and, where that is a tie with a constant, beside it.

    Raises:
        TinygradLiteError: they differ.
    """
    for beside in (0.0, 1e-3):
        worst = _distance(made, f, beside)
        if worst <= CLOSE:
            where = " beside the given point, where a maximum or minimum ties with a constant" if beside else ""
            return f"equal to the engine{where} to {worst:.0e}"
    raise TinygradLiteError(
        f"the backward pass written for {f.__name__} is {worst:.1e} away from the engine's{user_line()}, so it is "
        "not given out.\n  Please report the function; tg.grad differentiates it meanwhile."
    )


def _distance(made: BackwardSource, f: Callable[..., Any], beside: float) -> float:
    """How far value and gradient are from the engine's, relative to the largest number of each array.

    With the parameters moved: each by an amount of its own, not larger than `beside`.
    """
    import numpy as np

    from tinygrad_lite.arrays.array import array, grads
    from tinygrad_lite.engine.value import Value

    known = made._made.flat.parameters
    given = dict(known.arguments)
    r = np.random.default_rng(0)
    at = {
        k: np.asarray(given[name], float) + beside * r.random(np.shape(given[name])) for k, name in known.given.items()
    }
    at = {k: float(x) if isinstance(given[known.given[k]], float) else x for k, x in at.items()}
    given |= {known.given[k]: x for k, x in at.items()} | known.whole(at)
    with np.errstate(all="ignore"):
        value, found = made.function(*[given[name] for name in known.parameters])
    leaves = {
        k: Value(x, known.given[k]) if isinstance(x, float) else array(x, label=known.given[k]) for k, x in at.items()
    }
    given |= {known.given[k]: leaf for k, leaf in leaves.items()} | known.whole(leaves)
    loss = _on_values(f)(*[given[name] for name in known.parameters])
    loss = loss.item() if hasattr(loss, "item") and not isinstance(loss, Value) else loss
    loss.backward()
    worst: float = abs(float(value) - loss.data) / max(1.0, abs(loss.data))
    for k, leaf in leaves.items():
        right = np.asarray(leaf.grad if isinstance(leaf, Value) else grads(leaf), dtype=float)
        got = np.asarray(found if k is None else found[k], dtype=float)
        far = np.abs(got - right).max(initial=0.0) if got.shape == right.shape else np.inf
        worst = max(worst, float(far) / max(1e-12, float(np.abs(right).max(initial=0.0))))
    return worst
