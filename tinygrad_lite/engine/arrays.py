"""Arrays of Values, for lesson code written with NumPy. NumPy is imported here and only here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def from_entries(entries: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """An object array of that shape, filled row by row."""
    made: Any = np.empty(len(entries), dtype=object)
    for i, entry in enumerate(entries):
        made[i] = entry
    return made.reshape(shape)
