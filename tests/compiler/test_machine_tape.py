"""The tape in machine code: every op, forward and back, against the engine; when it is left for loops, and when not."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import threading
from typing import Any

import pytest

import tinygrad_lite as tg
from tinygrad_lite.compiler.backends.llvm import tape_runner
from tinygrad_lite.compiler.backends.llvm.instructions import CODES
from tinygrad_lite.compiler.backends.llvm.tape_runner import TapeMachine
from tinygrad_lite.compiler.frontend.arguments import Call
from tinygrad_lite.compiler.ir.recording import Recording
from tinygrad_lite.compiler.passes.lowering import NoLowering
from tinygrad_lite.engine import Value, ops
from tinygrad_lite.engine.op import TABLE, Op
from tinygrad_lite.engine.reverse import adjoints

pytest.importorskip("llvmlite")
np = pytest.importorskip("numpy")

OPS = [op for op in TABLE.values() if op.arity != 0]


def by_engine(f: Any, point: Any) -> list[float]:
    leaves = [Value(x) for x in point]
    root = f(leaves)
    found = adjoints(root)
    return [root.data, *(found.get(leaf, 0.0) for leaf in leaves)]


def on_tape(f: Any, point: Any) -> list[float]:
    """Value and gradient of a function of a list, traced and put on the tape, and not compared with anything."""
    fast = tg.compile(f)
    program = fast._trace(Call(([*map(float, point)],), {}))
    out = TapeMachine(program.tape, range(len(point))).run([*map(float, point)])
    assert out[-1] == 0.0  # all guards hold
    return [float(x) for x in out[:-1]]


def close(got: Any, wanted: Any, within: float = 1e-12) -> bool:
    return all(abs(x - y) <= within * max(1.0, abs(y)) for x, y in zip(got, wanted, strict=True))


@pytest.mark.few(3)
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_each_op_gives_the_engines_value_and_gradient(op: Op) -> None:
    def f(xs: list[Any]) -> Any:
        return op(*xs)

    for point in op.points():
        assert close(on_tape(f, point), by_engine(f, point))


@pytest.mark.parametrize("op", [op for op in OPS if op.arity == 2], ids=lambda op: op.name)
def test_an_operand_that_is_a_constant_needs_no_derivative(op: Op) -> None:
    for point in op.points():
        for k in (0, 1):

            def f(xs: list[Any], k: int = k, point: Any = point) -> Any:
                return op(*[xs[0] if i == k else x for i, x in enumerate(point)])

            assert close(on_tape(f, point[k : k + 1]), by_engine(f, point[k : k + 1]))


@pytest.mark.parametrize("name", ["sum", "dot", "max", "min", "logsumexp", "mean", "prod", "norm"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_an_op_takes_any_number_of_operands(name: str, n: int) -> None:
    rng = random.Random(n)
    point = [rng.uniform(0.1, 2.0) for _ in range(n)]

    def f(xs: list[Any]) -> Any:
        return TABLE[name](*xs)

    assert close(on_tape(f, point), by_engine(f, point))


def test_a_sum_of_two_counts_though_the_first_input_asks_for_no_gradient() -> None:
    fast = tg.compile(lambda x, w: tg.dot([w], [w * x]), argnums=1)

    assert fast.value_and_grad(3.0, 2.0) == (12.0, 12.0)


@pytest.mark.parametrize("exponent", [-33.0, -3.0, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0, 3.0, 7.0, 32.0, 33.0])
def test_a_constant_exponent_is_a_case_of_its_own(exponent: float) -> None:
    def f(xs: list[Any]) -> Any:
        return xs[0] ** exponent * xs[1]

    for x in (0.7, 1.3) if exponent % 1 or abs(exponent) > 32 else (-1.1, 0.7, 1.3):
        assert close(on_tape(f, [x, 2.0]), by_engine(f, [x, 2.0]), 1e-11)


def test_operands_that_tie_share_the_gradient() -> None:
    assert on_tape(lambda xs: tg.maximum(*xs), [1.0, 2.0, 2.0, 2.0])[1:] == [0.0, 1 / 3, 1 / 3, 1 / 3]


def test_the_same_operand_twice_receives_both_shares() -> None:
    assert on_tape(lambda xs: xs[0] * xs[0] + (xs[0] - xs[0]), [3.0]) == [9.0, 6.0]


def test_what_the_result_does_not_need_sends_nothing_back() -> None:
    def f(xs: list[Any]) -> Any:
        tg.sqrt(xs[0])  # its derivative is infinite here
        return xs[0] * 3.0

    assert on_tape(f, [0.0]) == [0.0, 3.0]


def test_logsumexp_keeps_its_digits_far_from_zero() -> None:
    def f(xs: list[Any]) -> Any:
        return tg.logsumexp([x + 2.0**40 for x in xs])  # which loses nothing of eighths

    assert close(on_tape(f, [0.375, -0.25, 0.125])[1:], by_engine(tg.logsumexp, [0.375, -0.25, 0.125])[1:], 1e-15)


def random_graph(seed: int, n: int = 400) -> Any:
    rng = random.Random(seed)
    steps = [(rng.choice("+-*trscl"), rng.random(), rng.random()) for _ in range(n)]

    def f(xs: list[Any]) -> Any:
        v = list(xs)
        for kind, a, b in steps:
            x, y = v[int(a * len(v))], v[int(b * len(v))]
            if kind == "l":
                v.append(tg.logsumexp([x, y, 0.5]))
            elif kind in "+-*":
                v.append(x + y if kind == "+" else x - y if kind == "-" else tg.tanh(x) * y)
            else:
                v.append({"t": tg.tanh, "r": tg.relu, "s": tg.sin, "c": tg.cos}[kind](x))
        return tg.sum(v[-40:])

    return f


@pytest.mark.parametrize("seed", range(8))
def test_random_graphs_agree_with_the_engine(seed: int) -> None:
    point = [random.Random(seed + 50).uniform(-1.0, 1.0) for _ in range(6)]
    f = random_graph(seed)

    assert close(on_tape(f, point), by_engine(f, point), 1e-10)


def test_the_first_call_runs_on_the_tape_and_says_so() -> None:
    fast = tg.compile(random_graph(1))

    value, gradient = fast.value_and_grad([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])

    assert close([value, *gradient], by_engine(random_graph(1), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
    assert "a tape in machine code" in fast.report()
    assert "Loops are made once such a call is prepared" in fast.report()


def test_another_branch_is_another_program() -> None:
    fast = tg.compile(lambda x: x * x if x > 0 else -x)

    assert (fast.value_and_grad(3.0), fast.value_and_grad(-3.0), fast.value_and_grad(2.0)) == (
        (9.0, 6.0), (3.0, -1.0), (4.0, 4.0),
    )  # fmt: skip


def test_calls_and_size_alone_decide_when_loops_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape_runner, "SOON", 5_000)
    seen = []
    for _ in range(2):
        fast = tg.compile(lambda w: tg.sum([(a * 2.0 - 1.0) ** 2 for a in w]))
        names = []
        for _ in range(60):
            fast.grad([0.1 * k for k in range(50)])
            names.append(next(iter(fast._programs_made()[0].runners.values())).name)
        seen.append(names)

    assert seen[0] == seen[1]
    assert (seen[0][0], seen[0][-1]) == ("machine tape", "llvm")


def test_a_call_that_is_prepared_has_its_loops_at_once() -> None:
    fast = tg.compile(lambda w: tg.sum([a * a for a in w]))

    prepared = fast.prepare([1.0, 2.0, 3.0])
    prepared()

    assert prepared.loss == 14.0
    assert "machine code through LLVM" in fast.report()


def test_a_program_too_irregular_for_loops_stays_on_the_tape(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinygrad_lite.compiler.backends.llvm import llvm_runner

    monkeypatch.setattr(llvm_runner, "LONGEST", 20)
    fast = tg.compile(random_graph(3))

    prepared = fast.prepare([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    prepared()

    assert close(prepared.out[:7], by_engine(random_graph(3), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
    assert "too irregular" in fast.report()
    assert "Loops are made" not in fast.report()


def test_threads_get_the_same_bits() -> None:
    fast, point = tg.compile(random_graph(5)), [0.1, -0.2, 0.3, 0.4, -0.5, 0.6]
    first, found = fast.value_and_grad(point), []
    threads = [threading.Thread(target=lambda: found.extend(map(fast.value_and_grad, [point] * 50))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [first] * 200


def test_an_op_of_ones_own_is_opened_or_refused() -> None:
    columns: dict[str, Any] = {
        "symbol": "own", "forward": lambda x: x + math.sin(x), "partials": lambda x, out: (1.0 + ops.cos(x),),
        "latex": "", "source": "", "domain": (ops.sin.domain[0],), "doc": "",
    }  # fmt: skip
    known = Op(name="own", lower=lambda x: x + ops.sin(x), **columns)
    unknown = Op(name="alien", **columns)

    def tape(op: Op) -> Recording:
        made = Recording()
        made.outputs = [made.node(op, (made.input("x"),))]
        return made

    assert close(TapeMachine(tape(known), range(1)).run([0.5])[:2], [0.5 + math.sin(0.5), 1.0 + math.cos(0.5)])
    with pytest.raises(NoLowering, match="alien has no kernel"):
        TapeMachine(tape(unknown), range(1))


def test_an_op_that_is_ordinary_arithmetic_needs_no_other_rule() -> None:
    bump = Op(
        name="bump",
        forward=lambda x: x / (1.0 + x * x) if x > 0 else 0.5 * x,
        partials=lambda x, out: ((1.0 - x * x) / ((1.0 + x * x) * (1.0 + x * x)) if x > 0 else 0.5,),
        doc="",
    )

    def f(w: Any) -> Any:
        return tg.sum([bump(x * x - 0.5) for x in w])

    point = [0.1 * k for k in range(-9, 10)]
    for backend in ("llvm", "numpy", None):
        fast = tg.compile(f, backend=backend)
        value, gradient = fast.value_and_grad(point)

        assert close([value, *gradient], by_engine(f, point))
        assert "plain Python" not in fast.report()


def test_an_op_entered_before_the_compiler_is_loaded_changes_no_number() -> None:
    code = (
        "import math; from tinygrad_lite.engine.op import primitive\n"
        "primitive(name='mine', forward=math.sin, partials=lambda x, out: (1.0 - out,), doc='')\n"
        "from tinygrad_lite.compiler.backends.llvm.instructions import CODES; print(CODES)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout == f"{CODES}\n"


def test_every_op_of_the_table_has_a_number_of_its_own() -> None:
    assert len(set(CODES.values())) == len(CODES)
    assert {op.name for op in TABLE.values() if op.arity} <= set(CODES)


def test_samples_go_through_the_tape_until_there_were_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape_runner, "SAMPLES", 100)
    X = np.random.default_rng(1).normal(size=(40, 3))
    y = X[:, 0] - X[:, 1] ** 2

    def loss(w: Any, x: Any, y: Any) -> Any:
        return (tg.dot(w[:3], x, w[3]) + tg.relu(w[4] * x[0]) - y) ** 2

    fast, names, found = tg.compile(loss, batch=("x", "y")), [], []
    for _ in range(4):
        value, gradient = fast.value_and_grad([0.5, -0.2, 0.1, 0.3, 0.7], X, y)
        found.append([value, *gradient])
        names.append(fast._programs_made()[0].runners[range(5)].name)

    wanted = by_engine(
        lambda w: sum(loss(w, x, t) for x, t in zip(X.tolist(), y, strict=True)) / 40.0, [0.5, -0.2, 0.1, 0.3, 0.7]
    )
    assert all(close(each, wanted) for each in found)
    assert names == ["machine tape", "machine tape", "llvm", "llvm"]


def test_a_report_differentiates_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient of a tape of millions of ops takes minutes: nobody who reads a report waits for it."""
    fast = tg.compile(lambda x: tg.sin(x[0]) * x[1])
    fast.value_and_grad([0.5, 2.0])

    def never(*_: Any) -> None:
        raise AssertionError("a pass was run")

    monkeypatch.setattr(tape_runner, "differentiated", never)

    assert "2 instructions." in fast.report()
