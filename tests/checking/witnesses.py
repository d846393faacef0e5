"""A reader of what a report says beside its diagnosis: the Taylor line, the measured table, and what the data hide.

Like `uncatalogued.py`, to which it belongs, it holds each claim against the numbers of a program of its own.
"""

import re

import numpy as np


def false_witnesses(lesson, result, mine, exact, equal):
    """Every line on the user's data that is not so.

    Args:
        mine, exact: all names of the user's program and of the right one, on the user's data.
        equal: whether two arrays are the same.
    """
    names = [name for name in mine if re.fullmatch(r"d[Wb]\d", name)]
    right = all(equal(mine[name], exact[name]) for name in names)
    found = [*_taylor(result.taylor, right), *_measured(result.measured, mine, exact, equal)]
    for _, sentence in result.coverage:
        if not _holds(sentence, lesson, exact):
            found.append(f"coverage: {sentence}")
    return found


def _taylor(taylor, right):
    words = "" if taylor is None else taylor.words()
    if ": right:" in words or "The gradient is right" in words:
        return [] if right else [f"taylor: {words}"]
    return [f"taylor: {words}"] if ": wrong:" in words and right else []


def _measured(rows, mine, exact, equal):
    for entry, hand, engine, derivative in rows:
        if derivative.kink:
            continue  # several derivatives are right there, and the row says so
        match = re.fullmatch(r"(\w+?)(?:\[([\d, ]+)\])?", entry)
        index = tuple(int(i) for i in match[2].split(",")) if match[2] else ()
        ours, theirs = exact[f"d{match[1]}"][index], mine[f"d{match[1]}"][index]
        if not (equal(engine, ours) and equal(hand, theirs)):
            yield f"measured: {entry} is said to be {hand} and {engine}, but is {theirs} and {ours}"
        if not derivative.accepts(engine):
            yield f"measured: {entry} is refused with {derivative.value} +- {derivative.bar}"
        if not derivative.accepts(hand) and equal(hand, engine):
            yield f"measured: {entry} is right and refused"


def _holds(sentence, lesson, n):
    """Whether a sentence on the user's data is true; one that this reader does not know is not."""
    widths = [n["X"].shape[1], *(n[f"W{k}"].shape[1] for k in range(1, lesson.depth + 1))]
    if sentence.startswith("There is one sample"):
        return n["N"] == 1
    if sentence.startswith("There is one output"):
        return n["O"] == 1
    if sentence.startswith("All sizes differ"):
        return len(set(widths)) == len(widths)
    if m := re.match(r"Input ([\d, ]+) is zero in every sample", sentence):
        return not n["X"][:, [int(j) for j in m[1].split(",")]].any()
    if m := re.match(
        r"Layer (\d): unit ([\d, ]+?)(?: \.\.\.)? is off for all (\d+) samples \(largest z = (\S+)\)", sentence
    ):
        z = n[f"Z{m[1]}"][:, [int(j) for j in m[2].split(",")]]
        return bool((z <= 0).all()) and int(m[3]) == len(z) and float(m[4]) >= float(f"{z.max():.3g}")
    if m := re.match(r"Layer (\d): every \S+ is on for every sample", sentence):
        return bool((n[f"Z{m[1]}"] > 0).all())
    if m := re.search(r"in sample (\d+) unit (\d+) of layer (\d) has z = 0", sentence):
        return n[f"Z{m[3]}"][int(m[1]), int(m[2])] == 0
    if m := re.search(r"in sample (\d+) output (\d+) has a kink of the loss", sentence):
        p, y = n["P"][int(m[1])], n["y"][int(m[1])]
        j = int(m[2])
        return bool(p[j] == y[j] or y[j] * p[j] == 1 or 1 - (p * y).sum() + p[j] == 0)
    return False


def made_wrong(result):
    """Lines of a report made wrong on purpose, one after another: what each is, after it was done."""
    good = result.taylor, result.measured, result.coverage
    if result.taylor is not None:
        result.taylor = good[0]._replace(slope=1.0 if result.ok else 2.0)
        yield "taylor"
        result.taylor = good[0]
    entry, hand, engine, derivative = result.measured[0]
    result.measured = [(entry, hand + 1.0, engine, derivative)]
    yield "measured"
    result.taylor, result.measured, result.coverage = good
    result.coverage = [("", "There is one sample: a missing 1/N cannot show.")]
    yield "coverage"
    result.taylor, result.measured, result.coverage = good


def on_the_users_data(program, right, case):
    """All names of the user's program and of the right one on the first case."""
    with np.errstate(all="ignore"):
        return (each.run(case.problem.params, *case.problem.data) for each in (program, right))
