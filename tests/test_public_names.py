"""The front door: every public name is there, documented, and found lazily or at once."""

import builtins
import collections.abc
import subprocess
import sys
import types
import typing
from pathlib import Path

import pytest

import tinygrad_lite as tg
from tinygrad_lite.engine.op import Op


@pytest.mark.parametrize("name", tg.__all__)
def test_every_public_name_opens_and_says_what_it_is(name):
    thing = getattr(tg, name)

    assert thing is not None
    assert (getattr(thing, "__doc__", None) or "").strip(), f"{name} has no docstring"


def test_the_list_of_public_names_is_sorted_and_whole():
    lazy = {name for names in tg._FILES.values() for name in names}

    assert sorted(set(tg.__all__)) == sorted(tg.__all__)
    assert lazy - vars(builtins).keys() <= set(tg.__all__)
    assert set(tg.__all__) <= set(dir(tg))


def test_what_editors_read_is_what_the_table_says():
    """After a change: python .ci/stubs.py"""
    script = Path(__file__).parent.parent / ".ci/stubs.py"
    told = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)

    assert told.returncode == 0, told.stdout + told.stderr


def test_a_star_import_leaves_pythons_own_names_alone():
    assert vars(builtins).keys() & set(tg.__all__) == set()
    assert all(callable(getattr(tg, name)) for name in ("abs", "compile", "max", "min", "round", "sum"))


def test_an_unknown_name_is_refused_in_words():
    with pytest.raises(AttributeError, match="no name 'grda'"):
        tg.grda


FUNCTIONS = [(module, name) for module in (tg, tg.nn) for name in module.__all__
             if isinstance(getattr(module, name), (types.FunctionType, Op))]  # fmt: skip


@pytest.mark.parametrize(("module", "name"), FUNCTIONS)
def test_type_hints_can_be_evaluated(module, name):
    assert typing.get_type_hints(getattr(module, name))


def test_hints_that_are_evaluated_are_those_of_typing():
    hints = typing.get_type_hints(tg.mean)

    assert typing.get_origin(hints["values"]) is collections.abc.Iterable
    assert str(hints["return"]) == "Any"
