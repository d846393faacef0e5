"""The samples of one call shared among threads.

In: how much work a call is; later the call's buffers. Out: the cut of its samples into shards; the same bits sooner.

The cut depends on the program and the number of samples alone, and the shards' sums are added up in their order:
so the bits are the same for one thread and for many, on a busy machine and on an idle one. Who does a shard is left
to chance. The caller and its helpers take one after the other, and the caller does not wait for a
helper that has not begun. It must wait for one that has begun and then lost its core to another program: after a call
that was not faster than one alone, the next few are therefore done alone.

The helpers are a few threads that sleep until they are needed, made at the first call that has a use for them.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.errors import OperandError, user_line

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    Task = Future[None]

SHARD = 5_000_000
"""Operations in a shard, at least: about 100 microseconds of one core, ten times what it takes to wake a thread."""

HANDED = 1000
"""Operations in a shard for each number that it hands over, at least: to add it up costs up to 60."""

MOST = 16
"""Shards of one call."""

TRIED, LONGEST = 2, 63
"""Calls done alone at first, so that there is something to compare with; and at most, after one that was not faster."""

VARIABLE = "TINYGRAD_LITE_THREADS"


def weight(op: str) -> int:
    """What an op of the table costs, in additions.

    >>> weight("mul"), weight("div"), weight("tanh")
    (1, 4, 20)
    """
    return TABLE[op].cost if op in TABLE else 1 if op in ("less", "select") else 20


def cut(operations: int, blocks: int, sums: int) -> tuple[int, int]:
    """How many shards, and how many blocks of samples each of them has (the last may have fewer).

    Args:
        operations: of all samples together.
        sums: how many numbers a shard hands over.

    >>> cut(3_000_000, blocks=40, sums=100), cut(21_000_000, blocks=37, sums=2411)
    ((1, 40), (4, 10))
    """
    wanted = operations // max(SHARD, HANDED * sums)
    wanted = max(min(wanted + (wanted > 1) * wanted % 2, blocks, MOST), 1)  # even, as the number of cores mostly is
    each = max(-(-blocks // wanted), 1)
    return max(-(-blocks // each), 1), each


def checked(threads: object) -> int | None:
    """The argument `threads` of a compiled function; None if the environment, which is looked at too, or we choose."""
    if threads is None:
        allowed(None)
        return None
    if isinstance(threads, int) and not isinstance(threads, bool) and threads >= 1:
        return threads
    raise OperandError(f"threads is a whole number from 1 on, or None for automatic, but got {threads!r}{user_line()}.")


def allowed(threads: int | None) -> int:
    """How many threads a call may use: what was asked for, else what the environment says, else one a core."""
    if threads is not None:
        return threads
    asked = os.environ.get(VARIABLE)
    if asked:
        if asked.isdecimal() and int(asked) >= 1:
            return int(asked)
        raise OperandError(f"the environment variable {VARIABLE} is a whole number from 1 on, but it is {asked!r}.")
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def description(code: Any, samples: int, threads: int | None) -> str:
    """For the report: how a call of this code on so many samples is shared."""
    shards, _ = cut(code.operations * samples, samples // (code.lanes * code.unroll) * (code.unroll > 1), code.sums)
    if shards == 1:
        return "one thread: the work is too little to be shared."
    most = min(allowed(threads), shards)
    return f"{shards} shards of samples, done by {'one thread' if most == 1 else f'up to {most} threads'}."


class Team:
    """The functions of one module that take part in a shared call.

    Args:
        compiled: a `jit.Compiled` of the text in llvm_backend.py.
    """

    def __init__(self, compiled: Any) -> None:
        self._entry = compiled.call
        self._begin, self._finish = compiled.function("begin"), compiled.function("finish")
        self._share = compiled.function("share", 2)
        self._pause, self._left = 0, TRIED  # how many calls to do alone after one that lost; how many of them are left

    def run(self, buffers: Any, threads: int) -> None:
        """What `entry` computes, by the caller and up to `threads - 1` others."""
        alone = self._left > 0 or buffers.alone == math.inf
        started = time.perf_counter()
        if alone:
            self._entry(buffers.pointer)
        else:
            self._shared(buffers, min(threads, buffers.shards) - 1)
        self._learn(buffers, alone, time.perf_counter() - started)

    def _learn(self, buffers: Any, alone: bool, seconds: float) -> None:
        """How long to do without helpers: for one call after the first that was not faster, then for 3, 7, ..."""
        if alone:
            buffers.alone = min(buffers.alone, seconds)
            self._left = max(self._left - 1, 0)
        elif seconds < buffers.alone:
            self._pause //= 2
        else:
            self._left = self._pause = min(2 * self._pause + 1, LONGEST)

    def _shared(self, buffers: Any, helpers: int) -> None:
        from concurrent.futures import Future

        self._begin(buffers.pointer)
        tasks: list[Task] = [Future() for _ in range(helpers)]
        try:
            with contextlib.suppress(RuntimeError):  # late in the interpreter's life no thread can be made
                crew = _crew(os.getpid(), helpers)
                for k, task in enumerate(tasks, start=1):
                    crew.submit(_help, task, self._share, buffers.pointer, buffers.workspace(k))
            self._share(buffers.pointer, buffers.workspace(0))
        finally:
            _settle(tasks)
        self._finish(buffers.pointer)


@functools.cache
def _crew(process: int, helpers: int) -> Executor:
    """So many helpers of this process: a child made by `fork` has none of its parent's."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(helpers, "tinygrad_lite helper")


def _help(task: Task, share: Callable[[int, int], None], pointer: int, workspace: int) -> None:
    """Do a task, unless the caller has done with the call meanwhile."""
    if task.set_running_or_notify_cancel():
        try:
            share(pointer, workspace)
        finally:
            task.set_result(None)


def _settle(tasks: Sequence[Task]) -> None:
    """Nobody works on these tasks any more, or ever will.

    Whatever interrupts: before, the buffers must not be given to anybody else.
    """
    try:
        for task in tasks:
            if not task.cancel():
                task.result()
    except BaseException:
        _settle(tasks)
        raise
