"""A computation as source for NumPy, PyTorch or JAX, in whole arrays.

    print(tg.to_jax(loss))              # of a recorded graph: its leaves become arguments, W1[0, 2] an entry of W1
    print(tg.to_jax(f, params, x, y))   # of a function, for arguments of these shapes
    print(tg.to_jax(fast, params, x, y))   # of what tg.compile gave; with batch=, for any number of samples
    tg.to_jax(loss).function            # the same, ready to be called, if the library is there

What the compiler finds, loops over arrays, becomes expressions of whole arrays (arrays.py); a branch becomes a choice,
steps that follow from one another a scan (steps.py). Every source is run when it is made, and compared with the engine.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError
from tinygrad_lite.export.program import ArrayProgram, program
from tinygrad_lite.export.spelling import SPELLINGS
from tinygrad_lite.export.text import Text
from tinygrad_lite.export.verified import verified


class Source:
    """A program as text.

    Attributes:
        code: the text, with its imports.
        arguments: what to call it with, by name: the arguments at which it was made; of a graph, the leaves.
        checked: what was compared when it was made.
    """

    def __init__(self, library: str, found: ArrayProgram, name: str) -> None:
        self.library: str = library
        self._name = name
        self._program = found
        self.code: str = Text(SPELLINGS[library], found, name).code
        self.point: dict[str, Any] = dict(zip(found.parameters, found.point, strict=True))
        self.arguments: dict[str, Any] = found.leaves or self.point
        self.checked: str = verified(library, lambda *point: self.function(*point), found)  # perhaps not installed

    @property
    def function(self) -> Callable[..., Any]:
        """The code, run in a namespace of its own.

        Raises:
            ImportError: the library is not installed.
        """
        space: dict[str, Any] = {}
        exec(compile(self.code, f"<tg.to_{self.library}>", "exec"), space)  # our own text: labels only name arguments
        return space[self._name]  # type: ignore[no-any-return]

    def save(self, path: str | Path) -> Path:
        """Write the code to a file."""
        path = Path(path)
        path.write_text(self.code + "\n", encoding="utf-8")
        return path

    def __str__(self) -> str:
        return self.code

    def __repr__(self) -> str:
        lines = self.code.count("\n") + 1
        return f"<source for {self.library} of {', '.join(self.arguments)}: {lines} lines; {self.checked}>"


def to_numpy(
    what: Any, *args: Any, wrt: Sequence[Value] | None = None, name: str | None = None, **kwargs: Any
) -> Source:
    """A NumPy function that gives a value and its derivatives, in whole arrays.

    Args:
        what: the Value at the root of a graph, a function, or what `tg.compile` gave.
        args: of a function, the arguments for whose shapes it is written.
        wrt: of a graph, the leaves to differentiate w.r.t.; None for all.
        name: of the function that is written.
        kwargs: further arguments, by name.

    Raises:
        OperandError: what is no result and no function, wrt holds something that is no leaf, or the name is none.
        TinygradLiteError: what was written does not agree with the engine.

    >>> from tinygrad_lite import tanh
    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> print(to_numpy(tanh(a * b)))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def f(a, b):
        h1 = np.tanh(a * b)
        ...
    """
    return _made("numpy", what, args, kwargs, name, True if wrt is None else wrt)


def to_torch(what: Any, *args: Any, name: str | None = None, **kwargs: Any) -> Source:
    """A function for PyTorch, in whole arrays: call it on float64 tensors with `requires_grad=True`.

    Args:
        what: the Value at the root of a graph, a function, or what `tg.compile` gave.
        args: of a function, the arguments for whose shapes it is written.
        name: of the function that is written.
        kwargs: further arguments, by name.

    Raises:
        OperandError: what is no result and no function, or the name is none.
        TinygradLiteError: what was written does not agree with the engine.

    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> print(to_torch((a * b).tanh()))
    import torch
    <BLANKLINE>
    <BLANKLINE>
    # All tensors are float64: make them with torch.tensor(x, dtype=torch.float64).
    def f(a, b):
        return torch.tanh(a * b)
    """
    return _made("torch", what, args, kwargs, name, False)


def to_jax(what: Any, *args: Any, name: str | None = None, **kwargs: Any) -> Source:
    """A function for JAX, in whole arrays: `jax.grad(f)` differentiates it, `jax.jit` compiles it.

    Args:
        what: the Value at the root of a graph, a function, or what `tg.compile` gave.
        args: of a function, the arguments for whose shapes it is written.
        name: of the function that is written.
        kwargs: further arguments, by name.

    Raises:
        OperandError: what is no result and no function, or the name is none.
        TinygradLiteError: what was written does not agree with the engine.

    >>> a = Value(-4.0, "a")
    >>> print(to_jax((a * 2.0).tanh()))
    import jax.numpy as jnp
    <BLANKLINE>
    <BLANKLINE>
    # In float64, as here, after jax.config.update("jax_enable_x64", True); without it in float32, to 7 digits.
    def f(a):
        return jnp.tanh(2.0 * a)
    """
    return _made("jax", what, args, kwargs, name, False)


def _made(library: str, what: Any, args: Any, kwargs: Any, name: str | None, wrt: Any) -> Source:
    if name is None:
        name = getattr(what, "__name__", "f") if not isinstance(what, Value) else "f"
        name = name if name.isidentifier() and not keyword.iskeyword(name) else "f"
    if not name.isidentifier() or keyword.iskeyword(name):
        raise OperandError(f"a function's name is a word such as loss, but got {name!r}.")
    return Source(library, program(what, args, kwargs, SPELLINGS[library].has, wrt), name)
