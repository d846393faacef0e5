"""Where the arrays of a block of samples lie: two that are never needed at once share their memory.

In: the steps of a plan, and how long each array is. Out: for each array its place, and how much all take.
The less it is, the more of it stays in the first cache.

An array is needed from the step that writes it to the last one that reads it. It may take the place of one that
this very step reads for the last time, if each iteration is read just before it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinygrad_lite.compiler.backends.llvm.register_fusion import Step


def shared(steps: Sequence[Step], sizes: Mapping[str, int]) -> tuple[dict[str, int], int]:
    """The place of each array that is written, and the length of all, in numbers of a sample."""
    last = {access.array: k for k, step in enumerate(steps) for nest in step.nests for access in nest.reads()}
    places: dict[str, int] = {}
    free: list[tuple[int, int]] = []  # (place, length), in order
    end = 0
    for k, step in enumerate(steps):
        over = {array for array, when in last.items() if when == k and array in places}
        for nest in step.nests:
            name = nest.target.array
            if name not in step.kept or name in places or name not in sizes:
                continue
            old = next((array for array in sorted(over) if _in_place(step, name, array, sizes)), None)
            if old is not None:
                over.remove(old)
                places[name] = places[old]
                continue
            fitting = [gap for gap in free if gap[1] >= sizes[name]]
            if fitting:
                at, length = min(fitting, key=lambda gap: (gap[1], gap[0]))
                free.remove((at, length))
                if length > sizes[name]:
                    free.append((at + sizes[name], length - sizes[name]))
            else:
                at, end = end, end + sizes[name]
            places[name] = at
        free = _merged([*free, *((places[array], sizes[array]) for array in over)])
    return places, end


def _in_place(step: Step, new: str, old: str, sizes: Mapping[str, int]) -> bool:
    """Whether the step reads each iteration of `old` for the last time just before it writes that of `new`."""
    written = sizes[new] != sizes[old] or step.nests[0].period > 0
    for nest in step.nests:
        single = all(run.terms == 1 for run in nest.reductions)
        if any(access.array == old and (written or not single or not nest.own(access)) for access in nest.reads()):
            return False
        written = written or nest.target.array == new
    return True


def _merged(gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring gaps as one."""
    found: list[tuple[int, int]] = []
    for at, length in sorted(gaps):
        if found and sum(found[-1]) == at:
            found[-1] = found[-1][0], found[-1][1] + length
        else:
            found.append((at, length))
    return found
