"""The story of a derivation: which sentence, equation or table comes after which.

The order is the textbook's: the formula, the chain rule as a sum over paths, each local derivative with its rule,
the numbers put in, the result. `chain.py` has the facts, `notation.py` spells the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.value import Value
from tinygrad_lite.formulas.formula import Name, Symbol, Tidy
from tinygrad_lite.report.language import say
from tinygrad_lite.report.text import Report, Table
from tinygrad_lite.views.derivation.batch import Batch
from tinygrad_lite.views.derivation.chain import Chain, at_kink, folded, product_of, sum_of_paths
from tinygrad_lite.views.derivation.equations import Equation, Equations, Numbers
from tinygrad_lite.views.derivation.why_zero import why_zero

_NO_NAME, _MORE = Name("", "", ""), Name("...", "…", r"\cdots")


class Sections:
    """Tells one chain as a report; the arguments are those of `explain`.

    Args:
        batch: the samples behind the result, of which one is told.
        sample: which one.
    """

    def __init__(
        self,
        chain: Chain,
        *,
        max_paths: int,
        max_nodes: int | None,
        digits: int,
        batch: Batch | None = None,
        sample: int = 0,
    ) -> None:
        self.batch: Batch | None = batch
        self.sample: int = sample
        self.folded = False  # whether this is one sample of a batch: then the rest of the computation is left out
        self.chain: Chain = chain
        self.max_paths: int = max_paths
        self.max_nodes: int | None = max_nodes
        self.digits: int = digits
        self.most = None if max_nodes is None else 12  # terms of one sum

    def report(self) -> Report:
        """The derivation as the parts of a report."""
        chain, names = self.chain, self.chain.names
        inputs = ", ".join(self._called(x) for x in chain.targets[:4]) + ", ..." * (len(chain.targets) > 4)
        few = chain.targets if len(chain.targets) <= 4 else ()
        derivatives = ", ".join(names.derivative(chain.out, x).text for x in few) + ": " * bool(few)
        report = Report(derivatives + say("how {0} changes with {1}", self._called(chain.out), inputs))
        if self.batch is not None:
            self._tell_batch(report, self.batch)
        else:
            self._tell_body(report)
            report.heading(say("The result"))
            self._equations(report, [self._result(x) for x in chain.targets])
        self._tell_result(report)
        return report

    def _tell_body(self, report: Report) -> None:
        """From the computation to the numbers put in."""
        chain, many = self.chain, len(self.chain.targets) > 1
        self._tell_computation(report)
        connected = [x for x in chain.targets if chain.count(x)]
        for x in chain.targets:
            if many:
                report.heading(say("The chain rule for {0}", self._called(x)))
            else:
                report.heading(say("The chain rule"))
            self._tell_chain(report, x)
        if chain.links and connected:
            report.heading(say("The local derivatives"))
            self._tell_links(report)
            if not self.folded:
                report.heading(say("The numbers put in"))
                for x in connected:
                    self._equations(report, self._numbers(x))

    def _tell_batch(self, report: Report, batch: Batch) -> None:
        """One sample, and the sum over all of them."""
        chain, names, term = self.chain, self.chain.names, batch.terms[self.sample]
        report.say(
            "{0} adds up {1:,} terms that are computed alike, one for each sample. Told here is {2}, of sample {3}; "
            "sample=None tells all.",
            *(self._called(batch.total), len(batch.terms), self._called(term), self.sample),
        )
        after = [node for node in chain.between if node.parents and batch.total in topological(node)]
        linear = batch.total.op in (ops.sum, ops.add)
        terms = folded(ops.add, [Symbol.named(names[t], t.data) for t in batch.terms])
        sums = [terms if node is batch.total and linear else chain.expression(node) for node in after]
        steps = [Equation(names[n], [(sum_, False), _number(n.data)]) for n, sum_ in zip(after, sums, strict=True)]
        report.add(Equations(steps, digits=self.digits, most=4))
        one = copy(self)
        one.chain, one.folded = Chain(term, chain.targets, expand=chain.expand, names=names), True
        one._tell_body(report)
        report.heading(say("The sum over the samples"))
        steps = []
        for x in chain.targets:
            shares, numbers = [], []
            for t, c, d in zip(batch.terms, batch.factors, batch.derivatives[x], strict=True):
                own, factor = Symbol.named(names.derivative(t, x), d), Symbol.named(names.derivative(batch.total, t), c)
                shares.append(own if linear else Symbol(ops.mul, (factor, own), c * d))
                numbers.append(c * d)
            total, every = names.derivative(batch.total, x), folded(ops.add, shares)
            steps.append(Equation(total, [(every, False), (every, True), _number(math.fsum(numbers))]))
            if batch.total is not chain.out:
                factor = Symbol.named(names.derivative(chain.out, batch.total), chain.adjoints[batch.total])
                both = folded(ops.mul, [factor, Symbol.named(total, math.fsum(numbers))])
                steps.append(self._result(x)._replace(sides=[(both, False), (both, True), *self._result(x).sides]))
        report.add(Equations(steps, digits=self.digits, most=4))

    def _tell_computation(self, report: Report) -> None:
        chain = self.chain
        report.heading(say("The computation"))
        shown = self._shown_nodes()
        needed = {p for node in shown for p in node.parents if p.__class__ is not float} | set(chain.targets)
        needed -= set(shown)
        given = [node for node in chain.names.order if node in needed]
        leaves, inner = [n for n in given if not n.parents], [n for n in given if n.parents]
        if leaves:
            report.add(self._numbers_of(say("Given"), leaves))
        if inner:
            report.add(self._numbers_of(say("Computed before, whatever the inputs asked for"), inner))
        mentioned = {self._called(node) for node in (*given, *shown)}
        legend = [(name, label) for name, label in chain.names.legend() if name in mentioned]
        if legend:
            report.table(Table([say("name here"), say("label")], legend))
        full = chain.in_full() if len(shown) > 1 else None
        if full is not None:
            self._equations(report, [Equation(chain.names[chain.out], [(full, False)])])
            report.say("Step by step:")
        steps = [
            Equation(
                chain.names[node], [(chain.expression(node), False), (chain.expression(node), True), _number(node.data)]
            )
            for node in shown
        ]
        self._equations(report, steps)

    def _shown_nodes(self) -> list[Value]:
        """The computed nodes of the story: all of them if they are few, else those between input and result."""
        inner = [node for node in self.chain.order if node.parents]
        if self.folded or (self.max_nodes is not None and len(inner) > min(self.max_nodes, 20)):
            inner = [node for node in self.chain.between if node.parents and node not in self.chain.targets]
        return inner

    def _tell_chain(self, report: Report, x: Value) -> None:
        chain = self.chain
        y, name, paths = self._called(chain.out), self._called(x), chain.count(x)
        total = chain.names.derivative(chain.out, x)
        if x is chain.out:
            report.say("A number changes with itself one to one.")
        elif paths == 0:
            report.say("No path leads from {0} to {1}, so {1} does not depend on {0}: {2} = 0.", name, y, total.text)
        elif paths <= self.max_paths:
            terms = chain.paths(x, self.max_paths)
            gone = sum(sum_of_paths([path], True).is_number(0.0) for path in terms) if paths > 1 else 0
            explained = say("{0} reaches {1} along one path; along it, the local derivatives multiply.", name, y)
            if paths > 1:
                several = (
                    "{0} reaches {1} along {2} paths; along each, the local derivatives multiply, and the paths add up."
                )
                explained = say(several, name, y, paths)
            if 0 < gone < paths:
                explained += say(" A path whose product is 0 is left out of the second line.")
            if paths > 1 or not self.folded:
                report.paragraph(explained)
            sides = [(sum_of_paths(terms, formulas), False) for formulas in (False, True)]
            sides += self._numbers(x)[0].sides if self.folded else []
            self._equations(report, [Equation(total, sides)])
        else:
            report.say(
                "{0} reaches {1} along {2:,} paths. Written out, the sum begins (each path is a product of local "
                "derivatives):",
                *(name, y, paths),
            )
            begins = folded(ops.add, [sum_of_paths(chain.paths(x, 2), False), Symbol.named(_MORE, 0.0)])
            self._equations(report, [Equation(total, [(begins, False)])])
            report.say(
                "Many of these paths share their upper parts. Factored, each node adds up once what comes from "
                "above and hands it on; that is the same sum, and it is how backward() computes it:"
            )
            self._equations(report, self._factored(x, formulas=True))

    def _factored(self, x: Value, *, formulas: bool) -> list[Equation]:
        """d(out)/d(node) for each node on a path, from the result down: the sum over the links above it."""
        chain = self.chain
        found = []
        for node in [*chain.path_to(x), x]:
            if node is chain.out:
                continue
            name = chain.names.derivative(chain.out, node)
            terms = []
            for link in chain.above(node):
                if link.top is chain.out:
                    terms.append(link.derivative)
                else:
                    upper = Tidy.named(chain.names.derivative(chain.out, link.top), chain.adjoints[link.top])
                    terms.append(Symbol(ops.mul, (upper, link.derivative), upper.number * link.derivative.number))
            total = folded(ops.add, terms)
            sides = [(total, False)] if formulas else [(total, True), _number(chain.adjoints[node])]
            found.append(Equation(name, sides))
        return found

    def _numbers(self, x: Value) -> list[Equation]:
        chain = self.chain
        total, answer = chain.names.derivative(chain.out, x), chain.adjoints.get(x, 0.0)
        if x is chain.out:
            return [Equation(total, [_number(1.0)])]
        if chain.count(x) > self.max_paths:
            return self._factored(x, formulas=False)
        terms = chain.paths(x, self.max_paths)
        products = [Symbol.named(_NO_NAME, product_of(path).number) for path in terms]
        sides = [(sum_of_paths(terms, False), True), (folded(ops.add, products), True), _number(answer)]
        return [Equation(total, sides)]

    def _tell_links(self, report: Report) -> None:
        on_a_path = set()
        for x in self.chain.targets:
            on_a_path |= {x, *self.chain.path_to(x)} if self.chain.count(x) else set()
        links = [
            link for link in reversed(self.chain.links.values()) if link.top in on_a_path and link.bottom in on_a_path
        ]
        explained: set[Op] = set()
        steps = []
        for link in links:
            sides = [(link.formula, False), (link.formula, True), _number(link.derivative.number)]
            plain = self.folded and not link.formula.operands and link.uses == 1 and not at_kink(link.top)
            if plain:
                continue  # such as the 1 of a sum, or the other factor: it stands in the chain rule
            steps.append(
                Equation(link.derivative.name or _NO_NAME, sides, link.remarks(again=link.top.op in explained))
            )
            explained.add(link.top.op)
        self._equations(report, steps)

    def _tell_result(self, report: Report) -> None:
        chain = self.chain
        y = self._called(chain.out)
        x = chain.targets[0]
        derivative = chain.adjoints.get(x, 0.0)
        if len(chain.targets) == 1 and math.isfinite(derivative) and derivative != 0:
            step = f"{abs(derivative):.{self.digits}g}"
            report.say(
                "If {0} grows by a small h, {1} rises by about {2} h."
                if derivative > 0
                else "If {0} grows by a small h, {1} falls by about {2} h.",
                *(self._called(x), y, step),
            )
        for x in chain.targets:
            if chain.count(x) and chain.adjoints[x] == 0:
                report.paragraph(why_zero(x, chain.out))

    # ------------------------------------------------------------------ small words

    def _result(self, x: Value) -> Equation:
        return Equation(self.chain.names.derivative(self.chain.out, x), [_number(self.chain.adjoints.get(x, 0.0))])

    def _called(self, node: Value) -> str:
        return self.chain.names[node].text

    def _numbers_of(self, words: str, nodes: Sequence[Value]) -> Numbers:
        most = len(nodes) if self.max_nodes is None else 12
        numbers = [Equation(self.chain.names[n], [_number(n.data)]) for n in nodes[:most]]
        return Numbers(words, numbers, more=max(len(nodes) - most, 0), digits=self.digits)

    def _equations(self, report: Report, equations: Sequence[Equation]) -> None:
        """The equations, or their two ends if they are many."""
        most = self.max_nodes
        if most is None or len(equations) <= most:
            report.add(Equations(equations, digits=self.digits, most=self.most))
            return
        head, tail = equations[: most // 2], equations[len(equations) - most // 2 :]
        report.add(Equations(head, digits=self.digits, most=self.most))
        left_out = len(equations) - len(head) - len(tail)
        report.say("(… {0:,} more; max_nodes=None writes all, tg.table lists them)", left_out)
        report.add(Equations(tail, digits=self.digits, most=self.most))


def _number(x: float) -> tuple[Symbol, bool]:
    """A right side that is a bare number, in as many digits as the numbers put in."""
    return Symbol.named(_NO_NAME, x), True
