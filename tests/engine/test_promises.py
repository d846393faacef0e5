"""Every promise of the engine is kept: its example shows what the documentation says it shows."""

import ast
import copy
import math
from fractions import Fraction
from pathlib import Path

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.promises import PROMISES, as_markdown, at

ROOT = Path(__file__).parents[2]
SHOWN = [p for p in PROMISES if p.example]
PROVEN = [p for p in PROMISES if not p.example]


def outcome(example):
    """What a reader sees who types the example: the repr of its last expression, or the error."""
    *before, last = ast.parse(example).body
    names = {"tg": tg, "Value": Value, "at": at, "math": math, "Fraction": Fraction, "copy": copy}
    try:
        exec(compile(ast.Module(before, []), "example", "exec"), names)
        return repr(eval(compile(ast.Expression(last.value), "example", "eval"), names))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("promise", SHOWN, ids=[p.subject for p in SHOWN])
def test_the_example_shows_what_is_promised(promise):
    shown = outcome(promise.example)

    if "Error: " in promise.shows or "DivisionByZero: " in promise.shows or "OverflowInOp: " in promise.shows:
        assert shown.startswith(promise.shows)
    else:
        assert shown == promise.shows


@pytest.mark.parametrize("promise", PROVEN, ids=[p.subject for p in PROVEN])
def test_the_test_that_proves_it_exists(promise):
    file, name = promise.shows.split("::")

    assert f"def {name}(" in (ROOT / "tests" / f"{file}.py").read_text(encoding="utf-8")


def test_every_promise_is_a_line_of_the_documentation():
    lines = as_markdown().splitlines()

    assert len(lines) == len(PROMISES) + 2
    assert len({p.subject for p in PROMISES}) == len(PROMISES)
    assert "| abs at 0 | The derivative 0. | `at(tg.abs, 0.0)` | `(0.0, 0.0)` |" in lines
    assert all(p.promise.endswith(".") for p in PROMISES)


def test_a_broken_promise_would_be_seen():
    assert outcome("at(tg.abs, 0.0)") != "(0.0, 1.0)"
    assert outcome("Value(1.0) / 0.0").startswith("DivisionByZero: ")
