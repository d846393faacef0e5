"""Write what type checkers and editors read of the names that the table of ops makes: three stubs.

    python .ci/stubs.py            # after a change of the table, the front door or the losses
    python .ci/stubs.py --check    # exit code 1 if a stub is not what would be written

The operators and methods of a Value (`engine/arithmetic.pyi`) and the functions of the package (`__init__.pyi`) come
into being while the package is imported, so no checker can see them in the source. The losses (`nn/losses.pyi`) are
written for numbers and Values alike, and say here which of them gives what.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import tinygrad_lite as tg  # noqa: E402
from tinygrad_lite.engine import functions  # noqa: E402
from tinygrad_lite.engine.arithmetic import Arithmetic  # noqa: E402
from tinygrad_lite.engine.op import TABLE, Op  # noqa: E402
from tinygrad_lite.nn import losses as own_losses  # noqa: E402

PACKAGE = ROOT / "tinygrad_lite"
NUMBER = "SupportsFloat"  # floats, ints, bools, NumPy's scalars, fractions
SIGNS = "add sub mul truediv pow floordiv mod"

HEAD = '''"""{what}

Written off the table of ops by `python .ci/stubs.py`; tests/test_public_names.py holds it equal.
"""
# mypy: disable-error-code="overload-overlap"
'''

ARITHMETIC = '''
from typing import Any, Protocol, Self, SupportsFloat, overload

from tinygrad_lite.engine.op import Op

class Entries(Protocol):
    """An array of numbers or Values, with which an op goes entry by entry."""

    @property
    def ndim(self) -> int: ...
    def __len__(self) -> int: ...

class Arithmetic:
    """Operators and methods for a class that knows how to apply an op to operands."""

    __slots__ = ()
    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Any: ...
    def _apply_one(self, op: Op) -> Any: ...
    def __neg__(self) -> Self: ...
    def __pos__(self) -> Self: ...
    def __abs__(self) -> Self: ...
    def __floor__(self) -> Self: ...
    def __ceil__(self) -> Self: ...
    def __round__(self, ndigits: int | None = None) -> Self: ...
    def __divmod__(self, other: SupportsFloat | Arithmetic) -> tuple[Self, Self]: ...
    def __rdivmod__(self, other: SupportsFloat | Arithmetic) -> tuple[Self, Self]: ...
    def conjugate(self) -> Self:
        """This number itself, since it is real."""
    def degrees(self) -> Self:
        """An angle in radians, turned into degrees."""
    def radians(self) -> Self:
        """An angle in degrees, turned into radians."""
    def rad2deg(self) -> Self:
        """An angle in radians, turned into degrees."""
    def deg2rad(self) -> Self:
        """An angle in degrees, turned into radians."""
'''

FRONT = '''
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, ParamSpec, SupportsFloat, TypeVar, overload

from tinygrad_lite import checking as checking
from tinygrad_lite import compiler as compiler
from tinygrad_lite import errors as errors
from tinygrad_lite import export as export
from tinygrad_lite import nn as nn
from tinygrad_lite import testing as testing
from tinygrad_lite import views as views
{imports}
from tinygrad_lite.compiler.compiled import CompiledFunction
from tinygrad_lite.engine.arithmetic import Arithmetic, Entries
from tinygrad_lite.engine.value import Value as Value

__version__: str
__all__: list[str]
_FILES: dict[str, tuple[str, ...]]

_N = TypeVar("_N", bound=Arithmetic)
_P = ParamSpec("_P")

class _Compiled(CompiledFunction, Generic[_P]):
    """A compiled function with the parameters of the one it was made of."""

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Any: ...
    def grad(self, *args: _P.args, **kwargs: _P.kwargs) -> Any: ...
    def value_and_grad(self, *args: _P.args, **kwargs: _P.kwargs) -> tuple[float, Any]: ...
    def backward(self, *args: _P.args, **kwargs: _P.kwargs) -> float: ...
'''

WHERE = """
@overload
def where(condition: Entries, x: Any, y: Any) -> Any: {doc}
@overload
def where(condition: object, x: Value, y: Value | float) -> Value: ...
@overload
def where(condition: object, x: float, y: Value) -> Value: ...
@overload
def where(condition: object, x: float, y: float) -> float: ...
@overload
def where(condition: object, x: Any, y: Any) -> Any: ...
"""

COMPILE = """
@overload
def compile(f: Callable[_P, Any], {options}) -> _Compiled[_P]: {doc}
@overload
def compile(f: None = None, {options}) -> Callable[[Callable[_P, Any]], _Compiled[_P]]: ...
"""

DOT = """
@overload
def dot(ws: Entries, xs: Entries | Sequence[Any], b: Any = None) -> Any: {doc}
@overload
def dot(ws: Sequence[float], xs: Sequence[float], b: float | None = None) -> float: ...
@overload
def dot(ws: Sequence[Value | float], xs: Sequence[Value | float], b: Value | float | None = None) -> Value: ...
@overload
def dot(ws: Sequence[Any], xs: Entries, b: Any = None) -> Any: ...
"""


LOSSES = """
from collections.abc import Iterable
from typing import Any, TypeAlias, overload

from tinygrad_lite.engine.value import Value

_Values: TypeAlias = Value | Iterable[Value | float] | Iterable[Iterable[Value | float]]
_Numbers: TypeAlias = float | Iterable[float] | Iterable[Iterable[float]]
"""


def docstring(text: str | None, indent: str = "    ") -> str:
    """The lines of a docstring in the source of a stub."""
    told = (text or "").replace("\\", "\\\\").strip()
    lines = [line.strip() and indent + line for line in told.splitlines()]
    quoted = indent + '"""' + "\n".join(lines).strip()
    return "\n" + quoted + ('"""' if len(lines) == 1 else f'\n{indent}"""')


def overloaded(name: str, cases: list[tuple[str, str]], doc: str) -> str:
    """A function of several signatures; the first says what it does."""
    bodies = [doc, *[" ..."] * (len(cases) - 1)]
    return "".join(
        f"\n@overload\ndef {name}({signature}) -> {result}:{body}"
        for (signature, result), body in zip(cases, bodies, strict=True)
    )


def of_the_table(name: str, op: Op) -> str:
    """The signatures of an op: Values give a Value, numbers a float, arrays an array."""
    doc = docstring((op.__doc__ or "").partition("\n\n>>>")[0])
    if op.arity is None:
        kinds = [("Entries", "Any"), ("Iterable[float]", "float"), ("Iterable[Value | float]", "Value")]
        cases = [(f"xs: {taken}, /", result) for taken, result in kinds]
        return overloaded(name, [*cases, ("*xs: float", "float"), ("*xs: Value | float", "Value")], doc)
    first, *others = names(op)
    rest = "".join(f", {one}: {{0}}" + (f" = {op.defaults[one]}" if one in op.defaults else "") for one in others)
    cases = [(f"{first}: _N" + rest.format(f"_N | {NUMBER}" if others else ""), "_N")]
    cases.append((f"{first}: Entries" + rest.format("Any"), "Any"))
    if others:  # a number, and Values for all that follow
        cases.append((f"{first}: {NUMBER}" + "".join(f", {one}: _N" for one in others), "_N"))
    cases.append((f"{first}: {NUMBER}" + rest.format(NUMBER), "float"))
    return overloaded(name, cases, doc)


def names(op: Op) -> tuple[str, ...]:
    """The operands by the names that the user may give; two of any kind are x and y."""
    return op.operands if len(set(op.operands) & {"xs", "xs_and_out"}) == 0 else ("x", "y")


def of_a_list(name: str) -> str:
    """The signatures of a function of one list."""
    many = name.endswith("softmax")
    one, doc = ("list[{}]" if many else "{}").format, docstring(getattr(tg, name).__doc__)
    kinds = [("Entries", "Any" if not many else "list[Any]"), ("Iterable[float]", one("float"))]
    kinds.append(("Iterable[Value | float]", one("Value")))
    return overloaded(name, [(f"values: {taken}", result) for taken, result in kinds], doc)


def method(name: str, op: Op) -> str:
    """An op as a method."""
    others = () if op.arity is None else names(op)[1:]
    rest = "".join(
        f", {one}: {NUMBER} | Arithmetic" + (f" = {op.defaults[one]}" if one in op.defaults else "") for one in others
    )
    rest = f", *others: {NUMBER} | Arithmetic" if op.arity is None else rest
    return f"    def {name}(self{rest}) -> Self:{docstring(op.doc, ' ' * 8)}\n"


def arithmetic() -> str:
    """The stub of engine/arithmetic.py."""
    text = HEAD.format(what="The operators and methods of a number that remembers how it was computed.") + ARITHMETIC
    for sign in SIGNS.split():
        for side in ("", "r"):
            for taken, result in (("Entries", "Any"), (f"{NUMBER} | Arithmetic", "Self")):
                text += f"    @overload\n    def __{side}{sign}__(self, other: {taken}) -> {result}: ...\n"
    own = {*vars(object)}
    for name, made in sorted(vars(Arithmetic).items()):
        op = getattr(made, "op", None)
        if op is not None and name not in own and TABLE.get(op.name) is op:
            text += method(name, op)
    return text + "\ndef add_method(op: Op) -> None: ...\n"


def front() -> str:
    """The stub of the package's front door."""
    imports = sorted(
        f"from tinygrad_lite.{home} import {name} as {name}"
        for home, held in tg._FILES.items()
        for name in held
        if name != "compile"
    )
    text = HEAD.format(what="tinygrad_lite: see, check and run the chain rule on scalars.")
    text += FRONT.replace("{imports}", "\n".join(imports))
    of_lists = [name for name in functions.__all__ if name != "where"]
    written = {*of_lists, "where", "dot", "total", "sum"}
    for name in dir(tg):
        op = getattr(tg, name)
        if name not in written and isinstance(op, Op) and TABLE.get(op.name) is op:
            text += of_the_table(name, op)
    text += "".join(map(of_a_list, [*of_lists, "total"])) + of_a_list("total").replace("def total(", "def sum(")
    options = ", ".join(str(p) for p in list(inspect.signature(tg.compile).parameters.values())[1:])
    options = options.replace("'", "")
    text += COMPILE.format(options=f"*, {options}", doc=docstring(tg.compile.__doc__))
    return text + WHERE.format(doc=docstring(tg.where.__doc__)) + DOT.format(doc=docstring(tg.dot.__doc__))


def losses() -> str:
    """The stub of nn/losses.py."""
    text = HEAD.format(what="How wrong a network is: a Value if its outputs are Values, a float for numbers.") + LOSSES
    made = [f for name, f in vars(own_losses).items() if inspect.isfunction(f) and name[0] != "_"]
    for f in made:
        if f.__module__ == own_losses.__name__:
            first, *others = inspect.signature(f).parameters.values()
            rest = "".join(f", {p!s}" for p in others).replace("'", "")
            cases = [(f"{first.name}: _{kind}{rest}", of) for kind, of in (("Numbers", "float"), ("Values", "Value"))]
            text += overloaded(f.__name__, cases, docstring(f.__doc__))
    return text


def formatted(text: str) -> str:
    """As ruff sorts and writes it."""
    for step in (["check", "--quiet", "--select=I", "--fix"], ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *step, "--stdin-filename", "stub.pyi", "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text


def main() -> int:
    """Write what has changed, or say what would."""
    stale = []
    for name, write in (("engine/arithmetic", arithmetic), ("nn/losses", losses), ("__init__", front)):
        path, text = PACKAGE / f"{name}.pyi", formatted(write())
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    told = "is not what `python .ci/stubs.py` writes" if "--check" in sys.argv else "written"
    for path in stale:
        print(path.relative_to(ROOT), told)
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
