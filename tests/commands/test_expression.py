"""A typed formula is read as data: nothing in it is ever run, and what is refused is underlined."""

import math

import pytest

from tinygrad_lite import Value
from tinygrad_lite.commands.expression import assignments, functions, parse, parse_number
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.errors import DivisionByZero, DomainError, ExpressionError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tanh(a*b + b**3)", math.tanh(-4 * 2 + 8)),
        ("-a**2", -16.0),
        ("(-a)**2", 16.0),
        ("a - b - 1", -7.0),
        ("2**-b", 0.25),
        ("+a", -4.0),
        ("max(a, b, 1) + min(a, b)", -2.0),
        ("maximum(a, b) * absolute(a)", 8.0),
        ("1e-3*a/b", -0.002),
        ("exp(log(b)) \n + a", -2.0),
    ],
)
def test_formulas_have_python_s_precedence(text, expected):
    names = {
        name: x
        for name, x in {"a": -4.0, "b": 2.0}.items()
        if name in text.replace("max", "").replace("tanh", "").replace("abs", "")
    }

    assert parse(text, names).data == pytest.approx(expected, rel=1e-15)


def test_each_name_is_one_labelled_leaf():
    y = parse("a*a + a", {"a": 3.0})
    y.backward()

    leaf = y.parents[1]
    assert (leaf.label, leaf.grad) == ("a", 7.0)
    assert y.parents[0].parents == (leaf, leaf)


def test_every_row_of_the_table_can_be_called():
    for name, op in functions().items():
        point = [op.domain[min(i, len(op.domain) - 1)].samples[-1] for i in range(op.arity or 2)]
        names = [f"p{i}" for i in range(len(point))]
        assert parse(f"{name}({', '.join(names)})", dict(zip(names, point, strict=True))).op is op
    assert set(TABLE) - set(functions()) == {"leaf", "constant"}


REFUSED = [
    ("a.__class__ + 1", "a.__class__", "attribute access"),
    ("().__class__.__bases__[0]", "().__class__.__bases__[0]", "indexing"),
    ("__import__('os').system('true')", "__import__('os').system", "only functions of the table"),
    ("__import__('os')", "__import__", "no function is named __import__"),
    ("a + ecp(a)", "ecp", "did you mean exp"),
    ("open('x')", "open", "no function is named open"),
    ("eval('1')", "eval", "no function is named eval"),
    ("a^2", "a^2", r"write \*\*"),
    ("'text'", "'text'", "text is no real number"),
    ("f'{a}'", "f'{a}'", "text is no real number"),
    ("a if a else 1", "a if a else 1", "if ... else"),
    ("[a for a in a]", "[a for a in a]", "ListComp"),
    ("lambda: a", "lambda: a", "lambda"),
    ("(a := 3)", "a := 3", "assignment"),
    ("a, a", "a, a", "a comma"),
    ("a < 3", "a < 3", r"operators are \+"),
    ("a // 3", "a // 3", r"operators are \+"),
    ("a @ a", "a @ a", r"operators are \+"),
    ("not a", "not a", r"operators are \+"),
    ("~a", "~a", r"operators are \+"),
    ("a and a", "a and a", "and, or"),
    ("True", "True", "True is no real number"),
    ("-True", "True", "True is no real number"),
    ("-False", "False", "False is no real number"),
    ("3j * a", "3j", "3j is no real number"),
    ("tanh(a, a)", "tanh(a, a)", "tanh takes 1 operand, but got 2"),
    ("max()", "max()", "at least 1 operand"),
    ("tanh(x=a)", "x=a", "by position"),
    ("max(*a)", "*a", r"\* before an operand"),
    ("a + zz", "zz", "zz has no number; add zz="),
    ("tanh + a", "tanh", r"write tanh\(...\)"),
    ("1e999", "1e999", "too large for a float"),
    ("漢字 + ü.x", "ü.x", "attribute access"),
    ("{a: 1}", "{a: 1}", "dict"),
    ("a[0]", "a[0]", "indexing"),
    ("await a", None, "not a formula|Await"),
    ("a +", None, "not a formula"),
    ("(a", None, "not a formula"),
    ("a; a", None, "not a formula"),
    ("import os", None, "not a formula"),
    ("a = 3", None, "not a formula"),
    ("\x00", None, "not a formula"),
]


@pytest.mark.parametrize(("text", "part", "why"), REFUSED)
def test_anything_else_is_refused_with_the_part_underlined(text, part, why):
    numbers = {"a": 1.0} if "a" in text else {}
    with pytest.raises(ExpressionError, match=why) as refused:
        parse(text, {**numbers, **({"漢字": 1.0, "ü": 1.0} if "漢" in text else {})})

    _, line, marks = str(refused.value).split("\n")
    assert "^" in marks
    if part is not None:
        wide = 2 if "漢" in text else 0  # two letters that take two columns each
        start = marks.index("^") - (wide if text.index(part) > 2 else 0)
        assert line[start : start + marks.count("^")] == part


def test_nothing_is_run_while_a_formula_is_read(monkeypatch):
    """Not one of Python's doors is opened, even by a formula that asks for it."""

    def never(*args, **kwargs):
        raise AssertionError("something was run")

    for door in ("eval", "exec", "open"):
        monkeypatch.setattr(f"builtins.{door}", never)
    for text, _, _ in REFUSED:
        with pytest.raises(ExpressionError):
            parse(text, {"a": 1.0})


@pytest.mark.parametrize("text", ["-" * 9000 + "a", "(" * 4000 + "a" + ")" * 4000, "a" * 11_000])
def test_a_formula_too_deep_or_too_long_is_refused_in_words(text):
    with pytest.raises(ExpressionError) as refused:
        parse(text, {"a": 1.0})

    assert len(str(refused.value)) < 400


def test_a_sum_of_hundreds_of_terms_is_no_problem():
    assert parse("+".join("a" * 500), {"a": 1.0}).data == 500.0


def test_a_long_formula_is_shown_around_the_mistake():
    text = "a + " * 300 + "b.c" + " + a" * 300
    with pytest.raises(ExpressionError) as refused:
        parse(text, {"a": 1.0, "b": 1.0})

    _, line, marks = str(refused.value).split("\n")
    assert line.startswith("  …")
    assert line.endswith("…")
    assert len(line) < 100
    assert line[marks.index("^") : marks.index("^") + 3] == "b.c"


def test_a_number_outside_a_domain_is_shown_where_it_happened():
    with pytest.raises(DomainError, match=r"(?s)log needs x > 0.*\n  1 \+ log\(a\)\n      \^\^\^\^\^\^"):
        parse("1 + log(a)", {"a": -1.0})
    with pytest.raises(DivisionByZero, match=r"\^"):
        parse("1 / a", {"a": 0.0})


def test_names_and_numbers_must_match():
    with pytest.raises(ExpressionError, match=r"c, d got a number but does not stand in the expression a\*2"):
        parse("a*2", {"a": 1.0, "c": 2.0, "d": 1.0})
    with pytest.raises(ExpressionError, match="empty"):
        parse("  ")


def test_numbers_are_given_as_people_type_them():
    assert assignments(["a=-4", "b = 1/3", "c=sqrt(2)", "d=1e-3"]) == {
        "a": -4.0,
        "b": 1 / 3,
        "c": math.sqrt(2),
        "d": 1e-3,
    }
    assert parse_number("-inf") == -math.inf
    for word, why in (
        ("a", "name=number"),
        ("1=2", "name=number"),
        ("a=", "a needs a number"),
        ("a=x", "a needs a number"),
    ):
        with pytest.raises(ExpressionError, match=why):
            assignments([word])
    with pytest.raises(ExpressionError, match="a is given twice: 1 and 2"):
        assignments(["a=1", "a=2"])


def test_an_expression_without_names_is_a_value_too():
    assert isinstance(parse("2*3"), Value)
    assert parse("2*3").data == 6.0
