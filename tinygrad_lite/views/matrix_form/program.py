"""The program of a layered network: its lines, and one run of them with the shapes noted beside."""

from __future__ import annotations

import keyword
import re
from typing import Any

from tinygrad_lite.analysis.elementwise import derivative_code, forward_code
from tinygrad_lite.analysis.layers import Layer, Network
from tinygrad_lite.analysis.loss_head import Head

Array = Any
Names = list[tuple[str, str]]  # of W and b, layer by layer


def program(network: Network, names: Names, head: Head, penalty: dict[str, float]) -> list[str]:
    """The program, one statement or comment a line, without shapes.

    Args:
        network, names, head: the layers, what their W and b are called, and the loss.
        penalty: k of each parameter for which the loss also holds k/2 times the sum of its squares.
    """
    layers, activations, n = network.layers, network.activations, len(names)
    lines = ["# forward"]
    before = "X"
    inputs = []
    for i, (layer, (w, b)) in enumerate(zip(layers, names, strict=True), start=1):
        inputs.append(before)
        lines.append(f"Z{i} = {before} @ {w}" + (f" + {b}" if layer.biases is not None else ""))
        if i < n:
            steps = activations[i - 1]
            before = f"A{i}" if steps else f"Z{i}"
            if steps:
                lines.append(f"A{i} = {forward_code(steps, f'Z{i}')}")
    lines += head.forward
    squares: dict[float, list[str]] = {}
    for name, k in penalty.items():
        squares.setdefault(k, []).append(name)
    for k, together in squares.items():
        if any(line.startswith("loss = ") for line in lines):
            penalties = " + ".join(f"np.sum({name}**2)" for name in together)
            lines.append(f"loss = loss + {0.5 * k:.12g} * ({penalties})")
    lines += ["", "# backward", *head.backward]
    for i in range(n, 0, -1):
        w, b = names[i - 1]
        pull = {name: f" + {penalty[name]:.12g} * {name}" for name in penalty}
        lines.append(f"d{w} = {inputs[i - 1]}.T @ dZ{i}{pull.get(w, '')}")
        if layers[i - 1].biases is not None:
            lines.append(f"d{b} = dZ{i}.sum(axis=0){pull.get(b, '')}")
        if i > 1:
            steps = activations[i - 2]
            if steps:
                lines.append(f"dA{i - 1} = dZ{i} @ {w}.T")
                derivative = derivative_code(steps, f"Z{i - 1}", f"A{i - 1}")
                lines.append(f"dZ{i - 1} = dA{i - 1} * {derivative}")
            else:
                lines.append(f"dZ{i - 1} = dZ{i} @ {w}.T")
    return lines


def run(lines: list[str], arrays: dict[str, Array]) -> tuple[str, dict[str, Array]]:
    """Run the program line by line, and write beside each line the shapes that came out."""
    import numpy as np

    space: dict[str, Any] = {"np": np, **arrays}
    notes = []
    for line in lines:
        exec(line, space)  # our own text, made of names, numbers and templates of the table
        notes.append(_shapes(line, space))
    width = max((len(line) for line, note in zip(lines, notes, strict=True) if note and len(line) < 40), default=0)
    written = [f"{line:<{width}}  # {note}" if note else line for line, note in zip(lines, notes, strict=True)]
    return "\n".join(written), space


def _shapes(line: str, space: dict[str, Any]) -> str:
    """The shapes of a line: of both factors of a matrix product and of the result."""
    target, equals, code = line.partition(" = ")
    if not equals or line.startswith("#") or "#" in line or target not in space:
        return ""
    out = space[target].shape if hasattr(space[target], "shape") else ()
    if out == ():
        return ""
    product = re.match(r"([\w.]+) @ ([\w.]+)", code)
    if not product:
        return shape_words(out)
    factors = [space[name[:-2]].T if name.endswith(".T") else space[name] for name in product.groups()]
    return f"{shape_words(factors[0].shape)} @ {shape_words(factors[1].shape)} -> {shape_words(out)}"


def shape_words(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def parameter_names(layers: list[Layer]) -> Names:
    """The names of each layer's matrix and bias: the user's, where the labels are such as `W1[0, 2]`; else W1, b1."""
    found = []
    for i, layer in enumerate(layers, start=1):
        found.append((_common(layer.weights) or f"W{i}", _common(layer.biases) or f"b{i}"))
    flat = [name for pair in found for name in pair]
    reserved = re.compile(r"d?[XZAPT]\d*|logP|loss|np|d\w+")
    if len(set(flat)) < len(flat) or any(reserved.fullmatch(name) for name in flat):
        return [(f"W{i}", f"b{i}") for i in range(1, len(layers) + 1)]
    return found


def _common(leaves: Any) -> str | None:
    """The name that labels such as `W1[0, 2]` or `W1[0][2]` share, if each stands at its own place."""
    if leaves is None:
        return None
    rows = leaves if isinstance(leaves[0], list) else [leaves]
    name = None
    for i, row in enumerate(rows):
        for j, leaf in enumerate(row):
            place = rf"\[{i}, ?{j}\]|\[{i}\]\[{j}\]" if rows is leaves else rf"\[{j}\]|\[0, ?{j}\]"
            match = re.fullmatch(rf"([A-Za-z]\w*)(?:{place})", leaf.label, re.ASCII)
            if match is None or keyword.iskeyword(match[1]) or name not in (None, match[1]):
                return None
            name = match[1]
    return name
