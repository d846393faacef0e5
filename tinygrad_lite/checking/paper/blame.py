"""Why a line does not follow, before its formula is to blame: an earlier line, or a condition that goes unsaid."""

from __future__ import annotations

import itertools

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.paper.entrywise import combined, total
from tinygrad_lite.checking.paper.judge import CARRIED, CONDITION, FAILURES, UNCHECKED, WRONG, Claim, Judge, Late
from tinygrad_lite.checking.paper.world import Unknown, World
from tinygrad_lite.engine.op import REAL, TABLE
from tinygrad_lite.report.language import say

DRAWN = 24  # points at which a condition is tried


def judge_all(judge: Judge) -> None:
    """Give every claim its status; a wrong one may be so because of an earlier line, or under a condition only."""
    wrong: list[Claim] = []
    for claim in judge.claims:
        judge.judge(claim)
        if claim.status != WRONG:
            continue
        try:
            blamed = next((earlier for earlier in reversed(wrong) if carried(judge, claim, earlier)), None)
            if blamed is not None:
                claim.status, claim.blame = CARRIED, blamed.statement.row.line
            elif not claim.why and (found := condition(judge, claim)):
                claim.status, claim.why = CONDITION, found
        except Late:
            claim.status, claim.why = UNCHECKED, say("the time allowed is over")
        if claim.status in (WRONG, CARRIED):
            wrong.append(claim)


def carried(judge: Judge, claim: Claim, earlier: Claim) -> bool:
    """Whether the line follows from what an earlier one says."""
    same = earlier.left.bare() == claim.left.bare()
    if same and judge.safely(Claim(claim.statement, earlier.right, claim.right), claim.right):
        return True
    try:
        return all(handed_on(judge, w, claim, earlier) for w in judge.worlds)
    except FAILURES:
        return False


def handed_on(judge: Judge, w: World, claim: Claim, earlier: Claim) -> bool:
    """Whether the gap of a line closes when the derivative of an earlier line is what that line says."""
    a, b = claim.left, earlier.left
    if a.op != "d" or b.op != "d" or a.args[0].bare() != b.args[0].bare() or len(a.args) + len(b.args) > 4:
        raise Unknown("no chain")
    inner = [i.word for i in b.args[1].args if i.op == "name"]
    parts = []
    for at in judge.places(w, claim.left, claim.right):
        gap = combined("-", w.evaluate(claim.left, at), w.evaluate(claim.right, at))
        for inside in itertools.product(*[range(w.size(x, b)) for x in inner]):
            there = dict(zip(inner, inside, strict=True))
            off = combined("-", w.evaluate(b, there), w.evaluate(earlier.right, there))
            nodes = w.evaluate(b.args[1], there)
            for node, miss in zip(np.ravel(nodes), np.ravel(off), strict=True):
                gap = combined("-", gap, combined("*", miss, w.derivative(node, w.evaluate(a.args[1], at))))
        parts += [v * float(3 + 2 * k) for k, v in enumerate(np.ravel(gap))]
    return bool(abs(total(parts).data) <= 1e-8)


def condition(judge: Judge, claim: Claim) -> str:
    """A condition under which the line follows though it does not in general; "" if none is certain.

    It is named only if the line holds at every point that was drawn where it is met, and at none where it is not.
    """
    d = judge.document
    for x in judge.points.leaves:
        if x not in d.simplex and np.ndim(judge.worlds[0].env[x]):
            d.simplex.add(x)
            worlds = [w for seed in range(4) for w in judge.world(seed, "mixed")]
            d.simplex.discard(x)
            if len(worlds) > 1 and judge.safely(claim, claim.right, worlds):
                return say("only if the entries of {0} add up to 1", x)
    sided = _sided(judge, claim)
    kinds = ["mixed"] * DRAWN + ["positive"] * 4 if sided else []
    every = [w for seed, kind in enumerate(kinds) for w in judge.world(30 + seed, kind)]
    right = [w for w in every if judge.safely(claim, claim.right, [w])]
    for word in sided:
        met = [w for w in every if all(v.data > 0 for v in np.ravel(w.env[word]))]
        if len(met) > 4 and len(every) - len(met) > 4 and met == right:
            return say("only if {0} > 0", word)
    return ""


def _sided(judge: Judge, claim: Claim) -> list[str]:
    """Names at which a function has two sides, or no value below 0."""
    bodies = [*[b for _, b in judge.document.definitions.values()], claim.left, claim.right]
    sided = {op.name for op in TABLE.values() if op.kink is not None or op.domain[0] is not REAL}
    nodes = [t for body in bodies for t in body.walk()]
    nodes = [t for t in nodes if t.op in ("abs", "rel") or (t.op in ("call", "prime") and t.word in sided)]
    names = dict.fromkeys(a.word for t in nodes for a in t.args if a.op == "name")
    return [w for w in names if w in judge.worlds[0].env]
