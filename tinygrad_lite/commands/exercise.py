"""`tinygrad-lite exercise KIND`: an exercise on the chain rule, marked as soon as it is answered.

An answer is one line (for "blanks": u = 3, du = -1/2); that to "backward" ends with an empty line. After a wrong answer
the mistake is named where it is known, and one may try again; an empty answer gives up. The exit code is 0 if the last
answer was right, 1 if not, 2 for bad usage.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from tinygrad_lite.errors import OperandError
from tinygrad_lite.report.language import languages, say


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    from tinygrad_lite.exercises.kinds import KINDS

    parser.add_argument("kind", nargs="?", default="gradient", choices=[*KINDS], help="what is asked")
    parser.add_argument("--level", type=int, default=1, choices=(1, 2, 3, 4), help="1 is the easiest; 4 has matrices")
    parser.add_argument("--seed", type=int, default=0, help="which exercise (default 0)")
    parser.add_argument("--answer", metavar="TEXT", help="mark this answer in place of asking for one")
    parser.add_argument("--worksheet", metavar="FILE", help="write a page of exercises of all kinds with a key: .html")
    parser.add_argument("--count", type=int, default=6, help="exercises of a worksheet (default 6)")
    parser.add_argument("--lang", choices=languages(), default="en", help="the language of questions and marks")


def run(args: argparse.Namespace) -> int:
    """Ask, mark, and ask again while the answer is wrong."""
    from tinygrad_lite.exercises.exercise import exercise
    from tinygrad_lite.exercises.sheet import worksheet

    if args.worksheet:
        print(worksheet(level=args.level, count=args.count, seed=args.seed).save(args.worksheet))
        return 0
    asked = exercise(args.kind, level=args.level, seed=args.seed)
    print(asked)
    while True:
        text = args.answer if args.answer is not None else _read(args.kind)
        if not text.strip():
            return 1
        try:
            marked = asked.mark(_form(args.kind, text))
        except OperandError as error:
            print(f"  {error}")
            if args.answer is not None:
                return 2
            continue
        print(marked)
        if marked or args.answer is not None:
            return 0 if marked else 1


def _read(kind: str) -> str:
    """One line, or for code the lines up to an empty one; "" at the end of the input."""
    print(f"\n{say('answer')}: ", end="", flush=True)
    lines: list[str] = []
    for line in sys.stdin:
        if kind != "backward" or not line.strip():
            return "\n".join([*lines, line.strip()])
        lines.append(line.rstrip())
    return "\n".join(lines)


def _form(kind: str, text: str) -> Any:
    """The text as the form of answer that the kind takes."""
    if kind == "blanks":
        pairs = [part.split("=", 1) for part in text.split(",") if part.strip()]
        return {pair[0].strip(): pair[-1].strip() for pair in pairs}
    return text.replace("\\n", "\n") if kind == "backward" else text.strip()
