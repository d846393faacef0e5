"""How NumPy, PyTorch and JAX write the same thing. The ops are read off the table; here is what differs beside them.

A *term* is an expression that stands for an array: its text, the axes along which it varies, and how strongly its last
sign binds. What is the same in all three libraries (`+`, `@`, slices, `.reshape`) is written in arrays.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from tinygrad_lite.engine.op import TABLE, Op

SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 6)


class Term(NamedTuple):
    """An expression: its text, its axes in order, how strongly its last sign binds, and its mean if it is a sum."""

    text: str
    axes: tuple[int, ...] = ()
    rank: int = ATOM
    mean: tuple[int, str] | None = None
    number: float | None = None

    def inside(self, rank: int) -> str:
        """The text as an operand of a sign of this rank."""
        return self.text if self.rank >= rank else f"({self.text})"


_REDUCTIONS = {
    # an op of any number of operands, over an axis: NumPy, PyTorch, JAX
    "max": ("np.max", "torch.amax", "jnp.max"),
    "min": ("np.min", "torch.amin", "jnp.min"),
    "prod": ("np.prod", "torch.prod", "jnp.prod"),
    "mean": ("np.mean", "torch.mean", "jnp.mean"),
    "sum": ("np.sum", "torch.sum", "jnp.sum"),
    "logsumexp": ("np.logaddexp.reduce", "torch.logsumexp", "jax.nn.logsumexp"),
    "norm": ("np.linalg.norm", "torch.linalg.norm", "jnp.linalg.norm"),
}


class Spelling:
    """One library.

    Attributes:
        lib: what it is called in the source.
        column: that of the table with its templates.
        head: the lines at the top of the source.
    """

    lib: str
    column: str
    head: tuple[str, ...]
    place: int
    note = ""
    backwards = True
    """Whether a slice may go backwards."""

    def has(self, op: Op) -> bool:
        """Whether the library has the op, so that it need not be written in others."""
        if op.infix or op.name in _REDUCTIONS:
            return True
        template = getattr(op, self.column)
        own = template and (op.name in TABLE and TABLE[op.name] is op)
        default = template.startswith((f"{{lib}}.{op.name}(", f"{op.name}("))
        return bool(own) and (not default or op.name in _PLAIN) and op.arity is not None

    def number(self, x: float) -> str:
        """A bare number."""
        return repr(x).replace("inf", f"{self.lib}.inf").replace("nan", f"{self.lib}.nan")

    def operand(self, term: Term) -> str:
        """A term as an argument of a function."""
        return term.text

    def call(self, op: Op, terms: Sequence[Term]) -> tuple[str, int]:
        """One op of the table applied entry by entry: the text, and its rank."""
        template: str = getattr(op, self.column)
        called = re.fullmatch(r"[\w.{}]+\([^()]*\)", template) is not None
        names = [self.operand(x) if called else self.operand(x) if x.rank == ATOM else f"({x.text})" for x in terms]
        slots = dict(zip("xyz", names, strict=False))
        text = template.format(lib=self.lib, xs=", ".join(names), **slots)
        return text, ATOM if called else 0

    def once(self, op: Op) -> bool:
        """Whether the template reads each operand once."""
        template: str = getattr(op, self.column)
        return all(template.count("{" + slot + "}") <= 1 for slot in "xyz")

    def reduction(self, name: str, text: str, axis: int | tuple[int, ...] | None) -> str:
        """max, logsumexp, ... over an axis (None for all)."""
        where = "" if axis is None else f", axis={axis}"
        return f"{_REDUCTIONS[name][self.place]}({text}{where})"

    def array(self, values: Any) -> str:
        """A constant array."""
        text = repr(values.tolist()).replace("inf", f"{self.lib}.inf").replace("nan", f"{self.lib}.nan")
        return f"np.array({text})"

    def as_array(self, text: str) -> str:
        return f"{self.lib}.asarray({text})"

    def permuted(self, text: str, order: Sequence[int]) -> str:
        return f"{text}.transpose({', '.join(map(str, order))})"

    def segments(self, text: str, ids: str, n: int) -> str:
        """The sums of the entries with the same id, along the first axis."""
        raise NotImplementedError

    def joined(self, texts: Sequence[str], axis: int) -> str:
        return f"{self.lib}.concatenate([{', '.join(texts)}]{f', axis={axis}' if axis else ''})"

    def scan(self, loop: Loop) -> list[str]:
        """A loop over steps with what each leaves to the next: see `Loop`."""
        lines = [f"{name} = {text}" for name, text in zip(loop.carried, loop.initial, strict=True)]
        lines += [f"{rows} = []" for rows, _ in loop.kept]
        if loop.read:
            series = ", ".join(text for _, text in loop.read)
            what = ", ".join(name for name, _ in loop.read)
            lines.append(f"for {what} in {series if len(loop.read) == 1 else f'zip({series}, strict=True)'}:")
        else:
            lines.append(f"for _ in range({loop.steps}):")
        lines += [f"    {line}" for line in loop.body]
        lines += [f"    {rows}.append({name})" for rows, name in loop.kept]
        if loop.carried:
            lines.append(f"    {', '.join(loop.carried)} = {', '.join(loop.results)}")
        lines += [f"{rows} = {self.lib}.stack({rows})" for rows, _ in loop.kept]
        return lines

    def refuse(self, condition: str, message: str) -> list[str]:
        """What is done where a branch does not come out as it did."""
        return [f"if not {condition}:", f'    raise ValueError("{message}")']


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


_PLAIN = frozenset(
    (
        *("abs", "clip", "sign", "floor", "ceil", "trunc", "square", "sqrt", "cbrt", "hypot"),
        *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "erf", "erfc"),
        *("sin", "cos", "tan", "sinh", "cosh", "tanh"),
    )
)
"""Ops that all three libraries have under the same name."""


class NumPy(Spelling):
    lib: str = "np"
    column: str = "numpy"
    place: int = 0
    head = ("import numpy as np",)

    def segments(self, text: str, ids: str, n: int) -> str:
        return f"np.add.reduceat({text}, np.searchsorted({ids}, np.arange({n})), axis=0)"


class Torch(Spelling):
    lib: str = "torch"
    column: str = "torch"
    place: int = 1
    backwards = False
    head = ("import numpy as np", "import torch")
    note = "# All tensors are float64: make them with torch.tensor(x, dtype=torch.float64)."

    def operand(self, term: Term) -> str:
        return term.text if term.number is None else f"torch.tensor({term.text}, dtype=torch.float64)"

    def array(self, values: Any) -> str:
        kind = "float64" if values.dtype.kind == "f" else "int64"
        text = repr(values.tolist()).replace("inf", "torch.inf").replace("nan", "torch.nan")
        return f"torch.tensor({text}, dtype=torch.{kind})"

    def as_array(self, text: str) -> str:
        return f"torch.as_tensor({text}, dtype=torch.float64)"

    def permuted(self, text: str, order: Sequence[int]) -> str:
        return f"{text}.permute({', '.join(map(str, order))})"

    def segments(self, text: str, ids: str, n: int) -> str:
        return f"torch.zeros({n}, dtype=torch.float64).index_add(0, {ids}, {text})"


class Jax(Spelling):
    lib: str = "jnp"
    column: str = "jax"
    place: int = 2
    head = ("import jax", "import jax.numpy as jnp", "import numpy as np")
    note = '# In float64, as here, after jax.config.update("jax_enable_x64", True); without it in float32, to 7 digits.'

    def segments(self, text: str, ids: str, n: int) -> str:
        return f"jax.ops.segment_sum({text}, {ids}, {n})"

    def scan(self, loop: Loop) -> list[str]:
        def packed(names: Sequence[str]) -> str:
            return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})" if names else "None"

        names = [name for name, _ in loop.read]
        lines = ["", "def step(carry, row):"]
        if loop.carried:
            lines.append(f"    {', '.join(loop.carried)}{',' * (len(loop.carried) == 1)} = carry")
        if names:
            lines.append(f"    {', '.join(names)}{',' * (len(names) == 1)} = row")
        lines += [f"    {line}" for line in loop.body]
        lines.append(f"    return {packed(loop.results)}, {packed([name for _, name in loop.kept])}")
        left = f"{', '.join(loop.carried)}{',' * (len(loop.carried) == 1)}"
        rows = packed([series for series, _ in loop.kept]) if loop.kept else "_"
        series = packed([text for _, text in loop.read])
        head = f"({left}), {rows}" if loop.carried else f"_, {rows}"
        lines += ["", f"{head} = jax.lax.scan(step, {packed(loop.initial)}, {series}, length={loop.steps})"]
        return lines

    def refuse(self, condition: str, message: str) -> list[str]:
        return [f"taken = {condition}  # {message}: NaN then"]


SPELLINGS = {"numpy": NumPy(), "torch": Torch(), "jax": Jax()}
