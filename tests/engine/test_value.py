"""A Value: what it accepts, how the operators record, and how it behaves as a number."""

import math
import re
import weakref
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite.engine import Value, dot, ops
from tinygrad_lite.engine import sum as total
from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.errors import DivisionByZero, DomainError, OperandError, OverflowInOp, ShapeError

np = pytest.importorskip("numpy")

# ------------------------------------------------------------------ what goes in


@pytest.mark.parametrize(
    "x", [2, True, 2.5, np.float32(0.5), np.int64(3), np.bool_(True), np.array(1.5), Fraction(1, 2), Decimal("0.25")]
)
def test_every_real_number_becomes_a_float(x):
    assert type(Value(x).data) is float
    assert Value(x).data == float(x)
    assert (Value(1.0) + x).data == 1.0 + float(x)
    assert type((Value(1.0) * x).parents[1]) is float


def test_integers_divide_and_take_negative_powers():
    assert (Value(2) ** -1).data == 0.5
    assert (Value(1) / 2).data == 0.5


NO_NUMBERS = ["ab", "3", b"3", None, 1j, [1.0], (1.0,), {}, {1.0}, frozenset(), np.complex128(1j), np.array([1.0, 2.0])]


@pytest.mark.parametrize("x", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused_at_once(x):
    with pytest.raises(OperandError, match=rf"got the {type(x).__name__} .* at test_value\.py"):
        Value(x)


@pytest.mark.parametrize("x", NO_NUMBERS[:-1], ids=repr)
@pytest.mark.parametrize(
    "combine",
    [
        lambda v, x: v + x,
        lambda v, x: x + v,
        lambda v, x: v * x,
        lambda v, x: x * v,
        lambda v, x: v - x,
        lambda v, x: x - v,
        lambda v, x: v / x,
        lambda v, x: x / v,
        lambda v, x: v**x,
        lambda v, x: x**v,
        lambda v, x: v < x,
        tg.maximum,
    ],
)
def test_what_is_no_number_is_refused_as_an_operand(combine, x):
    with pytest.raises(TypeError):
        combine(Value(2.0), x)


def test_text_is_not_repeated():
    with pytest.raises(OperandError, match="mul works on real numbers and Values, but got the str 'ab'"):
        Value(2) * "ab"
    with pytest.raises(OperandError, match=r"got the str '(a){56}\.\.\."):
        Value("a" * 100)


def test_a_whole_number_too_large_for_a_float_is_refused():
    with pytest.raises(OverflowInOp, match="int too large for a float"):
        Value(10**400)
    with pytest.raises(OverflowInOp):
        Value(2.0) ** (10**400)


def test_a_value_inside_a_value_is_refused():
    with pytest.raises(OperandError, match=r"take `\.data` of a Value"):
        Value(Value(1.0))


class Metres:
    """A stranger that knows how to combine with anything."""

    def __radd__(self, other):
        return "metres"

    __rmul__ = __rsub__ = __rtruediv__ = __rpow__ = __gt__ = __radd__


def test_a_stranger_is_asked_how_it_combines():
    assert Value(2.0) + Metres() == "metres"
    assert Value(2.0) * Metres() == "metres"
    assert (Value(2.0) < Metres()) == "metres"
    with pytest.raises(TypeError, match="unsupported operand"):
        Value(2.0) + object()
    with pytest.raises(OperandError):
        ops.tanh(object())
    with pytest.raises(OperandError):
        ops.add(Value(1.0), object())


def test_a_value_of_an_array_says_what_to_do():
    with pytest.raises(
        OperandError, match=r"a Value holds one real number.*\n  tg\.array\(a\) makes one Value of each"
    ):
        Value(np.array([1.0, 2.0]))


def test_an_array_takes_a_value_into_each_entry():
    out = Value(2.0) * np.array([1.0, 3.0])

    assert out.dtype == object
    assert [v.data for v in out] == [2.0, 6.0]


# ------------------------------------------------------------------ operators

BINARY = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "pow": lambda x, y: x**y,
}
numbers = st.floats(min_value=-1e6, max_value=1e6, allow_subnormal=False)


def outcome(compute):
    """Everything a node recorded, or the error that came instead."""
    try:
        node = compute()
    except DomainError as error:
        return type(error), re.sub(r"test_value.py:\d+", "here", str(error))
    parents = [p.data if isinstance(p, Value) else ("bare", p) for p in node.parents]
    return node.op, repr(node.data), parents, repr(node.local)


@pytest.mark.parametrize("name", BINARY)
@given(x=numbers, y=numbers)
def test_each_operator_records_what_the_readable_form_records(name, x, y):
    """The operators written out for speed equal `_apply`, bit for bit: on two Values, and with a number on a side."""
    op, operator = ops.TABLE[name], BINARY[name]
    a, b = Value(x, label="a"), Value(y, label="b")
    n = int(y) % 7 - 3
    for fast, operands in [
        (lambda: operator(a, b), (a, b)),
        (lambda: operator(a, y), (a, y)),
        (lambda: operator(x, b), (x, b)),
        (lambda: operator(a, n), (a, n)),
        (lambda: operator(n, b), (n, b)),
        (lambda: operator(a, a), (a, a)),
    ]:
        assert outcome(fast) == outcome(lambda operands=operands: a._apply(op, operands))


@pytest.mark.few(3)
@pytest.mark.parametrize("op", [op for op in ops.TABLE.values() if op.arity == 1], ids=repr)
@given(x=numbers)
def test_each_row_of_one_operand_records_what_the_readable_form_records(op, x):
    a = Value(x, label="a")
    method = {"neg": "__neg__"}.get(op.name, op.name)

    assert outcome(lambda: getattr(a, method)()) == outcome(lambda: a._apply(op, (a,))) == outcome(lambda: op(a))


def test_operators_of_python_lead_to_their_rows():
    a = Value(-2.5)

    assert (-a).op is ops.neg
    assert +a is a
    assert abs(a).data == 2.5
    assert round(a).data == -2.0
    assert round(Value(2.345), 2).data == 2.35 or round(Value(2.345), 2).data == 2.34
    assert round(a, 0).data == -2.0
    assert math.floor(a).data == -3.0
    assert math.ceil(a).data == -2.0
    assert (2.0**a).data == 2.0**-2.5
    assert (2 / a).data == -0.8


def test_a_refusal_inside_a_fast_operator_is_the_full_one():
    with pytest.raises(DivisionByZero, match=r"div needs y != 0.*labelled 'b'"):
        Value(1.0) / Value(0.0, label="b")
    with pytest.raises(OverflowInOp, match=r"pow is too large .*labelled 'a'"):
        Value(1e200, label="a") ** 2
    with pytest.raises(DomainError, match=r"log needs x > 0.*labelled 'p'"):
        Value(-1.0, label="p").log()


def test_numpys_names_lead_to_the_same_rows():
    a = Value(0.5)

    assert a.arcsin().op is ops.asin
    assert a.arctan2(2.0).op is ops.atan2
    assert a.rint().op is ops.round
    assert a.fabs().op is ops.absolute
    assert a.conjugate() is a
    assert a.degrees().data == pytest.approx(math.degrees(0.5))
    assert a.deg2rad().data == pytest.approx(math.radians(0.5))


NUMPY_FUNCTIONS = [
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "square", "reciprocal", "absolute"),
    *("fabs", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arctanh"),
    *("floor", "ceil", "rint", "conjugate", "degrees", "radians", "deg2rad", "rad2deg", "negative", "positive"),
]


@pytest.mark.parametrize("name", NUMPY_FUNCTIONS)
def test_numpys_functions_of_an_array_of_values_find_the_methods(name):
    x = np.array([0.3, 0.8])
    values = np.array([Value(v) for v in x], dtype=object)

    out = getattr(np, name)(values)

    assert all(isinstance(v, Value) for v in out)
    assert [v.data for v in out] == pytest.approx(list(getattr(np, name)(x)), rel=1e-15)


@pytest.mark.parametrize("name", ["hypot", "arctan2", "power", "add", "maximum", "minimum"])
def test_numpys_functions_of_two_arrays_of_values_find_the_methods(name):
    x, y = np.array([0.3, 0.8]), np.array([0.5, 0.2])
    a, b = (np.array([Value(v) for v in vs], dtype=object) for vs in (x, y))

    assert [v.data for v in getattr(np, name)(a, b)] == pytest.approx(list(getattr(np, name)(x, y)), rel=1e-15)


def test_who_only_knows_apply_gets_every_operator():
    class Word(Arithmetic):
        """Writes down what is asked of it."""

        def _apply(self, op, operands):
            made = Word()
            made.text = f"{op.name}({', '.join(getattr(x, 'text', str(x)) for x in operands)})"
            return made

    x = Word()
    x.text = "x"

    assert ((-x + 1) / (2 - x) ** 2).tanh().text == "tanh(div(add(neg(x), 1), pow(sub(2, x), 2)))"
    assert (x - 1).hypot(3.0).text == "hypot(sub(x, 1), 3.0)"
    assert (2 * x + (1 + x) * (3 / x) ** 2**x).abs().text.startswith("abs(add(mul(2, x), mul(add(1, x), pow(div(3, x)")
    with pytest.raises(NotImplementedError):
        Arithmetic().exp()


# ------------------------------------------------------------------ many operands


def test_fused_nodes_have_one_edge_an_operand():
    w, x, b = [Value(1.0), Value(2.0)], [Value(3.0), 4.0], Value(5.0)

    y = dot(w, x, b)
    assert (y.op, y.data, len(y.parents)) == (ops.dot, 16.0, 5)
    assert y.local == (3.0, 4.0, 1.0, None, 1.0)
    assert dot(w, [Value(3.0), Value(4.0)], b).local == (3.0, 4.0, 1.0, 2.0, 1.0)
    assert dot(w, x).data == 11.0
    assert dot([1.0], [2.0], 3.0) == 5.0
    assert total([]) == 0.0
    assert total([1.0, 2.0]) == 3.0
    assert total(w).local == (1.0, 1.0)


def test_lists_of_different_length_do_not_fit():
    with pytest.raises(ShapeError, match="2 weights and 1 inputs"):
        dot([1.0, 2.0], [1.0])
    with pytest.raises(ShapeError, match="mean of no numbers"):
        tg.mean([])


def test_functions_of_lists_take_floats_and_values_alike():
    xs = [1.0, 2.0, 4.0]
    vs = [Value(x) for x in xs]

    assert tg.mean(vs).data == tg.mean(xs) == 7.0 / 3.0
    assert tg.prod(vs).data == 8.0
    assert tg.norm(vs).data == math.sqrt(21.0)
    assert tg.logsumexp(vs).data == pytest.approx(math.log(sum(map(math.exp, xs))), rel=1e-15)
    assert [p.data for p in tg.softmax(vs)] == tg.softmax(xs)


@pytest.mark.parametrize("shift", [0.0, 7.0, 1000.0, -1000.0, 1e6])
def test_softmax_adds_up_to_one_at_any_size(shift):
    xs = [Value(shift + x) for x in (0.0, 1.0, 3.0)]
    shares = tg.softmax(xs)
    whole = sum(math.exp(x) for x in (0.0, 1.0, 3.0))

    assert sum(p.data for p in shares) == pytest.approx(1.0, rel=4e-15)
    assert [p.data for p in shares] == pytest.approx([math.exp(x) / whole for x in (0.0, 1.0, 3.0)], rel=1e-14)
    shares[0].backward()
    p = [s.data for s in shares]
    assert [x.grad for x in xs] == pytest.approx([p[0] * (1 - p[0]), -p[0] * p[1], -p[0] * p[2]], rel=1e-12)


def test_extreme_log_sum_exps():
    assert tg.logsumexp([-math.inf, -math.inf]) == -math.inf
    assert tg.logsumexp([math.inf, 0.0]) == math.inf
    assert math.isnan(tg.logsumexp([math.nan, 0.0]))
    assert ops.logsumexp.partials(-math.inf, 0.0, 0.0) == (0.0, 1.0)
    assert str(ops.logsumexp.partials(math.inf, 0.0, math.inf)) == "(nan, 0.0)"
    assert all(map(math.isnan, ops.logsumexp.partials(-math.inf, -math.inf, -math.inf)))


def test_a_product_with_zeros_has_the_right_slopes():
    a, b, c = Value(0.0), Value(3.0), Value(0.0)
    tg.prod([a, b]).backward()
    assert (a.grad, b.grad) == (3.0, 0.0)
    a.grad = b.grad = 0.0
    tg.prod([a, b, c]).backward()
    assert (a.grad, b.grad, c.grad) == (0.0, 0.0, 0.0)


def test_where_leaves_no_trace_of_the_other_branch():
    x = Value(0.0)
    safe = tg.where(x > 0, x, x * 2.0)
    safe.backward()

    assert x.grad == 2.0
    assert tg.where(True, 1.0, 2.0) == 1.0


def test_where_chooses_entry_by_entry_if_the_condition_is_an_array():
    np = pytest.importorskip("numpy")
    x = tg.array([-2.0, 0.5, 3.0])
    chosen = tg.where(x > 0, x, 10.0 * x)
    tg.sum(chosen).backward()

    assert tg.data(chosen).tolist() == [-20.0, 0.5, 3.0]
    assert tg.grads(x).tolist() == [10.0, 1.0, 1.0]
    assert chosen[1] is x[1]
    assert tg.where(np.array([[True], [False]]), np.array([1.0, 2.0]), 0.0).tolist() == [[1.0, 2.0], [0.0, 0.0]]
    assert tg.where(np.True_, 1.0, 2.0) == 1.0


@pytest.mark.parametrize("condition", [[True, False], (), "no", {}])
def test_where_refuses_what_would_count_as_one_condition_by_accident(condition):
    with pytest.raises(OperandError, match="where takes one condition or an array of them, but got the"):
        tg.where(condition, 1.0, 2.0)


# ------------------------------------------------------------------ being a number


def test_equality_and_hash_are_identity():
    a, b = Value(1.0), Value(1.0)
    seen = {a: "a", b: "b"}
    a.data = 5.0

    assert a != b
    assert a == a
    assert seen[a] == "a"
    assert len({a, b}) == 2


def test_order_compares_the_data_and_a_nan_compares_false():
    a, b, nan = Value(1.0), Value(2.0), Value(math.nan)

    assert a < b <= b
    assert b > a >= a
    assert a < 1.5 < b
    assert b <= 2
    assert max([a, b]) is b
    assert sorted([b, a]) == [a, b]
    assert [nan < a, nan > a, nan <= nan, nan >= 1.0] == [False] * 4
    assert a < np.float64(2.0)


def test_truth_is_that_of_the_number():
    assert Value(0.1)
    assert not Value(0.0)


@pytest.mark.parametrize("cut", [float, int, complex, math.exp, math.sqrt])
def test_cutting_the_graph_by_accident_is_refused(cut):
    with pytest.raises(TypeError, match=r"(?s)would cut the graph silently at test_value.*tg\.exp\(v\).*v\.data"):
        cut(Value(2.0))


def test_format_and_repr():
    v = Value(3.14159, label="pi")

    assert f"{v:.2f}" == "3.14"
    assert f"{v}" == repr(v) == "Value(data=3.14159, grad=0.0, label='pi')"
    assert repr(Value(1)) == "Value(data=1.0, grad=0.0)"
    big = total([Value(float(i)) for i in range(1000)])
    assert len(repr(big)) < 60
    x = Value(2.0)
    (x * x).backward(create_graph=True)
    assert repr(x) == "Value(data=2.0, grad=4.0)"


def test_micrograds_names_for_parents_and_op():
    a, b = Value(-4.0), Value(2.0)

    assert (a * b)._prev == {a, b}
    assert (a + b)._op == "+"
    assert (b**3)._op == "**3"
    assert (b**-1)._op == "**-1"
    assert (b**a)._op == "**"
    assert a.relu()._op == "ReLU"
    assert a._op == ""
    assert a._prev == set()
    assert {(p.data, p.op) for p in (a + 1)._prev} == {(-4.0, ops.leaf), (1.0, ops.constant)}


def test_in_place_arithmetic_rebinds():
    y = Value(1.0)
    old = y
    y += 1.0
    y *= 2.0

    assert old.data == 1.0
    assert y.data == 4.0
    assert old.parents == ()


def test_equal_numbers_are_distinct_nodes():
    a = Value(3.0)
    b, c = a * 2.0, a * 2.0

    assert b is not c
    assert (b + c).parents == (b, c)
    assert (a * a).parents == (a, a)


def test_a_subclass_takes_part():
    class Weight(Value):
        __slots__ = ("frozen",)

    w = Weight(2.0, label="w")
    y = (w * 3.0 + w**2 + 1 / w + (1.0 - w)) * w
    y.backward()

    assert y.data == (6 + 4 + 0.5 - 1) * 2
    assert w.grad == pytest.approx(9.5 + 2.0 * (3 + 4 - 0.25 - 1))


def test_no_node_has_a_dict_or_is_kept_alive_by_a_cycle():
    class Watched(Value):
        __slots__ = ("__weakref__",)

    x = Watched(1.0)
    gone = weakref.ref(x)
    y = (x * x).tanh() + dot([x], [2.0], x)
    y.backward()
    assert not hasattr(y, "__dict__")
    del x, y
    assert gone() is None  # freed at once, without the collector


def test_a_weighted_sum_takes_numbers_of_every_kind_in_every_place():
    w, b = [Value(2.0), Value(3.0)], Value(1.0)
    for xs in ([4.0, 5.0], [4, 5], np.array([4.0, 5.0]), [Value(4.0), 5], (np.float64(4.0), Value(5.0))):
        assert dot(w, xs, b).data == 24.0
        assert dot(w, xs).data == 23.0
        assert dot(xs, w, 1).data == 24.0
    assert dot(w, [4.0, 5.0]).local == (4.0, 5.0, None, None)
    assert dot([], [], b).data == 1.0
    with pytest.raises(OperandError, match="dot works on real numbers"):
        dot(w, ["a", "b"])


# ------------------------------------------------------------------ what belongs to others


class Tensor:
    """As PyTorch's: a number that remembers how it was made, in a graph of its own."""

    requires_grad, ndim = True, 0

    @property
    def data(self):
        return object()  # another tensor

    def __float__(self):
        return 2.0


@pytest.mark.parametrize("f", [
    lambda x, t: x * t, lambda x, t: t - x, lambda x, t: x**t, lambda x, t: tg.maximum(x, t), lambda x, t: tg.tanh(t),
    lambda x, t: dot([x], [t]), lambda x, t: dot([x], [x], t), lambda x, t: total([x, t]), lambda x, t: Value(t),
    lambda x, t: tg.mean([x, t]),
])  # fmt: skip
def test_a_tensor_with_a_graph_of_its_own_is_not_cut_off_from_it(f):
    constant = Tensor()
    constant.requires_grad = False

    assert f(Value(3.0), constant) is not None
    with pytest.raises(OperandError, match=r"(?s)a Tensor that requires a gradient would be cut off.*x\.item\(\)"):
        f(Value(3.0), Tensor())


def test_a_tensor_of_pytorch_is_one():
    torch = pytest.importorskip("torch")

    with pytest.raises(OperandError, match="cut off from its own graph"):
        Value(3.0) * torch.tensor(2.0, requires_grad=True)
    assert (Value(3.0) * torch.tensor(2.0)).data == 6.0


def test_a_node_is_made_from_its_parents_and_they_stay():
    x = Value(3.0)
    y = x * x

    with pytest.raises(AttributeError):
        y.parents = (y,)
    assert y.parents == (x, x)
    y.backward()
    assert x.grad == 6.0
