"""What functions can remember between two calls: caches, objects, globals, random generators; kept, and put back.

A loss may store its activations in a dict, an object or a global for the backprop to read, and may draw random
numbers. `State` notes everything mutable that the functions can reach. Put back before each call, every call
starts from the same memory and sees the same random numbers; put back at the end, nothing of the user's has
changed, and no Value of a recorded forward pass stays behind.
"""

from __future__ import annotations

import ctypes
import functools
import inspect
import random
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tinygrad_lite.checking.network.arrays import np

ENTRIES_AT_MOST = 1_000_000  # a larger array or container is data, not a cache
MISSING = object()


class Kept(NamedTuple):
    """One thing that may change: how to look at it, what it was, and how to put it back."""

    look: Callable[[], Any]
    then: Any
    put: Callable[[Any], Any]

    def restore(self) -> bool:
        """Put it back if it has changed; whether it had."""
        changed = not _same(self.look(), self.then)
        if changed:
            self.put(self.then)
        return changed


class State:
    """Everything mutable that some functions can reach, as it is now."""

    def __init__(self, *functions: Callable[..., Any]) -> None:
        self._seen: dict[int, Any] = {}  # by identity; the object is kept, so that no identity is used twice
        self._kept: list[Kept] = []
        self._generators = [
            Kept(random.getstate, random.getstate(), random.setstate),
            Kept(np.random.get_state, np.random.get_state(), _put_numpy(_numpy_words())),
        ]
        torch = sys.modules.get("torch")
        if torch is not None:
            self._generators.append(Kept(torch.get_rng_state, torch.get_rng_state(), torch.set_rng_state))
        self._walk_all(functions)

    def restore(self) -> bool:
        """Put everything back, the random generators too; true if something besides these had changed."""
        self.replay()
        return sum(kept.restore() for kept in self._kept) > 0

    def replay(self) -> None:
        """Put the random generators back, so that the same numbers are drawn again."""
        for generator in self._generators:
            generator.put(generator.then)

    def drew(self) -> bool:
        """Whether random numbers were drawn since the generators were put back."""
        return any(repr(generator.look()) != repr(generator.then) for generator in self._generators)

    def _walk(self, x: Any) -> None:
        if id(x) in self._seen or x is None or isinstance(x, (int, float, complex, str, bytes)):
            return
        self._seen[id(x)] = x
        if isinstance(x, types.MethodType):
            self._walk_all((x.__self__, x.__func__))
        elif isinstance(x, functools.partial):
            self._walk_all((x.func, *x.args, *x.keywords.values()))
        elif isinstance(x, types.FunctionType):
            self._walk_function(x)
        elif isinstance(x, type):
            self._walk_class(x)
        elif isinstance(x, (dict, list, deque, set)):
            self._kept.append(Kept(lambda: x, x.copy(), functools.partial(_refill, x)))
            self._walk_all(x.values() if isinstance(x, dict) else x)
        elif isinstance(x, tuple):
            self._walk_all(x)
        elif isinstance(x, np.ndarray):
            if x.size <= ENTRIES_AT_MOST and x.flags.writeable:
                self._kept.append(Kept(lambda: x, x.copy(), functools.partial(x.__setitem__, ...)))
        elif isinstance(x, np.random.Generator):
            bits = x.bit_generator
            self._generators.append(Kept(lambda: bits.state, bits.state, functools.partial(setattr, bits, "state")))
        elif isinstance(x, np.random.RandomState):
            self._generators.append(Kept(x.get_state, x.get_state(), x.set_state))
        elif isinstance(x, random.Random):
            self._generators.append(Kept(x.getstate, x.getstate(), x.setstate))
        elif isinstance(x, types.ModuleType):
            if _of_the_user(x.__name__):
                self._walk_names(vars(x), [name for name in vars(x) if not name.startswith("__")])
        elif isinstance(x, types.SimpleNamespace) or _of_the_user(type(x).__module__):
            self._walk_all((type(x), getattr(x, "__dict__", None)))

    def _walk_all(self, many: Any) -> None:
        if len(many) <= ENTRIES_AT_MOST:
            for x in list(many):
                self._walk(x)

    def _walk_class(self, x: type) -> None:
        if _of_the_user(x.__module__):
            self._kept.append(Kept(functools.partial(_fields, x), _fields(x), functools.partial(_set_fields, x)))
            self._walk_all([getattr(found, "__func__", getattr(found, "fget", found)) for found in vars(x).values()])
            self._walk_all(x.__mro__[1:])

    def _walk_function(self, x: types.FunctionType) -> None:
        if _of_the_user(x.__module__):
            self._walk_all((vars(x), *(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()))
            for cell in x.__closure__ or ():
                now, put = _contents(cell), functools.partial(_fill, cell)
                self._kept.append(Kept(functools.partial(_contents, cell), now, put))
                self._walk(now)
            self._walk_names(x.__globals__, list(_names_in(x.__code__)))

    def _walk_names(self, names: dict[str, Any], used: list[str]) -> None:
        bound = _bound(names, used)
        self._kept.append(Kept(lambda: _bound(names, used), bound, functools.partial(_bind, names)))
        self._walk_all([found for found in bound.values() if found is not MISSING])


def names_read(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """The variables outside of it that a function's own code speaks of, closed over or global, with their values."""
    plain = inspect.unwrap(getattr(function, "__func__", function))
    code = getattr(plain, "__code__", None)
    if code is not None:
        yield from zip(code.co_freevars, map(_contents, plain.__closure__ or ()), strict=False)
        yield from _bound(plain.__globals__, code.co_names).items()


def _numpy_words() -> bytes:
    """The memory of NumPy's global generator, where that is the usual one; its state takes far longer to read."""
    bits = np.random.get_bit_generator()  # type: ignore[attr-defined]
    return ctypes.string_at(bits.ctypes.state_address, 4 * 625) if isinstance(bits, np.random.MT19937) else b""


def _put_numpy(words: bytes) -> Callable[[Any], None]:
    """Put the global generator back, unless it stands where it stood."""

    def put(then: Any) -> None:
        waits = then[3]  # the second of two normal numbers, which is given out without a draw
        if waits or not words or _numpy_words() != words:
            np.random.set_state(then)

    return put


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in(constant)


def _of_the_user(module: str | None) -> bool:
    """Whether a module is neither Python's nor an installed one."""
    top = (module or "").partition(".")[0]
    if (top in sys.stdlib_module_names and top != "__main__") or top in ("tinygrad_lite", "numpy"):
        return False
    return "site-packages" not in (getattr(sys.modules.get(module or ""), "__file__", None) or "")


def _same(now: Any, then: Any) -> bool:
    """Whether nothing was put in, taken out or exchanged; of an array, whether its bytes are the same."""
    if isinstance(then, dict):
        return _same(list(now), list(then)) and _same(list(now.values()), list(then.values()))
    if isinstance(then, (list, deque)):
        return len(now) == len(then) and all(x is y for x, y in zip(now, then, strict=True))
    if isinstance(then, np.ndarray):
        return bool(now.tobytes() == then.tobytes())
    return bool(now == then) if isinstance(then, set) else now is then


def _refill(x: Any, then: Any) -> None:
    x.clear()
    (x.extend if hasattr(x, "extend") else x.update)(then)


def _fields(x: type) -> dict[str, Any]:
    """What a class holds for all its objects, methods left out."""
    own = sorted(vars(x).items())
    return {name: found for name, found in own if not name.startswith("__") and not callable(found)}


def _set_fields(x: type, then: dict[str, Any]) -> None:
    for name in _fields(x).keys() - then.keys():
        delattr(x, name)
    for name, found in then.items():
        setattr(x, name, found)


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return MISSING


def _fill(cell: Any, then: Any) -> None:
    if then is MISSING:
        del cell.cell_contents
    else:
        cell.cell_contents = then


def _bound(names: dict[str, Any], used: Any) -> dict[str, Any]:
    return {name: names.get(name, MISSING) for name in used}


def _bind(names: dict[str, Any], then: dict[str, Any]) -> None:
    for name, found in then.items():
        if found is MISSING:
            names.pop(name, None)
        else:
            names[name] = found
