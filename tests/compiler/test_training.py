"""Training steps in compiled code against nn.fit, and what they promise about parameters, state and errors."""

import copy
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

import numpy as np

from tinygrad_lite import Value, errors, nn
from tinygrad_lite.compiler import CompileWarning
from tinygrad_lite.compiler.backends.llvm import jit
from tinygrad_lite.compiler.runtime.bound import place_of
from tinygrad_lite.compiler.training import code as training_code
from tinygrad_lite.engine import native

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
MOONS = RNG.normal(size=(30, 2)), np.sign(RNG.normal(size=30))
CLASSES = RNG.uniform(size=(21, 5)), RNG.integers(0, 3, 21)
LINE = RNG.normal(size=(12, 3)), RNG.normal(size=12)


def network(sizes, activation="tanh"):
    return nn.MLP(sizes[0], list(sizes[1:]), activation=activation, seed=3)


OPTIMIZERS = {
    "SGD": lambda m: nn.SGD(m, lr=0.05),
    "momentum": lambda m: nn.SGD(m, lr=0.05, momentum=0.9, weight_decay=1e-3),
    "Nesterov": lambda m: nn.SGD(m, lr=0.05, momentum=0.9, nesterov=True),
    "Adam": lambda m: nn.Adam(m, lr=0.01, weight_decay=1e-3),
    "AdamW": lambda m: nn.AdamW(m, lr=0.01),
    "RMSprop": lambda m: nn.RMSprop(m, lr=0.01),
    "Adagrad": lambda m: nn.Adagrad(m, lr=0.05),
    "clipped": lambda m: nn.Adam(m, lr=0.01, clip_norm=0.3),
    "schedule": lambda m: nn.SGD(m, lr=lambda step: 0.1 / (1 + step)),
}


def numbers(model):
    return [p.data for p in model.parameters()]


@pytest.mark.few(3)
@pytest.mark.parametrize("backend", ["llvm", "numpy", "tape"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_epochs_in_compiled_code_end_where_fit_ends(name, backend):
    X, y = CLASSES
    slow, fast = network([5, 6, 3]), network([5, 6, 3])
    history = nn.fit(
        slow, (X.tolist(), y.tolist()), nn.cross_entropy, OPTIMIZERS[name](slow),
        epochs=3, batch_size=8, seed=7, progress=False,
    )  # fmt: skip
    optimizer = OPTIMIZERS[name](fast)
    losses = nn.compile_step(fast, nn.cross_entropy, optimizer, backend=backend).run(
        X, y, epochs=3, batch_size=8, shuffle_seed=7
    )

    assert losses == pytest.approx(history["loss"], rel=1e-12)
    assert numbers(fast) == pytest.approx(numbers(slow), rel=1e-10, abs=1e-12)
    assert [p.grad for p in fast.parameters()] == pytest.approx([p.grad for p in slow.parameters()], abs=1e-12)
    assert optimizer.steps == 9


@pytest.mark.long
@pytest.mark.parametrize(("lanes", "cpu"), [(4, "haswell"), (2, "x86-64")])
def test_processors_with_shorter_vectors_end_there_too(lanes, cpu, monkeypatch):
    host = jit.host()
    if not host.triple.startswith("x86_64"):
        pytest.skip("these are x86 processors")
    monkeypatch.setattr(jit, "host", lambda: jit.Host(lanes, cpu, "", host.triple))
    X, y = CLASSES
    slow, fast = network([5, 6, 3]), network([5, 6, 3])
    nn.fit(slow, (X.tolist(), y.tolist()), nn.cross_entropy, nn.Adam(slow), epochs=2, batch_size=8, progress=False)
    nn.compile_step(fast, nn.cross_entropy, nn.Adam(fast)).run(X, y, epochs=2, batch_size=8, shuffle_seed=0)

    assert numbers(fast) == pytest.approx(numbers(slow), rel=1e-10, abs=1e-12)


@pytest.mark.few(1)
@pytest.mark.parametrize("rows", [9, 50, 61])
def test_wide_rows_are_gathered_in_both_orders(rows):
    """A table of slopes wants them one row after the other, the rest a column after the other."""
    X, y = RNG.normal(size=(rows, 21)), RNG.integers(0, 3, rows)
    slow, fast = network([21, 6, 3]), network([21, 6, 3])
    data = (X.tolist(), y.tolist())
    how = {"epochs": 2, "batch_size": 20}
    nn.fit(slow, data, nn.cross_entropy, nn.SGD(slow, lr=0.1), seed=5, progress=False, **how)
    step = nn.compile_step(fast, nn.cross_entropy, nn.SGD(fast, lr=0.1))
    step.run(X, y, shuffle_seed=5, **how)

    assert numbers(fast) == pytest.approx(numbers(slow), rel=1e-10, abs=1e-12)
    assert any(b.lines.size for *_, b in step._machine.batches.values())


def test_thousands_of_steps_take_no_more_memory_than_their_losses():
    resource = pytest.importorskip("resource")
    X, y = LINE
    model = network([3, 4, 1])
    step = nn.compile_step(model, nn.mse, nn.SGD(model, lr=1e-9))
    step.run(X, y, epochs=1000)
    step(X, y)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(50_000):
        step(X, y)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 3_000  # KiB
    assert len(step.losses) == 51_001


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("data", "sizes", "loss"),
    [
        (MOONS, [2, 6, 1], nn.hinge),
        (LINE, [3, 4, 1], nn.mse),
        (LINE, [3, 4, 1], nn.mae),
        (CLASSES, [5, 4, 3], nn.cross_entropy),
    ],
)
def test_single_steps_are_those_of_the_engine(data, sizes, loss):
    X, y = data
    slow, fast = network(sizes), network(sizes)
    optimizer = nn.SGD(slow, lr=0.1)
    step = nn.compile_step(fast, loss, nn.SGD(fast, lr=0.1), penalty=lambda m: 1e-3 * nn.l2(m.parameters()))
    for _ in range(3):
        cost = loss([slow(x) for x in X.tolist()], y.tolist()) + 1e-3 * nn.l2(slow.parameters())
        slow.zero_grad()
        cost.backward()
        optimizer.step()

        assert step(X, y) == pytest.approx(cost.data, rel=1e-12)
        assert numbers(fast) == pytest.approx(numbers(slow), rel=1e-12)


def test_parameters_may_be_read_assigned_and_used_between_steps():
    X, y = LINE
    model = network([3, 4, 1])
    first = model.parameters()[0]
    step = nn.compile_step(model, nn.mse, nn.SGD(model, lr=0.0))
    before = step(X, y)
    first.data = first.data + 1.0
    after = step(X, y)
    eager = nn.mse([model(x) for x in X.tolist()], y.tolist())

    assert before != after
    assert after == pytest.approx(eager.data, rel=1e-12)
    assert first is model.parameters()[0]
    assert isinstance(first, Value)

    def spoil():
        first.data = "3"  # a node in Python takes it, and then the step refuses
        step(X, y)

    with pytest.raises(errors.OperandError):
        spoil()


def test_data_changed_in_place_is_seen():
    X, y = (array.copy() for array in LINE)
    model = network([3, 4, 1])
    step = nn.compile_step(model, nn.mse, nn.SGD(model, lr=0.0))
    step(X, y)
    step(X, y)
    X *= 2.0
    eager = nn.mse([model(x) for x in X.tolist()], y.tolist())

    assert step(X, y) == pytest.approx(eager.data, rel=1e-12)


def meddle(what, step, optimizer, X, y):
    """Something that comes between two single steps."""
    if what == "data in place":
        X[2] *= -1.5
        y[3] = -y[3]
    elif what == "a run":
        step.run(X[::-1].copy(), y[::-1].copy(), epochs=2, batch_size=7)
    elif what == "a run on the same rows":
        step.run(X, y, epochs=1)
    elif what == "the learning rate" and not callable(optimizer.lr):
        optimizer.lr = optimizer.lr / 2
    elif what == "a hyperparameter":
        optimizer.hyper["weight_decay"] = 0.3
    elif what == "a parameter":
        optimizer.parameters[1].data = 0.7
    elif what == "the optimizer's own step":
        optimizer.step()
    elif what == "a release":
        step.release()
    elif what == "the state":
        optimizer.state = {name: [0.5 * x for x in column] for name, column in optimizer.state.items()}


@pytest.mark.few(3)
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(
    "what",
    [
        "data in place", "a run", "a run on the same rows", "the learning rate", "a hyperparameter", "a parameter",
        "the optimizer's own step", "a release", "the state",
    ],
)  # fmt: skip
def test_a_step_called_again_notices_what_came_between(name, what):
    found = []
    for backend in ("llvm", "tape"):
        X, y = MOONS[0].copy(), MOONS[1].copy()
        model = network([2, 4, 1])
        optimizer = OPTIMIZERS[name](model)
        step = nn.compile_step(model, nn.hinge, optimizer, backend=backend)
        for k in range(9):
            if k in (3, 6):
                meddle(what, step, optimizer, X, y)
            step(X, y)
        state = [x for column in optimizer.state.values() for x in column]
        found.append([*step.losses, *numbers(model), *[p.grad for p in model.parameters()], *state, optimizer.steps])

    assert found[0] == pytest.approx(found[1], rel=1e-9, abs=1e-11)


def test_the_check_above_fails_where_data_are_taken_to_be_what_they_were(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path))
    trusting = "define internal i1 @there(ptr %fetched, ptr %sources, i64 %count) nounwind {\n  ret i1 true\n}\n"
    monkeypatch.setattr(training_code, "_there", lambda: trusting)
    with pytest.raises(AssertionError):
        test_a_step_called_again_notices_what_came_between("SGD", "data in place")


def test_batches_of_other_sizes_and_lists_are_welcome():
    X, y = LINE
    model = network([3, 4, 1])
    step = nn.compile_step(model, nn.mse, nn.SGD(model, lr=0.0))
    for rows in (12, 1, 7, 12, 3):
        eager = nn.mse([model(x) for x in X[:rows].tolist()], y[:rows].tolist())

        assert step(X[:rows], y[:rows]) == pytest.approx(eager.data, rel=1e-12)
        assert step(X[:rows].tolist(), y[:rows].tolist()) == pytest.approx(eager.data, rel=1e-12)


def test_the_optimizers_state_is_true_and_can_be_taken_over():
    X, y = LINE
    model = network([3, 4, 1])
    optimizer = nn.Adam(model, lr=0.01)
    step = nn.compile_step(model, nn.mse, optimizer)
    step.run(X, y, epochs=3)
    saved, there = copy.deepcopy(optimizer.state_dict()), numbers(model)
    step.run(X, y, epochs=2)
    wanted = numbers(model)

    assert saved["steps"] == 3
    assert all(type(x) is float for column in saved["state"].values() for x in column)
    for p, x in zip(model.parameters(), there, strict=True):
        p.data = x
    optimizer.load_state_dict(saved)
    step.run(X, y, epochs=2)
    assert numbers(model) == pytest.approx(wanted, rel=1e-13)


def test_a_step_of_the_optimizer_itself_may_come_between():
    X, y = LINE
    slow, fast = network([3, 4, 1]), network([3, 4, 1])
    optimizer = nn.Adam(slow, lr=0.01)
    mixed = nn.Adam(fast, lr=0.01)
    step = nn.compile_step(fast, nn.mse, mixed)
    for compiled in (True, False, True):
        cost = nn.mse([slow(x) for x in X.tolist()], y.tolist())
        slow.zero_grad()
        cost.backward()
        optimizer.step()
        if compiled:
            step(X, y)
        else:
            cost = nn.mse([fast(x) for x in X.tolist()], y.tolist())
            fast.zero_grad()
            cost.backward()
            mixed.step()

    assert numbers(fast) == pytest.approx(numbers(slow), rel=1e-12)


def test_a_hyperparameter_changed_on_the_way_is_obeyed():
    X, y = LINE
    slow, fast = network([3, 4, 1]), network([3, 4, 1])
    plain, compiled = nn.SGD(slow, lr=0.05, momentum=0.9), nn.SGD(fast, lr=0.05, momentum=0.9)
    step = nn.compile_step(fast, nn.mse, compiled)
    for momentum, lr in [(0.9, 0.05), (0.5, 0.05), (0.5, 0.01), (0.9, 0.01)]:
        plain.hyper["momentum"] = compiled.hyper["momentum"] = momentum
        plain.lr = compiled.lr = lr
        nn.fit(slow, (X.tolist(), y.tolist()), nn.mse, plain, epochs=1, progress=False)
        step(X, y)

        assert numbers(fast) == pytest.approx(numbers(slow), rel=1e-12)


def test_values_that_the_optimizer_does_not_hold_stay_as_they_are():
    X, y = LINE
    model = network([3, 4, 1])
    last = model.layers[-1].parameters()
    before = numbers(model)
    step = nn.compile_step(model, nn.mse, nn.SGD(last, lr=0.1))
    losses = [step(X, y) for _ in range(5)]

    assert losses == sorted(losses, reverse=True)
    assert numbers(model)[: -len(last)] == before[: -len(last)]
    assert numbers(model)[-len(last) :] != before[-len(last) :]


def test_a_loss_that_is_not_finite_stops_before_anything_moves():
    X, y = (array.copy() for array in LINE)
    model = network([3, 4, 1])
    step = nn.compile_step(model, nn.mse, nn.SGD(model, lr=0.1))
    step(X, y)
    before = numbers(model)
    y[0] = math.inf

    with pytest.raises(errors.AnomalyError, match="step 2"):
        step(X, y)
    assert numbers(model) == before
    assert len(step.losses) == 1


def test_a_class_that_was_not_seen_is_never_taken_for_another():
    X, y = CLASSES
    model = network([5, 4, 3])
    step = nn.compile_step(model, nn.cross_entropy, nn.SGD(model, lr=0.0))
    few = np.where(y == 2, 0, y)
    step(X, few)
    eager = nn.cross_entropy([model(x) for x in X.tolist()], y.tolist())

    assert step(X, y) == pytest.approx(eager.data, rel=1e-12)
    before = numbers(model)
    other = network([5, 4, 3])
    epochs = nn.compile_step(other, nn.cross_entropy, nn.SGD(other, lr=0.1))
    epochs.run(X, few, epochs=1, batch_size=4)
    assert epochs.run(X, y, epochs=1, batch_size=4)[0] > 0
    assert numbers(model) == before
    kept = few.astype(float)
    step(X, kept)
    step(X, kept)
    kept[3] = 1.5
    with pytest.raises((errors.OperandError, errors.ShapeError)):
        step(X, kept)


def test_a_loss_that_sums_is_refused_with_the_cure():
    X, y = LINE
    model = network([3, 4, 1])

    with pytest.raises(errors.OperandError, match=r"(?s)mean over the samples.*nn\.mse in the place of nn\.sse"):
        nn.compile_step(model, nn.sse, nn.SGD(model))(X, y)


def test_a_layer_that_draws_numbers_is_refused_while_it_draws():
    X, y = LINE
    model = nn.Sequential(nn.Linear(3, 4, seed=1), nn.Dropout(0.5, seed=1), nn.Linear(4, 1, seed=2))
    step = nn.compile_step(model, lambda outputs, t: nn.mse([o[0] for o in outputs], t), nn.SGD(model, lr=0.1))
    model.train()
    with pytest.raises(errors.OperandError, match=r"Dropout\(0\.5\), which draws anew"):
        step(X, y)
    with pytest.raises(errors.OperandError, match=r"model\.eval\(\)"):
        step.run(X, y, epochs=1)
    model.eval()

    assert step(X, y) > step(X, y)


def test_a_loss_that_cannot_be_traced_runs_by_the_engine_and_says_so():
    X, y = LINE[0], RNG.uniform(0.1, 0.9, 12)
    slow, fast = network([3, 4, 1]), network([3, 4, 1])

    def loss(outputs, targets):
        assert all(math.isfinite(y.data) for y in outputs)  # a traced number has no data
        return nn.binary_cross_entropy_from_logits(outputs, targets)

    nn.fit(slow, (X.tolist(), y.tolist()), loss, nn.Adam(slow), epochs=2, progress=False)
    step = nn.compile_step(fast, loss, nn.Adam(fast))
    with pytest.warns(CompileWarning, match="compile_step runs without compiling, because its loss cannot be traced"):
        step.run(X, y, epochs=1)
    step(X, y)

    assert numbers(fast) == pytest.approx(numbers(slow), rel=1e-12)
    assert step.report().startswith("Not compiled: its loss cannot be traced")
    with pytest.raises(errors.DomainError):
        nn.compile_step(fast, loss, nn.Adam(fast))(X, y + 5.0)


@pytest.mark.parametrize("targets", [RNG.uniform(0.1, 0.9, 12), RNG.integers(0, 2, 12)], ids=["between", "0 and 1"])
def test_a_loss_that_looks_at_its_targets_is_compiled(targets):
    slow, fast = network([3, 4, 1]), network([3, 4, 1])
    loss = nn.binary_cross_entropy_from_logits
    nn.fit(slow, (LINE[0].tolist(), targets.tolist()), loss, nn.Adam(slow), epochs=3, progress=False)
    step = nn.compile_step(fast, loss, nn.Adam(fast))
    step.run(LINE[0], targets, epochs=3)

    assert "machine code" in step.report()
    assert numbers(fast) == pytest.approx(numbers(slow), rel=1e-10)
    with pytest.raises(errors.DomainError):
        step(LINE[0], targets + 5.0)
    with pytest.raises(errors.DomainError):
        step.run(LINE[0], targets + 5.0, epochs=2)


def test_rows_and_targets_must_be_as_many():
    X, y = LINE
    model = network([3, 4, 1])

    with pytest.raises(errors.ShapeError, match="5 and 12"):
        nn.compile_step(model, nn.mse, nn.SGD(model)).run(X, y[:5], epochs=1)


def test_bound_values_copy_and_pickle_as_ordinary_ones_and_can_be_released():
    X, y = LINE
    model = network([3, 4, 1])
    step = nn.compile_step(model, nn.mse, nn.SGD(model, lr=0.1))
    step(X, y)
    p = model.parameters()[0]
    twins = [copy.copy(p), copy.deepcopy(p), pickle.loads(pickle.dumps(p)), copy.deepcopy(model).parameters()[0]]

    assert (place_of(p) is not None) == (native.node is not None)
    assert [(type(q), q.data, q.grad, q.label) for q in twins] == [(Value, p.data, p.grad, p.label)] * 4
    data, grad = p.data, p.grad
    step.release()
    assert (type(p), place_of(p), p.data, p.grad) == (Value, None, data, grad)
    step(X, y)
    assert p.data != data


@pytest.mark.long
def test_steps_where_nodes_are_in_python_leave_ordinary_values_with_the_same_bits():
    """What is assigned between the steps counts, too."""
    program = """
import numpy as np
from tinygrad_lite import Value, nn
from tinygrad_lite.compiler.runtime import bound
X, y = np.arange(24.0).reshape(12, 2) / 24, np.arange(12.0) / 12
model = nn.MLP(2, [3, 1], seed=1)
step = nn.compile_step(model, nn.mse, nn.Adam(model, lr=0.1))
for k in range(3):
    step(X, y)
    model.parameters()[k].data = 0.25
losses = step.run(X, y, 5, batch_size=4, shuffle_seed=1)
found = [(p.data, p.grad) for p in model.parameters()]
assert {type(p) for p in model.parameters()} == {Value}
print(losses, step.losses.tolist(), found, step.optimizer.state)
"""
    found = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT,
            env={**os.environ, "TINYGRAD_LITE_PURE": pure},
        ).stdout
        for pure in ("", "1")
    ]  # fmt: skip

    assert found[0] == found[1] != ""


def test_a_rule_is_compiled_as_it_stands():
    class Odd(nn.Optimizer):
        slots = ("last",)

        def rule(self, p, g, state, *numbers):
            return p - numbers[0] * (g + 0.5 * state[0]) ** 3, (g,)

    X, y = LINE
    slow, fast = network([3, 4, 1]), network([3, 4, 1])
    nn.fit(slow, (X.tolist(), y.tolist()), nn.mse, Odd(slow, 0.1, {}), epochs=4, progress=False)
    nn.compile_step(fast, nn.mse, Odd(fast, 0.1, {})).run(X, y, epochs=4)

    assert numbers(fast) == pytest.approx(numbers(slow), rel=1e-12)


def test_the_text_has_one_update_and_one_gather():
    text = training_code.text(nn.SGD([Value(1.0)]), 4, (0.0, 1.0))

    assert text.count("define internal void @update") == 1
    assert text.count("fmul <4 x double>") == 1
    assert text.count("fcmp oeq double") == 2


def test_numbers_read_together_are_those_read_one_by_one_however_values_are_bound():
    from tinygrad_lite.compiler.runtime.bound import Together, bind, release

    values = [Value(float(i), str(i)) for i in range(6)]
    numbers_, slopes = np.zeros(8), np.zeros(8)
    data, grads = Together(values), Together(values, "grad")

    def same():
        assert data() == [v.data for v in values]
        assert grads() == [v.grad for v in values]
        assert all(type(x) is float for x in data() + grads())

    same()
    bind(values[::-1], numbers_, slopes)
    same()
    values[2].data, values[3].grad = -7.0, 5.0
    numbers_[1] = 9.0
    same()
    bind(values[:2], np.zeros(8), np.zeros(8))  # some of them lie elsewhere now
    values[0].data = 3.5
    same()
    release(values)
    values[4].data = 2.5
    same()
    assert Together([])() == []


def test_what_all_parameters_share_in_a_step_is_computed_behind_the_gradient(monkeypatch):
    """Adam's corrections: Python is not asked for them again."""
    X, y = LINE
    slow, fast = network([3, 4, 1]), network([3, 4, 1])
    nn.fit(slow, (X.tolist(), y.tolist()), nn.mse, nn.Adam(slow, lr=0.01), epochs=7, progress=False)
    optimizer = nn.Adam(fast, lr=0.01)
    step = nn.compile_step(fast, nn.mse, optimizer)
    step(X, y)
    monkeypatch.setattr(nn.Adam, "numbers", None)
    for _ in range(3):
        step(X, y)
    step.run(X, y, epochs=3)

    assert optimizer.steps == 7
    assert numbers(fast) == pytest.approx(numbers(slow), rel=1e-10)
