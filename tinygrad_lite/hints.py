"""The words of type hints, without loading `typing` and `collections`, which takes longer than the engine itself.

Hints are for readers and for type checkers: no file here evaluates one when it runs. What is
imported with the package takes these words from here; a checker sees the real ones.
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
    Any = Callable = Container = Iterable = Iterator = Sequence = TypeVar = object
