"""Run a notebook in this process, cell by cell, and collect the outputs that a kernel would store.

    python tests/notebook_runner.py notebooks/01_forward_and_backward.ipynb     # run it, store its outputs

A cell's last expression is shown by its `_repr_mimebundle_` or `_repr_html_`, as Jupyter does; matplotlib
figures become PNG images. A cell tagged `varies` holds timings or the like: its output is stored, never compared.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import linecache
import sys
from pathlib import Path
from typing import Any


def load(path: Path) -> dict[str, Any]:
    """The notebook as plain data."""
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell: dict[str, Any]) -> str:
    """The text of a cell, which files keep as a list of lines or as one string."""
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def run(notebook: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Execute every code cell in one namespace; the outputs of each cell, code cells only."""
    _figures()  # those that somebody else left open are not this notebook's
    namespace: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [_run_cell(source(cell), namespace, f"cell {i}") for i, cell in enumerate(cells, start=1)]


def _run_cell(text: str, namespace: dict[str, Any], name: str) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = []
    stream = io.StringIO()
    namespace["display"] = lambda *things: shown.extend(_display(thing, "display_data") for thing in things)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)  # as a kernel does it
    tree = ast.parse(text)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    quiet = text.rstrip().endswith(";")
    with contextlib.redirect_stdout(stream):
        exec(compile(tree, name, "exec"), namespace)
        result = eval(compile(ast.Expression(last.value), name, "eval"), namespace) if last else None
    outputs = [{"name": "stdout", "output_type": "stream", "text": stream.getvalue()}] if stream.getvalue() else []
    outputs += shown
    if result is not None and not quiet:
        outputs.append(_display(result, "execute_result"))
    return outputs + _figures()


def _display(thing: Any, kind: str) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if hasattr(thing, "_repr_mimebundle_"):
        bundle = thing._repr_mimebundle_(include=None, exclude=None)
        data |= bundle[0] if isinstance(bundle, tuple) else bundle
    elif hasattr(thing, "_repr_html_"):
        data["text/html"] = thing._repr_html_()
    data.setdefault("text/plain", repr(thing))
    output = {"data": data, "metadata": {}, "output_type": kind}
    return {**output, "execution_count": None} if kind == "execute_result" else output


def _figures() -> list[dict[str, Any]]:
    """Open matplotlib figures as PNG images; they are closed."""
    plt = sys.modules.get("matplotlib.pyplot")
    outputs = []
    for number in plt.get_fignums() if plt else ():
        picture = io.BytesIO()
        plt.figure(number).savefig(picture, format="png", dpi=72, bbox_inches="tight", metadata={"Software": None})
        data = {"image/png": base64.b64encode(picture.getvalue()).decode(), "text/plain": "a figure"}
        outputs.append({"data": data, "metadata": {}, "output_type": "display_data"})
    if plt:
        plt.close("all")
    return outputs


def texts(outputs: list[dict[str, Any]]) -> list[str]:
    """What of the outputs can be compared between runs: the printed and the plain text."""
    found = []
    for output in outputs:
        text = output["text"] if output["output_type"] == "stream" else output["data"].get("text/plain", "")
        found.append(text if isinstance(text, str) else "".join(text))
    return found


def store(path: Path) -> None:
    """Run the notebook and write its outputs into the file, without counts, times or kernel details."""
    notebook = load(path)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell, outputs in zip(code, run(notebook), strict=True):
        cell["outputs"], cell["execution_count"] = outputs, None
    for i, cell in enumerate(notebook["cells"]):
        cell["source"] = source(cell).splitlines(keepends=True)
        cell["id"] = f"cell-{i:02d}"
        cell.setdefault("metadata", {})
    notebook["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    import matplotlib

    matplotlib.use("Agg")
    for name in sys.argv[1:]:
        store(Path(name))
        print(f"{name}: {Path(name).stat().st_size / 1000:.0f} kB")
