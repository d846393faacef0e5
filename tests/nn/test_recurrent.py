"""The table of vectors and the recurrent cell, against PyTorch's and against what they promise."""

import pytest

from tinygrad_lite import nn
from tinygrad_lite.errors import ShapeError


def test_a_cell_is_pytorchs_with_its_two_matrices_side_by_side():
    torch = pytest.importorskip("torch")
    cell = nn.RNNCell(2, 3, seed=1)
    state = {name: torch.tensor(held, dtype=torch.float64) for name, held in cell.layer.state_dict().items()}
    theirs = torch.nn.RNNCell(2, 3, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight_ih.copy_(state["weight"][:, :2])
        theirs.weight_hh.copy_(state["weight"][:, 2:])
        theirs.bias_ih.copy_(state["bias"])
        theirs.bias_hh.zero_()
    sequence = [[0.5, -1.0], [2.0, 0.1], [-0.3, 0.7]]
    h = torch.zeros(3, dtype=torch.float64)
    for x in sequence:
        h = theirs(torch.tensor(x, dtype=torch.float64), h)
    h.sum().backward()
    ours = cell.read(sequence)
    sum(ours[1:], ours[0]).backward()

    assert [v.data for v in ours] == pytest.approx(h.tolist(), rel=1e-13)
    gradients = [[w.grad for w in neuron.w[:2]] for neuron in cell.layer.neurons]
    assert sum(gradients, []) == pytest.approx(theirs.weight_ih.grad.flatten().tolist(), rel=1e-12)  # noqa: RUF017


def test_only_rows_that_were_looked_up_receive_a_gradient():
    table = nn.Embedding(4, 2, seed=0)
    a, b = table(2)
    (a * b + a).backward()

    assert [[w.grad != 0 for w in row] for row in table.weight] == [[False] * 2, [False] * 2, [True] * 2, [False] * 2]
    assert list(table.state_dict()) == ["weight"]
    assert (repr(table), repr(nn.RNNCell(2, 3, seed=0))) == ("Embedding(4, 2)", "RNNCell(2, 3)")
    with pytest.raises(ShapeError, match="a row from 0 to 3 is needed, but got 4"):
        table(4)
    with pytest.raises(ShapeError, match="at least one input"):
        nn.RNNCell(2, 3, seed=0).read([])


def test_a_cell_learns_which_number_came_first():
    """The answer is the first of three numbers, which must be carried through two steps."""

    class First(nn.Module):
        def __init__(self):
            self.cell, self.out = nn.RNNCell(1, 4, seed=3), nn.Layer(4, 1, False, init="xavier", seed=4)

        def __call__(self, sequence):
            return self.out(self.cell.read([[v] for v in sequence]))

    data = nn.datasets.linear(40, weights=(1.0, 0.0, 0.0), bias=0.0, noise=0.0, seed=1)
    model = First()
    history = nn.fit(model, data, nn.mse, nn.Adam(model, lr=0.03), epochs=30, batch_size=10, metrics=["r2"])

    assert history["r2"][-1] > 0.9
