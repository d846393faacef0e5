"""Vector functions for compiled code: exp, log, sin and others on 1, 2, 4 or 8 lanes at once.

LLVM turns a vector `exp` into one call of the C library for each lane, which is several times
slower than the loop around it. These kernels compute all lanes together, in instructions that
every processor has. `definitions` gives their text; read `vector.py` for how it is written, then
`exponential.py`, then `power.py`, `trigonometric.py` and `special.py`. A function without a
kernel of its own is a call of the C library for each lane; an op that is not here at all is written in
others, as its entry of the table says (lowering.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from tinygrad_lite.compiler.backends.llvm.kernels import exponential, power, special, trigonometric
from tinygrad_lite.compiler.backends.llvm.kernels.vector import KERNELS, definition, rounding
from tinygrad_lite.compiler.backends.llvm.writer import NATIVE, function_name

__all__ = ["KERNELS", "definitions", "exponential", "power", "special", "supported", "trigonometric"]

for _name in ("floor", "ceil", "trunc"):
    rounding(_name, _name)
rounding("round", "nearbyint")
KERNELS |= {
    **dict.fromkeys(("lgamma", "tgamma"), (1, None)),
    **dict.fromkeys(("fmod", "remainder"), (2, None)),
}


def supported() -> set[str]:
    """The names of the ops that can be written in LLVM's text: instructions and kernels."""
    return NATIVE | set(KERNELS)


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
        lines, needed = definition(function_name(name, lanes), name, lanes, inline)
        texts += lines
        declarations |= needed
    return "\n\n".join([*texts, *sorted(declarations)]) + "\n"
