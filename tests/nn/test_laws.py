"""Laws of networks, losses and schedules, for shapes and numbers that nobody chose."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite import Value, nn
from tinygrad_lite.nn import saving

SIZES = st.lists(st.integers(1, 4), min_size=2, max_size=4)
ACTIVATIONS = st.sampled_from(["relu", "tanh", "sigmoid", "softplus", "gelu", "linear"])
NUMBER = st.floats(-50, 50)


@pytest.mark.long
@given(SIZES, st.data())
def test_a_network_is_its_description_and_its_state(sizes, data):
    acts = [data.draw(ACTIVATIONS) for _ in sizes[1:]]
    model = nn.MLP(sizes[0], sizes[1:], activation=acts, seed=data.draw(st.integers(0, 99)))
    again = saving.build(saving.describe(model))
    again.load_state_dict(model.state_dict())
    x = [data.draw(NUMBER) for _ in range(sizes[0])]

    assert str(model(x)) == str(again(x))
    assert [name for name, _ in again.named_parameters()] == [name for name, _ in model.named_parameters()]
    assert len(model.parameters()) == sum((n + 1) * m for n, m in itertools.pairwise(sizes))


@given(st.lists(NUMBER, min_size=2, max_size=6), st.data())
def test_cross_entropy_is_never_negative_ignores_a_shift_and_its_gradient_sums_to_zero(logits, data):
    target = data.draw(st.integers(0, len(logits) - 1))
    z = [Value(v) for v in logits]
    loss = nn.cross_entropy(z, target)
    loss.backward()

    assert loss.data >= 0
    assert nn.cross_entropy([v + 7.5 for v in logits], target) == pytest.approx(loss.data, rel=1e-9, abs=1e-9)
    assert sum(v.grad for v in z) == pytest.approx(0.0, abs=1e-12)


@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=6))
def test_the_squared_errors_are_multiples_of_each_other_and_bound_the_rest(pairs):
    y, t = [a for a, _ in pairs], [b for _, b in pairs]
    n = len(pairs)

    assert nn.sse(y, t) == pytest.approx(n * nn.mse(y, t), rel=1e-12)
    assert nn.half_mse(y, t) == pytest.approx(nn.mse(y, t) / 2, rel=1e-12)
    assert nn.mae(y, t) ** 2 <= nn.mse(y, t) * (1 + 1e-12) + 1e-300
    assert nn.huber(y, t) <= min(nn.half_mse(y, t), nn.mae(y, t)) * (1 + 1e-12) + 1e-300


@given(NUMBER, st.sampled_from([0, 1]))
def test_from_logits_is_the_binary_cross_entropy_of_the_sigmoid(z, t):
    direct = -math.log(1 / (1 + math.exp(-z if t else z)))

    assert nn.binary_cross_entropy_from_logits([z], [t]) == pytest.approx(direct, rel=1e-9, abs=1e-15)


@given(st.integers(1, 40), st.integers(0, 60), st.integers(1, 10))
def test_schedules_stay_between_their_ends_and_come_back_from_their_description(steps, step, warm):
    for schedule in (
        nn.schedules.cosine(0.3, steps, end=0.1),
        nn.schedules.linear(0.3, 0.1, steps),
        nn.schedules.warm_up(nn.schedules.linear(0.3, 0.1, steps), warm),
    ):
        assert 0 < schedule(step) <= 0.3
        assert nn.schedules.from_description(schedule.describe())(step) == schedule(step)
        assert step < warm or schedule(step) >= 0.1 - 1e-15


@given(st.integers(1, 50), st.integers(1, 12), st.integers(0, 5))
def test_batches_are_a_partition(n, size, seed):
    places = list(nn.Dataset([[0.0]] * n, [0] * n).places(size, seed=seed))

    assert sorted(i for batch in places for i in batch) == list(range(n))
    assert {len(batch) for batch in places[:-1]} <= {size}
