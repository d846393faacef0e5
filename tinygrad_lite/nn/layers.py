"""Neurons, layers and networks of them. Read `Neuron` first: everything else is many of those.

`Neuron`, `Layer` and `MLP` are drop-ins for micrograd's: same calls, same random draws, same results.
A weighted sum is one fused `dot` node, which a drawing expands into its products and sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import mul
from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.foreign import as_lists
from tinygrad_lite.engine.op import TABLE, Op, is_foreign, number
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import ShapeError, user_line
from tinygrad_lite.nn.initial import Draw, choose, draw, generator
from tinygrad_lite.nn.module import Batched, Module, Named

Activation = Callable[[Any], Any]
SMOOTH = "tanh"
"""The activation of recurrent cells, of estimators and of the command `train`, if no other is named."""


def named(name: str | Activation | None) -> Activation | None:
    """The function of that name: an op that needs one operand, such as "relu" or "tanh".

    None and "linear" mean none; a callable is taken as it is.

    Raises:
        ValueError: there is no such op; the message shows the names.
    """
    if name is None or name == "linear":
        return None
    if callable(name):
        return name
    unary = {key: op for key, op in TABLE.items() if op.arity is not None and op.arity - len(op.defaults) == 1}
    return choose("activation", name, {"linear": None, **unary})  # type: ignore[no-any-return]


class Neuron(Batched):
    """A weighted sum of the inputs plus a bias, then perhaps an activation: act(w1*x1 + w2*x2 + ... + b).

    Args:
        nin: the number of inputs.
        nonlin: True for a relu, False for none, as in micrograd; `activation` goes before it.
        activation: the name of an op, a callable, or "linear" for none.
        init: how the weights begin, the name of an initialisation or a callable; the bias begins at 0.
        seed, rng: a seed, or a generator to draw from; without them the global `random` is used.

    >>> n = Neuron(2, seed=1)
    >>> n, [round(w.data, 3) for w in n.w], n.b.data
    (ReLUNeuron(2), [-0.731, 0.695], 0.0)
    """

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        *,
        activation: str | Activation | None = None,
        init: str | Draw = "uniform",
        seed: int | None = None,
        rng: Any = None,
        nout: int = 1,
    ) -> None:
        if nin < 1:
            raise ShapeError(f"a layer needs at least one input, but got {nin!r}{user_line()}.")
        rng, begin = generator(seed, rng), draw(init)
        self.w: list[Value] = [Value(begin(rng, nin, nout), f"w[{i}]") for i in range(nin)]
        self.b: Value | None = Value(0.0, "b")
        self.activation: Activation | None = named(activation or ("relu" if nonlin else "linear"))
        self.nonlin: bool = self.activation is not None

    def forward(self, x: Any) -> Any:
        """The neuron's output for a list of numbers or Values.

        Raises:
            ShapeError: the list has not as many entries as the neuron has inputs.
        """
        return weighted_sums([self], x)[0]

    def config(self) -> dict[str, Any]:
        return {"nin": len(self.w), "activation": self.activation or "linear", "init": "zeros"}

    def __repr__(self) -> str:
        act = self.activation
        title = "Linear" if act is None else "ReLU" if act is ops.relu else activation_name(act).capitalize()
        return f"{title}Neuron({len(self.w)})"  # ReLU and Linear as micrograd writes them


class Layer(Batched):
    """Neurons side by side that see the same inputs.

    Called on a list of numbers or Values it gives the list of their outputs; a layer of one
    neuron gives the output itself, as micrograd does.

    Args:
        nin, nout: the number of inputs and of neurons.
        further arguments: those of `Neuron`.

    >>> Layer(2, 3, seed=0)([1.0, 2.0])[0].op.name
    'relu'
    """

    def __init__(
        self, nin: int, nout: int, nonlin: bool = True, *, seed: int | None = None, rng: Any = None, **how: Any
    ):
        if nout < 1:
            raise ShapeError(f"a layer needs at least one neuron, but got {nout!r}{user_line()}.")
        rng = generator(seed, rng)
        self.neurons: list[Neuron] = [Neuron(nin, nonlin, rng=rng, nout=nout, **how) for _ in range(nout)]
        self.label_parameters()

    def forward(self, x: Any) -> Any:
        """The outputs of the neurons; of one neuron, its output."""
        out = weighted_sums(self.neurons, x)
        return out[0] if len(out) == 1 else out

    def children(self) -> Iterator[tuple[str, Module]]:
        """None: the neurons' weights stand together as the rows of one tensor."""
        return iter(())

    def own_parameters(self) -> Iterator[Named]:
        """Neuron by neuron: its row of `weight`, then its entry of `bias`."""
        for i, neuron in enumerate(self.neurons):
            for j, w in enumerate(neuron.w):
                yield f"weight[{i}][{j}]", w
            if neuron.b is not None:
                yield f"bias[{i}]", neuron.b

    @property
    def activation(self) -> Activation | None:
        """The activation of its neurons."""
        return self.neurons[0].activation if self.neurons else None

    def config(self) -> dict[str, Any]:
        return {**self.neurons[0].config(), "nout": len(self.neurons)}

    def kind(self) -> str:
        """The word for it in a summary."""
        act = self.activation
        return type(self).__name__ + (f" ({activation_name(act)})" if act else "")

    def __repr__(self) -> str:
        return f"{type(self).__name__} of [{', '.join(map(str, self.neurons))}]"


class Linear(Layer):
    """A layer without activation that always gives a list: the form in which PyTorch thinks of layers.

    Args:
        nin, nout: the number of inputs and of outputs.
        bias: whether a bias is added.
        further arguments: `init`, `seed` and `rng` as for `Neuron`.

    >>> [y.data for y in Linear(2, 1, init="zeros")([1.0, 2.0])]
    [0.0]
    """

    def __init__(self, nin: int, nout: int, bias: bool = True, **how: Any):
        super().__init__(nin, nout, nonlin=False, **how)
        if not bias:
            for neuron in self.neurons:
                neuron.b = None

    def forward(self, x: Any) -> list[Any]:
        """The outputs of the neurons, of one neuron too."""
        return weighted_sums(self.neurons, x)

    def config(self) -> dict[str, Any]:
        sizes = {"nin": len(self.neurons[0].w), "nout": len(self.neurons)}
        return {**sizes, "bias": self.neurons[0].b is not None, "init": "zeros"}


class MLP(Batched):
    """A multi-layer perceptron: layers one after the other, linear at the end, as in micrograd.

    Args:
        nin: the number of inputs.
        nouts: the number of neurons of each layer.
        activation: one for all layers but the last, or a list with one for each layer; names or callables.
        init: how the weights begin, the name of an initialisation or a callable.
        seed, rng: a seed, or a generator to draw from; without them the global `random` is used.

    >>> model = MLP(2, [16, 16, 1], seed=1337)
    >>> model([1.0, -2.0])           # a Value, with the whole computation behind it
    Value(data=-1.33243137..., grad=0.0)
    >>> MLP(4, [8, 3], activation="tanh", init="xavier", seed=0).summary().splitlines()[2]
    'layers.0  Layer (tanh)  8 x 4   8             40'
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        *,
        activation: str | Activation | Sequence[str | Activation | None] = "relu",
        init: str | Draw = "uniform",
        seed: int | None = None,
        rng: Any = None,
    ) -> None:
        rng = generator(seed, rng)
        sizes = [nin, *nouts]
        if len(sizes) < 2 or not all(hasattr(n, "__index__") and n > 0 for n in sizes):
            raise ShapeError(
                f"an MLP needs whole numbers from 1 up, of inputs and of the neurons of at least one layer, "
                f"as in MLP(2, [16, 16, 1]), but got MLP({nin!r}, {nouts!r}){user_line()}."
            )
        if isinstance(activation, (list, tuple)):
            each = list(activation)
            if len(each) != len(nouts):
                raise ShapeError(f"an MLP of {len(nouts)} layers needs as many activations, but got {len(each)}.")
        else:
            each = [activation] * (len(nouts) - 1) + ["linear"]
        self.layers: list[Layer] = [
            Layer(n, m, activation=act or "linear", init=init, rng=rng)
            for n, m, act in zip(sizes[:-1], sizes[1:], each, strict=True)
        ]
        self.label_parameters()

    def forward(self, x: Any) -> Any:
        """The output of the last layer for the inputs of one sample."""
        for layer in self.layers:
            x = layer(x if hasattr(x, "__len__") else [x])
        return x

    def config(self) -> dict[str, Any]:
        acts = [layer.activation or "linear" for layer in self.layers]
        nouts = [len(layer.neurons) for layer in self.layers]
        return {"nin": len(self.layers[0].neurons[0].w), "nouts": nouts, "activation": acts, "init": "zeros"}

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"


def weighted_sums(neurons: Sequence[Neuron], x: Sequence[Any]) -> list[Any]:
    """The outputs of neurons that share the inputs x: for each a `dot` node, then its activation.

    It records what `tg.dot(neuron.w, x, neuron.b)` would, and reads the inputs only once for all neurons.
    """
    xs = list(as_lists(x))
    for neuron in neurons:
        if len(neuron.w) != len(xs):
            raise ShapeError(f"this layer takes {len(neuron.w)} inputs, but got {len(xs)}{user_line()}.")
    given = [isinstance(entry, Value) for entry in xs]
    numbers = [entry.data if is_value else _given(entry) for entry, is_value in zip(xs, given, strict=True)]
    if None in numbers or not all(isinstance(neuron.w[0], Value) for neuron in neurons if neuron.w):
        return [_traced(neuron, xs) for neuron in neurons]
    inputs: list[Any] = numbers
    values, bare = all(given), not any(given)
    parents = xs if values else [e if is_value else d for e, d, is_value in zip(xs, inputs, given, strict=True)]
    nowhere = [None] * len(xs)  # the derivatives w.r.t. bare numbers
    out = []
    for neuron in neurons:
        w, b = neuron.w, neuron.b
        weights = [v.data for v in w]
        derivatives: list[Any] = weights if values else nowhere
        if not values and not bare:
            derivatives = [d if is_value else None for d, is_value in zip(weights, given, strict=True)]
        if b is None:
            y = Value(sum(map(mul, weights, inputs)), "", ops.dot, (*w, *parents), (*inputs, *derivatives))
        else:
            total = sum(map(mul, weights, inputs), b.data)
            y = Value(total, "", ops.dot, (*w, *parents, b), (*inputs, *derivatives, 1.0))
        out.append(y if neuron.activation is None else _activated(neuron.activation, y))
    return out


def _given(entry: Any) -> float | None:
    """A number that is an input, or None for something that follows the arithmetic but is no number, as a tracer."""
    return entry if entry.__class__ is float else None if is_foreign(entry) else number(entry, "a layer")


def _traced(neuron: Neuron, xs: Sequence[Any]) -> Any:
    """The output of one neuron in the arithmetic of whatever the inputs or weights are."""
    y = ops.dot(*neuron.w, *xs) if neuron.b is None else ops.dot(*neuron.w, *xs, neuron.b)
    return y if neuron.activation is None else neuron.activation(y)


def _activated(act: Activation, y: Value) -> Any:
    """act(y), recorded without detours if it is an op of the table, for speed; a test holds both equal."""
    op: Any = act
    if act.__class__ is Op and op.arity == 1:
        try:
            out = op.forward(y.data)
            return Value(out, "", op, (y,), op.partials(y.data, out))
        except (ValueError, ArithmeticError):
            pass  # outside the domain: the call below says so in full
    return act(y)


def activation_name(act: Activation | None) -> str:
    """The name by which `named` finds it; for a function of the user's own, its `__name__`."""
    return act.name if isinstance(act, Op) else getattr(act, "__name__", "linear")
