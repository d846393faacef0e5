"""Every exception of the package, each a short help page.

    TinygradLiteError
    ├── DomainError            (ValueError)         a number outside an op's domain
    │   ├── DivisionByZero     (ZeroDivisionError)
    │   ├── OverflowInOp       (OverflowError)
    │   └── NoExactValue                           a step that leaves the fractions
    ├── OperandError           (TypeError)          something that is not a number
    ├── StaleGraphError                             `.data` changed after the forward pass
    ├── AnomalyError           (ArithmeticError)    a NaN or an infinity, at the op that made it
    ├── GraphTooLarge          (ValueError)         a picture nobody could read
    ├── RenderingError         (RuntimeError)       no program here could draw this
    ├── ExpressionError        (ValueError)         a typed formula that is none, with the place underlined
    ├── NotLayered             (ValueError)         a graph that is no layered network
    ├── ShapeError             (ValueError)         lengths or shapes that do not fit
    ├── StateError             (ValueError)         a saved file that cannot be loaded
    ├── TableError             (ValueError)         a CSV file that is not a table of numbers
    └── GradientMismatch       (AssertionError)     a hand-derived gradient is not the exact one

A message says what was needed, what came, where, and what to try.
"""

from __future__ import annotations

import os.path
import sys

_PACKAGE = os.path.dirname(__file__)


class TinygradLiteError(Exception):
    """The root of the tree: `except tg.errors.TinygradLiteError` catches all of ours and nothing else."""


class DomainError(TinygradLiteError, ValueError):
    """An op was given a number outside its domain.

    >>> import tinygrad_lite as tg
    >>> tg.log(tg.Value(-0.5, label="p"))
    Traceback (most recent call last):
    ...
    tinygrad_lite.errors.DomainError: log needs x > 0, but got x = -0.5 (labelled 'p')...

    Cure: look at the step that made the number; if it may touch the edge of the
    domain by design, keep it away from there first, as in `tg.log(p + 1e-12)`.
    """


class DivisionByZero(DomainError, ZeroDivisionError):
    """A division by zero, or zero raised to a negative power.

    Cure: add a small constant to the divisor, or treat the case zero before dividing.
    """


class OverflowInOp(DomainError, OverflowError):
    """A result larger than the largest float, about 1.8e308.

    Cure: the stable forms `tg.sigmoid`, `tg.softplus` and `tg.logsumexp` never get that far;
    a learning rate that is too large is the usual reason otherwise.
    """


class NoExactValue(DomainError):
    """An op has no value in this arithmetic, as exp has none among the fractions.

    Cure: compare in floats, or compute with many digits: `calculus.arithmetics.re_evaluate`.
    """


class OperandError(TinygradLiteError, TypeError):
    """Something that is not a real number was used as one: text, None, a complex number, a list.

    >>> import tinygrad_lite as tg
    >>> tg.Value("3")
    Traceback (most recent call last):
    ...
    tinygrad_lite.errors.OperandError: a Value holds one real number, but got the str '3'...

    Cure: convert first, as in `Value(float(text))`; for a list make one Value an entry.
    """


class StaleGraphError(TinygradLiteError):
    """`.data` was assigned after the forward pass, and this walk needs the numbers of now.

    The recorded numbers and local derivatives belong to the forward pass that was made, and
    `backward()` gives the gradients of that pass. What needs the numbers of now refuses: second
    order, explain, table, animate, matrix_form, exact. A picture marks what is stale.
    Cure: run the forward pass again after assigning `.data`.
    """


class AnomalyError(TinygradLiteError, ArithmeticError):
    """Inside `with detect_anomaly():` an op made a NaN or an infinity.

    Cure: the message names the op, its operands and the line; mend the first one that is odd.
    """


class GraphTooLarge(TinygradLiteError, ValueError):
    """A picture of this graph would have too many boxes to be read.

    Cure: draw a part, draw one sample, or collapse layers, as the message says.
    """


class RenderingError(TinygradLiteError, RuntimeError):
    """No program here could make the picture in the form that was asked for.

    Cure: `tinygrad-lite doctor` names the program; SVG always works.
    """


class ExpressionError(TinygradLiteError, ValueError):
    """A formula typed as text holds something that is neither a number, a name, an operator nor a known function.

    Cure: mend the underlined part; every name needs a number, as in `tinygrad-lite explain "a*b" a=2 b=3`.
    """


class NotLayered(TinygradLiteError, ValueError):
    """The matrix form was asked for, but the graph is no network of layers; the message says where it departs.

    Cure: `tg.explain` and `tg.table` work on every graph.
    """


class ShapeError(TinygradLiteError, ValueError):
    """Two lengths or shapes had to be equal and are not; the message gives both."""


class StateError(TinygradLiteError, ValueError):
    """A file or dict of saved numbers is malformed, foreign or does not fit; nothing was changed."""


class TableError(TinygradLiteError, ValueError):
    """A CSV file is not the table that was asked for: a column, a row or a cell is not as needed.

    Cure: the message names the line and the column; mend the file there, or choose other columns.
    """


class GradientMismatch(TinygradLiteError, AssertionError):
    """A gradient derived by hand differs from the exact one; the text is the whole report."""


def user_line() -> str:
    """Where the user's program is now: ` at file.py:12`, or nothing if that cannot be known."""
    frame = sys._getframe(1)
    while frame is not None and (
        frame.f_code.co_filename.startswith(_PACKAGE) or frame.f_globals.get("__name__") == "contextlib"
    ):
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None or frame.f_code.co_filename.startswith("<frozen"):
        return ""
    return f" at {os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
