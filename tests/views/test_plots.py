"""The plots hold the numbers they claim to show, and give their Axes back."""

import importlib.util
import subprocess
import sys

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import tinygrad_lite as tg  # noqa: E402
from tinygrad_lite import Value, nn  # noqa: E402
from tinygrad_lite.errors import ShapeError  # noqa: E402
from tinygrad_lite.views import plots  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def test_the_tangent_touches_the_curve_with_its_slope():
    ax = plots.tangent(lambda x: tg.sin(x) * x, at=1.2)

    curve, line, point = ax.lines
    (x0, x1), (y0, y1) = line.get_xdata(), line.get_ydata()
    slope = (y1 - y0) / (x1 - x0)
    import math

    assert slope == pytest.approx(math.sin(1.2) + 1.2 * math.cos(1.2), rel=1e-12)
    assert point.get_ydata()[0] == pytest.approx(1.2 * math.sin(1.2))
    assert len(curve.get_xdata()) == 401


def test_outside_the_domain_there_is_no_curve():
    ax = plots.tangent(tg.log, at=1.0)

    assert min(ax.lines[0].get_xdata()) > 0


def test_every_plot_draws_into_the_axes_it_is_given():
    import matplotlib.pyplot as plt

    w = Value(1.0)
    ax = plt.subplots()[1]

    assert plots.tangent(lambda x: x * x, 0.0, ax=ax) is ax
    assert plots.loss_curve([1.0, 0.5], [1.1, 0.7], ax=ax) is ax
    assert plots.gradient_flow({"w": w}, ax=ax) is ax
    assert plots.activation("relu", ax=ax) is ax
    assert plots.decision_boundary(lambda x: x[0], [[0.0, 1.0], [1.0, 0.0]], [0, 1], resolution=5, ax=ax) is ax


def test_the_loss_curve_takes_a_list_or_a_history():
    history = nn.History([{"epoch": 1, "loss": 3.0, "val_loss": 3.5}, {"epoch": 2, "loss": 2.0, "val_loss": 2.5}])

    assert list(plots.loss_curve([3.0, 2.0]).lines[0].get_ydata()) == [3.0, 2.0]
    assert list(plots.loss_curve(history).lines[1].get_ydata()) == [3.5, 2.5]
    with pytest.raises(ShapeError, match="1 and 2"):
        plots.loss_curve([3.0, 2.0], [1.0])


@pytest.mark.parametrize("scores", [lambda x: x[0] - 0.5, lambda x: [0.5 - x[0], x[0] - 0.5], lambda x: [x[0] - 0.5]])
def test_the_boundary_is_where_the_class_changes(scores):
    ax = plots.decision_boundary(scores, [[0.0, 0.0], [1.0, 1.0]], [0, 1], resolution=51)

    mesh = ax.collections[0].get_array().reshape(51, 51)
    assert mesh[:, 10].max() == 0
    assert mesh[:, 40].min() == 1


def test_points_that_are_not_in_the_plane_are_refused():
    with pytest.raises(ShapeError, match="2 numbers"):
        plots.decision_boundary(lambda x: x[0], [[0.0, 1.0, 2.0]], [0])


def test_the_bars_are_root_mean_squares_of_the_gradients():
    model = nn.MLP(2, [3, 1], seed=1)
    model([1.0, 2.0]).backward()

    heights = [bar.get_height() for bar in plots.gradient_flow(model).patches]

    weights = [w.grad for neuron in model.layers[0].neurons for w in neuron.w]
    expected = (sum(g * g for g in weights) / len(weights)) ** 0.5
    assert heights[0] == pytest.approx(expected)


def test_an_activation_and_its_derivative_come_from_the_same_row():
    curve, slope = plots.activation("sigmoid").lines[-2:]

    middle = len(curve.get_xdata()) // 2
    assert (curve.get_ydata()[middle], slope.get_ydata()[middle]) == (0.5, 0.25)
    with pytest.raises(KeyError, match="did you mean"):
        plots.activation("sigmoidd")


def test_without_matplotlib_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['matplotlib'] = None; sys.modules['matplotlib.pyplot'] = None\n"
        "from tinygrad_lite.views import plots\n"
        "try: plots.activation('tanh')\n"
        "except ImportError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert "pip install 'tinygrad-lite[plot]'" in run.stdout


def test_the_plots_module_itself_is_light():
    assert importlib.util.find_spec("tinygrad_lite.views.plots")
    code = "import sys, tinygrad_lite.views.plots; print('matplotlib' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
