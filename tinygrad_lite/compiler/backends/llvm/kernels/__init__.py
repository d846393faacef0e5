"""Vector functions for compiled code: exp, log, sin and others on 1, 2, 4 or 8 lanes at once.

LLVM turns a vector `exp` into one call of the C library for each lane, which is several times
slower than the loop around it. These kernels compute all lanes together, in instructions that
every processor has. `module` gives their text; read `vector.py` for how it is written, then
`exponential.py`, then `power.py`, `trigonometric.py` and `special.py`. A function without a
kernel of its own is a call of the C library for each lane; an op that is not here at all is written in
others, as its entry of the table says (lowering.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tinygrad_lite.compiler.backends.llvm.kernels import exponential, power, special, trigonometric
from tinygrad_lite.compiler.backends.llvm.kernels.vector import KERNELS, definition, rounding
from tinygrad_lite.compiler.backends.llvm.writer import NATIVE, function_name

__all__ = ["KERNELS", "exponential", "module", "power", "special", "supported", "trigonometric"]

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


def module(
    functions: Sequence[str], used: Iterable[tuple[str, int]], declared: Iterable[str] = (), inline: bool = True
) -> str:
    """A module in LLVM's text: functions, the kernels that they use, and what all of these declare.

    Args:
        used: each kernel's name, and on how many doubles. One of one lane takes and gives plain `double`s.
        inline: replace each call by the body, which lets a loop keep the constants in registers.

    Raises:
        KeyError: a name without a kernel.

    >>> print(module([], [("exp", 8)]).splitlines()[0])
    define internal <8 x double> @tg_exp_v8(<8 x double> %x) alwaysinline nounwind {
    """
    bodies: list[str] = []
    known = set(declared)
    for name, lanes in sorted(set(used)):
        if name not in KERNELS:
            raise KeyError(f"no kernel computes {name!r}; there are {', '.join(sorted(KERNELS))}.")
        texts, needed = definition(function_name(name, lanes), name, lanes, inline)
        bodies += texts
        known |= needed
    return "\n\n".join([*functions, *bodies, "\n".join(sorted(known))]) + "\n"
