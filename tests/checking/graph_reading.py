"""Random wrong gradients on random graphs, and a reader that holds every sentence on them against a sweep of its own.

Each node has a label, so a sentence says which edges it speaks of. The change it names is made just there, by an oracle
that shares nothing with the search, and must give the numbers that were handed over.
"""

import itertools
import random
import re

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.numbered import Graph

ODD = [  # what may become of a local derivative, given the number it belongs to and the node's own
    lambda d, x, out: -d, lambda d, x, out: 0.0, lambda d, x, out: 1.0, lambda d, x, out: d * d,
    lambda d, x, out: 2 * d, lambda d, x, out: x, lambda d, x, out: out, lambda d, x, out: d + 0.1,
    lambda d, x, out: max(-0.5, min(0.5, d)), lambda d, x, out: 0.7 * d, lambda d, x, out: d**3,
]  # fmt: skip
RULES = {
    "is left out": lambda d: 1.0,
    "is multiplied in twice": lambda d: d * d,
    "has the wrong sign": lambda d: -d,
    "is twice what it should be": lambda d: 2 * d,
    "is half of what it should be": lambda d: d / 2,
}


def random_graph(seed):
    """A loss of four leaves, every node labelled, and the leaves."""
    chance = random.Random(seed)
    leaves = [Value(chance.uniform(0.4, 1.6), label=name) for name in ("u", "v", "w", "x")]
    nodes, two = (
        list(leaves),
        [lambda a, b: a * b, lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a / (b * b + 1)],
    )
    one = [tg.tanh, tg.sigmoid, tg.exp, lambda a: a**3, lambda a: a**2]
    nodes = list(leaves)
    for _ in range(chance.randint(4, 7)):
        a, b = chance.sample(nodes[-5:], 2)
        nodes.append(chance.choice(one)(a) if chance.random() < 0.4 else chance.choice(two)(a, b))
    loss = sum(nodes[5:], nodes[4] * leaves[0])
    for k, node in enumerate(node for node in Graph(loss).nodes if node.parents):
        node.label = f"n{k}"
    return loss, leaves


def gradients(g, leaves, wrong):
    """The gradients with some local derivatives replaced."""
    adjoint = [0.0] * len(g)
    adjoint[g.roots[0]] = 1.0
    for child in reversed(range(len(g))):
        for i, parent in enumerate(g.parents[child]):
            local = g.nodes[child].local[i]
            adjoint[parent] += 0.0 if local is None else adjoint[child] * wrong.get((child, i), local)
    return [adjoint[g.number[leaf]] if leaf in g.number else 0.0 for leaf in leaves]


def edges(g):
    return [(c, i) for c, ps in enumerate(g.parents) for i in range(len(ps)) if g.nodes[c].local[i] is not None]


def random_wrong(g, seed):
    """One to three edges with a local derivative that is none."""
    chance = random.Random(seed)
    found = {}
    for child, i in chance.sample(edges(g), chance.choice([1, 1, 1, 2, 3])):
        node = g.nodes[child]
        found[child, i] = chance.choice(ODD)(node.local[i], g.nodes[g.parents[child][i]].data, node.data)
    return found


class Reader:
    """What the sentences of one comparison say, as changed edges."""

    def __init__(self, loss, leaves, hand):
        self.g, self.leaves, self.hand = Graph(loss), leaves, hand
        self.name = [node.label or f"{node.data:g}" for node in self.g.nodes]

    def true(self, messages):
        """Whether these changes together give the numbers that were handed over."""
        if len(messages) == 1 and (m := re.fullmatch(r"the gradients of (\w) and (\w) are swapped", messages[0])):
            found = dict(zip("uvwx", gradients(self.g, self.leaves, {}), strict=True))
            found[m[1]], found[m[2]] = found[m[2]], found[m[1]]
            return self._same(found.values())
        ways = [list(self.ways(message)) for message in messages]
        return any(
            self._same(gradients(self.g, self.leaves, {e: d for way in each for e, d in way.items()}))
            for each in itertools.product(*ways)
        )

    def _same(self, found):
        return all(abs(a - b) <= 1e-7 * abs(b) + 1e-10 for a, b in zip(found, self.hand, strict=True))

    def ways(self, message):
        """{edge: its local derivative} for each way to read a sentence.

        Raises:
            ValueError: a sentence that this reader does not know.
        """
        m = re.fullmatch(
            r"the path from (\S+) through (\S+) is left out; \S+ has (\d+) paths, and they are summed", message
        )
        if m:
            uses = sum(self.name[self.g.parents[c][i]] == m[1] for c, i in edges(self.g))
            yield from ({e: 0.0} for e in self.between(m[2], m[1]) if uses == int(m[3]))
        elif m := re.fullmatch(r"nothing comes back through (\S+) to (\S+)", message):
            yield from ({e: 0.0} for e in self.between(m[1], m[2]))
        elif m := re.fullmatch(rf"the local derivative of (\S+) w\.r\.t\. (\S+) ({'|'.join(RULES)})", message):
            yield from ({e: RULES[m[3]](self.local(e))} for e in self.between(m[1], m[2]))
        elif m := re.fullmatch(rf"the derivative of (.+?)(?: w\.r\.t\. (.+?))? ({'|'.join(RULES)})", message):
            yield from ({e: RULES[m[3]](self.local(e)) for e in group} for group in self.groups(m[1], m[2]))
        elif m := re.fullmatch(r"the derivative of (.+) is taken at its result instead of at its input", message):
            yield from ({e: self.at_result(e) for e in group} for group in self.groups(m[1]))
        elif m := re.fullmatch(r"multiplied by (.+) itself instead of by its derivative", message):
            yield from ({e: self.g.nodes[e[0]].data for e in group} for group in self.groups(m[1]))
        elif m := re.fullmatch(r"the exponent of (.+) is (not brought down as a factor|brought down, .*)", message):
            for group in self.groups(m[1], "the first operand"):
                lowered = {e: self.local(e) * self.operand(e, 0) for e in group}
                yield {e: self.local(e) / self.operand(e, 1) for e in group} if m[2].startswith("not") else lowered
        elif m := re.fullmatch(r"in (.+) the derivative w\.r\.t\. (.+) is taken to be that factor itself, .*", message):
            for group in [*self.groups(m[1], m[2]), *([e] for e in self.between(m[1], m[2]))]:
                yield {e: self.operand(e, e[1]) for e in group}
        elif m := re.fullmatch(r"in (.+) the derivative w\.r\.t\. the divisor lacks the square: .*", message):
            for group in self.groups(m[1], "the second operand"):
                yield {e: self.local(e) * self.operand(e, 1) for e in group}
        elif m := re.fullmatch(r"(\S+) is taken back to (\S+) with (\S+) instead of (\S+)", message):
            other = self.g.nodes[self.name.index(m[3])].data
            yield from (
                {e: other} for e in self.between(m[1], m[2]) if self.name[self.g.parents[e[0]][1 - e[1]]] == m[4]
            )
        elif m := re.fullmatch(r"the errors go back through the gradient of (.+) instead of .+ itself", message):
            yield from self.through(m[1], lambda w, dw: dw)
        elif m := re.fullmatch(r"(.+) had already been updated \(with lr = (\S+)\) when .*", message):
            yield from self.through(m[1], lambda w, dw, rate=float(m[2]): w - rate * dw)
        else:
            raise ValueError(f"a sentence that the reader does not know: {message}")

    def local(self, edge):
        return self.g.nodes[edge[0]].local[edge[1]]

    def operand(self, edge, i):
        return self.g.nodes[self.g.parents[edge[0]][i]].data

    def at_result(self, edge):
        op, out = self.g.nodes[edge[0]].op, self.g.nodes[edge[0]].data
        return float(op.partials(out, op.forward(out))[0])

    def between(self, child, parent):
        named = lambda e: (self.name[e[0]], self.name[self.g.parents[e[0]][e[1]]])  # noqa: E731
        return [e for e in edges(self.g) if named(e) == (child, parent)]

    def groups(self, what, side=None):
        """The edges of "every mul", of "n1 and n2, 3 in this layer,", or of one node."""
        at = {"the first operand": (0,), "the second operand": (1,), None: (0, 1), "both operands": (0, 1)}.get(
            side, ()
        )
        m = re.fullmatch(r"(\S+?)(?: and (\S+?))?( and so on)?, (\d+) in this layer,", what)
        for op in {node.op for node in self.g.nodes if node.parents}:
            nodes = [c for c, node in enumerate(self.g.nodes) if node.op is op]
            sides = at if op.arity else range(9)
            own = [e for e in edges(self.g) if e[0] in nodes and e[1] in sides]
            if what == f"every {op.name}":
                yield own
            elif m and m[1] in {self.name[c] for c in nodes}:
                yield from (list(some) for some in itertools.combinations(own, int(m[4])))
            elif what in {self.name[c] for c in nodes}:
                yield [e for e in own if self.name[e[0]] == what]
                yield from ([e] for e in own if self.name[e[0]] == what)

    def through(self, names, rule):
        own = dict(zip("uvwx", zip([leaf.data for leaf in self.leaves], self.hand, strict=True), strict=True))
        wanted = [
            (e, rule(*own[w])) for e in edges(self.g) if self.g.nodes[e[0]].op.name == "mul"
            for w in [self.name[self.g.parents[e[0]][1 - e[1]]]] if w in names.split(", ")
        ]  # fmt: skip
        for n in range(1, len(wanted) + 1):
            yield from map(dict, itertools.combinations(wanted, n))
