"""What a network is made of: modules that hold parameters and other modules.

A `Module` finds its parameters by looking at its own attributes: a leaf Value is a parameter, a
(nested) list of leaf Values is a tensor of them, and a Module or a list of Modules is a child.
Attributes whose name begins with an underscore are left alone. Nothing needs to be registered.

A parameter's name says where it stands, and is also the label that pictures show:

    layers.0.weight[3][1]     the same as  model.state_dict()["layers.0.weight"][3][1]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tinygrad_lite.engine.foreign import as_lists
from tinygrad_lite.engine.op import number
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, StateError

if TYPE_CHECKING:
    from tinygrad_lite.report.table import Table

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

    def children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside this one, each with its name, such as `layers.0`."""
        return self._inside(Module, "{}.{}")

    def modules(self, name: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all modules inside it, outermost first, each with its full name."""
        yield name, self
        for child_name, child in self.children():
            yield from child.modules(f"{name}.{child_name}" if name else child_name)

    def own_parameters(self) -> Iterator[Named]:
        """The parameters that are attributes of this module itself, not of its children."""
        return ((name, held) for name, held in self._inside(Value, "{}[{}]") if not held.parents)

    def _inside(self, kind: type, place: str) -> Iterator[tuple[str, Any]]:
        """What the attributes hold of a kind, in lists too, whose entries are named by `place`."""
        todo = [(name, held) for name, held in reversed(vars(self).items()) if not name.startswith("_")]
        while todo:
            name, held = todo.pop()
            if isinstance(held, kind):
                yield name, held
            elif isinstance(held, (list, tuple)):
                todo += reversed([(place.format(name, i), entry) for i, entry in enumerate(held)])

    def named_parameters(self) -> Iterator[Named]:
        """Every parameter with its full name, each Value once, frozen ones included."""
        names: dict[Value, str] = {}
        for name, parameter in self._state(measured=False):
            names.setdefault(parameter, name)
        return ((name, parameter) for parameter, name in names.items())

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
        mine, theirs = ({name: _words(held) for name, held in each.items()} for each in (self.state_dict(), state))
        if mine != theirs:
            lines = [
                f"  {name}: {mine.get(name, 'not there')} here, {theirs.get(name, 'not there')} in the state"
                for name in {**mine, **theirs}
                if mine.get(name) != theirs.get(name)
            ]
            raise StateError("this state belongs to another network; nothing was changed.\n" + "\n".join(lines))
        found, wanted = dict(entries(state)), dict(self._state())
        if found.keys() != wanted.keys():
            raise StateError("the rows of a tensor in this state differ in length; nothing was changed.")
        for name, parameter in wanted.items():
            parameter.data = found[name]

    def config(self) -> dict[str, Any]:
        """The arguments that make this module again, but for its numbers; for `nn.save`, of the package's modules.

        Raises:
            LookupError: it is a module of the user's own.
        """
        raise LookupError(type(self).__name__)

    def summary(self) -> str:
        """A table of what is inside: name, kind, shapes and number of parameters, line by line.

        >>> from tinygrad_lite import nn
        >>> print(nn.MLP(2, [3, 1], seed=0).summary())
        module    kind          weight  bias  parameters
        --------  ------------  ------  ----  ----------
        layers.0  Layer (relu)  3 x 2   3              9
        layers.1  Layer         1 x 3   1              4
        total                                         13
        """
        return self._table().text(120)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The summary, as a notebook shows it."""
        return {"text/plain": self.summary(), "text/html": self._table().html()}

    def _table(self) -> Table:
        from tinygrad_lite.report.table import Table

        rows: list[tuple[Any, ...]] = []
        counted: set[Value] = set()
        for name, module in self.modules():
            own = [] if module.measured else list(module.own_parameters())
            new = {parameter for _, parameter in own} - counted
            if own or not list(module.children()):
                sizes = {tensor: _words(held) for tensor, held in nested(own).items()}
                bias = sizes.pop("bias", sizes.pop("b", ""))
                kind = module.kind() + (", frozen" if module.frozen else "")
                rows.append((name or "(itself)", kind, " ".join(sizes.values()), bias, len(new)))
                counted |= new
        rows.append(("total", "", "", "", len(counted)))
        return Table(["module", "kind", "weight", "bias", "parameters"], rows)

    def kind(self) -> str:
        """The word for this module in a summary."""
        return type(self).__name__


class Batched(Module):
    """A module with a `forward` of one sample; called on a batch it gives a list with an output for each sample.

    A batch is a list of lists, a 2-d array or a DataFrame.
    """

    def __call__(self, x: Any) -> Any:
        each = samples_in(x)
        return self.forward(x) if each is None else [self.forward(sample) for sample in each]

    def forward(self, x: Any) -> Any:
        """The output for the inputs of one sample."""
        raise NotImplementedError


def samples_in(x: Any) -> Any:
    """The samples of a batch, a list or an array of lists of numbers; None if x is the inputs of one sample."""
    if hasattr(x, "ndim"):
        return as_lists(x) if x.ndim == 2 else None
    if isinstance(x, (list, tuple)) and x:
        first = x[0]
        if isinstance(first, (list, tuple)) or getattr(first, "ndim", 0) == 1:
            return x
    return None


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


def entries(state: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers of a state one by one, each with the name of its place.

    Raises:
        StateError: an entry is not a number.
    """
    todo = list(reversed(state.items()))
    while todo:
        name, held = todo.pop()
        held = _lists(held)
        if isinstance(held, (list, tuple)):
            todo += reversed([(f"{name}[{i}]", entry) for i, entry in enumerate(held)])
            continue
        try:
            yield name, number(held.data if isinstance(held, Value) else held)
        except (OperandError, ArithmeticError):
            raise StateError(f"{name} should be a number, but is {held!r:.60}; nothing was changed.") from None


def shape(held: Any) -> list[int]:
    """The lengths of nested lists, from the outside in.

    >>> shape([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), shape(1.0)
    ([3, 2], [])
    """
    sizes, held = [], _lists(held)
    while isinstance(held, (list, tuple)):
        sizes.append(len(held))
        held = held[0] if held else None
    return sizes


def _words(held: Any) -> str:
    return " x ".join(map(str, shape(held))) or "number"


def _lists(held: Any) -> Any:
    return held.tolist() if hasattr(held, "tolist") else held
