"""How each node of a graph is called in a formula: by its label where that can be a name, by a number elsewhere.

A label is user text: it may hold anything, and two nodes may carry the same one. In a formula it is used only if it
looks like a name (`w1`, `W1[0, 2]`, `ŷ`, `layer.b`, `learning rate`) and belongs to one node alone; every other node
is called v1, v2, ... by its place in the graph, and `legend` says which label stands behind which number.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.formulas.formula import Name
from tinygrad_lite.report import escape

if TYPE_CHECKING:
    from tinygrad_lite.engine.value import Value

LONGEST = 32
_WORD = re.compile(r"([^\W\d_]\w*(?:[. ]\w+)*)((?:\[\d+(?:, ?\d+)*\])*)('*)")
_WORDS = """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi
psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"""
GREEK = dict(zip("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ", _WORDS.split(), strict=True))


class Names:
    """The name of every node of a topological `order`, whose last is the result, and of some nodes apart from it.

    `called` has names for nodes without a label, such as those of the user's variables.

    >>> from tinygrad_lite import Value
    >>> from tinygrad_lite.engine.graph import topological
    >>> a, b = Value(1.0, "w_1"), Value(2.0, "<b>")
    >>> names = Names(topological(a * b))
    >>> [names[node].text for node in names.order], names[a].latex, names.legend()
    (['w_1', 'v2', 'y'], 'w_{1}', [('v2', '<b>')])
    """

    def __init__(
        self, order: Sequence[Value], apart: Sequence[Value] = (), called: Mapping[Value, str] | None = None
    ) -> None:
        out = order[-1]
        order = [*order, *apart]
        self.order: list[Value] = order
        self._found: dict[Value, Name] = {}
        labels = {node: node.label or (called or {}).get(node, "") for node in order}
        uses = Counter(labels.values())
        reserved = set(TABLE) | ({"e"} if any("e^" in node.op.latex for node in order) else set())
        taken, taken_latex = set(reserved), set()
        for node in order:
            name = name_of_label(labels[node]) if uses[labels[node]] == 1 else None
            if name is not None and name.text not in taken and name.latex not in taken_latex:
                self._found[node] = name
                taken.add(name.text)
                taken_latex.add(name.latex)
        free = [word for word in ("y", "f", "out") if word not in taken]
        if out not in self._found and not out.label and free and out.parents:
            latex = free[0] if len(free[0]) == 1 else rf"\mathrm{{{free[0]}}}"
            self._found[out] = Name(free[0], f"<i>{free[0]}</i>", latex)
        letter = next(x for x in ("v", "u", "node") if not any(re.fullmatch(rf"{x}_?\d+", word) for word in taken))
        for i, node in enumerate(order, start=1):
            if node not in self._found:
                stem = letter if len(letter) == 1 else rf"\mathrm{{{letter}}}"
                self._found[node] = Name(f"{letter}{i}", f"<i>{letter}<sub>{i}</sub></i>", f"{stem}_{{{i}}}")

    def __getitem__(self, node: Value) -> Name:
        return self._found[node]

    def legend(self) -> list[tuple[str, str]]:
        """(name in formulas, label) wherever the two differ."""
        return [(self[node].text, node.label) for node in self.order if node.label and node.label != self[node].text]

    def derivative(self, top: Value, bottom: Value, *, local: bool = False) -> Name:
        """The name of d(top)/d(bottom), along every path; `local`: of ∂(top)/∂(bottom), along one step."""
        y, x, d, tex = self[top], self[bottom], "∂" if local else "d", r"\partial " if local else "d"
        return Name(
            f"{d}{y.text}/{d}{x.text}",
            f"{d}{y.html}/{d}{x.html}",
            rf"\frac{{{tex}{y.latex}}}{{{tex}{x.latex}}}",
        )


def name_of_label(label: str) -> Name | None:
    r"""The label as a name in each notation, or None if it is no name.

    >>> name_of_label("W1[0, 2]").latex, name_of_label("alpha").latex, name_of_label("loss'").latex
    ('\\mathrm{W1}_{0,2}', '\\alpha', "\\mathrm{loss}'")
    >>> name_of_label("learning rate").latex, name_of_label("a  b")
    ('\\mathrm{learning\\ rate}', None)
    """
    match = _WORD.fullmatch(label)
    if match is None or len(label) > LONGEST or escape.visible(label) != label:
        return None
    word, indices, primes = match.groups()
    subscript = re.sub(r"[\[\], ]+", ",", indices).strip(",")
    html = escape.html(word) + (f"<sub>{subscript}</sub>" if subscript else "") + escape.html(primes)
    return Name(label, f"<i>{html}</i>", _latex_word(word, subscript) + primes)


def _latex_word(word: str, subscript: str) -> str:
    stem, digits = word, ""
    if not subscript:
        split = re.fullmatch(r"(.*?[^\d_])_?(\d+)", word)
        if split and not {"_", ".", " "} & set(split[1]):
            stem, digits = split.groups()
    if stem in GREEK.values():
        stem = rf"\{stem}"
    elif len(stem) > 1:
        escaped = re.sub("([_ ])", r"\\\1", stem)
        stem = rf"\mathrm{{{escaped}}}"
    tail = subscript or digits
    return stem + (f"_{{{tail}}}" if tail else "")
