"""Write the body of one vector function: arithmetic in Python becomes LLVM instructions.

A kernel is a Python function of `Vector`s. Each `+`, `*` or `fused(a, b, c)` in it appends one
instruction to the `Body` it belongs to, on all lanes at once, so that a kernel reads like the
formula it computes. The same instruction is written only once.

Three kinds of vector exist: "double", "i64" (the bits of doubles, or whole numbers) and "i1" (a
mask, from a comparison). A bare float or int in a formula becomes a constant in every lane. With
one lane there are no vectors: the type is plain `double`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinygrad_lite.engine.op import Op


def type_name(kind: str, lanes: int) -> str:
    """The LLVM type of `lanes` entries of that kind.

    >>> type_name("double", 8), type_name("double", 1)
    ('<8 x double>', 'double')
    """
    return kind if lanes == 1 else f"<{lanes} x {kind}>"


def suffix(kind: str, lanes: int) -> str:
    """How LLVM's intrinsics call that type: `v8f64`, `f64`, `v8i1`."""
    short = kind.replace("double", "f64")
    return short if lanes == 1 else f"v{lanes}{short}"


class Body:
    """The instructions of one function, in order, and what they need declared."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self.lines: list[str] = []
        self.declarations: set[str] = set()
        self._known: dict[str, Vector] = {}

    def type(self, kind: str) -> str:
        return type_name(kind, self.lanes)

    def append(self, instruction: str, kind: str) -> Vector:
        """The result of an instruction, which is written unless it stands there already."""
        if instruction not in self._known:
            name = f"%v{len(self.lines)}"
            self.lines.append(f"  {name} = {instruction}")
            self._known[instruction] = Vector(self, name, kind)
        return self._known[instruction]

    def constant(self, x: float, kind: str) -> Vector:
        """The same number in every lane, written exactly."""
        if kind == "double":
            (bits,) = struct.unpack("<Q", struct.pack("<d", x))
            entry = f"0x{bits:016X}"
        else:
            entry = str(int(x))
        if self.lanes > 1:
            entry = "<" + ", ".join([f"{kind} {entry}"] * self.lanes) + ">"
        return Vector(self, entry, kind)

    def intrinsic(self, name: str, *operands: Vector) -> Vector:
        """A call of llvm.NAME, which gives a vector like the first operand."""
        kind = operands[0].kind
        full = f"@llvm.{name}.{suffix(kind, self.lanes)}"
        here = self.type(kind)
        self.declarations.add(f"declare {here} {full}({', '.join([here] * len(operands))})")
        return self.append(f"call {here} {full}({', '.join(f'{here} {x.name}' for x in operands)})", kind)


class Vector:
    """One value of the function being written: a number in each lane."""

    __slots__ = ("body", "name", "kind")

    def __init__(self, body: Body, name: str, kind: str = "double") -> None:
        self.body = body
        self.name = name
        self.kind = kind

    def like(self, x: Vector | float) -> Vector:
        """x as a vector of this kind: a bare number in every lane."""
        return x if isinstance(x, Vector) else self.body.constant(x, self.kind)

    def _binary(self, opcode: str, x: Vector | float, y: Vector | float) -> Vector:
        return self.body.append(f"{opcode} {self.type} {self.like(x).name}, {self.like(y).name}", self.kind)

    @property
    def type(self) -> str:
        return self.body.type(self.kind)

    def __add__(self, y: Vector | float) -> Vector:
        return self._binary("fadd" if self.kind == "double" else "add", self, y)

    def __radd__(self, x: float) -> Vector:
        return self._binary("fadd" if self.kind == "double" else "add", x, self)

    def __sub__(self, y: Vector | float) -> Vector:
        return self._binary("fsub" if self.kind == "double" else "sub", self, y)

    def __rsub__(self, x: float) -> Vector:
        return self._binary("fsub" if self.kind == "double" else "sub", x, self)

    def __mul__(self, y: Vector | float) -> Vector:
        return self._binary("fmul" if self.kind == "double" else "mul", self, y)

    def __rmul__(self, x: float) -> Vector:
        return self._binary("fmul" if self.kind == "double" else "mul", x, self)

    def __truediv__(self, y: Vector | float) -> Vector:
        return self._binary("fdiv", self, y)

    def __rtruediv__(self, x: float) -> Vector:
        return self._binary("fdiv", x, self)

    def __neg__(self) -> Vector:
        return self.body.append(f"fneg {self.type} {self.name}", self.kind)

    def __abs__(self) -> Vector:
        return self.body.intrinsic("fabs", self)

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
        return self.body.append(f"{opcode} {self.type} {self.name}, {self.like(y).name}", "i1")

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

    def __pow__(self, n: float) -> Vector:
        """A small whole power as products; else the kernel `pow`."""
        if n in (1, 2, 3, 4):
            square = self * self
            return {1: self, 2: square, 3: square * self, 4: square * square}[int(n)]
        from tinygrad_lite.compiler.backends.llvm.kernels import power

        return power.pow(self, self.like(n))

    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Any:
        """A op of the table on vectors, by its kernel: so a rule in ordinary arithmetic can be run on vectors."""
        from tinygrad_lite.compiler.backends.llvm.kernels import KERNELS

        vectors = [self.like(x if isinstance(x, Vector) else float(x)) for x in operands]
        if op.name == "abs":
            return abs(vectors[0])
        if op.name in ("max", "min"):
            best = vectors[0]
            for x in vectors[1:]:
                best = where(x > best if op.name == "max" else x < best, x, best)
            return best
        _, rule = KERNELS.get(op.name, (0, None))
        answer = rule(*vectors) if rule is not None else None
        if not isinstance(answer, Vector):
            raise NotImplementedError(f"the row {op.name!r} has no kernel that could be written inside a formula.")
        return answer

    def __bool__(self) -> bool:
        raise TypeError("the lanes of a vector may differ, so a rule cannot branch on it; use where(...) or a row.")

    def bits(self) -> Vector:
        """The 64 bits of each double, as a whole number."""
        return self.body.append(f"bitcast {self.type} {self.name} to {self.body.type('i64')}", "i64")

    def as_double(self) -> Vector:
        """The doubles whose bits these are."""
        return self.body.append(f"bitcast {self.type} {self.name} to {self.body.type('double')}", "double")

    def with_sign_of(self, y: Vector) -> Vector:
        return self.body.intrinsic("copysign", self, y)


def fused(x: Vector, y: Vector | float, z: Vector | float) -> Vector:
    """x*y + z, rounded once if the processor can do that at no cost, else twice."""
    return x.body.intrinsic("fmuladd", x, x.like(y), x.like(z))


def exact_fused(x: Vector, y: Vector | float, z: Vector | float) -> Vector:
    """x*y + z rounded once on every processor (slow on one without the instruction)."""
    return x.body.intrinsic("fma", x, x.like(y), x.like(z))


def where(mask: Vector, x: Vector | float, y: Vector | float) -> Vector:
    """x in the lanes where the mask holds, y in the others."""
    body = mask.body
    kind = next((v.kind for v in (x, y) if isinstance(v, Vector)), "double")
    x, y = (v if isinstance(v, Vector) else body.constant(v, kind) for v in (x, y))
    here = body.type(kind)
    return body.append(f"select {mask.type} {mask.name}, {here} {x.name}, {here} {y.name}", kind)


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


Rule = Callable[..., "Vector | tuple[Vector, Vector]"]
"""A kernel in Python: operands in; the result, or the result and a mask of lanes that need the C library, out."""


def rounding(intrinsic: str) -> Callable[[Vector], Vector]:
    """The rule of a kernel that is one rounding instruction: floor, ceil, trunc, or nearbyint for half to even."""
    return lambda x: x.body.intrinsic(intrinsic, x)


def definition(
    full_name: str, name: str, arity: int, lanes: int, rule: Rule, inline: bool
) -> tuple[list[str], set[str]]:
    """The text of one vector function, and the declarations that it needs.

    The rule gives the result, or the result and a mask of the lanes in which it is not good enough. If
    there are any, those lanes take the answer of the C library's function `name`.
    """
    body = Body(lanes)
    operands = [Vector(body, f"%{letter}") for letter in "xyz"[:arity]]
    answer = rule(*operands)
    here = body.type("double")
    signature = f"({', '.join(f'{here} {x.name}' for x in operands)})"
    head = f"define internal {here} {full_name}{signature} {'alwaysinline' if inline else 'noinline'} nounwind {{"
    if isinstance(answer, Vector):
        return ["\n".join([head, *body.lines, f"  ret {here} {answer.name}", "}"])], body.declarations
    result, bad = answer
    any_bad = bad.name
    if lanes > 1:
        body.declarations.add(f"declare i1 @llvm.vector.reduce.or.v{lanes}i1({bad.type})")
        body.lines.append(f"  %any = call i1 @llvm.vector.reduce.or.v{lanes}i1({bad.type} {bad.name})")
        any_bad = "%any"
    careful = full_name + "_careful"
    lines = [
        head,
        "start:",
        *body.lines,
        f"  br i1 {any_bad}, label %slow, label %done",
        "slow:",
        f"  %other = call {here} {careful}{signature}",
        f"  %mended = select {bad.type} {bad.name}, {here} %other, {here} {result.name}",
        "  br label %done",
        "done:",
        f"  %answer = phi {here} [{result.name}, %start], [%mended, %slow]",
        f"  ret {here} %answer",
        "}",
    ]
    texts, needed = call_by_lane(careful, name, arity, lanes)
    return ["\n".join(lines), *texts], body.declarations | needed


def call_by_lane(full_name: str, name: str, arity: int, lanes: int) -> tuple[list[str], set[str]]:
    """The text of a vector function that calls the C library's function `name` for each lane."""
    here = type_name("double", lanes)
    letters = "xyz"[:arity]
    lines = [f"define internal {here} {full_name}({', '.join(f'{here} %{x}' for x in letters)}) noinline nounwind {{"]
    if lanes == 1:
        lines += [f"  %r = call double @{name}({', '.join(f'double %{x}' for x in letters)})", "  ret double %r"]
    else:
        so_far = "undef"
        for i in range(lanes):
            lines += [f"  %{x}{i} = extractelement {here} %{x}, i64 {i}" for x in letters]
            lines.append(f"  %r{i} = call double @{name}({', '.join(f'double %{x}{i}' for x in letters)})")
            lines.append(f"  %all{i} = insertelement {here} {so_far}, double %r{i}, i64 {i}")
            so_far = f"%all{i}"
        lines.append(f"  ret {here} {so_far}")
    return ["\n".join([*lines, "}"])], {f"declare double @{name}({', '.join(['double'] * arity)})"}
