"""The full study: every mistake at every place, pairs of mistakes, and right derivations in many forms.

    python tests/benchmarks/checking/planted_mistakes.py            # all of it, an hour or more
    python tests/benchmarks/checking/planted_mistakes.py --every 10 # a tenth of the networks

It prints how often a planted mistake is named exactly, named among others that give the same numbers
("tied"), left unexplained, or given a wrong name, and how often a right derivation is accused.
"""

import argparse
import collections
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.checking.planting import lessons
from tests.checking.study import Prepared, double, right_case, single
from tinygrad_lite.checking.check import check


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="take every so many networks only")
    parser.add_argument("--pairs", type=int, default=40, help="random pairs a network")
    parser.add_argument("--right", type=int, default=2000, help="right derivations")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    counts = {"single": collections.Counter(), "pair": collections.Counter()}
    slowest, odd, began = 0.0, [], time.perf_counter()
    chance = random.Random(args.seed)
    networks = 0
    for i, lesson in enumerate(lessons()):
        if i % args.every:
            continue
        prepared = Prepared(lesson, args.seed + i)
        if prepared.net is None:
            counts["single"]["network not recognised"] += 1
            continue
        networks += 1
        print(f"{networks:4d} {lesson}", {name: dict(count) for name, count in counts.items()}, flush=True)
        studies = [("single", single(prepared))]
        if lesson.depth > 1:
            studies.append(("pair", double(prepared, chance, args.pairs)))
        for name, study in studies:
            last = time.perf_counter()
            for plants, said, stories in study:
                now = time.perf_counter()
                slowest, last = max(slowest, now - last), now
                counts[name][said] += 1
                if said in ("wrong", "unknown") or (name == "single" and said == "tied"):
                    odd.append((name, lesson, plants, said, stories[0].mistakes, stories[0].unknown))
    print(f"{networks} networks in {time.perf_counter() - began:.0f} s, slowest search {slowest:.2f} s")
    for name, count in counts.items():
        total = sum(count.values())
        print(f"{name:>7}: {total} planted", {k: f"{v} ({v / total:.2%})" for k, v in sorted(count.items())})
    for line in odd[:60]:
        print("   ", *line)

    began, accused, unknown, kinks = time.perf_counter(), [], 0, 0
    for seed in range(args.right):
        lesson, params, X, y, backprop = right_case(seed)
        result = check(lesson.loss, backprop, params, X, y, seed=seed, mend=False)
        kinks += any(e.kinks for e in result.evaluation.cases)
        unknown += result.evaluation.network is None
        if not result.ok:
            accused.append((seed, lesson, result.wrong, result.codes))
    print(f"right derivations: {args.right} in {time.perf_counter() - began:.0f} s, accused {len(accused)}, "
          f"accepted on a kink {kinks}, network not recognised {unknown}")  # fmt: skip
    for line in accused[:20]:
        print("   ", *line)
    return 1 if accused or any(count["wrong"] for count in counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
