"""What functions can remember between two calls: caches, objects, globals, random generators; kept, and put back.

A loss may store its activations in a dict, an object or a global for the backprop to read, and may draw random
numbers. `State` notes everything mutable that the functions can reach. Put back before each call, every call
starts from the same memory and sees the same random numbers; put back at the end, nothing of the user's has
changed, and no Value of a recorded forward pass stays behind.
"""

from __future__ import annotations

import functools
import random
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_lite.checking.network.arrays import np

ENTRIES_AT_MOST = 1_000_000  # a larger array or container is data, not a cache
MISSING = object()

Generator = tuple[Callable[[], Any], Callable[[Any], None], Any]  # how to ask for its state, how to set it, the state


class State:
    """Everything mutable that some functions can reach, as it is now."""

    def __init__(self, *functions: Callable[..., Any]) -> None:
        self._seen: dict[int, Any] = {}  # by identity; the object is kept, so that no identity is used twice
        self._back: list[Callable[[], bool]] = []  # each puts one thing back, and says whether it had changed
        self._generators = list(_global_generators())
        for function in functions:
            self._walk(function)

    def restore(self) -> bool:
        """Put everything back, the random generators too; true if something besides these had changed."""
        self.replay()
        return sum(put_back() for put_back in self._back) > 0

    def replay(self) -> None:
        """Put the random generators back, so that the same numbers are drawn again."""
        for _, put, then in self._generators:
            put(then)

    def drew(self) -> bool:
        """Whether random numbers were drawn since the generators were put back."""
        return any(repr(get()) != repr(then) for get, _, then in self._generators)

    def _walk(self, x: Any) -> None:
        if id(x) in self._seen or x is None or isinstance(x, (int, float, complex, str, bytes)):
            return
        self._seen[id(x)] = x
        if isinstance(x, (types.FunctionType, types.MethodType, functools.partial, type)):
            self._walk_callable(x)
        elif isinstance(x, dict):
            self._back.append(functools.partial(_dict_back, x, dict(x)))
            self._walk_all(x.values())
        elif isinstance(x, (list, deque)):
            self._back.append(functools.partial(_list_back, x, list(x)))
            self._walk_all(x)
        elif isinstance(x, set):
            self._back.append(functools.partial(_set_back, x, set(x)))
        elif isinstance(x, tuple):
            self._walk_all(x)
        elif isinstance(x, np.ndarray):
            if x.size <= ENTRIES_AT_MOST and x.flags.writeable:
                self._back.append(functools.partial(_array_back, x, x.copy()))
        elif isinstance(x, np.random.Generator):
            bits = x.bit_generator
            self._generators.append((lambda: bits.state, functools.partial(setattr, bits, "state"), bits.state))
        elif isinstance(x, np.random.RandomState):
            self._generators.append((x.get_state, x.set_state, x.get_state()))
        elif isinstance(x, random.Random):
            self._generators.append((x.getstate, x.setstate, x.getstate()))
        elif isinstance(x, types.ModuleType):
            if _of_the_user(x.__name__):
                self._walk_names(vars(x), [name for name in vars(x) if not name.startswith("__")])
        elif isinstance(x, types.SimpleNamespace) or _of_the_user(type(x).__module__):
            self._walk(type(x))
            self._walk(getattr(x, "__dict__", None))

    def _walk_all(self, many: Any) -> None:
        if len(many) <= ENTRIES_AT_MOST:
            for x in list(many):
                self._walk(x)

    def _walk_callable(self, x: Any) -> None:
        if isinstance(x, types.MethodType):
            self._walk(x.__self__)
            self._walk(x.__func__)
        elif isinstance(x, functools.partial):
            self._walk_all((x.func, *x.args, *x.keywords.values()))
        elif isinstance(x, type):
            if _of_the_user(x.__module__):
                names = [name for name, found in vars(x).items() if not name.startswith("__") and not callable(found)]
                self._back.append(functools.partial(_class_back, x, {name: vars(x)[name] for name in names}))
                for found in list(vars(x).values()):
                    self._walk(getattr(found, "__func__", getattr(found, "fget", found)))
                self._walk_all(x.__mro__[1:])
        elif _of_the_user(x.__module__):
            self._walk_all((vars(x), *(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()))
            for cell in x.__closure__ or ():
                now = _contents(cell)
                self._back.append(functools.partial(_cell_back, cell, now))
                self._walk(now)
            self._walk_names(x.__globals__, list(_names_in(x.__code__)))

    def _walk_names(self, names: dict[str, Any], used: list[str]) -> None:
        bound = {name: names.get(name, MISSING) for name in used}
        self._back.append(functools.partial(_names_back, names, bound))
        self._walk_all([found for found in bound.values() if found is not MISSING])


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


def _global_generators() -> Iterator[Generator]:
    yield random.getstate, random.setstate, random.getstate()
    yield np.random.get_state, np.random.set_state, np.random.get_state()
    torch = sys.modules.get("torch")
    if torch is not None:
        yield torch.get_rng_state, torch.set_rng_state, torch.get_rng_state()


def _same_items(now: Any, then: Any) -> bool:
    return len(now) == len(then) and all(x is y for x, y in zip(now, then, strict=True))


def _dict_back(x: dict[Any, Any], then: dict[Any, Any]) -> bool:
    if _same_items(x.keys(), then.keys()) and _same_items(x.values(), then.values()):
        return False
    x.clear()
    x.update(then)
    return True


def _list_back(x: Any, then: list[Any]) -> bool:
    if _same_items(x, then):
        return False
    x.clear()
    x.extend(then)
    return True


def _set_back(x: set[Any], then: set[Any]) -> bool:
    if x == then:
        return False
    x.clear()
    x.update(then)
    return True


def _array_back(x: Any, then: Any) -> bool:
    if x.tobytes() == then.tobytes():
        return False
    x[...] = then
    return True


def _class_back(x: type, then: dict[str, Any]) -> bool:
    now = {name for name, found in vars(x).items() if not name.startswith("__") and not callable(found)}
    for name in now - then.keys():
        delattr(x, name)
    changed = [name for name in then if vars(x).get(name, MISSING) is not then[name]]
    for name in changed:
        setattr(x, name, then[name])
    return bool(changed) or now != then.keys()


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return MISSING


def _cell_back(cell: Any, then: Any) -> bool:
    if _contents(cell) is then:
        return False
    if then is MISSING:
        del cell.cell_contents
    else:
        cell.cell_contents = then
    return True


def _names_back(names: dict[str, Any], then: dict[str, Any]) -> bool:
    changed = [name for name, found in then.items() if names.get(name, MISSING) is not found]
    for name in changed:
        if then[name] is MISSING:
            names.pop(name, None)
        else:
            names[name] = then[name]
    return bool(changed)
