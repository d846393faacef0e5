"""What is written down for another library: a computation as loop nests, and the user's arrays that they read.

In: a recorded graph, or a function and its arguments. Out: an `ArrayProgram`: the plan of planning.py, the arrays of
blocks.py, and what the engine gives at the arguments. What follows reads `ir/loop_nest.py` alone.

    P   the numbers of all arguments, one behind the other; a `Block` says which stretch is which array
    X   the same of one sample, for a function compiled with `batch=`
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tinygrad_lite.calculus.pytree import Structure, leaves, opened, size
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
    entries,
    grouped,
    point_of,
    shape_of,
)
from tinygrad_lite.export.op_tape import OpTape
from tinygrad_lite.export.planning import differentiated, planned, traced, unrolled


class ArrayProgram(NamedTuple):
    """A computation as loop nests over the user's arrays.

    Attributes:
        parameters: the names of the function's arguments.
        blocks: the arrays among them: those in P, then those of the samples in X.
        plan: its loop nests; `unrolled` gives the same op by op.
        result: what the function returns; its arrays are in `out`.
        gradients: the arrays w.r.t. which `out` holds derivatives, behind the result; or None.
        guards: for each comparison that must come out as it did: what it was and the line that asked.
        point: the arguments at which the program was made, with arrays for the user's lists.
        value, derivatives: what the engine gives there: its numbers, and the gradient of the first of them w.r.t. P.
        names: arrays the function uses from outside, by the bytes of their numbers.
    """

    parameters: list[str]
    blocks: list[Block]
    plan: Plan
    unrolled: Callable[[], OpTape]
    result: Structure
    gradients: list[Block] | None
    guards: list[tuple[bool, str]]
    point: tuple[Any, ...]
    value: list[float]
    derivatives: list[float]
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
    inputs = [node for node in order if not node.parents]
    chosen = inputs if wrt is True else list(wrt or ())
    for x in chosen:
        if x not in inputs:
            raise OperandError(f"wrt needs leaves of this graph, but got {x!r:.60}.")
    blocks, held = grouped(inputs)
    places = {leaf: i for i, leaf in enumerate(held) if leaf is not None}
    tape = Tape()
    refs = dict(zip(places, tape.declared([leaf.label or "x" for leaf in places]), strict=True))
    for node in order:
        if node.parents:
            parents = [tape.constant(p) if p.__class__ is float else refs[p] for p in node.parents]
            refs[node] = tape.node(node.op, tuple(parents))
    tape.outputs = [refs[root]]
    numbers_held = [0.0 if leaf is None else leaf.data for leaf in held]
    return _assembled(
        tape,
        [("P", i) for i in places.values()],
        spelled,
        None if wrt is False else [b for b in blocks if any(places[x] - b.base in range(b.size) for x in chosen)],
        root,
        held,
        parameters=[block.path for block in blocks],
        blocks=blocks,
        result=float,
        point=tuple([entries(block, numbers_held) for block in blocks]),
        value=[root.data],
        leaves={b.path: held[b.base : b.base + b.size] if b.shape else held[b.base] for b in blocks},
        names={},
    )


def _of_function(
    fast: CompiledFunction, args: Any, kwargs: Any, spelled: Callable[[Op], bool], wrt: Any
) -> ArrayProgram:
    if args or kwargs:
        call = Call(args, kwargs)
        structure, given = call.key, numbers(call.chunks)
    elif made := [served for served in fast._served.values() if served.programs]:
        structure = made[-1].key
        given = made[-1].programs[0].traced[0][: size(structure)]
    else:
        raise _no_arguments(fast)
    tape, _, outer = traced(fast, structure, given)
    parameters, blocks = _arguments(fast, structure)
    root, inputs = fast._by_values(structure, given)
    results = leaves(root)
    outside = _Outside(outer, len(given))
    return _assembled(
        tape,
        [*[("P", i) for i in range(len(given))], *outside.places],
        spelled,
        None if wrt is False else [*_chosen(fast, parameters, blocks), *outside.blocks],
        next((x for x in results if isinstance(x, Value)), None),
        [*inputs, *outside.held],
        parameters=outside.names + parameters,
        blocks=[*blocks, *outside.blocks],
        result=opened(root, []),
        point=outside.point(given) + point_of(structure, iter(given)),
        value=[float(getattr(x, "data", x)) for x in results],
        leaves={},
        names=_outside_arrays(fast.f),
    )


def _of_samples(fast: BatchedFunction, args: Any, kwargs: Any, spelled: Callable[[Op], bool], wrt: Any) -> ArrayProgram:
    if not args and not kwargs:
        raise _no_arguments(fast)
    fast(*args, **kwargs)
    call = BatchCall(fast.signature, args, kwargs)
    code = fast._trace(call)
    blocks: list[Block] = []
    data: list[Block] = []
    point: list[Any] = []
    base = column = 0
    given = numbers(call.chunks)
    numbers_of = iter(given)
    for name, structure in call.structures.items():
        if name in call.blocks:
            data += [b._replace(samples=True) for b in blocks_of(structure, name, column)]
            column += size(structure)
            table = array([x for sample in call.blocks[name].samples for x in sample])
            shape = shape_of(structure)
            table = table.reshape(call.samples, *((size(structure),) if shape is None else shape))
            point.append(table.astype(int) if name in call.choices else table)
        else:
            blocks += blocks_of(structure, name, base)
            base += size(structure)
            point.append(arrays_of(structure, numbers_of))
    outside = _Outside(code.captured, base)
    loss, inputs = fast._graph(call, range(call.samples))
    return _assembled(
        code.tape,
        [*[("P", i) for i in range(base)], *outside.places, *[("X", i) for i in range(column)]],
        spelled,
        None if wrt is False else [*blocks, *outside.blocks],
        loss,
        [*inputs, *outside.held],
        parameters=outside.names + list(call.structures),
        blocks=[*blocks, *outside.blocks, *data],
        result=float,
        point=(*outside.point(given), *point),
        value=[float(getattr(loss, "data", loss))],
        leaves={},
        names=_outside_arrays(fast.f),
    )


def _assembled(
    tape: Any,
    arrays: list[tuple[str, int]],
    spelled: Callable[[Op], bool],
    wanted: list[Block] | None,
    loss: Any,
    held: Sequence[Value | None],
    *,
    blocks: list[Block],
    **known: Any,
) -> ArrayProgram:
    """The program: its loop nests, and the derivatives of the loss w.r.t. the Values that are held."""
    places = [i for block in wanted or () for i in range(block.base, block.base + block.size)]
    tidy, guards = differentiated(tape, arrays, places)
    columns, others = (sum(block.size for block in blocks if block.samples is samples) for samples in (True, False))
    found = adjoints(loss) if isinstance(loss, Value) else {}
    derivatives = [0.0 if leaf is None else found.get(leaf, 0.0) for leaf in held]
    return ArrayProgram(
        plan=planned(tidy, arrays, spelled),
        unrolled=lambda: unrolled(tidy, arrays, spelled, columns, others),
        blocks=blocks,
        guards=guards,
        gradients=wanted,
        derivatives=derivatives,
        **known,
    )


class _Outside:
    """The Values that a function uses from outside, as an argument `params` in front of the others."""

    def __init__(self, captured: Sequence[Value], base: int) -> None:
        blocks, self.held = grouped(list(captured), base)
        self.blocks = [block._replace(path=f'params["{block.path}"]') for block in blocks]
        order = {leaf: i for i, leaf in enumerate(self.held, base) if leaf is not None}
        self.places = [("P", order[v]) for v in captured]
        self.names = ["params"] if blocks else []

    def point(self, given: Sequence[float]) -> tuple[Any, ...]:
        every = [*given, *(0.0 if v is None else v.data for v in self.held)]
        return tuple([{b.path[8:-2]: entries(b, every) for b in self.blocks} for _ in self.names])


def _no_arguments(fast: Any) -> OperandError:
    return OperandError(f"an export of {fast.__name__} needs its arguments{user_line()}: give them behind it.")


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
