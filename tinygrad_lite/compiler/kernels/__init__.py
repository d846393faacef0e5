"""Vector functions for compiled code: exp, log, tanh and their kin on 1, 2, 4 or 8 lanes at once.

LLVM turns a vector `exp` into one call of the C library for each lane, which is several times
slower than the loop around it. These kernels compute all lanes together, in instructions that
every processor has. `definitions` gives their text; read `vector.py` for how it is written, then
`exponential.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tinygrad_lite.compiler.kernels import exponential
from tinygrad_lite.compiler.kernels.vector import Vector, definition, type_name

__all__ = ["KERNELS", "definitions", "function_name", "type_name"]

KERNELS: dict[str, tuple[int, Callable[..., Vector]]] = {
    "exp": (1, exponential.exp),
    "log": (1, exponential.log),
    "tanh": (1, exponential.tanh),
}
"""Every kernel by the name of its row in the table of ops: its number of operands, and its rule."""


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
    attributes = "alwaysinline nounwind" if inline else "noinline nounwind"
    texts: list[str] = []
    declarations: set[str] = set()
    for name in sorted(set(names)):
        if name not in KERNELS:
            raise KeyError(f"no kernel computes {name!r}; there are {', '.join(sorted(KERNELS))}.")
        arity, rule = KERNELS[name]
        text, body = definition(name, arity, lanes, rule, attributes)
        texts.append(text)
        declarations |= body.declarations
    return "\n\n".join([*texts, *sorted(declarations)]) + "\n"
