"""`tinygrad-lite grade FOLDER`: every submission of a class, and what the class misunderstands.

The exit code is 0 if all files are right, 1 if some are not, 2 for bad usage.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tinygrad_lite.report.language import languages

LIMITS = """
Each file runs in a process of its own, on a copy, with limits on time, memory and the size of what it writes.
That guards against accidents, not against malice: such a process may read what you may read, and use the network.
Where you do not trust the authors, run the command in a container without a network, for instance
  docker run --rm --network none -v "$PWD":/work -w /work IMAGE tinygrad-lite grade submissions --out grades
A run that was interrupted goes on where it stopped when it is started again with the same --out.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.epilog = f"{parser.epilog}\n{LIMITS}"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="submissions: .py files and notebooks, at any depth"
    )
    parser.add_argument("--out", type=Path, default=Path("grades"), help="where the tables go (default: grades)")
    parser.add_argument("--jobs", type=int, default=1, help="how many files at a time; -1 for one a core")
    parser.add_argument("--dask", default="", metavar="ADDRESS", help="a scheduler whose workers see the same folders")
    parser.add_argument("--limit", type=float, default=60.0, help="processor seconds for each file (default 60)")
    parser.add_argument("--memory", type=float, default=4.0, help="GiB of memory for each file (default 4)")
    parser.add_argument("--seed", type=int, default=0, help="of the problems (default 0)")
    parser.add_argument("--hide-names", action="store_true", help="number the files; names.json says which is which")
    parser.add_argument("--taught", type=Path, metavar="FILE", help="JSON: which slide or cell teaches what, by code")
    parser.add_argument("--lang", choices=languages(), help="the language of the reports")


def run(args: argparse.Namespace) -> int:
    """Grade the folder, write the tables, print the summary."""
    from tinygrad_lite.checking.classroom import grade_folder

    taught = json.loads(args.taught.read_text(encoding="utf-8")) if args.taught else None
    options = (args.jobs, args.limit, args.memory, args.seed, args.hide_names, args.dask)
    found = grade_folder(args.folder.resolve(), args.out.resolve(), *options)
    found.save(args.out, taught)
    report = found.report(taught)
    report.parts.pop()  # the table of all files is in the page
    print(report)
    print(f"\n{args.out / 'index.html'}")
    return 0 if all(result["ok"] for result in found.results.values()) else 1
