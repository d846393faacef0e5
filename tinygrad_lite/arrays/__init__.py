"""NumPy arrays of Values, so that lesson code written with NumPy runs as it is. NumPy is imported in this package only.

array.py       the array type; making one, and reading its numbers and gradients
functions.py   what NumPy's functions mean for such arrays
"""

from tinygrad_lite.arrays import array, functions

__all__ = ["array", "functions"]
