"""NumPy, imported here and only here: comparing numbers does without it, putting a backprop on trial does not."""

from __future__ import annotations

from typing import Any

try:
    import numpy as np
except ImportError as missing:  # pragma: no cover
    raise ImportError(
        "checking backprops and formulas needs NumPy: pip install numpy (it also comes with the extras of "
        "tinygrad-lite, such as tinygrad-lite[notebook]). tg.compare with numbers and tg.gradcheck work without it."
    ) from missing

Array = Any

__all__ = ["Array", "np"]
