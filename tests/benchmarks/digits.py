"""64-32-10 on the handwritten digits: held-back accuracy, and the time of an epoch here, in PyTorch and in micrograd.

    PYTHONPATH=. python tests/benchmarks/digits.py [--epochs 12]

`compile_step` is the same step as `eager`, in compiled code. All train on the same 1,198 pictures in the same batches
of 16 and begin with the same weights. PyTorch (one thread, float64) is given each batch as a tensor, which is what it
is made for. micrograd has no exponential, so that it trains with the max-margin loss, and it is timed on the first few
batches only; its epoch is their time scaled up.
Rounds are interleaved in one process, and the machine's drift is shown as the smallest and the largest round.
"""

import argparse
import gc
import importlib.util
import statistics
import time

from tinygrad_lite import nn

SIZE = 16


def prepared():
    """Training and held-back pictures with ink from 0 to 1."""
    data = nn.datasets.digits()
    data = data.with_samples([[ink / 16 for ink in x] for x in data.inputs], data.targets)
    return data.split(1 / 3, seed=0)


def network():
    return nn.MLP(64, [32, 10], init="he", seed=0)


def optimizer(model, epochs, samples):
    steps = epochs * -(-samples // SIZE)
    return nn.Adam(model, lr=nn.schedules.cosine(0.01, steps=steps))


def accuracy(epochs):
    """Train to the end; the history."""
    train, held = prepared()
    model = network()
    return nn.fit(
        model,
        train,
        nn.cross_entropy,
        optimizer(model, epochs, len(train)),
        epochs=epochs,
        batch_size=SIZE,
        metrics=["accuracy"],
        validation=held,
        progress=True,
    )


def ours(train):
    """A function that trains one epoch."""
    model = network()
    adam = nn.Adam(model, lr=0.01)

    def epoch():
        for batch in train.batches(SIZE):
            loss = nn.cross_entropy([model(x) for x in batch.inputs], batch.targets)
            adam.zero_grad()
            loss.backward()
            adam.step()

    return epoch, 1.0


def compiled(train):
    model = network()
    step = nn.compile_step(model, nn.cross_entropy, nn.Adam(model, lr=0.01))
    batches = [(batch.inputs, batch.targets) for batch in train.batches(SIZE)]
    for X, y in batches:  # compiling is not part of an epoch
        step(X, y)

    def epoch():
        for X, y in batches:
            step(X, y)

    return epoch, 1.0


def torchs(train):
    import torch

    torch.set_num_threads(1)
    model = nn.to_torch(network())
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    batches = [(torch.tensor(b.inputs, dtype=torch.float64), torch.tensor(b.targets)) for b in train.batches(SIZE)]

    def epoch():
        for x, t in batches:
            loss = torch.nn.functional.cross_entropy(model(x), t)
            adam.zero_grad()
            loss.backward()
            adam.step()

    return epoch, 1.0


def micrograds(train, batches=2):
    from micrograd.engine import Value
    from micrograd.nn import MLP

    model = MLP(64, [32, 10])
    for p, q in zip(model.parameters(), network().parameters(), strict=True):
        p.data = q.data

    def part():
        for batch in list(train.batches(SIZE))[:batches]:
            margins = []
            for x, k in batch:
                scores = model([Value(v) for v in x])
                margins += [(1 - scores[k] + y).relu() for j, y in enumerate(scores) if j != k]
            loss = sum(margins) * (1.0 / SIZE)
            model.zero_grad()
            loss.backward()
            for p in model.parameters():
                p.data -= 0.01 * p.grad

    return part, len(train) / (batches * SIZE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    train, _ = prepared()
    candidates = {"eager": ours, "compile_step": compiled}
    candidates |= {"PyTorch": torchs} if importlib.util.find_spec("torch") else {}
    candidates |= {"micrograd": micrograds} if importlib.util.find_spec("micrograd") else {}
    made = {name: make(train) for name, make in candidates.items()}
    seconds = {name: [] for name in made}
    for _ in range(args.rounds):
        for name, (epoch, scale) in made.items():
            gc.collect()
            started = time.process_time()
            epoch()
            seconds[name].append((time.process_time() - started) * scale)
    print(f"seconds of processor time for an epoch of {len(train)} pictures, collector on")
    print(f"  (median, smallest, largest of {args.rounds})")
    for name, ts in seconds.items():
        scaled = ", scaled up from its first batches" if made[name][1] != 1.0 else ""
        print(f"  {name:<14}{statistics.median(ts):9.3f}{min(ts):9.3f}{max(ts):9.3f}{scaled}")
    history = accuracy(args.epochs)
    for row in history.rows:
        print(f"epoch {row['epoch']:>2}   training {row['accuracy']:.4f}   held back {row['val_accuracy']:.4f}")


if __name__ == "__main__":
    main()
