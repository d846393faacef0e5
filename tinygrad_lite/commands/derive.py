"""`tinygrad-lite derive FILE`: does each line of this derivation follow, and if not, what is the mistake?

The exit code is 0 if every line follows, 1 if not, 2 for bad usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tinygrad_lite.report.language import languages


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", metavar="FILE", help=".md, .tex, .txt or .ipynb with the formulas; - is standard input")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds of computing (default 20)")
    parser.add_argument("--lang", choices=languages(), help="the language of the verdicts")
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    parser.add_argument("--html", metavar="FILE", help="also write the report as a page")


def run(args: argparse.Namespace) -> int:
    """Check the derivation and print the paper with a mark at each line."""
    from tinygrad_lite.checking.derive import check_derivation
    from tinygrad_lite.checking.paper.rows import source

    path = Path(args.file)
    text = sys.stdin.read() if args.file == "-" else source(path.read_text(encoding="utf-8"), path.suffix)
    result = check_derivation(text + "\n", seconds=args.limit)
    print(json.dumps(result.to_dict(), indent=2, ensure_ascii=False) if args.json else result.text(120))
    if args.html:
        result.report().save(args.html)
    return 0 if result.ok else 1
