"""What the first result costs: trace, compile, verify; and how much of it a second process is spared.

    python tests/benchmarks/one_off.py                          # every workload, three times, medians
    python tests/benchmarks/one_off.py moons big --repeats 5

For each workload a cache with nothing but the tape in machine code; then two fresh processes, each of which calls the
compiled function once. Columns, in seconds of the processor (the same for all threads together):

    trace       running the function on tracers
    cold        from tg.compile to the first value and gradient, nothing on the disk, trace included
    beyond      the same in the second process, with what the first has left on the disk, less the trace
    import      numpy, llvmlite and the compiler's own files, before that
    MB          the largest resident memory of the first process

The workloads are those of c/run.py: the loss of one sample (`batch=`), and, named whole, the loss of all samples as one
Python loop. In `gmm-elementary` that loop is written with operators alone and makes 3.4 million nodes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median as middle
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, HERE / "c" / f"{name}.py")
    assert spec is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)  # type: ignore[union-attr]
    return made


# ------------------------------------------------------------------ the workloads


def tiny() -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    return lambda x: x * x + 1.0, (2.0,), {}


def by_row(name: str) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The loss of one sample."""
    programs, w = module("compiled"), module("run").WORKLOADS[name]()
    if w.entry == "rosenbrock":
        return programs.rosenbrock, (w.p,), {}
    y = w.y.astype(int) if w.entry in ("digits", "big") else w.y
    return programs.ROW[w.entry](w), (w.p, w.x, y), {"batch": ("x", "y")}


def whole(name: str) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The mean over all samples as one loop."""
    programs, w = module("compiled"), module("run").WORKLOADS[name]()
    row = programs.ROW[w.entry](w)
    samples = list(zip(w.x.tolist(), (w.y.astype(int) if w.entry == "digits" else w.y).tolist(), strict=True))

    def loss(p: Any) -> Any:
        total: Any = 0.0
        for x, y in samples:
            total = total + row(p, x, y)
        return total / float(len(samples))

    return loss, (w.p,), {}


def elementary() -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The whole mixture with operators alone, as in the ADBench program; log-sum-exp by its largest term."""
    import tinygrad_lite as tg

    w = module("run").WORKLOADS["gmm"]()
    d, k, samples = w.D, w.K, w.x.tolist()

    def logsumexp(terms: list[Any]) -> Any:
        top = tg.maximum(*terms)
        total: Any = 0.0
        for term in terms:
            total = total + tg.exp(term - top)
        return tg.log(total) + top

    def loss(p: Any) -> Any:
        rests = [p[k + k * d + c * 55 : k + k * d + (c + 1) * 55] for c in range(k)]
        diagonals = [[tg.exp(q) for q in rest[:d]] for rest in rests]
        total: Any = 0.0
        for x in samples:
            terms = []
            for c in range(k):
                rest, at = rests[c], d
                centred = [a - b for a, b in zip(x, p[k + c * d : k + (c + 1) * d], strict=True)]
                ys = [q * e for q, e in zip(diagonals[c], centred, strict=True)]
                for i in range(d):
                    for j in range(i + 1, d):
                        ys[j] = ys[j] + rest[at] * centred[i]
                        at += 1
                square, logs = ys[0] * ys[0], rest[0]
                for j in range(1, d):
                    square, logs = square + ys[j] * ys[j], logs + rest[j]
                terms.append(p[c] + logs - 0.5 * square)
            total = total + logsumexp(terms)
        prior: Any = 0.0
        for c in range(k):
            for q in [*diagonals[c], *rests[c][d:]]:
                prior = prior + q * q
        return total - float(len(samples)) * logsumexp(list(p[:k])) + 0.5 * prior

    return loss, (w.p,), {}


WORKLOADS: dict[str, Any] = {
    "tiny": tiny,
    "moons": lambda: by_row("moons"),
    "moons-whole": lambda: whole("moons"),
    "digits-32": lambda: by_row("digits-32"),
    "digits-32-whole": lambda: whole("digits-32"),
    "digits-1797": lambda: by_row("digits-1797"),
    "gmm": lambda: by_row("gmm"),
    "gmm-whole": lambda: whole("gmm"),
    "gmm-elementary": elementary,
    "rosenbrock-1000": lambda: by_row("rosenbrock-1000"),
    "rosenbrock-100000": lambda: by_row("rosenbrock-100000"),
    "big": lambda: by_row("big"),
}


# ------------------------------------------------------------------ one process, and all of them


def once(name: str) -> dict[str, Any]:
    """One first call in this process."""
    time.perf_counter = time.process_time  # the clock that the compiler's own figures are read from
    started = time.process_time()
    import llvmlite.binding
    import numpy  # noqa: F401

    import tinygrad_lite as tg
    import tinygrad_lite.compiler.backends.llvm.llvm_backend

    llvmlite.binding.initialize_native_target()
    imported = time.process_time() - started
    f, args, how = WORKLOADS[name]()
    started = time.process_time()
    fast = tg.compile(f, **how)
    fast.value_and_grad(*args)
    total = time.process_time() - started
    (program,) = fast._programs_made()
    (runner,) = program.runners.values()
    phases = {"trace": program.seconds, **runner.seconds}
    return {
        "import": imported,
        "total": total,
        "ops": len(program.tape),
        "phases": phases | {"other": total - sum(phases.values())},
        "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def fresh(name: str, cache: str, folder: str) -> dict[str, Any]:
    """The same in a process of its own, which finds Python's own compiled files in the folder."""
    env = os.environ | {"TINYGRAD_LITE_CACHE": cache, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": folder}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, str(Path(__file__).resolve()), "--once", name]
    return json.loads(subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE).stdout)  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", help=f"of {', '.join(WORKLOADS)}; by default all")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--once", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.once:
        print(json.dumps(once(chosen.once)))
        return
    unknown = [name for name in chosen.workloads if name not in WORKLOADS]
    if unknown:
        parser.error(f"no workload is named {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    print(f"{'':18} {'ops':>9} {'trace':>7} {'cold':>7} {'beyond':>7} {'import':>7} {'MB':>5}")
    with tempfile.TemporaryDirectory() as folder:
        fresh("tiny", "off", folder)
        for name in chosen.workloads or WORKLOADS:
            measured(name, chosen.repeats, folder)


def measured(name: str, repeats: int, folder: str) -> None:
    """Two processes, so many times, and the medians of what they say."""
    cold, warm = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as cache:
            fresh("tiny", cache, folder)  # the tape in machine code is made once for a machine
            cold.append(fresh(name, cache, folder))
            warm.append(fresh(name, cache, folder))
    trace = middle(run["phases"]["trace"] for run in cold)
    beyond = middle(run["total"] - run["phases"]["trace"] for run in warm)
    figures = [trace, middle(run["total"] for run in cold), beyond, middle(run["import"] for run in cold)]
    memory = middle(run["MB"] for run in cold)
    print(f"{name:18} {cold[0]['ops']:9,} {' '.join(f'{x:7.3f}' for x in figures)} {memory:5.0f}", flush=True)
    for what, runs in (("cold", cold), ("again", warm)):
        phases = {phase: middle(run["phases"][phase] for run in runs) for phase in runs[0]["phases"]}
        print(f"    {what:5} " + ", ".join(f"{phase} {x:.3f}" for phase, x in phases.items() if x >= 0.0005))


if __name__ == "__main__":
    main()
