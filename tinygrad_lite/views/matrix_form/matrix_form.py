"""The matrix form: a recorded network as NumPy code, forward and backward, run and compared with the graph.

    form = tg.matrix_form(loss)
    print(form)              # the code with the shapes beside it, and the comparison
    form.code                # the code alone
    form.gradients["W1"]     # what the code computed
    form.exact["W1"]         # what the graph says

The package `analysis` finds the layers, the loss, and the code of each activation and its derivative. The code that is
printed is the code that was run: its numbers stand beside the graph's. NumPy is imported at the moment of use.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from tinygrad_lite.analysis.layers import Network, find_layers
from tinygrad_lite.analysis.loss_head import Given, recognise
from tinygrad_lite.analysis.sums import squared
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints, require_fresh
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import NotLayered, OperandError
from tinygrad_lite.report.text import Report, Reported, Table
from tinygrad_lite.views.matrix_form.program import parameter_names, program, run, shape_words

Array = Any
_SAME = 1e-9


def matrix_form(loss: Value) -> MatrixForm:
    """The NumPy code of a recorded layered network, with the backward pass, checked against the graph.

    Works for networks made with `nn`, with object arrays of NumPy, or with plain Values; for any activation of
    one number; for squared errors, cross-entropies (softmax, sigmoid) and hinge losses, with or without an L2
    penalty. For another loss the code begins with the gradient that the graph has at the last layer.

    Raises:
        NotLayered: the graph is no layered network; the message says where it departs from one.
        StaleGraphError: some `.data` was changed after the forward pass.
        ImportError: NumPy is not installed.

    >>> from tinygrad_lite import nn
    >>> model = nn.MLP(2, [3, 1], activation="tanh", seed=0)
    >>> form = matrix_form(nn.mse([model([1.0, 2.0]), model([0.5, -1.0])], [1.0, 0.0]))
    >>> print(form.code.split("# backward")[1])
    <BLANKLINE>
    dZ2 = 2 * (Z2 - T) / 2   # (2, 1)
    dW2 = A1.T @ dZ2         # (3, 2) @ (2, 1) -> (3, 1)
    db2 = dZ2.sum(axis=0)    # (1,)
    dA1 = dZ2 @ W2.T         # (2, 1) @ (1, 3) -> (2, 3)
    dZ1 = dA1 * (1 - A1**2)  # (2, 3)
    dW1 = X.T @ dZ1          # (2, 2) @ (2, 3) -> (2, 3)
    db1 = dZ1.sum(axis=0)    # (3,)
    <BLANKLINE>
    >>> form.agree
    True
    """
    if not isinstance(loss, Value):
        raise OperandError(f"matrix_form needs the Value of a loss, but got the {type(loss).__name__} {loss!r:.60}.")
    order = topological(loss)
    require_fresh(order)
    return MatrixForm(loss, order)


class MatrixForm(Reported):
    """A network in matrices.

    Attributes:
        code: the program, forward and backward.
        arrays: what the program is given: X, the parameters, and T, the target.
        gradients, exact: of each parameter, from the program and from the graph, in the same shape.
        parameters: the leaves of each parameter, in the same shape.
        loss_name, penalty: what was recognised: the loss, and the factor of each parameter under an L2 penalty.
        agree: whether every entry agrees to 9 digits.
    """

    def __init__(self, loss: Value, order: list[Value]) -> None:
        import numpy as np

        found = adjoints(loss)

        def of_last(network: Network, what: Any) -> Array:
            return np.array(_each(network.layers[-1].sums, what))

        def given(network: Network, loss_alone: float) -> Given:
            n, last = len(network.layers), network.layers[-1]
            z, dz = of_last(network, lambda node: node.data), of_last(network, found.__getitem__)
            return Given(z, dz, loss_alone, last.sums, order, found, f"Z{n}", f"dZ{n}")

        self.network: Network = find_layers(loss, lambda network: bool(recognise(given(network, loss.data)).forward))
        layers = self.network.layers
        self.parameters: dict[str, list[Any]] = {}
        names = parameter_names(layers)
        self.arrays: dict[str, Array] = {"X": np.array([[_number(x) for x in row] for row in layers[0].inputs])}
        for layer, (w, b) in zip(layers, names, strict=True):
            self.parameters[w] = layer.weights
            if layer.biases is not None:
                self.parameters[b] = layer.biases
        for name, leaves in self.parameters.items():
            self.arrays[name] = np.array(_each(leaves, lambda leaf: leaf.data))
        self.exact: dict[str, Array] = {
            name: np.array(_each(p, lambda leaf: found[leaf])) for name, p in self.parameters.items()
        }
        dz = of_last(self.network, found.__getitem__)
        self.exact_loss: float = loss.data
        for penalty in self._penalties(dz, names, order):  # the first that agrees, else the last
            self.penalty = penalty
            squares = sum(0.5 * k * float((self.arrays[p] ** 2).sum()) for p, k in self.penalty.items())
            head = recognise(given(self.network, loss.data - squares))
            arrays = {**self.arrays, **(head.arrays if head.forward else {f"dZ{len(layers)}": dz})}
            self.code: str
            self.code, space = run(program(self.network, names, head, self.penalty), arrays)
            self._compare(space)
            if self.agree:
                break
        self.arrays = arrays
        self.loss_name: str = head.name
        for name, difference in self.differences.items():
            if not difference <= _SAME:
                self._refuse_other_uses(name, order)

    def _compare(self, space: dict[str, Array]) -> None:
        """Take the gradients from what the program left behind, and hold them against the graph's."""
        import numpy as np

        self.loss: float | None = float(space["loss"]) if "loss" in space else None
        self.gradients: dict[str, Array] = {name: space[f"d{name}"] for name in self.parameters}
        self.differences: dict[str, float] = {}
        for name, exact in self.exact.items():
            scale = float(np.abs(exact).max()) or 1.0
            same_shape = self.gradients[name].shape == exact.shape
            self.differences[name] = (
                float(np.abs(self.gradients[name] - exact).max()) / scale if same_shape else float("inf")
            )
        self.agree: bool = all(difference <= _SAME for difference in self.differences.values())

    def _refuse_other_uses(self, name: str, order: list[Value]) -> None:
        """Of a leaf that does more than its place in a layer says, the matrices would know a part of the gradient only.

        Raises:
            NotLayered: a leaf of this parameter is such a one.
        """
        layers, leaves = self.network.layers, set(_flat(self.parameters[name]))
        everywhere = _flat(list(self.parameters.values()))
        for x in leaves:
            if everywhere.count(x) > 1:
                raise NotLayered(f"{_called(x, name)} stands at two places among the weights and biases.")
        inside: set[Value] = set()  # the products and sums that make the layers' Z
        for layer in layers:
            for sums, inputs in zip(layer.sums, layer.inputs, strict=True):
                given, todo = set(inputs), [z for z in sums if z is not None]
                for x in given & leaves:
                    raise NotLayered(f"{_called(x, name)} stands both for a weight or bias and for an input.")
                while todo:
                    node = todo.pop()
                    inside.add(node)
                    todo += [p for p in node.parents if isinstance(p, Value) and p.parents and p not in given | inside]
        parts = inside - {z for layer in layers for row in layer.sums for z in row if z is not None}
        for node in order:
            for part in parts.intersection(node.parents) if node not in inside else ():
                raise NotLayered(
                    f"a part of a weighted sum ({part.op.symbol}) is used by {node.op.symbol} outside of it."
                )
            for x in leaves.intersection(node.parents) if node not in inside else ():
                raise NotLayered(
                    f"{_called(x, name)} is used outside of the weighted sum of its layer too, by {node.op.symbol}, "
                    "and not as an L2 penalty would use it; matrices of layers give only a part of its gradient."
                )

    def _penalties(self, dz: Array, names: list[tuple[str, str]], order: list[Value]) -> list[dict[str, float]]:
        """What L2 penalty there may be: k of each parameter, if the loss also holds k/2 times the sum of its squares.

        It shows in what is left of the last weights' gradient; whether biases have it too is tried out.
        """
        import numpy as np

        weights = [w for w, _ in names]
        last = self.arrays[weights[-1]]
        inputs = np.array(_each(self.network.layers[-1].inputs, _number))
        rest = self.exact[weights[-1]] - inputs.T @ dz
        scale = float(np.abs(self.exact[weights[-1]]).max()) or 1.0
        if not np.isfinite(rest).all() or np.abs(rest).max() <= 1e-10 * scale or not last.any():
            return [{}]
        k = float(f"{(rest * last).sum() / (last * last).sum():.12g}")
        if not np.abs(rest - k * last).max() <= 1e-9 * scale:  # so that a nan does not pass
            return [{}]
        squares = {squared(node) for node in order}
        squares |= {x for node in order if node.op is ops.dot for x in node.parents if node.parents.count(x) > 1}
        if last.size == 1 and not squares & set(np.ravel(np.array(self.parameters[weights[-1]], dtype=object))):
            return [{}]  # of one weight any use, such as w**3, has the derivative of a penalty
        with_biases = any(b in squares for layer in self.network.layers for b in layer.biases or ())
        without, everywhere = dict.fromkeys(weights, k), dict.fromkeys(self.parameters, k)
        return [everywhere, without] if with_biases else [without, everywhere]

    # ------------------------------------------------------------------ the forms

    def report(self) -> Report:
        """What was found, the code, and the comparison with the graph."""
        layers = self.network.layers
        sizes = " -> ".join(str(n) for n in (len(layers[0].weights), *(len(layer.weights[0]) for layer in layers)))
        report = Report("The network in matrices")
        n, many = len(layers[0].inputs), len(layers)
        report.paragraph(
            f"The graph is a network of {many} layer{'s' * (many > 1)}, {sizes}, over {n} sample{'s' * (n > 1)}. "
            f"Loss: {self.loss_name}." + (" It also has an L2 penalty on the parameters." if self.penalty else "")
        )
        rows = [[name, shape_words(self.arrays[name].shape), _labels(p)] for name, p in self.parameters.items()]
        if any(row[2] for row in rows):
            report.table(Table(["array", "shape", "its first and last leaf"], rows))
        report.code(self.code, "python")
        compared = [
            [f"d{name}", shape_words(g.shape), int(g.size), float(f"{self.differences[name]:.1e}")]
            for name, g in self.gradients.items()
        ]
        marks = ["ok" if self.differences[name] <= _SAME else "wrong" for name in self.gradients]
        columns = ["gradient", "shape", "entries", "largest relative difference"]
        report.table(Table(columns, compared, title="This code, run, against the graph", marks=marks))
        if self.loss is not None:
            report.paragraph(f"The loss is {self.loss:.12g} by the code and {self.exact_loss:.12g} in the graph.")
        finite = all(map(math.isfinite, self.differences.values()))
        wrong = "They do not agree: please report this graph." if finite else "Not all are finite: nothing to compare."
        report.paragraph("They agree." if self.agree else wrong)
        return report

    def save(self, path: str | Path) -> Path:
        """Write the report (.html, .md, .txt, .json), or the code alone (.py)."""
        path = Path(path)
        if path.suffix == ".py":
            path.write_text(f"import numpy as np\n\n{self.code}\n", encoding="utf-8")
            return path
        return super().save(path)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {shape_words(self.arrays[name].shape)}" for name in self.parameters)
        return f"MatrixForm({shapes}; {'agrees' if self.agree else 'DISAGREES'} with the graph)"


# ---------------------------------------------------------------------- leaves and names


def _each(leaves: Any, what: Any) -> Any:
    return [_each(x, what) for x in leaves] if isinstance(leaves, list) else what(leaves)


def _flat(leaves: Any) -> list[Value]:
    return [x for part in leaves for x in _flat(part)] if isinstance(leaves, list) else [leaves]


def _called(leaf: Value, name: str) -> str:
    return leaf.label or f"an unnamed leaf, {name} here,"


def _number(x: Any) -> float:
    return x if x.__class__ is float else x.data


def _labels(leaves: list[Any]) -> str:
    """Which of the user's leaves stand in an array: its first and its last label."""
    first = leaves[0][0] if isinstance(leaves[0], list) else leaves[0]
    last = leaves[-1][-1] if isinstance(leaves[-1], list) else leaves[-1]
    return " ... ".join(dict.fromkeys(x.label for x in (first, last) if x.label))
