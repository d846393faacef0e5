"""How an op answers `help` and editors: with a docstring and a signature of its own, made when asked for."""

from __future__ import annotations

from tinygrad_lite.hints import Any, Callable


class Doc:
    """The docstring of a class, and of each of its instances another one."""

    on_help: Callable[[Any], str]  # set by the front door, which may import the package `views`

    def __init__(self, of_class: str) -> None:
        self.of_class = of_class

    def __get__(self, op: Any, kind: type | None = None) -> str:
        return self.of_class if op is None else Doc.on_help(op)


class SignatureOf:
    """The signature of an op, for `help` and editors; of the class there is none beside that of its `__init__`."""

    def __get__(self, op: Any, kind: type | None = None) -> Any:
        if op is None:
            raise AttributeError("__signature__")
        from inspect import Parameter, Signature

        if op.arity is None:
            return Signature([Parameter("xs", Parameter.VAR_POSITIONAL)])
        start = {name: op.defaults.get(name, Parameter.empty) for name in op.operands}
        return Signature([Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=x) for name, x in start.items()])


class HintsOf:
    """The type hints of an op, for `typing.get_type_hints`; of the class those it was written with."""

    def __init__(self, of_class: dict[str, Any]) -> None:
        self.of_class = of_class

    def __get__(self, op: Any, kind: type | None = None) -> dict[str, Any]:
        return self.of_class if op is None else dict.fromkeys((*op.operands, "return"), Any)
