"""The parameters of a loss: in a dict, a tuple or a list, or a single array; which names they have in its source."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.export.expression import word


class Parameters:
    """The parameters of a function whose definition is `tree`.

    Attributes:
        parameters: the names of the function's arguments.
        given: the name of each parameter, by its key in a dict or its place in a tuple.
        root: the argument that holds them all, or "".
        arguments: of the function, by name; and the parameters by name.
    """

    def __init__(self, tree: Any, params: Any, data: Sequence[Any]) -> None:
        import numpy as np

        self.parameters: list[str] = [a.arg for a in tree.args.args]
        self.params = params
        self.root, self.given = self._named(tree, len(data))
        values = params if isinstance(params, dict | list | tuple) else {None: params}
        arrays: dict[Any, Any] = {
            k: float(values[k]) if isinstance(values[k], float | int) else np.array(values[k], dtype=float)
            for k in self.given
        }
        rest = [p for p in self.parameters if p not in {self.root, *self.given.values()}]
        self.arguments: dict[str, Any] = dict(zip(rest, data, strict=False))
        self.arguments |= {name: arrays[k] for k, name in self.given.items()} | self.whole(arrays)

    def _named(self, tree: Any, data: int) -> tuple[str, dict[Any, str]]:
        first, params = self.parameters[0] if self.parameters else "params", self.params
        if not isinstance(params, dict | list | tuple):
            return "", {None: first}
        keys = list(params) if isinstance(params, dict) else list(range(len(params)))
        if len(self.parameters) != 1 + data or (isinstance(params, dict) and keys == [first]):
            return "", {k: k if isinstance(k, str) else self.parameters[k] for k in keys}
        for s in tree.body:  # W, b = params
            if isinstance(s, ast.Assign) and isinstance(s.value, ast.Name) and s.value.id == first:
                targets = s.targets[0].elts if isinstance(s.targets[0], ast.Tuple) else []
                if len(targets) == len(keys) and all(isinstance(t, ast.Name) for t in targets):
                    return first, {k: ast.unparse(t) for k, t in zip(keys, targets, strict=True)}
        taken: set[str] = {*self.parameters}
        return first, {k: word(k if isinstance(k, str) else f"{first}_{k}", taken) for k in keys}

    def whole(self, values: dict[Any, Any]) -> dict[str, Any]:
        """The argument that holds all parameters, with these values by their keys."""
        if not self.root:
            return {}
        return {self.root: values if isinstance(self.params, dict) else type(self.params)(values.values())}

    def unpacked(self) -> list[str]:
        """The lines that give the parameters their names."""
        return [f"{name} = {self.root}[{_quoted(k)}]" for k, name in self.given.items()] if self.root else []

    def built(self, texts: Sequence[str]) -> str:
        """An expression for each parameter, put together as they were."""
        if isinstance(self.params, dict):
            return "{" + ", ".join(f"{_quoted(k)}: {d}" for k, d in zip(self.given, texts, strict=True)) + "}"
        if isinstance(self.params, list):
            return f"[{', '.join(texts)}]"
        return f"({', '.join(texts)}{',' * (len(texts) == 1)})" if isinstance(self.params, tuple) else texts[0]


def _quoted(key: Any) -> str:
    return repr(key).replace("'", '"')
