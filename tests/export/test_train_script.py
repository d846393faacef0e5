"""The training scripts run for real: on eight simulated devices, in two processes, killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tinygrad_lite import export, nn
from tinygrad_lite.errors import OperandError

np = pytest.importorskip("numpy")
pytest.importorskip("jax")
pytest.importorskip("torch")

EIGHT = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}


def script(folder, engine, loss="cross_entropy", epochs=3):
    r = np.random.default_rng(0)
    X = r.normal(size=(64, 3))
    y = r.integers(0, 4, 64) if loss == "cross_entropy" else r.normal(size=64)
    model = nn.MLP(3, [8, 4 if loss == "cross_entropy" else 1], activation="tanh", seed=0)
    return export.train_script(model, loss, (X, y), engine, folder / "train.py", epochs=epochs, batch_size=16)


def started(path, *options, env=None, before=()):
    command = [sys.executable, *before, str(path), *map(str, options)]
    given = {**os.environ, "JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": "1", **(env or {})}
    return subprocess.Popen(command, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run(path, *options, **how):
    process = started(path, *options, **how)
    out, _ = process.communicate(timeout=280)
    assert process.returncode == 0, out
    return out


def trained(path):
    with np.load(path.with_suffix(".state.npz")) as state:
        return {k: state[k] for k in state.files}


def equal(left, right):
    assert left.keys() == right.keys()
    for k in left:
        assert np.abs(left[k] - right[k]).max() <= 1e-12 * max(1.0, np.abs(right[k]).max()), k


def port():
    with socket.socket() as s:
        s.bind(("localhost", 0))
        return s.getsockname()[1]


@pytest.mark.long
def test_the_check_agrees_and_refuses_weights_that_were_changed(tmp_path):
    path = script(tmp_path, "torch")
    assert "checked: value and gradient as recorded" in run(path, "--check")

    with np.load(path.with_suffix(".npz")) as held:
        changed = {k: held[k] for k in held.files}
    changed["value"] = changed["value"] * 1.001
    np.savez(path.with_suffix(".npz"), **changed)
    process = started(path, "--check")
    out, _ = process.communicate()
    assert process.returncode != 0
    assert "not training" in out


@pytest.mark.long
def test_eight_devices_and_a_mesh_of_four_by_two_give_what_one_gives(tmp_path):
    found = []
    for name, options, env in (("one", (), {}), ("eight", (), EIGHT), ("mesh", ("--model-axis", 2), EIGHT)):
        (tmp_path / name).mkdir()
        path = script(tmp_path / name, "jax")
        assert "checked: value and gradient as recorded" in run(path, *options, env=env)
        found.append(trained(path))

    equal(found[1], found[0])
    equal(found[2], found[0])


@pytest.mark.long
def test_two_processes_of_jax_one_killed_and_all_started_again(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one = script(tmp_path / "one", "jax", "mse", epochs=40)
    two = script(tmp_path / "two", "jax", "mse", epochs=40)
    run(one)

    def pair():
        options = ("--hosts", 2, "--coordinator", f"localhost:{port()}")
        return [started(two, *options, "--host", k) for k in range(2)]

    first = pair()
    limit = time.monotonic() + 200
    while not two.with_suffix(".state.npz").exists() and time.monotonic() < limit:
        time.sleep(0.05)
    os.kill(first[1].pid, signal.SIGKILL)
    first[0].kill()
    for process in first:
        process.communicate()
    assert trained(two)["epoch"] >= 1
    again = pair()
    outs = [process.communicate(timeout=280)[0] for process in again]
    assert [process.returncode for process in again] == [0, 0], outs

    equal(trained(two), trained(one))


@pytest.mark.long
def test_two_processes_of_torch_give_what_one_gives_and_go_on_after_a_stop(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = script(tmp_path / "one", "torch"), script(tmp_path / "two", "torch")
    run(one)
    launch = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(port()))
    run(two, "--epochs", 1, before=launch)
    assert trained(two)["epoch"] == 1
    run(two, before=launch)

    equal(trained(two), trained(one))


def test_an_unknown_loss_or_engine_is_named(tmp_path):
    with pytest.raises(OperandError, match="knows the engines jax, torch"):
        export.train_script(nn.MLP(1, [1]), "mse", ([[1.0]], [1.0]), "keras", tmp_path / "x.py")
