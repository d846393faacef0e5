"""What the names in a lesson mean: which function is the forward pass, which argument the target.

Names are read as people choose them, in courses and books; where a name does not decide, the flow of the numbers
does (`flow.py`).
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from typing import Any

from tinygrad_lite.checking.lines.functions import Node, names_of, source
from tinygrad_lite.checking.lines.slots import statements

ROLES = ("forward", "loss", "backprop", "params", "data")
"""What may be said of a lesson; any other word is the name of an argument."""

INPUT = re.compile(r"(?i)_*(x|xs|xi|xb|x_?(train|batch|data)|inputs?|input_data|features?|data|images?|l0|a0|sample)_*")
TARGET = re.compile(
    r"(?i)_*(y|ys|yi|yb|t|y_?(train|batch|true|real|data|target)|targets?|labels?|true|truth|expected(_output)?s?|actual|"
    r"desired|one_?hot(_?y)?|y_?one_?hot)_*"
)
PREDICTION = re.compile(
    r"(?i)_*(out(put)?s?|y_?(pred|hat|out|p)|pred(ict(ion|ed)s?)?s?|probs?|probabilities|al|p|o|final_output|scores?|logits?)_*"
)
CACHE = re.compile(r"(?i)_*(caches?|memory|activations?|intermediates?|tape|context|ctx|saved|store|history|states?)_*")
PARAMS = re.compile(r"(?i)_*(params?|parameters|weights|theta|model|p|net|network)_*")
UPSTREAM = re.compile(
    r"(?i)_*(d_?out(put)?s?|(grad(ient)?|error)_?(out(put)?|y)|dy|dz|da|dvalues|delta|"
    r"((upstream|out(put)?|incoming|next)_)?(grad(ient)?s?|error))_*"
)
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


GRADIENTS = ("grads", "gradients", "grad", "gradient", "d")
"""What gradients are called that are in one box."""


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
        empty: it has no body to speak of: a stub.
        gives_gradients: among the names of what it returns are gradients, beside others.
        globals: the names it uses that are none of its own.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name: str = name
        self.function = function
        try:
            found = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            found = {}.values()
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.arguments: list[str] = [a.name for a in found if a.kind in kinds and a.name not in ("self", "cls")]
        self.defaults: dict[str, Any] = {a.name: a.default for a in found if a.default is not a.empty}
        written = source(inspect.unwrap(function))
        tree: Node = written[0] if written is not None else ast.Module([], [])
        self.source: str = ast.unparse(tree)
        self.returned: list[str] = returned_names(tree)
        code = getattr(inspect.unwrap(function), "__code__", None)
        self.globals: set[str] = set(names_of(code)) if code is not None else set()
        self.changed: set[str] = set()
        keys: dict[str, dict[str, None]] = {}
        for n in ast.walk(tree):
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
                self.changed.add(n.id)
            if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Constant) and isinstance(n.slice.value, str):
                keys.setdefault(ast.unparse(n.value), {})[n.slice.value] = None
        self.keys: dict[str, list[str]] = {name: list(some) for name, some in keys.items()}
        speaks = {*self.arguments, *self.globals}
        self.gives_gradients: bool = len(self.returned) > 1 and any(
            bare(n) in speaks or n.lower().strip("_") in GRADIENTS for n in self.returned
        )
        body = tree.body if isinstance(tree, ast.FunctionDef) else [tree]
        self.empty: bool = all(
            isinstance(s, (ast.Pass, ast.Raise)) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
            for s in body
        )


def returned_names(function: Node) -> list[str]:
    """The names in the last `return` of a function, not of those inside it; [] if it returns nothing."""
    if isinstance(function, ast.Lambda):
        last = function.body
    else:
        inside = {id(s) for _, f in statements(function) if isinstance(f, ast.FunctionDef) for _, s in statements(f)}
        outer = [s for _, s in statements(function) if isinstance(s, ast.Return) and id(s) not in inside]
        found = [s.value for s in outer if s.value is not None]
        if not found:
            return []
        last = found[-1]
    return [_name(x) for x in (last.elts if isinstance(last, (ast.Tuple, ast.List)) else [last])]


def _name(x: ast.expr) -> str:
    if isinstance(x, ast.BinOp) and isinstance(x.op, ast.Sub):  # W1 - lr * dW1
        return _name(x.left)
    return x.id if isinstance(x, ast.Name) else x.attr if isinstance(x, ast.Attribute) else ""


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
