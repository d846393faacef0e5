"""A time limit at the cost of microseconds, for running the same function thousands of times in this thread."""

from __future__ import annotations

import ctypes
import math
import threading
import time
from collections.abc import Callable
from typing import Any

from tinygrad_lite.checking.trial.sandbox import TimeIsOver

POLL = 0.02  # seconds between two looks at the clock


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
        self._awake = False

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
                self._deadline = math.inf
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._caller), None)  # if it came too late

    def _look(self) -> None:
        idle = 0
        while idle < 50:
            time.sleep(POLL)
            with self._lock:
                idle = idle + 1 if self._deadline == math.inf else 0
                if time.perf_counter() > self._deadline:
                    over = ctypes.py_object(TimeIsOver)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._caller), over)
                    self._deadline += 0.25  # again, if the function catches it
                if idle >= 50:
                    self._awake = False
