"""Exercises for learners: drawn by seed, marked at once, and a wrong answer is told its mistake by name.

Read `program.py` first (what is asked about, in whole numbers), then `programs.py` (the programs and what people do
wrong in them), `kind.py` and `kinds.py` (six kinds of question and their marking), `exercise.py` (one exercise and the
next), `sheet.py` (a page to print).
"""

from tinygrad_lite.exercises.exercise import Exercise, exercise
from tinygrad_lite.exercises.kind import Marked
from tinygrad_lite.exercises.kinds import KINDS
from tinygrad_lite.exercises.sheet import worksheet

__all__ = ["KINDS", "Exercise", "Marked", "exercise", "worksheet"]
