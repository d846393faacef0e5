"""The house in numbers: how much there is, what imports what in a circle, and how often one thing is said.

    python tests/benchmarks/house.py              # print the tables
    python tests/benchmarks/house.py --check      # exit with 1 where a number is above its limit

Files and lines are counted as they stand, docstrings and blank lines included; the pages of views and the C of the
engine too. An op is named where its name stands in code outside the table, docstrings and comments left out.
"""

import ast
import io
import sys
import tokenize
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tinygrad_lite"
ENDINGS = {".py", ".c", ".js", ".html", ".css"}
CORE = "value.py node.py op.py graph.py reverse.py arithmetic.py domain.py".split()  # noqa: SIM905  read in this order
EXAMPLES = ("commands/lesson", "commands/lesson_numpy")

LIMITS = {"lines": 38_000, "core": 1_200, "tanh": 3, "softplus": 2, "logsumexp": 3, "circles": 0}


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def sizes() -> dict[str, tuple[int, int]]:
    """Files and lines of each package."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in ENDINGS:
            parts = path.relative_to(PACKAGE).parts
            name = parts[0] if len(parts) > 1 else "(front door)"
            found[name][0] += 1
            found[name][1] += lines(path)
    return {name: (files, n) for name, (files, n) in found.items()}


def imports(path: Path) -> set[str]:
    """The files of the package that a file imports anywhere in it, in hints too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tinygrad_lite"):
            for alias in node.names:
                for name in (f"{node.module}.{alias.name}", node.module):
                    place = ROOT.joinpath(*name.split("."))
                    if place.with_suffix(".c").exists():
                        break  # a module in C, which imports nothing of ours
                    target = place.with_suffix(".py") if place.with_suffix(".py").exists() else place / "__init__.py"
                    if target.exists():
                        found.add(str(target.relative_to(PACKAGE)))
                        break
    return found


def circles() -> list[list[str]]:
    """Groups of files that import each other in a circle: the strong components, by Tarjan's walk (1972)."""
    graph = {str(p.relative_to(PACKAGE)): imports(p) for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE}
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name] & graph.keys()):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    sys.setrecursionlimit(10_000)
    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def names_in_code(path: Path) -> set[str]:
    """Names, and strings that are a single word, outside docstrings and comments."""
    source = path.read_text(encoding="utf-8")
    found = {token.string for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type == 1}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            found.add(node.value)
    return found


def places() -> dict[str, list[str]]:
    """Each op of the table, and the files outside of it that know it by name."""
    sys.path.insert(0, str(ROOT))
    from tinygrad_lite.engine.op import TABLE

    found: dict[str, list[str]] = {name: [] for name in TABLE}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        if not name.startswith(("engine/ops/", *EXAMPLES)):
            for op in names_in_code(path) & TABLE.keys():
                found[op].append(name)
    return found


def docstrings() -> Counter:
    """How many public functions and classes there are, and how many of them have each part of a docstring."""
    count: Counter = Counter()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                text = ast.get_docstring(node) or ""
                count.update(["public", *(part for part in ("Args:", "Raises:", ">>> ") if part in text)])
                count["docstring"] += bool(text)
    return count


def main(check: bool) -> int:
    """Print the tables; 1 if a number is above its limit and was to be checked."""
    found = sizes()
    print(f"{'package':<14}{'files':>7}{'lines':>9}")
    for name, (files, n) in sorted(found.items(), key=lambda item: -item[1][1]):
        print(f"{name:<14}{files:>7}{n:>9,}")
    total = sum(n for _, n in found.values())
    print(f"{'in all':<14}{sum(files for files, _ in found.values()):>7}{total:>9,}\n")

    core = {name: lines(PACKAGE / "engine" / name) for name in CORE}
    table = sum(map(lines, (PACKAGE / "engine" / "ops").glob("*.py")))
    print(f"core of the engine: {', '.join(f'{name} {n}' for name, n in core.items())}: {sum(core.values()):,} lines")
    print(f"the table of ops: {table:,} lines\n")

    groups = circles()
    print(f"circles of imports: {len(groups)}")
    for group in groups:
        print(f"  {' - '.join(group)}")

    named = places()
    print("\nops that most files outside the table name:")
    for op, files in sorted(named.items(), key=lambda item: -len(item[1]))[:12]:
        print(f"  {op:<12}{len(files):>3}")
    for op in ("tanh", "softplus", "logsumexp"):
        print(f"  {op}: {', '.join(named[op])}")

    parts = docstrings()
    print("\npublic functions and classes: " + ", ".join(f"{part} {n:,}" for part, n in parts.items()))

    measured = {"lines": total, "core": sum(core.values()), "circles": len(groups)}
    measured |= {op: len(named[op]) for op in ("tanh", "softplus", "logsumexp")}
    above = {name: n for name, n in measured.items() if n > LIMITS[name]}
    for name, n in above.items():
        print(f"above its limit: {name} {n:,}, at most {LIMITS[name]:,}")
    return int(check and bool(above))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
