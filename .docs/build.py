"""Build the documentation site: python .docs/build.py [FOLDER], by default build/docs.

The pages of this folder are written by hand. The reference is written here, from the docstrings, the table of ops and
the command's help; the sharp edges from `engine/promises.py`; the notebooks come as they are stored. Sphinx makes the
site of them and ends with an error on any warning; then every public name and every link within the site is looked up.
Needs the extra `docs`.
"""

from __future__ import annotations

import importlib
import inspect
import io
import re
import shutil
import subprocess
import sys
import types
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import tinygrad_lite as tg  # noqa: E402
from tinygrad_lite import cli, errors, nn  # noqa: E402
from tinygrad_lite.engine.op import Op  # noqa: E402
from tinygrad_lite.engine.promises import as_markdown  # noqa: E402

GROUPS = {  # title of a part of the reference: where the names live
    "Derivatives": ("calculus.", "engine.reverse", "engine.kinks"),
    "Look at a computation": ("views.",),
    "Check a derivation": ("checking.", "testing"),
    "Run it fast": ("compiler.",),
    "Take it elsewhere": ("export.",),
    "Arrays of Values": ("arrays.",),
    "Switches and your own ops": ("engine.modes", "engine.custom"),
    "Sums and choices": ("engine.functions", "engine.value"),
    "All others": ("",),
}
SECTION = re.compile(r"^(Args|Attributes.*|Raises.*|Returns|Columns|Cure|Source|Gradient|Unit):(.*)$")


# ---------------------------------------------------------------------- docstrings as Markdown


def markdown(text: str) -> str:
    """A docstring as Markdown: sections become lists, examples code, and nothing else is taken for markup."""
    lines = [*inspect.cleandoc(text).splitlines(), ""]
    out: list[str] = []
    code: list[str] = []
    listed = False
    for i, line in enumerate(lines):
        if line.lstrip().startswith((">>> ", "... ")) or (code and code[0].startswith(">>>") and line.strip()):
            code.append(line.strip() if line.lstrip().startswith((">>>", "...")) else line)
            continue
        drawn = line.startswith("    ") and not listed
        if drawn and (code or not lines[i - 1].strip()):
            code.append(line)
            continue
        if code:
            kind = "pycon" if code[0].startswith(">>>") else "text"
            out += ["", f"```{kind}", *code, "```", ""]
            code = []
        section = SECTION.match(line)
        if section:
            listed = not section[2].strip()
            out += ["", f"**{section[1]}:** {plain(section[2].strip())}", ""]
        elif listed and re.match(r"^    \S", line):
            name, colon, said = line.strip().partition(": ")
            out.append(f"- `{name}`: {plain(said)}" if colon and "`" not in name else f"- {plain(line.strip())}")
        elif listed and line.startswith("     "):
            out.append(f"  {plain(line.strip())}")
        else:
            listed = listed and not line.strip()
            out.append(plain(line))
    return "\n".join(out)


def plain(text: str) -> str:
    """Text between whose backticks nothing is changed, and outside of which no sign is markup."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([\\*_<>\[\]|$#~{}])", r"\\\1", part) for part in parts)


def signature(thing: Any) -> str:
    """The parameters with their defaults, without types, which the editor shows."""
    try:
        given = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return "(...)"
    shown = [p.replace(annotation=inspect.Parameter.empty) for p in given if p.name != "self"]
    text = str(inspect.Signature(shown))
    return "(...)" if " at 0x" in text or "<" in text else text


def entry(name: str, thing: Any, picture: str = "", methods: bool = True) -> str:
    """One name of the reference."""
    kind = "class" if inspect.isclass(thing) else "function"
    body = [markdown(inspect.getdoc(thing) or ""), picture]
    if kind == "class" and methods:
        for method, made in vars(thing).items():
            if method[0] != "_" and (callable(made) or isinstance(made, property)) and inspect.getdoc(made):
                shown = signature(made) if callable(made) else ""
                role = "method" if callable(made) else "property"
                body.append(f"````{{py:{role}}} {method}{shown}\n{markdown(inspect.getdoc(made) or '')}\n````\n")
    shown = signature(thing.__init__ if kind == "class" else thing) if callable(thing) else ""
    return f"`````{{py:{kind}}} {name}{shown}\n\n" + "\n".join(body) + "\n`````\n"


# ---------------------------------------------------------------------- generated pages


def home(thing: Any) -> str:
    module = getattr(thing, "__module__", "") or ""
    return module.removeprefix("tinygrad_lite.")


def public(package: Any) -> dict[str, Any]:
    """The names of a package that are neither packages nor ops."""
    found = {name: getattr(package, name) for name in dir(package) if name[0] != "_"}
    return {n: x for n, x in found.items() if not isinstance(x, Op | types.ModuleType | str) and n != "annotations"}


def functions_page(pictures: Path) -> str:
    """The functions of `tg`, by what they are for."""
    left = public(tg)
    named = {**left, "testing.assert_gradients": importlib.import_module("tinygrad_lite.testing").assert_gradients}
    named.pop("Value")
    text = "# Functions\n\nAll of `import tinygrad_lite as tg`; the ops have [a page of their own](ops.md).\n"
    for title, homes in GROUPS.items():
        mine = [name for name, thing in named.items() if home(thing).startswith(homes)]
        if mine:
            text += f"\n## {title}\n\n"
            text += "\n".join(entry(f"tg.{name}", named.pop(name), drawn(name, pictures)) for name in mine)
    return text


def drawn(name: str, pictures: Path) -> str:
    """A picture for the functions that make one."""
    a, b = tg.Value(-4.0, label="a"), tg.Value(2.0, label="b")
    loss = tg.tanh(a * b / 8 + b)
    loss.backward()
    made = {"draw": lambda: tg.draw(loss), "draw_diff": lambda: tg.draw_diff(loss, tg.tanh(a * b / 8 - b))}.get(name)
    if made is None:
        return ""
    made().save(pictures / f"{name}.svg")
    return f"\n```{{image}} pictures/{name}.svg\n:alt: what tg.{name} shows\n```\n"


def ops_page(pictures: Path) -> str:
    """The table of ops: a line for each, then each with its formula, its derivatives and a picture."""
    from matplotlib import pyplot as plt

    from tinygrad_lite.views import plots

    names: dict[Op, list[str]] = {}
    for name in dir(tg):
        thing = getattr(tg, name)
        if isinstance(thing, Op):
            names.setdefault(thing, []).append(name)
    text = "# Ops\n\nEach is a function of `tg` and a method of a Value, for numbers, Values and arrays.\n\n"
    text += "| op | what it is | PyTorch |\n|---|---|---|\n"
    for op, called in names.items():
        slots = {"lib": "torch", "x": "x", "y": "y", "z": "z", "xs": "xs"}
        spelled = op.torch.format(**slots).replace("|", "\\|") if op.torch else ""
        links = ", ".join(f"[{name}](#tg.{name})" for name in called)
        text += f"| {links} | {plain(op.doc)} | {f'`{spelled}`' if 0 < len(spelled) < 40 else ''} |\n"
    for name, op in ((called[0], op) for op, called in names.items()):
        picture = ""
        if op.arity == 1:
            figure, ax = plt.subplots(figsize=(4.2, 2.6), layout="constrained")
            plots.activation(op, ax=ax)
            figure.savefig(pictures / f"{name}.svg", metadata={"Date": None})
            plt.close(figure)
            picture = f"\n```{{image}} pictures/{name}.svg\n:alt: {name} and its derivative\n:width: 420px\n```\n"
        also = names[op][1:]
        anchors = "".join(f'<span id="tg.{other}"></span>\n' for other in also)
        labels = "".join(f"(tg.{other})=\n" for other in also)
        text += f"\n## {plain(name)}\n\n{anchors}\n{labels}" + entry(f"tg.{name}", op, picture)
    return text


def nn_page() -> str:
    """Everything in `tg.nn`, by what it is."""
    found = public(nn)
    kinds: dict[str, list[str]] = {"Modules": [], "Losses": [], "Optimizers": [], "Training, data and files": []}
    for name, thing in found.items():
        module = home(thing)
        title = "Losses" if module.endswith("losses") else "Optimizers" if "optimizer" in module else ""
        if not title:
            is_module = inspect.isclass(thing) and issubclass(thing, nn.Module)
            title = "Modules" if is_module else "Training, data and files"
        kinds[title].append(name)
    text = "# Networks: `nn`\n\nAll of `from tinygrad_lite import nn`.\n"
    for title, names in kinds.items():
        text += f"\n## {title}\n\n" + "\n".join(entry(f"nn.{name}", found[name]) for name in names)
    for module in (nn.schedules, nn.datasets):
        short = module.__name__.rpartition(".")[2]
        text += f"\n## `nn.{short}`\n\n{markdown(module.__doc__ or '')}\n\n"
        for name, thing in vars(module).items():
            if name[0] != "_" and getattr(thing, "__module__", "") == module.__name__ and callable(thing):
                text += entry(f"nn.{short}.{name}", thing)
    return text


def errors_page() -> str:
    """Each exception: when it comes, and the cure."""
    text = "# Errors\n\n" + markdown(errors.__doc__ or "") + "\n"
    for name, thing in vars(errors).items():
        if inspect.isclass(thing) and thing.__module__ == errors.__name__ and name[0] != "_":
            text += f"\n## {name}\n\n" + entry(f"tg.errors.{name}", thing, methods=False)
    return text


def commands_page() -> str:
    """The help of the command and of its sub-commands."""
    text = "# The command\n\n```text\n" + helped("--help") + "```\n"
    for name in cli.COMMANDS:
        text += f"\n## `tinygrad-lite {name}`\n\n```text\n{helped(name, '--help')}```\n"
    return text


def helped(*words: str) -> str:
    from contextlib import redirect_stdout

    with redirect_stdout(io.StringIO()) as out:
        cli.main(words)
    return out.getvalue()


def write_source(source: Path) -> None:
    """All pages, from which Sphinx makes the site."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / ".docs", source, ignore=shutil.ignore_patterns("*.py[co]", "__pycache__", "build.py"))
    reference = source / "reference"
    pictures = reference / "pictures"
    pictures.mkdir(parents=True)
    (reference / "functions.md").write_text(functions_page(pictures), encoding="utf-8")
    (reference / "ops.md").write_text(ops_page(pictures), encoding="utf-8")
    (reference / "value.md").write_text("# Value\n\n" + entry("tg.Value", tg.Value), encoding="utf-8")
    (reference / "nn.md").write_text(nn_page(), encoding="utf-8")
    (reference / "errors.md").write_text(errors_page(), encoding="utf-8")
    (reference / "commands.md").write_text(commands_page(), encoding="utf-8")
    edges = (source / "sharp_edges.md").read_text(encoding="utf-8")
    (source / "sharp_edges.md").write_text(edges + "\n" + as_markdown() + "\n", encoding="utf-8")
    shutil.copytree(ROOT / "notebooks", source / "notebooks", ignore=shutil.ignore_patterns(".*", "README*", "*.csv"))


# ---------------------------------------------------------------------- what came out


class Page(HTMLParser):
    """The links of a page, and the places that can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.places |= {found.get("id") or ""}
        for name in ("href", "src"):
            if found.get(name):
                self.links.append(str(found[name]))


def dead_links(site: Path) -> list[str]:
    """Links within the site that lead nowhere."""
    pages = {path: Page(path) for path in site.rglob("*.html")}
    dead = []
    for path, page in pages.items():
        for link in page.links:
            target, _, place = unquote(link).partition("#")
            if re.match(r"\w+:|//", link) or target.endswith((".inv",)):
                continue
            there = (path.parent / target.partition("?")[0]).resolve() if target else path
            there = there / "index.html" if there.is_dir() else there
            if not there.exists() or (place and there in pages and place not in pages[there].places):
                dead.append(f"{path.relative_to(site)}: {link}")
    return dead


def missing_names(site: Path) -> list[str]:
    """Public names that are on no page of the reference."""
    places = {place for path in (site / "reference").glob("*.html") for place in Page(path).places}
    wanted = [
        f"tg.{name}" for name in dir(tg) if callable(getattr(tg, name)) and not inspect.ismodule(getattr(tg, name))
    ]
    wanted += [f"nn.{name}" for name in dir(nn) if callable(getattr(nn, name))]
    return [name for name in wanted if name not in places]


def main(words: Iterable[str]) -> int:
    """Build the site, and say what is wrong with it."""
    out = Path(next(iter(words), ROOT / "build/docs")).resolve()
    source, site = out / "source", out / "html"
    write_source(source)
    shutil.rmtree(site, ignore_errors=True)
    sphinx = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-d",
        str(out / "kept"),
        str(source),
        str(site),
    ]
    failed = subprocess.run(sphinx, cwd=ROOT).returncode
    told = [f"dead link: {link}" for link in dead_links(site)] + [f"not on the site: {n}" for n in missing_names(site)]
    print(
        "\n".join(told) or f"{len(list(site.rglob('*.html')))} pages in {site}; no link is dead, no public name missing"
    )
    return 1 if failed or told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
