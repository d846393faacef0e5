"""The full study of what reports claim: random mistakes of no catalogue, every claim held against exact numbers.

    python tests/benchmarks/checking/uncatalogued_mistakes.py              # 400 mistakes, some minutes
    python tests/benchmarks/checking/uncatalogued_mistakes.py --many 40

It prints what became of them (explained, partly, by a cause, unexplained, no mistake at all) and each false claim.
"""

import argparse
import collections
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.checking.uncatalogued import false_claims, random_case
from tinygrad_lite.checking.check import check


def kind_of(result):
    d = result.diagnosis
    if result.ok:
        return "no mistake after all"
    if d.mistakes:
        return "partly explained" if d.unknown else "explained"
    return "a cause" if d.causes and not d.unknown else "unexplained"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--many", type=int, default=400, help="how many mistakes")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    args = parser.parse_args()

    warnings.simplefilter("ignore")
    counts, false, began = collections.Counter(), 0, time.process_time()
    for seed in range(args.seed, args.seed + args.many):
        lesson, params, (X, y), program, words = random_case(seed)
        result = check(lesson.loss, program, params, X, y, seed=seed, mend=False)
        counts[kind_of(result)] += 1
        counts["network not recognised"] += result.evaluation.network is None
        claims = false_claims(lesson, program, result)
        false += bool(claims)
        if claims:
            print(f"seed {seed}: {lesson}, {', '.join(words)}: {claims}", flush=True)
    print(f"{args.many} reports in {time.process_time() - began:.0f} s of the processor: {dict(counts)}")
    print(f"{false} with a false tick or sentence")
    return 1 if false else 0


if __name__ == "__main__":
    sys.exit(main())
