"""`tinygrad-lite explain`: the value, every gradient, the derivation, the picture; and good manners when it cannot."""

import json
import os
import subprocess
import sys

import pytest

from tinygrad_lite import cli

KARPATHY = ["explain", "tanh(a*b + b**3)", "a=-4", "b=2"]


def test_it_prints_the_value_and_the_gradient_of_every_input(capsys):
    assert cli.main(KARPATHY) == 0

    out = capsys.readouterr().out
    assert "value  0\n" in out
    assert "a         -4         2\n" in out
    assert "b          2         8\n" in out
    assert "dy/db = 8" in out


def test_brief_leaves_the_derivation_out_and_wrt_chooses(capsys):
    assert cli.main([*KARPATHY, "--brief", "--wrt", "b"]) == 0

    out = capsys.readouterr().out
    assert "chain rule" not in out
    assert "a  " not in out


@pytest.mark.parametrize(("form", "sign"), [("markdown", "$$"), ("latex", "aligned"), ("html", "<table")])
def test_other_forms(capsys, form, sign):
    assert cli.main([*KARPATHY, "--format", form]) == 0
    assert sign in capsys.readouterr().out


def test_json_is_strict(capsys):
    assert cli.main([*KARPATHY, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["gradients"] == {"a": 2.0, "b": 8.0}

    assert cli.main(["explain", "a*2", "a=inf", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(name))["value"] == "inf"


def test_the_picture_is_saved(capsys, tmp_path):
    assert cli.main([*KARPATHY, "-o", str(tmp_path / "graph.svg")]) == 0

    assert "<svg" in (tmp_path / "graph.svg").read_text(encoding="utf-8")
    assert "graph.svg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.real", "a=1"], "  a.real\n  ^^^^^^"),
        (["foo(a)", "a=1"], "  foo(a)\n  ^^^"),
        (["a*b", "a=1"], "b has no number"),
        (["a", "a=1", "b=2"], "b got a number but does not stand"),
        (["log(a)", "a=-1"], "log needs x > 0"),
        (["a", "a=1", "--wrt", "q"], "--wrt q"),
        (["a", "1"], "name=number"),
    ],
)
def test_bad_usage_is_said_on_stderr_and_is_exit_code_2(capsys, words, said):
    assert cli.main(["explain", *words]) == 2

    streams = capsys.readouterr()
    assert said in streams.err
    assert streams.out == ""


def test_a_terminal_that_knows_only_ascii_gets_only_ascii(tmp_path):
    words = [sys.executable, "-m", "tinygrad_lite", "explain", "alpha*β", "alpha=2", "β=3"]
    said = subprocess.run(words, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, timeout=60)

    assert said.returncode == 0, said.stderr
    assert b"dy/dalpha = " in said.stdout


def test_a_formula_without_names_has_a_value_and_no_inputs(capsys):
    assert cli.main(["explain", "2*3"]) == 0
    assert capsys.readouterr().out.startswith("6 is the value")


def test_a_file_of_no_known_picture_form_is_bad_usage_and_said_before_anything_is_printed(capsys, tmp_path):
    assert cli.main([*KARPATHY, "-o", str(tmp_path / "graph.foo")]) == 2

    printed = capsys.readouterr()
    assert "a picture is saved as .svg, .png" in printed.err
    assert "graph.foo" in printed.err
    assert not printed.out
