"""`tinygrad-lite check FILE`: is the backpropagation in this file right, and if not, what is the mistake?

A lesson is taken as it is: a file, a notebook, or code on standard input ("-"); its functions are found by their names
and by what flows into what. Or it defines `loss` and `backprop`, and if it likes `params`, `X`, `y`. It runs in a
process of its own with a time limit. The exit code is 0 if every gradient is right, 1 if not, 2 for bad usage.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tinygrad_lite.report.language import languages


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="a lesson: a .py file, a notebook, or - for standard input")
    add("--seed", type=int, default=0, help="of the problems that are shown in the report (default 0)")
    hidden = "more seeds, as 17,23: judged, but not shown in the report"
    add("--hidden", type=_seeds, metavar="SEEDS", default=[], help=hidden)
    limit = "seconds for each file (default 60); one call may take a quarter of them, at most 10"
    add("--limit", type=float, default=60.0, help=limit)
    role = "which function is what, as loss=mse"
    add("--role", action="append", default=[], metavar="ROLE=NAME", help=role)
    add("--lang", choices=languages(), help="the language of the report")
    add("--json", action="store_true", help="print the results as JSON, a list with one entry a file")
    add("--junit", metavar="FILE", help="also write JUnit's XML")
    add("--html", metavar="FILE", help="also write the report as a page")
    hint = "of the source show the marked lines and the mend (default), the lines alone, or nothing"
    add("--hint", choices=("mend", "line", "none"), default="mend", help=hint)
    add("--mend", action="store_true", help="print the best mend as a diff, for patch and git apply")
    add("--write", action="store_true", help="write the mend into the file; FILE.py.bak keeps it as it was")


def _seeds(text: str) -> list[int]:
    try:
        return [int(seed) for seed in text.split(",") if seed.strip()]
    except ValueError:
        raise argparse.ArgumentTypeError(f"whole numbers such as 17,23 are needed, but got {text!r}") from None


def run(args: argparse.Namespace) -> int:
    """Check each file; print the reports or the JSON."""
    from tinygrad_lite.checking.grade import junit
    from tinygrad_lite.report.text import page

    results = [_graded(file, args) for file in args.files]
    if args.mend or args.write:
        for file, result in zip(args.files, results, strict=True):
            _mend(file, result, args.write)
    elif args.json:
        print(json.dumps(results, indent=2))
    else:
        for result in results:
            print(_shown(result, len(results) > 1))
    if args.junit:
        named = {result["file"]: result for result in results}
        Path(args.junit).write_text(junit(named), encoding="utf-8")
    if args.html:
        body = "<hr>".join(result["html"] or f"<p>{result['text']}</p>" for result in results)
        Path(args.html).write_text(page(body, "tinygrad_lite check"), encoding="utf-8")
    return 0 if all(result["ok"] for result in results) else 1


def _mend(file: str, result: dict[str, Any], write: bool) -> None:
    """Print the mend of a file as a diff on the path that was given; write it if asked to, and keep a backup."""
    from tinygrad_lite.checking.lines.mend import diff_of, write_with_backup

    text = result["mended"].get(str(Path(file).resolve()))
    if text is None and result["diff"]:  # of a notebook's cells, which are no lines of the file
        print(result["diff"], end="")
        print(f"tinygrad-lite check: {file} is no plain source: make the change in it yourself", file=sys.stderr)
        return
    if text is None:
        found = "is right" if result["ok"] else "has no verified mend in this file"
        print(f"tinygrad-lite check: {file} {found}", file=sys.stderr)
        return
    print(diff_of(file, text), end="")
    if write:
        print(f"tinygrad-lite check: mended {file}; {write_with_backup(file, text).name} is as it was", file=sys.stderr)


def _graded(file: str, args: argparse.Namespace) -> dict[str, Any]:
    """The result for a file, or for what comes on standard input."""
    from tinygrad_lite.checking.grade import graded

    roles = dict(role.partition("=")[::2] for role in args.role)
    hint = "mend" if args.mend or args.write else args.hint
    with tempfile.TemporaryDirectory() as folder:
        if file == "-":
            copy = Path(folder) / "input.py"
            copy.write_text(sys.stdin.read(), encoding="utf-8")
            file = str(copy)
        return graded(file, [args.seed], args.hidden, args.limit, hint, roles)


def _shown(result: dict[str, Any], named: bool) -> str:
    lines = [f"{result['file']}\n"] if named else []
    lines.append(result["text"])
    if result["hidden"]:
        passed = sum(bool(each["ok"]) for each in result["hidden"])
        lines.append(f"\nHidden problems: {passed} of {len(result['hidden'])} right.")
    return "\n".join(lines)
