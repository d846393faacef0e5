"""The optimizers against PyTorch's, step by step, and against numbers written down from it."""

import itertools
import math

import pytest

from tinygrad_lite import Value, nn, tanh
from tinygrad_lite.errors import DomainError, StateError

START = [0.8, -1.2, 0.3, 2.0]


def bumpy(p, tanh):
    """A function with curvature of several sizes, coupled parameters and no symmetry."""
    a, b, c, d = p
    return (a * b - 1.0) ** 2 + 10.0 * (c - a * a) ** 2 + tanh(d * c) * b + 0.1 * d**4 + 0.5 * b**2


def run(make_optimizer, steps=50):
    """The parameters after each step of the optimizer that `make_optimizer(parameters)` makes."""
    ps = [Value(x) for x in START]
    optimizer = make_optimizer(ps)
    path = []
    for _ in range(steps):
        optimizer.zero_grad()
        bumpy(ps, tanh).backward()
        optimizer.step()
        path.append([p.data for p in ps])
    return path


RULES = {
    "sgd": (nn.SGD, {"lr": 0.01}, {}),
    "momentum": (nn.SGD, {"lr": 0.005, "momentum": 0.9}, {}),
    "nesterov": (nn.SGD, {"lr": 0.005, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02}, {}),
    "rmsprop": (nn.RMSprop, {"lr": 0.02, "alpha": 0.9, "weight_decay": 0.01}, {}),
    "adagrad": (nn.Adagrad, {"lr": 0.3, "weight_decay": 0.01}, {}),
    "adam": (nn.Adam, {"lr": 0.05, "weight_decay": 0.01}, {"betas": (0.9, 0.999)}),
    "adamw": (nn.AdamW, {"lr": 0.05, "weight_decay": 0.1, "beta1": 0.8, "beta2": 0.95}, {"betas": (0.8, 0.95)}),
}
AFTER_50_STEPS = {
    "sgd": [0.2562406156119787, -0.43936582610665936, 0.11141876712297019, 1.2728440086396116],
    "momentum": [-0.8902714709190008, -0.7997479252456469, 0.7647382938399743, 0.5467372205707927],
    "nesterov": [-0.360210836360218, -0.338510206436483, 0.12403868980561243, 0.8553059640161167],
    "rmsprop": [0.38201453646446343, -0.2082195776071919, 0.1619733245165865, 1.0747376072129273],
    "adagrad": [0.6684991201056564, 0.5760288018559652, 0.4284115970646516, 0.30644707403972704],
    "adam": [0.48210918878478354, 0.4984408188348376, 0.18573097945113376, 0.5571354689259433],
    "adamw": [0.4869107537244647, 0.47513766849949013, 0.21681152121242744, 0.46114279999838514],
}


@pytest.mark.parametrize("name", RULES)
def test_fifty_steps_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    ours, how, betas = RULES[name]
    theirs = {key: x for key, x in how.items() if not key.startswith("beta")} | betas
    ps = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in START]
    optimizer = getattr(torch.optim, ours.__name__)(ps, **theirs)
    path = run(lambda values: ours(values, **how))

    for row in path:
        optimizer.zero_grad()
        bumpy(ps, torch.tanh).backward()
        optimizer.step()
        assert row == pytest.approx([p.item() for p in ps], rel=1e-10)


@pytest.mark.parametrize("name", RULES)
def test_fifty_steps_end_at_the_numbers_written_down_from_pytorch(name):
    ours, how, _ = RULES[name]

    assert run(lambda values: ours(values, **how))[-1] == pytest.approx(AFTER_50_STEPS[name], rel=1e-10)


@pytest.mark.parametrize("name", RULES)
def test_a_saved_state_goes_on_with_the_same_bits(name):
    """Interrupted after 20 steps, put into plain data and taken up by a new optimizer with other settings."""
    ours, how, _ = RULES[name]
    whole = run(lambda values: ours(values, **how))
    ps = [Value(x) for x in START]
    first = ours(ps, **how)
    path = []
    for step in range(50):
        if step == 20:
            saved = first.state_dict()
            first = ours(ps, **{**how, "lr": 9.0})
            first.load_state_dict(saved)
        first.zero_grad()
        bumpy(ps, tanh).backward()
        first.step()
        path.append([p.data for p in ps])

    assert path == whole


def test_clipping_changes_the_step_and_not_the_gradient():
    def stepped(**clip):
        ps = [Value(0.0), Value(0.0)]
        ps[0].grad, ps[1].grad = 3.0, -4.0
        nn.SGD(ps, lr=1.0, **clip).step()
        assert [p.grad for p in ps] == [3.0, -4.0]
        return [p.data for p in ps]

    assert stepped(clip_norm=1.0) == pytest.approx([-0.6, 0.8], rel=1e-15)
    assert stepped(clip_norm=5.0) == [-3.0, 4.0]
    assert stepped(clip_value=3.5) == [-3.0, 3.5]
    assert stepped(clip_value=3.5, clip_norm=math.hypot(3.0, 3.5) / 2) == pytest.approx([-1.5, 1.75], rel=1e-15)


def test_clipping_agrees_with_pytorch_up_to_its_millionth():
    """torch scales by limit / (norm + 1e-6), ours by limit / norm: that is the whole difference."""
    torch = pytest.importorskip("torch")
    p = torch.tensor([0.0, 0.0], dtype=torch.float64, requires_grad=True)
    p.grad = torch.tensor([3.0, -4.0], dtype=torch.float64)
    torch.nn.utils.clip_grad_norm_([p], 1.0)
    ps = [Value(0.0), Value(0.0)]
    ps[0].grad, ps[1].grad = 3.0, -4.0
    nn.SGD(ps, lr=1.0, clip_norm=1.0).step()

    assert [-x.data * 5.0 / (5.0 + 1e-6) for x in ps] == pytest.approx(p.grad.tolist(), rel=1e-14)


def test_an_interrupted_step_moves_nothing():
    ps = [Value(1.0), Value(2.0)]
    ps[0].grad, ps[1].grad = 1.0, "broken"
    optimizer = nn.Adam(ps)

    with pytest.raises(TypeError):
        optimizer.step()
    assert ([p.data for p in ps], optimizer.steps, optimizer.state["mean"]) == ([1.0, 2.0], 0, [0.0, 0.0])


def test_ctrl_c_while_parameters_are_moved_puts_them_back():
    class Stubborn(Value):
        __slots__ = ()

        def __setattr__(self, name, x):
            if name == "data" and x == 1.5:
                raise KeyboardInterrupt
            super().__setattr__(name, x)

    ps = [Value(1.0), Stubborn(2.0)]
    ps[0].grad = ps[1].grad = 0.5
    optimizer = nn.SGD(ps, lr=1.0, momentum=0.5)

    with pytest.raises(KeyboardInterrupt):
        optimizer.step()
    assert ([p.data for p in ps], optimizer.steps, optimizer.state) == ([1.0, 2.0], 0, {"momentum": [0.0, 0.0]})


def test_wrong_settings_are_refused_at_once():
    with pytest.raises(DomainError, match=r"SGD needs lr >= 0, but got -0.1 at test_optimizers.py"):
        nn.SGD([Value(1.0)], lr=-0.1)
    with pytest.raises(TypeError):
        nn.SGD([Value(1.0)], lr=0.1, mometum=0.9)
    with pytest.raises(ValueError, match="at least one"):
        nn.Adam([])
    with pytest.raises(ValueError, match="momentum > 0"):
        nn.SGD([Value(1.0)], nesterov=True)
    p = Value(1.0)
    with pytest.raises(ValueError, match="twice"):
        nn.SGD([p, p])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s.pop("steps"),
        lambda s: s["optimizer"].update(name="SGD"),
        lambda s: s["state"]["mean"].pop(),
        lambda s: s["state"]["mean"].__setitem__(0, "1.0"),
        lambda s: s["state"].update(more=[1.0, 2.0]),
        lambda s: s["optimizer"].update(surprise=1),
        lambda s: s["optimizer"].update(lr={"schedule": "os.system"}),
        lambda s: s.update(state=None),
        lambda s: s.update(steps="many"),
        lambda s: s.update(steps=float("nan")),
    ],
)
def test_a_foreign_or_broken_state_is_refused_and_changes_nothing(spoil):
    optimizer, other = nn.Adam([Value(1.0), Value(2.0)]), nn.Adam([Value(1.0), Value(2.0)], lr=0.5)
    saved, before = other.state_dict(), optimizer.state_dict()
    spoil(saved)

    with pytest.raises(StateError, match="nothing was changed"):
        optimizer.load_state_dict(saved)
    assert optimizer.state_dict() == before


def test_a_rule_fed_with_symbols_gives_its_formula():
    """The rule is ordinary arithmetic: Values in, a graph out, with the same number."""
    for ours, how, _ in RULES.values():
        optimizer = ours([Value(1.0)], **how)
        numbers, state = optimizer.numbers(0.1, 3), [0.2] * len(optimizer.slots)
        plain, _ = optimizer.rule(1.5, 0.7, state, *numbers)
        traced, _ = optimizer.rule(Value(1.5), Value(0.7), [Value(x) for x in state], *numbers)
        assert traced.data == pytest.approx(plain, rel=1e-14)


def test_schedules_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    p = torch.tensor(0.0, requires_grad=True)

    def theirs(make):
        optimizer = torch.optim.SGD([p], lr=0.3)
        schedule = make(optimizer)
        for _ in range(20):
            yield optimizer.param_groups[0]["lr"]
            optimizer.step()
            schedule.step()

    rates = torch.optim.lr_scheduler
    cosine = list(theirs(lambda o: rates.CosineAnnealingLR(o, T_max=20, eta_min=0.01)))
    steps = list(theirs(lambda o: rates.StepLR(o, step_size=6, gamma=0.5)))
    line = list(theirs(lambda o: rates.LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=15)))

    assert [nn.schedules.cosine(0.3, 20, end=0.01)(k) for k in range(20)] == pytest.approx(cosine, rel=1e-10)
    assert [nn.schedules.step_decay(0.3, 0.5, 6)(k) for k in range(20)] == pytest.approx(steps, rel=1e-10)
    assert [nn.schedules.linear(0.3, 0.03, 15)(k) for k in range(20)] == pytest.approx(line, rel=1e-10)


def test_a_schedule_moves_the_learning_rate_and_is_saved_with_the_state():
    schedule = nn.schedules.warm_up(nn.schedules.cosine(0.1, steps=10), steps=3)
    optimizer = nn.SGD([Value(1.0)], lr=schedule)
    rates = []
    for _ in range(6):
        rates.append(optimizer.learning_rate())
        optimizer.step()
    again = nn.SGD([Value(1.0)], lr=7.0)
    again.load_state_dict(optimizer.state_dict())

    assert rates[:3] == pytest.approx([0.1 / 3, 0.2 / 3, 0.1])
    assert all(a >= b for a, b in itertools.pairwise(rates[2:]))
    assert again.learning_rate() == optimizer.learning_rate()
    assert repr(again.lr) == "warm_up(then=cosine(lr=0.1, steps=10, end=0.0), steps=3)"
    assert nn.SGD([Value(1.0)], lr=lambda step: 0.1).describe()["lr"] is None
