"""Write the body of one vector function: arithmetic in Python becomes LLVM instructions.

A kernel is a Python function of `Vector`s. Each `+`, `*` or `fused(a, b, c)` in it is one instruction
of the `Writer` it belongs to, on all lanes at once, so that a kernel reads like the formula it
computes. The same instruction is written only once.

Three kinds of vector exist: "double", "i64" (the bits of doubles, or whole numbers) and "i1" (a
mask, from a comparison). A bare float or int in a formula becomes a constant in every lane. With
one lane there are no vectors: the type is plain `double`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from tinygrad_lite.compiler.backends.llvm.writer import Name, Writer, type_name
from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.engine.op import Op

Rule = Callable[..., "Vector | tuple[Vector, Vector]"]
"""A kernel in Python: operands in; the result, or the result and a mask of lanes that need the C library, out."""

KERNELS: dict[str, tuple[int, Rule | None]] = {}
"""Every kernel by the name of its op: its number of operands, and its rule.

Without a rule the C library's function of that name is called for each lane.
"""


R = TypeVar("R", bound=Rule)


def kernel(rule: R) -> R:
    """Enter a function of vectors as the kernel of the op of its name."""
    KERNELS[rule.__name__] = len(inspect.signature(rule).parameters), rule
    return rule


OPCODES = {"add": ("fadd", "add"), "sub": ("fsub", "sub"), "mul": ("fmul", "mul"), "div": ("fdiv", "sdiv")}
"""Ops of the table as instructions, on doubles and on whole numbers."""


class Vector(Arithmetic):
    """One value of the function being written: a number in each lane."""

    __slots__ = ("w", "name", "kind")

    def __init__(self, w: Writer, name: Name, kind: str = "double") -> None:
        self.w: Writer = w
        self.name: Name = name
        self.kind: str = kind

    def like(self, x: Vector | float) -> Vector:
        """x as a vector of this kind: a bare number in every lane."""
        return x if isinstance(x, Vector) else Vector(self.w, self.w.literal(x, self.kind), self.kind)

    def instruction(self, text: str, kind: str) -> Vector:
        """The result of an instruction, which is written unless it stands there already."""
        return Vector(self.w, self.w.once(text, lambda: self.w.say(text)), kind)

    def intrinsic(self, name: str, *others: Vector) -> Vector:
        """A call of llvm.NAME with this vector, and others, of doubles."""
        xs = [x.name for x in (self, *others)]
        return Vector(self.w, self.w.once((name, *xs), lambda: self.w.intrinsic(name, xs)))

    def _binary(self, opcode: str, x: Vector | float, y: Vector | float) -> Vector:
        return self.instruction(f"{opcode} {self.type} {self.like(x).name}, {self.like(y).name}", self.kind)

    def _cast(self, kind: str) -> Vector:
        return self.instruction(f"bitcast {self.type} {self.name} to {type_name(kind, self.w.lanes)}", kind)

    @property
    def type(self) -> str:
        return type_name(self.kind, self.w.lanes)

    def __lshift__(self, n: int) -> Vector:
        return self._binary("shl", self, n)

    def __rshift__(self, n: int) -> Vector:
        """A logical shift: zeros come in from the left."""
        return self._binary("lshr", self, n)

    def __and__(self, y: Vector | int) -> Vector:
        return self._binary("and", self, y)

    def __or__(self, y: Vector | int) -> Vector:
        return self._binary("or", self, y)

    def __xor__(self, y: Vector | int) -> Vector:
        return self._binary("xor", self, y)

    def __invert__(self) -> Vector:
        return self._binary("xor", self, -1 if self.kind == "i64" else 1)

    def _compare(self, float_rule: str, int_rule: str, y: Vector | float) -> Vector:
        opcode = f"fcmp {float_rule}" if self.kind == "double" else f"icmp {int_rule}"
        return self.instruction(f"{opcode} {self.type} {self.name}, {self.like(y).name}", "i1")

    def __lt__(self, y: Vector | float) -> Vector:
        return self._compare("olt", "slt", y)

    def __gt__(self, y: Vector | float) -> Vector:
        return self._compare("ogt", "sgt", y)

    def __le__(self, y: Vector | float) -> Vector:
        return self._compare("ole", "sle", y)

    def __ge__(self, y: Vector | float) -> Vector:
        return self._compare("oge", "sge", y)

    def equals(self, y: Vector | float) -> Vector:
        """Where the two are the same number; a NaN equals nothing, 0 equals -0."""
        return self._compare("oeq", "eq", y)

    def is_nan(self) -> Vector:
        return self._compare("uno", "", self)

    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Vector:
        """An op of the table on vectors: so a rule in ordinary arithmetic can be run on vectors."""
        vectors = [self.like(x) for x in operands]
        if op.name in OPCODES:
            return self._binary(OPCODES[op.name][self.kind != "double"], *vectors)
        if op.name == "neg":
            return self.instruction(f"fneg {self.type} {self.name}", self.kind)
        if op.name == "abs":
            return self.intrinsic("fabs")
        if op.name == "pow" and not isinstance(operands[0], Vector):
            return Vector(self.w, self.w.apply("pow", [x.name for x in vectors]))
        if op.name == "pow" and operands[1] in (1, 2, 3, 4):  # a small whole power as products
            square = self * self
            return [self, square, square * self, square * square][int(operands[1]) - 1]
        if op.name in ("max", "min"):
            best = vectors[0]
            for x in vectors[1:]:
                best = where(x > best if op.name == "max" else x < best, x, best)
            return best
        return self._kernel(op.name, *vectors)

    def _kernel(self, name: str, *vectors: Vector) -> Vector:
        _, rule = KERNELS.get(name, (0, None))
        answer = rule(*vectors) if rule is not None else None
        if not isinstance(answer, Vector):
            raise NotImplementedError(f"the op {name!r} has no kernel that could be written inside a formula.")
        return answer

    def __bool__(self) -> bool:
        raise TypeError("the lanes of a vector may differ, so a rule cannot branch on it; use where(...) or an op.")

    def bits(self) -> Vector:
        """The 64 bits of each double, as a whole number."""
        return self._cast("i64")

    def as_double(self) -> Vector:
        """The doubles whose bits these are."""
        return self._cast("double")

    def with_sign_of(self, y: Vector) -> Vector:
        return self.intrinsic("copysign", y)


def fused(x: Vector, y: Vector | float, z: Vector | float) -> Vector:
    """x*y + z, rounded once if the processor can do that at no cost, else twice."""
    return x.intrinsic("fmuladd", x.like(y), x.like(z))


def exact_fused(x: Vector, y: Vector | float, z: Vector | float) -> Vector:
    """x*y + z rounded once on every processor (slow on one without the instruction)."""
    return x.intrinsic("fma", x.like(y), x.like(z))


def where(mask: Vector, x: Vector | float, y: Vector | float) -> Vector:
    """x in the lanes where the mask holds, y in the others."""
    like = next((v for v in (x, y) if isinstance(v, Vector)), Vector(mask.w, ""))
    x, y = like.like(x), like.like(y)
    return like.instruction(f"select {mask.type} {mask.name}, {x.type} {x.name}, {x.type} {y.name}", x.kind)


def smaller(x: Vector, bound: float) -> Vector:
    """The smaller of x and a bound; a NaN stays a NaN."""
    limit = x.like(bound)
    return where(limit < x, limit, x)


def larger(x: Vector, bound: float) -> Vector:
    """The larger of x and a bound; a NaN stays a NaN."""
    limit = x.like(bound)
    return where(limit > x, limit, x)


def polynomial(x: Vector, coefficients: tuple[float, ...], square: Vector | None = None) -> Vector:
    """c0 + c1 x + c2 x^2 + ... as two interleaved Horner chains, so that two multipliers are kept busy."""
    square = x * x if square is None else square
    even, odd = (horner(square, coefficients[start::2]) for start in (0, 1))
    return fused(odd, x, even)


def horner(x: Vector, coefficients: tuple[float, ...]) -> Vector:
    """c0 + x*(c1 + x*(c2 + ...))."""
    total = x.like(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = fused(total, x, c)
    return total


def rounding(name: str, intrinsic: str) -> None:
    """Enter the kernel that is one rounding instruction: floor, ceil, trunc, or nearbyint for half to even."""
    KERNELS[name] = 1, lambda x: x.intrinsic(intrinsic)


def definition(full_name: str, name: str, lanes: int, inline: bool) -> tuple[list[str], set[str]]:
    """The text of one vector function, and the declarations that it needs.

    The rule gives the result, or the result and a mask of the lanes in which it is not good enough. If
    there are any, those lanes take the answer of the C library's function `name`.
    """
    arity, rule = KERNELS[name]
    if rule is None:
        return call_by_lane(full_name, name, arity, lanes)
    w = Writer(lanes)
    here = w.type
    signature = f"({', '.join(f'{here} %{letter}' for letter in 'xyz'[:arity])})"
    answer = rule(*[Vector(w, f"%{letter}") for letter in "xyz"[:arity]])
    texts: list[str] = []
    if isinstance(answer, Vector):
        found = answer.name
    else:
        result, bad = answer
        each_lane, any_bad = full_name + "_each_lane", bad.name
        if lanes > 1:
            reduce = f"i1 @llvm.vector.reduce.or.v{lanes}i1({bad.type}"
            w.declared.add(f"declare {reduce})")
            any_bad = w.say(f"call {reduce} {bad.name})")

        def mended() -> list[Name]:
            other = w.say(f"call {here} {each_lane}{signature}")
            return [w.say(f"select {bad.type} {bad.name}, {here} {other}, {here} {result.name}")]

        (found,) = w.where(any_bad, mended, result.name)
        texts, needed = call_by_lane(each_lane, name, arity, lanes)
        w.declared |= needed
    head = f"internal {here} {full_name}{signature} {'alwaysinline' if inline else 'noinline'} nounwind"
    return [w.function(head, f"{here} {found}"), *texts], w.declared


def call_by_lane(full_name: str, name: str, arity: int, lanes: int) -> tuple[list[str], set[str]]:
    """The text of a vector function that calls the C library's function `name` for each lane."""
    w = Writer(lanes)
    letters = "xyz"[:arity]
    found = "undef"
    for i in range(lanes):
        xs = [w.say(f"extractelement {w.type} %{x}, i64 {i}") if lanes > 1 else f"%{x}" for x in letters]
        one = w.say(f"call double @{name}({', '.join(f'double {x}' for x in xs)})")
        found = w.say(f"insertelement {w.type} {found}, double {one}, i64 {i}") if lanes > 1 else one
    head = f"internal {w.type} {full_name}({', '.join(f'{w.type} %{x}' for x in letters)}) noinline nounwind"
    return [w.function(head, f"{w.type} {found}")], {f"declare double @{name}({', '.join(['double'] * arity)})"}
