"""What functions can remember is put back."""

import numpy as np
import pytest

from tinygrad_lite.checking.trial.state import State


def where() -> tuple:
    name, words, *rest = np.random.get_state()
    return name, words.tobytes(), *rest


@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize(
    "draw",
    [np.random.rand, np.random.randn, lambda: np.random.randn(2), lambda: np.random.seed(1), lambda: None],
    ids=["uniform", "normal", "two normals", "seed", "nothing"],
)
def test_numpys_own_generator_is_put_back_whatever_was_drawn(draw, waiting):
    if waiting:
        np.random.randn()  # the second number of its pair waits
    state, before = State(), where()
    draw()
    state.replay()
    assert where() == before
