"""A whole lesson from what a user has at hand, and the check of it."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_lite.checking.binding.bind import bind
from tinygrad_lite.checking.binding.roles import ROLES
from tinygrad_lite.checking.binding.source import Lesson
from tinygrad_lite.report.language import say


def lesson_of(things: list[Any], roles: Mapping[str, Any]) -> Lesson:
    """A module, a class, an object, a dict of names or some functions as a lesson, with the values given by name."""
    given = {name: x for name, x in roles.items() if name not in ROLES}
    if len(things) == 1 and isinstance(things[0], types.ModuleType):
        return Lesson(things[0].__name__, {**vars(things[0]), **given})
    if len(things) == 1 and isinstance(things[0], dict):
        return Lesson("your names", {**things[0], **given})
    names = {getattr(x, "__name__", "network"): x for x in things}
    return Lesson("your functions", {**names, **given})


def checked(
    check: Callable[..., Any], lesson: Lesson, roles: Mapping[str, Any] | None, seed: int = 0, **options: Any
) -> Any:
    """The check of a bound lesson; of several layers that of the first wrong one, with a word on the others."""
    results = []
    for binding in bind(lesson, roles, seed):
        result = check(
            binding.loss, binding.backprop, binding.params, *binding.data, seed=seed, **{**options, **binding.options}
        )
        result.bound = binding.words
        results.append(result)
    shown = next((r for r in results if not r.ok), results[0])
    for result in results:
        if result is not shown:
            what = re.sub(r"^\w+[:：] ?", "", result.bound[0])
            shown.bound.append(say("Also checked, right: {0}" if result.ok else "Also checked, wrong: {0}", what))
    return shown
