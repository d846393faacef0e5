"""The bench on which changed programs are run: the problems of an evaluation, the smallest telling one first.

Each run is made on copies, after the forward pass where the functions remember something, with the random generators
put back, silently, and with a time limit. What may be tried is counted in runs, so an answer does not depend on load.
"""

from __future__ import annotations

import contextlib
import copy
import io
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tinygrad_lite.checking.lines.functions import World, is_number
from tinygrad_lite.checking.lines.program import Codes, Program, Recording, Standing
from tinygrad_lite.checking.lines.slots import HOOK, Slot, hooked, slots_of, snapshot
from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.result.hints import Tolerance
from tinygrad_lite.checking.trial.answer import Answer, own_name
from tinygrad_lite.checking.trial.sandbox import TimeIsOver, Watch, copied
from tinygrad_lite.checking.trial.state import State
from tinygrad_lite.checking.trial.variations import few_samples

if TYPE_CHECKING:
    from tinygrad_lite.checking.trial.evaluation import Evaluation


COARSE = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}
MOST_VISITS, LARGE = 60, 3000
EACH, LONGEST = 1.0, 60.0  # seconds for one run, and for all, whatever was counted
DEEPEST = 1000  # frames of recursion
CANDIDATE = 0.1  # of a run: to evaluate one expression


class Bench:
    """Problems, exact gradients and quick runs of changed code, all on private copies of the user's functions.

    Attributes:
        problems, exact: what is tried, and the right gradients there; the first is the one that is searched on.
        names: the parameters.      functions: the user's functions that backprop may call.
        coarse: gradients were given with few digits.
        runs, effort, budget: runs made so far; these and all else that was tried, counted in runs; how much may be.
    """

    def __init__(self, evaluation: Evaluation, budget: float) -> None:
        self.original = given = evaluation.submission
        self.world: World = World(given.backprop_fn)
        self.functions = list(self.world.functions)
        self.submission = submission = copy.copy(given)
        submission.backprop_fn, submission.loss_fn = self.world.entry, self.world.of(given.loss_fn)
        submission.state = State(submission.loss_fn, submission.backprop_fn)
        self.names, self.rtol = frozenset(submission.names), evaluation.rtol
        self.coarse: bool = False
        self.runs, self.effort, self.budget = 0, 0.0, budget
        self._began, self._each, self._watch = time.perf_counter(), 1.0, Watch()
        self._own: dict[str, str] = {}

        cases = [case for case in evaluation.cases if case.exact and case.source != "measured"]

        def rank(case: Any) -> Any:
            raises = bool(case.answer.error)  # if it raises everywhere, what is sure to fit together is the user's own
            other = raises and case is not evaluation.cases[0]
            wrong = self.names if case.comparison is None else case.comparison.wrong
            return large(case.problem), raises, other, -len(wrong), size(case.problem)

        cases.sort(key=rank)
        self.problems: list[Problem] = [case.problem for case in cases]
        self.exact: list[dict[str, Array]] = [_arrays(case.exact) for case in cases]
        if evaluation.cases and all(large(case.problem) for case in cases):
            self._cut(evaluation.cases[0].problem)
        self._scales = [{n: float(np.abs(x).max(initial=0.0)) for n, x in e.items()} for e in self.exact]

    def _cut(self, problem: Problem) -> None:
        """Put a few samples of large data first, if the loss runs on them."""
        for few in few_samples(problem):
            try:
                if np.isfinite(self.original.loss(few)):
                    exact = _arrays(self.original.exact(few))
                    self.problems[:0], self.exact[:0] = [few], [exact]
                    return
            except RuntimeError:
                continue

    # ------------------------------------------------------------------ what may be tried

    @property
    def spent(self) -> float:
        """The share of the budget that is used up."""
        return self.effort / self.budget

    def late(self, share: float = 1.0) -> bool:
        """Whether that share of the budget is used up."""
        return self.spent > share or time.perf_counter() - self._began > LONGEST

    def guard(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Call something of the user's within a time limit."""
        try:
            return self._watch.call(lambda: function(*arguments, **keywords), EACH)
        except TimeIsOver:
            self.effort += self.budget / 20
            raise TimeoutError from None

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """No output, no warnings, shallow recursion; random states and all else as before afterwards."""
        deepest, state = sys.getrecursionlimit(), State()
        with contextlib.ExitStack() as stack:
            for silenced in (contextlib.redirect_stdout, contextlib.redirect_stderr):
                stack.enter_context(silenced(io.StringIO()))
            stack.enter_context(np.errstate(all="ignore"))
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            sys.setrecursionlimit(min(deepest, DEEPEST))
            try:
                yield
            finally:
                sys.setrecursionlimit(deepest)
                self.submission.state.restore()
                state.replay()

    # ------------------------------------------------------------------ runs

    def gradients(self, k: int, codes: Codes) -> tuple[dict[str, Array], frozenset[str]]:
        """The gradients by name on problem k, some functions running other code, and which are exact.

        Raises:
            Exception: whatever the code raises; ValueError if it gives no gradients.
        """
        submission, problem = self.submission, self.problems[k]
        self.runs += 1
        self.effort += self._each
        arguments = [_copied(x) for x in submission.arguments(problem, submission.backprop_takes_dict)]
        submission.state.restore()
        try:
            with _running(codes):
                if submission.remembers:
                    result = self.guard(submission.both, problem, submission.backprop_fn, arguments)
                else:
                    result = self.guard(submission.backprop_fn, *arguments)
        except (SystemExit, GeneratorExit) as ended:
            raise RuntimeError(type(ended).__name__) from None
        found, coarse, noise = self._read(result, arguments, problem)
        self.coarse = self.coarse or any(coarse.values())
        return found, frozenset(n for n in self.names if self._agrees(k, n, found.get(n), coarse, noise))

    def _read(self, result: Any, arguments: list[Any], problem: Problem) -> tuple[dict[str, Array], Any, Any]:
        """The gradients in a result, for each how coarse its type is, and how exactly it is known."""
        plain = isinstance(result, Mapping) and not self.submission.updates
        if plain and all(type(x) is np.ndarray and x.dtype == float for x in result.values()):
            for key in result.keys() - self._own.keys():
                self._own[key] = own_name(str(key), self.submission.names)
            return {n: x for key, x in result.items() if (n := self._own[key])}, {}, {}
        answer: Answer = self.submission.understood(result, arguments, problem)
        if answer.error or answer.in_place:
            raise ValueError(answer.error or "it returned nothing")
        return (
            _arrays(answer.gradients),
            {n: COARSE.get(e.dtype, 0.0) for n, e in answer.gradients.items()},
            answer.noise,
        )

    def _agrees(self, k: int, name: str, mine: Array | None, coarse: dict[str, float], noise: dict[str, float]) -> bool:
        exact, scales = self.exact[k][name], self._scales[k]
        if mine is None or mine.shape != exact.shape:
            return False
        rough = coarse.get(name, 0.0)
        near = Tolerance(max(self.rtol, rough), scales[name], max(scales.values()))
        tolerance = near.floor + noise.get(name, 0.0) + 0.1 * rough * near.scale
        off = np.abs(mine - exact) - near.rtol * np.maximum(np.abs(mine), np.abs(exact))
        return bool(np.all(off <= tolerance) and np.all(np.isfinite(mine)))

    def right_everywhere(self, codes: Codes, better_than: Standing | None = None) -> Standing:
        """Where a program stands; run until it is no better than another one.

        A problem on which that other one raised may raise again: then it says nothing.
        """
        found, raised = self.names, set()
        for k in range(len(self.problems)):
            try:
                found &= self.gradients(k, codes)[1]
            except Exception:
                raised.add(k)
                if better_than is not None and k not in better_than.raised:
                    found = frozenset()
            if better_than is not None and not better_than.right < found:
                return Standing(frozenset(), raised, k)
        return Standing(found if len(raised) < len(self.problems) else frozenset(), raised, len(self.problems))

    def keeps_loss(self, codes: Codes) -> bool:
        """Whether the loss on the first problem is what it was where it runs functions that have other code, too."""
        found = []
        for changed in ({}, codes):
            self.submission.state.restore()
            try:
                with _running(changed):
                    found.append(self.guard(self.submission.loss, self.problems[0]))
            except Exception:
                return False
        return close(found[1], found[0], 1e-9)

    # ------------------------------------------------------------------ recordings

    def record(self, program: Program, k: int, extra: Iterable[Slot] = ()) -> Recording:
        """Run on problem k with the value of every slot noted."""
        slots: list[Slot] = []
        codes = dict(program.codes)
        for function, tree in program.trees.items():
            mine = [*slots_of(function, tree), *(s for s in extra if s.function is function)]
            slots += mine
            number = {id(s): len(slots) - len(mine) + i for i, s in enumerate(mine)}
            with contextlib.suppress(ValueError, SyntaxError, TypeError):
                codes[function] = hooked(function, tree, mine, lambda s, n=number: n[id(s)])  # type: ignore[misc]
        found, visits = Recording(slots), 0
        for slot in slots:
            slot.visits, slot.times = [], []

        def note(i: int, x: Any, local: dict[str, Any]) -> Any:
            nonlocal visits
            visits += 1
            if len(slots[i].visits) < MOST_VISITS:
                slots[i].visits.append((snapshot(local), x.copy() if isinstance(x, np.ndarray) else x))
                slots[i].times.append(visits)
            return x

        self.hook(note)
        try:
            found.got, _ = self.gradients(k, codes)
        except Exception as reason:
            self._place(reason, found)
        self._each = 1.0 + visits / 200
        return found

    def _place(self, reason: Exception, found: Recording) -> None:
        """Which lines of the user's were being run when one raised, and its variables."""
        found.error = reason
        step = reason.__traceback__
        while step is not None:
            code = step.tb_frame.f_code
            for function in self.functions:
                same = code.co_filename == function.filename and code.co_name == function.code.co_name
                if same and function.first <= step.tb_lineno <= function.last:
                    found.stops[function, step.tb_lineno] = snapshot(dict(step.tb_frame.f_locals))
            step = step.tb_next

    def hook(self, hook: Any) -> None:
        """Let every function's hook be this one."""
        for function in self.functions:
            function.copy.__globals__[HOOK] = hook


@contextlib.contextmanager
def _running(codes: Codes) -> Iterator[None]:
    """Functions with other code for a while."""
    before = [(f, f.copy.__code__) for f in codes]
    try:
        for f, code in codes.items():
            f.copy.__code__ = code
        yield
    finally:
        for f, code in before:
            f.copy.__code__ = code


def _arrays(found: dict[str, Any]) -> dict[str, Array]:
    return {n: np.array(e.numbers, float).reshape(e.shape) for n, e in found.items()}


def _copied(x: Any) -> Any:
    if isinstance(x, dict):
        return {key: _copied(value) for key, value in x.items()}
    return x.copy() if isinstance(x, np.ndarray) else x if isinstance(x, (int, float, str)) else copied(x)


def close(x: Array, y: Array, rtol: float = 1e-6) -> bool:
    """Whether two arrays of one shape agree, small entries judged against the largest."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    largest = np.abs(y).max(initial=0.0)
    return x.shape == y.shape and bool(np.all(np.abs(x - y) <= rtol * np.abs(y) + 1e-3 * rtol * largest))


def numeric(slot: Slot) -> bool:
    """Whether the slot ran, and made nothing but numbers."""
    return bool(slot.visits) and all(is_number(x) for _, x in slot.visits)


def size(problem: Problem) -> int:
    """How many numbers a problem has."""
    return sum(np.size(x) for x in (*problem.params.values(), *problem.data))


def large(problem: Problem) -> bool:
    """Whether a problem is too large to be searched on."""
    return size(problem) > LARGE
