"""An export, or any function of another library, beside the original: value and gradient at other points."""

from __future__ import annotations

import random
from typing import Any

from tinygrad_lite.errors import OperandError, user_line
from tinygrad_lite.export.program import program
from tinygrad_lite.export.source import Source
from tinygrad_lite.export.spelling import SPELLINGS
from tinygrad_lite.export.verified import apart, run


class ExportCheck:
    """What was compared.

    Attributes:
        ok: whether value and gradient agree at every point.
        worst: the largest difference at each point, relative to the largest number.
    """

    def __init__(self, library: str, worst: list[float], tolerance: float) -> None:
        self.library, self.worst, self.tolerance = library, worst, tolerance
        self.ok: bool = all(far <= tolerance for far in worst)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        lines = [f"value and gradient by {self.library}, beside the engine's:"]
        lines += [f"  point {k}: {far:.1e} apart" for k, far in enumerate(self.worst, start=1)]
        lines.append(f"They {'agree' if self.ok else 'do NOT agree'} to {self.tolerance:.0e} of the largest number.")
        return "\n".join(lines)

    __repr__ = __str__


def check_export(
    exported: Any,
    original: Any,
    *args: Any,
    library: str = "jax",
    points: int = 3,
    tolerance: float = 1e-9,
    seed: int = 0,
    **kwargs: Any,
) -> ExportCheck:
    """Whether an export, or a function written by hand for another library, has the original's value and gradient.

    Args:
        exported: a source of `to_jax`, `to_torch` or `to_numpy`, or a function of another library.
        original: the function that it was made of, or what `tg.compile` gave.
        args: the arguments of the original, for their shapes; floats among them are drawn anew for each point.
        library: of a function: "jax", "torch" or "numpy", the last giving (value, gradients by name) as to_numpy does.
        points: at how many points.
        tolerance: how far, relative to the largest number, the two may be apart.
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
    worst = []
    for _ in range(points):
        moved = [_moved(x, rng) for x in args]
        named = {k: _moved(x, rng) for k, x in kwargs.items()}
        found = program(original, moved, named, SPELLINGS[library].has, library == "numpy")
        value, slopes = run(library, function, found)
        least = 1e-3 * max(map(abs, found.value), default=0.0)
        far = apart(value, found.value)
        worst.append(max(far, apart(slopes, found.slopes, least)) if slopes is not None else far)
    return ExportCheck(library, worst, tolerance)


def _moved(x: Any, rng: random.Random) -> Any:
    """The argument with every float drawn anew, near to what it was."""
    if isinstance(x, dict):
        return {key: _moved(part, rng) for key, part in x.items()}
    if isinstance(x, list | tuple):
        return type(x)([_moved(part, rng) for part in x])
    if isinstance(x, float):
        return x + rng.gauss(0.0, 0.1)
    if getattr(getattr(x, "dtype", None), "kind", "") == "f":
        return x + _noise(x.shape, rng)
    return x


def _noise(shape: Any, rng: random.Random) -> Any:
    import numpy as np

    return np.array([rng.gauss(0.0, 0.1) for _ in range(int(np.prod(shape)))]).reshape(shape)
