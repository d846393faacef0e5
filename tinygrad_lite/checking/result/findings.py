"""A check as a report: verdict first, then the mistakes, the first wrong link, the numbers, the blind spots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.checking.result.result import Result
from tinygrad_lite.checking.result.taylor_plot import TaylorPlot
from tinygrad_lite.report.language import say
from tinygrad_lite.report.text import Part, Report, Table

if TYPE_CHECKING:
    from tinygrad_lite.checking.catalogue.strip import Diagnosis
    from tinygrad_lite.checking.trial.answer import CaseResult
    from tinygrad_lite.checking.trial.evaluation import Evaluation


class Findings(Result):
    """What is told of a check; `check.py` says what each attribute is."""

    evaluation: Evaluation
    diagnosis: Diagnosis
    wrong: list[str]
    raised: list[CaseResult]
    bound: list[str]
    coverage: list[Any]
    measured: list[Any]
    taylor: Any
    mends: Any
    mistakes: Any
    counterexample: Any


def report_of(check: Findings, listing: Part | None = None) -> Report:
    """The whole report; `listing` are the marked lines of the source."""
    evaluation = check.evaluation
    report = Report(_headline(check))
    for words in check.bound:
        report.paragraph(words)
    if evaluation.error:
        return report.say("Nothing could be checked: {0}.", evaluation.error)
    if evaluation.network is not None:
        report.say("Recognised from its loss: {0}.", evaluation.network.words())
    if check.wrong:
        _mistakes(check, report)
    if check.counterexample is not None:
        report.say("The smallest example that was found, to redo with a pencil:").add(check.counterexample.part())
    if listing is not None:
        report.add(listing)
    report.strip([link for link in check.diagnosis.links if check.wrong or link[1] != "unchecked"])
    if evaluation.network is not None and check.wrong:
        report.say(
            "Names: {0}; dP, dZ1 and so on are the derivatives of the loss w.r.t. them. Tick: "
            "compared and equal; circle: not compared; arrow: wrong, and accounted for by what is above.",
            evaluation.network.formulas(),
        )
    report.table(_table(check))
    _remarks(check, report)
    if check.wrong and (check.diagnosis.unknown or not (check.mistakes or check.diagnosis.causes)):
        _differences(check, report)
    _coverage(check, report)
    if check.measured:
        report.table(_measured(check))
    if check.taylor is not None:
        report.add(TaylorPlot(check.taylor, say("Your gradients on your data")))
    return report


def _headline(check: Findings) -> str:
    names = check.evaluation.submission.names
    if check.evaluation.error:
        return say("No verdict")
    every = say("every gradient") if len(names) > 1 else say("the gradient")
    if check.ok and check.evaluation.measured:
        return say("Right as far as it can be measured: {0} agrees with the measured one", every)
    if check.ok:
        return say("Right: {0} is exact", every)
    if not check.wrong:
        return say("Right where it ran, but it did not run everywhere")
    some = say("{0} of {1} gradients wrong", len(check.wrong), len(names))
    causes = list(dict.fromkeys(check.diagnosis.causes.values()))
    if any(cause.code == "RAISED" for cause in causes):
        return say("No gradients: backprop did not run")
    n = len(grouped([*causes, *check.mistakes]))
    more = say(", and something else") if check.diagnosis.unknown else ""
    found = say("; {0} mistakes found{1}", n, more) if n > 1 else say("; 1 mistake found{0}", more)
    return some + found if n else some


def _mistakes(check: Findings, report: Report) -> None:
    d = check.diagnosis
    for sentence in grouped([*dict.fromkeys(d.causes.values())]):
        report.paragraph(_capital(sentence))
    numbered = grouped(d.mistakes)
    if numbered:
        many = say("on {0} problems", d.problems) if d.problems > 1 else say("on one problem")
        more = "" if not d.unknown else say(", except {0}", ", ".join("d" + n for n in d.unknown))
        one = len(numbered) == 1
        changes = say("This change to the chain rule gives") if one else say("These changes to the chain rule give")
        report.say("{0} exactly your numbers {1}{2}:", changes, many, more)
        for i, sentence in enumerate(numbered, start=1):
            report.paragraph(f"{i}. {sentence}")
    others = [_instead(d.mistakes, numbered, other) for other in (*d.tied[:2], *d.near[:2])]
    if others:
        report.say("The same numbers come out {0}", say(" Or ").join(dict.fromkeys(others)))
    if d.unknown and not check.mends:
        report.say("Unexplained: {0}; {1}.{2}", ", ".join("d" + n for n in d.unknown), d.why, _where(check))
    for hint in d.hints:
        if not d.mistakes or hint.code.startswith(("SHAPE", "SILENT")) or d.unknown:
            report.say("{0}. [{1}]", _capital(hint.sentence), hint.code)


def _capital(sentence: str) -> str:
    """A sentence with a capital, unless it begins with a name such as dW."""
    return sentence[0].upper() + sentence[1:] if sentence.split()[0].strip(",:").islower() else sentence


def _instead(mistakes: list[Mistake], numbered: list[str], other: list[Mistake]) -> str:
    """Another explanation of the same numbers, as what it has in the place of which of ours."""
    gone = [str(numbered.index(s) + 1) for s in grouped([m for m in mistakes if m not in other])]
    new = say(" And: ").join(grouped([m for m in other if m not in mistakes]))
    ours = say(" and ").join(gone)
    return say("with this instead of {0}: {1}", ours, new) if new else say("without {0}.", ours)


def _where(check: Findings) -> str:
    """Where to look for what is unexplained: what was compared, and what was not."""
    links = check.diagnosis.links
    unknown = [i for i, (name, _, _) in enumerate(links) if name[1:] in check.diagnosis.unknown]
    above = links[: unknown[0]]
    gradients = [name for name, mark, _ in above if name[1:] in check.evaluation.submission.names and mark == "ok"]
    unseen = [name for name, mark, _ in links[: unknown[-1]] if mark == "unchecked"]
    if not unseen:
        return ""
    after = max((i for i, (name, _, _) in enumerate(above) if name in gradients), default=-1)
    between = [name for name, mark, _ in links[after + 1 : unknown[0]] if mark == "unchecked"]
    look = ""
    if gradients:
        names = ", ".join(gradients)
        look = say(" {0} are right", names) if gradients[1:] else say(" {0} is right", names)
    look += say(", so look first at {0}.", ", ".join(between)) if look and between else "." if look else ""
    return say("{0} Not compared: {1}; return them too, under these names, and they will be.", look, ", ".join(unseen))


def grouped(mistakes: list[Mistake]) -> list[str]:
    """A sentence for each mistake; several codes with the same sentence are told together."""
    codes: dict[str, list[str]] = {}
    for mistake in mistakes:
        codes.setdefault(mistake.sentence(), []).append(mistake.code)
    return [f"{sentence} [{', '.join(found)}]" for sentence, found in codes.items()]


def _table(check: Findings) -> Table:
    evaluation = check.evaluation
    names = evaluation.submission.names

    def word(e: CaseResult, name: str) -> str:
        if e.comparison is None:
            return say("raised")
        return say("right (kink)") if name in e.kinks else e.comparison[name].words()

    rows = [[e.problem.short(), *(word(e, name) for name in names)] for e in evaluation.cases]
    marks = ["ok" if e.ok else "wrong" for e in evaluation.cases]
    sources = {e.source for e in evaluation.cases}
    source = {
        "engine": say("Exact gradients: the engine, on your own loss."),
        "model": say("Exact gradients: our NumPy model of your network, which gives your loss to 1e-9."),
        "measured": say("Exact gradients: measured by central differences, as the loss cannot be run on Values."),
    }
    note = " ".join(source[s] for s in ("engine", "model", "measured") if s in sources)
    if any(e.problem.sizes for e in evaluation.cases):
        note += say(" Our own problems are named by their sizes: samples x inputs -> ... -> outputs.")
    rtols = {e.comparison.rtol for e in evaluation.cases if e.comparison is not None}
    note += say(" An entry is right if it agrees to {0:g} of its size.", max(rtols)) if rtols else ""
    return Table([say("problem"), *(f"d{name}" for name in names)], rows, note=note, marks=marks)


def _remarks(check: Findings, report: Report) -> None:
    raised: dict[str, list[str]] = {}
    caused = {cause.code for cause in check.diagnosis.causes.values()}
    for case in check.raised if "RAISED" not in caused else ():
        raised.setdefault(case.answer.error, []).append(case.problem.words())
    for error, problems in raised.items():
        report.say("backprop gave nothing on {0}: {1}. [RAISED]", ", ".join(problems), error)
    for code, sentence in check.evaluation.remarks:
        if code not in caused:
            report.say("{0}. [{1}]", _capital(sentence), code)


def _differences(check: Findings, report: Report) -> None:
    case = next((e for e in check.evaluation.cases if e.comparison is not None and not e.comparison.ok), None)
    if case is None or case.comparison is None:
        return
    table = case.comparison.differences(4, check.diagnosis.unknown or check.wrong)
    if table is not None:
        table.title = say("{0} on {1}", table.title, case.problem.words())
        if case.source == "measured":
            table.columns = [c.replace(say("exact"), say("measured")) for c in table.columns]
        report.table(table)


def _measured(check: Findings) -> Table:
    """Which side the measured derivatives take."""
    rows = []
    for name, mine, exact, derivative in check.measured:
        yours, ours = derivative.accepts(mine), derivative.accepts(exact)
        side = say("both" if yours and ours else "the exact one" if ours else "yours" if yours else "neither")
        side += say(" (on a kink)") if derivative.kink else ""
        rows.append([f"d{name}", mine, exact, derivative.value, f"{derivative.bar:.0e}", side])
    heads = [say(c) for c in ("entry", "yours", "exact", "measured", "+-", "sides with")]
    return Table(heads, rows, title=say("Measured on your data, without any derivative rule"))


def _coverage(check: Findings, report: Report) -> None:
    for code, sentence in check.coverage:
        report.paragraph(say("Your data: {0}", sentence) + (f" [{code}]" if code else ""))
    ours = [e for e in check.evaluation.cases[1:] if e.comparison is not None]
    given = check.evaluation.cases[0]
    if given.ok and check.wrong:
        shows = "; ".join(e.problem.words() for e in ours if not e.ok)
        report.say("On your own data the numbers are right; the mistake shows on other problems: {0}.", shows)
    elif check.ok:
        names = "; ".join(e.problem.spoken() for e in ours)
        tried = say("Also right on {0} problems of ours (seed {1}): {2}.", len(ours), check.evaluation.seed, names)
        report.paragraph(f"{tried if ours else ''} {check.evaluation.untried()}".strip())
