"""`tinygrad-lite explain "tanh(a*b + b**3)" a=-4 b=2`: the value, every gradient, and the chain rule written out."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from tinygrad_lite.commands.draw import picture_file
from tinygrad_lite.commands.expression import assignments, parse
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.errors import ExpressionError
from tinygrad_lite.report.table import Table, plain_data

if TYPE_CHECKING:
    from tinygrad_lite.engine.value import Value
    from tinygrad_lite.views.derivation.explain import Explanation


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("expression", help='such as "tanh(a*b + b**3)"')
    parser.add_argument("numbers", nargs="*", metavar="NAME=NUMBER", help="the number of each name, such as a=-4 b=1/3")
    parser.add_argument("--wrt", action="append", metavar="NAME", help="explain this input only (may be repeated)")
    parser.add_argument(
        "--format", choices=["text", "markdown", "latex", "html", "json"], default="text", help="of what is printed"
    )
    parser.add_argument("--brief", action="store_true", help="the value and the gradients, without the derivation")
    parser.add_argument(
        "-o",
        "--out",
        type=picture_file,
        metavar="FILE",
        help="also save the picture of the graph: .svg .png .pdf .dot",
    )


def run(args: argparse.Namespace) -> int:
    y = parse(args.expression, assignments(args.numbers))
    leaves = [node for node in topological(y) if node.label]
    by_name = {leaf.label: leaf for leaf in leaves}
    for name in args.wrt or ():
        if name not in by_name:
            raise ExpressionError(f"--wrt {name}: the expression has the names {', '.join(by_name) or '(none)'}.")
    chosen = [by_name[name] for name in args.wrt] if args.wrt else leaves
    y.backward()

    if not leaves:
        print(f"{y.data:.6g} is the value; without names there is nothing to differentiate with respect to.")
        return 0
    from tinygrad_lite.views.derivation.explain import explain

    printed = _FORMS["brief" if args.brief and args.format == "text" else args.format]
    print(printed(y, chosen, explain(y, chosen, names=False)))
    if args.out:
        import tinygrad_lite as tg

        tg.draw(y).save(args.out)
        print(f"The picture is in {args.out}.", file=sys.stderr)
    return 0


def _brief(y: Value, chosen: list[Value], explanation: Explanation) -> str:
    rows = [[leaf.label, leaf.data, leaf.grad] for leaf in chosen]
    table = Table(["input", "value", "gradient"], rows)
    return f"value  {y.data:.6g}\n\n{table.text(ascii=True)}"


def _text(explanation: Explanation) -> str:
    """The derivation in the width and the characters of the terminal."""
    width = min(max(shutil.get_terminal_size((80, 24)).columns, 60), 120)
    try:
        "∂…✓".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return explanation.text(width, ascii=True)
    return explanation.text(width)


def _json(y: Value, chosen: list[Value], explanation: Explanation) -> str:
    found = {
        "value": plain_data(y.data),
        "gradients": {leaf.label: plain_data(leaf.grad) for leaf in chosen},
        "explanation": explanation.to_dict(),
    }
    return json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)


_FORMS: dict[str, Callable[[Value, list[Value], Explanation], str]] = {
    "brief": _brief,
    "text": lambda y, chosen, explanation: f"{_brief(y, chosen, explanation)}\n\n{_text(explanation)}",
    "markdown": lambda y, chosen, explanation: explanation.markdown(),
    "latex": lambda y, chosen, explanation: explanation.latex(),
    "html": lambda y, chosen, explanation: explanation.html(),
    "json": _json,
}
