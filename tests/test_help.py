"""`help` of each public name says what a user needs, its example runs, and editors and checkers can read its types."""

import doctest
import inspect
import pydoc
import types
import typing

import pytest

import tinygrad_lite as tg
from tinygrad_lite.engine.op import Op

PUBLIC = {name: getattr(tg, name) for name in dir(tg) if not isinstance(getattr(tg, name), types.ModuleType | str)}
OPS = {name: thing for name, thing in PUBLIC.items() if isinstance(thing, Op)}
FUNCTIONS = {name: thing for name, thing in PUBLIC.items() if name not in OPS}


def test_there_is_nothing_else_in_the_directory():
    added = {name for name, op in vars(tg).items() if isinstance(op, Op) and name not in PUBLIC}  # by other tests

    assert set(dir(tg)) - {"__version__", *PUBLIC, *added} == {
        *("nn", "views", "checking", "compiler", "exercises", "export", "errors", "testing")
    }
    assert len(OPS) > 50
    assert len(FUNCTIONS) > 35


@pytest.mark.parametrize("name", OPS)
def test_help_of_an_op_is_about_that_op(name):
    op, text = OPS[name], inspect.getdoc(OPS[name])

    assert text.startswith(op.doc)
    for part in ("Formula: ", "Derivative", "Domain: ", "Shapes: ", "Raises: ", ">>> "):
        assert part in text, f"{part} is missing in {text}"
    assert ("Kink: " in text) == (op.kink is not None)
    assert op.doc in pydoc.render_doc(op)
    assert str(inspect.signature(op)).startswith("(" + (op.operands[0] if op.operands else "*xs"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_help_of_a_function_names_its_arguments_its_errors_and_an_example(name):
    text = inspect.getdoc(FUNCTIONS[name])
    arguments = [p for p in inspect.signature(FUNCTIONS[name]).parameters if p not in ("op", "parents", "local")]

    assert text[0] not in "<("
    assert len(text.splitlines()[0]) <= 121
    assert "Raises" in text or "raises nothing" in text.lower()
    assert ">>> " in text
    assert [p for p in arguments if p not in text] == []


@pytest.mark.parametrize("name", OPS)
def test_the_example_of_an_op_runs(name):
    """Those of functions stand in the source, where pytest's doctests run them."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner, told = doctest.DocTestRunner(verbose=False, optionflags=flags), []
    runner.run(doctest.DocTestParser().get_doctest(inspect.getdoc(OPS[name]), {}, name, None, 0), out=told.append)

    assert runner.tries > 0
    assert runner.failures == 0, "".join(told)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_types_can_be_read(name):
    thing = FUNCTIONS[name]

    assert typing.get_type_hints(thing.__init__ if inspect.isclass(thing) else thing) is not None


def test_the_proof_can_fail():
    """Today's docstring of a class, in the place of the one of an op, would be seen."""
    text = Op.__doc__

    assert "Columns:" in text
    assert "Formula: " not in text
