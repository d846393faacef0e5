"""The user's functions: which of them a backward may call, their source as syntax trees, and private copies to run.

Nothing of the user's is ever changed. A `World` holds copies of every function, class and object that an entry
function can reach, in copied namespaces; what is tried out is tried on the code of these copies.
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinygrad_lite.checking.network.arrays import np

Node = Any  # a node of Python's syntax tree; ast's own types say too little about fields to be of use
LIBRARIES = (sysconfig.get_paths()["stdlib"], "site-packages", str(Path(__file__).parents[2]), "<frozen", "<__array")


def is_own(code: types.CodeType) -> bool:
    """Whether code was written by the user: not by Python's library, an installed package or this one."""
    return not any(part in code.co_filename for part in LIBRARIES)


class Function:
    """One function of the user's with its source.

    Attributes:
        name: its qualified name, such as `Net.backward`.
        original, copy: the user's function, and the private copy that is run.
        tree: the syntax tree, its positions those of the file.
        filename, lines: the file as Python knows it, and all its lines.
    """

    def __init__(self, original: Any, copy: Any, tree: Node, filename: str, lines: list[str]) -> None:
        self.original: Any = original
        self.copy: Any = copy
        self.tree: Node = tree
        self.filename: str = filename
        self.lines: list[str] = lines
        self.name: str = original.__qualname__
        self.code: types.CodeType = original.__code__

    @property
    def first(self) -> int:
        """The line of `def`, or of its first decorator."""
        return int(min([self.tree.lineno, *(d.lineno for d in getattr(self.tree, "decorator_list", []))]))

    @property
    def last(self) -> int:
        return int(self.tree.end_lineno or self.first)

    def compiled(self, tree: Node) -> types.CodeType:
        """Code for a changed tree, with the same free variables as before.

        Raises:
            SyntaxError, ValueError, TypeError: the tree is no function that could stand here.
        """
        if isinstance(tree, ast.Lambda):
            made: Node = ast.parse("def made(): pass").body[0]
            made.args, made.body = tree.args, [ast.Return(tree.body)]
        else:
            made = copy.copy(tree)
            made.decorator_list, made.returns = [], None
        free = self.code.co_freevars
        outer: Node = ast.parse("def outer():\n pass")
        if free:  # named once in dead code, so that they stay free whatever the change leaves out
            keep = ast.If(ast.Constant(0), [ast.Expr(ast.Name(name, ast.Load())) for name in free], [])
            made.body = [keep, *made.body]
            outer.body[0].body = [ast.Assign([ast.Name(n, ast.Store()) for n in free], ast.Constant(None)), made]
        else:
            outer.body[0].body = [made]
        code = compile(ast.fix_missing_locations(outer), self.filename, "exec")
        inside = next(c for c in code.co_consts if isinstance(c, types.CodeType))
        found = next(c for c in inside.co_consts if isinstance(c, types.CodeType) and c.co_name == made.name)
        if found.co_freevars != free:
            raise ValueError("the free variables of the function changed")
        return found


@functools.lru_cache(maxsize=16)
def _parsed(text: str) -> Node:
    return ast.parse(text)


def source(function: Any) -> tuple[Node, list[str]] | None:
    """The syntax tree of a function, placed as in its file, and the file's lines; None without source."""
    try:
        lines, _ = inspect.findsource(function)
        module = _parsed("".join(lines))
    except (OSError, TypeError, SyntaxError, ValueError, IndexError):
        return None
    code = function.__code__
    kind = ast.Lambda if code.co_name == "<lambda>" else ast.FunctionDef
    arguments = list(code.co_varnames[: code.co_argcount])
    for node in ast.walk(module):
        if not isinstance(node, kind) or [a.arg for a in (*node.args.posonlyargs, *node.args.args)] != arguments:
            continue
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        columns = {column for _, _, column, _ in code.co_positions() if column is not None}
        body: Node = node.body
        inside = kind is ast.FunctionDef or any(body.col_offset <= c for c in columns)
        if first == code.co_firstlineno and inside and getattr(node, "name", "<lambda>") == code.co_name:
            return node, lines
    return None


class World:
    """Private copies of an entry function and of everything of the user's that it can reach.

    Attributes:
        entry: the copy to call.
        functions: the user's functions that have source, the entry first.
        sourceless: the names of those that have none.
    """

    def __init__(self, entry: Any) -> None:
        self._made: dict[int, Any] = {}
        self._originals: list[Any] = []  # kept alive, so that their ids stay theirs
        self.functions: list[Function] = []
        self.sourceless: list[str] = []
        self.entry: Any = self.of(entry)

    def of(self, x: Any) -> Any:
        """The private copy of anything; numbers, modules and what belongs to libraries stand for themselves."""
        if x is None or isinstance(x, (int, float, complex, str, bytes, types.ModuleType, types.BuiltinFunctionType)):
            return x
        if id(x) in self._made:
            return self._made[id(x)]
        self._originals.append(x)
        if isinstance(x, types.FunctionType):
            return self._function(x) if is_own(x.__code__) else x
        if isinstance(x, type):
            return self._class(x) if _own_class(x) else x
        if isinstance(x, functools._lru_cache_wrapper):
            return self.of(x.__wrapped__)
        made = self._container(x)
        self._made[id(x)] = made
        return made

    def _function(self, f: types.FunctionType) -> types.FunctionType:
        space = self._made.setdefault(id(f.__globals__), dict(f.__globals__))
        cells = tuple(types.CellType() for _ in f.__closure__ or ())
        made = types.FunctionType(f.__code__, space, f.__name__, None, cells or None)
        self._made[id(f)] = made
        found = source(f)
        if found is not None:
            self.functions.append(Function(f, made, found[0], f.__code__.co_filename, found[1]))
        else:
            self.sourceless.append(f.__qualname__)
        for new, old in zip(cells, f.__closure__ or (), strict=True):
            if filled(old):
                new.cell_contents = self.of(old.cell_contents)
        made.__defaults__, made.__kwdefaults__ = self.of(f.__defaults__), self.of(f.__kwdefaults__)
        made.__qualname__, made.__module__ = f.__qualname__, f.__module__
        made.__dict__.update({k: self.of(v) for k, v in f.__dict__.items()})
        for name in names_of(f.__code__):
            if name in f.__globals__:
                space[name] = self.of(f.__globals__[name])
        return made

    def _class(self, c: type) -> Any:
        hidden = {"__dict__", "__weakref__", *getattr(c, "__slots__", ())}
        self._made[id(c)] = c  # what speaks of the class while it is made gets the class itself
        bases = tuple(self.of(b) for b in c.__bases__)
        try:
            made = type(c)(c.__name__, bases, {"__module__": c.__module__, "__qualname__": c.__qualname__})
        except Exception:  # a class that cannot be made like this is shared, and not changed
            return c
        self._made[id(c)] = made
        for name, x in vars(c).items():
            if name not in hidden and not isinstance(x, types.GetSetDescriptorType):
                member = self._member(x)
                if name not in vars(made) or member is not vars(made)[name]:
                    try:
                        setattr(made, name, member)
                    except (AttributeError, TypeError):
                        continue
        return made

    def _member(self, x: Any) -> Any:
        if isinstance(x, (staticmethod, classmethod)):
            return type(x)(self.of(x.__func__))
        if isinstance(x, property):
            return property(self.of(x.fget), self.of(x.fset), self.of(x.fdel))
        return self.of(x)

    def _container(self, x: Any) -> Any:
        """Copies of bound methods, containers, objects of the user's classes, arrays and whatever copies itself."""
        if isinstance(x, types.MethodType):
            return types.MethodType(self.of(x.__func__), self.of(x.__self__))
        if isinstance(x, functools.partial):
            return functools.partial(self.of(x.func), *map(self.of, x.args), **self.of(x.keywords))
        if type(x) is dict:
            self._made[id(x)] = made = {}
            made.update({k: self.of(v) for k, v in x.items()})
            return made
        if type(x) in (list, tuple, set, frozenset):
            return type(x)(map(self.of, x))
        if _own_class(type(x)) or all(
            hasattr(x, a) for a in ("defvjp", "fwd", "bwd")
        ):  # jax.custom_vjp holds functions
            try:
                self._made[id(x)] = made = copy.copy(x)
                made.__class__ = self.of(type(x))
                for name, value in vars(x).items():
                    object.__setattr__(made, name, self.of(value))
            except Exception:
                return x
            return made
        try:
            return copy.deepcopy(x)
        except Exception:
            return x


def _own_class(c: type) -> bool:
    """Whether a class is the user's: one of its methods is."""
    members = (getattr(m, "__func__", getattr(m, "fget", m)) for m in vars(c).values())
    return any(isinstance(m, types.FunctionType) and is_own(m.__code__) for m in members)


def filled(cell: types.CellType) -> bool:
    """Whether a free variable has a value yet."""
    try:
        return cell.cell_contents is not None or True
    except ValueError:
        return False


def names_of(code: types.CodeType) -> Iterator[str]:
    """The global names that code and the functions inside it use."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from names_of(inner)


def space_of(function: Function) -> dict[str, Any]:
    """The globals and the free variables of a function, with their values."""
    f = function.copy
    cells = zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
    return {**f.__globals__, **{name: cell.cell_contents for name, cell in cells if filled(cell)}}


def is_number(x: Any) -> bool:
    """A number or an array of numbers."""
    return isinstance(x, (int, float, np.number, np.bool_)) or (isinstance(x, np.ndarray) and x.dtype.kind in "fiub")


def is_float(x: Any) -> bool:
    """A number with decimals or an array of such."""
    return isinstance(x, (float, np.floating)) or (isinstance(x, np.ndarray) and x.dtype.kind == "f")
