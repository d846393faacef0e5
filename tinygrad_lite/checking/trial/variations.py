"""Other problems made from the user's own: other numbers, other samples, other sizes; as far as the loss allows.

What holds of the user's data is kept, since a right derivation may rely on it: whole numbers, their range, signs, one
1 in each row, rows that add up to 1, symmetric matrices, ascending order. Rows that belong together stay together.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.checking.network.problems import Problem


def variations(given: Problem, seed: int, runs: Callable[[Problem], bool]) -> Iterator[Problem]:
    """Other problems on which the loss runs, the most telling first.

    Args:
        given: the user's problem.
        seed: of the random numbers.
        runs: whether the loss gives a finite number on a problem.
    """
    made_of: dict[str, int] = {}
    for made in (_sample_more, _other_numbers, _wider, _moved, _sample_less, _other_numbers, _moved):
        seed += 1
        found = next((p for p in made(given, np.random.default_rng(seed)) if _alike(given, p) and runs(p)), None)
        if found is not None:
            found.seed, often = seed, made_of.get(found.name, 0) + 1
            made_of[found.name] = often
            found.name += f" ({often})" if often > 1 else ""
            yield found


def _alike(given: Problem, other: Problem) -> bool:
    """Whether what adds up to 1, and what is symmetric, still is."""
    for old, new in zip(given.data, other.data, strict=True):
        if _numbers(old) and np.ndim(old) > 1:
            x, y = np.asarray(old), np.asarray(new)
            if any(_adds_up(x, axis) and not _adds_up(y, axis) for axis in (0, -1)):
                return False
            if _symmetric(x) and not _symmetric(y):
                return False
    return True


def _adds_up(x: Array, axis: int) -> bool:
    return bool(x.min(initial=0) >= 0 and np.allclose(x.sum(axis=axis), 1))


def _symmetric(x: Array) -> bool:
    return x.ndim == 2 and len(x) == len(x.T) and bool(np.allclose(x, x.T))


# ---------------------------------------------------------------------- other numbers


def _moved(given: Problem, chance: Any) -> Iterator[Problem]:
    """The parameters alone moved: by 30 % of their size, or less."""
    for step in (0.3, 0.03):
        yield Problem("parameters moved", _params_moved(given, chance, step), given.data)


def _params_moved(given: Problem, chance: Any, step: float) -> dict[str, Array]:
    arrays = ((name, np.asarray(x, float)) for name, x in given.params.items())
    return {name: x + step * chance.normal(size=x.shape) * (1 + np.abs(x)) for name, x in arrays}


def _other_numbers(given: Problem, chance: Any) -> Iterator[Problem]:
    """Parameters and data moved, first boldly."""
    if not any(map(_numbers, given.data)):
        return
    for bold in (True, True, False):
        data = tuple(_as_given(x, _other_values(np.asarray(x), chance, bold)) if _numbers(x) else x for x in given.data)
        yield Problem("other data", _params_moved(given, chance, 0.3 if bold else 0.03), data)


def _other_values(x: Array, chance: Any, bold: bool) -> Array:
    """Numbers of the same kind: shuffled and mixed, so that each stays in the range of the user's."""
    if x.size < 2 or not np.all(np.isfinite(x)):
        return x
    if x.dtype.kind in "biu":  # perhaps indices or labels: the same numbers, one of them twice
        new = chance.permutation(x)
        if x.ndim == 1:
            new[-1] = new[0]
        return np.asarray(new)
    if _symmetric(x):
        order, scale = chance.permutation(len(x)), chance.uniform(0.7, 1.0, size=len(x)) if bold else np.ones(len(x))
        return x[np.ix_(order, order)] * np.outer(scale, scale)
    if x.ndim > 1:
        for axis in (-1, 0):
            if _adds_up(x, axis):
                return np.asarray(chance.permutation(x, axis=axis + 1 if axis else 1))
    new = chance.permutation(x.ravel()).reshape(x.shape)
    if bold and _generic(x):
        new = 0.7 * new + 0.3 * chance.permutation(x.ravel()).reshape(x.shape)
        if x.min() < 0 < x.max():
            new = new * chance.choice([-1.0, 1.0], size=x.shape)
    return np.sort(new) if x.ndim == 1 and len(x) > 2 and np.all(np.diff(x) > 0) else new


# ---------------------------------------------------------------------- other samples and sizes


def _sample_more(given: Problem, chance: Any) -> Iterator[Problem]:
    """A sample more: labels and indices of one of the others, numbers between those of two; all in another order."""
    return _resampled(given, "a sample more", lambda n: chance.permutation(n + 1), lambda n: chance.integers(n, size=2))


def _sample_less(given: Problem, chance: Any) -> Iterator[Problem]:
    return _resampled(given, "a sample less", lambda n: chance.permutation(n)[1:])


def few_samples(given: Problem, most: int = 6) -> Iterator[Problem]:
    """The first samples of a problem alone."""
    return _resampled(given, "the first samples", lambda n: np.arange(min(n, most)))


def _resampled(
    given: Problem, name: str, order: Callable[[int], Any], mixed: Callable[[int], Any] = lambda n: None
) -> Iterator[Problem]:
    """Other samples, two at least, along each axis that may count them: of the data, then of the parameters too."""
    for axis, n in _sample_axes(given):
        change = _Change((axis,), n, mixed(n), order(n))
        for names in ((), tuple(given.params)) if len(change.order) > 1 else ():
            yield change.of(given, name, names)


def _wider(given: Problem, chance: Any) -> Iterator[Problem]:
    """Another width: one size is changed in data and parameters alike, wherever it occurs."""
    sizes = {n for x in (*given.params.values(), *filter(_numbers, given.data)) for n in np.shape(x) if n > 1}
    samples = {n for _, n in itertools.islice(_sample_axes(given), 1)}
    for n in sorted(sizes - samples, reverse=True):
        change = _Change((0, 1, 2, 3), n, chance.integers(n, size=2), np.arange(n + 1))
        yield change.of(given, f"{n + 1} in the place of {n}", tuple(given.params))


def _sample_axes(given: Problem) -> Iterator[tuple[int, int]]:
    """(axis, size) that may count the samples: what most of the data share, the first axis first."""
    for axis in (0, 1):
        sizes = [np.shape(x)[axis] for x in given.data if _numbers(x) and np.ndim(x) > axis]
        for n in sorted(set(sizes), key=lambda n: -sizes.count(n)):
            if n > 1:
                yield axis, n


class _Change:
    """A change of size: arrays of n entries along one of the axes get another entry there, and then an order.

    Entry i is taken once more; for numbers without a pattern, what lies between entries i and j.
    """

    def __init__(self, axes: tuple[int, ...], n: int, mixed: Any, order: Any) -> None:
        self.axes, self.n, self.mixed, self.order = axes, n, mixed, order

    def of(self, given: Problem, name: str, names: tuple[str, ...]) -> Problem:
        """The problem with its data changed, and these parameters."""
        params = {key: np.asarray(self._on(x) if key in names else x, float) for key, x in given.params.items()}
        return Problem(name, params, tuple(self._on(x) if _numbers(x) else x for x in given.data))

    def _on(self, x: Any) -> Any:
        new = np.asarray(x)
        for axis in self.axes:
            if axis < new.ndim and new.shape[axis] == self.n:
                new = np.take(new if self.mixed is None else self._longer(new, axis), self.order, axis)
        return _as_given(x, new)

    def _longer(self, x: Array, axis: int) -> Array:
        i, j = self.mixed
        new = np.take(x, [i], axis)
        if x.dtype.kind == "f" and _generic(x):
            new = 0.6 * new + 0.4 * np.take(x, [j], axis)
        return np.concatenate([x, new], axis)


def _generic(x: Array) -> bool:
    """Real numbers, as opposed to a few marks such as 0 and 1."""
    return not set(np.unique(x.ravel()[:1000]).tolist()) <= {-1.0, 0.0, 1.0}


def _numbers(x: Any) -> bool:
    """Whether some data is an array or a list of numbers, and so can be changed; a number on its own is left."""
    if not isinstance(x, (np.ndarray, list, tuple)):
        return False
    try:
        array = np.asarray(x)
    except ValueError:  # rows of different lengths
        return False
    return array.ndim > 0 and array.dtype.kind in "biuf"


def _as_given(x: Any, new: Array) -> Any:
    """The new numbers as a list if the old ones were in one."""
    return new.tolist() if isinstance(x, (list, tuple)) else new
