"""The places of a formula at which something may be changed, and what may stand there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tinygrad_lite.checking.paper.term import Term

Rebuild = Callable[[Term], Term]


class Edit(NamedTuple):
    """A change at one place: the code, what is said of it, the whole formula after it, and the place."""

    code: str
    message: str
    right: Term
    mark: tuple[int, int]
    changed: Term
    new: Term


class Vocabulary(NamedTuple):
    """What may stand in a formula of this document.

    Attributes:
        names: names with indices that fit, transposes included where there are matrices.
        derivatives: f'(u) of every function in the definitions.
        alike: which words have the same shape.
        letters: the indices in use.
        extra: indices on the right that are not on the left.
        sizes: names of sizes, and numbers that count.
        parts: sums and products in the other lines.
        matrices: products are of matrices.
    """

    names: list[Term]
    derivatives: list[Term]
    alike: dict[str, list[str]]
    letters: list[str]
    extra: list[str]
    sizes: list[Term]
    parts: list[Term]
    matrices: bool


def places(t: Term, rebuild: Rebuild = lambda new: new) -> Iterator[tuple[Term, Rebuild]]:
    """Every node with what puts another one in its place; indices are no places."""
    yield t, rebuild
    if t.op in ("name", "num"):
        return
    for i, arg in enumerate(t.args):
        bound = (t.op in ("sum", "prod") and i < len(t.args) - 1) or (t.op == "at" and i > 0)
        if bound:
            continue

        def inner(new: Term, i: int = i) -> Term:
            return rebuild(t.put(i, new))

        yield from places(arg, inner)


def additive(t: Term, matrices: bool = False) -> Iterator[tuple[Term, Rebuild]]:
    """The places of whole terms: the formula itself, and what is added inside it; of matrices, factors too."""
    yield t, lambda new: new
    for node, put in places(t):
        if matrices and node.op in ("*", "odot"):
            for i in (0, 1):
                yield (
                    node.args[i],
                    _at(put, node, i),
                )
        if node.op in ("+", "-", "neg") or (node.op == "sum" and len(node.args) > 1):
            for i in range(len(node.args)) if node.op != "sum" else [len(node.args) - 1]:
                yield (
                    node.args[i],
                    _at(put, node, i),
                )


def _at(put: Rebuild, node: Term, i: int) -> Rebuild:
    return lambda new: put(node.put(i, new))


def renamed(t: Term, old: str, new: str) -> Term:
    """The formula with one name for another."""
    return t.mapped(lambda n: n._replace(word=new) if n.op == "name" and n.word == old else None)


def edit(code: str, message: str, put: Rebuild, old: Term, new: Term) -> Edit:
    return Edit(code, message, put(new), old.span, old, new)
