"""The cell magic `%%backprop`, in a real IPython."""

import pytest

from tinygrad_lite import Value
from tinygrad_lite.errors import OperandError
from tinygrad_lite.views.magic import views_of

pytest.importorskip("IPython")


@pytest.fixture
def shell():
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "tinygrad_lite")

    def run(cell):
        with capture_output() as captured:
            shell.run_cell("%%backprop\n" + cell)
        return captured

    yield run
    InteractiveShell.clear_instance()


@pytest.mark.filterwarnings("ignore")  # of IPython's own
def test_a_cell_is_run_and_its_last_value_is_seen_in_three_ways(shell):
    found = shell("from tinygrad_lite import Value\na = Value(3.0, label='a')\na * a")
    shown = [output.data.get("text/plain", "") for output in found.outputs]

    assert any("grad 3 + 3 = 6" in text for text in shown)
    assert any(text.startswith("<Player of") for text in shown)
    assert len(shown) >= 3


@pytest.mark.filterwarnings("ignore")
def test_a_cell_that_ends_with_something_else_is_told_so(shell):
    assert "%%backprop shows the Value in a cell's last line, but that is the int 5" in shell("5").stdout


def test_gradients_of_an_earlier_pass_are_not_added():
    x = Value(3.0)
    y = x * 2.0
    y.backward()
    views_of(y)

    assert x.grad == 2.0
    with pytest.raises(OperandError, match="cell's last line"):
        views_of(None)
