"""What the user's own program calls its Values: the variables of a frame, turned around.

A name is given only where it is certain. A Value that two variables hold has no single name, so
it gets none; a variable says more than a place in a list, so `w` wins over `params[0]`. A step
between, which no variable holds, is called by what was computed, such as `w*x`.
"""

from __future__ import annotations

import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from types import FrameType
from typing import Any

from tinygrad_lite.engine.value import Value
from tinygrad_lite.formulas.formula import Symbol
from tinygrad_lite.formulas.naming import name_of_label
from tinygrad_lite.formulas.notation import TEXT

LONGEST = 20  # letters of a formula that serves as a name
MOST = 10_000  # entries of one container that are looked at
_LIBRARIES = (
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
    str(Path(__file__).parent.parent),
    "<frozen",
)


@contextmanager
def names() -> Iterator[None]:
    """Call what functions compute by their own variables: what `z1` holds when a function returns is labelled z1.

        with tg.names():
            loss = forward(X, y)      # z1, a1 and output live in there alone
        tg.explain(loss)              # and are the words of the explanation, as z1[0,1]

    Entries of arrays, lists and dicts are labelled with their place. A label that is there already stays, and what two
    variables hold gets none. It holds for the functions that return in the block, in this thread, and slows those
    alone; functions of libraries are left out. raises nothing.

    >>> def forward(w, x):
    ...     z = w * x
    ...     return z + 1
    >>> with names():
    ...     y = forward(Value(2.0, "w"), Value(3.0, "x"))
    >>> y.parents[0].label
    'z'
    """
    before = sys.getprofile()
    sys.setprofile(_returned)
    try:
        yield
    finally:
        sys.setprofile(before)


def _returned(frame: FrameType, event: str, result: Any) -> None:
    code = frame.f_code
    if event == "return" and not code.co_name.startswith("<") and not code.co_filename.startswith(_LIBRARIES):
        for value, name in _names_of(frame.f_locals).items():
            value.label = value.label or name


def names_in(frame: FrameType | None) -> dict[Value, str]:
    """The one name of each Value that the frame's variables hold, directly or in a list, dict or array.

    >>> import sys
    >>> rate = Value(0.1); pair = [Value(1.0), Value(2.0)]; first = also_first = Value(3.0)
    >>> found = names_in(sys._getframe())
    >>> found[rate], found[pair[1]], first in found
    ('rate', 'pair[1]', False)
    """
    return _names_of({**frame.f_globals, **frame.f_locals}) if frame is not None else {}


def _names_of(variables: Mapping[str, Any]) -> dict[Value, str]:
    plain: dict[Value, set[str]] = {}
    inside: dict[Value, set[str]] = {}
    for name, held in variables.items():
        if name.isidentifier() and not name.startswith("_"):
            if isinstance(held, Value):
                plain.setdefault(held, set()).add(name)
            else:
                for value, place in _entries(name, held):
                    inside.setdefault(value, set()).add(place)
    certain = {value: names for value, names in inside.items() if value not in plain} | plain
    return {value: next(iter(names)) for value, names in certain.items() if len(names) == 1}


def formulas(order: Sequence[Value], called: Mapping[Value, str]) -> dict[Value, str]:
    """Short formulas for the nodes that have no name, in the names of what they were computed from.

    >>> w, x, b = Value(2.0, "w"), Value(3.0), Value(1.0, "b")
    >>> y = (w * x + b).tanh()
    >>> list(formulas([w, x, w * x, y.parents[0].parents[0], b, y.parents[0], y], {x: "x"}).values())
    ['w*x', 'w*x', 'w*x + b', 'tanh(w*x + b)']
    """
    names = {node: str(node.label or called.get(node, "")) for node in order}
    uses = Counter(names.values())
    symbols: dict[Value, Symbol] = {}
    found: dict[Value, str] = {}
    for node in order:
        name = name_of_label(names[node]) if uses[names[node]] == 1 else None
        if name is not None:
            symbols[node] = Symbol.named(name, node.data)
        elif not names[node] and node.parents and all(p.__class__ is float or p in symbols for p in node.parents):
            operands = tuple(Symbol.constant(p) if p.__class__ is float else symbols[p] for p in node.parents)
            symbol = Symbol(node.op, operands, node.data)
            written = TEXT.of(symbol) if len(operands) <= LONGEST else ""
            if 0 < len(written) <= LONGEST:
                symbols[node] = symbol
                found[node] = written
    return found


def _entries(name: str, held: Any, deep: int = 2) -> Iterator[tuple[Value, str]]:
    """The Values in a container, each with the expression that reaches it."""
    if any(kind.__name__ == "ndarray" for kind in type(held).__mro__):  # tg.array's kind of array too
        if str(held.dtype) != "object":
            return
        if held.size <= MOST:
            for place in product(*map(range, held.shape)):
                if isinstance(held[place], Value):
                    yield held[place], f"{name}[{','.join(map(str, place))}]"
        return
    if isinstance(held, Mapping):
        pairs: Any = held.items() if type(held) is dict else ()
    elif type(held) in (list, tuple):
        pairs = enumerate(held)
    else:
        return
    if len(held) <= MOST:
        for key, entry in pairs:
            if isinstance(entry, Value):
                yield entry, f"{name}[{key!r}]"
            elif deep > 1:
                yield from _entries(f"{name}[{key!r}]", entry, deep - 1)
