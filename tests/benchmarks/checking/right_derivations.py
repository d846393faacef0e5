"""The study of right derivations: how many of them are accused, and how many crash the check. Both must be none.

python tests/benchmarks/checking/right_derivations.py             # 2,000 of them, an hour or so
python tests/benchmarks/checking/right_derivations.py --many 200 --seed 5000
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.checking.right_derivations import right_derivation, tried


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--many", type=int, default=2000, help="how many derivations")
    parser.add_argument("--seed", type=int, default=0, help="of the first one")
    args = parser.parse_args()

    began, accused, crashed = time.perf_counter(), 0, 0
    for i, seed in enumerate(range(args.seed, args.seed + args.many), start=1):
        case = right_derivation(seed)
        said = tried(case)
        if said:
            crash = said.startswith(("CRASH", "FAULT"))
            crashed, accused = crashed + crash, accused + (not crash)
            print(f"{case.words}\n{said[:1500]}\n", flush=True)
        if i % 100 == 0:
            print(f"{i} tried, {accused} accused, {crashed} crashed, {time.perf_counter() - began:.0f} s", flush=True)
    print(f"{args.many} right derivations: {accused} accused, {crashed} crashed")
    return accused + crashed > 0


if __name__ == "__main__":
    sys.exit(main())
