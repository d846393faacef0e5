"""Runners from the disk: the same tape is compiled once, and an entry that is not right is made anew."""

import subprocess
import sys

import pytest

import tinygrad_lite as tg
from tinygrad_lite.compiler.backends.llvm import llvm_runner
from tinygrad_lite.compiler.ir.tape import Builder, Tape
from tinygrad_lite.compiler.passes.adjoint import template
from tinygrad_lite.compiler.runtime import program_cache
from tinygrad_lite.compiler.runtime.program import ALL
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import TABLE

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

pytestmark = pytest.mark.usefixtures("loops_at_once")

W = [0.3, -0.8, 0.5]
X = np.linspace(-2.0, 2.0, 150).reshape(50, 3)
Y = np.sin(X[:, 0])


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def row(w, x, y):
    return (tg.tanh(tg.dot(w, x)) - y) ** 2 + 0.25 * tg.dot(w, w)


def answer(f=row, **how):
    fast = tg.compile(f, batch=("x", "y"), **how)
    value, slopes = fast.value_and_grad(W, X, Y)
    (code,) = fast._programs_made()
    return (value, slopes), code.runners[code.inputs(ALL)], fast


def test_the_second_time_no_pass_is_run_and_every_bit_is_the_same(place, monkeypatch):
    first, made, _ = answer()

    def never(*_, **__):
        raise AssertionError("a pass was run")

    monkeypatch.setattr(llvm_runner, "Plans", never)
    second, runner, fast = answer()

    assert not isinstance(made, program_cache.CachedRunner)
    assert isinstance(runner, program_cache.CachedRunner)
    assert first == second
    assert fast.value_and_grad([2.0 * w for w in W], X[:7], Y[:7])[0] > 0.0


def test_what_comes_from_the_disk_can_be_shown(place):
    _, _, fast = answer()
    _, runner, again = answer()

    assert isinstance(runner, program_cache.CachedRunner)
    for kind in ("tape", "python", "plan", "llvm"):
        assert again.source(kind) == fast.source(kind)
    assert "from the disk" in again.report()
    prepared = again.prepare(W, X, Y)
    prepared()
    assert prepared.loss == fast.value_and_grad(W, X, Y)[0]


def damages():
    def cut(entry):
        entry.write_bytes(entry.read_bytes()[:-3])

    def altered(entry):
        raw = bytearray(entry.read_bytes())
        raw[-1] ^= 1
        entry.write_bytes(bytes(raw))

    return [cut, altered, lambda entry: entry.unlink(), lambda entry: entry.write_bytes(b"")]


@pytest.mark.few(3)
@pytest.mark.parametrize("damage", damages())
@pytest.mark.parametrize("which", [0, 1])
def test_an_entry_that_is_damaged_is_made_anew(place, damage, which):
    first, _, _ = answer()
    entries = sorted(place.glob("*.tgcode"))
    assert len(entries) == 2  # the tape's, and the machine code it names
    damage(entries[which])

    second, runner, _ = answer()
    third, again, _ = answer()

    assert not isinstance(runner, program_cache.CachedRunner)
    assert isinstance(again, program_cache.CachedRunner)
    assert first == second == third


def test_another_constant_row_count_or_back_end_is_another_entry(place):
    answer()
    _, other, _ = answer(lambda w, x, y: (tg.tanh(tg.dot(w, x)) - y) ** 2 + 0.125 * tg.dot(w, w))
    assert not isinstance(other, program_cache.CachedRunner)
    _, other, _ = answer(backend="numpy")
    assert other.name == "numpy"
    fast = tg.compile(row, batch=("x", "y"))
    assert fast(W, X, Y) == pytest.approx(answer()[0][0], rel=1e-15)  # the value alone: not the code for slopes


def test_a_rule_changed_by_hand_is_not_answered_from_the_disk(place, monkeypatch):
    answer()
    monkeypatch.setattr(ops.tanh, "partials", lambda x, out: (2.0 * (1.0 - out * out),))
    template.cache_clear()
    try:
        _, runner, _ = answer()
    finally:
        template.cache_clear()
    assert not isinstance(runner, program_cache.CachedRunner)


def tape_of(make, kind=Tape):
    tape = kind()
    x, y = tape.input("x"), tape.input("y")
    tape.outputs = [make(tape, x, y)]
    return tape


def test_tapes_that_compute_something_else_never_share_a_name():
    tapes = [
        tape_of(lambda t, x, y: t.node(ops.add, (x, y))),
        tape_of(lambda t, x, y: t.node(ops.mul, (x, y))),
        tape_of(lambda t, x, y: t.node(ops.mul, (y, x))),
        tape_of(lambda t, x, y: t.node(ops.mul, (x, t.constant(2.0)))),
        tape_of(lambda t, x, y: t.node(ops.mul, (x, t.constant(2.0000000000000004)))),
        tape_of(lambda t, x, y: t.node(ops.add, (x, t.constant(0.0)))),
        tape_of(lambda t, x, y: t.node(ops.add, (x, t.constant(-0.0)))),
        tape_of(lambda t, x, y: t.node(ops.add, (x, t.input("z")))),
        tape_of(lambda t, x, y: t.node(ops.sum, (x, y, y))),
        tape_of(lambda t, x, y: x),
        tape_of(lambda t, x, y: y),
    ]
    assert len({program_cache.identity(tape) for tape in tapes}) == len(tapes)
    assert program_cache.identity(tape_of(lambda t, x, y: t.node(ops.add, (x, y)), Builder)) == program_cache.identity(
        tapes[0]
    )


@pytest.mark.long
def test_a_second_process_reads_what_the_first_has_written(place):
    program = (
        "import tinygrad_lite as tg\n"
        "f = tg.compile(lambda w, x: tg.exp(w[0] * x) * w[1], batch='x', backend='llvm')\n"
        "print(f.value_and_grad([0.5, 2.0], [0.1, 0.2, 0.7]))\n"
        "print(type(f._programs_made()[0].runners[range(2)]).__name__)\n"
        "import sys; print('tinygrad_lite.compiler.backends.llvm.llvm_backend' in sys.modules)\n"
    )
    said = [
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split("\n")
        for _ in range(2)
    ]
    assert said[0][0] == said[1][0]
    assert [lines[1] for lines in said] == ["LLVMRunner", "CachedRunner"]
    assert [lines[2] for lines in said] == ["True", "False"]  # the passes and the writer of LLVM's text stay closed


def loop(w):
    total = 0.0
    for x, y in zip(X.tolist(), Y.tolist(), strict=True):
        total = total + row(w, x, y) + (abs(w[0]) if w[1] < x[0] else w[0] * w[0])
    return total if w[2] > 0.0 else -total


def branching(w):
    product = tg.dot(w, w)
    return tg.exp(-product) if w[0] < product else tg.log(product)


@pytest.mark.few(1)
@pytest.mark.parametrize("f", [loop, branching])
def test_guards_hold_for_what_comes_from_the_disk(place, f):
    points = [W, [0.9, 0.1, 0.2], [-0.3, 0.8, -0.5]]
    first, second = tg.compile(f), tg.compile(f)
    answers = [(first.value_and_grad(w), first(w)) for w in points]

    assert [(second.value_and_grad(w), second(w)) for w in points] == answers
    made = [runner for p in second._programs_made() for runner in p.runners.values()]
    assert made
    assert all(isinstance(runner, program_cache.CachedRunner) for runner in made)
    assert second.source("llvm") == first.source("llvm")
    assert "from the disk" in second.report()


def test_slopes_along_other_arguments_are_another_entry(place):
    def f(a, b):
        return tg.sin(a) * b

    assert tg.compile(f).grad(0.5, 2.0) == pytest.approx(2.0 * np.cos(0.5), rel=1e-14)
    assert tg.compile(f, argnums=1).grad(0.5, 2.0) == pytest.approx(np.sin(0.5), rel=1e-14)
    assert tg.compile(f, argnums=(1, 0)).grad(0.5, 2.0) == pytest.approx((np.sin(0.5), 2.0 * np.cos(0.5)), rel=1e-14)


def test_every_row_of_the_table_is_known_and_another_of_the_same_name_is_not():
    package = [op for op in TABLE.values() if op.display_derivatives.__module__.startswith("tinygrad_lite.")]
    assert len(package) > 20
    assert [op.name for op in package if not program_cache._ours(op)] == []
    assert not program_cache._ours(ops.exp.replaced(partials=lambda x, out: (out,), display_derivatives=None))
