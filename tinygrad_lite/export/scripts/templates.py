"""The training scripts that scripts.py fills: <apply>, <loss> and the options stand in angle brackets."""

JAX = '''\
"""Train a network with JAX, data parallel over all devices of all hosts. Written by tinygrad_lite.

    python train.py --check     compare value and gradient with the recorded ones
    python train.py             train; started again after a stop, it goes on from the last whole epoch
"""

import argparse
import os
import pathlib

import jax
import numpy as np

HERE = pathlib.Path(__file__).resolve()
options = argparse.ArgumentParser(description=__doc__)
options.add_argument("--check", action="store_true")
options.add_argument("--epochs", type=int, default=<epochs>)
options.add_argument("--batch-size", type=int, default=<batch>)
options.add_argument("--lr", type=float, default=<lr>)
options.add_argument("--model-axis", type=int, default=1, help="devices over which each weight matrix is split")
options.add_argument("--hosts", type=int, default=1)
options.add_argument("--host", type=int, default=0)
options.add_argument("--coordinator", default="localhost:8476")
options.add_argument("--checkpoint", type=pathlib.Path, default=HERE.with_suffix(".state.npz"))
options = options.parse_args()

jax.config.update("jax_enable_x64", True)
if options.hosts > 1:
    if os.environ.get("JAX_PLATFORMS") == "cpu":
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(options.coordinator, options.hosts, options.host)
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

devices = np.array(jax.devices()).reshape(-1, options.model_axis)
mesh = Mesh(devices, ("data", "model"))


<apply>


def loss(params, x, y):
    out = apply(params, x)
    <single>
    return <loss>


@jax.jit
def step(params, x, y, lr):
    value, derivatives = jax.value_and_grad(loss)(params, x, y)
    return jax.tree.map(lambda p, g: p - lr * g, params, derivatives), value


def shared(array, spec):
    """The array on all devices of all hosts, split as the spec says; every host holds the whole of it."""
    array = np.asarray(array)
    return jax.make_array_from_callback(array.shape, NamedSharding(mesh, spec), lambda index: array[index])


def of_weight(array):
    """Matrices are split by rows over the axis "model", if it divides them."""
    split = array.ndim == 2 and options.model_axis > 1 and array.shape[0] % options.model_axis == 0
    return P("model", None) if split else P()


def whole(array):
    """The array on this host."""
    return np.asarray(jax.jit(lambda a: a, out_shardings=NamedSharding(mesh, P()))(array).addressable_data(0))


def main():
    held = np.load(HERE.with_suffix(".npz"))
    params = {k[6:]: shared(held[k], of_weight(held[k])) for k in held.files if k.startswith("param:")}
    few = int(held["few"])
    value, derivatives = jax.jit(jax.value_and_grad(loss))(params, held["X"][:few], held["y"][:few])
    wanted = {k[5:]: held[k] for k in held.files if k.startswith("grad:")}
    scale = max(float(np.abs(g).max()) for g in wanted.values())
    far = max(float(np.abs(whole(derivatives[k]) - g).max()) / scale for k, g in wanted.items())
    far = max(far, abs(float(value) - float(held["value"])) / max(1.0, abs(float(held["value"]))))
    if not far < 1e-12:
        raise SystemExit(f"value and gradient are {far:.1e} away from the recorded ones: not training")
    if options.host == 0:
        print(f"checked: value and gradient as recorded, to {far:.0e}", flush=True)
    if options.check:
        return

    first = 0
    if options.checkpoint.exists():
        state = np.load(options.checkpoint)
        first = int(state["epoch"])
        params = {k: shared(state[f"param:{k}"], of_weight(state[f"param:{k}"])) for k in params}
    X, y, size = held["X"], held["y"], options.batch_size
    size -= size % devices.shape[0]
    if not 0 < size <= len(X):
        raise SystemExit(f"a batch needs at least {devices.shape[0]} samples, one a device, and at most {len(X)}")
    for epoch in range(first, options.epochs):
        order = np.random.default_rng(epoch).permutation(len(X))
        values = []
        for k in range(0, len(X) - size + 1, size):
            rows = order[k : k + size]
            x_rows, y_rows = (shared(a[rows], P("data", *[None] * (a.ndim - 1))) for a in (X, y))
            params, value = step(params, x_rows, y_rows, options.lr)
            values.append(value)
        numbers = {f"param:{k}": whole(v) for k, v in params.items()}
        if options.host == 0:
            print(f"epoch {epoch + 1}: loss {np.mean([float(v) for v in values]):.6f}", flush=True)
            fresh = options.checkpoint.with_suffix(".new.npz")
            np.savez(fresh, epoch=epoch + 1, **numbers)
            os.replace(fresh, options.checkpoint)


main()
'''

TORCH = '''\
"""Train a network with PyTorch, data parallel over all processes that torchrun starts. Written by tinygrad_lite.

    python train.py --check                 compare value and gradient with the recorded ones
    torchrun --nproc-per-node 2 train.py    train; started again, it goes on from the last whole epoch
"""

import argparse
import os
import pathlib

import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve()
options = argparse.ArgumentParser(description=__doc__)
options.add_argument("--check", action="store_true")
options.add_argument("--epochs", type=int, default=<epochs>)
options.add_argument("--batch-size", type=int, default=<batch>)
options.add_argument("--lr", type=float, default=<lr>)
options.add_argument("--checkpoint", type=pathlib.Path, default=HERE.with_suffix(".state.npz"))
options = options.parse_args()

together = int(os.environ.get("WORLD_SIZE", "1")) > 1
cuda = torch.cuda.is_available()
device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
if together:
    torch.distributed.init_process_group("nccl" if cuda else "gloo")
rank = torch.distributed.get_rank() if together else 0
world = torch.distributed.get_world_size() if together else 1


<apply>


class Network(torch.nn.Module):
    def __init__(self, numbers):
        super().__init__()
        self.names = list(numbers)
        self.numbers = torch.nn.ParameterList([torch.tensor(v, dtype=torch.float64) for v in numbers.values()])

    def forward(self, x, y):
        out = apply(dict(zip(self.names, self.numbers)), x)
        <single>
        return <loss>


def main():
    held = np.load(HERE.with_suffix(".npz"))
    network = Network({k[6:]: held[k] for k in held.files if k.startswith("param:")}).to(device)
    X, y, few = torch.tensor(held["X"], device=device), torch.tensor(held["y"], device=device), int(held["few"])
    value = network(X[:few], y[:few])
    value.backward()
    wanted = {k[5:]: held[k] for k in held.files if k.startswith("grad:")}
    scale = max(float(np.abs(g).max()) for g in wanted.values())
    found = {k: p.grad.cpu().numpy() for k, p in zip(network.names, network.numbers)}
    far = max(float(np.abs(found[k] - g).max()) / scale for k, g in wanted.items())
    far = max(far, abs(float(value) - float(held["value"])) / max(1.0, abs(float(held["value"]))))
    if not far < 1e-12:
        raise SystemExit(f"value and gradient are {far:.1e} away from the recorded ones: not training")
    if rank == 0:
        print(f"checked: value and gradient as recorded, to {far:.0e}", flush=True)
    if options.check:
        return

    first = 0
    if options.checkpoint.exists():
        state = np.load(options.checkpoint)
        first = int(state["epoch"])
        with torch.no_grad():
            for k, p in zip(network.names, network.numbers):
                p.copy_(torch.tensor(state[f"param:{k}"]))
    wrapped = torch.nn.parallel.DistributedDataParallel(network) if together else network
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=options.lr)
    size = options.batch_size - options.batch_size % world
    for epoch in range(first, options.epochs):
        order = np.random.default_rng(epoch).permutation(len(X))
        values = []
        for k in range(0, len(X) - size + 1, size):
            rows = torch.tensor(order[k : k + size][rank::world].copy(), device=device)
            optimizer.zero_grad()
            value = wrapped(X[rows], y[rows])
            value.backward()
            optimizer.step()
            values.append(value.detach())
        total = torch.stack(values).mean()
        if together:
            torch.distributed.all_reduce(total)
        if rank == 0:
            print(f"epoch {epoch + 1}: loss {float(total) / world:.6f}", flush=True)
            fresh = options.checkpoint.with_suffix(".new.npz")
            numbers = {f"param:{k}": p.detach().cpu().numpy() for k, p in zip(network.names, network.numbers)}
            np.savez(fresh, epoch=epoch + 1, **numbers)
            os.replace(fresh, options.checkpoint)
        if together:
            torch.distributed.barrier()


main()
'''

TEMPLATES = {"jax": JAX, "torch": TORCH}
