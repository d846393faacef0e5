"""Folding what repeats: a long sum becomes one box, and of its alike terms one is kept.

The loss over 100 samples is a sum of 100 terms that were computed alike. `Fold` finds that out
from the graph itself: chains of additions are one sum, and `dot(e, e)`, in which the mean squared
error ends, is the sum of its squares; two terms are alike if what belongs to
them alone was computed by the same ops in the same order, from the same shared leaves: the
weights. Nothing is compared by value or by name, and nothing is asked of the engine.

Everything here works on the numbers of a `Graph`, and in time proportional to its size.
"""

from __future__ import annotations

from collections.abc import Collection

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.numbered import Graph

FEWEST = 4  # alike terms that are always folded; fewer only if that hides ENOUGH
ENOUGH = 12
KINDS = 6  # of different terms that are kept apart in one sum
SMALL = 4  # ops of a term, such as the p*p of a penalty, that may be folded whatever leaf it was computed from


class Fold:
    """Which node stands for which.

    Attributes:
        home: for each node the number of the node that is drawn for it; its own if it is drawn.
        sums: the sums, each with its terms in order.
        squares: the sums of squares dot(e, e), each with its terms e in order.
        times: how many alike nodes a drawn node stands for, where that is more than 1.
        hidden: the nodes that it stands for.
        uses: how many operands each node is.
    """

    def __init__(self, graph: Graph, keep: Collection[int] = (), sample: int = 0) -> None:
        """Fold the graph; the sums with numbers in `keep` are left with all their terms.

        Of alike terms the one with the number `sample` is kept, or the last if there are fewer.
        """
        self.graph = graph
        self.sample = sample
        self.home: list[int] = list(range(len(graph)))
        self.times: dict[int, int] = {}
        self.hidden: set[int] = set()
        self.uses: list[int] = [0] * len(graph)
        self.users: dict[int, int] = {}  # the last user of each node
        for child, parents in enumerate(graph.parents):
            for parent in parents:
                self.uses[parent] += 1
                self.users[parent] = child
        self.sums: dict[int, list[int]] = self._chains()
        self.squares: dict[int, list[int]] = self._squares()
        for number in sorted(
            [*self.sums, *self.squares], reverse=True
        ):  # the outermost first: what it hides is never looked at
            if self.home[number] == number and number not in keep:
                self._repeats(number)
        for number in range(len(graph)):
            self.home[number] = self.drawn(number)

    def drawn(self, number: int) -> int:
        """The node that is drawn for this one."""
        while self.home[number] != number:
            number = self.home[number]
        return number

    def _chains(self) -> dict[int, list[int]]:
        """a + b + c + d as one sum of four terms; a partial sum with a label or a second use stays."""
        nodes, parents = self.graph.nodes, self.graph.parents
        adds = [node.op is ops.add or node.op is ops.sum for node in nodes]
        inside = [
            add and uses == 1 and adds[self.users[number]] and not nodes[number].label
            for number, (add, uses) in enumerate(zip(adds, self.uses, strict=True))
        ]
        sums = {}
        for head in range(len(nodes)):
            if adds[head] and not inside[head]:
                terms, todo = [], [*reversed(parents[head])]
                while todo:
                    number = todo.pop()
                    if inside[number]:
                        self.home[number] = head
                        todo += reversed(parents[number])
                    else:
                        terms.append(number)
                sums[head] = terms
            elif nodes[head].op is ops.mean:
                sums[head] = list(parents[head])
        return sums

    def _squares(self) -> dict[int, list[int]]:
        """dot(e, e) as a sum over the entries of e."""
        found = {}
        for head, parents in enumerate(self.graph.parents):
            half = len(parents) // 2
            if self.graph.nodes[head].op is ops.dot and parents and parents[:half] == parents[half:]:
                found[head] = list(parents[:half])
        return found

    def _repeats(self, head: int) -> None:
        """Fold the alike terms of a sum onto one of them."""
        kinds: list[tuple[int, dict[int, None], list[dict[int, int]]]] = []
        square = head in self.squares
        for term in self.squares[head] if square else self.sums[head]:
            if self.uses[term] != 1 + square or not self.graph.parents[term]:
                continue
            own = self._own(term)
            for first, first_own, alike in kinds:
                match = self._alike(first, first_own, term, own)
                if match is not None:
                    alike.append(match)
                    break
            else:
                if len(kinds) < KINDS:
                    kinds.append((term, own, []))
        for _, own, alike in kinds:
            if len(alike) + 1 >= FEWEST or len(alike) * len(own) >= ENOUGH:
                matches = [{number: number for number in own}, *alike]
                shown = matches.pop(min(self.sample, len(alike)))
                for number in shown.values():
                    self.times[number] = self.times.get(number, 1) * (len(alike) + 1)
                for match in matches:
                    for number, hidden in match.items():
                        self.home[hidden] = shown[number]
                        self.hidden.add(hidden)

    def _own(self, term: int) -> dict[int, None]:
        """What belongs to a term alone: the nodes that nothing outside it uses, in a fixed order."""
        own: dict[int, None] = {term: None}
        met: dict[int, int] = {}
        todo = [term]
        while todo:
            for parent in self.graph.parents[todo.pop()]:
                met[parent] = met.get(parent, 0) + 1
                if met[parent] == self.uses[parent]:
                    own[parent] = None
                    todo.append(parent)
        return own

    def _alike(
        self, one: int, own_one: dict[int, None], other: int, own_other: dict[int, None]
    ) -> dict[int, int] | None:
        """Which node of one term answers to which of the other, if the same ops made both; else None."""
        if len(own_one) != len(own_other):
            return None
        nodes, parents = self.graph.nodes, self.graph.parents
        made = [nodes[number].op for number in own_one if parents[number]]
        small = len(made) <= SMALL and ops.dot not in made  # weights of a neuron are never folded onto another's
        answer: dict[int, int] = {}
        todo = [(one, other)]
        while todo:
            a, b = todo.pop()
            if a in answer:
                if answer[a] != b:
                    return None
                continue
            answer[a] = b
            if (a in own_one) != (b in own_other):
                return None
            if a in own_one:
                if nodes[a].op is not nodes[b].op or len(parents[a]) != len(parents[b]):
                    return None
                todo += zip(parents[a], parents[b], strict=True)
            elif a != b and not small and not (parents[a] and parents[b]):
                return None  # different weights
        return {a: b for a, b in answer.items() if a in own_one}
