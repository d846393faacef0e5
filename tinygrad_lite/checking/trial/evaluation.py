"""A hand-written backprop on trial: run on the user's data and on problems of ours, and compared.

This file gathers the evidence; `check.py` turns it into a report.
"""

from __future__ import annotations

import math
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.kinks import gradients, intervals
from tinygrad_lite.checking.network.layers import BINARY, CROSS
from tinygrad_lite.checking.network.network import Network, Record
from tinygrad_lite.checking.network.problems import SIZES, Problem, Structure, chosen, structures
from tinygrad_lite.checking.network.recognise import recognise, target_trap
from tinygrad_lite.checking.result.comparison import Comparison
from tinygrad_lite.checking.result.entries import Entries, indices, read
from tinygrad_lite.checking.result.verdict import Verdict
from tinygrad_lite.checking.trial.numerical_check import measured_slope
from tinygrad_lite.checking.trial.submission import Answer, Submission

ENGINE_AT_MOST = 600_000  # multiplications that the scalar engine may be asked for on the user's data


class CaseResult:
    """One problem, what was answered on it, and what is exact.

    Attributes:
        problem, answer: the problem, and the user's gradients on it.
        comparison: the verdicts; None if there were no gradients to compare.
        record: the recognised network's forward pass, or None.
        source: where the exact gradients come from: "engine", "model" or "measured".
        kinks: names whose gradient was accepted within the interval that a kink allows.
    """

    def __init__(self, problem: Problem, answer: Answer) -> None:
        self.problem, self.answer = problem, answer
        self.comparison: Comparison | None = None
        self.record: Record | None = None
        self.source = ""
        self.kinks: list[str] = []

    @property
    def ok(self) -> bool:
        return self.comparison is not None and self.comparison.ok


class Evaluation:
    """Everything that was tried.

    Attributes:
        cases: the user's data first, then our problems.
        network: the recognised network, or None.
        structure: how parameters and data lie, or None.
        error: why nothing could be tried at all, or "".
        remarks: (code, sentence) found on the way, each once.
    """

    def __init__(self, submission: Submission, given: Problem, seed: int, rtol: float) -> None:
        self.submission, self.given, self.seed, self.rtol = submission, given, seed, rtol
        self.network: Network | None = None
        self.structure: Structure | None = None
        self.cases: list[CaseResult] = []
        self.remarks: list[tuple[str, str]] = []
        self.error = submission.loss_error(given)
        if self.error:
            self.error = f"the loss function failed on your data: {self.error}"
            return
        if not math.isfinite(submission.loss(given)):
            self.error = f"the loss on your data is {submission.loss(given)}; a gradient needs a finite one"
            return
        ours = self._problems()
        for problem in [self._of_a_size(given), *ours]:
            self._try(problem)

    # ------------------------------------------------------------------ problems

    def _problems(self) -> list[Problem]:
        """Our own problems on which the loss can be run."""
        for structure in structures(self.given):
            outputs = 1 if structure.widths[-1] == 1 else None
            probes, losses = self._probes(structure, outputs)
            if not probes and outputs is None:  # perhaps the number of classes is written into the loss
                outputs = structure.widths[-1]
                probes, losses = self._probes(structure, outputs)
            if target_trap(self.given, structure, self.submission.loss):
                said = (
                    f"the loss itself: y has shape {np.shape(self.given.data[1])} and the prediction (N, 1), so y - P"
                )
                said += " is an N x N table of all pairs; give y the shape (N, 1)"
                self.remarks.append(("TARGET_SHAPE", said))
            if not probes:
                continue
            self.structure = self.structure or structure
            network = recognise(structure, probes, losses)
            if network is not None:
                self.network, self.structure = network, structure
                found = [chosen(structure, network, name, self.seed, outputs) for name in SIZES]
                return [p for p in found if p is not None and math.isfinite(self.submission.loss(p))]
        if self.structure is not None:
            outputs = 1 if self.structure.widths[-1] == 1 else None
            return self._probes(self.structure, outputs)[0]
        return self._shaken()

    def _probes(self, structure: Structure, outputs: int | None) -> tuple[list[Problem], list[float]]:
        probes = [structure.problem(name, self.seed, outputs) for name in SIZES]
        losses = [self.submission.loss(p) for p in probes]
        usable = [(p, x) for p, x in zip(probes, losses, strict=True) if math.isfinite(x)]
        return [p for p, _ in usable], [x for _, x in usable]

    def _shaken(self) -> list[Problem]:
        """The user's own problem with its parameters moved at random: all that is possible without layers."""
        found = []
        for k in range(1, 4):
            chance = np.random.default_rng(self.seed + k)
            params = {
                name: np.asarray(x, float) + 0.3 * chance.normal(size=np.shape(x)) * (1 + np.abs(np.asarray(x, float)))
                for name, x in self.given.params.items()
            }
            problem = Problem(f"parameters moved ({k})", params, self.given.data, "", self.seed + k)
            if math.isfinite(self.submission.loss(problem)):
                found.append(problem)
        return found

    def _work(self) -> int:
        """How many multiplications the user's data asks of a scalar engine, roughly."""
        samples = self.structure.n if self.structure else 1
        return 3 * samples * sum(np.size(x) for x in self.given.params.values())

    def _of_a_size(self, given: Problem) -> Problem:
        """The user's data, or its first samples where neither engine nor model could take all of it."""
        structure = self.structure
        if structure is None or self.network is not None or self._work() <= ENGINE_AT_MOST:
            return given
        n = max(2, structure.n * ENGINE_AT_MOST // self._work() // 4)
        x, y, *more = given.data
        columns = structure.layout.columns
        cut = [np.asarray(a)[:, :n] if columns and np.ndim(a) == 2 else np.asarray(a)[:n] for a in (x, y)]
        said = f"only the first {n} of your {structure.n} samples were tried: the loss is too large for the engine"
        self.remarks.append(("SIZE", said))
        return Problem(given.name, given.params, (*cut, *more))

    # ------------------------------------------------------------------ judging

    def _try(self, problem: Problem) -> None:
        exhibit = CaseResult(problem, self.submission.answer(problem))
        self.cases.append(exhibit)
        for remark in exhibit.answer.remarks:
            if remark not in self.remarks:
                self.remarks.append(remark)
        exhibit.record = self._record(problem)
        exact = self._exact(problem, exhibit)
        if exhibit.answer.error:
            return
        overall = max((abs(n) for e in exact.values() for n in e.numbers), default=0.0)
        rtol = self.rtol if exhibit.source != "measured" else max(self.rtol, 1e-5)
        verdicts = []
        for name in self.submission.names:
            noise = exhibit.answer.noise.get(name, 0.0)
            verdicts.append(Verdict(name, exhibit.answer.gradients.get(name), exact[name], rtol, overall, noise))
        exhibit.comparison = Comparison(verdicts, rtol)
        if not exhibit.comparison.ok and self.network is not None and self.network.kind in (BINARY, CROSS):
            self._excuse_guard(exhibit, overall)
        if not exhibit.comparison.ok:
            self._excuse_kinks(exhibit)

    def _record(self, problem: Problem) -> Record | None:
        if self.network is None:
            return None
        try:
            record = Record(self.network, problem.params, problem.data[0], problem.data[1])
        except ValueError:
            return None
        loss = self.submission.loss(problem)
        return record if abs(record.loss - loss) <= 1e-9 * abs(loss) else None

    def _exact(self, problem: Problem, exhibit: CaseResult) -> dict[str, Entries]:
        """The exact gradients: by the engine where that is possible in time, by the verified model, or measured."""
        if problem.name != "your data" or self._work() <= ENGINE_AT_MOST or exhibit.record is None:
            try:
                exhibit.source = "engine"
                return self.submission.exact(problem)
            except RuntimeError as reason:
                remark = ("ENGINE", f"the loss cannot be run on Values ({reason})")
                if remark not in self.remarks:
                    self.remarks.append(remark)
        if exhibit.record is not None and self.network is not None:
            exhibit.source = "model"
            found = gradients(self.network, exhibit.record, kind=self.network.summed)
            return {name: _entries(found["d" + name], problem.params[name]) for name in self.submission.names}
        exhibit.source = "measured"
        return self._measured(problem)

    def _measured(self, problem: Problem) -> dict[str, Entries]:
        found = {}
        for name in self.submission.names:
            flat = read(problem.params[name]).numbers
            f = self.along(problem, name)
            slopes = [measured_slope(f, flat, i).value for i in range(len(flat))]
            found[name] = Entries(tuple(np.shape(problem.params[name])), slopes)
        return found

    def along(self, problem: Problem, name: str) -> Any:
        """The loss as a function of one parameter's numbers."""
        shape = np.shape(problem.params[name])

        def f(numbers: list[float]) -> float:
            params = {**problem.params, name: np.array(numbers).reshape(shape)}
            return self.submission.loss(Problem(problem.name, params, problem.data))

        return f

    def _excuse_guard(self, exhibit: CaseResult, overall: float) -> None:
        """Accept the gradient of the loss without the small number that guards its logarithm."""
        assert exhibit.comparison is not None
        if exhibit.record is None or self.network is None:
            return
        plain = gradients(self.network, exhibit.record)
        epsilon = self.network.summed.epsilon
        for verdict in exhibit.comparison.verdicts:
            mine = exhibit.answer.gradients.get(verdict.name)
            like = _entries(plain["d" + verdict.name], exhibit.problem.params[verdict.name])
            if not verdict.ok and Verdict(verdict.name, mine, like, self.rtol, overall).ok:
                said = f"right for the loss without the {epsilon or 1e-12:g} that is added inside its logarithm"
                verdict.excuse("EPSILON", said)
                remark = (
                    "EPSILON",
                    f"the loss adds {epsilon:g} inside the logarithm; gradients without it are accepted",
                )
                if remark not in self.remarks and epsilon:
                    self.remarks.append(remark)

    def _excuse_kinks(self, exhibit: CaseResult) -> None:
        """Accept what a kink allows: the interval of the recognised network, or the two measured sides."""
        assert exhibit.comparison is not None
        record, net = exhibit.record, self.network
        allowed = intervals(net, record) if net is not None and record is not None else {}
        for verdict in exhibit.comparison.verdicts:
            if verdict.ok or not verdict.wrong or verdict.hand is None or verdict.exact is None:
                continue
            if verdict.hand.shape != verdict.exact.shape:
                continue
            if allowed:
                low, high = (read(x).numbers for x in allowed[verdict.name])
                accepted = all(
                    verdict.near(h, min(max(h, lo), hi))
                    for h, lo, hi in zip(verdict.hand.numbers, low, high, strict=True)
                )
            elif net is None and len(verdict.wrong) <= 24:
                accepted = self._measured_kink(exhibit.problem, verdict)
            else:
                accepted = False
            if accepted:
                verdict.excuse(
                    "KINK", "the point is on a kink, where several gradients are right; yours is one of them"
                )
                exhibit.kinks.append(verdict.name)

    def _measured_kink(self, problem: Problem, verdict: Verdict) -> bool:
        assert verdict.hand is not None
        f = self.along(problem, verdict.name)
        flat = read(problem.params[verdict.name]).numbers
        places = list(indices(verdict.hand.shape))
        for index in verdict.wrong:
            i = places.index(index)
            slope = measured_slope(f, flat, i)
            if not slope.kink or not slope.accepts(verdict.hand.numbers[i]):
                return False
        return True


def _entries(gradient: Any, like: Any) -> Entries:
    return Entries(tuple(np.shape(like)), read(gradient).numbers)
