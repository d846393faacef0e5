"""Numbers as people have them: DataFrames and Series, and the arrays of NumPy, PyTorch and JAX.

Nothing is imported here: an object is known by what it can do. A tensor that requires a gradient gives its numbers,
without a way back into its own graph.
"""

from __future__ import annotations

import sys

from tinygrad_lite.errors import OperandError, user_line
from tinygrad_lite.hints import Any


def as_lists(x: Any) -> Any:
    """Nested lists of Python's numbers, from a DataFrame, a Series or an array; anything else as it is.

    Raises:
        OperandError: a column of a DataFrame holds no numbers; the message names it.
    """
    if isinstance(x, (list, tuple)):
        return [as_lists(entry) for entry in x] if any(hasattr(entry, "ndim") for entry in x) else x
    array = as_numpy(x)
    return array.tolist() if hasattr(array, "tolist") else array


def as_numpy(x: Any) -> Any:
    """A NumPy array from a DataFrame, a Series or an array of another library; anything else as it is.

    Raises:
        OperandError: a column of a DataFrame holds no numbers; the message names it.
    """
    numpy = sys.modules.get("numpy")  # whoever holds such an object has loaded it
    if numpy is None or isinstance(x, (numpy.ndarray, numpy.generic)) or not hasattr(x, "__array__"):
        return x
    if hasattr(x, "columns"):
        _refuse_words(x)
    array = numpy.asarray(x.detach().cpu() if hasattr(x, "detach") else x)
    return array.astype(float) if array.dtype.kind == "f" or hasattr(x, "columns") else array


def _refuse_words(frame: Any) -> None:
    """Say which column of a DataFrame cannot be computed with."""
    for name in frame.columns:
        column = frame[name].to_numpy()
        if column.dtype.kind not in "biuf" and not all(isinstance(entry, (int, float)) for entry in column):
            first = next(entry for entry in column if not isinstance(entry, (int, float)))
            raise OperandError(
                f"column {name!r} of the DataFrame holds {first!r:.40}, which is no number{user_line()}.\n"
                f"  Leave it out with df.drop(columns=[{name!r}]), or make numbers of it, as pandas.get_dummies does."
            )
