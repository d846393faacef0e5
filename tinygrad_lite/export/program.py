"""What is written down for another library: a computation as loop nests, and the user's arrays that they read.

In: a recorded graph, or a function and its arguments. Out: an `ArrayProgram`: the plan of planning.py, the arrays of
blocks.py, and what the engine gives at the arguments. What follows reads `ir/loop_nest.py` alone.

    P   the numbers of all arguments, one behind the other; a `Block` says which stretch is which array
    X   the same of one sample, for a function compiled with `batch=`
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from tinygrad_lite.calculus.pytree import Structure, opened, size
from tinygrad_lite.compiler.api import compile as compiled
from tinygrad_lite.compiler.batched import BatchedFunction
from tinygrad_lite.compiler.compiled import CompiledFunction
from tinygrad_lite.compiler.frontend.arguments import Call, numbers
from tinygrad_lite.compiler.frontend.batch_arguments import BatchCall
from tinygrad_lite.compiler.ir.loop_nest import Plan
from tinygrad_lite.compiler.ir.tape import Tape
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, user_line
from tinygrad_lite.export.blocks import (
    Block,
    array,
    arrays_of,
    blocks_of,
    captured,
    entries,
    grouped,
    point_of,
    shape_of,
    values_in,
)
from tinygrad_lite.export.planning import planned, traced


class ArrayProgram(NamedTuple):
    """A computation as loop nests over the user's arrays.

    Attributes:
        parameters: the names of the function's arguments.
        blocks: the arrays among them: those in P, then those of the samples in X.
        result: what the function returns; its arrays are in `out`.
        gradients: the arrays of the derivatives in `out`, behind the result, and what they are w.r.t.; or None.
        guards: for each comparison that must come out as it did: what it was and the line that asked.
        point: the arguments at which the program was made, with arrays for the user's lists.
        value, slopes: what the engine gives there: its numbers, and the gradient of the first of them w.r.t. P.
        names: arrays the function uses from outside, by the bytes of their numbers.
    """

    parameters: list[str]
    blocks: list[Block]
    plan: Plan
    result: Structure
    gradients: list[tuple[str, Block]] | None
    guards: list[tuple[bool, str]]
    point: tuple[Any, ...]
    value: list[float]
    slopes: list[float]
    leaves: dict[str, Any]
    names: dict[bytes, str]


def program(what: Any, args: Any, kwargs: Any, spelled: Callable[[Op], bool], wrt: Any = False) -> ArrayProgram:
    """The loop nests of a graph or a function.

    Args:
        what: the Value at the root of a graph, a function, or what `tg.compile` gave.
        args, kwargs: the arguments of the function, for their shapes and for the check.
        spelled: whether the library has an op.
        wrt: False for the value alone; True for the gradient w.r.t. everything, or the leaves that are wanted.

    Raises:
        OperandError: what is neither, or the arguments of a function are missing.
    """
    if isinstance(what, Value):
        return _of_graph(what, spelled, wrt)
    if not callable(what):
        raise OperandError(
            f"an export needs the Value of a result or a function{user_line()}, but got the {type(what).__name__} "
            f"{what!r:.60}."
        )
    fast = what if isinstance(what, CompiledFunction) else compiled(what)
    if isinstance(fast, BatchedFunction):
        return _of_samples(fast, args, kwargs, spelled, wrt)
    return _of_function(fast, args, kwargs, spelled, wrt)


# ------------------------------------------------------------------ the three kinds


def _of_graph(root: Value, spelled: Callable[[Op], bool], wrt: Any) -> ArrayProgram:
    order = topological(root)
    leaves = [node for node in order if not node.parents]
    chosen = leaves if wrt is True else list(wrt or ())
    for x in chosen:
        if x not in leaves:
            raise OperandError(f"wrt needs leaves of this graph, but got {x!r:.60}.")
    blocks, held = grouped(leaves)
    flat = [leaf for leaf in held if leaf is not None]
    tape = Tape()
    place = dict(zip(flat, tape.declared([leaf.label or "x" for leaf in flat]), strict=True))
    for node in order:
        if node.parents:
            refs = [tape.constant(p) if p.__class__ is float else place[p] for p in node.parents]
            place[node] = tape.node(node.op, tuple(refs))
    tape.outputs = [place[root]]
    spots = [i for i, leaf in enumerate(held) if leaf is not None]
    found = adjoints(root)
    slopes = [0.0 if leaf is None else found.get(leaf, 0.0) for leaf in held]
    point = [entries(block, [0.0 if leaf is None else leaf.data for leaf in held]) for block in blocks]
    wanted = [block for block in blocks if any(held[i] in chosen for i in range(block.base, block.base + block.size))]
    made = planned(
        tape, [("P", i) for i in spots], spelled, [i for b in wanted for i in range(b.base, b.base + b.size)]
    )
    pairs = None if wrt is False else [(block.path, block) for block in wanted]
    arguments = {
        block.path: held[block.base] if not block.shape else held[block.base : block.base + block.size]
        for block in blocks
    }
    parameters = [block.path for block in blocks]
    return ArrayProgram(
        parameters, blocks, made[0], float, pairs, made[1], tuple(point), [root.data], slopes, arguments, {}
    )


def _of_function(
    fast: CompiledFunction, args: Any, kwargs: Any, spelled: Callable[[Op], bool], wrt: Any
) -> ArrayProgram:
    if args or kwargs:
        call = Call(args, kwargs)
        structure, given = call.key, numbers(call.chunks)
    elif fast._programs:
        structure, made = next(reversed(fast._programs.items()))
        given = made[0].traced[0][: size(structure)]
    else:
        raise OperandError(f"an export of {fast.__name__} needs its arguments{user_line()}: give them behind it.")
    tape, _, outer = traced(fast, structure, given)
    parameters, blocks = _arguments(fast, structure)
    outside, held = captured(outer, sum(map(size, structure[1][0][1])) + size(structure[1][1]), parameters)
    root, leaves = fast._by_values(structure, given)
    flat = [root] if isinstance(root, Value) else [x for x in values_in(root) if isinstance(x, Value)]
    found = adjoints(flat[0]) if flat else {}
    slopes = [found.get(leaf, 0.0) for leaf in leaves] + [0.0 if v is None else found.get(v, 0.0) for v in held]
    value = [float(getattr(x, "data", x)) for x in values_in(root)]
    order = {v: i for i, v in enumerate(held, len(given)) if v is not None}
    arrays = [("P", i) for i in range(len(given))] + [("P", order[v]) for v in outer]
    wanted = [*_chosen(fast, parameters, blocks), *outside] if wrt is not False else []
    plan, guards = planned(tape, arrays, spelled, [i for b in wanted for i in range(b.base, b.base + b.size)])
    every = [*blocks, *outside]
    point = point_of(structure, iter(given))
    if outside:
        point = ({b.path[8:-2]: entries(b, [*given, *(v.data if v else 0.0 for v in held)]) for b in outside}, *point)
    pairs = None if wrt is False else [(block.path, block) for block in wanted]
    return ArrayProgram(
        (["params"] if outside else []) + parameters,
        every,
        plan,
        opened(root, []),
        pairs,
        guards,
        point,
        value,
        slopes,
        {},
        _outside_arrays(fast.f),
    )


def _of_samples(fast: BatchedFunction, args: Any, kwargs: Any, spelled: Callable[[Op], bool], wrt: Any) -> ArrayProgram:
    if not args and not kwargs:
        raise OperandError(f"an export of {fast.__name__} needs its arguments{user_line()}: give them behind it.")
    fast(*args, **kwargs)
    call = BatchCall(fast.signature, args, kwargs)
    code = fast._trace(call)
    blocks: list[Block] = []
    data: list[Block] = []
    base = column = 0
    for name, structure in call.structures.items():
        if name in call.blocks:
            data += [b._replace(samples=True) for b in blocks_of(structure, name, column)]
            column += size(structure)
        else:
            blocks += blocks_of(structure, name, base)
            base += size(structure)
    parameters = list(call.structures)
    outside, held = captured(code.captured, base, parameters)
    order = {v: i for i, v in enumerate(held, base) if v is not None}
    arrays = [("P", i) for i in range(base)] + [("P", order[v]) for v in code.captured]
    arrays += [("X", i) for i in range(column)]
    wanted = [*blocks, *outside] if wrt is not False else []
    plan, guards = planned(code.tape, arrays, spelled, [i for b in wanted for i in range(b.base, b.base + b.size)])
    loss, leaves = fast._graph(call, range(call.samples))
    found = adjoints(loss) if isinstance(loss, Value) else {}
    slopes = [found.get(leaf, 0.0) for leaf in leaves] + [0.0 if v is None else found.get(v, 0.0) for v in held]
    given = numbers(call.chunks)
    numbers_of = iter(given)
    point: list[Any] = []
    for name, structure in call.structures.items():
        if name in call.blocks:
            table = array([x for sample in call.blocks[name].samples for x in sample])
            shape = shape_of(structure)
            table = table.reshape(call.samples, *((size(structure),) if shape is None else shape))
            point.append(table.astype(int) if name in call.choices else table)
        else:
            point.append(arrays_of(structure, numbers_of))
    if outside:
        every = [*given, *(v.data if v else 0.0 for v in held)]
        point = [{b.path[8:-2]: entries(b, every) for b in outside}, *point]
    pairs = None if wrt is False else [(block.path, block) for block in wanted]
    return ArrayProgram(
        (["params"] if outside else []) + parameters,
        [*blocks, *outside, *data],
        plan,
        float,
        pairs,
        guards,
        tuple(point),
        [float(getattr(loss, "data", loss))],
        slopes,
        {},
        _outside_arrays(fast.f),
    )


def _arguments(fast: CompiledFunction, structure: Structure) -> tuple[list[str], list[Block]]:
    """The names of a function's arguments, and the arrays in them."""
    try:
        known = [*inspect.signature(fast.f).parameters]
    except (TypeError, ValueError):
        known = []
    (_, ((_, positional), (_, keys, keyed))) = structure
    parameters = [known[i] if i < len(known) else f"x{i + 1}" for i in range(len(positional))] + list(keys)
    blocks: list[Block] = []
    base = 0
    for name, part in zip(parameters, [*positional, *keyed], strict=True):
        blocks += blocks_of(part, name, base)
        base += size(part)
    return parameters, blocks


def _chosen(fast: CompiledFunction, parameters: list[str], blocks: list[Block]) -> list[Block]:
    """The arrays of the arguments that argnums names."""
    wanted = [fast.argnums] if isinstance(fast.argnums, int) else fast.argnums
    names = [parameters[i] for i in wanted if -len(parameters) <= i < len(parameters)]
    return [block for block in blocks if re.split(r"\[", block.path)[0] in names]


def _outside_arrays(f: Any) -> dict[bytes, str]:
    """The arrays and lists of numbers that a function uses from outside, so that constants get their names."""
    found: dict[bytes, str] = {}
    try:
        seen = inspect.getclosurevars(f)
    except (TypeError, ValueError):
        return found
    for name, thing in {**seen.globals, **seen.nonlocals}.items():
        if isinstance(thing, list | tuple) or getattr(getattr(thing, "dtype", None), "kind", None) in ("f", "i"):
            try:
                table = array(thing)
            except (TypeError, ValueError):
                continue
            found[repr(table.shape).encode() + table.tobytes()] = name
    return found
