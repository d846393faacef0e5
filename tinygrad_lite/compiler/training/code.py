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

from collections.abc import Callable, Sequence
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

SOURCE = ("address", "width", "first", "checked", "copy", "bytes")
"""The fields of one source of data: sample-major doubles, their place among the columns, whether they must be choices,
and a copy of what was gathered, of so many bytes.
"""


def _field(w: Writer, pointer: str, i: int, kind: str = "i64") -> str:
    """The i-th 64-bit field behind a pointer."""
    return w.say(f"load {kind}, ptr {w.address(pointer, i, 'i64')}")


def _loop(w: Writer, count: str, body: Callable[[str], None], step: int = 1) -> None:
    """Do the body for i = 0, step, 2 step, ... below count; it gets the name of i."""
    with w.some(count, step) as i:
        body(i)


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

    def each(i: str) -> None:
        places = {name: w.address(f"%{name}", i) for name in arrays}
        p, g, *state = (Vector(w, w.load(place, 8)) for place in places.values())
        moved, new = optimizer.rule(p, g, tuple(state), *shared)
        for name, x in {"p": moved, **{f"s{i}": x for i, x in enumerate(new)}}.items():
            w.store(x.name, places[name], 8)

    _loop(w, "%count", each, step=lanes)
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
    w.label("entry")
    address, width, first = _field(w, "%source", 0, "ptr"), _field(w, "%source", 1), _field(w, "%source", 2)
    checked = _field(w, "%source", 3)
    good = w.say("alloca i1")
    w.do(f"store i1 true, ptr {good}")
    size = w.say("mul i64 %columns, %lanes")
    start = w.say(f"mul i64 {first}, %lanes")

    def block(b: str) -> None:
        offset = w.say(f"add i64 {w.say(f'mul i64 {b}, {size}')}, {start}")
        target = w.address("%to", offset)
        samples = w.say(f"getelementptr i64, ptr %index, i64 {w.say(f'mul i64 {b}, %lanes')}")

        def sample(k: str) -> str:
            """Where the k-th sample of this block begins."""
            number = w.say(f"load i64, ptr {w.say(f'getelementptr i64, ptr {samples}, i64 {k}')}")
            return w.address(address, w.say(f"mul i64 {number}, {width}"))

        def column(c: str) -> None:
            place = w.address(target, w.say(f"mul i64 {c}, %lanes"))

            def some(k: str) -> None:
                for j in range(lanes):
                    i = w.say(f"add i64 {k}, {j}")
                    x = w.say(f"load double, ptr {w.address(sample(i), c)}")
                    w.do(f"store double {x}, ptr {w.address(place, i)}")

            _loop(w, "%lanes", some, step=lanes)

        def check(k: str) -> None:
            x = w.say(f"load double, ptr {sample(k)}")
            found = "false"
            for choice in choices:
                found = w.say(f"or i1 {found}, {w.say(f'fcmp oeq double {x}, {choice!r}')}")
            both = w.say(f"and i1 {found}, {w.say(f'load i1, ptr {good}')}")
            w.do(f"store i1 {both}, ptr {good}")

        _loop(w, width, column)
        if choices:
            _loop(w, w.say(f"mul i64 {checked}, %lanes"), check)

    _loop(w, "%blocks", block)
    w.do(f"ret i1 {w.say(f'load i1, ptr {good}')}")
    signature = "ptr %to, i64 %blocks, i64 %lanes, i64 %columns, ptr %source, ptr %index"
    return "\n".join([f"define internal i1 @gather({signature}) nounwind {{", *w.lines, "}"])


def _line_up() -> str:
    """The first numbers of samples `index[0], index[1], ...` of a source, a sample after the other."""
    w = Writer()
    w.label("entry")
    address, width, first = _field(w, "%source", 0, "ptr"), _field(w, "%source", 1), _field(w, "%source", 2)
    room = w.say(f"sub i64 %line, {first}")
    some = w.say(f"icmp sgt i64 {room}, 0")
    count = w.say(f"select i1 {w.say(f'icmp slt i64 {room}, {width}')}, i64 {room}, i64 {width}")

    def sample(i: str) -> None:
        number = w.say(f"load i64, ptr {w.say(f'getelementptr i64, ptr %index, i64 {i}')}")
        place = w.address("%to", w.say(f"add i64 {w.say(f'mul i64 {i}, %line')}, {first}"))
        w.do(
            f"call void @copy(ptr {place}, ptr {w.address(address, w.say(f'mul i64 {number}, {width}'))}, i64 {count})"
        )

    _loop(w, w.say(f"select i1 {some}, i64 %rows, i64 0"), sample)
    w.do("ret void")
    signature = "ptr %to, i64 %line, ptr %source, ptr %index, i64 %rows"
    return "\n".join([f"define internal void @line_up({signature}) nounwind {{", *w.lines, "}"])


def _there() -> str:
    """Whether the samples were fetched before and are still what they were; if not, they count as not fetched."""
    w = Writer()
    w.label("entry")
    before = w.say("load i64, ptr %fetched")
    w.do(f"br i1 {w.say(f'icmp eq i64 {before}, 2')}, label %compare, label %no")
    w.label("compare")

    def compare(k: str) -> None:
        source = _source(w, "%sources", k)
        places = _field(w, source, SOURCE.index("address"), "ptr"), _field(w, source, SOURCE.index("copy"), "ptr")
        size = _field(w, source, SOURCE.index("bytes"))
        found = w.say(f"call i32 @memcmp(ptr {places[0]}, ptr {places[1]}, i64 {size})")
        w.do(f"br i1 {w.say(f'icmp eq i32 {found}, 0')}, label %same, label %differs")
        w.label("same")

    _loop(w, "%count", compare)
    w.do("ret i1 true")
    w.label("differs")
    w.do("store i64 1, ptr %fetched")
    w.do("br label %no")
    w.label("no")
    w.do("ret i1 false")
    head = "define internal i1 @there(ptr %fetched, ptr %sources, i64 %count) nounwind {"
    return "\n".join([head, *w.lines, "}", "", "declare i32 @memcmp(ptr, ptr, i64)"])


def _keep() -> str:
    """Copies of `count` sources that have just been gathered; of none where each step gathers its own samples."""
    w = Writer()
    w.label("entry")
    once = w.say(f"icmp eq i64 {w.say('load i64, ptr %fetched')}, 1")
    count = w.say(f"select i1 {once}, i64 %count, i64 0")

    def keep(k: str) -> None:
        source = _source(w, "%sources", k)
        to, place = _field(w, source, SOURCE.index("copy"), "ptr"), _field(w, source, SOURCE.index("address"), "ptr")
        numbers = w.say(f"lshr i64 {_field(w, source, SOURCE.index('bytes'))}, 3")
        w.do(f"call void @copy(ptr {to}, ptr {place}, i64 {numbers})")
        w.do("store i64 2, ptr %fetched")

    _loop(w, count, keep)
    w.do("ret void")
    head = "define internal void @keep(ptr %fetched, ptr %sources, i64 %count) nounwind {"
    return "\n".join([head, *w.lines, "}"])


def _source(w: Writer, sources: str, k: str) -> str:
    """Where the k-th source is described."""
    return w.say(f"getelementptr i64, ptr {sources}, i64 {w.say(f'mul i64 {k}, {len(SOURCE)}')}")


def _train(slots: int) -> str:
    w = Writer()
    w.label("entry")
    given = {name: _field(w, "%a", i, "i64" if name in _COUNTS else "ptr") for i, name in enumerate(FIELDS)}
    done, fetched = (w.say(f"getelementptr i64, ptr %a, i64 {FIELDS.index(name)}") for name in ("done", "fetched"))
    state = [_field(w, "%a", len(FIELDS) + i, "ptr") for i in range(slots)]

    def step(s: str) -> None:
        w.do(f"store i64 {s}, ptr {done}")
        sample = w.say(f"getelementptr i64, ptr {given['plan']}, i64 {w.say(f'mul i64 {s}, 3')}")
        batch, index, shared = (_field(w, sample, i, "ptr") for i in range(3))
        its = {name: _field(w, batch, i, "i64" if name in _COUNTS else "ptr") for i, name in enumerate(DESCRIPTION)}
        main_rows = w.say(f"mul i64 {its['blocks']}, {its['block']}")
        rest_index = w.say(f"getelementptr i64, ptr {index}, i64 {main_rows}")
        there = w.say(f"call i1 @there(ptr {fetched}, ptr {given['sources']}, i64 {given['source_count']})")
        wanted = w.say(f"icmp ne ptr {index}, null")
        wanted = w.say(f"select i1 {there}, i1 false, i1 {wanted}")
        sources = w.say(f"select i1 {wanted}, i64 {given['source_count']}, i64 0")

        def fetch(k: str) -> None:
            source = _source(w, given["sources"], k)
            oks = [
                w.say(
                    f"call i1 @gather(ptr {its[to]}, i64 {its[blocks]}, i64 {its[lanes]}, i64 {its['columns']}, "
                    f"ptr {source}, ptr {samples})"
                )
                for to, blocks, lanes, samples in (
                    ("main", "blocks", "block", index),
                    ("tail", "rest", "lanes", rest_index),
                )
            ]
            _leave_unless(w, w.say(f"and i1 {oks[0]}, {oks[1]}"), done, "-1")
            rest = w.say(f"mul i64 {its['rest']}, {its['lanes']}")
            samples = w.say(f"add i64 {main_rows}, {rest}")
            w.do(f"call void @line_up(ptr {its['lines']}, i64 {its['line']}, ptr {source}, ptr {index}, i64 {samples})")

        _loop(w, sources, fetch)
        w.do(f"call void @keep(ptr {fetched}, ptr {given['sources']}, i64 {sources})")
        w.do(f"call void @copy(ptr {its['parameters']}, ptr {given['parameters']}, i64 {given['count']})")
        w.do(f"call void {given['entry']}(ptr {its['arguments']})")
        loss = w.say(f"load double, ptr {its['out']}")
        w.do(f"store double {loss}, ptr {w.address(given['losses'], s)}")
        _leave_unless(w, w.say(f"fcmp ord double {w.say(f'fsub double {loss}, {loss}')}, 0.0"), done, s)
        w.do(f"call void @copy(ptr {given['gradient']}, ptr {w.address(its['out'], 1)}, i64 {given['count']})")
        arrays = ", ".join(f"ptr {x}" for x in (given["parameters"], given["gradient"], *state))
        w.do(f"call void @update({arrays}, i64 {given['padded']}, ptr {shared})")

    _loop(w, given["steps"], step)
    w.do(f"store i64 {given['steps']}, ptr {done}")
    last = w.address(given["losses"], w.say(f"sub i64 {given['steps']}, 1"))
    w.do(f"ret double {w.say(f'load double, ptr {last}')}")
    return "\n".join(["define double @train(ptr %a) nounwind {", *w.lines, "}"])


_COUNTS = {"steps", "count", "padded", "source_count", "done", "blocks", "block", "rest", "lanes", "columns", "line"}


def _leave_unless(w: Writer, good: str, done: str, result: str) -> None:
    """Return from `train` with that result, unless all is well."""
    mine = f"g{len(w.lines)}"
    w.do(f"br i1 {good}, label %{mine}.on, label %{mine}.out")
    w.label(f"{mine}.out")
    w.do(f"store i64 {result}, ptr {done}")
    w.do("ret double 0x7FF8000000000000")
    w.label(f"{mine}.on")
