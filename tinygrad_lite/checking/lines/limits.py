"""Limits for code that may do anything: seconds for each call, a deadline for all, no output, random states put back.

The work is done in a thread; the caller's thread watches it. A call that takes too long gets `TooLong` raised inside
it; a thread that cannot be reached (stuck inside NumPy) is left behind. Ctrl-C ends the work and is raised again.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_lite.checking.network.arrays import np

DEEPEST = 1000  # frames of recursion
PATIENCE = 10  # so many times its seconds may pass on the wall, where others use the processor


class TooLong(BaseException):
    """Raised inside a call that has used up its seconds; not an Exception, so that few catch it."""


class Clock:
    """How long calls and the whole work may take; `spent` counts the thread's own seconds, whatever else runs."""

    def __init__(self, each: float, budget: float) -> None:
        self.each, self.budget = each, budget
        self._since: tuple[float, float] | None = None
        self._lock = threading.Lock()
        self._began = 0.0
        self.stopped = False

    def start(self) -> None:
        """Begin counting; called in the thread that works."""
        self._began = time.thread_time()

    def spent(self) -> float:
        return time.thread_time() - self._began

    def late(self, share: float = 1.0) -> bool:
        """Whether that share of the budget is used up."""
        return self.stopped or self.spent() > share * self.budget

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function for at most `each` seconds.

        Raises:
            TimeoutError: it took longer.
        """
        if self.stopped:
            raise TooLong
        try:
            try:
                with self._lock:
                    self._since = time.monotonic(), time.process_time()
                return function(*arguments)
            finally:
                with self._lock:
                    self._since = None
        except TooLong:
            with self._lock:
                self._since = None
            if self.stopped:
                raise
            raise TimeoutError from None
        except RecursionError:
            raise
        except (SystemExit, KeyboardInterrupt) as ended:
            raise RuntimeError(type(ended).__name__) from None

    def watch(self, thread: threading.Thread) -> None:
        """End the call that takes too long; called over and over by the thread that waits."""
        with self._lock:
            if self._since is None:
                return
            wall, own = time.monotonic() - self._since[0], time.process_time() - self._since[1]
            if own > self.each or wall > PATIENCE * self.each:
                self._since = None
                _raise_in(thread)


def _raise_in(thread: threading.Thread) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(TooLong))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No output, no warnings, shallow recursion; random states and all else as before afterwards."""
    deepest, state, numpys = sys.getrecursionlimit(), random.getstate(), np.random.get_state()
    silence = io.StringIO()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
            warnings.simplefilter("ignore")
            sys.setrecursionlimit(min(deepest, DEEPEST))
            yield
    finally:
        sys.setrecursionlimit(deepest)
        random.setstate(state)
        np.random.set_state(numpys)


def within(work: Callable[[Clock], Any], each: float, budget: float) -> Any:
    """What `work(clock)` gives, or None if it cannot be had within the limits.

    Raises:
        Whatever work raises, and KeyboardInterrupt after the work has been stopped.
    """
    clock, found, failed = Clock(each, budget), [], []

    def run() -> None:
        clock.start()
        try:
            with np.errstate(all="ignore"):
                found.append(work(clock))
        except TooLong:
            pass
        except BaseException as reason:
            failed.append(reason)

    thread = threading.Thread(target=run, daemon=True)
    with _quiet():
        end = time.monotonic() + PATIENCE * (budget + each)
        thread.start()
        try:
            while thread.is_alive() and time.monotonic() < end:
                thread.join(0.02)
                clock.watch(thread)
        finally:
            if thread.is_alive():
                clock.stopped = True
                _raise_in(thread)
                thread.join(1.0)
    if failed:
        raise failed[0]
    return found[0] if found else None
