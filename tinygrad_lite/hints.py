"""The words of type hints, without loading `typing` and `collections`, which takes longer than the engine itself.

Hints are for readers and for type checkers: no file here evaluates one when it runs. What is
imported with the package takes these words from here; a checker sees the real ones. Who evaluates them all the same,
by `typing.get_type_hints`, loads `typing` then.
"""

TYPE_CHECKING = False  # a type checker takes a name spelled like this for true

if TYPE_CHECKING:
    from collections.abc import Callable as Callable
    from collections.abc import Container as Container
    from collections.abc import Iterable as Iterable
    from collections.abc import Iterator as Iterator
    from collections.abc import Sequence as Sequence
    from typing import Any as Any
    from typing import TypeVar as TypeVar
else:

    class Word:
        """A word that turns into the real one as soon as something is made of it."""

        def __init__(self, name):
            self._name = name

        def __repr__(self):
            return self._name

        def __getitem__(self, parts):
            import typing

            return getattr(typing, self._name)[parts]

        def __or__(self, other):
            import typing

            return typing.Union.__getitem__((self, other))

        __ror__ = __or__

    names = "Any", "Callable", "Container", "Iterable", "Iterator", "Sequence", "TypeVar"
    Any, Callable, Container, Iterable, Iterator, Sequence, TypeVar = map(Word, names)
