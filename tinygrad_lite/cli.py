"""The command `tinygrad-lite`: one file a sub-command in `commands/`, opened when it is called.

tinygrad-lite explain "tanh(a*b)" a=1 b=2
tinygrad-lite check lesson.py; echo $?          # 0 all is well, 1 a check failed, 2 bad usage, 130 stopped
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Sequence

from tinygrad_lite import __version__
from tinygrad_lite.errors import TinygradLiteError
from tinygrad_lite.report.language import chosen

COMMANDS = {
    "lesson": "train a network on Fisher's Iris data, check gradients derived by hand, draw it all (the default)",
    "explain": "the value and the gradients of an expression, with the chain rule written out",
    "draw": "the computation graph of an expression as a picture",
    "animate": "a page that plays the forward and the backward pass of an expression",
    "check": "is the backpropagation in this file right, and if not, what is the mistake?",
    "grade": "every submission of a class: which mistakes, how often, and who is alike",
    "derive": "does each line of this derivation on paper follow, and if not, what is the mistake?",
    "exercise": "exercises on the chain rule, marked at once, or a worksheet to print",
    "train": "train a network on the rows of a CSV file",
    "doctor": "versions, the program that paints DOT, and which extras are installed",
    "completion": "what a shell needs to complete this command",
}

EXAMPLES = {
    "lesson": "tinygrad-lite lesson --seed 1",
    "explain": 'tinygrad-lite explain "tanh(a*b + b**3)" a=-4 b=2',
    "draw": 'tinygrad-lite draw "tanh(a*b + b**3)" a=-4 b=2 -o graph.svg',
    "animate": 'tinygrad-lite animate "tanh(a*b + b**3)" a=-4 b=2 -o player.html',
    "check": "tinygrad-lite check lesson.py --html report.html",
    "grade": "tinygrad-lite grade submissions --out grades --jobs 2",
    "derive": "tinygrad-lite derive derivation.md",
    "exercise": "tinygrad-lite exercise gradient --level 2 --seed 7",
    "train": "tinygrad-lite train data.csv --target price --epochs 100",
    "doctor": "tinygrad-lite doctor --json",
    "completion": 'eval "$(tinygrad-lite completion bash)"',
}
"""A worked line for each command."""

EXIT_CODES = """exit codes:
  0 all is well; 1 a check failed; 2 bad usage, or a file that cannot be read; 130 stopped by Ctrl-C"""
NOT_OURS = "tinygrad_lite is not affiliated with tinygrad."


_FORMULA = re.compile(r"-(?!-)[\w.(]+.*[-+*/()]")  # "-a*b" is an expression: argparse takes a space as a sign of that


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code.

    >>> main(["--version"])
    tinygrad-lite 0.1.0
    0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words == ["--version"]:
        print(f"tinygrad-lite {__version__}")
        return 0
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help")):
        words.insert(0, "lesson")
    try:
        parser = _parser(words[0])
        args = parser.parse_args([f" {word}" if _FORMULA.match(word) else word for word in words])
        with chosen(getattr(args, "lang", None)):
            return int(args.run(args))
    except SystemExit as stop:  # argparse has said what is wrong
        return stop.code if isinstance(stop.code, int) else 2
    except (TinygradLiteError, OSError) as error:
        print(f"tinygrad-lite {words[0]}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped.", file=sys.stderr)
        return 130


def _parser(chosen: str) -> argparse.ArgumentParser:
    """The parser with the arguments of the chosen command; the others are listed, not loaded."""
    parser = argparse.ArgumentParser(
        prog="tinygrad-lite",
        description="See, check and run the chain rule. Without a command: the lesson.",
        epilog="\n".join(["examples:", *(f"  {line}" for line in EXAMPLES.values()), "", EXIT_CODES, "", NOT_OURS]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tinygrad-lite {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        ending = "" if summary.endswith("?") else "."
        sub = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ending,
            epilog=f"example:\n  {EXAMPLES.get(name, '')}\n\n{EXIT_CODES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == chosen:
            module = importlib.import_module(f"tinygrad_lite.commands.{name}")
            module.configure(sub)
            sub.set_defaults(run=module.run)
    return parser


def command_parser(name: str) -> argparse.ArgumentParser:
    """The parser of one command."""
    parser = argparse.ArgumentParser(prog=f"tinygrad-lite {name}")
    importlib.import_module(f"tinygrad_lite.commands.{name}").configure(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
