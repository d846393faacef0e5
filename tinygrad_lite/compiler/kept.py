"""Runners kept on disk: a second process that traces the same tape has its code at once.

In: the tapes of a program, and how to make it. Out: a runner. If the same tapes were met before, on such a
processor and by the same text of this package, no pass is run. The entry says under which name the machine code is
kept and how large its buffers are; what cannot be read is made anew. The program itself is made again only if
somebody asks to see it, as `report()` and `source()` do. The first result is compared with the engine's all the same.
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
from tinygrad_lite.compiler import backends, cache, jit
from tinygrad_lite.compiler.tape import LESS, SELECT, Tape
from tinygrad_lite.engine.op import TABLE, Op


def runner(
    make: Callable[[], backends.Program],
    tapes: Sequence[Tape],
    facts: Sequence[object],
    backend: str | None = None,
    rows: int = 0,
) -> backends.Runner:
    """A runner for the program that `make` would make of these tapes, from the disk if it is there.

    Args:
        facts: what else the program depends on, as things whose repr says it all.
    """
    started = time.perf_counter()
    name = None
    if backend in (None, "llvm") and backends.available()[0] == "llvm":
        name = _name(tapes, [*facts, backends.unroll(rows, jit.host().lanes)])
    entry = cache.load(name) if name else None
    if entry is not None:
        head, _, arrays = entry.partition(b"\n")
        facts_kept = json.loads(head)
        code = cache.load(facts_kept["code"])
        if code is not None:
            return KeptRunner(make, rows, facts_kept, arrays, jit.load(code, "entry", None, True, started))
    made = backends.runner(make(), backend, rows)
    if name and isinstance(made, backends.LLVMRunner):
        cache.store(name, _entry(made))
    return made


class KeptRunner(backends.LLVMRunner):
    """A runner from the disk, whose program, plans and text are made when they are asked for."""

    def __init__(
        self, make: Callable[[], backends.Program], rows: int, facts: dict[str, Any], arrays: bytes, code: jit.Compiled
    ) -> None:
        import numpy as np

        from tinygrad_lite.compiler.llvm_backend import Layout

        self._make, self._rows = make, rows
        self.sizes = Sizes()
        self.sizes.__dict__.update(facts["sizes"])
        self.sizes.layout = Layout()
        n = 8 * facts["constants"]
        self.sizes.layout.constants = np.frombuffer(arrays[:n]).tolist()
        self.sizes.layout.tables = [np.frombuffer(arrays[n:], np.int32)] if len(arrays) > n else []
        self.parameters, self.uniforms, self.outputs = facts["parameters"], facts["uniforms"], facts["outputs"]
        self.compiled = code
        self.seconds = {"LLVM (from the disk)": code.seconds}
        self._prepare()

    @functools.cached_property
    def _whole(self) -> backends.LLVMRunner:
        return backends.LLVMRunner(self._make(), self._rows)

    @property
    def program(self) -> backends.Program:  # type: ignore[override]
        return self._whole.program

    @property
    def plans(self) -> backends.Plans | None:  # type: ignore[override]
        return self._whole.plans

    def text(self) -> str:
        return self._whole.text()


class Sizes:
    """What the buffers need to know of a `llvm_backend.Code`: its whole numbers, and its layout."""

    layout: Any


def _entry(made: backends.LLVMRunner) -> bytes:
    import numpy as np

    layout = made.code.layout
    facts: dict[str, Any] = {"sizes": {name: x for name, x in vars(made.code).items() if isinstance(x, int)}}
    facts |= {"parameters": made.parameters, "uniforms": made.uniforms, "outputs": made.outputs}
    facts |= {"constants": len(layout.constants), "code": jit.ir_key(made.code.text)}
    tables = b"".join(np.asarray(table, np.int32).tobytes() for table in layout.tables)
    constants: bytes = np.array(layout.constants, float).tobytes()
    return json.dumps(facts).encode() + b"\n" + constants + tables


def _name(tapes: Sequence[Tape], facts: Sequence[object]) -> str | None:
    """The cache's name for what is made of these tapes; None if they use rows that are not the package's own."""
    if not all(_ours(op) for op in set(chain.from_iterable(tape.op for tape in tapes))):
        return None
    return jit.code_key("tape", _rules(), repr(list(facts)), *map(identity, tapes))


def _ours(op: Op) -> bool:
    """Whether a row's rules are those of this version: another's may change while its name stays."""
    if op is LESS or op is SELECT:
        return True
    homes = [str(getattr(rule, "__module__", "")) for rule in (op.forward, op.partials, op.textbook)]
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
    kinds: dict[str, int] = {}
    columns: list[array[Any]] = [
        array("q", [kinds.setdefault(op.name, len(kinds)) for op in tape.op]),
        array("q", map(len, tape.args)),
        array("q", chain.from_iterable(tape.args)),
        array("q", [x.__class__ is float for x in tape.sources]),
        array("d", [x if x.__class__ is float else 0.0 for x in tape.sources]),
        array("q", tape.inputs),
        array("q", tape.outputs),
        array("q", chain.from_iterable((guard.flag, guard.outcome) for guard in tape.guards)),
    ]
    digest = hashlib.sha256(repr(list(kinds)).encode())
    for column in columns:
        digest.update(len(column).to_bytes(8, "little"))
        digest.update(column.tobytes())
    return digest.hexdigest()
