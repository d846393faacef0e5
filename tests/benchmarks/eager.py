"""The eager engine beside its peers, as ratios to micrograd with the collector on and off, and what was asked of them.

    python tests/benchmarks/eager.py [--repeats 5] [--only W1,W5]

Each row of `../shared/bench` runs in a process of its own and the repeats of a workload are interleaved; the smallest
time counts on both sides. The collector is in the same state on both sides. W3 is held against our own node in
Python, since micrograd takes minutes for it; W6 in nanoseconds of the wall. Needs micrograd, scikit-learn and those
native peers that are to be seen (xad, autoneuronet, oxigrad); about ten minutes.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
BENCH = next(root / "shared" / "bench" for root in HERE.parents if (root / "shared" / "bench").exists())
NATIVE = [name for name in ("xad", "autoneuronet", "oxigrad") if importlib.util.find_spec(name)]
ASKED = {
    ("W1", "eager"): ("30 / 12", "60 / 17"),
    ("W2", "eager"): ("120 / 22", "160 / 29"),
    ("W2", "fused"): ("350", "550"),
    ("W5", "eager"): ("40 / 35", "50 / 45"),
}
ENVIRONMENT = {**os.environ, "BENCH_PEERS": str(HERE / "peers"), "PYTHONPATH": str(HERE.parents[1])}


def measured(work, peers, variants, repeats):
    """The rows of a workload by "peer:variant"."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        words = ["--only", work, "--peers", ",".join(peers), "--variants", variants, "--repeats", str(repeats)]
        command = [sys.executable, str(BENCH / "run.py"), *words, "--json", file.name]
        subprocess.run(command, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return json.loads(Path(file.name).read_text())["work"][work]


def beside_micrograd(work, repeats):
    rows = measured(work, ["tinygrad_lite", "micrograd", *NATIVE], "eager,eager-gcoff,fused,fused-gcoff", repeats)
    base = {kind: rows[f"micrograd:eager{kind}"]["min_s"] for kind in ("", "-gcoff")}
    for name in ("tinygrad_lite:eager", "tinygrad_lite:fused", *(f"{peer}:eager" for peer in NATIVE)):
        if "min_s" not in rows.get(name, {}):
            continue
        on = base[""] / rows[name]["min_s"]
        off = rows.get(f"{name}-gcoff", {}).get("min_s")
        both = f"{base['-gcoff'] / off:.1f}" if off else "-"
        least, aim = ASKED.get((work, name.partition(":")[2]), ("", "")) if "tinygrad" in name else ("", "")
        right = "" if rows[name]["ok"] else "  WRONG"
        print(f"{work:4} {name:22} {on:8.1f} / {both:6} {least:>9} {aim:>9}{right}")


def digits(repeats):
    rows = measured("W3", ["tinygrad_lite", "tinygrad_lite_pure"], "fused,fused-gcoff", repeats)
    on, off = (
        rows[f"tinygrad_lite_pure:{kind}"]["min_s"] / rows[f"tinygrad_lite:{kind}"]["min_s"]
        for kind in ("fused", "fused-gcoff")
    )
    print(f"W3   fused, pure / native   {on:8.1f} / {off:<6.1f} {3:>9} {8:>9}")


def deep(repeats):
    """A chain of 2,000,000 nodes."""
    sys.path.insert(0, str(BENCH))
    os.environ.update(ENVIRONMENT)
    import deep as chain

    for peer in ("tinygrad_lite", "tinygrad_lite_pure", *(name for name in NATIVE if name != "oxigrad")):
        runs = [chain.one(peer, 1_000_000, ENVIRONMENT, 120) for _ in range(repeats)]
        if any(run["end"] != "ok" for run in runs):
            print(f"W6   {peer:22} {runs[0]['end']}")
            continue
        back, free, size = (min(run[key] for run in runs) for key in ("backward_s", "free_s", "build_bytes"))
        times = f"backward {back * 500:.0f} ns a node, free {free * 500:.0f}, {size / 2e6:.0f} bytes a node"
        print(f"W6   {peer:22} {times}" + ("   25, 25, 88; aim 17, 18, 80" if peer == "tinygrad_lite" else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="W1,W2,W3,W5,W6")
    chosen = parser.parse_args()
    print("row                   micrograd / this, collector on / off   at least       aim")
    for work in chosen.only.split(","):
        if work == "W3":
            digits(chosen.repeats)
        elif work == "W6":
            deep(chosen.repeats)
        else:
            beside_micrograd(work, chosen.repeats)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
