"""The machine code around a compiled loss: many steps of training in one call.

In: an optimizer, and the address of the code that computes loss and gradient. Out: LLVM's text of
`train`, which for each step gathers the samples of the batch, runs that code, and moves the parameters. It returns the
loss of the last step, or NaN if it stopped before.

    for each step:
        put the batch's samples where the loss wants them      (gather; not if they are still there, unchanged)
        copy the parameters there, run, take loss and gradient
        if the loss is not finite: stop, with the parameters as they were
        move each parameter by the optimizer's rule         (on vectors, traced from the rule itself)

The rule is the optimizer's own, run once on `Vector`s, and so are the numbers that all parameters share in a step,
such as Adam's corrections: there is no second set of formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_lite.compiler.backends.llvm import kernels
from tinygrad_lite.compiler.backends.llvm.kernels.vector import Vector
from tinygrad_lite.compiler.backends.llvm.writer import Writer

FIELDS = (
    *("steps", "plan", "losses", "parameters", "gradient", "count", "padded"),
    *("sources", "source_count", "entry", "done", "fetched"),
)
"""The 64-bit fields of `train`'s argument; behind them the addresses of the optimizer's state.

`fetched` is 0 where each step gathers its own samples. Where all steps have the same samples it is 1 before they are
gathered and 2 afterwards: then they are compared with a copy of what was gathered, which takes less time.
"""

DESCRIPTION = (
    *("arguments", "main", "blocks", "block", "tail", "rest", "lanes", "columns", "parameters", "out"),
    *("lines", "line"),
)
"""The fields of a batch's description: where its buffers are and how its samples are cut into blocks; then where its
samples lie once more, a sample after the other, and how many numbers of each.
"""

STEP = ("batch", "index", "shared")
"""The fields of one step: the description of its batch, which samples, and its learning rate and number."""

SOURCE = ("address", "width", "first", "checked", "copy", "bytes")
"""The fields of one source of data: sample-major doubles, their place among the columns, whether they must be choices,
and a copy of what was gathered, of so many bytes.
"""


COUNTS = {
    *("steps", "count", "padded", "source_count", "done", "fetched", "blocks", "block", "rest", "lanes", "columns"),
    *("line", "width", "first", "checked", "bytes"),
}
"""The fields that are whole numbers; the others are addresses."""


def _times(w: Writer, x: str, y: str | int) -> str:
    return w.say(f"mul i64 {x}, {y}")


def _entry(w: Writer, array: str, i: str) -> str:
    """The i-th of an array of whole numbers."""
    return w.say(f"load i64, ptr {w.address(array, i, 'i64')}")


def text(optimizer: Any, lanes: int, choices: Sequence[float]) -> str:
    """The module that defines `train`.

    Args:
        optimizer: its `numbers(lr, t)` are shared by all parameters in step t, its `rule` moves one of them.
        lanes: doubles in a vector.
        choices: the numbers that a source to be checked may hold.
    """
    slots = len(optimizer.slots)
    update, w = _update(optimizer, slots, lanes)
    functions = [_train(slots), _gather(choices, lanes), _line_up(), _there(), _keep(), _COPY, update]
    return kernels.module(functions, w.kernels, w.declared)


def _update(optimizer: Any, slots: int, lanes: int) -> tuple[str, Writer]:
    """One step of the optimizer over arrays whose length is a multiple of the lanes."""
    arrays = ["p", "g", *(f"s{i}" for i in range(slots))]
    signature = ", ".join([f"ptr %{name}" for name in arrays] + ["i64 %count", "ptr %shared"])
    w = Writer()
    lr, t = (Vector(w, w.say(f"load double, ptr {w.address('%shared', i)}")) for i in range(2))
    numbers = [lr.like(x).name for x in optimizer.numbers(lr, t)]
    w.lanes = lanes
    shared = [Vector(w, w.splat(x)) for x in numbers]

    with w.some("%count", lanes) as i:
        places = {name: w.address(f"%{name}", i) for name in arrays}
        p, g, *state = (Vector(w, w.load(place, 8)) for place in places.values())
        moved, new = optimizer.rule(p, g, tuple(state), *shared)
        for name, x in {"p": moved, **{f"s{i}": x for i, x in enumerate(new)}}.items():
            w.store(x.name, places[name], 8)
    return w.function(f"internal void @update({signature}) nounwind"), w


_COPY = """define internal void @copy(ptr %to, ptr %from, i64 %count) alwaysinline nounwind {
  %bytes = shl i64 %count, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %bytes, i1 false)
  ret void
}

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"""
"""`count` doubles from one place to another."""


def _gather(choices: Sequence[float], lanes: int) -> str:
    """Samples `index[0], index[1], ...` of a source, cut into blocks of `lanes` samples, a column after the other in
    each.

    Returns false if the source is one to be checked and a number in it is none of the choices.
    """
    w = Writer()
    its = w.fields(SOURCE, COUNTS, "%source")
    good = w.say("alloca i1")
    w.do(f"store i1 true, ptr {good}")
    size, start = _times(w, "%columns", "%lanes"), _times(w, its["first"], "%lanes")
    with w.some("%blocks") as b:
        target = w.address("%to", w.say(f"add i64 {_times(w, b, size)}, {start}"))
        samples = w.address("%index", _times(w, b, "%lanes"), "i64")

        def sample(k: str) -> str:
            """Where the k-th sample of this block begins."""
            return w.address(its["address"], _times(w, _entry(w, samples, k), its["width"]))

        with w.some(its["width"]) as c:
            place = w.address(target, _times(w, c, "%lanes"))
            with w.some("%lanes", lanes) as k:
                for j in range(lanes):
                    i = w.say(f"add i64 {k}, {j}")
                    x = w.say(f"load double, ptr {w.address(sample(i), c)}")
                    w.do(f"store double {x}, ptr {w.address(place, i)}")
        if choices:
            with w.some(_times(w, its["checked"], "%lanes")) as k:
                x, found = w.say(f"load double, ptr {sample(k)}"), "false"
                for choice in choices:
                    found = w.say(f"or i1 {found}, {w.say(f'fcmp oeq double {x}, {choice!r}')}")
                both = w.say(f"and i1 {found}, {w.say(f'load i1, ptr {good}')}")
                w.do(f"store i1 {both}, ptr {good}")
    signature = "ptr %to, i64 %blocks, i64 %lanes, i64 %columns, ptr %source, ptr %index"
    return w.function(f"internal i1 @gather({signature}) nounwind", f"i1 {w.say(f'load i1, ptr {good}')}")


def _line_up() -> str:
    """The first numbers of samples `index[0], index[1], ...` of a source, a sample after the other."""
    w = Writer()
    its = w.fields(SOURCE, COUNTS, "%source")
    width, room = its["width"], w.say(f"sub i64 %line, {its['first']}")
    some = w.say(f"icmp sgt i64 {room}, 0")
    count = w.say(f"select i1 {w.say(f'icmp slt i64 {room}, {width}')}, i64 {room}, i64 {width}")
    with w.some(w.say(f"select i1 {some}, i64 %samples, i64 0")) as i:
        place = w.address("%to", w.say(f"add i64 {_times(w, i, '%line')}, {its['first']}"))
        sample = w.address(its["address"], _times(w, _entry(w, "%index", i), width))
        w.do(f"call void @copy(ptr {place}, ptr {sample}, i64 {count})")
    return w.function("internal void @line_up(ptr %to, i64 %line, ptr %source, ptr %index, i64 %samples) nounwind")


def _there() -> str:
    """Whether the samples were fetched before and are still what they were; if not, they count as not fetched."""
    w = Writer()
    before = w.say("load i64, ptr %fetched")
    w.do(f"br i1 {w.say(f'icmp eq i64 {before}, 2')}, label %compare, label %no")
    w.label("compare")
    with w.some("%count") as k:
        its = w.fields(SOURCE, COUNTS, _source(w, "%sources", k))
        found = w.say(f"call i32 @memcmp(ptr {its['address']}, ptr {its['copy']}, i64 {its['bytes']})")
        w.do(f"br i1 {w.say(f'icmp eq i32 {found}, 0')}, label %same, label %differs")
        w.label("same")
    w.do("ret i1 true")
    w.label("differs")
    w.do("store i64 1, ptr %fetched")
    w.do("br label %no")
    w.label("no")
    head = "internal i1 @there(ptr %fetched, ptr %sources, i64 %count) nounwind"
    return w.function(head, "i1 false") + "\n\ndeclare i32 @memcmp(ptr, ptr, i64)"


def _keep() -> str:
    """Copies of `count` sources that have just been gathered; of none where each step gathers its own samples."""
    w = Writer()
    once = w.say(f"icmp eq i64 {w.say('load i64, ptr %fetched')}, 1")
    with w.some(w.say(f"select i1 {once}, i64 %count, i64 0")) as k:
        its = w.fields(SOURCE, COUNTS, _source(w, "%sources", k))
        numbers = w.say(f"lshr i64 {its['bytes']}, 3")
        w.do(f"call void @copy(ptr {its['copy']}, ptr {its['address']}, i64 {numbers})")
        w.do("store i64 2, ptr %fetched")
    return w.function("internal void @keep(ptr %fetched, ptr %sources, i64 %count) nounwind")


def _source(w: Writer, sources: str, k: str) -> str:
    """Where the k-th source is described."""
    return w.address(sources, _times(w, k, len(SOURCE)), "i64")


def _train(slots: int) -> str:
    w = Writer()
    given = w.fields((*FIELDS, *(f"s{i}" for i in range(slots))), COUNTS, "%a")
    done, fetched = (w.address("%a", FIELDS.index(name), "i64") for name in ("done", "fetched"))
    state = [given[f"s{i}"] for i in range(slots)]
    with w.some(given["steps"]) as s:
        w.do(f"store i64 {s}, ptr {done}")
        step = w.fields(STEP, COUNTS, w.address(given["plan"], _times(w, s, len(STEP)), "i64"))
        its, index = w.fields(DESCRIPTION, COUNTS, step["batch"]), step["index"]
        main = _times(w, its["blocks"], its["block"])
        there = w.say(f"call i1 @there(ptr {fetched}, ptr {given['sources']}, i64 {given['source_count']})")
        wanted = w.say(f"select i1 {there}, i1 false, i1 {w.say(f'icmp ne ptr {index}, null')}")
        sources = w.say(f"select i1 {wanted}, i64 {given['source_count']}, i64 0")
        parts = ("main", "blocks", "block", index), ("tail", "rest", "lanes", w.address(index, main, "i64"))
        with w.some(sources) as k:
            source = _source(w, given["sources"], k)
            oks = [
                w.say(
                    f"call i1 @gather(ptr {its[to]}, i64 {its[blocks]}, i64 {its[lanes]}, i64 {its['columns']}, "
                    f"ptr {source}, ptr {samples})"
                )
                for to, blocks, lanes, samples in parts
            ]
            _leave_unless(w, w.say(f"and i1 {oks[0]}, {oks[1]}"), done, "-1")
            samples = w.say(f"add i64 {main}, {_times(w, its['rest'], its['lanes'])}")
            w.do(f"call void @line_up(ptr {its['lines']}, i64 {its['line']}, ptr {source}, ptr {index}, i64 {samples})")
        w.do(f"call void @keep(ptr {fetched}, ptr {given['sources']}, i64 {sources})")
        w.do(f"call void @copy(ptr {its['parameters']}, ptr {given['parameters']}, i64 {given['count']})")
        w.do(f"call void {given['entry']}(ptr {its['arguments']})")
        loss = w.say(f"load double, ptr {its['out']}")
        w.do(f"store double {loss}, ptr {w.address(given['losses'], s)}")
        _leave_unless(w, w.say(f"fcmp ord double {w.say(f'fsub double {loss}, {loss}')}, 0.0"), done, s)
        w.do(f"call void @copy(ptr {given['gradient']}, ptr {w.address(its['out'], 1)}, i64 {given['count']})")
        arrays = ", ".join(f"ptr {x}" for x in (given["parameters"], given["gradient"], *state))
        w.do(f"call void @update({arrays}, i64 {given['padded']}, ptr {step['shared']})")
    w.do(f"store i64 {given['steps']}, ptr {done}")
    last = w.address(given["losses"], w.say(f"sub i64 {given['steps']}, 1"))
    return w.function("double @train(ptr %a) nounwind", f"double {w.say(f'load double, ptr {last}')}")


def _leave_unless(w: Writer, good: str, done: str, result: str) -> None:
    """Return from `train` with that result, unless all is well."""
    mine = f"g{len(w.lines)}"
    w.do(f"br i1 {good}, label %{mine}.on, label %{mine}.out")
    w.label(f"{mine}.out")
    w.do(f"store i64 {result}, ptr {done}")
    w.do("ret double 0x7FF8000000000000")
    w.label(f"{mine}.on")
