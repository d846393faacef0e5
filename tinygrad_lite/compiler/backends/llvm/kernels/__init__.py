"""Vector functions for compiled code: exp, log, tanh and their kin on 1, 2, 4 or 8 lanes at once.

LLVM turns a vector `exp` into one call of the C library for each lane, which is several times
slower than the loop around it. These kernels compute all lanes together, in instructions that
every processor has. `definitions` gives their text; read `vector.py` for how it is written, then
`exponential.py`, then `power.py`, `trigonometric.py` and `special.py`. A function without a
kernel of its own is a call of the C library for each lane.
"""

from __future__ import annotations

from collections.abc import Iterable

from tinygrad_lite.compiler.backends.llvm.kernels import exponential, power, special, trigonometric
from tinygrad_lite.compiler.backends.llvm.kernels.vector import (
    Rule,
    call_by_lane,
    definition,
    rounding,
    type_name,
)
from tinygrad_lite.engine.op import TABLE

__all__ = ["KERNELS", "definitions", "function_name", "type_name"]

KERNELS: dict[str, tuple[int, Rule | None]] = {
    **{
        op.name: (op.arity, getattr(module, op.name))
        for op in TABLE.values()
        for module in (exponential, power, trigonometric, special)
        if op.arity and getattr(getattr(module, op.name, None), "__module__", "") == module.__name__
    },
    **{name: (1, rounding(name)) for name in ("floor", "ceil", "trunc")},
    "round": (1, rounding("nearbyint")),
    **dict.fromkeys(("lgamma", "tgamma"), (1, None)),
    **dict.fromkeys(("fmod", "remainder"), (2, None)),
}
"""Every kernel by the name of its op: its number of operands, and its rule.

Without a rule the C library's function of that name is called for each lane.
"""


def function_name(op: str, lanes: int) -> str:
    """What the kernel is called in LLVM's text.

    >>> function_name("exp", 8)
    '@tg_exp_v8'
    """
    return f"@tg_{op}_v{lanes}"


def definitions(names: Iterable[str], lanes: int, inline: bool = True) -> str:
    """The text that defines the named kernels on `lanes` doubles, with what they declare.

    A kernel of one lane takes and gives plain `double`s. With `inline` each call is replaced by the
    body, which lets a loop keep the constants in registers.

    Raises:
        KeyError: a name without a kernel.

    >>> print(definitions(["exp"], 8).splitlines()[0])
    define internal <8 x double> @tg_exp_v8(<8 x double> %x) alwaysinline nounwind {
    """
    texts: list[str] = []
    declarations: set[str] = set()
    for name in sorted(set(names)):
        if name not in KERNELS:
            raise KeyError(f"no kernel computes {name!r}; there are {', '.join(sorted(KERNELS))}.")
        arity, rule = KERNELS[name]
        if rule is None:
            lines, needed = call_by_lane(function_name(name, lanes), name, arity, lanes)
        else:
            lines, needed = definition(function_name(name, lanes), name, arity, lanes, rule, inline)
        texts += lines
        declarations |= needed
    return "\n\n".join([*texts, *sorted(declarations)]) + "\n"
