"""The training loop: what it measures, when it stops, and that a resumed run ends with the same bits."""

import csv
import io
import json
import math
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
import types
from pathlib import Path

import pytest

from tinygrad_lite import Value, nn
from tinygrad_lite.errors import AnomalyError, OperandError, StateError


def network(seed=0):
    return nn.Sequential(nn.Linear(2, 6, init="xavier", seed=seed), "tanh", nn.Dropout(0.1), nn.Linear(6, 2, seed=1))


def trained(model, epochs=6, **how):
    how = {"batch_size": 8, "validation": nn.datasets.xor(20, seed=9), "metrics": ["accuracy"], "seed": 3, **how}
    optimizer = how.pop("optimizer", None) or nn.Adam(model, lr=nn.schedules.cosine(0.05, steps=30))
    return nn.fit(model, nn.datasets.xor(40), nn.cross_entropy, optimizer, epochs=epochs, **how)


def bits(model):
    return [p.data.hex() for p in model.parameters()]


def test_the_loop_is_the_one_written_by_hand():
    """Full batch: loss, gradient norms and weights are those of the plain loop."""
    data = nn.datasets.moons(20, seed=1)
    ours, plain = nn.MLP(2, [3, 1], seed=4), nn.MLP(2, [3, 1], seed=4)
    sides = [2 * t - 1 for t in data.targets]
    history = nn.fit(
        ours,
        (data.inputs, sides),
        nn.hinge,
        nn.SGD(ours, lr=0.1),
        epochs=3,
        penalty=lambda m: 1e-3 * nn.l2(m.parameters()),
    )
    for epoch in range(3):
        loss = nn.hinge([plain(x) for x in data.inputs], sides) + 1e-3 * nn.l2(plain.parameters())
        plain.zero_grad()
        loss.backward()
        norm = math.hypot(*[p.grad for p in plain.layers[1].parameters()])
        for p in plain.parameters():
            p.data -= 0.1 * p.grad

        assert history["loss"][epoch] == loss.data
        assert history["grad layers.1"][epoch] == pytest.approx(norm, rel=1e-14)
    assert bits(ours) == bits(plain)


def test_the_history_holds_what_was_measured():
    model = network()
    history = trained(model)

    names = ["epoch", "loss", "accuracy", "lr", "grad 0", "grad 3", "val_loss", "val_accuracy"]
    assert history.columns == names
    assert history["epoch"] == [1, 2, 3, 4, 5, 6]
    assert len(history.step_losses) == 30
    assert history["loss"][0] == pytest.approx(sum(history.step_losses[:5]) / 5, rel=1e-13)
    held = nn.datasets.xor(20, seed=9)
    assert history["val_loss"][-1] == nn.cross_entropy([model(x) for x in held.inputs], held.targets).data
    assert history["val_accuracy"][-1] == nn.accuracy([model(x) for x in held.inputs], held.targets)
    assert history.layers == ["0", "3"]
    rows = list(csv.DictReader(io.StringIO(history.to_csv())))
    assert [float(row["loss"]) for row in rows] == history["loss"]
    with pytest.raises(KeyError, match="no column 'cost'; the columns are epoch, loss"):
        history["cost"]


def test_a_metric_is_that_of_the_whole_epoch_not_a_mean_over_batches():
    """R2 of two batches is not the mean of their R2s."""
    data = nn.datasets.linear(10, seed=3)
    model = nn.Neuron(2, nonlin=False, seed=0)
    expected = nn.r2([model(x) for x in data.inputs], data.targets)
    history = nn.fit(model, data, nn.mse, nn.SGD(model, lr=0.0), epochs=1, batch_size=3, metrics=["r2"])

    assert history["r2"] == pytest.approx([expected], rel=1e-12)


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    first, second, other = network(), network(), network()
    histories = [trained(first), trained(second), trained(other, seed=4)]

    assert bits(first) == bits(second) != bits(other)
    assert histories[0].rows == histories[1].rows != histories[2].rows


def test_a_run_resumed_from_its_checkpoint_ends_with_the_same_bits(tmp_path):
    whole = network()
    history = trained(whole, record=True)
    first, second = network(), network(seed=77)
    trained(first, epochs=4, checkpoint=tmp_path / "run.json", record=True)
    resumed = trained(second, checkpoint=tmp_path / "run.json", record=True)

    assert bits(second) == bits(whole)
    assert resumed.rows == history.rows
    assert resumed.step_losses == history.step_losses
    assert json.loads(json.dumps(resumed.record)) == json.loads(json.dumps(history.record))
    assert os.listdir(tmp_path) == ["run.json"]


def test_a_checkpoint_of_another_run_is_refused_and_changes_nothing(tmp_path):
    path = tmp_path / "run.json"
    trained(network(), epochs=2, checkpoint=path)
    model = network(seed=5)
    before = bits(model)

    with pytest.raises(StateError, match="seed: 3 there, 8 now"):
        trained(model, checkpoint=path, seed=8)
    with pytest.raises(StateError, match="belongs to 'Adam', not to SGD"):
        trained(model, checkpoint=path, optimizer=nn.SGD(model))
    other = nn.MLP(2, [5, 2], seed=0)
    with pytest.raises(StateError, match="another network"):
        trained(other, checkpoint=path)
    path.write_text(path.read_text()[:-40])
    with pytest.raises(StateError, match="cut off"):
        trained(model, checkpoint=path)
    assert bits(model) == before


KILLED = """
import sys
from tinygrad_lite import nn
def run(path):
    model = nn.MLP(2, [6, 2], activation="tanh", seed=0)
    print("begins", flush=True)
    nn.fit(model, nn.datasets.moons(40), nn.cross_entropy, nn.Adam(model, lr=0.02), epochs=120, batch_size=10,
           checkpoint=path, seed=1)
    return [p.data.hex() for p in model.parameters()]
if __name__ == "__main__":
    print(run(sys.argv[1]))
"""


@pytest.mark.long
def test_killed_at_random_moments_a_run_resumes_to_the_same_bits(tmp_path):
    """kill -9 at random moments; a long study is `TINYGRAD_LITE_KILLS=20`."""
    kills, rng = int(os.environ.get("TINYGRAD_LITE_KILLS", "3")), random.Random(11)
    script, path = tmp_path / "run.py", tmp_path / "checkpoint.json"
    script.write_text(textwrap.dedent(KILLED))
    root = str(Path(nn.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}

    def start(checkpoint):
        return subprocess.Popen(
            [sys.executable, str(script), str(checkpoint)], stdout=subprocess.PIPE, text=True, env=environment
        )

    whole, _ = start(tmp_path / "whole.json").communicate(timeout=120)
    survived = 0
    for _ in range(kills):
        process = start(path)
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if path.exists():
            survived += json.loads(path.read_text())["schema"] == "tinygrad_lite.checkpoint/1"
    resumed, _ = start(path).communicate(timeout=120)

    assert survived > 0
    assert resumed == whole
    assert len(resumed) > 200


def test_early_stopping_puts_the_best_parameters_back(tmp_path):
    model = nn.MLP(2, [6, 2], seed=0)
    seen = []

    def watch(training):
        seen.append((training.history["val_loss"][-1], bits(training.model)))

    other = nn.datasets.moons(30, seed=2)  # what helps on the one hurts on the other, after a while
    optimizer = nn.SGD(model, lr=0.02)
    history = trained(model, epochs=200, patience=3, callbacks=[watch], optimizer=optimizer, validation=other)

    best = min(range(len(seen)), key=lambda i: seen[i][0])
    assert 2 < best < len(history) - 1
    assert len(history) == best + 1 + 3 < 200
    assert bits(model) == seen[best][1]
    assert f"the parameters of epoch {best + 1} were put back" in history.stopped


def test_a_callback_that_returns_true_ends_the_run():
    def enough(training):
        return len(training.history) == 2

    history = trained(network(), callbacks=[enough])

    assert (len(history), history.stopped) == (2, "the callback enough said so")


def test_a_loss_that_is_not_finite_stops_before_the_step():
    model = nn.MLP(2, [3, 1], seed=0)
    before = bits(model)

    with pytest.raises(AnomalyError, match=r"became inf in epoch 1, step 1.*\n.*smaller learning rate \(it is 0.1\)"):
        nn.fit(model, ([[1.0, 2.0]], [1.0]), lambda y, t: y[0] * math.inf, nn.SGD(model, lr=0.1), epochs=1)
    assert bits(model) == before
    with pytest.raises(TypeError, match="a Value computed from the model's outputs"):
        nn.fit(model, ([[1.0, 2.0]], [1.0]), lambda y, t: 1.0, nn.SGD(model, lr=0.1), epochs=1)
    with pytest.raises(ValueError, match="not this model's"):
        nn.fit(model, ([[1.0, 2.0]], [1.0]), nn.mse, nn.SGD(nn.MLP(2, [1], seed=0), lr=0.1), epochs=1)
    with pytest.raises(ValueError, match="no sample"):
        nn.fit(model, ([], []), nn.mse, nn.SGD(model, lr=0.1), epochs=1)


@pytest.mark.parametrize("compiled", [False, True])
def test_what_ends_a_run_carries_the_history_until_then(compiled):
    """A loss that is not finite in the third epoch, and Ctrl-C in a callback: nothing measured is lost."""
    if compiled:
        pytest.importorskip("llvmlite")

    def sour(run):
        if len(run.history) == 2:
            run.model.parameters()[0].data = math.inf

    def interrupt(run):
        if len(run.history) == 2:
            raise KeyboardInterrupt

    for callback, kind, word in [(sour, AnomalyError, "the loss became"), (interrupt, KeyboardInterrupt, "")]:
        model = nn.MLP(2, [3, 2], seed=0)
        plain = trained(nn.MLP(2, [3, 2], seed=0), epochs=2)
        with pytest.raises(kind) as caught:
            trained(model, callbacks=[callback], record=True, compiled=compiled)
        history = caught.value.history

        assert history["loss"] == pytest.approx(plain["loss"], rel=1e-9)
        assert len(history.step_losses) == 10
        assert len(history.record["steps"]) == 10
        assert history.record["final"] == [p.data for p in model.parameters()]
        assert history.stopped.startswith(f"{kind.__name__}: {word}")
        (note,) = caught.value.__notes__
        assert note == "The history until then, 2 whole epochs and 10 steps, is the `.history` of this error."


def test_the_record_says_where_every_parameter_was_at_every_step():
    model = nn.MLP(2, [3, 2], seed=0)
    names = [name for name, _ in model.named_parameters()]
    start = [p.data for p in model.parameters()]
    history = trained(model, epochs=2, batch_size=16, record=True, optimizer=nn.SGD(model, lr=0.1))
    record = json.loads(json.dumps(history.record))

    assert (record["schema"], record["names"], record["loss"]) == ("tinygrad_lite.training/1", names, "cross_entropy")
    assert [step["step"] for step in record["steps"]] == list(range(6))
    assert sorted(i for step in record["steps"][:3] for i in step["samples"]) == list(range(40))
    assert record["steps"][0]["parameters"] == start
    ends = [step["parameters"] for step in record["steps"][1:]] + [record["final"]]
    for step, end in zip(record["steps"], ends, strict=True):
        moved = [p - 0.1 * g for p, g in zip(step["parameters"], step["gradients"], strict=True)]
        assert moved == end
    again = nn.MLP(2, [3, 2], seed=1)
    for p, x in zip(again.parameters(), record["steps"][2]["parameters"], strict=True):
        p.data = x
    step = record["steps"][2]
    assert [[y.data for y in again(record["inputs"][i])] for i in step["samples"]] == step["outputs"]


def test_progress_is_shown_on_request_and_quiet_otherwise(capsys):
    trained(network(), epochs=2)
    assert capsys.readouterr().err == ""
    trained(network(), epochs=2, progress=True)
    shown = capsys.readouterr().err
    assert "[############............] 1/2  loss" in shown
    assert shown.endswith("\r")


@pytest.mark.long
def test_plots_show_losses_metrics_and_gradient_norms(tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    figure = trained(network()).plot(tmp_path / "run.png")

    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy", "gradient norm of each layer"]
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


def test_metrics_count_classes_signs_and_spread():
    assert nn.accuracy([[0.0, 1.0], [Value(2.0), Value(1.0)]], [1, 1]) == 0.5
    assert nn.accuracy([Value(0.3), -0.2, [Value(-1.0)]], [1, 0, 0]) == 1.0
    assert nn.r2([1.0, 1.0], [0.0, 2.0]) == 0.0
    assert nn.r2([Value(0.5), [2.0]], [0.0, 2.0]) == pytest.approx(1 - 0.25 / 2)


def test_in_a_notebook_progress_goes_to_its_output_and_is_wiped(capsys, monkeypatch):
    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    trained(network(), epochs=2)

    shown = capsys.readouterr()
    assert "1/2  loss" in shown.out
    assert shown.out.endswith("\r")
    assert shown.err == ""
    trained(network(), epochs=2, progress=False)
    assert capsys.readouterr().out == ""


def test_a_history_says_how_it_ended():
    assert repr(nn.History()) == "History(no epochs)"
    assert repr(nn.History([{"epoch": 1, "loss": 0.25, "lr": 0.1}])) == "History(1 epochs, last: epoch 1, loss 0.25)"


@pytest.mark.long
def test_hundreds_of_steps_leave_memory_flat():
    """A run of 400 steps with the collector off leaves nothing behind: no memory, and no cycle to be found."""
    import gc
    import tracemalloc

    model, data = nn.Neuron(1, nonlin=False, seed=0), ([[1.0]], [2.0])
    optimizer = nn.SGD(model, lr=0.1)
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        left, cycles = [], []
        for _ in range(2):
            nn.fit(model, data, nn.mse, optimizer, epochs=400)
            cycles.append(gc.collect())  # it also empties Python's own lists of spare objects
            left.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        gc.enable()
    assert cycles == [0, 0]
    assert left[1] - left[0] < 4 * 1024


def test_accuracy_of_probabilities_is_counted_from_one_half():
    model, data = nn.MLP(2, [6, 1], activation=["tanh", "sigmoid"], seed=1), nn.datasets.moons(40, seed=1)
    history = nn.fit(
        model, data, nn.binary_cross_entropy, nn.Adam(model, lr=0.1), epochs=60, metrics=["accuracy"], progress=False
    )

    assert history["accuracy"][-1] > 0.9
    outputs = [model(x) for x in data.inputs]
    assert nn.accuracy(outputs, data.targets, threshold=0.5) > 0.9


def test_accuracy_takes_one_hot_targets_as_cross_entropy_does():
    assert nn.accuracy([[0.1, 2.0], [3.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0], [0.2, 0.8]]) == 2 / 3


@pytest.mark.parametrize(("loss", "optimizer"), [("mse", None), (nn.mse, "adam")])
def test_a_loss_or_an_optimizer_by_name_is_refused_at_once(loss, optimizer):
    model = nn.MLP(1, [1], seed=0)

    with pytest.raises(OperandError, match=r"nn\.mse and an optimizer such as nn\.Adam"):
        nn.fit(model, ([[0.0]], [1.0]), loss, optimizer or nn.SGD(model, lr=0.1), epochs=1)
