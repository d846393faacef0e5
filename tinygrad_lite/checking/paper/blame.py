"""Why a line does not follow, before its formula is to blame: an earlier line, or a condition that goes unsaid."""

from __future__ import annotations

import itertools

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.paper.entrywise import combined, total
from tinygrad_lite.checking.paper.judge import CARRIED, CONDITION, UNCHECKED, WRONG, Claim, Judge, Late
from tinygrad_lite.checking.paper.points import letters_of
from tinygrad_lite.checking.paper.term import Term
from tinygrad_lite.checking.paper.world import Unknown, World
from tinygrad_lite.engine.op import REAL, TABLE
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import TinygradLiteError


def judge_all(judge: Judge) -> None:
    """Give every claim its status; a wrong one may be so because of an earlier line, or under a condition only."""
    wrong: list[Claim] = []
    for claim in judge.claims:
        judge.judge(claim)
        if claim.status != WRONG:
            continue
        try:
            blamed = carried(judge, claim, wrong)
            if blamed is not None:
                claim.status, claim.blame = CARRIED, blamed.line
            elif not claim.why and (found := condition(judge, claim)):
                claim.status, claim.why = CONDITION, found
        except Late:
            claim.status, claim.why = UNCHECKED, "the time allowed is over"
        if claim.status in (WRONG, CARRIED):
            wrong.append(claim)


def carried(judge: Judge, claim: Claim, wrong: list[Claim]) -> Claim | None:
    """The earlier line that is to blame, if this one follows from what that one says."""
    for earlier in reversed(wrong):
        try:
            if earlier.left.bare() == claim.left.bare() and judge.holds(
                Claim(claim.statement, earlier.right, claim.right, 0), claim.right
            ):
                return earlier
            if all(abs(handed_on(judge, w, claim, earlier).data) <= 1e-8 * judge.scale for w in judge.worlds):
                return earlier
        except (TinygradLiteError, Unknown, OverflowError):
            continue
    return None


def handed_on(judge: Judge, w: World, claim: Claim, earlier: Claim) -> Value:
    """The gap that is left when the derivative of an earlier line is what that line says."""
    a, b = claim.left, earlier.left
    if a.op != "d" or b.op != "d" or a.args[0].bare() != b.args[0].bare() or len(a.args) + len(b.args) > 4:
        raise Unknown("no chain")
    letters = letters_of([claim.left, claim.right], judge.document.known.indices, w.env)
    inner = [i.word for i in b.args[1].args if i.op == "name"]
    parts = []
    for places in itertools.product(*[range(w.size(x, Term("+", (claim.left, claim.right)))) for x in letters]):
        at = dict(zip(letters, places, strict=True))
        gap = combined("-", w.evaluate(claim.left, at), w.evaluate(claim.right, at))
        for inside in itertools.product(*[range(w.size(x, b)) for x in inner]):
            there = dict(zip(inner, inside, strict=True))
            off = combined("-", w.evaluate(b, there), w.evaluate(earlier.right, there))
            nodes = w.evaluate(b.args[1], there)
            for node, miss in zip(np.ravel(nodes), np.ravel(off), strict=True):
                gap = combined("-", gap, combined("*", miss, w.slope(node, w.evaluate(a.args[1], at))))
        parts += [v * float(3 + 2 * k) for k, v in enumerate(np.ravel(gap))]
    judge.scale = 1.0
    left: Value = total(parts)
    return left


def condition(judge: Judge, claim: Claim) -> str:
    """A condition under which the line follows though it does not in general."""
    d = judge.document
    every = judge.worlds + [w for seed in range(30, 38) for w in _worlds(judge, ["mixed"], seed)]
    arrays = [x for x in judge.points.leaves if x not in d.simplex and isinstance(judge.worlds[0].env[x], np.ndarray)]
    for x in arrays:
        d.simplex.add(x)
        worlds = _worlds(judge, ["mixed"])
        d.simplex.discard(x)
        if worlds and _safe(judge, claim, worlds):
            return f"only if the entries of {x} add up to 1"
    for word in _sided(judge, claim):
        above = [w for w in every if all(v.data > 0 for v in np.ravel(w.env[word]))]
        above += [w for w in _worlds(judge, ["positive"]) if all(v.data > 0 for v in np.ravel(w.env[word]))]
        if len(above) >= 3 and _safe(judge, claim, above):
            return f"only if {word} > 0"
    return ""


def _sided(judge: Judge, claim: Claim) -> list[str]:
    """Names at which a function has two sides, or no value below 0."""
    bodies = [*[b for _, b in judge.document.definitions.values()], claim.left, claim.right]
    sided = {op.name for op in TABLE.values() if op.kink is not None or op.domain[0] is not REAL}
    found = [
        a.word
        for t in [t for body in bodies for t in body.walk()]
        if t.op in ("abs", "rel") or (t.op in ("call", "prime") and t.word in sided)
        for a in t.args
        if a.op == "name"
    ]
    return [w for w in dict.fromkeys(found) if w in judge.worlds[0].env]


def _worlds(judge: Judge, kinds: list[str], seed: int = 0) -> list[World]:
    found = []
    for kind, k in itertools.product(kinds, range(2)):
        try:
            found.append(judge.points.world(seed + k, kind))
        except (TinygradLiteError, Unknown, ValueError):
            continue
    return found


def _safe(judge: Judge, claim: Claim, worlds: list[World]) -> bool:
    try:
        return judge.holds(claim, claim.right, worlds)
    except (TinygradLiteError, Unknown, OverflowError):
        return False
