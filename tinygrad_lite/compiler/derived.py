"""jacobian, jvp and hvp of a compiled function: tapes made from its tape (transforms.py), and run like it.

In: a compiled function and arguments. Out: further derivatives. As with the gradient, the first of each is compared
with the engine's, and what is not finite is computed by the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_lite.calculus import products
from tinygrad_lite.compiler.frontend.arguments import Structure, called, numbers, rebuild, size
from tinygrad_lite.compiler.frontend.results import max_relative_error, numbers_in, outputs_of, same, shaped
from tinygrad_lite.compiler.passes import transforms
from tinygrad_lite.compiler.runtime.program import Wrt
from tinygrad_lite.compiler.runtime.verify import CLOSE
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, ShapeError, user_line

if TYPE_CHECKING:
    from tinygrad_lite.compiler.api import CompiledFunction


def jacobian(f: CompiledFunction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """All first derivatives: one line for each number of the result, one column for each of the argument."""
    import numpy as np

    structure, chunks = called(args, kwargs)
    wrt = f._wrt(structure)

    def by_engine() -> list[float]:
        values, samples, _ = _samples(f, structure, chunks, wrt)
        return [*values, *[derivative for sample in samples for derivative in sample]]

    out = _found(f, transforms.jacobian, structure, chunks, wrt, [], by_engine)
    columns = len(wrt or ())
    n = len(out) // (columns + 1)
    return np.array(out[n:], dtype=float).reshape(n, columns)


def jvp(f: CompiledFunction, point: Any, direction: Any) -> tuple[Any, Any]:
    """The value, and its derivative w.r.t. the direction, each built as the result is."""
    structure, chunks, wrt, more = _directed(f, "jvp", point, direction)
    shapes: list[Structure] = []

    def by_engine() -> list[float]:
        values, samples, shape = _samples(f, structure, chunks, wrt)
        shapes.append(shape)
        return [*values, *[sum(s * d for s, d in zip(sample, more, strict=True)) for sample in samples]]

    out = _found(f, transforms.jvp, structure, chunks, wrt, more, by_engine, shapes)
    n = len(out) // 2
    value, derivative = (rebuild(shapes[-1], iter(map(float, part)), same) for part in (out[:n], out[n:]))
    return value, derivative


def hvp(f: CompiledFunction, point: Any, direction: Any) -> Any:
    """The Hessian times the direction, built as the point is."""
    structure, chunks, wrt, more = _directed(f, "hvp", point, direction)

    def by_engine() -> list[float]:
        return [float(x) for x in numbers_in(products.hvp(f.uncompiled, point, direction))]

    out = _found(f, transforms.hvp, structure, chunks, wrt, more, by_engine)
    parts, at = [], 0
    for part in structure[1][0][1]:
        parts.append(shaped(part, out[at : at + size(part)]))
        at += size(part)
    return tuple(parts) if isinstance(point, tuple) else parts[0]


def _directed(
    f: CompiledFunction, what: str, point: Any, direction: Any
) -> tuple[Structure, list[Any], Wrt, list[float]]:
    """The point's structure and numbers, all of its inputs, and the numbers of a direction built like it."""
    if hasattr(f, "batch"):
        raise OperandError(
            f"a function compiled with batch= has no {what}{user_line()}.\n"
            f"  Write the loss of the whole batch as a function of the parameters, and compile that:\n"
            f"  tg.compile(lambda w: tg.mean([loss(w, x) for x in X])).{what}(w, direction)"
        )
    whole = isinstance(point, tuple)
    structure, chunks = called(point if whole else (point,), {})
    built, more = called(direction if whole else (direction,), {})
    if built != structure:
        raise ShapeError(f"the direction must be built like the point it belongs to{user_line()}.")
    return structure, chunks, range(size(structure)), numbers(more)


def _found(
    f: CompiledFunction,
    transform: Any,
    structure: Structure,
    chunks: list[Any],
    wrt: Wrt,
    more: list[Any],
    by_engine: Callable[[], list[float]],
    shapes: list[Structure] | None = None,
) -> Sequence[float]:
    """The outputs of the transformed tape, if they can be believed; else those of the engine."""
    program, _ = f._run(structure, chunks, None)
    if program is None:
        return by_engine()
    if transform is transforms.hvp and program.outputs != 1:
        raise OperandError(
            f"hvp needs one number to differentiate twice, but {f.__name__} returns {program.outputs}{user_line()}."
        )
    out: Sequence[float] = program.transformed(transform, wrt, chunks, more)
    if not program.finite(out):
        return by_engine()
    if shapes is not None:
        shapes.append(program.result)
    if (transform, wrt) not in program.verified:
        expected = by_engine()
        worst = max_relative_error(out, expected)
        if worst > CLOSE:
            f._give_up(structure, f"its first compiled {transform.__name__} is {worst:.1e} away from the engine's")
            return expected
        program.verified.add((transform, wrt))
    return out


def _samples(
    f: CompiledFunction, structure: Structure, chunks: list[Any], wrt: Wrt
) -> tuple[list[float], list[list[float]], Structure]:
    """The values, the gradients of each along those inputs, and the structure of the result, by the engine."""
    result, leaves, _ = f._by_values(structure, chunks)
    values, samples = [], []
    for y in numbers_in(result):
        found = adjoints(y) if isinstance(y, Value) else {}
        values.append(y.data if isinstance(y, Value) else float(y))
        samples.append([found.get(leaves[i], 0.0) for i in wrt or ()])
    return values, samples, outputs_of(result)
