"""The chain rule written out, from the graph that was recorded.

    print(tg.explain(loss, w1))

gives the derivation in the textbook's order: the formula, the chain rule as a sum over paths, each
local derivative with its rule, the numbers put in, the result. Nothing here knows any rule: `chain.py` evaluates
the rows of the table on symbols, `notation.py` spells the formulas, and `story.py` puts them in order.

∂y/∂u is one step, from y to an operand of y; dy/du is the whole effect of u on y, along every path.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError
from tinygrad_lite.formulas.names import names_in
from tinygrad_lite.report.text import Report, Reported
from tinygrad_lite.views.derivation.batch import find_batch
from tinygrad_lite.views.derivation.chain import Chain
from tinygrad_lite.views.derivation.equations import Equations, aligned
from tinygrad_lite.views.derivation.sections import Sections


def explain(
    out: Value,
    wrt: Value | str | Iterable[Value | str] | None = None,
    *,
    expand: bool = True,
    max_paths: int = 6,
    max_nodes: int | None = 40,
    digits: int = 6,
    names: bool | Mapping[Value, str] = True,
    sample: int | None = 0,
) -> Explanation:
    """The derivation of d(out)/d(wrt), with symbols and with numbers.

    Args:
        out: the result.
        wrt: the input, or its label; several of them; None for every labelled leaf.
        expand: write a fused node (`tg.dot`, `tg.sum`) in its elementary products and sums.
        max_paths: up to so many paths are written out; if there are more, the same sum is given factored,
            node by node, as `backward` computes it.
        max_nodes: longer derivations show their two ends, and say how much is left out; None for no limit.
        digits: significant digits of the numbers; 17 are exact.
        names: True calls a Value without a label as the variable does that holds it where explain is called; a dict
            gives names; False leaves v1, v2, ...
        sample: of a loss that is a sum over 8 samples or more, each computed alike, this one is told, and the sum
            over all; None writes every sample out.

    Raises:
        StaleGraphError: some `.data` was changed after the forward pass.
        OperandError: `out` is no Value, `wrt` is neither a Value nor the label of one, or there is no such sample.

    >>> from tinygrad_lite import Value
    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> print(explain(a * b + b**3, b))
    dy/db: how y changes with b
    ===========================
    ...
      dy/db = 8
    ...
    """
    order = _order(out)
    called = names if isinstance(names, Mapping) else names_in(sys._getframe(1)) if names else {}
    chain = Chain(out, _targets(order, wrt), expand=expand, called=called)
    batch = None if sample is None else find_batch(out, chain.targets)
    if batch is not None and not -len(batch.terms) <= (sample or 0) < len(batch.terms):
        raise OperandError(f"sample={sample}: there are {len(batch.terms)} samples, counted from 0.")
    sections = Sections(chain, max_paths=max_paths, max_nodes=max_nodes, digits=digits, batch=batch, sample=sample or 0)
    return Explanation(chain, sections)


class Explanation(Reported):
    """A derivation, as text (in Python's notation), HTML, Markdown and LaTeX; shows itself in a notebook.

    Attributes:
        gradients: the number of each derivative, by its name: {"dy/da": 2.0}.
        chain: the facts: names, links, paths.
    """

    def __init__(self, chain: Chain, sections: Sections) -> None:
        self.chain = chain
        self.gradients: dict[str, Any] = {
            chain.names.derivative(chain.out, x).text: chain.adjoints.get(x, 0.0) for x in chain.targets
        }
        self._story = sections
        self._told: Report | None = None

    def report(self) -> Report:
        """The derivation as the parts of a report."""
        if self._told is None:
            self._told = self._story.report()
        return self._told

    def latex(self) -> str:
        """The formulas alone as one `aligned` block for MathJax or TeX, to be put between `$$`."""
        rows: list[str] = []
        for part in self.report().parts:
            if isinstance(part, Equations):
                rows += [*([""] if rows else []), *part.rows()]
        return aligned(rows)

    def typeset(self) -> Typeset:
        """The same for a notebook that typesets LaTeX: it shows Markdown with formulas instead of HTML."""
        return Typeset(self)

    def save(self, path: str | Path) -> Path:
        """Write .html, .md, .txt, .json, or .tex."""
        path = Path(path)
        if path.suffix == ".tex":
            path.write_text(f"\\[\n{self.latex()}\n\\]\n", encoding="utf-8")
            return path
        return super().save(path)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        forms: dict[str, Callable[[], str]] = {
            "text/plain": self.text,
            "text/html": self.html,
            "text/markdown": self.markdown,
            "text/latex": lambda: f"$$\n{self.latex()}\n$$",
        }
        kept = [form for form in forms if (not include or form in include) and form not in (exclude or ())]
        return {form: forms[form]() for form in kept}

    def __repr__(self) -> str:
        return f"Explanation({', '.join(f'{name} = {x:.6g}' for name, x in self.gradients.items())})"


class Typeset:
    """An explanation that a notebook shows by its Markdown, with formulas typeset by MathJax."""

    def __init__(self, explanation: Explanation) -> None:
        self._explanation = explanation

    def _repr_markdown_(self) -> str:
        return self._explanation.markdown()

    def __repr__(self) -> str:
        return str(self._explanation)


def _order(out: Any) -> list[Value]:
    if not isinstance(out, Value):
        raise OperandError(f"explain needs the Value that was computed, but got the {type(out).__name__} {out!r:.60}.")
    return topological(out)


def _targets(order: Sequence[Value], wrt: Any) -> list[Value]:
    """The nodes meant by `wrt`."""
    if wrt is None:
        leaves = [node for node in order if not node.parents]
        found = [leaf for leaf in leaves if leaf.label] or leaves
        return found or [order[-1]]
    if isinstance(wrt, (Value, str)):
        wrt = [wrt]
    found = []
    for x in wrt:
        if isinstance(x, str):
            matching = [node for node in order if node.label == x]
            if len(matching) != 1:
                known = ", ".join(sorted({repr(n.label) for n in order if n.label})[:12]) or "none"
                problem = f"{len(matching)} nodes are labelled" if matching else "no node is labelled"
                raise OperandError(f"{problem} {x!r}; the labels are {known}. Pass the Value itself.")
            x = matching[0]
        if not isinstance(x, Value):
            raise OperandError(f"wrt needs Values or labels, but got the {type(x).__name__} {x!r:.60}.")
        found.append(x)
    if not found:
        raise OperandError("wrt is empty; name at least one input, or leave it out for all labelled leaves.")
    return list(dict.fromkeys(found))
