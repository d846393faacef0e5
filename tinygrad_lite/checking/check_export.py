"""An export, or any function of another library, beside the original: value and gradient at other points."""

from __future__ import annotations

import random
from typing import Any

from tinygrad_lite.checking.compare import compare
from tinygrad_lite.checking.result.comparison import Comparison
from tinygrad_lite.errors import OperandError, user_line
from tinygrad_lite.export.program import program
from tinygrad_lite.export.source import Source
from tinygrad_lite.export.spelling import SPELLINGS
from tinygrad_lite.export.verified import expected, outcome


def check_export(
    exported: Any,
    original: Any,
    *args: Any,
    library: str = "jax",
    points: int = 3,
    tolerance: float = 1e-9,
    seed: int = 0,
    **kwargs: Any,
) -> Comparison:
    """Whether an export, or a function written by hand for another library, has the original's value and gradient.

    The result is that of `compare`, true if all is right: the value and each gradient by name, the first index of an
    entry being the point.

    Args:
        exported: a source of `to_jax`, `to_torch` or `to_numpy`, or a function of another library.
        original: the function that it was made of, or what `tg.compile` gave.
        args: the arguments of the original, for their shapes; floats among them are drawn anew for each point.
        library: of a function: "jax", "torch" or "numpy", the last giving (value, gradients by name) as to_numpy does.
        points: at how many points.
        tolerance: how far an entry may be from the exact one, relative to the larger of the two, as in `compare`.
        seed: of the points.
        kwargs: further arguments, by name.

    Raises:
        OperandError: there is nothing to call, or the arguments are missing.

    >>> import numpy as np
    >>> def loss(w, x):
    ...     return np.sum((w * x) ** 2)
    >>> def by_hand(w, x):
    ...     return np.sum((w * x) ** 2), {"w": 2.0 * w * x * x}
    >>> check_export(by_hand, loss, np.ones(3), np.arange(3.0), library="numpy").ok
    True
    """
    function = exported.function if isinstance(exported, Source) else exported
    library = exported.library if isinstance(exported, Source) else library
    if not callable(function) or not callable(original):
        raise OperandError(f"check_export needs two functions, the exported and the original{user_line()}.")
    rng = random.Random(seed)
    mine: dict[str, list[Any]] = {}
    right: dict[str, list[Any]] = {}
    for _ in range(points):
        found = program(original, _moved(args, rng), _moved(kwargs, rng), SPELLINGS[library].has, library == "numpy")
        result = outcome(library, function, found)
        for into, part in ((mine, result), (right, expected(found, result))):
            for name, x in part.items():
                into.setdefault(name, []).append(x.tolist() if hasattr(x, "tolist") else x)
    return compare(mine, right, rtol=tolerance)


def _moved(x: Any, rng: random.Random) -> Any:
    """The argument with every float drawn anew, near to what it was."""
    if isinstance(x, dict):
        return {key: _moved(part, rng) for key, part in x.items()}
    if isinstance(x, list | tuple):
        return type(x)([_moved(part, rng) for part in x])
    if isinstance(x, float):
        return x + rng.gauss(0.0, 0.1)
    if getattr(getattr(x, "dtype", None), "kind", "") == "f":
        return x + _noise(x, rng)
    return x


def _noise(x: Any, rng: random.Random) -> Any:
    import numpy as np

    return np.reshape([rng.gauss(0.0, 0.1) for _ in range(x.size)], x.shape)
