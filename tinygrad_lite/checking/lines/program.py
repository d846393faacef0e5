"""A changed program: its source as it stands, which gradients it has right, and what one run of it did."""

from __future__ import annotations

import functools
from types import CodeType
from typing import Any, NamedTuple

from tinygrad_lite.checking.lines.functions import Function, Node
from tinygrad_lite.checking.lines.slots import Slot
from tinygrad_lite.checking.network.arrays import Array

Codes = dict[Function, CodeType]


class Program:
    """The source as it stands: a tree for each function, and the changes made so far.

    Attributes:
        trees: function: its tree.
        edits: (function, line) of each change, in the order in which they were made.
    """

    def __init__(self, trees: dict[Function, Node], edits: tuple[tuple[Function, int], ...] = ()) -> None:
        self.trees: dict[Function, Node] = trees
        self.edits: tuple[tuple[Function, int], ...] = edits

    def edited(self, function: Function, tree: Node, line: int) -> Program:
        """The program with one function changed."""
        return Program({**self.trees, function: tree}, (*self.edits, (function, line)))

    @functools.cached_property
    def codes(self) -> Codes:
        """Code for the changed functions."""
        return {f: f.compiled(t) for f, t in self.trees.items() if t is not f.tree}


class Standing(NamedTuple):
    """Where a program stands.

    Attributes:
        right: the gradients that are exact on every problem on which it runs.      raised: those on which it raised.
        tried: how many problems were run before it was known to be no better than another program.
    """

    right: frozenset[str]
    raised: set[int]
    tried: int


class Step(NamedTuple):
    """A program that was reached.

    Attributes:
        price: cost of the last edit and what speaks against its place.
        stands: which gradients are exact; all of them on every problem if this is a mend.
    """

    price: float
    stands: Standing
    program: Program


class Recording:
    """What one run of a program did, slot by slot.

    Attributes:
        slots: those of every function, in order; their `visits` are of this run.
        got: the gradients by name; None if it raised.
        error: the exception.
        stops: (function, line) of the user's lines that were being run then, with their variables; the one that
            raised it last.
    """

    def __init__(self, slots: list[Slot]) -> None:
        self.slots = slots
        self.got: dict[str, Array] | None = None
        self.error: BaseException | None = None
        self.stops: dict[tuple[Function, int], dict[str, Any]] = {}
