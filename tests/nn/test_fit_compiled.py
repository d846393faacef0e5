"""`nn.fit(compiled=True)` against `nn.fit`: the same history, stops, checkpoints and record, but for rounding."""

import functools
import json

import pytest

pytest.importorskip("numpy")

import tinygrad_lite as tg
from tinygrad_lite import Value, errors, nn
from tinygrad_lite.compiler import CompileWarning
from tinygrad_lite.compiler.runtime.bound import place_of
from tinygrad_lite.nn import compiled as compiled_steps
from tinygrad_lite.nn import training

CLOSE = {"rel": 1e-9, "abs": 1e-12}
SIDES = (nn.datasets.moons(20, seed=1).inputs, [2 * t - 1 for t in nn.datasets.moons(20, seed=1).targets])
LINE = nn.datasets.linear(20, seed=3)


def numbers(model):
    return [p.data for _, p in model.named_parameters()]


def schedule(step):
    return 0.05 / (1 + step)


RUNS = {
    "classes": (lambda: nn.MLP(2, [6, 2], activation="tanh", seed=0), nn.datasets.xor(40), nn.cross_entropy,
                lambda m: nn.Adam(m, lr=nn.schedules.cosine(0.05, steps=30)), {"metrics": ["accuracy"], "batch_size": 8,
                "validation": nn.datasets.xor(21, seed=9)}),
    "margin": (lambda: nn.MLP(2, [6, 1], seed=0), SIDES, nn.hinge, lambda m: nn.SGD(m, lr=0.1),
               {"penalty": lambda m: 1e-3 * nn.l2(m.parameters()), "metrics": ["accuracy"]}),
    "line": (lambda: nn.Neuron(2, nonlin=False, seed=0), LINE, nn.mse, lambda m: nn.RMSprop(m, lr=0.01),
             {"batch_size": 6, "metrics": ["r2"]}),
    "no metric": (lambda: nn.MLP(2, [6, 2], seed=2), nn.datasets.moons(30), nn.multi_class_hinge,
                  lambda m: nn.SGD(m, lr=schedule, momentum=0.9), {"batch_size": 10}),
    "logits": (lambda: nn.MLP(2, [4, 1], activation="sigmoid", seed=2), nn.datasets.xor(40),
               nn.binary_cross_entropy_from_logits, lambda m: nn.AdamW(m, lr=0.02), {"metrics": ["accuracy"]}),
    "clipped": (lambda: nn.MLP(2, [4, 2], seed=2), nn.datasets.xor(40), nn.cross_entropy,
                lambda m: nn.SGD(m, lr=0.5, clip_norm=0.1), {"batch_size": 16}),
    "a part": (lambda: nn.MLP(2, [4, 2], seed=2), nn.datasets.xor(40), nn.cross_entropy,
               lambda m: nn.SGD(m.layers[1], lr=0.5), {"batch_size": 16}),
    "scaled": (lambda: nn.Sequential(nn.Standardize(SIDES[0]), nn.Linear(2, 3, seed=1), "softplus",
                                     nn.Linear(3, 2, seed=2)), nn.datasets.moons(20, seed=1), nn.cross_entropy,
               lambda m: nn.Adagrad(m, lr=0.1), {"metrics": ["accuracy"]}),
}  # fmt: skip


def both(name, epochs=4, **how):
    """The histories, models and optimizers of a run by the engine and of the same run compiled."""
    make, data, loss, optimize, options = RUNS[name]
    found = []
    for compiled in (False, True):
        model = make()
        optimizer = optimize(model)
        settings = {**options, **how, "compiled": compiled}
        found.append((nn.fit(model, data, loss, optimizer, epochs=epochs, **settings), model, optimizer))
    return found


def assert_same(one, other):
    assert one.columns == other.columns
    assert one.stopped == other.stopped
    assert len(one) == len(other) > 0
    for name in one.columns:
        assert other[name] == pytest.approx(one[name], **CLOSE), name
    assert other.step_losses == pytest.approx(one.step_losses, **CLOSE)


@pytest.mark.few(3)
@pytest.mark.parametrize("name", RUNS)
def test_the_history_and_the_end_are_those_of_the_engine(name):
    (history, model, optimizer), (compiled, fast, quick) = both(name)

    assert_same(history, compiled)
    assert numbers(fast) == pytest.approx(numbers(model), **CLOSE)
    assert quick.steps == optimizer.steps
    for slot, column in optimizer.state.items():
        assert quick.state[slot] == pytest.approx(column, **CLOSE)
        assert type(quick.state[slot]) is list


@pytest.mark.parametrize("backend", ["numpy", "tape"])
@pytest.mark.parametrize("name", ["classes", "line", "a part"])
def test_without_machine_code_the_run_is_the_same(name, backend, monkeypatch):
    monkeypatch.setattr(compiled_steps, "compile_step", functools.partial(nn.compile_step, backend=backend))
    (history, model, _), (compiled, fast, _) = both(name, epochs=2)

    assert_same(history, compiled)
    assert numbers(fast) == pytest.approx(numbers(model), **CLOSE)


def test_the_steps_really_are_compiled(monkeypatch):
    def never(*args):
        raise AssertionError("the engine took a step")

    monkeypatch.setattr(training.Training, "_by_engine", never)
    make, data, loss, optimize, options = RUNS["classes"]
    model = make()
    history = nn.fit(model, data, loss, optimize(model), epochs=2, compiled=True, **options)

    assert len(history) == 2
    with pytest.raises(AssertionError):
        nn.fit(model, data, loss, optimize(model), epochs=2, **options)


def test_early_stopping_puts_back_the_same_epoch():
    other = nn.datasets.moons(30, seed=2)
    (history, model, _), (compiled, fast, _) = both("classes", epochs=60, patience=2, validation=other)

    assert len(history) < 60
    assert_same(history, compiled)
    assert numbers(fast) == pytest.approx(numbers(model), **CLOSE)


def test_callbacks_see_and_may_change_parameters_and_learning_rate():
    seen = []

    def watch(run):
        seen.append(numbers(run.model))
        run.optimizer.lr = 0.05 / len(run.history)
        run.model.parameters()[0].data += 0.01
        return len(run.history) == 3

    (history, _, _), (compiled, _, _) = both("line", epochs=9, callbacks=[watch])

    assert_same(history, compiled)
    assert compiled.stopped == "the callback watch said so"
    assert seen[3:] == [pytest.approx(row, **CLOSE) for row in seen[:3]]


def test_a_compiled_run_resumed_from_its_checkpoint_ends_with_the_same_bits(tmp_path):
    make, data, loss, optimize, options = RUNS["classes"]

    def run(epochs, model, **how):
        return nn.fit(model, data, loss, optimize(model), epochs=epochs, compiled=True, **options, **how)

    whole, first, second = make(), make(), nn.MLP(2, [6, 2], activation="tanh", seed=77)
    history = run(6, whole)
    run(4, first, checkpoint=tmp_path / "run.json")
    resumed = run(6, second, checkpoint=tmp_path / "run.json")

    assert numbers(second) == numbers(whole)
    assert resumed.rows == history.rows
    assert resumed.step_losses == history.step_losses


def test_a_run_may_change_between_engine_and_compiled_at_a_checkpoint(tmp_path):
    make, data, loss, optimize, options = RUNS["classes"]
    whole, part = make(), make()
    nn.fit(whole, data, loss, optimize(whole), epochs=6, **options)
    for epochs, compiled in [(2, True), (4, False), (6, True)]:
        how = {**options, "compiled": compiled, "checkpoint": tmp_path / "run.json"}
        nn.fit(part, data, loss, optimize(part), epochs=epochs, **how)

    assert numbers(part) == pytest.approx(numbers(whole), **CLOSE)


def test_the_record_is_that_of_the_engine():
    (history, *_), (compiled, *_) = both("classes", epochs=2, record=True)
    one, other = (json.loads(json.dumps(h.record)) for h in (history, compiled))

    assert one.keys() == other.keys()
    assert other["final"] == pytest.approx(one["final"], **CLOSE)
    for a, b in zip(one["steps"], other["steps"], strict=True):
        assert (a["epoch"], a["step"], a["samples"], a["lr"]) == (b["epoch"], b["step"], b["samples"], b["lr"])
        for column in ("parameters", "gradients", "loss"):
            assert b[column] == pytest.approx(a[column], **CLOSE)
        for there, here in zip(a["outputs"], b["outputs"], strict=True):
            assert here == pytest.approx(there, **CLOSE)


def test_ordinary_values_are_left_behind():
    _, (_, model, _) = both("classes", epochs=1)
    assert {type(p) for p in model.parameters()} == {Value}
    make, data, _, optimize, _ = RUNS["classes"]
    broken = make()
    with pytest.raises(errors.OperandError, match="mean over the samples"):
        nn.fit(broken, data, lambda y, t: tg.sum([v[0] for v in y]), optimize(broken), epochs=1, compiled=True)
    assert not any(place_of(p) for p in broken.parameters())


def test_dropout_is_refused_before_anything_moves():
    model = nn.Sequential(nn.Linear(2, 4, seed=1), nn.Dropout(0.5, seed=1), nn.Linear(4, 2, seed=2))
    before = numbers(model)

    with pytest.raises(errors.OperandError, match=r"Dropout\(0\.5\), which draws anew.*\n.*not compiled"):
        nn.fit(model, nn.datasets.xor(8), nn.cross_entropy, nn.SGD(model), epochs=1, compiled=True)
    assert numbers(model) == before
    assert not model.training


def test_a_loss_that_cannot_be_traced_is_trained_by_the_engine_to_the_same_bits():
    inputs, targets = LINE.inputs, [0.1 + 0.04 * i for i in range(len(LINE))]
    slow, fast = nn.MLP(2, [3, 1], seed=1), nn.MLP(2, [3, 1], seed=1)

    def loss(outputs, targets):
        assert all(y.data == y.data for y in outputs)  # a traced number has no data
        return nn.binary_cross_entropy_from_logits(outputs, targets)

    history = nn.fit(slow, (inputs, targets), loss, nn.Adam(slow), epochs=3)
    with pytest.warns(CompileWarning, match="its loss cannot be traced"):
        compiled = nn.fit(fast, (inputs, targets), loss, nn.Adam(fast), epochs=3, compiled=True)

    assert numbers(fast) == numbers(slow)
    assert compiled.rows == history.rows


def test_a_class_that_comes_in_a_late_batch_alone_was_prepared_for():
    model, twin = nn.MLP(1, [3, 3], seed=1), nn.MLP(1, [3, 3], seed=1)
    data = [[0.1 * i] for i in range(12)], [0, 1] * 5 + [2, 2]
    history = nn.fit(twin, data, nn.cross_entropy, nn.SGD(twin, lr=0.1), epochs=2, batch_size=2, seed=5)
    compiled = nn.fit(model, data, nn.cross_entropy, nn.SGD(model, lr=0.1), epochs=2, batch_size=2, seed=5,
                      compiled=True)  # fmt: skip

    assert_same(history, compiled)


def test_words_as_inputs_are_compiled():
    """Whole numbers that choose a row of a table stay whole numbers."""

    class Words(nn.Module):
        def __init__(self):
            self.table, self.out = nn.Embedding(4, 2, seed=1), nn.Linear(2, 3, seed=2)

        def __call__(self, x):
            return self.out(self.table(x[0]))

    slow, fast = Words(), Words()
    data = [[0], [1], [2], [3], [1]], [0, 1, 2, 1, 1]
    how = {"epochs": 3, "metrics": ["accuracy"], "batch_size": 2}
    history = nn.fit(slow, data, nn.cross_entropy, nn.SGD(slow, lr=0.1), **how)
    compiled = nn.fit(fast, data, nn.cross_entropy, nn.SGD(fast, lr=0.1), compiled=True, **how)

    assert_same(history, compiled)
    assert numbers(fast) == pytest.approx(numbers(slow), rel=1e-12)


def test_a_loss_that_is_not_finite_stops_before_the_step():
    model = nn.MLP(2, [3, 1], seed=0)
    before = numbers(model)

    with pytest.raises(errors.AnomalyError, match="the loss became inf in step 1; the parameters are those before"):
        nn.fit(model, ([[1.0, 2.0]], [1.0]), lambda y, t: y[0] * 1e300 * 1e300, nn.SGD(model), epochs=1, compiled=True)
    assert numbers(model) == before
