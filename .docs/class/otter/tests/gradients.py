"""Otter's test of backprop.ipynb: two points for each right gradient; a wrong one shows the report with the mistake."""

from otter.test_files import test_case

OK_FORMAT = False
name = "gradients"
points = 8


def gradient_is_right(env, parameter):
    import tinygrad_lite as tg

    result = tg.check(env["loss"], env["backprop"], env["params"], env["X"], env["y"], mend=False)
    assert result.scores[parameter] == 1, str(result)


@test_case(points=2)
def test_w1(env):
    gradient_is_right(env, "W1")


@test_case(points=2)
def test_b1(env):
    gradient_is_right(env, "b1")


@test_case(points=2)
def test_w2(env):
    gradient_is_right(env, "W2")


@test_case(points=2)
def test_b2(env):
    gradient_is_right(env, "b2")
