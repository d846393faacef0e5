"""Formulas that are made by running the rules of the op table on symbols. Read `formula.py` first."""

from tinygrad_lite.formulas import notation as notation  # a formula shows itself in plain text
