"""What `help` says about an op: its formula, its derivatives, where it may be used, and an example that runs."""

from __future__ import annotations

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.domain import operand_names
from tinygrad_lite.engine.op import TABLE, Op
from tinygrad_lite.errors import DomainError


def help_text(op: Op) -> str:
    """The docstring of an op.

    >>> print(help_text(ops.softplus).partition("Shapes")[0].rstrip())
    A smooth relu: its derivative is the sigmoid.
    <BLANKLINE>
    Formula: log(1 + e^x)
    Derivative: d/dx = sigmoid(x)
    Domain: a finite x
    """
    if op.arity == 0:
        return op.doc
    names = list(op.operands) or operand_names(op.arity or 3)
    lines = [op.doc, "", f"Formula: {_formula(op, names)}"]
    derivatives = _derivatives(op, names)
    lines += [f"{'Derivative' if len(derivatives) == 1 else 'Derivatives'}: {'; '.join(derivatives)}"]
    needed = [op.domain[min(i, len(op.domain) - 1)].words.format(x=name) for i, name in enumerate(names)]
    lines += [f"Domain: {', '.join(dict.fromkeys(needed))}"]
    if op.kink is not None:
        lines += [f"Kink: {op.kink.choice}"]
    lines += [
        "Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.",
        "Raises: DomainError for a number outside the domain; OperandError for what is no real number.",
    ]
    if op.defaults:
        lines += [f"Defaults: {', '.join(f'{name} = {x:g}' for name, x in op.defaults.items())}"]
    if TABLE.get(op.name) is op:
        lines += ["", *_example(op)]
    return "\n".join(lines)


def _formula(op: Op, names: list[str]) -> str:
    """The LaTeX template as plain text: braces and commands are taken away."""
    import re

    text = op.latex or f"{op.name}({{xs}})"
    if "{sum}" in text or "{dot}" in text:
        text = {"sum": "x1 + x2 + ...", "dot": "w1*x1 + w2*x2 + ... + b"}.get(op.name, op.name)
    else:
        text = text.format(**dict(zip("xyz", names, strict=False)), xs=", ".join(names) + ("" if op.arity else ", ..."))
    text = re.sub(r"\\frac\{(.*)\}\{(.*)\}", r"\1 / (\2)", text)
    text = re.sub(r"\\sqrt\[3\]\{(.*)\}", r"cbrt(\1)", re.sub(r"\\sqrt\{(.*)\}", r"sqrt(\1)", text))
    text = re.sub(r"\\operatorname\{(.*?)\}", r"\1", text).replace(r"\cdot", "*").replace(r"\sigma", "sigmoid")
    text = re.sub(r"\\left\\lfloor (.*) \\right\\rfloor", r"floor(\1)", text)
    text = re.sub(r"\\left\\lceil (.*) \\right\\rceil", r"ceil(\1)", text)
    text = re.sub(r"\\left\\lVert (.*) \\right\\rVert", r"|\1|", text)
    text = re.sub(r"\\(left|right|,)|\\(?=[A-Za-z_])", "", text)
    return re.sub(r"\^\{(\w+)\}", r"^\1", re.sub(r"_\{(\w+)\}", r"_\1", text)).replace("  ", " ")


def _derivatives(op: Op, names: list[str]) -> list[str]:
    """The rule of the table run on symbols, at one point for each branch that it may take."""
    from tinygrad_lite.formulas.formula import Name, Tidy
    from tinygrad_lite.formulas.notation import TEXT

    found: list[dict[str, None]] = [{} for _ in names]
    for point in op.points():
        symbols = [Tidy.named(Name(name, name, name), x) for name, x in zip(names, point, strict=True)]
        try:
            out = op(*symbols)
            for seen, derivative in zip(found, op.display_derivatives(*symbols, out), strict=True):
                seen[TEXT.of(derivative) if isinstance(derivative, Tidy) else f"{derivative:g}"] = None
        except (DomainError, TypeError, AttributeError):
            return [f"as the rule of {op.name} says"]
    return [f"d/d{name} = {' or '.join(seen)}" for name, seen in zip(names, found, strict=True)]


def _example(op: Op) -> list[str]:
    """Lines of a doctest: the op on Values, and the gradient of the first one."""
    point = op.points()[len(op.points()) // 2]
    names = list(op.operands) or operand_names(len(point))
    made = [f">>> {name} = tg.Value({x!r})" for name, x in zip(names, point, strict=True)]
    call = f"ops.{next((name for name, other in vars(ops).items() if other is op), op.name)}({', '.join(names)})"
    call = call.replace("ops.", "tg.", 1) if not op.infix and op.arity is not None else call
    from tinygrad_lite.engine.value import Value

    operands = [Value(x) for x in point]
    out = op(*operands)
    out.backward()
    imports = ["import tinygrad_lite as tg"] + (["from tinygrad_lite.engine import ops"] if "ops." in call else [])
    return [
        *(f">>> {line}" for line in imports),
        *made,
        f">>> out = {call}; out.backward()",
        f">>> out.data, {names[0]}.grad",
        f"({out.data!r}, {operands[0].grad!r})",
    ]
