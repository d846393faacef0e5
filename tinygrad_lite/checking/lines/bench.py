"""The bench on which changed programs are run: the problems of an evaluation, the smallest telling one first."""

from __future__ import annotations

import contextlib
import copy
import io
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from types import CodeType
from typing import TYPE_CHECKING, Any

from tinygrad_lite.checking.lines.functions import Function, Node, World, is_number
from tinygrad_lite.checking.lines.slots import HOOK, Slot, hooked, slots_of, snapshot
from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.checking.trial import bench
from tinygrad_lite.checking.trial.sandbox import TimeIsOver
from tinygrad_lite.checking.trial.state import State

if TYPE_CHECKING:
    from tinygrad_lite.checking.trial.evaluation import Evaluation


Codes = dict[Function, CodeType]
MOST_VISITS, LARGE = 60, 3000
EACH, DEEPEST = 1.0, 1000  # seconds for one run; frames of recursion


class Program:
    """The source as it stands: a tree for each function, and the changes made so far.

    Attributes:
        trees: function: its tree.
        edits: (function, line) of each change, in the order in which they were made.
        cost: how far the changes are from what was written.
    """

    def __init__(
        self, trees: dict[Function, Node], edits: tuple[tuple[Function, int], ...] = (), cost: float = 0.0
    ) -> None:
        self.trees, self.edits, self.cost = trees, edits, cost
        self._codes: Codes | None = None

    def edited(self, function: Function, tree: Node, line: int, cost: float) -> Program:
        """The program with one function changed."""
        return Program({**self.trees, function: tree}, (*self.edits, (function, line)), self.cost + cost)

    @property
    def codes(self) -> Codes:
        """Code for the changed functions."""
        if self._codes is None:
            self._codes = {f: f.compiled(t) for f, t in self.trees.items() if t is not f.tree}
        return self._codes


class Recording:
    """What one run of a program did, slot by slot.

    Attributes:
        slots: those of every function, in order; their `visits` are of this run.
        got: the gradients by name; None if it raised.
        error, line, local: the exception, the line of the user's that raised it, and the variables there.
    """

    def __init__(self, slots: list[Slot]) -> None:
        self.slots = slots
        self.got: dict[str, Array] | None = None
        self.error: BaseException | None = None
        self.line = 0
        self.function: Function | None = None
        self.local: dict[str, Any] = {}


class Bench(bench.Bench):
    """Problems, exact gradients and quick runs of changed code, all on private copies of the user's functions.

    Attributes:
        problems, exact: what is tried, and the right gradients there; the first is the one that is searched on.
        names: the parameters.      functions: the user's functions that backprop may call.
        other_sizes: one of the problems has other sizes than the user's data.
        coarse: names whose gradients were given with few digits.
    """

    def __init__(self, evaluation: Evaluation, budget: float) -> None:
        super().__init__(evaluation)
        self.world = World(self.submission.backprop_fn)
        self.functions = list(self.world.functions)
        self.submission = submission = copy.copy(self.submission)
        submission.backprop_fn, submission.loss_fn = self.world.entry, self.world.of(submission.loss_fn)
        submission.state = State(submission.loss_fn, submission.backprop_fn)
        self.original = evaluation.submission
        self.names = frozenset(submission.names)
        self.coarse: set[str] = set()
        shapes = {tuple(np.shape(x) for x in (*p.params.values(), *p.data)) for p in self.problems}
        self.other_sizes = len(shapes) > 1
        self.budget, self._began, self._wall = budget, time.thread_time(), time.perf_counter()
        self._order()

    def _order(self) -> None:
        """The problem on which most is wrong first, the smallest of these."""
        sizes = [sum(np.size(x) for x in (*p.params.values(), *p.data)) for p in self.problems]
        wrong = [len(self.names - self._right(k, a)) for k, a in enumerate(self.answers)]
        order = sorted(range(len(sizes)), key=lambda k: (sizes[k] > LARGE, -wrong[k], sizes[k]))
        for name in ("problems", "exact", "answers", "_overall"):
            setattr(self, name, [getattr(self, name)[k] for k in order])

    def _right(self, k: int, answer: dict[str, Array]) -> frozenset[str]:
        exact = self.exact[k]
        return frozenset(n for n in self.names if n in answer and close(answer[n], exact[n], self.rtol))

    # ------------------------------------------------------------------ time

    def spent(self) -> float:
        """Seconds of this thread's own processor time."""
        return time.thread_time() - self._began

    def late(self, share: float = 1.0) -> bool:
        """Whether that share of the budget is used up, or ten times as much by the wall."""
        waited = time.perf_counter() - self._wall
        return self.spent() > share * self.budget or waited > 10 * share * self.budget

    def guard(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Call something of the user's within a time limit."""
        try:
            return self._watch.call(lambda: function(*arguments, **keywords), EACH)
        except TimeIsOver:
            raise TimeoutError from None

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """No output, no warnings, shallow recursion; random states and all else as before afterwards."""
        deepest = sys.getrecursionlimit()
        state = State()
        with super().quiet(), warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            sys.setrecursionlimit(min(deepest, DEEPEST))
            try:
                yield
            finally:
                sys.setrecursionlimit(deepest)
                state.replay()

    # ------------------------------------------------------------------ runs

    def gradients(self, k: int, codes: Codes) -> tuple[dict[str, Array], frozenset[str]]:
        """The gradients by name on problem k, some functions running other code, and which are exact.

        Raises:
            Exception: whatever the code raises; ValueError if it gives no gradients.
        """
        before = [(f, f.copy.__code__) for f in codes]
        try:
            for f, code in codes.items():
                f.copy.__code__ = code
            answer = self.run(k, seconds=EACH)
        except TimeIsOver:
            raise TimeoutError from None
        except (SystemExit, GeneratorExit) as ended:
            raise RuntimeError(type(ended).__name__) from None
        finally:
            for f, code in before:
                f.copy.__code__ = code
        if answer.error or answer.in_place:
            raise ValueError(answer.error or "it returned nothing")
        self.coarse = {n for n, e in answer.gradients.items() if e.dtype in bench.COARSE}
        found = {n: np.array(e.numbers, float).reshape(e.shape) for n, e in answer.gradients.items()}
        return found, frozenset(self.right(k, answer))

    def right_everywhere(self, codes: Codes, more_than: frozenset[str] | None = None) -> tuple[frozenset[str], int]:
        """The names exact on every problem, and how many problems were run before something in `more_than` was lost."""
        found = self.names
        for k in range(len(self.problems)):
            try:
                found &= self.gradients(k, codes)[1]
            except Exception:
                found = frozenset()
            if not found or (more_than is not None and not more_than < found):
                return frozenset(), k
        return found, len(self.problems)

    # ------------------------------------------------------------------ recordings

    def record(self, program: Program, k: int, extra: Iterable[Slot] = ()) -> Recording:
        """Run on problem k with the value of every slot noted."""
        slots: list[Slot] = []
        codes = dict(program.codes)
        for function, tree in program.trees.items():
            mine = [*slots_of(function, tree), *(s for s in extra if s.function is function)]
            slots += mine
            number = {id(s): len(slots) - len(mine) + i for i, s in enumerate(mine)}
            try:
                codes[function] = hooked(function, tree, mine, lambda s, n=number: n[id(s)])  # type: ignore[misc]
            except (ValueError, SyntaxError, TypeError):
                continue
        found = Recording(slots)
        for slot in slots:
            slot.visits = []

        def note(i: int, x: Any, local: dict[str, Any]) -> Any:
            if len(slots[i].visits) < MOST_VISITS:
                slots[i].visits.append((snapshot(local), x.copy() if isinstance(x, np.ndarray) else x))
            return x

        self.hook(note)
        try:
            found.got, _ = self.gradients(k, codes)
        except Exception as reason:
            self._place(reason, found)
        return found

    def _place(self, reason: Exception, found: Recording) -> None:
        """Which line of the user's raised, with which variables."""
        found.error = reason
        step = reason.__traceback__
        while step is not None:
            code = step.tb_frame.f_code
            for function in self.functions:
                same = code.co_filename == function.filename and code.co_name == function.code.co_name
                if same and function.first <= step.tb_lineno <= (function.tree.end_lineno or 0):
                    found.line, found.function = step.tb_lineno, function
                    found.local = snapshot(dict(step.tb_frame.f_locals))
            step = step.tb_next

    def hook(self, hook: Any) -> None:
        """Let every function's hook be this one."""
        for function in self.functions:
            function.copy.__globals__[HOOK] = hook


def close(x: Array, y: Array, rtol: float = 1e-6) -> bool:
    """Whether two arrays of one shape agree, small entries judged against the largest."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    largest = np.abs(y).max(initial=0.0)
    return x.shape == y.shape and bool(np.all(np.abs(x - y) <= rtol * np.abs(y) + 1e-3 * rtol * largest))


def numeric(slot: Slot) -> bool:
    """Whether the slot ran, and made nothing but numbers."""
    return bool(slot.visits) and all(is_number(x) for _, x in slot.visits)
