"""Programs kept on disk: a second process that traces the same tape has its code at once.

In: the tape of a program, and how to make it. Out: a runner. If the same tape was met before, on such a processor and
by the same text of this package, no pass is run. There are three kinds of entries, each naming the next:

    program   of the tape as it was traced: how many samples were found in it, their data, and what its guards were
    runner    of the tapes that were made of it: how large the buffers are, what the plan reads as constants
    code      of LLVM's text: the machine code

So a program whose data alone has changed finds its runner still. A program or a runner is kept only after its first
result agreed with the engine's. What cannot be read is made anew; what is not needed to run, such as the plan that
`report()` and `source()` show, is made again when somebody asks to see it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import time
from array import array
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from tinygrad_lite import engine
from tinygrad_lite.compiler.backends import choice, runners
from tinygrad_lite.compiler.backends.llvm import cache, jit, llvm_runner
from tinygrad_lite.compiler.ir.columns import columns
from tinygrad_lite.compiler.ir.loop_nest import Plans
from tinygrad_lite.compiler.ir.recording import Recording
from tinygrad_lite.compiler.ir.tape import LESS, SELECT, Tape
from tinygrad_lite.compiler.passes import programs
from tinygrad_lite.compiler.passes.batching import SampleData
from tinygrad_lite.compiler.passes.log import Log, noting, ran
from tinygrad_lite.compiler.passes.pipeline import EMIT, LOAD, differentiated
from tinygrad_lite.engine.op import TABLE, Op

Make = Callable[[], programs.Program]
"""What makes the program, should it be needed after all."""


def program_name(tape: Tape, wrt: Sequence[int] | None, backend: str | None) -> str | None:
    """The cache's name for a program of this tape with derivatives w.r.t. these inputs; None if it cannot be kept."""
    return _name([tape], ["program", wrt]) if _kept(backend) else None


def program(name: str, make: Make) -> runners.Runner | None:
    """The runner of a program from the disk, with the samples that were found in it and what its guards must be."""
    started = time.perf_counter()
    entry = cache.load(name)
    if entry is None:
        return None
    head, _, arrays = entry.partition(b"\n")
    facts = json.loads(head)
    found = _loaded(facts["runner"], make, facts["rows"], started)
    if found is not None:
        found.batch, found.expected, found.saved_as = _samples(facts, arrays), facts["expected"], name
    return found


def store_program(runner: runners.Runner) -> None:
    """Keep a runner whose first result was right, and the program it belongs to."""
    if runner.entry is None:
        return
    if not isinstance(runner, CachedRunner):
        cache.store(*runner.entry)
    if runner.saved_as is None:
        return
    samples = runner.batch
    facts: dict[str, Any] = {"runner": runner.entry[0], "rows": 0, "expected": list(runner.expected)}
    arrays = b""
    if samples is not None:
        facts |= {"rows": samples.samples, "left": samples.left, "fixed": samples.fixed.shape[1]}
        arrays = samples.fixed.tobytes() + samples.gathered.tobytes()
    cache.store(runner.saved_as, json.dumps(facts).encode() + b"\n" + arrays)


def _samples(facts: dict[str, Any], arrays: bytes) -> SampleData | None:
    import numpy as np

    n = facts["rows"]
    if not n:
        return None
    size = 8 * n * facts["fixed"]
    fixed = np.frombuffer(arrays[:size]).reshape(n, -1)
    return SampleData(n, fixed, np.frombuffer(arrays[size:], np.int64).reshape(n, -1), facts["left"])


def runner(
    make: Make, tapes: Sequence[Tape], facts: Sequence[object], backend: str | None = None, samples: int = 0
) -> runners.Runner:
    """A runner for the program that `make` would make of these tapes, from the disk if it is there.

    Args:
        facts: what else the program depends on, as things whose repr says it all.
    """
    started = time.perf_counter()
    name = _name(tapes, [*facts, *llvm_runner.kind(samples, jit.host().lanes)]) if _kept(backend) else None
    found = _loaded(name, make, samples, started) if name else None
    if found is not None:
        return found
    started = time.perf_counter()
    program = differentiated(make())
    seconds = {"tidying and gradients": time.perf_counter() - started}
    made = choice.runner(program, backend, samples)
    made.seconds = seconds | made.seconds
    if name and isinstance(made, llvm_runner.LLVMRunner):
        made.entry = name, _entry(made)
    return made


def evict(runner: runners.Runner) -> None:
    """Remove a runner from the disk, its code and its program: what they gave was not right."""
    if isinstance(runner, CachedRunner):
        for entry in [runner.saved_as, *runner.names]:
            if entry is not None:
                cache.evict(entry)


def _kept(backend: str | None) -> bool:
    return backend in (None, "llvm") and choice.available()[0] == "llvm" and cache.folder() is not None


def _loaded(name: str, make: Make, samples: int, started: float) -> CachedRunner | None:
    entry = cache.load(name)
    if entry is None:
        return None
    head, _, arrays = entry.partition(b"\n")
    facts = json.loads(head)
    code = cache.load(facts["code"])
    if code is None:
        return None
    found = CachedRunner(make, samples, facts, arrays, jit.load(code, "entry", None, True, started))
    found.entry = name, entry
    found.names = name, facts["code"]
    ran(LOAD, lambda: f"{name}\n{facts['code']}")
    return found


class CachedRunner(llvm_runner.LLVMRunner):
    """A runner from the disk, whose program, plans and text are made when they are asked for."""

    names: tuple[str, str]  # of its entries on the disk

    def __init__(self, make: Make, samples: int, facts: dict[str, Any], arrays: bytes, code: jit.Compiled) -> None:
        import numpy as np

        from tinygrad_lite.compiler.backends.llvm.buffers import Layout

        self._make, self._samples = make, samples
        self.sizes: Any = Sizes()
        self.sizes.__dict__.update(facts["sizes"])
        self.sizes.layout = Layout()
        n = 8 * facts["constants"]
        self.sizes.layout.constants = np.frombuffer(arrays[:n]).tolist()
        self.sizes.layout.tables = [np.frombuffer(arrays[n:], np.int32)] if len(arrays) > n else []
        self.parameters: int = facts["parameters"]
        self.uniforms: Any = facts["uniforms"]
        self.outputs: Any = facts["outputs"]
        self.compiled = code
        self.seconds: dict[str, float] = {"loading it from the disk": code.seconds}
        self._prepare()

    @functools.cached_property
    def _whole(self) -> llvm_runner.LLVMRunner:
        self._log = Log()
        with noting(self._log):
            made = llvm_runner.LLVMRunner(differentiated(self._make()), self._samples)
            ran(EMIT, made.text)
            return made

    @property
    def log(self) -> Log:
        """The passes of the process that kept it, run once more to be seen."""
        _ = self._whole
        return self._log

    @property
    def program(self) -> programs.Program:  # type: ignore[override]
        return self._whole.program

    @property
    def plans(self) -> Plans | None:  # type: ignore[override]
        return self._whole.plans

    def text(self) -> str:
        return self._whole.text()


class Sizes:
    """What the buffers need to know of a `llvm_backend.Code`: its whole numbers, and its layout."""

    layout: Any


def _entry(made: llvm_runner.LLVMRunner) -> bytes:
    import numpy as np

    layout = made.code.layout
    facts: dict[str, Any] = {"sizes": {name: x for name, x in vars(made.code).items() if isinstance(x, int)}}
    facts |= {"parameters": made.parameters, "uniforms": made.uniforms, "outputs": made.outputs}
    facts |= {"constants": len(layout.constants), "code": jit.ir_key(made.code.text)}
    tables = b"".join(np.asarray(table, np.int32).tobytes() for table in layout.tables)
    constants: bytes = np.array(layout.constants, float).tobytes()
    return json.dumps(facts).encode() + b"\n" + constants + tables


def _name(tapes: Sequence[Tape], facts: Sequence[object]) -> str | None:
    """The cache's name for what is made of these tapes; None if they use samples that are not the package's own."""
    samples = {
        op for tape in tapes for op in ({op for op, _ in tape.kinds} if isinstance(tape, Recording) else tape.op)
    }
    if not all(map(_ours, samples)):
        return None
    return jit.code_key("tape", _rules(), repr(list(facts)), *map(identity, tapes))


def _ours(op: Op) -> bool:
    """Whether a sample's rules are those of this version: another's may change while its name stays."""
    if op is LESS or op is SELECT:
        return True
    homes = [str(getattr(rule, "__module__", "")) for rule in (op.forward, op.partials, op.display_derivatives)]
    known = all(home.startswith("tinygrad_lite.") or home in ("math", "builtins", "_operator") for home in homes)
    return TABLE.get(op.name) is op and known


@functools.cache
def _rules() -> str:
    """The text of the engine, whose table the passes read."""
    folder = Path(engine.__file__).parent
    return cache.key(*[file.read_text(encoding="utf-8") for file in sorted(folder.rglob("*.py"))])


def identity(tape: Tape) -> str:
    """A hash of what a tape computes: two tapes that differ in the names of their inputs alone share it.

    >>> from tinygrad_lite.engine import ops
    >>> one, other = Tape(), Tape()
    >>> one.outputs = [one.node(ops.exp, (one.input("x"),))]
    >>> other.outputs = [other.node(ops.exp, (other.input("y"),))]
    >>> identity(one) == identity(other)
    True
    """
    kinds, kind, operands = columns(tape)
    constants = [(i, x) for i, x in enumerate(tape.sources) if x.__class__ is float]
    parts: list[array[Any]] = [
        kind,
        operands,
        array("q", [i for i, _ in constants]),
        array("d", [x for _, x in constants]),
        array("q", tape.inputs),
        array("q", tape.outputs),
        array("q", chain.from_iterable((guard.flag, guard.outcome) for guard in tape.guards)),
    ]
    digest = hashlib.sha256(repr([(op.name, n) for op, n in kinds]).encode())
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()
