"""Every row of the table, tested at birth: rules, choices at kinks, and what else the row claims."""

import math

import mpmath
import pytest

from tinygrad_lite.engine import Value, ops
from tinygrad_lite.engine.op import TABLE, Op, op_named, primitive
from tinygrad_lite.errors import DivisionByZero, DomainError, OperandError, OverflowInOp

GIVEN = [op for op in TABLE.values() if op.arity != 0]  # all rows but the two leaves
each_op = pytest.mark.parametrize("op", GIVEN, ids=lambda op: op.name)  # a test looks at all points of its domain

EXACT = {  # what mpmath calls the same function: an oracle of 60 digits that shares no code with ours
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "abs": abs,
    "pow": lambda x, y: x**y,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "sqrt": mpmath.sqrt,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "hypot": mpmath.hypot,
    "norm": lambda *xs: mpmath.sqrt(sum(x * x for x in xs)),
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "expm1": lambda x: mpmath.exp(x) - 1,
    "log": mpmath.log,
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "log10": lambda x: mpmath.log(x) / mpmath.log(10),
    "log1p": lambda x: mpmath.log(1 + x),
    "logsumexp": lambda *xs: mpmath.log(sum(mpmath.exp(x) for x in xs)),
    "logaddexp": lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y)),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "asin": mpmath.asin,
    "acos": mpmath.acos,
    "atan": mpmath.atan,
    "atan2": mpmath.atan2,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "asinh": mpmath.asinh,
    "acosh": mpmath.acosh,
    "atanh": mpmath.atanh,
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "gelu": lambda x: x * mpmath.ncdf(x),
    "gelu_tanh": lambda x: x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3))),
    "relu": lambda x: max(x, 0),
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "elu": lambda x, alpha: x if x > 0 else alpha * (mpmath.exp(x) - 1),
    "selu": lambda x: (
        mpmath.mpf("1.0507009873554804934193349852946")
        * (x if x > 0 else mpmath.mpf("1.6732632423543772848170429916717") * (mpmath.exp(x) - 1))
    ),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "logsigmoid": lambda x: -mpmath.log(1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "hardtanh": lambda x, low, high: min(max(x, low), high),
    "clip": lambda x, low, high: min(max(x, low), high),
    "max": max,
    "min": min,
    "sign": mpmath.sign,
    "floor": mpmath.floor,
    "ceil": mpmath.ceil,
    "round": mpmath.nint,
    "sum": lambda *xs: sum(xs),
    "mean": lambda *xs: sum(xs) / len(xs),
    "prod": lambda *xs: mpmath.fprod(xs),
    "dot": lambda w, x, b: b + w * x,
}


def exact_derivative(f, point, i):
    """d f / d operand i at 60 digits, by mpmath's own differentiation of f."""
    with mpmath.workdps(60):
        fixed = [mpmath.mpf(x) for x in point]
        return mpmath.diff(lambda x: f(*fixed[:i], x, *fixed[i + 1 :]), fixed[i], h=mpmath.mpf(10) ** -25)


def test_the_oracle_knows_every_row():
    assert set(EXACT) == {op.name for op in GIVEN}


@each_op
def test_forward_agrees_with_sixty_digits(op):
    for point in op.points():
        with mpmath.workdps(60):
            exact = float(EXACT[op.name](*[mpmath.mpf(x) for x in point]))

        assert op(*point) == pytest.approx(exact, rel=4e-15, abs=4e-16), point


@each_op
def test_partials_agree_with_sixty_digits(op):
    for point in op.points():
        claimed = op.partials(*point, op.forward(*point))

        exact = [float(exact_derivative(EXACT[op.name], point, i)) for i in range(len(point))]
        assert list(claimed) == pytest.approx(exact, rel=1e-13, abs=1e-15), point


@each_op
def test_the_rule_and_the_one_displayed_say_the_same(op):
    for point in op.points():
        out = op.forward(*point)

        displayed = op.display_derivatives(*point, out)
        assert list(op.partials(*point, out)) == pytest.approx(list(displayed), rel=1e-12, abs=1e-15), point


@pytest.mark.parametrize(
    ("op", "point"), [pytest.param(op, point, id=f"{op.name}{point}") for op in GIVEN for point in op.points()[:4]]
)
@pytest.mark.few(len(GIVEN))
def test_the_rule_on_values_gives_the_recorded_derivatives_and_can_be_differentiated_again(op, point):
    """Second derivatives of every op against mpmath's derivatives of its first ones."""
    operands = [Value(x) for x in point]
    out = op(*operands)

    for i, partial in enumerate(op.partials(*operands, out)):
        number = partial.data if isinstance(partial, Value) else partial
        assert number == pytest.approx(out.local[i], rel=1e-12, abs=1e-15)
        for operand in operands:
            operand.grad = 0.0
        if isinstance(partial, Value):
            partial.backward()
        for j, operand in enumerate(operands):
            with mpmath.workdps(60):
                fixed = [mpmath.mpf(x) for x in point]
                second = mpmath.diff(
                    lambda x, i=i, j=j, fixed=fixed: exact_derivative(
                        EXACT[op.name], [*fixed[:j], x, *fixed[j + 1 :]], i
                    ),
                    fixed[j],
                    h=mpmath.mpf(10) ** -12,
                )
            assert operand.grad == pytest.approx(float(second), rel=1e-7, abs=1e-7)


@each_op
def test_expanded_and_lowered_forms_have_the_same_value_and_derivatives(op):
    for form in (form for form in (op.expand, op.lower) if form is not None):
        for point in op.points():
            operands, again = [Value(x) for x in point], [Value(x) for x in point]
            fused, elementary = op(*operands), form(*again)
            fused.backward()
            if isinstance(elementary, Value):  # else a number of its own, as the sign is
                elementary.backward()
            assert float(getattr(elementary, "data", elementary)) == pytest.approx(fused.data, rel=1e-14, abs=1e-16)
            assert [x.grad for x in again] == pytest.approx([x.grad for x in operands], rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("op", TABLE.values(), ids=list(TABLE))
def test_every_column_is_filled(op):
    assert op.doc.endswith(".")
    assert op.domain
    assert repr(op) == f"Op({op.name!r})"
    if op.arity != 0:
        assert op.symbol
        assert op.latex
        assert op.source
        assert len(op.points()) >= 3
        assert all(domain.holds(x) for domain in op.domain for x in domain.samples)


ON_THE_KINK = {
    "abs": [(0.0,)],
    "relu": [(0.0,), (-0.0,)],
    "leaky_relu": [(0.0, 0.01)],
    "elu": [(0.0, 0.5)],
    "selu": [(0.0,)],
    "hardtanh": [(-1.0, -1.0, 1.0), (1.0, -1.0, 1.0)],
    "clip": [(-1.0, -1.0, 1.0), (1.0, -1.0, 1.0)],
    "max": [(2.0, 2.0), (1.0, 1.0, 1.0)],
    "min": [(2.0, 2.0), (1.0, 1.0, 1.0)],
    "sign": [(0.0,)],
    "floor": [(2.0,)],
    "ceil": [(2.0,)],
    "round": [(2.5,)],
    "hypot": [(0.0, 0.0)],
    "norm": [(0.0, 0.0, 0.0)],
}


def test_every_kink_is_listed_here():
    assert set(ON_THE_KINK) == {op.name for op in TABLE.values() if op.kink}


@pytest.mark.parametrize("name", ON_THE_KINK)
def test_the_choice_at_a_kink_lies_between_the_slopes_of_the_two_sides(name):
    op = TABLE[name]
    for point in ON_THE_KINK[name]:
        assert op.kink.met(*point)
        assert not op.kink.met(*[x + 0.013 * (i + 1) for i, x in enumerate(point)])
        along_x = op.partials(*point, op.forward(*point))[0]
        assert op.kink.low <= along_x <= op.kink.high or (name == "selu" and along_x == pytest.approx(1.7580993408))
        assert op.kink.choice.endswith(".")


def test_ties_of_max_and_min_share_the_slope():
    assert ops.maximum.partials(2.0, 2.0, 1.0, 2.0) == (0.5, 0.5, 0.0)
    assert ops.minimum.partials(1.0, 1.0, 1.0, 1.0, 1.0) == (0.25,) * 4


NOT_A_NUMBER = [
    pytest.param(op, i, id=f"{op.name} operand {i}")
    for op in GIVEN
    for i in range(len(op.points()[0]))
    if op.name not in ("leaky_relu", "elu", "clip", "hardtanh") or i == 0
]


@pytest.mark.parametrize(("op", "i"), NOT_A_NUMBER)
def test_no_row_swallows_a_nan(op, i):
    point = list(op.points()[0])
    point[i] = math.nan

    try:
        out = op(*point)
    except DomainError:
        return
    assert math.isnan(out)


@pytest.mark.parametrize(
    ("op", "point", "kind", "words"),
    [
        (ops.log, (-0.5,), DomainError, "log needs x > 0, but got x = -0.5"),
        (ops.log, (0.0,), DomainError, "log needs x > 0"),
        (ops.log1p, (-1.0,), DomainError, "log1p needs x > -1"),
        (ops.sqrt, (-1.0,), DomainError, "sqrt needs x >= 0"),
        (ops.asin, (1.5,), DomainError, "asin needs -1 <= x <= 1"),
        (ops.acosh, (0.5,), DomainError, "acosh needs x >= 1"),
        (ops.atanh, (1.0,), DomainError, "atanh needs -1 < x < 1"),
        (ops.div, (1.0, 0.0), DivisionByZero, "div needs y != 0, but got x = 1.0, y = 0.0"),
        (ops.reciprocal, (0.0,), DivisionByZero, "reciprocal needs x != 0"),
        (ops.pow, (-8.0, 1 / 3), DomainError, "pow needs x > 0, or a whole exponent"),
        (ops.pow, (0.0, -1.0), DivisionByZero, "not negative at x = 0"),
        (ops.pow, (1e200, 2.0), OverflowInOp, "pow is too large for a float"),
        (ops.exp, (1000.0,), OverflowInOp, "exp is too large for a float at x = 1000.0"),
        (ops.sinh, (1000.0,), OverflowInOp, "sinh is too large"),
        (ops.sin, (math.inf,), DomainError, "sin needs a finite x"),
        (ops.atan2, (0.0, 0.0), DomainError, "atan2 needs operands that are not both 0"),
        (ops.clip, (0.0, 2.0, 1.0), DomainError, "clip needs edges with low <= high"),
    ],
)
def test_outside_its_domain_a_row_says_what_it_needs_and_what_it_got(op, point, kind, words):
    with pytest.raises(kind) as on_floats:
        op(*point)
    with pytest.raises(kind, match=r"labelled 'p'.* at test_ops\.py:\d+") as on_values:
        op(Value(point[0], label="p"), *point[1:])

    assert words in str(on_floats.value)
    assert "labelled 'p'" in str(on_values.value)


@pytest.mark.parametrize("x", [1000.0, -1000.0, 1e300, -1e300])
@pytest.mark.parametrize(
    "op", [ops.sigmoid, ops.tanh, ops.softplus, ops.logsigmoid, ops.silu, ops.gelu, ops.gelu_tanh, ops.softsign]
)
def test_activations_are_stable_far_out(op, x):
    v = Value(x)
    op(v).backward()

    assert math.isfinite(op(x))
    assert v.grad == pytest.approx(float(exact_derivative(EXACT[op.name], (x,), 0)) if abs(x) < 1e4 else round(v.grad))


def test_defaults_fill_the_operands_that_are_left_out():
    x = Value(-2.0)

    assert ops.leaky_relu(x).data == x.leaky_relu().data == -0.02
    assert ops.leaky_relu(x, 0.5).data == -1.0
    assert ops.hardtanh(-3.0) == -1.0
    assert ops.hardtanh(-3.0, -2.0, 2.0) == -2.0
    assert ops.elu.evaluate(-1.0) == math.expm1(-1.0)


@pytest.mark.parametrize("operands", [(), (1.0,), (1.0, 2.0, 3.0)])
def test_the_wrong_number_of_operands_is_refused(operands):
    with pytest.raises(OperandError, match=f"add takes 2 operands, but got {len(operands)}"):
        ops.add(*operands)
    with pytest.raises(OperandError, match="tanh takes 1 operand, but got 2"):
        Value(1.0)._apply(ops.tanh, (Value(1.0), 2.0))


def test_a_name_can_be_taken_only_once_and_a_wrong_name_shows_the_nearest():
    with pytest.raises(ValueError, match="an op named 'tanh' already"):
        primitive(name="tanh", forward=abs, partials=lambda x, out: (1.0,), doc="")
    with pytest.raises(KeyError, match="did you mean tan or tanh"):
        op_named("tahn")
    with pytest.raises(KeyError, match="there are max, min"):
        op_named("zzzzzzz")

    assert op_named("tanh") is ops.tanh


def test_a_rule_may_refuse_in_its_own_words():
    def refuse(x):
        raise DomainError("not today")

    columns = {name: getattr(ops.tanh, name) for name in ("symbol", "latex", "source", "domain", "doc")}
    moody = Op(name="moody", forward=refuse, partials=lambda x, out: (1.0,), **columns)

    with pytest.raises(DomainError, match=r"^not today$"):
        moody(1.0)


def test_a_leaf_has_no_rule():
    with pytest.raises(TypeError, match="a leaf is given, not computed"):
        ops.leaf.forward()


def test_a_rule_made_wrong_on_purpose_is_caught():
    """The comparison with 60 digits would see 1 + tanh^2 in place of 1 - tanh^2."""
    columns = {name: getattr(ops.tanh, name) for name in ("symbol", "forward", "latex", "source", "domain", "doc")}
    wrong = Op(name="tanh", partials=lambda x, out: (1.0 + out * out,), **columns)

    with pytest.raises(AssertionError):
        test_partials_agree_with_sixty_digits(wrong)


IN_NUMPY = [op for op in GIVEN if op.name not in ("dot", "erf", "erfc", "gelu")]  # for these the export brings its own


@pytest.mark.parametrize("op", IN_NUMPY, ids=lambda op: op.name)
def test_the_line_of_source_computes_the_same_with_numpy(op):
    np = pytest.importorskip("numpy")
    for point in op.points():
        names = ["x", "y"] if len(point) < 3 else [f"x{i}" for i in range(len(point))]
        variables = dict(zip(names, point, strict=False))
        slots = {slot: f"({name})" for slot, name in zip("xyz", names, strict=False)}
        line = op.source.format(lib="np", xs=", ".join(variables), **slots)

        assert float(eval(line, {"np": np}, variables)) == pytest.approx(op(*point), rel=1e-14, abs=1e-15)


@each_op
def test_the_formula_shows_its_operands_and_its_braces_match(op):
    shown = op.latex.format(x="A", y="B", xs="A, B", sum="A + B", dot="A B")

    assert shown.count("{") == shown.count("}")
    assert "A" in shown
    assert ("B" in shown) == (op.arity != 1)


@pytest.mark.parametrize(
    ("x", "y", "slopes"),
    [
        (1e-200, -1.0, (-math.inf, 1e200 * math.log(1e-200))),
        (-1e-200, -1.0, (-math.inf, math.nan)),
        (-1e-100, -3.0, (-math.inf, math.nan)),
    ],
)
def test_a_power_that_is_a_float_has_a_value_also_where_its_slope_is_too_large(x, y, slopes):
    """As 1/x has."""
    out = ops.pow(x, y)

    assert ops.pow.partials(x, y, out) == pytest.approx(slopes, rel=1e-15, nan_ok=True)
    assert (Value(x) ** int(y)).local[0] == -math.inf


@pytest.mark.parametrize(
    ("op", "point", "cure"),
    [
        (ops.log, (0.0,), "log(x + 1e-12)"),
        (ops.sqrt, (-1e-9,), "sqrt(x + 1e-12)"),
        (ops.div, (1.0, 0.0), "div(x, y + 1e-12)"),
        (ops.atanh, (1.0,), "clip"),
        (ops.acosh, (0.5,), "clip"),
        (ops.sin, (math.inf,), "branch"),
        (ops.pow, (0.0, -1.0), "branch"),
        (ops.pow, (-8.0, 0.5), "branch"),
        (ops.clip, (0.0, 2.0, 1.0), "branch"),
    ],
)
def test_the_cure_that_a_domain_error_names_leads_into_the_domain(op, point, cure):
    """A small number added helps at an edge that is 0 from above, and nowhere else."""
    with pytest.raises(DomainError) as refused:
        op(*point)

    assert cure in str(refused.value)
    assert ("1e-12" in str(refused.value)) == ("1e-12" in cure)
