"""What a network is made of: modules that hold parameters and other modules.

A `Module` finds its parameters by looking at its own attributes: a leaf Value is a parameter, a
(nested) list of leaf Values is a tensor of them, and a Module or a list of Modules is a child.
Attributes whose name begins with an underscore are left alone. Nothing needs to be registered.

A parameter's name says where it stands, and is also the label that pictures show:

    layers.0.weight[3][1]     the same as  model.state_dict()["layers.0.weight"][3][1]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from tinygrad_lite.engine.foreign import as_lists
from tinygrad_lite.engine.op import number
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, StateError

Named = tuple[str, Value]


class Module:
    """Parameters and children, found by their attribute names.

    Subclass it, assign Values and Modules to attributes, and write `__call__`:

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.height = Value(2.0), Value(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.height
    >>> line = Line()
    >>> line(3.0).data, [name for name, _ in line.named_parameters()]
    (7.0, ['slope', 'height'])
    """

    training: bool = True
    """Whether layers that behave differently in training, such as Dropout, should do so now."""

    frozen: bool = False

    measured: bool = False
    """True of modules whose numbers are measured, not trained: part of the state, never of the parameters."""

    # ------------------------------------------------------------------ finding what is inside

    def children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside this one, each with its name, such as `layers.0`."""
        for name, held in vars(self).items():
            if not name.startswith("_"):
                yield from _modules(name, held)

    def modules(self, name: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all modules inside it, outermost first, each with its full name."""
        yield name, self
        for child_name, child in self.children():
            yield from child.modules(f"{name}.{child_name}" if name else child_name)

    def own_parameters(self) -> Iterator[Named]:
        """The parameters that are attributes of this module itself, not of its children."""
        for name, held in vars(self).items():
            if not name.startswith("_"):
                yield from _leaves(name, held)

    def named_parameters(self) -> Iterator[Named]:
        """Every parameter with its full name, each Value once, frozen ones included."""
        seen: set[Value] = set()
        for name, parameter in self._state(measured=False):
            if parameter not in seen:
                seen.add(parameter)
                yield name, parameter

    def _state(self, *, measured: bool = True) -> Iterator[Named]:
        """Every place that holds a number of the state; a shared parameter comes once for each place."""
        for module_name, module in self.modules():
            if measured or not module.measured:
                for name, parameter in module.own_parameters():
                    yield f"{module_name}.{name}" if module_name else name, parameter

    def parameters(self) -> list[Value]:
        """The parameters that may be trained: all except those of frozen modules.

        >>> from tinygrad_lite import nn
        >>> len(nn.MLP(2, [16, 16, 1], seed=0).parameters())
        337
        """
        frozen = {p for _, module in self.modules() if module.frozen for _, p in module._state()}
        return [p for _, p in self.named_parameters() if p not in frozen]

    def label_parameters(self) -> None:
        """Give every parameter its full name as label, for pictures and explanations."""
        for name, parameter in self.named_parameters():
            parameter.label = name

    # ------------------------------------------------------------------ training

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, before a new backward pass."""
        for _, parameter in self._state():
            parameter.grad = 0.0

    def freeze(self) -> None:
        """Keep the parameters of this module as they are: `parameters()` leaves them out from now on.

        Freeze before making the optimizer, which trains what `parameters()` gave it.
        """
        self.frozen = True

    def unfreeze(self) -> None:
        """Let the parameters of this module, and of all modules inside it, be trained again."""
        for _, module in self.modules():
            module.frozen = False

    def train(self, training: bool = True) -> None:
        """Switch this module and all inside it to training, or to use with `train(False)`."""
        for _, module in self.modules():
            module.training = training

    def eval(self) -> None:
        """Switch this module and all inside it to use: Dropout passes everything on."""
        self.train(False)

    # ------------------------------------------------------------------ state

    def state_dict(self) -> dict[str, Any]:
        """The numbers of all parameters: for each tensor's name a float or nested lists of floats.

        The names are those of the same network in PyTorch: `layers.0.weight` is a list of rows, one
        for each neuron, with one column for each input.

        >>> from tinygrad_lite import nn
        >>> nn.Linear(2, 1, init="zeros").state_dict()
        {'weight': [[0.0, 0.0]], 'bias': [0.0]}
        """
        return nested(self._state())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Set the parameters from what `state_dict` gave; lists, tuples, NumPy arrays and torch tensors serve.

        Raises:
            StateError: a name is missing or unknown, a shape differs, or an entry is not a number;
                the module is unchanged.
        """
        if not isinstance(state, dict):
            raise StateError(f"a state is a dict of names and numbers, but got {type(state).__name__}.")
        mine = {name: shape(held) for name, held in self.state_dict().items()}
        theirs = {name: shape(held) for name, held in state.items()}
        if mine != theirs:
            lines = [
                f"  {name}: {mine.get(name, 'not there')} here, {theirs.get(name, 'not there')} in the state"
                for name in {**mine, **theirs}
                if mine.get(name) != theirs.get(name)
            ]
            raise StateError("this state belongs to another network; nothing was changed.\n" + "\n".join(lines))
        found = dict(place for name, held in state.items() for place in _entries(name, held))
        wanted = dict(self._state())
        if found.keys() != wanted.keys():
            raise StateError("the rows of a tensor in this state differ in length; nothing was changed.")
        for name, parameter in wanted.items():
            parameter.data = found[name]

    # ------------------------------------------------------------------ summary

    def summary(self) -> str:
        """A table of what is inside: name, kind, shapes and number of parameters, line by line.

        >>> from tinygrad_lite import nn
        >>> print(nn.MLP(2, [3, 1], seed=0).summary())
        module    kind          weight  bias  parameters
        layers.0  Layer (relu)  3 x 2   3              9
        layers.1  Layer         1 x 3   1              4
        total                                         13
        """
        rows = self._summary()
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        return "\n".join(
            "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths[:4], strict=False)), row[4].rjust(widths[4])])
            for row in rows
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The summary, as a notebook shows it."""
        head, *rows = [[escape(cell) for cell in row] for row in self._summary()]
        lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
        title = "".join(f"<th>{cell}</th>" for cell in head)
        table = f"<thead><tr>{title}</tr></thead><tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody>"
        return {"text/plain": self.summary(), "text/html": f"<table>{table}</table>"}

    def _summary(self) -> list[tuple[str, ...]]:
        """The lines of the summary, the head first and the total last."""
        rows: list[tuple[str, ...]] = [("module", "kind", "weight", "bias", "parameters")]
        counted: set[Value] = set()
        for name, module in self.modules():
            own = [] if module.measured else list(module.own_parameters())
            new = {parameter for _, parameter in own} - counted
            if own or not list(module.children()):
                state = {tensor: shape(held) for tensor, held in nested(own).items()}
                weight = " ".join(x for tensor, x in state.items() if tensor not in ("bias", "b"))
                bias = state.get("bias", state.get("b", "")) or ""
                frozen = ", frozen" if module.frozen else ""
                rows.append((name or "(itself)", module.kind() + frozen, weight, bias, str(len(new))))
                counted |= new
        return [*rows, ("total", "", "", "", str(len(counted)))]

    def kind(self) -> str:
        """The word for this module in a summary."""
        return type(self).__name__


def samples_in(x: Any) -> Any:
    """The samples of a batch, a list or an array of lists of numbers; None if x is the inputs of one sample."""
    if hasattr(x, "ndim"):
        return as_lists(x) if x.ndim == 2 else None
    if isinstance(x, (list, tuple)) and x:
        first = x[0]
        if isinstance(first, (list, tuple)) or getattr(first, "ndim", 0) == 1:
            return x
    return None


def _modules(name: str, held: Any) -> Iterator[tuple[str, Module]]:
    if isinstance(held, Module):
        yield name, held
    elif isinstance(held, (list, tuple)):
        for i, entry in enumerate(held):
            yield from _modules(f"{name}.{i}", entry)


def _leaves(name: str, held: Any) -> Iterator[Named]:
    if isinstance(held, Value):
        if not held.parents:
            yield name, held
    elif isinstance(held, (list, tuple)):
        for i, entry in enumerate(held):
            yield from _leaves(f"{name}[{i}]", entry)


def nested(named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Named entries put together: for each tensor's name a float or nested lists of floats.

    >>> nested([("b", Value(1.0)), ("w[0][0]", Value(2.0)), ("w[1][0]", Value(3.0))])
    {'b': 1.0, 'w': [[2.0], [3.0]]}
    """
    tensors: dict[str, Any] = {}
    for name, entry in named:
        tensor, *places = name.replace("]", "").split("[")
        x = entry.data if isinstance(entry, Value) else entry
        if not places:
            tensors[tensor] = x
            continue
        row = tensors.setdefault(tensor, [])
        for place in places[:-1]:
            if int(place) == len(row):
                row.append([])
            row = row[int(place)]
        row.append(x)
    return tensors


def _entries(name: str, held: Any) -> Iterator[tuple[str, float]]:
    """The numbers in nested lists, each with the name of its place."""
    if hasattr(held, "tolist"):
        held = held.tolist()
    if isinstance(held, (list, tuple)):
        for i, entry in enumerate(held):
            yield from _entries(f"{name}[{i}]", entry)
    else:
        try:
            yield name, number(held.data if isinstance(held, Value) else held)
        except (OperandError, ArithmeticError):
            raise StateError(f"{name} should be a number, but is {held!r:.60}; nothing was changed.") from None


def shape(held: Any) -> str:
    """The shape of nested lists in words.

    >>> shape([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), shape(1.0)
    ('3 x 2', 'number')
    """
    if hasattr(held, "tolist"):
        held = held.tolist()
    sizes = []
    while isinstance(held, (list, tuple)):
        sizes.append(str(len(held)))
        held = held[0] if held else None
    return " x ".join(sizes) or "number"
