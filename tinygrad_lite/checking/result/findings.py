"""A check as a report: verdict first, then the mistakes, the first wrong link, the numbers, the blind spots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.checking.result.taylor_plot import TaylorPlot
from tinygrad_lite.report.text import Part, Report, Table

if TYPE_CHECKING:
    from tinygrad_lite.checking.check import Check


def written(check: Check, listing: Part | None = None) -> Report:
    """The whole report; `listing` are the marked lines of the source."""
    trial = check.evaluation
    report = Report(_headline(check))
    for words in check.bound:
        report.paragraph(words)
    if trial.error:
        return report.paragraph(f"Nothing could be checked: {trial.error}.")
    if trial.network is not None:
        report.paragraph(f"Recognised from its loss: {trial.network.words()}.")
    if check.wrong:
        _mistakes(check, report)
    if listing is not None:
        report.add(listing)
    report.strip([link for link in check.diagnosis.links if check.wrong or link[1] != "unchecked"])
    if trial.network is not None and check.wrong:
        report.paragraph(
            f"Names: {trial.network.formulas()}; dP, dZ1 and so on are the derivatives of the loss w.r.t. them. Tick: "
            "compared and equal; circle: not compared; arrow: wrong, and accounted for by what is above."
        )
    report.table(_table(check))
    _remarks(check, report)
    if check.wrong and (check.diagnosis.unknown or not (check.mistakes or check.diagnosis.causes)):
        _differences(check, report)
    _coverage(check, report)
    if check.measured:
        report.table(_witness(check))
    if check.taylor is not None:
        report.add(TaylorPlot(check.taylor, "Your gradients on your data"))
    return report


def _headline(check: Check) -> str:
    names = check.evaluation.submission.names
    if check.evaluation.error:
        return "No verdict"
    every = "every gradient" if len(names) > 1 else "the gradient"
    if check.ok and check.evaluation.measured:
        return f"Right as far as it can be measured: {every} agrees with the measured one"
    if check.ok:
        return f"Right: {every} is exact"
    if not check.wrong:
        return "Right where it ran, but it did not run everywhere"
    some = f"{len(check.wrong)} of {len(names)} gradients wrong"
    causes = [*dict.fromkeys(check.diagnosis.causes.values())]
    if any(cause.code == "RAISED" for cause in causes):
        return "No gradients: backprop did not run"
    n = len(grouped([*causes, *check.mistakes]))
    if not n:
        return some
    more = ", and something else" if check.diagnosis.unknown else ""
    return f"{some}; {n} mistake{'s' if n > 1 else ''} found{more}"


def _mistakes(check: Check, report: Report) -> None:
    d = check.diagnosis
    for sentence in grouped([*dict.fromkeys(d.causes.values())]):
        report.paragraph(_capital(sentence))
    numbered = grouped(d.mistakes)
    if numbered:
        many = f"on {d.problems} problems" if d.problems > 1 else "on one problem"
        more = "" if not d.unknown else f", except {', '.join('d' + n for n in d.unknown)}"
        changes = (
            "This change to the chain rule gives" if len(numbered) == 1 else "These changes to the chain rule give"
        )
        report.paragraph(f"{changes} exactly your numbers {many}{more}:")
        for i, sentence in enumerate(numbered, start=1):
            report.paragraph(f"{i}. {sentence}")
    others = [_instead(d.mistakes, numbered, other) for other in (*d.tied[:2], *d.near[:2])]
    if others:
        report.paragraph(f"The same numbers come out {' Or '.join(dict.fromkeys(others))}")
    if d.unknown and not check.mends:
        report.paragraph(f"Unexplained: {', '.join('d' + n for n in d.unknown)}; {d.why}.{_where(check)}")
    for hint in d.hints:
        if not d.mistakes or hint.code.startswith(("SHAPE", "SILENT")) or d.unknown:
            report.paragraph(f"{_capital(hint.sentence)}. [{hint.code}]")


def _capital(sentence: str) -> str:
    """A sentence with a capital, unless it begins with a name such as dW."""
    return sentence[0].upper() + sentence[1:] if sentence.split()[0].strip(",:").islower() else sentence


def _instead(mistakes: list[Mistake], numbered: list[str], other: list[Mistake]) -> str:
    """Another explanation of the same numbers, as what it has in the place of which of ours."""
    gone = [str(numbered.index(s) + 1) for s in grouped([m for m in mistakes if m not in other])]
    new = " And: ".join(grouped([m for m in other if m not in mistakes]))
    return f"with this instead of {' and '.join(gone)}: {new}" if new else f"without {' and '.join(gone)}."


def _where(check: Check) -> str:
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
    look = f" {', '.join(gradients)} {'are' if gradients[1:] else 'is'} right" if gradients else ""
    look += f", so look first at {', '.join(between)}." if look and between else "." if look else ""
    return f"{look} Not compared: {', '.join(unseen)}; return them too, under these names, and they will be."


def grouped(mistakes: list[Mistake]) -> list[str]:
    """A sentence for each mistake; several codes with the same sentence are told together."""
    codes: dict[str, list[str]] = {}
    for mistake in mistakes:
        codes.setdefault(mistake.sentence(), []).append(mistake.code)
    return [f"{sentence} [{', '.join(found)}]" for sentence, found in codes.items()]


def _table(check: Check) -> Table:
    trial = check.evaluation
    names = trial.submission.names
    rows: list[list[Any]] = []
    for e in trial.cases:
        row: list[Any] = [e.problem.short()]
        for name in names:
            if e.comparison is None:
                row.append("raised")
            else:
                verdict = e.comparison[name]
                row.append("right (kink)" if name in e.kinks else verdict.words())
        rows.append(row)
    columns = ["problem", *(f"d{name}" for name in names)]
    marks = ["ok" if e.ok else "wrong" for e in trial.cases]
    sources = {e.source for e in trial.cases}
    source = {
        "engine": "Exact gradients: the engine, on your own loss.",
        "model": "Exact gradients: our NumPy model of your network, which gives your loss to 1e-9.",
        "measured": "Exact gradients: measured by central differences, as the loss cannot be run on Values.",
    }
    note = " ".join(source[s] for s in ("engine", "model", "measured") if s in sources)
    if any(e.problem.sizes for e in trial.cases):
        note += " Our own problems are named by their sizes: samples x inputs -> ... -> outputs."
    rtols = {e.comparison.rtol for e in trial.cases if e.comparison is not None}
    note += f" An entry is right if it agrees to {max(rtols):g} of its size." if rtols else ""
    return Table(columns, rows, note=note, marks=marks)


def _remarks(check: Check, report: Report) -> None:
    raised: dict[str, list[str]] = {}
    caused = {cause.code for cause in check.diagnosis.causes.values()}
    for exhibit in check.raised if "RAISED" not in caused else ():
        raised.setdefault(exhibit.answer.error, []).append(exhibit.problem.words())
    for error, problems in raised.items():
        report.paragraph(f"backprop gave nothing on {', '.join(problems)}: {error}. [RAISED]")
    for code, sentence in check.evaluation.remarks:
        if code not in caused:
            report.paragraph(f"{_capital(sentence)}. [{code}]")


def _differences(check: Check, report: Report) -> None:
    exhibit = next((e for e in check.evaluation.cases if e.comparison is not None and not e.comparison.ok), None)
    if exhibit is None or exhibit.comparison is None:
        return
    unknown = check.diagnosis.unknown or check.wrong
    for part in exhibit.comparison.report(4, unknown).parts:
        if isinstance(part, Table) and part.title:
            part.title = f"{part.title} on {exhibit.problem.words()}"
            part.columns = [c.replace("exact", "measured") if exhibit.source == "measured" else c for c in part.columns]
            report.table(part)


def _witness(check: Check) -> Table:
    """Which side the measured derivatives take."""
    rows = []
    for name, mine, exact, derivative in check.measured:
        yours, ours = derivative.accepts(mine), derivative.accepts(exact)
        side = "both" if yours and ours else "the exact one" if ours else "yours" if yours else "neither"
        side += " (on a kink)" if derivative.kink else ""
        rows.append([f"d{name}", mine, exact, derivative.value, f"{derivative.bar:.0e}", side])
    return Table(
        ["entry", "yours", "exact", "measured", "+-", "sides with"],
        rows,
        title="Measured on your data, without any derivative rule",
    )


def _coverage(check: Check, report: Report) -> None:
    for code, sentence in check.coverage:
        report.paragraph(f"Your data: {sentence}{f' [{code}]' if code else ''}")
    ours = [e for e in check.evaluation.cases[1:] if e.comparison is not None]
    given = check.evaluation.cases[0]
    if given.ok and check.wrong:
        shows = "; ".join(e.problem.words() for e in ours if not e.ok)
        report.paragraph(f"On your own data the numbers are right; the mistake shows on other problems: {shows}.")
    elif check.ok:
        names = "; ".join(e.problem.name for e in ours)
        tried = f"Also right on {len(ours)} problems of ours (seed {check.evaluation.seed}): {names}." if ours else ""
        report.paragraph(f"{tried} {check.evaluation.untried()}".strip())
