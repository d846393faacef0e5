"""What the engine promises: every decision where packages differ, in a sentence, with an example that runs.

`PROMISES` is read in two ways: `as_markdown()` prints it as documentation, and the tests run
every example and compare what it shows. In the examples `at(f, 2.0, 3.0)` is the value of f
there, followed by its derivative w.r.t. each input. Promises that take more than a line to show name
the test that proves them, in the project's `tests/`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tinygrad_lite.engine.value import Value


class Promise(NamedTuple):
    """One decision: what it is about, what is promised, an example, and what the example shows."""

    subject: str
    promise: str
    example: str
    shows: str


def at(f: Callable[..., Any], *xs: float) -> tuple[float, ...]:
    """The value of f at xs, followed by its derivative w.r.t. each.

    >>> at(lambda x, y: x * y, 2.0, 3.0)
    (6.0, 3.0, 2.0)
    """
    inputs = [Value(x) for x in xs]
    out = f(*inputs)
    out.backward()
    return (out.data, *[x.grad for x in inputs])


def as_markdown() -> str:
    """All promises as a table in Markdown."""
    lines = ["| subject | what is promised | example | shows |", "|---|---|---|---|"]
    for p in PROMISES:
        example, shows = (f"`{text}`".replace("|", "\\|") if text else "" for text in (p.example, p.shows))
        lines.append(f"| {p.subject} | {p.promise} | {example} | {shows} |")
    return "\n".join(lines)


def _read(text: str) -> tuple[Promise, ...]:
    """One promise a line, its columns apart by bars; a line that begins with a space goes on with the one before."""
    lines = [line for line in text.replace("\n    ", " ").splitlines() if line and not line.startswith("#")]
    return tuple(Promise(*[column.strip() for column in line.split(" | ")]) for line in lines)


PROMISES: tuple[Promise, ...] = _read(r"""
# powers
x**0 at 0 | 1, and flat. | at(lambda x: x**0, 0.0) | (1.0, 0.0)
x**1 at 0 | The identity. | at(lambda x: x**1, 0.0) | (0.0, 1.0)
x**2 at 0 | 0, and flat. | at(lambda x: x**2, 0.0) | (0.0, 0.0)
1/x at 0 | Refused; never infinite by surprise. | 1 / Value(0.0) | DivisionByZero: div needs y != 0
x**-1 at 0 | Refused likewise. | Value(0.0) ** -1 | DivisionByZero: pow needs x > 0, or a whole exp
sqrt, x**0.5 at 0 | 0, infinitely steep. | at(tg.sqrt, 0.0), at(lambda x: x**0.5, 0.0)[1] | ((0.0, inf), inf)
sqrt(-1) | Refused; never complex. | tg.sqrt(Value(-1.0)) | DomainError: sqrt needs x >= 0, but got
(-1)**0.5 | Refused; never complex. | Value(-1.0) ** 0.5 | DomainError: pow needs x > 0, or a whole
x**n, x < 0 | Right for whole n. | at(lambda x: x**3, -2.0) | (-8.0, 12.0)
x**3.0, x < 0 | 3.0 is whole too. | at(lambda x: x**3.0, -2.0) | (-8.0, 12.0)
x**y, x < 0 | A derivative w.r.t. x, none w.r.t. y. | at(lambda x, y: x**y, -2.0, 3.0) | (-8.0, 12.0, nan)
x**y at (0, 2) | No log of 0. | at(lambda x, y: x**y, 0.0, 2.0) | (0.0, 0.0, 0.0)
x**y at (0, 0) | 1, and flat. | at(lambda x, y: x**y, 0.0, 0.0) | (1.0, 0.0, 0.0)
x**y at (0, 1), again | Its second derivatives, from the right. |
    tg.hessian(lambda v: v[0] ** v[1])([0.0, 1.0]) | [[0.0, -inf], [-inf, 0.0]]
c**x | c**x log(c). | at(lambda x: 2.0**x, 3.0) | (8.0, 5.545177444479562)
c**x, c < 0 | The value, but no derivative. | at(lambda x: (-2.0)**x, 3.0) | (-8.0, nan)
x/y, huge numbers | y*y is never formed. | at(tg.engine.ops.div, 1e300, 1e200)[2] | -1e-100
x/y at (1, 1e200) | No overflow. | at(tg.engine.ops.div, 1.0, 1e200) | (1e-200, 1e-200, 0.0)
# corners
abs at 0 | The derivative 0. | at(tg.abs, 0.0) | (0.0, 0.0)
relu at 0 | The derivative 0, for 0.0 and -0.0. | at(tg.relu, 0.0), at(tg.relu, -0.0)[1] | ((0.0, 0.0), 0.0)
another choice at a corner | For a block, within what is right. |
     | engine/test_kinks::test_inside_the_block_the_choice_holds_and_outside_the_tables
relu(nan) | Stays NaN. | at(tg.relu, math.nan) | (nan, nan)
clip(nan), leaky_relu(nan) | Chosen by nothing: no derivative. |
    at(lambda x: tg.clip(x, 0.0, 1.0), math.nan) | (nan, nan)
ties of max and min | Shared equally. | at(tg.maximum, 2.0, 2.0) | (2.0, 0.5, 0.5)
max(nan, 1) | NaN is never swallowed. | tg.maximum(Value(math.nan), 1.0).data | nan
clip on its edge | The derivative 1. | at(lambda x: tg.clip(x, -1.0, 1.0), 1.0) | (1.0, 1.0)
floor, ceil, round, sign | Flat: the derivative 0. | at(tg.round, 2.6), at(tg.sign, -3.0) | ((3.0, 0.0), (-1.0, 0.0))
asin(1) | An infinite derivative. | at(tg.asin, 1.0) | (1.5707963267948966, inf)
hypot(0, 0) | The derivatives 0. | at(tg.hypot, 0.0, 0.0) | (0.0, 0.0, 0.0)
second derivatives at a corner | 0: our choice does not bend. |
    tg.hessian(lambda v: tg.hypot(*v))([0.0, 0.0]) | [[0.0, 0.0], [0.0, 0.0]]
atan2(0, 0) | Refused: the origin has no angle. | tg.atan2(Value(0.0), 0.0) | DomainError: atan2 needs
sqrt(x*x) at 0 | inf times 0 is NaN. | at(lambda x: tg.sqrt(x * x), 0.0) | (0.0, nan)
# very small and very large numbers
log(0) | Refused. | tg.log(Value(0.0)) | DomainError: log needs x > 0, but got x = 0.0
log(-1) | Refused; no finite derivative. | tg.log(Value(-1.0)) | DomainError: log needs x > 0, but got x = -1
1e200 * 1e200 | inf, as Python's floats give it. | at(lambda x: x * x, 1e200) | (inf, 2e+200)
1e200 ** 2 | Refused by name and number, as Python refuses it; so do functions. |
    Value(1e200) ** 2 | OverflowInOp: pow is too large for a float
exp(1000) | Refused, by name and number. | tg.exp(Value(1000.0)) | OverflowInOp: exp is too large for a float
sigmoid far out | Stable. | at(tg.sigmoid, 1000.0), at(tg.sigmoid, -1000.0) | ((1.0, 0.0), (0.0, 0.0))
tanh far out | Stable. | at(tg.tanh, 1000.0), at(tg.tanh, -1000.0) | ((1.0, 0.0), (-1.0, 0.0))
softplus far out | Stable. | at(tg.softplus, 1000.0), at(tg.softplus, -1000.0) | ((1000.0, 1.0), (0.0, 0.0))
softplus(-745) | The last float above 0. | tg.softplus(-745.0) | 5e-324
logsumexp, softmax | Stable. | tg.softmax([1000.0, 1000.0]) | [0.5, 0.5]
the derivative of sigmoid at 40 | All its digits. | at(tg.sigmoid, 40.0)[1] | 4.248354255291589e-18
the same, to be differentiated again | All its digits too. |
    tg.grad(tg.grad(tg.sigmoid))(40.0) | -4.248354255291589e-18
log1p, expm1 | Exact for tiny x. | at(tg.log1p, 1e-18), at(tg.expm1, 1e-18) | ((1e-18, 1.0), (1e-18, 1.0))
inf * 0 | NaN. | (Value(math.inf) * 0.0).data | nan
inf - inf | NaN. | at(lambda x: x - x, math.inf)[0] | nan
every digit | Values within 4 ulp, derivatives within 8, tails included. |
     | engine/test_accuracy::test_slopes_are_at_most_8_ulp_off
# graphs
a branch not taken | Leaves no trace. | at(lambda x: tg.where(x > 0, x, 2.0 * x), 0.0) | (0.0, 2.0)
several losses | Leaves add up. | x = Value(1.0); (x * 4.0).backward(); (x * 4.0).backward(); x.grad | 8.0
a second backward | Doubles the leaves, nothing else. |
    x = Value(1.0); h = x * 2.0; y = h * 3.0; y.backward(); y.backward(); x.grad, h.grad | (12.0, 3.0)
an operand used twice | Both edges count. | at(lambda x: x * x + x / x + x - x, 3.0) | (10.0, 6.0)
x**x | Both derivatives add. | at(lambda x: x**x, 1.0) | (1.0, 1.0)
2^60 paths | Linear time. |  | engine/test_graph::test_two_to_the_sixtieth_paths_take_linear_time
equal numbers | Stay distinct nodes. | a = Value(1.0); a * 2.0 is a * 2.0 | False
y += 1 | Rebinds; the old node stays. | y = Value(1.0); old = y; y += 1.0; old.data, y.data | (1.0, 2.0)
parents | In order, duplicates kept. |
    a, b = Value(1.0), Value(2.0); (b - a).parents == (b, a), len((a * a).parents) | (True, 2)
requires_grad=False | A constant: its gradient stays 0. |
    c, x = Value(4.0, requires_grad=False), Value(3.0); (c * x).backward(); c.grad, x.grad | (0.0, 4.0)
detach | No gradient passes. | x = Value(3.0); (x * x.detach()).backward(); x.grad | 3.0
a hook | Sees the whole gradient, and may replace it. |
    x = Value(2.0); y = x * x; y.register_hook(lambda g: 10.0 * g); (y + 1.0).backward(); x.grad | 40.0
node._backward() | One step of the chain rule, by hand, as in micrograd. |
    a = Value(2.0); b = a * 3.0; b.grad = 1.0; b._backward(); a.grad | 3.0
W -= lr * tg.grads(W) | Stays an array of leaves, with its labels. |
     | arrays/test_array::test_a_step_of_training_in_place_leaves_an_array_of_labelled_leaves
bare numbers | Constants, without a gradient. | (2.0 * Value(3.0)).local | (None, 2.0)
`.data` assigned later | First order: what was computed. |
    x = Value(2.0); y = x * x; x.data = 5.0; y.backward(); x.grad | 4.0
`.data`, second order | Noticed. |
    x = Value(2.0); y = x * x; x.data = 5.0; y.backward(create_graph=True) |
    StaleGraphError: `.data` was changed after
second order | The same rules, on Values. |
    x = Value(2.0); (x**3).backward(create_graph=True); s, x.grad = x.grad, 0.0; s.backward(); s.data, x.grad |
    (12.0, 12.0)
NaN | Stays on its own path. | at(lambda x, y: x * 2.0 + y * 3.0, math.nan, 1.0) | (nan, 2.0, 3.0)
fused sums | One node. | x = Value(1.0); tg.dot([x, x], [2.0, 3.0], x).op.name | 'dot'
depth | 1,000,000 nodes deep: forward, backward, freed, in a thread with a stack of 256 KiB too. |
     | engine/test_reverse::test_a_chain_a_million_deep_goes_forward_backward_and_is_freed_in_a_stack_of_256_kib
fan-out | 1,000,000 edges from one leaf. |  | engine/test_reverse::test_a_fan_out_of_a_million
Ctrl-C in backward | Leaves all old or all new. |
     | engine/test_reverse::test_an_interruption_leaves_every_leaf_as_it_was_and_the_graph_usable
an error in your function | The engine goes on. |  | engine/test_reverse::test_an_error_in_f_leaves_the_engine_usable
memory | 10,000 steps are flat, with the collector off too. |
     | engine/test_memory::test_they_do_so_also_with_the_collector_off
no cycles | A dropped graph is freed at once. |
     | engine/test_value::test_no_node_has_a_dict_or_is_kept_alive_by_a_cycle
threads | No global tape. |  | engine/test_memory::test_graphs_in_separate_threads_give_identical_results
switches | Per thread, per block. |  | engine/test_modes::test_other_threads_are_not_touched
determinism | Same program, same order. |
     | engine/test_graph::test_the_order_is_that_of_writing_and_the_same_every_time
# what is a number
ints, bools | Become floats. | Value(2).data, Value(True).data, (Value(2) ** -1).data | (2.0, 1.0, 0.5)
Fraction, Decimal | Become floats. | Value(Fraction(1, 2)).data | 0.5
text, None, complex, lists | Refused at once. | Value(2.0) * 'ab' | OperandError: mul works on real numbers and Values
Value(None) | Refused at once. | Value(None) | OperandError: a Value holds one real number
Value(1j) | Refused at once. | Value(1j) | OperandError: a Value holds one real number
ndarray * Value | An array of Values. |  | engine/test_value::test_an_array_takes_a_value_into_each_entry
strangers | Asked how they combine. | Value(1.0).__add__(object()) | NotImplemented
==, hash | Identity. | a, b = Value(1.0), Value(1.0); a == b, len({a, b}) | (False, 2)
<, max, sorted | By the data. | a, b = Value(1.0), Value(2.0); a < b, max(a, b) is b | (True, True)
NaN in a comparison | False. | Value(math.nan) < 1.0, Value(math.nan) >= 1.0 | (False, False)
float(v), math.exp(v) | Refused: it would cut the graph. |
    math.exp(Value(1.0)) | OperandError: float(Value) would cut the graph
format | As the number. | f'{Value(3.14159):.2f}' | '3.14'
repr | Short at any size. | tg.sum([Value(1.0)] * 10_000) | Value(data=10000.0, grad=0.0)
subclasses | Take part. |  | engine/test_value::test_a_subclass_takes_part
# keeping, sharing, transforming
pickle, deepcopy | The whole graph. | copy.deepcopy(Value(2.0) * 3.0) | Value(data=6.0, grad=0.0)
pickling a deep graph | At any depth, in a thread with a small stack too. |
     | engine/test_keeping::test_a_very_deep_graph_is_kept_in_a_small_thread_with_the_recursion_limit_untouched
JSON | A graph comes back, bit for bit. | tg.from_json(tg.to_json(Value(0.1) + 0.2)).data | 0.30000000000000004
malformed or foreign JSON | Refused by the place of its fault; nothing is executed. |
     | export/test_graph_json::test_a_malformed_document_is_refused_by_the_place_of_its_fault
code written for NumPy | 108 expressions on arrays of Values, each tried. |
     | arrays/test_numpy_expressions::test_it_works_with_any_object_array_of_values
compiled replay | A Python branch is followed to either side. |
     | compiler/test_compile::test_a_branch_is_followed_both_ways
exact fractions | A pencil's answer compares with ==. |
    w = Value(1 / 3); tg.exact((2 * w - 1) ** 2).grad(w) == Fraction(-4, 3) | True
a constant output | The derivative 0. | tg.grad(lambda x: 3.0)(2.0) | 0.0
an unused input | The derivative 0. | tg.grad(lambda p: p[0] * 2.0)([1.0, 5.0]) | [2.0, 0.0]
nested derivatives | No confusion of perturbations. | tg.grad(lambda x: x * tg.grad(lambda y: x + y)(1.0))(2.0) | 1.0
transforms | Touch nobody's `.grad`. | x = Value(2.0); tg.grad(lambda y: y * x)(3.0); x.grad | 0.0
""")
"""Every decision, in the order of the documentation."""
