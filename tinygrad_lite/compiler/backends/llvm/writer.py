"""LLVM's text, one instruction at a time: names, blocks, loops, vectors of lanes.

In: calls such as `w.fmul(x, y)`. Out: lines of LLVM's language. A number of the program is the name of an
SSA value of type `<lanes x double>`, or `double` if there is one lane.

Reference: the LLVM Language Reference Manual, https://llvm.org/docs/LangRef.html
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tinygrad_lite.compiler.ir.loop_nest import Expression

Name = str


class Writer:
    """The body of one function, as it grows."""

    def __init__(self, lanes: int = 1) -> None:
        self.lines: list[str] = []
        self.lanes: int = lanes
        self.kernels: set[tuple[str, int]] = set()
        self.declared: set[str] = set()
        self._names = 0
        self._labels = 0
        self.block: str = "entry"
        self.known: dict[Any, Name] = {}  # what has been computed in this block or in one that leads to it

    def fresh(self) -> Name:
        self._names += 1
        return f"%n{self._names}"

    def say(self, text: str) -> Name:
        name = self.fresh()
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def label(self, name: str) -> None:
        """Begin a block."""
        self.lines.append(f"{name}:")
        self.block = name

    def once(self, key: Any, make: Callable[[], Name]) -> Name:
        """What `make` gives, computed at most once where it can still be seen."""
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = make()
        return found

    def function(self, head: str, result: str = "void") -> str:
        """The function of this body, which returns the result."""
        return "\n".join([f"define {head} {{", "entry:", *self.lines, f"  ret {result}", "}"])

    # ------------------------------------------------------------------ whole numbers and addresses

    def fields(self, names: Sequence[str], counts: Container[str], base: Name = "%arguments") -> dict[str, Name]:
        """The 64-bit fields behind an address, by name: some are counts, the others addresses."""
        places = [self.address(base, i, "i64") for i in range(len(names))]
        kinds = ["i64" if name in counts else "ptr" for name in names]
        return {name: self.say(f"load {kind}, ptr {at}") for name, kind, at in zip(names, kinds, places, strict=True)}

    def integer(self, op: str, x: Name, y: Name | int) -> Name:
        if isinstance(y, int) and y == (1 if op == "mul" else 0):
            return x
        return self.once((op, x, y), lambda: self.say(f"{op} i64 {x}, {y}"))

    def address(self, base: Name, index: Name | int, size: str = "double") -> Name:
        if index == 0:
            return base
        return self.once(("at", base, index, size), lambda: self.say(f"getelementptr {size}, ptr {base}, i64 {index}"))

    def load_integer(self, base: Name, index: Name | int) -> Name:
        """An entry of a table of int32, as a 64-bit number."""

        def make() -> Name:
            x = self.say(f"load i32, ptr {self.address(base, index, 'i32')}")
            return self.say(f"sext i32 {x} to i64")

        return self.once(("table", base, index), make)

    # ------------------------------------------------------------------ lanes

    @property
    def type(self) -> str:
        return type_name("double", self.lanes)

    @property
    def flags(self) -> str:
        return type_name("i1", self.lanes)

    def literal(self, x: float, kind: str = "double") -> str:
        """A constant in every lane; a double in the exact hexadecimal form."""
        text = f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}" if kind == "double" else str(int(x))
        return text if self.lanes == 1 else "<" + ", ".join([f"{kind} {text}"] * self.lanes) + ">"

    def intrinsic(self, name: str, xs: list[Name]) -> Name:
        """A call of llvm.NAME on doubles."""
        full = f"@llvm.{name}.{'f64' if self.lanes == 1 else f'v{self.lanes}f64'}"
        self.declared.add(f"declare {self.type} {full}({', '.join([self.type] * len(xs))})")
        return self.say(f"call {self.type} {full}({', '.join(f'{self.type} {x}' for x in xs)})")

    def splat(self, x: Name) -> Name:
        if self.lanes == 1:
            return x
        one = self.say(f"insertelement {self.type} poison, double {x}, i64 0")
        return self.say(f"shufflevector {self.type} {one}, {self.type} poison, <{self.lanes} x i32> zeroinitializer")

    def load(self, pointer: Name, align: int) -> Name:
        return self.say(f"load {self.type}, ptr {pointer}, align {align}")

    def load_all(self, pointer: Name) -> Name:
        """One double, in every lane."""
        return self.splat(self.say(f"load double, ptr {pointer}, align 8"))

    def store(self, x: Name, pointer: Name, align: int) -> None:
        self.do(f"store {self.type} {x}, ptr {pointer}, align {align}")

    def shuffled(self, x: Name, y: Name, picks: Sequence[int]) -> Name:
        """A vector of the entries at these places of two vectors, one behind the other."""
        listed = ", ".join(f"i32 {k}" for k in picks)
        return self.say(f"shufflevector {self.type} {x}, {self.type} {y}, <{len(picks)} x i32> <{listed}>")

    def total(self, x: Name) -> Name:
        """The sum of the lanes, halves first: always in the same order."""
        lanes = self.lanes
        while self.lanes > 2:
            half = self.lanes // 2
            low, high = (self.shuffled(x, "poison", range(at, at + half)) for at in (0, half))
            self.lanes = half
            x = self.say(f"fadd {self.type} {low}, {high}")
        if lanes > 1:
            first, second = (self.say(f"extractelement {self.type} {x}, i64 {k}") for k in (0, 1))
            x = self.say(f"fadd double {first}, {second}")
        self.lanes = lanes
        return x

    def more(self, total: Name | None, x: Name, sign: int) -> Name:
        """A total, None if nothing is in it yet, with x added or taken away."""
        if total is None:
            return x if sign > 0 else self.apply("neg", [x])
        return self.apply("add" if sign > 0 else "sub", [total, x])

    def added(self, xs: Sequence[Name]) -> Name:
        """The sum of some numbers, pair by pair."""
        while len(xs) > 1:
            xs = [self.apply("add", [*xs[k : k + 2]]) if k + 1 < len(xs) else xs[k] for k in range(0, len(xs), 2)]
        return xs[0]

    # ------------------------------------------------------------------ the ops of the table

    def apply(self, op: str, xs: list[Name]) -> Name:
        """The result of a sample. A product that meets a sum becomes one instruction (`contract`)."""
        if op in _ARITHMETIC:
            return self.say(f"{_ARITHMETIC[op]} contract {self.type} {xs[0]}, {xs[1]}")
        if op == "neg":
            return self.say(f"fneg {self.type} {xs[0]}")
        if op == "less":
            flag = self.say(f"fcmp olt {self.type} {xs[0]}, {xs[1]}")
            return self.say(
                f"select {self.flags} {flag}, {self.type} {self.literal(1.0)}, {self.type} {self.literal(0.0)}"
            )
        if op in ("max", "min"):
            chosen = self.pick("ogt" if op == "max" else "olt", xs[1], xs[0], xs[1], xs[0])
            return self.pick("uno", xs[1], xs[1], xs[1], chosen)  # a NaN is not swallowed
        if op in _INTRINSIC:
            return self.intrinsic(_INTRINSIC[op], xs)
        self.kernels.add((op, self.lanes))
        operands = ", ".join(f"{self.type} {x}" for x in xs)
        return self.say(f"call {self.type} {function_name(op, self.lanes)}({operands})")

    def pick(self, comparison: str, p: Name, q: Name, x: Name, y: Name) -> Name:
        flag = self.say(f"fcmp {comparison} {self.type} {p}, {q}")
        return self.say(f"select {self.flags} {flag}, {self.type} {x}, {self.type} {y}")

    def evaluate(self, expression: Expression, leaf: Callable[[int], Name]) -> Name:
        """The value of an expression; `leaf(k)` gives that of its k-th leaf."""
        if expression[0] == "leaf":
            return leaf(expression[1])
        if expression[0] == "select":
            flag, x, y = expression[1:]
            if flag[0] == "less":
                p, q = (self.evaluate(part, leaf) for part in flag[1:])
                return self.pick("olt", p, q, self.evaluate(x, leaf), self.evaluate(y, leaf))
            value = self.evaluate(flag, leaf)
            return self.pick("une", value, self.literal(0.0), self.evaluate(x, leaf), self.evaluate(y, leaf))
        return self.apply(expression[0], [self.evaluate(part, leaf) for part in expression[1:]])

    # ------------------------------------------------------------------ loops

    @contextmanager
    def loop(self, start: Name | int, stop: Name | int, step: int = 1) -> Iterator[Name]:
        """`for i = start, start + step, ... while i < stop`; yields i. The body runs at least once."""
        self._labels += 1
        head, latch, after = (f"{part}{self._labels}" for part in ("loop", "next", "done"))
        counter, following = self.fresh(), self.fresh()
        before, outer = self.block, self.known
        self.do(f"br label %{head}")
        self.lines.append(f"{head}:")
        self.do(f"{counter} = phi i64 [ {start}, %{before} ], [ {following}, %{latch} ]")
        self.block, self.known = head, dict(outer)
        yield counter
        self.do(f"br label %{latch}")
        self.lines.append(f"{latch}:")
        self.do(f"{following} = add nuw nsw i64 {counter}, {step}")
        more = self.say(f"icmp slt i64 {following}, {stop}")
        self.do(f"br i1 {more}, label %{head}, label %{after}")
        self.lines.append(f"{after}:")
        self.block, self.known = after, outer

    @contextmanager
    def some(self, n: Name | int, step: int = 1) -> Iterator[Name]:
        """The same for i = 0, step, ... below n, which may be none."""
        with self.only_if(self.say(f"icmp sgt i64 {n}, 0")), self.loop(0, n, step) as i:
            yield i

    def accumulate(
        self,
        start: Name | int,
        stop: Name | int,
        firsts: list[Name],
        body: Callable[[Name, list[Name]], list[Name]],
        step: int = 1,
    ) -> list[Name]:
        """A loop that carries values in registers: body(i, values) gives the values of the next round."""
        before, carried = self.block, [self.fresh() for _ in firsts]
        with self.loop(start, stop, step) as counter:
            at, latch = len(self.lines), f"next{self._labels}"
            results = body(counter, carried)
            self.lines[at:at] = [
                f"  {value} = phi {self.type} [ {first}, %{before} ], [ {result}, %{latch} ]"
                for value, first, result in zip(carried, firsts, results, strict=True)
            ]
        return results

    @contextmanager
    def only_if(self, condition: Name) -> Iterator[None]:
        self._labels += 1
        inside, after = f"then{self._labels}", f"after{self._labels}"
        outer = self.known
        self.do(f"br i1 {condition}, label %{inside}, label %{after}")
        self.lines.append(f"{inside}:")
        self.block, self.known = inside, dict(outer)
        yield
        self.do(f"br label %{after}")
        self.lines.append(f"{after}:")
        self.block = after
        self.known = outer

    def where(self, condition: Name, make: Callable[[], list[Name]], otherwise: Name) -> list[Name]:
        """What `make` gives; where the condition does not hold it is not run, and each is `otherwise`."""
        before = self.block
        with self.only_if(condition):
            found = make()
            inside = self.block
        return [self.say(f"phi {self.type} [ {otherwise}, %{before} ], [ {x}, %{inside} ]") for x in found]


_ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_INTRINSIC = {"sqrt": "sqrt", "abs": "fabs"}
NATIVE = {*_ARITHMETIC, *_INTRINSIC, "neg", "less", "select", "max", "min"}
"""Ops that are an instruction or two; any other is a call of a kernel."""


def type_name(kind: str, lanes: int) -> str:
    """The LLVM type of `lanes` entries of that kind.

    >>> type_name("double", 8), type_name("double", 1)
    ('<8 x double>', 'double')
    """
    return kind if lanes == 1 else f"<{lanes} x {kind}>"


def function_name(op: str, lanes: int) -> str:
    """What the kernel of an op is called.

    >>> function_name("exp", 8)
    '@tg_exp_v8'
    """
    return f"@tg_{op}_v{lanes}"
