"""A check as a report: verdict first, then the mistakes, the first wrong link, the numbers, the blind spots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_lite.checking.lines.listing import Listing
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.checking.result.taylor_plot import TaylorPlot
from tinygrad_lite.report.text import Report, Table

if TYPE_CHECKING:
    from tinygrad_lite.checking.check import Check


def written(check: Check) -> Report:
    """The whole report."""
    trial = check.evaluation
    report = Report(_headline(check))
    if trial.error:
        return report.paragraph(f"Nothing could be checked: {trial.error}.")
    if trial.network is not None:
        report.paragraph(f"Recognised from its loss: {trial.network.words()}.")
    if check.wrong:
        _mistakes(check, report)
    if any(line.mark not in ("", "ok") for line in check.lines):
        report.add(Listing(check.lines, check.mends))
    report.strip(_strip(check))
    if trial.network is not None and check.wrong:
        report.paragraph(
            f"Names: {trial.network.formulas()}; dP, dZ1 and so on are the derivatives of the loss along them. Mend "
            "the first wrong link, then check again; a link that follows is wrong only because of one above it."
        )
    report.table(_table(check))
    _mishaps(check, report)
    if check.wrong and (check.diagnosis.unknown or not check.mistakes):
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
    if check.ok:
        return "Right: every gradient is exact" if len(names) > 1 else "Right: the gradient is exact"
    if not check.wrong:
        return "Right where it ran, but it did not run everywhere"
    some = f"{len(check.wrong)} of {len(names)} gradients wrong"
    n = len(grouped(check.mistakes))
    if not n:
        return some
    more = ", and something else" if check.diagnosis.unknown else ""
    return f"{some}; {n} mistake{'s' if n > 1 else ''} found{more}"


def _mistakes(check: Check, report: Report) -> None:
    d = check.diagnosis
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
    for stories, words in (
        (d.tied, "cannot be told apart, as it gives the same numbers on every problem"),
        (d.near, "gives the same numbers too"),
    ):
        for story in stories[:2]:
            gone = [str(numbered.index(s) + 1) for s in grouped([m for m in d.mistakes if m not in story])]
            new = " And: ".join(grouped([m for m in story if m not in d.mistakes]))
            instead = f"Instead of {' and '.join(gone)}" if new else f"Leaving out {' and '.join(gone)}"
            report.paragraph(f"{instead} this {words}{': ' + new if new else '.'}")
    if d.unknown:
        known = check.evaluation.network is not None
        why = (
            "no change to the chain rule in the catalogue gives your numbers on every problem"
            if known
            else "the loss is none of the networks this diagnosis knows, so only the numbers can be compared"
        )
        marks = [mark for _, mark, _ in d.links]
        where = d.links[marks.index("unsure")][0] if "unsure" in marks else ""
        clear = where and all(mark == "ok" for mark in marks[: marks.index("unsure")])
        look = f" Everything above {where} is right, so look there." if clear else ""
        report.paragraph(f"Unexplained: {', '.join('d' + n for n in d.unknown)}; {why}.{look}")
    for exhibit in check.evaluation.cases:
        if exhibit.comparison is not None and not exhibit.comparison.ok:
            said = [s for s in exhibit.comparison.findings() if not d.mistakes or "[SHAPE" in s or "[SILENT" in s]
            for sentence in said[:8]:
                report.paragraph(f"On {exhibit.problem.words()}: {sentence}")
            if said:
                break


def grouped(mistakes: list[Mistake]) -> list[str]:
    """A sentence for each mistake; several codes with the same sentence are told together."""
    codes: dict[str, list[str]] = {}
    for mistake in mistakes:
        codes.setdefault(mistake.sentence(), []).append(mistake.code)
    return [f"{sentence} [{', '.join(found)}]" for sentence, found in codes.items()]


def _strip(check: Check) -> list[tuple[str, str, str]]:
    return [("loss", "ok", ""), *check.diagnosis.links]


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


def _mishaps(check: Check, report: Report) -> None:
    raised: dict[str, list[str]] = {}
    for exhibit in check.raised:
        raised.setdefault(exhibit.answer.error, []).append(exhibit.problem.words())
    for error, problems in raised.items():
        report.paragraph(f"backprop gave nothing on {', '.join(problems)}: {error}. [RAISED]")
    for code, sentence in check.evaluation.remarks:
        report.paragraph(f"{sentence[0].upper()}{sentence[1:]}. [{code}]")


def _differences(check: Check, report: Report) -> None:
    exhibit = next((e for e in check.evaluation.cases if e.comparison is not None and not e.comparison.ok), None)
    if exhibit is None or exhibit.comparison is None:
        return
    unknown = check.diagnosis.unknown or check.wrong
    for part in exhibit.comparison.report(4, unknown).parts:
        if isinstance(part, Table) and part.title:
            part.title = f"{part.title} on {exhibit.problem.words()}"
            report.table(part)


def _witness(check: Check) -> Table:
    """Which side the measured slopes take."""
    rows = []
    for name, mine, exact, slope in check.measured:
        yours, ours = slope.accepts(mine), slope.accepts(exact)
        side = "both" if yours and ours else "the exact one" if ours else "yours" if yours else "neither"
        side += " (on a kink)" if slope.kink else ""
        rows.append([f"d{name}", mine, exact, slope.value, f"{slope.bar:.0e}", side])
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
        report.paragraph(
            "On your own data the numbers are right; the mistake shows on our problems, where the sizes are different."
        )
    elif check.ok and ours:
        report.paragraph(
            f"Also right on {len(ours)} problems of ours (seed {check.evaluation.seed}), where every unit is on and "
            "off and no two sizes hide one another."
        )
