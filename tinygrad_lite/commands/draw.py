"""`tinygrad-lite draw "tanh(a*b + b**3)" a=-4 b=2 -o graph.svg`: the computation graph as a picture."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tinygrad_lite.commands.expression import assignments, parse
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.errors import ExpressionError
from tinygrad_lite.views.drawing.themes import THEMES
from tinygrad_lite.views.picture.picture import ENDINGS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("expression", help='such as "tanh(a*b + b**3)"')
    parser.add_argument("numbers", nargs="*", metavar="NAME=NUMBER", help="the number of each name, such as a=-4 b=1/3")
    parser.add_argument(
        "-o",
        "--out",
        action="append",
        type=picture_file,
        metavar="FILE",
        help=f"save the picture ({' '.join(ENDINGS)}); may be repeated; without it a tree is printed",
    )
    parser.add_argument("--direction", choices=("LR", "TB"), default="LR", help="left to right, or top to bottom")
    parser.add_argument("--theme", choices=tuple(THEMES), default="light", help="colours of the picture")
    parser.add_argument("--title", default="", help="a line above the picture")
    parser.add_argument("--heat", action="store_true", help="tint boxes and arrows by their gradients")
    parser.add_argument(
        "--paths", action="append", metavar="NAME", help="colour the paths from this input to the result"
    )
    parser.add_argument("--contributions", action="store_true", help="show what each arrow carries back")


def run(args: argparse.Namespace) -> int:
    """Draw the expression, and name the files."""
    y = parse(args.expression, assignments(args.numbers))
    by_name = {node.label: node for node in topological(y) if node.label}
    for name in args.paths or ():
        if name not in by_name:
            raise ExpressionError(f"--paths {name}: the expression has the names {', '.join(by_name) or '(none)'}.")
    y.backward()

    from tinygrad_lite.views.picture.draw import draw

    picture = draw(
        y,
        direction=args.direction,
        show=("data", "grad", "local", *(["contribution"] if args.contributions else [])),
        theme=args.theme,
        title=args.title,
        heat=args.heat,
        paths=[by_name[name] for name in args.paths or ()] or (),
    )
    for path in args.out or ():
        print(picture.save(path))
    if not args.out:
        try:
            print(picture)
        except UnicodeEncodeError:  # a terminal that knows fewer characters
            sys.stdout.write(str(picture).encode("ascii", "backslashreplace").decode("ascii") + "\n")
        for note in picture.notes:
            print(note.text)
    return 0


def picture_file(text: str) -> Path:
    """The path, if its ending is one of those in which a picture can be saved."""
    path = Path(text)
    if path.suffix.lower() not in ENDINGS:
        raise argparse.ArgumentTypeError(f"a picture is saved as {', '.join(ENDINGS)}, but got {path.name!r}")
    return path
