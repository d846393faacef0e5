"""A hand-written backprop evaluated: run on the user's data and on problems of ours, and compared.

This file gathers the evidence; `check.py` turns it into a report.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.kinks import gradients
from tinygrad_lite.checking.network.network import Network, Record
from tinygrad_lite.checking.network.problems import SIZES, Problem, Structure, chosen, structures
from tinygrad_lite.checking.network.recognise import Recorded, activations_in, recognise, target_trap
from tinygrad_lite.checking.result.comparison import Comparison
from tinygrad_lite.checking.result.entries import Entries, entries_like
from tinygrad_lite.checking.trial.answer import CaseResult
from tinygrad_lite.checking.trial.excuses import blurred, excuse, rounding
from tinygrad_lite.checking.trial.submission import Submission
from tinygrad_lite.checking.trial.updates import as_updates, other_rate
from tinygrad_lite.checking.trial.variations import few_samples, variations
from tinygrad_lite.report.language import say

ENGINE_AT_MOST = 600_000  # multiplications that the scalar engine may be asked for on the user's data
NODES_AT_MOST = 200_000  # nodes of the graphs of all variations of the user's problem together
KINDS = {  # of problems of ours, and what is in the names of such
    "other data": "other data",
    "more or fewer samples": "a sample",
    "other widths": "in the place of",
    "parameters of other values": "parameters moved",
}
MEASURED = 1e-7  # how far a gradient may be from a measured one, beside the bar of the measurement


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
        self.submission: Submission = submission
        self.given: Problem = given
        self.seed: int = seed
        self.rtol: float = rtol
        self.network: Network | None = None
        self.structure: Structure | None = None
        self.cases: list[CaseResult] = []
        self.remarks: list[tuple[str, str]] = []
        self.error: str = submission.loss_error(given)
        if self.error:
            return
        if submission.draws:
            message = "the loss draws random numbers; the generators were put back, so every call drew the same ones"
            self.say("RANDOM", message)
        if not math.isfinite(submission.loss(given)):
            self.error = say("the loss on your data is {0}; a gradient needs a finite one", submission.loss(given))
            return
        try:
            ours = self._problems()
        except Exception as reason:  # what looked like layers was none
            self.network = self.structure = None
            self.say("SIZES", "no problems of other sizes could be made ({0}: {1})", type(reason).__name__, reason)
            ours = []
        for problem in [self._of_a_size(given), *ours]:
            self._try(problem)
        if self.network is None:
            self._vary()
        self._as_updates()
        self.cases = [case for case in self.cases if not blurred(case)]
        submission.state.restore()

    def remark(self, code: str, sentence: str) -> None:
        """Note something odd, once."""
        if (code, sentence) not in self.remarks:
            self.remarks.append((code, sentence))

    def say(self, code: str, english: str, *put_in: Any) -> None:
        """Note something odd in the reader's language."""
        self.remark(code, say(english, *put_in))

    @property
    def measured(self) -> bool:
        """The gradients were compared with measured ones, on some problem at least."""
        return any(case.source == "measured" for case in self.cases)

    def untried(self) -> str:
        """What could not be tried, as a sentence; "" if nothing was left out."""
        names = [case.problem.name for case in self.cases[1:]]
        layers = any(name in SIZES for name in names)
        missing = [] if layers else [say(w) for w, mark in KINDS.items() if not any(mark in name for name in names)]
        message = say("Not tried, as it has no meaning here or the loss did not run on it: {0}.", ", ".join(missing))
        return message if missing else ""

    # ------------------------------------------------------------------ problems

    def _problems(self) -> list[Problem]:
        """Problems of ours for a layered network, if this may be one."""
        for structure in structures(self.given):
            outputs = 1 if structure.widths[-1] == 1 else None
            probes, losses = self._probes(structure, outputs)
            if not probes and outputs is None:  # perhaps the number of classes is written into the loss
                outputs = structure.widths[-1]
                probes, losses = self._probes(structure, outputs)
            if target_trap(self.given, structure, self.submission.loss):
                message = (
                    "the loss itself: y has shape {0} and the prediction (N, 1), so y - P is an N x N table "
                    "of all pairs; give y the shape (N, 1)"
                )
                self.say("TARGET_SHAPE", message, np.shape(self.given.data[1]))
            if not probes:
                continue
            self.structure = self.structure or structure
            network = recognise(structure, probes, losses, activations_in(self._graphs(probes), structure))
            if network is not None:
                self.network, self.structure = network, structure
                found = [chosen(structure, network, name, self.seed, outputs) for name in SIZES]
                return [p for p in found if p is not None and self._runs(p)]
        if self.structure is not None:
            outputs = 1 if self.structure.widths[-1] == 1 else None
            return self._probes(self.structure, outputs)[0]
        return []

    def _graphs(self, probes: list[Problem]) -> Iterator[Recorded]:
        """The loss recorded on these problems, if it runs on Values."""
        for probe in reversed(probes):
            try:
                root, leaves = self.submission.recorded(probe)
            except RuntimeError:
                return
            if root is not None:
                shapes = {name: np.shape(x) for name, x in probe.params.items()}
                yield root, {n: np.array(own, dtype=object).reshape(shapes[n]) for n, own in leaves.items()}

    def _runs(self, problem: Problem) -> bool:
        return math.isfinite(self.submission.loss(problem))

    def _probes(self, structure: Structure, outputs: int | None) -> tuple[list[Problem], list[float]]:
        probes = [structure.problem(name, self.seed, outputs) for name in SIZES]
        losses = [self.submission.loss(p) for p in probes]
        usable = [(p, x) for p, x in zip(probes, losses, strict=True) if math.isfinite(x)]
        return [p for p, _ in usable], [x for _, x in usable]

    def _vary(self) -> None:
        """Try variations of the user's own problem: as many, or of as few samples, as the engine can take."""
        given = self.cases[0].problem
        most = NODES_AT_MOST // max(self.submission.nodes, 1)
        few = next((p for p in few_samples(given) if self._runs(p)), None) if most < 2 else None
        if few is not None:
            self.say("SIZE", "only the first samples of your data were varied, as the loss is large for the engine")
            given, most = few, NODES_AT_MOST
        for k, problem in enumerate(variations(given, self.seed, self._runs)):
            if k >= max(most, 2):
                self.say("SIZE", "fewer variations of your problem were tried, as the loss is large for the engine")
                break
            self._try(problem)
            case = self.cases[-1]
            if case.answer.error and not self.cases[0].answer.error:  # our idea, not the user's
                self.say("SIZES", "not tried with {0}: backprop raised {1}", problem.name, case.answer.error)
                self.cases.pop()

    def _work(self) -> int:
        """How many multiplications the user's data asks of a scalar engine, roughly."""
        samples = self.structure.n if self.structure else 1
        return 3 * samples * sum(np.size(x) for x in self.given.params.values())

    def _of_a_size(self, given: Problem) -> Problem:
        """The user's data, or its first samples where neither engine nor model could take all of it."""
        structure = self.structure
        if structure is None or self.network is not None or self._work() <= ENGINE_AT_MOST:
            return given
        n, columns = max(2, structure.n * ENGINE_AT_MOST // self._work() // 4), structure.layout.columns
        x, y, *more = given.data
        cut = [np.asarray(a)[:, :n] if columns and np.ndim(a) == 2 else np.asarray(a)[:n] for a in (x, y)]
        message = "only the first {0} of your {1} samples were tried: the loss is too large for the engine"
        self.say("SIZE", message, n, structure.n)
        return Problem(given.name, given.params, (*cut, *more))

    # ------------------------------------------------------------------ comparing

    def _try(self, problem: Problem) -> None:
        case = CaseResult(problem, self.submission.answer(problem), self._record(problem))
        self.cases.append(case)
        case.exact = self._exact(problem, case)
        self._compare(case)

    def _compare(self, case: CaseResult) -> None:
        answer = case.answer
        for remark in answer.remarks:
            self.remark(*remark)
        if answer.in_place and not answer.error:
            answer.error = say(
                "it returned None; return the gradients as a dict or a tuple in the order of params, or, "
                "since it changed the parameters, call check(..., updates=True, lr=...)"
            )
        if answer.error:
            return
        rtol = self.rtol if case.source != "measured" else max(self.rtol, MEASURED)
        noise = {name: answer.noise.get(name, 0.0) + case.noise.get(name, 0.0) for name in case.exact}
        case.comparison = Comparison(answer.gradients, case.exact, rtol, noise)
        if not case.comparison.ok:
            for remark in excuse(self.submission, self.network, case):
                self.remark(*remark)
        if not case.comparison.ok and not case.noise:
            case.noise = rounding(self.submission, case, self.seed)
            if case.noise:
                self._compare(case)

    def _as_updates(self) -> None:
        """Where the numbers are updated weights, or the learning rate is another one: read them so."""
        wrong = any(not case.ok for case in self.cases)
        found = (other_rate if self.submission.updates else as_updates)(self.submission, self.cases) if wrong else None
        if found is None:
            return
        rate, remark = found
        self.remark(*remark)
        if rate is not None:
            self.remarks = [r for r in self.remarks if not (r[0] == "MUTATED" and "updates=True" in r[1])]
            self.submission.updates, self.submission.lr = True, rate
            for case in self.cases:
                case.answer, case.kinks = self.submission.answer(case.problem), []
                self._compare(case)

    def _record(self, problem: Problem) -> Record | None:
        if self.network is None:
            return None
        try:
            record = Record(self.network, problem.params, problem.data[0], problem.data[1])
        except ValueError:
            return None
        loss = self.submission.loss(problem)
        return record if abs(record.loss - loss) <= 1e-9 * abs(loss) else None

    def _exact(self, problem: Problem, case: CaseResult) -> dict[str, Entries]:
        """The exact gradients: by the engine where that is possible in time, by the verified model, or measured."""
        if problem.name != "your data" or self._work() <= ENGINE_AT_MOST or case.record is None:
            try:
                case.source = "engine"
                return self.submission.exact(problem)
            except RuntimeError as reason:
                self.say("ENGINE", "the loss cannot be run on Values ({0})", reason)
        if case.record is not None and self.network is not None:
            case.source = "model"
            found = gradients(self.network, case.record, kind=self.network.summed)
            return {name: entries_like(found["d" + name], problem.params[name]) for name in self.submission.names}
        case.source = "measured"
        return self._measured(problem, case)

    def _measured(self, problem: Problem, case: CaseResult) -> dict[str, Entries]:
        found, loss = {}, self.submission.near(problem)
        for name in self.submission.names:
            derivatives = [loss.derivative(name, i) for i in range(np.size(problem.params[name]))]
            case.noise[name] = 3 * max((each.bar for each in derivatives), default=0.0)
            found[name] = Entries(tuple(np.shape(problem.params[name])), [each.value for each in derivatives])
        if loss.noise:
            message = (
                "the loss is rounded to about {0:.0e}, as by single or half precision inside it: the error bars of "
                "what is measured are as wide as that makes them"
            )
            self.say("FLOAT32", message, loss.noise)
        return found
