"""The losses against their formulas, their hand-written gradients and PyTorch's, through 50 steps of training."""

import math

import pytest

from tinygrad_lite import Value, nn
from tinygrad_lite.errors import DomainError, ShapeError


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def softmax(z):
    total = sum(map(math.exp, z))
    return [math.exp(x) / total for x in z]


Y = [0.3, -1.7, 2.4, 0.9]
T = [1.0, -1.5, 0.2, 0.4]
BITS = [1.0, 0.0, 0.25, 1.0]
SIDES = [1, -1, -1, 1]
LOGITS = [[0.5, -1.0, 2.0], [0.1, 0.2, -0.3]]

# the loss; outputs; targets; its value and its gradient along each output, derived by hand
ERRORS = [y - t for y, t in zip(Y, T, strict=True)]
BY_HAND = {
    "mse": (nn.mse, Y, T, sum(e**2 for e in ERRORS) / 4, [2 * e / 4 for e in ERRORS]),
    "half_mse": (nn.half_mse, Y, T, sum(e**2 for e in ERRORS) / 8, [e / 4 for e in ERRORS]),
    "sse": (nn.sse, Y, T, sum(e**2 for e in ERRORS), [2 * e for e in ERRORS]),
    "mae": (nn.mae, Y, T, sum(abs(y - t) for y, t in zip(Y, T, strict=True)) / 4, [-0.25, -0.25, 0.25, 0.25]),
    "huber": (nn.huber, Y, T, (0.5 * 0.49 + 0.5 * 0.04 + 1.7 + 0.125) / 4, [-0.175, -0.05, 0.25, 0.125]),
    "binary_cross_entropy_from_logits": (
        nn.binary_cross_entropy_from_logits,
        Y,
        BITS,
        -sum(t * math.log(sigmoid(z)) + (1 - t) * math.log(1 - sigmoid(z)) for z, t in zip(Y, BITS, strict=True)) / 4,
        [(sigmoid(z) - t) / 4 for z, t in zip(Y, BITS, strict=True)],
    ),
    "binary_cross_entropy": (
        nn.binary_cross_entropy,
        [0.3, 0.2, 0.7, 0.9],
        BITS,
        -(math.log(0.3) + math.log(0.8) + 0.25 * math.log(0.7) + 0.75 * math.log(0.3) + math.log(0.9)) / 4,
        [(p - t) / (p * (1 - p)) / 4 for p, t in zip([0.3, 0.2, 0.7, 0.9], BITS, strict=True)],
    ),
    "cross_entropy": (
        nn.cross_entropy,
        LOGITS,
        [2, 0],
        -(math.log(softmax(LOGITS[0])[2]) + math.log(softmax(LOGITS[1])[0])) / 2,
        [(p - (k == c)) / 2 for z, c in zip(LOGITS, [2, 0], strict=True) for k, p in enumerate(softmax(z))],
    ),
    "hinge": (nn.hinge, Y, SIDES, (0.7 + 0.0 + 3.4 + 0.1) / 4, [-0.25, 0.0, 0.25, -0.25]),
    "multi_class_hinge": (
        nn.multi_class_hinge,
        LOGITS,
        [2, 0],
        (0.0 + 1.1 + 0.6) / 3 / 2,
        [0.0, 0.0, 0.0, -2 / 6, 1 / 6, 1 / 6],
    ),
}


def values(outputs):
    return [values(y) for y in outputs] if isinstance(outputs, list) else Value(outputs)


def flat(outputs):
    return [x for y in outputs for x in flat(y)] if isinstance(outputs, list) else [outputs]


@pytest.mark.parametrize("name", BY_HAND)
def test_value_and_gradient_are_those_derived_by_hand(name):
    loss, outputs, targets, expected, gradient = BY_HAND[name]
    ys = values(outputs)
    result = loss(ys, targets)
    result.backward()

    assert result.data == pytest.approx(expected, rel=1e-13)
    assert [y.grad for y in flat(ys)] == pytest.approx(gradient, rel=1e-12, abs=1e-16)
    assert loss(outputs, targets) == pytest.approx(expected, rel=1e-13)


def torch_losses(torch):
    f = torch.nn.functional
    return {
        "mse": f.mse_loss,
        "half_mse": lambda y, t: 0.5 * f.mse_loss(y, t),
        "sse": lambda y, t: f.mse_loss(y, t, reduction="sum"),
        "mae": f.l1_loss,
        "huber": f.huber_loss,
        "binary_cross_entropy": lambda y, t: f.binary_cross_entropy(torch.sigmoid(y), t),
        "binary_cross_entropy_from_logits": f.binary_cross_entropy_with_logits,
        "cross_entropy": lambda y, t: f.cross_entropy(y, t.long()),
        "hinge": lambda y, t: torch.relu(1 - t * y).mean(),
        "multi_class_hinge": lambda y, t: f.multi_margin_loss(y, t.long()),
    }


X = [[0.5, -1.2, 0.3], [1.1, 0.4, -0.6], [-0.7, 0.9, 1.5], [0.2, -0.3, 0.8]]
RATES = {"sse": 0.02, "hinge": 0.01, "multi_class_hinge": 0.01}
FINAL = {
    "mse": 0.0001895701557587251,
    "half_mse": 0.00021861644779017195,
    "sse": 0.0009386907061125493,
    "mae": 0.04862403876130293,
    "huber": 0.00022017697905545968,
    "binary_cross_entropy_from_logits": 0.3477450848315179,
    "binary_cross_entropy": 0.3477450848315179,
    "cross_entropy": 0.18955522314336704,
    "hinge": 0.851304369033582,
    "multi_class_hinge": 0.21248321451943022,
}


def fifty_steps(name):
    """The losses of 50 steps of gradient descent with a 3-5-n tanh network, and its weights at the end."""
    classes = name in ("cross_entropy", "multi_class_hinge")
    targets = [0, 2, 1, 1] if classes else SIDES if name == "hinge" else BITS if "binary" in name else T
    model = nn.MLP(3, [5, 3 if classes else 1], activation="tanh", init="xavier", seed=7)
    optimizer = nn.SGD(model, lr=RATES.get(name, 0.1))
    loss, losses = getattr(nn, name), []
    start = model.state_dict()
    for _ in range(50):
        outputs = [model(x) for x in X]
        if name == "binary_cross_entropy":
            outputs = [y.sigmoid() for y in outputs]
        cost = loss(outputs, targets)
        losses.append(cost.data)
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
    return start, targets, losses, model.state_dict()


@pytest.mark.parametrize("name", BY_HAND)
def test_fifty_steps_of_training_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    start, targets, losses, end = fifty_steps(name)
    n_out = len(start["layers.1.bias"])
    net = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, n_out)).double()
    ours = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"]
    net.load_state_dict(
        {
            key: torch.tensor(start[mine], dtype=torch.float64)
            for key, mine in zip(["0.weight", "0.bias", "2.weight", "2.bias"], ours, strict=True)
        }
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=RATES.get(name, 0.1))
    x, t = torch.tensor(X, dtype=torch.float64), torch.tensor(targets, dtype=torch.float64)
    for ours_now in losses:
        y = net(x) if n_out > 1 else net(x)[:, 0]
        cost = torch_losses(torch)[name](y, t)
        assert ours_now == pytest.approx(cost.item(), rel=1e-10)
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()

    for key, mine in zip(["0.weight", "0.bias", "2.weight", "2.bias"], ours, strict=True):
        assert flat(end[mine]) == pytest.approx(net.state_dict()[key].flatten().tolist(), rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("name", BY_HAND)
def test_fifty_steps_end_at_the_loss_written_down_from_pytorch(name):
    _, _, losses, _ = fifty_steps(name)

    assert losses[-1] == pytest.approx(FINAL[name], rel=1e-10)


def test_penalties_are_sums_over_the_parameters():
    ps = [Value(1.5), Value(-2.0)]
    (nn.l2(ps) + 10.0 * nn.l1(ps)).backward()

    assert (nn.l2([1.5, -2.0]), nn.l1([1.5, -2.0])) == (6.25, 3.5)
    assert [p.grad for p in ps] == [3.0 + 10.0, -4.0 - 10.0]
    assert nn.l2([]) == nn.l1([]) == 0.0


def test_cross_entropy_takes_a_distribution():
    logits = [Value(0.5), Value(-1.0), Value(2.0)]
    soft = nn.cross_entropy(logits, [0.2, 0.3, 0.5])
    soft.backward()

    expected = sum(t * nn.cross_entropy(logits, k).data for k, t in enumerate([0.2, 0.3, 0.5]))
    assert soft.data == pytest.approx(expected, rel=1e-13)
    gradient = [p - t for p, t in zip(softmax([0.5, -1.0, 2.0]), [0.2, 0.3, 0.5], strict=True)]
    assert [z.grad for z in logits] == pytest.approx(gradient, rel=1e-12)


def test_losses_are_stable_at_a_thousand():
    logits = [Value(1000.0), Value(-1000.0)]
    loss = nn.cross_entropy(logits, 1)
    loss.backward()
    zs = [Value(1000.0), Value(-1000.0), Value(40.0)]
    bce = nn.binary_cross_entropy_from_logits(zs, [0, 1, 1])
    bce.backward()

    assert loss.data == 2000.0
    assert [z.grad for z in logits] == [1.0, -1.0]
    assert bce.data == pytest.approx(2000.0 / 3)
    assert [z.grad for z in zs] == pytest.approx([1 / 3, -1 / 3, -math.exp(-40) / 3])
    assert nn.binary_cross_entropy_from_logits([40.0], [1]) == pytest.approx(math.exp(-40), rel=1e-12)


def test_structures_that_differ_are_refused_with_the_place():
    y = Value(1.0)
    with pytest.raises(ShapeError, match=r"y is a list of 2 and its target a list of 3 at test_losses.py"):
        nn.mse([y, y], [1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match=r"y\[1\] is a list of 1 and its target one number"):
        nn.mae([y, [y]], [1.0, 2.0])
    with pytest.raises(ShapeError, match="at least one entry"):
        nn.sse([], [])


def test_targets_that_make_no_sense_are_refused():
    with pytest.raises(ShapeError, match="0 to 2 is needed for 3 logits, but got 3"):
        nn.cross_entropy([0.0, 0.0, 0.0], 3)
    with pytest.raises(ShapeError, match="got 2 and 3"):
        nn.cross_entropy([0.0, 0.0, 0.0], [0.5, 0.5])
    with pytest.raises(ShapeError, match="a target for each of 2 samples"):
        nn.cross_entropy([[0.0, 1.0], [1.0, 0.0]], 1)
    with pytest.raises(DomainError, match=r"targets -1 or \+1, but got 0"):
        nn.hinge([1.0], [0])
    with pytest.raises(DomainError, match="from 0 to 1, but got 2"):
        nn.binary_cross_entropy_from_logits([1.0], [2])
    with pytest.raises(DomainError, match="log needs"):
        nn.binary_cross_entropy([Value(0.0)], [1])
    with pytest.raises(DomainError, match="delta > 0"):
        nn.huber([1.0], [0.0], delta=0)
