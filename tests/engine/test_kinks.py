"""Choosing the derivative at a corner: for the block, for the thread, and within what is right."""

import math
import threading

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine import ops


def at(f, *xs):
    inputs = [Value(x) for x in xs]
    f(*inputs).backward()
    return [x.grad for x in inputs]


@pytest.mark.parametrize(
    ("choices", "f", "xs", "expected"),
    [
        ({"relu": 0.5}, tg.relu, [0.0], [0.5]),
        ({"relu": 1.0}, lambda x: tg.relu(x) * 3.0, [0.0], [3.0]),
        ({"abs": -1.0}, abs, [0.0], [-1.0]),
        ({"leaky_relu": 0.5}, lambda x: tg.leaky_relu(x, 0.1), [0.0], [0.5]),
        ({"clip": 0.25}, lambda x, low: tg.clip(x, low, 9.0), [1.0, 1.0], [0.25, 0.75]),
        ({"max": 1.0}, tg.maximum, [2.0, 2.0, 1.0], [1.0, 0.0, 0.0]),
        ({"min": 0.5}, tg.minimum, [2.0, 2.0, 2.0], [0.5, 0.25, 0.25]),
    ],
)
def test_inside_the_block_the_choice_holds_and_outside_the_tables(choices, f, xs, expected):
    before = at(f, *xs)
    with tg.kinks(**choices):
        inside = at(f, *xs)

    assert inside == expected
    assert at(f, *xs) == before


def test_off_the_corner_nothing_changes():
    with tg.kinks(relu=0.5, abs=1.0):
        assert at(tg.relu, 2.0) == [1.0]
        assert at(abs, -2.0) == [-1.0]


def test_blocks_nest_and_end_with_an_error():
    rule = ops.relu.partials
    with tg.kinks(relu=0.5):
        with tg.kinks(relu=0.25):
            assert at(tg.relu, 0.0) == [0.25]
        assert at(tg.relu, 0.0) == [0.5]
    with pytest.raises(ZeroDivisionError), tg.kinks(relu=0.5):
        1.0 / 0.0

    assert ops.relu.partials is rule


def test_other_threads_keep_the_tables_choice():
    seen = []
    with tg.kinks(relu=0.5):
        thread = threading.Thread(target=lambda: seen.append(at(tg.relu, 0.0)))
        thread.start()
        thread.join()

    assert seen == [[0.0]]


def test_the_choice_is_recorded_and_holds_for_second_derivatives_too():
    x = Value(0.0)
    with tg.kinks(relu=0.5):
        y = x.relu() * x * 4.0 + x * x
    y.backward(create_graph=True)
    first, x.grad = x.grad, 0.0
    first.backward()

    assert first.data == 0.0
    assert x.grad == pytest.approx(2.0 + 2 * 4.0 * 0.5)


def test_what_is_no_derivative_there_is_refused():
    with pytest.raises(ValueError, match="Choose from 0 to 1"), tg.kinks(relu=2.0):
        pass
    with pytest.raises(ValueError, match="tanh has no corner"), tg.kinks(tanh=0.5):
        pass
    with pytest.raises(ValueError, match="floor has no corner"), tg.kinks(floor=0.5):
        pass
    with pytest.raises(KeyError, match="did you mean relu"), tg.kinks(rellu=0.5):
        pass


# What PyTorch and JAX take at each corner, as the sentences of the table say it: each op's spelling there, where it
# stands on a corner, and the two derivatives.
ELSEWHERE = {
    "relu": ("torch.nn.functional.relu", "jax.nn.relu", (0.0,), 0.0, 0.0, "as in PyTorch and JAX"),
    "leaky_relu": ("torch.nn.functional.leaky_relu", "jax.nn.leaky_relu", (0.0,), 0.01, 1.0, "left one, as in PyTorch"),
    "elu": ("torch.nn.functional.elu", "jax.nn.elu", (0.0, 2.0), 2.0, 2.0, "as in PyTorch and JAX"),
    "selu": ("torch.nn.functional.selu", "jax.nn.selu", (0.0,), 1.7580993, 1.7580993, "as in PyTorch and JAX"),
    "hardtanh": ("torch.nn.functional.hardtanh", "jax.nn.hard_tanh", (1.0,), 0.0, 1.0, "in JAX; PyTorch takes 0"),
    "abs": ("torch.abs", "jax.numpy.abs", (0.0,), 0.0, 1.0, "in PyTorch; JAX takes 1"),
    "max": ("torch.maximum", "jax.numpy.maximum", (2.0, 2.0), 0.5, 0.5, "equally, as in PyTorch and JAX"),
    "min": ("torch.minimum", "jax.numpy.minimum", (2.0, 2.0), 0.5, 0.5, "equally, as in PyTorch and JAX"),
    "clip": ("torch.clamp", "jax.numpy.clip", (1.0, 0.0, 1.0), 1.0, 0.5, "in PyTorch; JAX takes 0.5"),
    "sign": ("torch.sign", "jax.numpy.sign", (0.0,), 0.0, 0.0, "as in PyTorch and JAX"),
    "floor": ("torch.floor", "jax.numpy.floor", (1.0,), 0.0, 0.0, "as in PyTorch and JAX"),
    "ceil": ("torch.ceil", "jax.numpy.ceil", (1.0,), 0.0, 0.0, "as in PyTorch and JAX"),
    "round": ("torch.round", "jax.numpy.round", (0.5,), 0.0, 0.0, "as in PyTorch and JAX"),
    "hypot": ("torch.hypot", "jax.numpy.hypot", (0.0, 0.0), math.nan, 0.5, "PyTorch gives NaN, JAX 0.5"),
    "norm": ("torch.linalg.norm", "jax.numpy.linalg.norm", (0.0, 0.0), 0.0, math.nan, "in PyTorch; JAX gives NaN"),
}


def test_every_corner_says_what_other_libraries_take():
    corners = {op.name: op.kink for op in ops.TABLE.values() if op.kink is not None}

    assert corners.keys() == ELSEWHERE.keys()
    for name, kink in corners.items():
        assert ELSEWHERE[name][-1] in kink.choice


def called(path):
    library = __import__(path.split(".")[0])
    for part in path.split(".")[1:]:
        library = getattr(library, part)
    return library


@pytest.mark.few(5)
@pytest.mark.parametrize("name", ELSEWHERE)
def test_pytorch_takes_what_the_sentence_says(name):
    torch = pytest.importorskip("torch")
    path, _, at, expected, _, _ = ELSEWHERE[name]
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in at]
    operands = [torch.stack(tensors)] if name == "norm" else tensors
    constants = [x.item() for x in operands[1:]] if name in ("clip", "elu") else operands[1:]
    called(path)(operands[0], *constants).backward()

    assert tensors[0].grad.item() == pytest.approx(expected, rel=1e-6, nan_ok=True)


@pytest.mark.few(2)
@pytest.mark.parametrize("name", ELSEWHERE)
def test_jax_takes_what_the_sentence_says(name):
    jax = pytest.importorskip("jax")
    _, path, at, _, expected, _ = ELSEWHERE[name]
    function = called(path)
    whole = (lambda *xs: function(jax.numpy.stack(xs))) if name == "norm" else function

    assert float(jax.grad(whole)(*at)) == pytest.approx(expected, rel=1e-6, nan_ok=True)
