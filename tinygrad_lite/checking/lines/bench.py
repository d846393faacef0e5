"""The bench on which changed programs are run: problems with exact gradients, the smallest telling one first."""

from __future__ import annotations

from collections.abc import Iterable
from types import CodeType
from typing import TYPE_CHECKING, Any

from tinygrad_lite.checking.lines.functions import Function, Node, World, is_number
from tinygrad_lite.checking.lines.limits import Clock
from tinygrad_lite.checking.lines.slots import HOOK, Slot, hooked, slots_of, snapshot
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.trial.submission import Answer

if TYPE_CHECKING:
    from tinygrad_lite.checking.trial.evaluation import Evaluation

from tinygrad_lite.checking.lines.temporary import temporary

Array = Any
Codes = dict[Function, CodeType]
MOST_VISITS = 60


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


class Bench:
    """Problems, exact gradients and quick runs of changed code.

    Attributes:
        problems, exact: what is tried, and the right gradients there; the first is the one that is searched on.
        names: the parameters.
    """

    def __init__(self, evaluation: Evaluation, clock: Clock) -> None:
        self.evaluation, self.submission, self.clock = evaluation, evaluation.submission, clock
        self.names = frozenset(self.submission.names)
        self.world = World(self.submission.backprop_fn)
        self.functions = self.world.functions
        self.problems: list[Problem] = []
        self.exact: list[dict[str, Array]] = []
        self.coarse: set[str] = set()
        self.runs = 0
        self.other_sizes = False
        self._gather()

    def _gather(self) -> None:
        """The problems of the evaluation and further ones, the cheapest that shows the mistake first."""
        for case in self.evaluation.cases:
            try:
                self.add(case.problem, self.submission.exact(case.problem))
            except RuntimeError:
                continue
        for problem in temporary(self):
            self.other_sizes = self.other_sizes or problem.name == "a sample less"
        mine = self.evaluation.given
        sizes = [sum(np.size(x) for x in (*p.params.values(), *p.data)) for p in self.problems]
        wrong = []
        for k in range(len(self.problems)):
            try:
                wrong.append(len(self.names - self.right(k, self.run(k, {}))))
            except Exception:
                wrong.append(len(self.names))
        order = sorted(
            range(len(sizes)), key=lambda k: (-wrong[k], self.problems[k] is not mine and sizes[k] >= 4000, sizes[k])
        )
        self.problems = [self.problems[k] for k in order]
        self.exact = [self.exact[k] for k in order]
        self.other_sizes = self.other_sizes or len({tuple(np.shape(x) for x in p.data) for p in self.problems}) > 1

    def add(self, problem: Problem, exact: dict[str, Any]) -> None:
        self.problems.append(problem)
        self.exact.append({n: np.array(exact[n].numbers, float).reshape(exact[n].shape) for n in self.names})

    # ------------------------------------------------------------------ runs

    def run(self, k: int, codes: Codes) -> dict[str, Array]:
        """The gradients by name on problem k, some functions running other code.

        Raises:
            Exception: whatever the code raises; ValueError if it gives no gradients.
        """
        self.runs += 1
        before = [(f, f.copy.__code__) for f in codes]
        problem = self.problems[k]
        copied = Problem(problem.name, {n: snapshot(x) for n, x in problem.params.items()}, snapshot(problem.data))
        arguments = self.submission._arguments(copied, self.submission.backprop_takes_dict)
        try:
            for f, code in codes.items():
                f.copy.__code__ = code
            result = self.clock.call(self.world.entry, *arguments)
        finally:
            for f, code in before:
                f.copy.__code__ = code
        if result is None and self.submission.updates:
            as_dict = self.submission.backprop_takes_dict
            result = arguments[0] if as_dict else dict(zip(self.submission.names, arguments, strict=False))
        answer = Answer()
        self.submission._read(result, answer)
        if answer.error:
            raise ValueError(answer.error)
        if self.submission.updates:
            self.submission._recover(answer, problem)
        self.coarse = {n for n, e in answer.gradients.items() if e.dtype in ("float32", "float16")}
        return {n: np.array(e.numbers, float).reshape(e.shape) for n, e in answer.gradients.items()}

    def right(self, k: int, got: dict[str, Array]) -> frozenset[str]:
        """The names whose gradient is exact on problem k."""
        exact = self.exact[k]
        overall = max((float(np.abs(x).max(initial=0.0)) for x in exact.values()), default=0.0)
        found = set()
        for name, x in exact.items():
            g = got.get(name)
            if g is None or g.shape != x.shape or not np.all(np.isfinite(g)):
                continue
            largest = np.abs(x).max(initial=0.0)
            if name in self.coarse:
                allowed = 1e-5 * np.maximum(np.abs(x), 0.1 * largest) + 1e-8 * overall
            else:
                update = 1e-9 if self.submission.updates else 0.0
                allowed = 1e-8 * np.maximum(np.abs(g), np.abs(x)) + 1e-10 * largest + 1e-13 * overall + update
            if np.all(np.abs(g - x) <= allowed):
                found.add(name)
        return frozenset(found)

    def right_everywhere(self, codes: Codes, more_than: frozenset[str] | None = None) -> tuple[frozenset[str], int]:
        """The names exact on every problem, and how many problems were run before something in `more_than` was lost."""
        found = self.names
        for k in range(len(self.problems)):
            try:
                found &= self.right(k, self.run(k, codes))
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
            found.got = self.run(k, codes)
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
