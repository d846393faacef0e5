"""How well derivations on paper are checked: `python tests/benchmarks/checking/on_paper.py [seeds]`.

Sixty right derivations, each with five planted mistakes: how many are found, named rightly and mended. Then the sixty
under random renamings and orders, once for each seed, and 500 explanations that `tg.explain` wrote: how many right
lines are accused.
"""

import sys
import time
from collections import Counter
from pathlib import Path

import tinygrad_lite as tg

sys.path.insert(0, str(Path(__file__).parents[2] / "checking" / "paper"))
from explaining import explained
from planting import DERIVATIONS, RIGHTLY_NAMED, planted, varied


def planted_mistakes(seed: int = 100) -> None:
    found, named, mended, total, missed = 0, 0, 0, 0, Counter()
    for k, text in enumerate(DERIVATIONS):
        for kind, wrong, line, _, _ in planted(text, 5, seed + k):
            result = tg.check_derivation(wrong + "\n")
            conditional = any(each.number == line and each.status == "condition" for each in result.lines)
            seen = conditional or (result.first is not None and result.first.number == line)
            code = result.mistake.code if result.mistake else None
            total += 1
            found += seen
            named += seen and (conditional or code in RIGHTLY_NAMED[kind])
            mended += seen and (conditional or bool(result.mended))
            if code not in RIGHTLY_NAMED[kind] and not conditional:
                missed[kind, code] += 1
    print(f"{total} mistakes: found {found / total:.1%}, named {named / total:.1%}, mended {mended / total:.1%}")
    print("named otherwise:", dict(missed))


def right_derivations(seeds: int) -> None:
    accused = judged = 0
    for seed in range(seeds):
        for k, text in enumerate(DERIVATIONS):
            result = tg.check_derivation(varied(text, 1000 * seed + k) + "\n")
            accused += any(line.status in ("does not follow", "carried", "condition") for line in result.lines)
            judged += result.ok
    print(f"{60 * seeds} right derivations: {accused} accused, {judged} judged in every line")


def explanations(count: int) -> None:
    status: Counter[str] = Counter()
    accused = accepted = 0
    for seed in range(count):
        result = tg.check_derivation(explained(seed) + "\n")
        status.update(line.status for line in result.lines if line.claims or line.status == "unread")
        accused += any(line.status in ("does not follow", "carried", "condition") for line in result.lines)
        accepted += result.ok
    print(f"{count} explanations: {accused} accused, {accepted} accepted in every line; {dict(status)}")


if __name__ == "__main__":
    start = time.process_time()
    planted_mistakes()
    right_derivations(int(sys.argv[1]) if len(sys.argv) > 1 else 17)
    explanations(500)
    print(f"{time.process_time() - start:.0f} CPU seconds")
