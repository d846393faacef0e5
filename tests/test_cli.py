"""The command line: what is said, what is written, and the exit codes 0, 1 and 2."""

import importlib
import json
import shlex
import shutil
import subprocess
import sys

import pytest

from tinygrad_lite import __version__, cli


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_listed_command_can_be_opened(name):
    module = importlib.import_module(f"tinygrad_lite.commands.{name}")

    assert callable(module.configure)
    assert callable(module.run)


def test_python_dash_m_is_the_same_command():
    run = subprocess.run([sys.executable, "-m", "tinygrad_lite", "--version"], capture_output=True, text=True)

    assert (run.returncode, run.stdout) == (0, f"tinygrad-lite {__version__}\n")


@pytest.mark.parametrize("words", [["nonsense"], ["doctor", "--nonsense"], ["--nonsense"]])
def test_bad_usage_is_exit_code_2(words, capsys):
    assert cli.main(words) == 2
    assert "usage:" in capsys.readouterr().err


def test_help_lists_the_commands(capsys):
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in cli.COMMANDS)


def test_help_has_a_worked_line_for_each_command_and_the_exit_codes(capsys):
    assert list(cli.EXAMPLES) == list(cli.COMMANDS)
    cli.main(["--help"])
    shown = capsys.readouterr().out
    for name, line in cli.EXAMPLES.items():
        assert f"tinygrad-lite {name}" in line
        assert line in shown
        cli.main([name, "--help"])
        told = capsys.readouterr().out
        assert line in told
        assert "0 all is well; 1 a check failed; 2 bad usage" in told


@pytest.mark.parametrize("name", [name for name in cli.EXAMPLES if name != "completion"])
def test_a_worked_line_is_understood(name):
    words = shlex.split(cli.EXAMPLES[name])[2:]

    assert cli.command_parser(name).parse_args(words)


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [("che", ["check"]), ("check --jun", ["--junit"]), ("check --hint", ["--hint"]), ("draw --th", ["--theme"])],
)
def test_bash_completes_what_was_begun(typed, offered, capsys, tmp_path):
    cli.main(["completion", "bash"])
    words = ["tinygrad-lite", *typed.split()]
    asked = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _tinygrad_lite; echo ${{COMPREPLY[@]}}"
    script = f"{capsys.readouterr().out}\n{asked}"

    assert (
        subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path).stdout.split() == offered
    )


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_every_command_and_option(shell, capsys):
    assert cli.main(["completion", shell]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in cli.COMMANDS)
    assert "junit" in told


def test_doctor_names_versions_and_the_program_that_paints(capsys):
    assert cli.main(["doctor"]) == 0
    assert f"tinygrad_lite     {__version__}" in capsys.readouterr().out

    assert cli.main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["DOT program"]


def test_doctor_says_what_compiled_code_is_kept_and_removes_it(capsys, tmp_path, monkeypatch):
    from tinygrad_lite.compiler.backends.llvm import cache

    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path / "kept"))
    cache.store("k", b"code")
    cli.main(["doctor"])
    assert f"compiled code     1 entry, 0.0 MB in {tmp_path / 'kept'}" in capsys.readouterr().out

    cli.main(["doctor", "--clear-cache"])
    assert "compiled code     0 entries" in capsys.readouterr().out
    assert list((tmp_path / "kept").iterdir()) == []

    monkeypatch.setenv("TINYGRAD_LITE_CACHE", "off")
    cli.main(["doctor", "--json"])
    assert json.loads(capsys.readouterr().out)["compiled code"].startswith("not kept")


def test_only_the_chosen_command_is_loaded():
    code = "import sys; from tinygrad_lite import cli; cli.main(['nonsense']); print('numpy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert run.stdout == "False\n"


def test_an_expression_may_begin_with_a_minus(capsys):
    assert cli.main(["explain", "-a*b", "a=2", "b=3", "--brief"]) == 0
    assert "-6" in capsys.readouterr().out
