"""A small part of tests/benchmarks/checking/on_paper.py: planted mistakes are found, right lines are not accused."""

import importlib.util
from pathlib import Path

import pytest

import tinygrad_lite as tg


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


planting = loaded("planting")
DERIVATIONS = planting.DERIVATIONS


@pytest.mark.few(3)
@pytest.mark.parametrize("k", range(0, 60, 4))
def test_a_right_derivation_follows_also_when_it_is_written_anew(k):
    assert tg.check_derivation(DERIVATIONS[k] + "\n").ok
    assert tg.check_derivation(planting.varied(DERIVATIONS[k], k) + "\n").ok


@pytest.mark.few(3)
@pytest.mark.parametrize("k", [0, 5, 12, 18, 24, 36, 40, 49, 57])
def test_a_planted_mistake_is_the_first_line_that_does_not_follow(k):
    for kind, text, line, claim, _ in planting.planted(DERIVATIONS[k], 2, 100 + k):
        result = tg.check_derivation(text + "\n")
        conditional = [each.number for each in result.lines if each.status == "condition"]

        assert line in conditional or result.first.number == line, (kind, text)
        assert line in conditional or result.mistake.code in planting.RIGHTLY_NAMED[kind], (kind, str(claim.left))
