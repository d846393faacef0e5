"""Run somebody else's function: on copies, with a time limit, and with every error turned into words.

The function runs in a thread of its own. When the limit is over, an exception is raised inside it; if
it is stuck where Python cannot reach it, it is left behind. (The command line runs the whole file in a
process of its own, which can always be ended.) A function that was quick once is called in this thread from
then on, under a `Watch`, which costs microseconds.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import functools
import io
import math
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinygrad_lite.report.language import say

POLL = 0.02  # seconds between two looks at the clock


class TimeIsOver(BaseException):
    """Raised inside a function that has used up its time; not an Exception, so that few catch it."""


class Watch:
    """Calls functions and raises TimeIsOver inside one that takes too long.

    A second thread looks at the clock while calls are made, and ends by itself when there are none.

    >>> def endless():
    ...     while True: pass
    >>> watch = Watch()
    >>> watch.call(lambda: 2 + 2, 1.0)
    4
    >>> watch.call(endless, 0.05)
    Traceback (most recent call last):
    ...
    tinygrad_lite.checking.trial.sandbox.TimeIsOver
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deadline = math.inf
        self._caller = 0
        self._awake = self._fired = False

    def call(self, function: Callable[[], Any], seconds: float) -> Any:
        """The function's result.

        Raises:
            TimeIsOver: it took longer.
        """
        with self._lock:
            self._caller, self._deadline = threading.get_ident(), time.perf_counter() + seconds
            if not self._awake:
                self._awake = True
                threading.Thread(target=self._look, daemon=True).start()
        try:
            return function()
        finally:
            with self._lock:
                self._deadline, fired, self._fired = math.inf, self._fired, False
            if fired and not isinstance(sys.exc_info()[1], TimeIsOver):
                with contextlib.suppress(TimeIsOver):  # the function ended just now: it is still on its way
                    for _ in range(100):
                        time.sleep(0.001)

    def _look(self) -> None:
        idle = 0
        while idle < 50:
            time.sleep(POLL)
            with self._lock:
                idle = idle + 1 if self._deadline == math.inf else 0
                if time.perf_counter() > self._deadline:
                    over = ctypes.py_object(TimeIsOver)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._caller), over)
                    self._fired = True
                    self._deadline += 0.25  # again, if the function catches it
                if idle >= 50:
                    self._awake = False


@dataclass
class Outcome:
    """What became of a call.

    Attributes:
        arguments: the copies the function worked on, as it left them.
        result: what the function returned, None if it did not.
        error: "" or a sentence: which exception, with which message, on which line.
        changed: the names of the arguments it changed.
        seconds: how long it took.
        warnings: the first words of each kind of warning it caused.
    """

    arguments: list[Any]
    result: Any = None
    error: str = ""
    changed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)


def run(
    function: Callable[..., Any],
    arguments: list[Any],
    names: list[str],
    limit: float = 10.0,
    quiet: bool = True,
    watch: Watch | None = None,
) -> Outcome:
    """Call a function on deep copies of the arguments, for at most `limit` seconds; in this thread if there is a watch.

    >>> run(lambda x: x[0] / 0, [[1.0]], ["x"]).error
    'ZeroDivisionError: float division by zero (line 1...)'
    >>> found = run(lambda x: x.append(2.0), [[1.0]], ["x"])
    >>> found.changed, found.arguments
    (['x'], [[1.0, 2.0]])
    """
    outcome = Outcome([copied(argument) for argument in arguments])

    def work() -> None:
        try:
            call = functools.partial(function, *outcome.arguments)
            outcome.result = watch.call(call, limit) if watch is not None else call()
        except TimeIsOver:
            outcome.error = say("one call was still running after {0:g} s; it was stopped", limit)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            outcome.error = described(error)

    started = time.perf_counter()
    silence = contextlib.redirect_stdout(io.StringIO()) if quiet else contextlib.nullcontext()
    with warnings.catch_warnings(record=True) as heard, silence:
        warnings.simplefilter("always")
        if watch is not None:
            work()
        else:
            _in_a_thread(work, limit, outcome)
    outcome.seconds = time.perf_counter() - started
    outcome.warnings = sorted({f"{w.category.__name__}: {w.message}" for w in heard})
    pairs = zip(names, arguments, outcome.arguments, strict=True)
    outcome.changed = [name for name, before, after in pairs if not same(before, after)]
    return outcome


def _in_a_thread(work: Callable[[], None], limit: float, outcome: Outcome) -> None:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(limit)
    if thread.is_alive():
        identity = ctypes.c_ulong(thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, ctypes.py_object(TimeIsOver))
        thread.join(1.0)
        outcome.error = outcome.error or say("still running after {0:g} s; it was left behind", limit)


def copied(x: Any) -> Any:
    """A deep copy, or the object itself if it cannot be copied."""
    try:
        return copy.deepcopy(x)
    except Exception:
        return x


def described(error: BaseException) -> str:
    """An exception in a line: its kind, its message, and the last line of the user's code it passed."""
    house = Path(__file__).parents[2]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if house not in Path(f.filename).parents]
    own = [f for f in frames if "site-packages" not in f.filename and not f.filename.startswith("<__array")]
    where = own[-1] if own else None
    message = " ".join(str(error).split())
    message = message if len(message) <= 200 else message[:197] + "..."
    line = f" (line {where.lineno}{': ' + where.line if where.line and len(where.line) < 80 else ''})" if where else ""
    return f"{type(error).__name__}: {message}{line}" if message else f"{type(error).__name__}{line}"


def same(before: Any, after: Any) -> bool:
    """Whether two containers of numbers are equal, NaN counting as equal to NaN."""
    if type(before) is not type(after):
        return False
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(same(before[k], after[k]) for k in before)
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(same, before, after))
    if hasattr(before, "tobytes"):
        return bool(before.shape == after.shape and before.dtype == after.dtype and before.tobytes() == after.tobytes())
    try:
        return bool(before == after) or before != before
    except Exception:  # an object with an odd ==; identity is all that is left
        return before is after
