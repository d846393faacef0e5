"""What one case of the tape's switch can say, and the cases of ops that take any number of operands.

In: a writer, and the place of an instruction; see tape_code.py. Out: lines of LLVM's text.
"""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_lite.compiler.backends.llvm.writer import Name, Writer
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op


class Step:
    """Writing one case: what the instruction names, as LLVM's values."""

    def __init__(self, w: Writer, given: dict[str, Name], place: Name, own: Name) -> None:
        self.w: Writer = w
        self.given: dict[str, Name] = given
        self.place: Name = place
        self.own: Name = own

    def index(self, k: int) -> Name:
        """The k-th of the instruction's three whole numbers, from 1 on."""
        return self.w.load_integer(self.place, k)

    def value(self, index: Name) -> Name:
        return self.w.once(("value", index), lambda: self._load("values", index))

    def xs(self, n: int) -> list[Name]:
        return [self.value(self.index(k + 1)) for k in range(n)]

    def out(self) -> Name:
        return self.value(self.own)

    def adjoint(self) -> Name:
        return self.w.once("adjoint", lambda: self._load("adjoints", self.own))

    def _load(self, array: str, index: Name) -> Name:
        return self.w.say(f"load double, ptr {self.w.address(self.given[array], index)}")

    def give(self, x: Name) -> None:
        self.w.store(x, self.w.address(self.given["values"], self.own), 8)

    def share(self, index: Name, x: Name) -> None:
        """Add to the adjoint of an operand."""
        place = self.w.address(self.given["adjoints"], index)
        self.w.store(self.w.apply("add", [self.w.say(f"load double, ptr {place}"), x]), place, 8)

    def carried(
        self, firsts: list[Name], body: Callable[[Name, Name, list[Name]], list[Name]], half: bool = False
    ) -> list[Name]:
        """A loop over the operands of an op of any number: body(which, its place among the values, carried).

        Args:
            half: over the weights of a dot.
        """
        return self.w.accumulate(0, self._stop(half), firsts, lambda j, held: body(j, self.operand(j), held))

    def each(self, body: Callable[[Name, Name], None], half: bool = False) -> None:
        """The same where nothing is carried."""
        with self.w.loop(0, self._stop(half)) as j:
            body(j, self.operand(j))

    def added(self, term: Callable[[Name, Name], Name], half: bool = False) -> Name:
        """A sum over the operands."""
        add, zero = self.w.apply, self.w.literal(0.0)
        return self.carried([zero], lambda j, at, held: [add("add", [held[0], term(j, at)])], half)[0]

    def _stop(self, half: bool) -> Name:
        return self.w.say(f"ashr i64 {self.index(2)}, 1") if half else self.index(2)

    def operand(self, j: Name) -> Name:
        return self.w.load_integer(self.given["operands"], self.w.integer("add", self.index(1), j))


def _sum(step: Step) -> None:
    step.give(step.added(lambda _, at: step.value(at)))


def _sum_back(step: Step) -> None:
    step.each(lambda _, at: step.share(at, step.adjoint()))


def _partner(step: Step, j: Name) -> Name:
    """The input beside the j-th weight of a dot."""
    return step.operand(step.w.integer("add", j, step.w.say(f"ashr i64 {step.index(2)}, 1")))


def _bias(step: Step, make: Callable[[Name], None]) -> None:
    """What is to be done with the last operand of a dot, should it have a bias."""
    with step.w.only_if(step.w.say(f"trunc i64 {step.index(2)} to i1")):
        make(step.operand(step.w.integer("sub", step.index(2), 1)))


def _dot(step: Step) -> None:
    w = step.w
    step.index(1), step.index(2)  # known in all blocks of the case
    found = step.added(lambda j, at: w.apply("mul", [step.value(at), step.value(_partner(step, j))]), half=True)
    step.give(found)
    _bias(step, lambda at: step.give(w.apply("add", [found, step.value(at)])))


def _dot_back(step: Step) -> None:
    w = step.w
    step.adjoint(), step.index(1), step.index(2)

    def both(j: Name, at: Name) -> None:
        other = _partner(step, j)
        x, y = step.value(at), step.value(other)
        step.share(at, w.apply("mul", [step.adjoint(), y]))
        step.share(other, w.apply("mul", [step.adjoint(), x]))

    step.each(both, half=True)
    _bias(step, lambda at: step.share(at, step.adjoint()))


def _largest(step: Step, op: str = "max") -> Name:
    first = step.value(step.operand("0"))
    return step.carried([first], lambda _, at, held: [step.w.apply(op, [held[0], step.value(at)])])[0]


def _extreme_back(step: Step) -> None:
    """Operands that tie share equally."""
    w, zero, one = step.w, step.w.literal(0.0), step.w.literal(1.0)
    step.out(), step.adjoint(), step.index(1), step.index(2)

    def hit(at: Name, x: Name) -> Name:
        return w.pick("oeq", step.value(at), step.out(), x, zero)

    share = w.apply("div", [step.adjoint(), step.added(lambda _, at: hit(at, one))])
    step.each(lambda _, at: step.share(at, hit(at, share)))


def _exponentials(step: Step) -> tuple[Name, Name]:
    """The largest operand, and the sum of e to the distance from it; these powers stay in the workspace."""
    w, top = step.w, _largest(step)

    def power(j: Name, at: Name) -> Name:
        found = w.apply("exp", [w.apply("sub", [step.value(at), top])])
        w.store(found, w.address(step.given["workspace"], j), 8)
        return found

    return top, step.added(power)


def _logsumexp(step: Step) -> None:
    top, total = _exponentials(step)
    step.give(step.w.apply("add", [top, step.w.apply("log", [total])]))


def _logsumexp_back(step: Step) -> None:
    w = step.w
    rate = w.apply("div", [step.adjoint(), _exponentials(step)[1]])

    def share(j: Name, at: Name) -> None:
        power = w.say(f"load double, ptr {w.address(step.given['workspace'], j)}")
        step.share(at, w.apply("mul", [rate, power]))

    step.each(share)


LOOPS: dict[Op, tuple[Callable[[Step], None], Callable[[Step], None]]] = {
    ops.sum: (_sum, _sum_back),
    ops.dot: (_dot, _dot_back),
    ops.maximum: (lambda step: step.give(_largest(step)), _extreme_back),
    ops.minimum: (lambda step: step.give(_largest(step, "min")), _extreme_back),
    ops.logsumexp: (_logsumexp, _logsumexp_back),
}
"""What these write, forward and back."""
