"""What the names in a lesson mean: which function is the forward pass, which argument the target.

Names are read as people choose them, in courses and books; where a name does not decide, the flow of the numbers
does (`flow.py`).
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

INPUT = re.compile(r"(?i)_*(x|xs|xi|xb|x_?(train|batch|data)|inputs?|input_data|features?|data|images?|l0|a0|sample)_*")
TARGET = re.compile(
    r"(?i)_*(y|ys|yi|yb|t|y_?(train|batch|true|real|data|target)|targets?|labels?|true|truth|expected(_output)?s?|actual|"
    r"desired|one_?hot(_?y)?|y_?one_?hot)_*"
)
PREDICTION = re.compile(
    r"(?i)_*(out(put)?s?|y_?(pred|hat|out|p)|pred(ict(ion|ed)s?)?s?|probs?|probabilities|al|p|o|final_output|scores?|logits?)_*"
)
CACHE = re.compile(r"(?i)_*(caches?|memory|activations?|intermediates?|tape|context|ctx|saved|store|history|states?)_*")
RATE = re.compile(r"(?i)_*(lr|learning_?rate|eta|alpha|step(_?size)?|rate)_*")
PARAMS = re.compile(r"(?i)_*(params?|parameters|weights|theta|model|p|net|network)_*")
UPSTREAM = re.compile(r"(?i)_*(d_?out(put)?|grad_?(out(put)?|y)|dy|dz|da|upstream(_grad(ient)?)?|delta|grad)_*")
PARAMETER = re.compile(
    r"(?i)_*((w|b|u|v|theta|syn|weights?|bias(es)?|gamma|beta|kernel|filters?|coef|slope|intercept|m|c|k)_?"
    r"([a-z]{0,3}_?\d*|hidden|output|out|in|input|ih|ho|hh|xh|hy)|.*(weights?|bias(es)?)(_.*|\d*))_*"
)
BACKWARD = re.compile(r"(?i).*(back|bprop|gradient|grads?\b|compute_grad|calc_grad|^grad)")
NO_BACKWARD = re.compile(
    r"(?i).*(descent|train(?!_?(step|on))|fit|optimi|check|test|numerical|approx|plot|finite|clip|zero_grad)"
)
STEP = re.compile(r"(?i).*(train_?(step|on)|update|sgd|^step|descent_step|one_step|learn_step)")
FORWARD = re.compile(r"(?i).*(forward|fprop|predict|propagat|hypothesis|^(model|net|network|infer|run_net))")
LOSS = re.compile(
    r"(?i).*(loss|cost|mse|squared?_err|cross_?entropy|nll|objective|criterion|energy|^error$|compute_error)"
)
NO_LOSS = re.compile(r"(?i).*(back|grad|deriv|prime|delta|plot|_d$|^d_)")
INIT = re.compile(r"(?i).*(init|make_(params|net|model)|create_(params|model|network)|new_(params|net))")


class Function:
    """A function of the lesson, with the names of its arguments and of what it returns.

    Attributes:
        name: as the lesson calls it.
        function: the function itself.
        arguments: names of the positional arguments, without `self`.
        defaults: those which have one.
        returned: the names of what is returned, in order: `["dW1", "db1"]`; "" for what has no name.
        changed: the names that it assigns or changes.
        keys: for each name that is read or written like a dict, the keys.
        source: its code, or "".
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name: str = name
        self.function = function
        try:
            found = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            found = {}.values()
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.arguments = [a.name for a in found if a.kind in kinds and a.name not in ("self", "cls")]
        self.defaults = {a.name: a.default for a in found if a.default is not a.empty}
        try:
            self.source: str = textwrap.dedent(inspect.getsource(function))
            tree = ast.parse(self.source)
        except (OSError, TypeError, SyntaxError):
            self.source = ""
            tree = ast.parse("")
        self.tree = tree
        self.returned: list[str] = returned_names(tree)
        self.changed: set[str] = {
            n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        self.keys: dict[str, list[str]] = dict(_keys(tree))

    @property
    def empty(self) -> bool:
        """It has no body to speak of: a stub."""
        top = next((n for n in ast.walk(self.tree) if isinstance(n, ast.FunctionDef)), None)
        return top is not None and all(
            isinstance(s, ast.Pass) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)) for s in top.body
        )

    @property
    def globals(self) -> set[str]:
        """The names it uses that are none of its own."""
        return set(names_in(getattr(inspect.unwrap(self.function), "__code__", None)))


def names_in(code: Any) -> Iterator[str]:
    """The global names and attributes in a code object and those inside it."""
    if code is not None:
        yield from code.co_names
        for constant in code.co_consts:
            if hasattr(constant, "co_names"):
                yield from names_in(constant)


def returned_names(tree: ast.AST) -> list[str]:
    """The names in the last `return` of the outermost function; [] if it returns nothing."""
    top = next((n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.Lambda))), None)
    if isinstance(top, ast.Lambda):
        return [_name(x) for x in (top.body.elts if isinstance(top.body, ast.Tuple) else [top.body])]
    inner = {id(m) for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n is not top for m in ast.walk(n)}
    found = [
        n.value for n in ast.walk(tree) if isinstance(n, ast.Return) and n.value is not None and id(n) not in inner
    ]
    if not found:
        return []
    last = max(found, key=lambda value: value.lineno)
    return [_name(x) for x in (last.elts if isinstance(last, (ast.Tuple, ast.List)) else [last])]


def _name(x: ast.expr) -> str:
    if isinstance(x, ast.Name):
        return x.id
    if isinstance(x, ast.Attribute):
        return x.attr
    if isinstance(x, ast.BinOp) and isinstance(x.op, ast.Sub):  # W1 - lr * dW1
        return _name(x.left)
    return ""


def _keys(tree: ast.AST) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
        ):
            found.setdefault(ast.unparse(node.value), []).append(node.slice.value)
    for name, keys in found.items():
        yield name, list(dict.fromkeys(keys))


def bare(name: str) -> str:
    """The variable that the name of a gradient speaks of: W1 of dW1, grad_W1, dL_dW1, W1_grad, d_weights_1.

    >>> bare("dW1"), bare("grad_b"), bare("d_weights_1"), bare("output")
    ('W1', 'b', 'weights_1', '')
    """
    for pattern in (
        r"d[LJEC]_?d_?(.+)",
        r"(?:grad(?:ient)?s?|delta|nabla|partial)_?(.+)",
        r"(.+?)_?(?:grad|gradient|delta)",
        r"d_?(.+)",
    ):
        match = re.fullmatch(pattern, name)
        if match:
            return match[1]
    return ""


def kind_of(name: str) -> str:
    """ "w" for a weight, "b" for a bias, "" for neither."""
    lowered = name.lower().lstrip("_")
    if "bias" in lowered or re.match(r"b(_|\d|$|[a-z]{0,2}$)", lowered) or lowered in ("intercept", "beta", "c"):
        return "b"
    return "w" if PARAMETER.fullmatch(name) else ""
