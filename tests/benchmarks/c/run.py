"""The frozen C references, timed beside what tinygrad_lite compiles, with the ratios between them.

    python tests/benchmarks/c/run.py                    # every workload, every row that runs here
    python tests/benchmarks/c/run.py moons gmm --rounds 31 --json out.json

`plain` is loops in C, `simd` the same by hand with vector types; each is built by gcc -O3 -march=native, also
with -ffast-math and glibc's vector functions. Before a row is timed, its loss and gradient must agree
with NumPy's to 1e-9 (largest entry), and NumPy's with finite differences. The rows of a workload are timed
in turns, one thread, by the processor time of the thread; the table shows medians, and ratios to the best C.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TINYGRAD_LITE_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402  (after the number of threads)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))
BUILDS = {
    "plain": ("plain.c", ["-O3", "-march=native"]),
    "plain-fast": ("plain.c", ["-O3", "-march=native", "-ffast-math"]),
    "simd": ("simd.c", ["-O3", "-march=native"]),
    "simd-fast": ("simd.c", ["-O3", "-march=native", "-ffast-math"]),
}
PAD = 64  # rows are rounded up to a multiple of this, or of 40 for the mixture


# ------------------------------------------------------------------ the workloads, in NumPy


class Workload:
    """Data, parameters, and loss with gradient by NumPy."""

    def __init__(self, entry: str, p: np.ndarray, x: np.ndarray, y: np.ndarray, pad: int) -> None:
        self.entry = entry  # the C function
        self.p = np.ascontiguousarray(p, dtype=float)
        self.x = x
        self.y = np.asarray(y, dtype=float)
        self.rows = len(x)
        self.padded = -(-self.rows // pad) * pad

    def numpy(self, p: np.ndarray) -> tuple[float, np.ndarray]:
        raise NotImplementedError


def layers(p: np.ndarray, sizes: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Views of the weights (a row for each unit) and biases of each layer."""
    found, at = [], 0
    for inputs, units in itertools.pairwise(sizes):
        weights = p[at : at + inputs * units].reshape(units, inputs)
        found.append((weights, p[at + inputs * units : at + inputs * units + units]))
        at += inputs * units + units
    return found


def start(sizes: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    parts = [[rng.normal(0, 1 / np.sqrt(i), i * o), rng.normal(0, 0.1, o)] for i, o in itertools.pairwise(sizes)]
    return np.concatenate([part for pair in parts for part in pair])


class Moons(Workload):
    """2-16-16-1, relu, mean hinge loss and an L2 term."""

    SIZES, ALPHA = (2, 16, 16, 1), 1e-4

    def __init__(self, rows: int = 100) -> None:
        t = np.linspace(0, np.pi, rows // 2)
        upper, lower = np.c_[np.cos(t), np.sin(t)], np.c_[1 - np.cos(t), 0.5 - np.sin(t)]
        x = np.r_[upper, lower] + np.random.default_rng(1).normal(0, 0.1, (rows, 2))
        super().__init__("moons", start(self.SIZES, 2), x, np.repeat([-1.0, 1.0], rows // 2), 8)

    def numpy(self, p: np.ndarray) -> tuple[float, np.ndarray]:
        (w1, b1), (w2, b2), (w3, b3) = layers(p, self.SIZES)
        h1 = np.maximum(self.x @ w1.T + b1, 0)
        h2 = np.maximum(h1 @ w2.T + b2, 0)
        margin = 1 - self.y * ((h2 @ w3.T)[:, 0] + b3[0])
        ds = np.where(margin > 0, -self.y, 0) / self.rows
        d2 = ds[:, None] * w3 * (h2 > 0)
        d1 = d2 @ w2 * (h1 > 0)
        parts = [d1.T @ self.x, d1.sum(0), d2.T @ h1, d2.sum(0), ds @ h2, ds.sum()]
        g = np.concatenate([np.ravel(part) for part in parts]) + 2 * self.ALPHA * p
        return float(np.maximum(margin, 0).mean() + self.ALPHA * p @ p), g


class Softmax(Workload):
    """One layer of tanh, softmax, mean cross-entropy."""

    def __init__(self, entry: str, sizes: tuple[int, int, int], x: np.ndarray, y: np.ndarray, pad: int) -> None:
        self.sizes = sizes
        super().__init__(entry, start(sizes, 3), x, y, pad)

    def numpy(self, p: np.ndarray) -> tuple[float, np.ndarray]:
        (w1, b1), (w2, b2) = layers(p, self.sizes)
        h = np.tanh(self.x @ w1.T + b1)
        z = h @ w2.T + b2
        e = np.exp(z - z.max(1, keepdims=True))
        share = e / e.sum(1, keepdims=True)
        picked = (np.arange(self.rows), self.y.astype(int))
        loss = -np.log(share[picked]).mean()
        share[picked] -= 1
        share /= self.rows
        d = share @ w2 * (1 - h * h)
        parts = [d.T @ self.x, d.sum(0), share.T @ h, share.sum(0)]
        return float(loss), np.concatenate([np.ravel(part) for part in parts])


def digits(rows: int) -> Softmax:
    """Pictures of the size and range of the 8x8 digits; the numbers are drawn, which costs the same."""
    rng = np.random.default_rng(4)
    return Softmax("digits", (64, 32, 10), rng.integers(0, 17, (rows, 64)) / 16, rng.integers(0, 10, rows), 32)


def big(rows: int = 32) -> Softmax:
    rng = np.random.default_rng(5)
    return Softmax("big", (784, 128, 10), rng.uniform(0, 1, (rows, 784)), rng.integers(0, 10, rows), 32)


class Mixture(Workload):
    """Gaussian mixture with full covariances, d = 10, K = 25, without the constant terms."""

    D, K = 10, 25

    def __init__(self, rows: int = 1000) -> None:
        rng = np.random.default_rng(6)
        d, k = self.D, self.K
        p = np.concatenate([rng.normal(size=k), rng.uniform(size=k * d), rng.normal(size=k * d * (d + 1) // 2)])
        super().__init__("gmm", p, rng.normal(size=(rows, d)), np.zeros(rows), 40)

    def numpy(self, p: np.ndarray) -> tuple[float, np.ndarray]:
        d, k, n = self.D, self.K, self.rows
        alphas, means, rest = p[:k], p[k : k + k * d].reshape(k, d), p[k + k * d :].reshape(k, -1)
        columns = [i for i in range(d) for _ in range(i + 1, d)]
        rows = [j for i in range(d) for j in range(i + 1, d)]
        diagonal = np.exp(rest[:, :d])
        factor = np.zeros((k, d, d))
        factor[:, rows, columns] = rest[:, d:]
        factor[:, range(d), range(d)] = diagonal
        centred = self.x[None] - means[:, None]
        y = centred @ factor.transpose(0, 2, 1)
        terms = (alphas + rest[:, :d].sum(1))[:, None] - 0.5 * (y * y).sum(2)
        top = terms.max(0)
        e = np.exp(terms - top)
        ea = np.exp(alphas - alphas.max())
        loss = (np.log(e.sum(0)) + top).sum() - n * (np.log(ea.sum()) + alphas.max())
        loss += 0.5 * ((diagonal**2).sum() + (rest[:, d:] ** 2).sum())
        weights = e / e.sum(0)
        dy = -weights[:, :, None] * y
        along = dy.transpose(0, 2, 1) @ centred
        g_rest = np.empty_like(rest)
        g_rest[:, :d] = weights.sum(1)[:, None] + (along[:, range(d), range(d)] + diagonal) * diagonal
        g_rest[:, d:] = along[:, rows, columns] + rest[:, d:]
        g_means = -(dy.sum(1)[:, None] @ factor)[:, 0]
        return float(loss), np.concatenate([weights.sum(1) - n * ea / ea.sum(), g_means.ravel(), g_rest.ravel()])


class Rosenbrock(Workload):
    def __init__(self, n: int) -> None:
        super().__init__("rosenbrock", np.random.default_rng(7).uniform(-1.5, 1.5, n), np.zeros((n, 1)), np.zeros(n), 1)

    def numpy(self, p: np.ndarray) -> tuple[float, np.ndarray]:
        t, u = p[1:] - p[:-1] ** 2, p[:-1] - 1
        g = np.zeros_like(p)
        g[:-1] = 2 * u - 400 * t * p[:-1]
        g[1:] += 200 * t
        return float(100 * t @ t + u @ u), g


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "moons": Moons,
    "digits-32": lambda: digits(32),
    "digits-1797": lambda: digits(1797),
    "gmm": Mixture,
    "rosenbrock-1000": lambda: Rosenbrock(1000),
    "rosenbrock-100000": lambda: Rosenbrock(100_000),
    "big": big,
}


# ------------------------------------------------------------------ the rows


class Job(ctypes.Structure):
    """The struct of job.h."""

    _fields_ = [
        *[(name, ctypes.c_long) for name in ("rows", "padded")],
        *[(name, ctypes.c_void_p) for name in ("x", "xt", "y", "weight", "p", "g", "loss", "work")],
    ]


def aligned(x: np.ndarray | int) -> np.ndarray:
    """A copy (or so many zeros) that begins at a multiple of 64 bytes."""
    flat = np.zeros(x) if isinstance(x, int) else np.ravel(x)
    room = np.zeros(len(flat) + 8)
    first = (-room.ctypes.data // 8) % 8
    room[first : first + len(flat)] = flat
    return room[first : first + len(flat)]


class Row:
    """One way to compute loss and gradient: `call()` is what is timed, `answer()` what it found."""

    def __init__(self, call: Callable[[], object], answer: Callable[[], tuple[float, np.ndarray]]) -> None:
        self.call = call
        self.answer = answer


def build(name: str, folder: Path) -> ctypes.CDLL:
    source, flags = BUILDS[name]
    target = folder / f"{name}.so"
    command = ["gcc", *flags, "-shared", "-fPIC", str(HERE / source), "-o", str(target)]
    subprocess.run([*command, *(["-lmvec"] if platform.machine() == "x86_64" else []), "-lm"], check=True)
    return ctypes.CDLL(str(target))


def c_row(library: ctypes.CDLL, w: Workload) -> Row:
    function = getattr(library, w.entry)
    function.argtypes, function.restype = [ctypes.c_void_p], None
    extra = w.padded - w.rows
    x = np.r_[w.x, np.repeat(w.x[:1], extra, 0)]
    fields = {
        "x": aligned(x),
        "xt": aligned(x.T),
        "y": aligned(np.r_[w.y, np.repeat(w.y[:1], extra)]),
        "weight": aligned(np.r_[np.full(w.rows, 1 / w.rows), np.zeros(extra)]),
        "p": aligned(w.p),
        "g": aligned(len(w.p)),
        "loss": aligned(1),
        "work": aligned(80 * max(w.padded, 256) + 4096 * 8),
    }
    job = Job(w.rows, w.padded, *(array.ctypes.data for array in fields.values()))
    address = ctypes.addressof(job)

    def call(function=function, address=address, keep=(job, fields)):  # type: ignore[no-untyped-def]
        function(address)

    return Row(call, lambda: (float(fields["loss"][0]), fields["g"].copy()))


def compiled_rows() -> dict[str, Callable[[str, Workload], Row]]:
    """Our own rows from compiled.py beside this file, if what they need is there."""
    spec = importlib.util.spec_from_file_location("compiled_rows", HERE / "compiled.py")
    if spec is None or not (HERE / "compiled.py").exists():
        return {}
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return dict(module.ROWS)


def numpy_row(name: str, w: Workload) -> Row:
    kept: list[tuple[float, np.ndarray]] = [w.numpy(w.p)]

    def call() -> None:
        kept[0] = w.numpy(w.p)

    return Row(call, lambda: kept[0])


# ------------------------------------------------------------------ judging and timing


def apart(answer: tuple[float, np.ndarray], exact: tuple[float, np.ndarray]) -> float:
    """The larger of the relative error of the loss and of the gradient's worst entry."""
    (loss, g), (loss_0, g_0) = answer, exact
    return max(abs(loss - loss_0) / abs(loss_0), float(np.abs(g - g_0).max() / np.abs(g_0).max()))


def measured(w: Workload, entries: int = 12) -> float:
    """How far NumPy's gradient is from central differences, at some entries, relative to the largest."""
    _, g = w.numpy(w.p)
    worst = 0.0
    for i in np.random.default_rng(8).choice(len(w.p), entries, replace=False):
        h = 1e-5
        up, down = w.p.copy(), w.p.copy()
        up[i] += h
        down[i] -= h
        worst = max(worst, abs((w.numpy(up)[0] - w.numpy(down)[0]) / (2 * h) - g[i]) / float(np.abs(g).max()))
    return worst


def timed(call: Callable[[], object], repeats: int) -> float:
    started = time.thread_time_ns()
    for _ in range(repeats):
        call()
    return (time.thread_time_ns() - started) / repeats


def race(rows: dict[str, Row], rounds: int, span: float = 4e6) -> dict[str, float]:
    """Median nanoseconds of each row, the rows taking turns; a turn lasts about `span` nanoseconds."""
    repeats = {}
    for name, row in rows.items():
        timed(row.call, 2)
        repeats[name] = max(1, int(span / max(timed(row.call, 3), 100)))
    turns: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, row in rows.items():
            turns[name].append(timed(row.call, repeats[name]))
    return {name: statistics.median(times) for name, times in turns.items()}


def machine() -> str:
    gcc = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next((li.split(":", 1)[1].strip() for li in info.read_text().splitlines() if "model name" in li), cpu)
    return f"{cpu}; {gcc}; Python {platform.python_version()}, NumPy {np.__version__}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", help=f"of {', '.join(WORKLOADS)}; by default all")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--rows", default="", help="only rows whose name contains one of these words, beside the C")
    parser.add_argument("--json", help="write the figures to this file too")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.workloads if name not in WORKLOADS]
    if unknown:
        parser.error(f"no workload is named {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    print(machine())
    found: dict[str, dict[str, float]] = {}
    wrong = False
    with tempfile.TemporaryDirectory() as folder:
        libraries = {name: build(name, Path(folder)) for name in BUILDS}
        makers: dict[str, Callable[[str, Workload], Row]] = {"numpy by hand": numpy_row, **compiled_rows()}
        words = chosen.rows.split(",") if chosen.rows else [""]
        for name in chosen.workloads or WORKLOADS:
            w = WORKLOADS[name]()
            exact = w.numpy(w.p)
            rows = {build_name: c_row(library, w) for build_name, library in libraries.items()}
            notes = {}
            for maker_name, maker in makers.items():
                if any(word in maker_name for word in words):
                    try:
                        rows[maker_name] = maker(name, w)
                    except Exception as reason:
                        notes[maker_name] = f"does not run: {type(reason).__name__}: {str(reason).splitlines()[0]}"
            for row_name, row in [*rows.items()]:
                row.call()
                error = apart(row.answer(), exact)
                if not error <= 1e-9:
                    notes[row_name] = f"WRONG by {error:.1e}, so not timed"
                    wrong = True
                    del rows[row_name]
            times = race(rows, chosen.rounds)
            best = min(times[row] for row in BUILDS if row in times)
            print(f"\n{name}: {w.rows} rows, {len(w.p)} parameters; differences agree to {measured(w):.0e}")
            for row_name, nanoseconds in times.items():
                print(f"  {row_name:16} {nanoseconds / 1e3:11.2f} us {nanoseconds / best:9.2f} x the best C")
            for row_name, note in notes.items():
                print(f"  {row_name:16} {note}")
            found[name] = times
    if chosen.json:
        Path(chosen.json).write_text(json.dumps({"machine": machine(), "nanoseconds": found}, indent=1) + "\n")
    return int(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
