"""A formula typed on the command line, read as data and never run as Python.

    y = parse("tanh(a*b + b**3)", {"a": -4.0, "b": 2.0})      # a Value, with leaves labelled a and b

Python's own parser makes the tree; what may stand in it is a short list: numbers, names,
+ - * / ** with brackets, and calls of the functions in the table of ops. Anything else is refused, with
the place underlined.
"""

from __future__ import annotations

import ast
import math
import unicodedata
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import TABLE, Op, number
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import DomainError, ExpressionError, OperandError, user_line
from tinygrad_lite.report import escape

LONGEST = 10_000  # characters
_OPERATORS: dict[type[ast.AST], Op] = {
    ast.Add: ops.add,
    ast.Sub: ops.sub,
    ast.Mult: ops.mul,
    ast.Div: ops.div,
    ast.Pow: ops.pow,
}


def functions() -> dict[str, Op]:
    """What may be called, by name: every op that computes something, under its own name and NumPy's.

    >>> functions()["tanh"]
    Op('tanh')
    """
    found = {name: op for name, op in TABLE.items() if op.arity != 0}
    return {**{op.numpy_name: op for op in found.values() if op.numpy_name}, **found}


def parse(text: str, numbers: Mapping[str, float] | None = None) -> Value:
    """The Value of a formula, with one labelled leaf for each name in it.

    Args:
        text: the formula, in Python's notation.
        numbers: the number of each name.

    Raises:
        ExpressionError: something that is no formula; a name without a number; a number without a name.
        DomainError: a function is given a number outside its domain.

    >>> y = parse("a*b + b**3", {"a": -4.0, "b": 2.0})
    >>> y.backward()
    >>> y.data, y.parents[0].parents[1].label, y.parents[0].parents[1].grad
    (0.0, 'b', 8.0)
    >>> parse("a.real", {"a": 1.0})
    Traceback (most recent call last):
    ...
    tinygrad_lite.errors.ExpressionError: attribute access is not allowed in an expression.
      a.real
      ^^^^^^
    """
    given = {unicodedata.normalize("NFKC", name): x for name, x in (numbers or {}).items()}
    reader = _Reader(text, given)
    found = reader.read()
    spare = [name for name in given if name not in reader.leaves]
    if spare:
        raise ExpressionError(
            f"{_listed(spare)} got a number but does not stand in the expression {escape.shortened(reader.text, 60)}"
            f"{reader.known_names()}."
        )
    return found if isinstance(found, Value) else Value(found)


def parse_number(text: str) -> float:
    """A number as people type it: 3, -0.5, 1e-3, 1/3, sqrt(2).

    >>> parse_number("-1/4")
    -0.25
    """
    try:
        return float(text)
    except ValueError:
        return parse(text).data


def assignments(words: Sequence[str]) -> dict[str, float]:
    """The numbers in words like `a=-4`, `b=1/3`.

    Raises:
        ExpressionError: a word without `=`, a name that is none, a name given twice, or no number.

    >>> assignments(["a=-4", "b=1/2"])
    {'a': -4.0, 'b': 0.5}
    """
    found: dict[str, float] = {}
    for word in words:
        name, equals, digits = word.partition("=")
        name = unicodedata.normalize("NFKC", name.strip())
        if not equals or not name.isidentifier():
            raise ExpressionError(f"a number is given as name=number, such as a=-4, but got {escape.visible(word)!r}.")
        if name in found:
            raise ExpressionError(f"{name} is given twice: {found[name]:g} and {escape.visible(digits)}.")
        try:
            found[name] = parse_number(digits.strip())
        except ExpressionError as reason:
            raise ExpressionError(f"{name} needs a number. {reason}") from None
    return found


class _Reader:
    """One walk over the tree of one formula; it remembers the leaf of each name."""

    def __init__(self, text: str, numbers: Mapping[str, float]) -> None:
        if len(text) > LONGEST:
            raise ExpressionError(f"an expression has at most {LONGEST:,} characters, but this one has {len(text):,}.")
        self.text = text.translate(dict.fromkeys(map(ord, "\n\r\t\f\v"), " ")).strip()
        self.bytes = self.text.encode("utf-8", "surrogatepass")
        self.numbers = numbers
        self.leaves: dict[str, Value] = {}

    def read(self) -> Any:
        if not self.text:
            raise ExpressionError("the expression is empty; try tanh(a*b + b**3).")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about Python's style, such as a number that runs into a name
                tree = ast.parse(self.text, mode="eval").body
            return self.value(tree)
        except SyntaxError as error:  # from Python's parser
            at = max((error.offset or 1) - 1, 0)
            end = max((error.end_offset or 0) - 1, at + 1) if error.end_lineno == error.lineno else at + 1
            why = "" if error.msg.startswith(("invalid syntax", "unexpected EOF")) else f" ({error.msg})"
            raise self.refused(f"this is not a formula{why}", at, min(end, max(len(self.text), at + 1))) from None
        except (RecursionError, MemoryError):
            raise ExpressionError("the expression is nested too deeply; write it in several steps in Python.") from None
        except (ValueError, UnicodeError) as error:
            if isinstance(error, (ExpressionError, DomainError)):
                raise
            raise ExpressionError(f"this is not a formula: {error}.") from None

    def value(self, node: ast.expr) -> Any:
        """A Value, or a bare float where no name stands."""
        match node:
            case ast.Constant(value=float() as x) if x == math.inf:
                raise self.refused("this number is too large for a float, about 1.8e308", *self.place(node))
            case ast.Constant(value=int() | float() as x) if not isinstance(x, bool):
                return self.applied(number, (x,), node)
            case ast.Name(id=name):
                return self.leaf(name, node)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as x)) if type(x) is not bool:
                return self.applied(number, (-x,), node)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return self.applied(ops.neg, (self.value(inner),), node)
            case ast.UnaryOp(op=ast.UAdd(), operand=inner):
                return self.value(inner)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
                return self.applied(_OPERATORS[type(operator)], (self.value(left), self.value(right)), node)
            case ast.Call(func=ast.Name(id=name) as called, args=args, keywords=[]):
                return self.call(name, called, args, node)
        raise self.refusal(node)

    def leaf(self, name: str, node: ast.expr) -> Value:
        if name not in self.leaves:
            if name not in self.numbers:
                hint = f"; write {name}(...) to call it" if name in functions() else f"; add {name}=1.5, say"
                raise self.refused(f"{name} has no number{hint}", *self.place(node))
            self.leaves[name] = Value(self.numbers[name], label=name)
        return self.leaves[name]

    def call(self, name: str, called: ast.expr, args: Sequence[ast.expr], node: ast.expr) -> Any:
        table = functions()
        if name not in table:
            import difflib

            near = difflib.get_close_matches(name, table, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(table))}."
            raise self.refused(f"no function is named {name}; {hint}", *self.place(called), end="")
        op = table[name]
        if len(args) != op.arity and (op.arity is not None or not args):
            wanted = "at least 1 operand" if op.arity is None else f"{op.arity} operand{'s' * (op.arity > 1)}"
            raise self.refused(f"{name} takes {wanted}, but got {len(args)}", *self.place(node))
        return self.applied(op, tuple([self.value(arg) for arg in args]), node)

    def applied(self, op: Any, operands: tuple[Any, ...], node: ast.expr) -> Any:
        """op of the operands; a number outside its domain is shown where it happened."""
        try:
            return op(*operands)
        except DomainError as error:
            message = str(error).replace(user_line(), "")  # the place is in the formula, not in a file
            raise type(error)(f"{message}\n{self.underlined(*self.place(node))}") from None
        except OperandError as error:
            raise self.refused(str(error).split("\n")[0].rstrip("."), *self.place(node)) from None

    def refusal(self, node: ast.expr) -> ExpressionError:
        """What is said of a part that is not on the list."""
        place, what = self.place(node), _WORDS.get(type(node), f"{type(node).__name__} is not allowed in an expression")
        match node:
            case ast.Constant(value=x):
                what = f"{'text' if isinstance(x, (str, bytes)) else repr(x)} is no real number"
            case ast.Call(keywords=[first, *_]):
                what, place = "a function takes its operands by position", self.place(first)
            case ast.Call(func=called):
                what, place = "only functions of the table can be called, by their bare name", self.place(called)
            case ast.BinOp(op=ast.BitXor()):
                what = "^ is not a power here; write **"
            case ast.BinOp() | ast.UnaryOp() | ast.Compare():
                what = "the operators are + - * / and **"
        return self.refused(what, *place)

    def place(self, node: Any) -> tuple[int, int]:
        """From which character to which; Python counts bytes."""
        at, end = node.col_offset, node.end_col_offset
        return len(self.bytes[:at].decode("utf-8", "replace")), len(self.bytes[:end].decode("utf-8", "replace"))

    def refused(self, what: str, at: int, stop: int, end: str = ".") -> ExpressionError:
        return ExpressionError(f"{what}{end}\n{self.underlined(at, stop)}")

    def underlined(self, at: int, stop: int) -> str:
        """The part of the formula around a place, and ^^^^ below the place."""
        first, last = max(0, at - 40), min(len(self.text), max(stop, at + 1) + 40, at + 70)
        before, part, after = (
            escape.visible(self.text[i:j]) for i, j in ((first, at), (at, min(stop, last)), (min(stop, last), last))
        )
        lead, tail = "…" if first else "", "…" if last < len(self.text) else ""
        marks = " " * escape.width(lead + before) + "^" * max(escape.width(part), 1)
        return f"  {lead}{before}{part}{after}{tail}\n  {marks}"

    def known_names(self) -> str:
        return f" (its names are {', '.join(self.leaves)})" if self.leaves else " (it has no names)"


_WORDS: dict[type[ast.AST], str] = {
    ast.Attribute: "attribute access is not allowed in an expression",
    ast.Subscript: "indexing is not allowed in an expression",
    ast.Lambda: "a lambda is not allowed in an expression",
    ast.NamedExpr: "an assignment is not allowed in an expression",
    ast.IfExp: "if ... else is not allowed in an expression; max, min and relu choose",
    ast.BoolOp: "and, or, not are not allowed in an expression",
    ast.JoinedStr: "text is no real number",
    ast.Starred: "* before an operand is not allowed in an expression",
    ast.List: "a list is not allowed in an expression",
    ast.Tuple: "one formula was needed, but here are several (a comma?)",
    ast.Dict: "a dict is not allowed in an expression",
    ast.Set: "a set is not allowed in an expression",
}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(escape.visible(name) for name in names)
