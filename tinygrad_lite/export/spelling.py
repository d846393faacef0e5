"""How NumPy, PyTorch and JAX write the same thing. The ops are read off the table; here is what differs beside them.

What is the same in all three libraries (`+`, `@`, slices, `.reshape`) is written in arrays.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tinygrad_lite.engine.op import TABLE, Op
from tinygrad_lite.export.expression import Term, put

_REDUCTIONS = ("max", "min", "prod", "mean", "sum", "norm")
"""Ops of any number of operands that are functions of an axis; the table's own templates say which others are."""

_PLAIN = frozenset(
    (
        *("abs", "clip", "sign", "floor", "ceil", "trunc", "square", "sqrt", "cbrt", "hypot"),
        *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "erf", "erfc"),
        *("sin", "cos", "tan", "sinh", "cosh", "tanh"),
    )
)
"""Ops that all three libraries have under the same name."""


class Loop(NamedTuple):
    """Steps that follow from one another: the names carried from step to step, what they are first and after a step;
    what each step reads, as (name, series); the lines of a step; what is kept of each, as (series, name)."""

    steps: int
    carried: list[str]
    initial: list[str]
    results: list[str]
    read: list[tuple[str, str]]
    body: list[str]
    kept: list[tuple[str, str]]


class Spelling:
    """One library.

    Attributes:
        lib: what it is called in the source.
        column: that of the table with its templates.
        head: the lines at the top of the source.
        backwards: whether a slice may go backwards.
        softmax: where its softmax and log_softmax are, if it has them.
        functions: its names for reductions, where these are others.
    """

    lib: str
    column: str
    head: tuple[str, ...]
    note = ""
    backwards = True
    softmax = ""
    functions: dict[str, str] = {"norm": "linalg.norm"}

    def has(self, op: Op) -> bool:
        """Whether the library has the op, so that it need not be written in others."""
        if op.infix or op.name in _REDUCTIONS or self._over_an_axis(op):
            return True
        template = getattr(op, self.column)
        own = template and (op.name in TABLE and TABLE[op.name] is op)
        default = template.startswith((f"{{lib}}.{op.name}(", f"{op.name}("))
        return bool(own) and (not default or op.name in _PLAIN) and op.arity is not None

    def _over_an_axis(self, op: Op) -> bool:
        return op.arity is None and op.name not in _REDUCTIONS and ".broadcast_" in getattr(op, self.column)

    def number(self, x: float) -> str:
        """A bare number."""
        return self._spelled(repr(x))

    def _spelled(self, text: str) -> str:
        return text.replace("inf", f"{self.lib}.inf").replace("nan", f"{self.lib}.nan")

    def operand(self, term: Term) -> str:
        """A term as an argument of a function."""
        return term.text

    def template(self, op: Op, n: int) -> str:
        """One op of the table, entry by entry, in the names x0, x1, ..."""
        names = [f"x{k}" for k in range(n)]
        template: str = getattr(op, self.column)
        return template.format(lib=self.lib, xs=", ".join(names), **dict(zip("xyz", names, strict=False)))

    def call(self, op: Op, terms: Sequence[Term]) -> str:
        """One op of the table applied to terms."""
        given = [term.text if op.infix else self.operand(term) for term in terms]
        return put(self.template(op, len(terms)), **{f"x{k}": text for k, text in enumerate(given)})

    def reduction(self, name: str, text: str, axis: int | tuple[int, ...] | None) -> str:
        """max, mean, ... over an axis (None for all)."""
        op = TABLE[name]
        function = f"{self.lib}.{self.functions.get(name, name)}"
        if self._over_an_axis(op):
            function = getattr(op, self.column).format(lib=self.lib, xs="").split("(")[0]
        return f"{function}({text}{'' if axis is None else f', axis={axis}'})"

    def array(self, values: Any) -> str:
        """A constant array."""
        return _wrapped(f"np.array({self._spelled(repr(values.tolist()))})")

    def as_array(self, text: str) -> str:
        return f"{self.lib}.asarray({text})"

    def zeros(self, shape: str) -> str:
        return f"{self.lib}.zeros({shape})"

    def run(self, operands: str, width: int, sampled: bool) -> list[str]:
        """A tape of ops (op_tape.py), row by row."""
        return ["for row in TAPE:", f"    v[row[1] : row[1] + {width}] = OPS[row[0]](*{operands})"]

    def permuted(self, text: str, order: Sequence[int]) -> str:
        return put(f"x.transpose({', '.join(map(str, order))})", x=text)

    def along(self, text: str, index: str) -> str:
        """Of each row of a matrix the entry at an index."""
        return f"{self.lib}.take_along_axis({text}, {index}, axis=1)"

    def segments(self, text: str, ids: str, n: int) -> str:
        """The sums of the entries with the same id, along the first axis."""
        raise NotImplementedError

    def joined(self, texts: Sequence[str], axis: int) -> str:
        return f"{self.lib}.concatenate([{', '.join(texts)}]{f', axis={axis}' if axis else ''})"

    def scan(self, loop: Loop) -> list[str]:
        """A loop over steps with what each leaves to the next: see `Loop`."""
        lines = [f"{name} = {text}" for name, text in zip(loop.carried, loop.initial, strict=True)]
        lines += [f"{rows} = []" for rows, _ in loop.kept]
        names, series = (", ".join(texts) for texts in zip(*loop.read, strict=True)) if loop.read else ("_", "")
        series = f"zip({series}, strict=True)" if len(loop.read) > 1 else series or f"range({loop.steps})"
        lines.append(f"for {names} in {series}:")
        lines += [f"    {line}" for line in loop.body]
        lines += [f"    {rows}.append({name})" for rows, name in loop.kept]
        if loop.carried:
            lines.append(f"    {', '.join(loop.carried)} = {', '.join(loop.results)}")
        return [*lines, *(f"{rows} = {self.lib}.stack({rows})" for rows, _ in loop.kept)]

    def refuse(self, condition: str, message: str) -> list[str]:
        """What is done where a branch does not come out as it did."""
        return [f"if not {condition}:", f'    raise ValueError("{message}")']


class NumPy(Spelling):
    lib: str = "np"
    column: str = "numpy"
    head = ("import numpy as np",)

    def segments(self, text: str, ids: str, n: int) -> str:
        return f"np.add.reduceat({text}, np.searchsorted({ids}, np.arange({n})), axis=0)"


class Torch(Spelling):
    lib: str = "torch"
    column: str = "torch"
    backwards = False
    softmax = "torch."
    functions: dict[str, str] = {"norm": "linalg.norm", "max": "amax", "min": "amin"}
    head = ("import numpy as np", "import torch")
    note = "# All tensors are float64: make them with torch.tensor(x, dtype=torch.float64)."

    def operand(self, term: Term) -> str:
        return term.text if term.number is None else f"torch.tensor({term.text}, dtype=torch.float64)"

    def array(self, values: Any) -> str:
        kind = "float64" if values.dtype.kind == "f" else "int64"
        return _wrapped(f"torch.tensor({self._spelled(repr(values.tolist()))}, dtype=torch.{kind})")

    def as_array(self, text: str) -> str:
        return f"torch.as_tensor({text}, dtype=torch.float64)"

    def zeros(self, shape: str) -> str:
        return f"torch.zeros({shape}, dtype=torch.float64)"

    def permuted(self, text: str, order: Sequence[int]) -> str:
        return put(f"x.permute({', '.join(map(str, order))})", x=text)

    def along(self, text: str, index: str) -> str:
        return f"torch.take_along_dim({text}, {index}, 1)"

    def segments(self, text: str, ids: str, n: int) -> str:
        return f"torch.zeros({n}, dtype=torch.float64).index_add(0, {ids}, {text})"


class Jax(Spelling):
    lib: str = "jnp"
    softmax = "jax.nn."
    column: str = "jax"
    head = ("import jax", "import jax.numpy as jnp", "import numpy as np")
    note = '# In float64, as here, after jax.config.update("jax_enable_x64", True); without it in float32, to 7 digits.'

    def segments(self, text: str, ids: str, n: int) -> str:
        return f"jax.ops.segment_sum({text}, {ids}, {n})"

    def scan(self, loop: Loop) -> list[str]:
        def packed(names: Sequence[str], nothing: str = "None") -> str:
            return names[0] if len(names) == 1 else f"({', '.join(names)})" if names else nothing

        read, kept = [name for name, _ in loop.read], [name for name, _ in loop.kept]
        carry = packed(loop.carried, "_") if len(loop.carried) < 2 else "carry"
        row = packed(read, "row") if len(read) < 2 else "row"
        lines = ["", f"def step({carry}, {row}):"]
        lines += [f"    {', '.join(loop.carried)} = carry"] if len(loop.carried) > 1 else []
        lines += [f"    {', '.join(read)} = row"] if len(read) > 1 else []
        lines += [f"    {line}" for line in loop.body]
        lines.append(f"    return {packed(loop.results)}, {packed([name for _, name in loop.kept])}")
        series = packed([text for _, text in loop.read])
        given = f"{packed(loop.initial)}, {series}, length={loop.steps}"
        return [*lines, "", f"{packed(loop.carried, '_')}, {packed(kept, '_')} = jax.lax.scan(step, {given})"]

    def run(self, operands: str, width: int, sampled: bool) -> list[str]:
        return [
            "",
            "def step(v, row):",
            f"    found = jax.lax.switch(row[0], OPS, *{operands})",
            f"    return jax.lax.dynamic_update_slice(v, found, (row[1],{' 0' * sampled})), None",
            "",
            "v, _ = jax.lax.scan(step, v, TAPE)",
        ]

    def refuse(self, condition: str, message: str) -> list[str]:
        return [f"taken = {condition}  # {message}: NaN then"]


def _wrapped(text: str) -> str:
    """The text of an array on lines of no more than some 100 characters."""
    lines, width = [""], 0
    for part in text.split(" "):
        if width > 95:
            lines.append("   ")
            width = 0
        lines[-1] += f" {part}" if lines[-1] else part
        width += len(part) + 1
    return "\n".join(lines)


SPELLINGS = {"numpy": NumPy(), "torch": Torch(), "jax": Jax()}
