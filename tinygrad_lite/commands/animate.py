"""`tinygrad-lite animate EXPR a=1 b=2`: a page that plays the forward and the backward pass."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinygrad_lite.commands.expression import assignments, parse
from tinygrad_lite.views.player.player import ENDINGS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("expression", help='such as "tanh(a*b + b**3)"')
    parser.add_argument("numbers", nargs="*", metavar="NAME=NUMBER", help="the number of each name, such as a=-4 b=1/3")
    parser.add_argument(
        "-o",
        "--out",
        type=_file,
        default=Path("player.html"),
        metavar="FILE",
        help="a page (.html), an animation (.gif) or the steps (.json); default player.html",
    )
    parser.add_argument("--theme", default="light", choices=("light", "dark", "print"), help="colours of the picture")


def run(args: argparse.Namespace) -> int:
    """Write the player and name the file."""
    from tinygrad_lite.views.player.player import animate

    root = parse(args.expression, assignments(args.numbers))
    print(animate(root, theme=args.theme, title=args.expression).save(args.out))
    return 0


def _file(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in ENDINGS:
        raise argparse.ArgumentTypeError(f"a player is saved as {', '.join(ENDINGS)}, but got {path.name!r}")
    return path
