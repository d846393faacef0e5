"""What is printed is what was computed: every equation of an explanation reads back to its number."""

import contextlib
import html.parser
import json
import math
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import Value, explain
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.op import TABLE, Op
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.errors import DomainError, OperandError, StaleGraphError
from tinygrad_lite.formulas.formula import Name, Symbol, Tidy
from tinygrad_lite.formulas.notation import HTML, TEX, TEXT, shape
from tinygrad_lite.views.derivation.chain import Chain
from tinygrad_lite.views.derivation.equations import Equations

# ---------------------------------------------------------------------- two readers that know nothing of ours

FUNCTIONS = {
    "tanh": math.tanh,
    "sin": math.sin,
    "cos": math.cos,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "abs": abs,
    "max": lambda *xs: max(xs),
    "min": lambda *xs: min(xs),
    "relu": lambda x: max(x, 0.0),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "softplus": lambda x: math.log(1 + math.exp(x)),
    "inf": math.inf,
    "nan": math.nan,
}
COMMANDS = {r"\sigma": "sigmoid", "ReLU": "relu"}
ROWS = [
    TABLE[name]
    for name in (*[f for f in FUNCTIONS if f in TABLE], "add", "sub", "mul", "div", "neg", "pow", "dot", "sum")
]


def read_text(text, numbers, functions=FUNCTIONS):
    """The number of a formula in Python's notation, by Python."""
    names = {name: f"n{i}" for i, name in enumerate(sorted(numbers, key=len, reverse=True))}
    pattern = "|".join(rf"(?<![\w.]){re.escape(name)}(?![\w\[(])" for name in names)
    plain = re.sub(pattern, lambda m: names[m[0]], text) if names else text
    return eval(
        plain,
        {"__builtins__": {}},
        {"inf": math.inf, "nan": math.nan, **functions, **{names[n]: numbers[n] for n in names}},
    )


class LatexReader:
    """The number of a LaTeX formula, by the grammar a reader of mathematics has in mind."""

    TOKEN = re.compile(r"\\left\s*[(|]|\\right\s*[)|]|\\[A-Za-z]+|\d+(?:\.\d+)?|[^\s]")

    def __init__(self, latex, numbers):
        names = {name: chr(0xE000 + i) for i, name in enumerate(sorted(numbers, key=len, reverse=True))}
        for name, mark in names.items():
            latex = re.sub(rf"(?<![A-Za-z\\]){re.escape(name)}(?![A-Za-z])", mark, latex)
        self.numbers = {mark: numbers[name] for name, mark in names.items()}
        self.tokens = self.TOKEN.findall(latex)
        self.at = 0

    def read(self):
        value = self.sum()
        assert self.at == len(self.tokens), self.tokens[self.at :]
        return value

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected=None):
        token = self.peek()
        assert expected in (None, token), (expected, token)
        self.at += 1
        return token

    def sum(self):
        total = 0.0
        sign = self.take() if self.peek() == "-" else "+"
        while True:
            term = self.product()
            total = total + term if sign == "+" else total - term
            if self.peek() not in ("+", "-"):
                return total
            sign = self.take()

    def product(self):
        value = self.power()
        while self.peek() == r"\cdot":
            self.take()
            value *= self.power()
        return value

    def power(self):
        if self.peek() == "e":
            self.take("e")
            self.take("^")
            return math.exp(self.group())
        value = self.atom()
        if self.peek() == "^":
            self.take()
            value = math.pow(value, self.group())
        return value

    def group(self):
        self.take("{")
        value = self.sum()
        self.take("}")
        return value

    def atom(self):
        token = self.take()
        if token in self.numbers:
            return self.numbers[token]
        if token[0].isdigit():
            return float(token)
        if token == r"\left(":
            value = self.sum()
            self.take(r"\right)")
            return value
        if token == r"\left|":
            value = self.sum()
            self.take(r"\right|")
            return abs(value)
        if token == r"\frac":
            return self.group() / self.group()
        if token == r"\sqrt":
            return math.sqrt(self.group())
        if token == r"\infty":
            return math.inf
        if token == r"\operatorname":
            self.take("{")
            token = ""
            while self.peek() != "}":
                token += self.take()
            self.take("}")
        function = FUNCTIONS[COMMANDS.get(token, token.lstrip("\\"))]
        self.take(r"\left(")
        operands = [self.sum()]
        while self.peek() == ",":
            self.take()
            operands.append(self.sum())
        self.take(r"\right)")
        return function(*operands)


def random_graph(seed, rows=ROWS):
    """A graph of these rows with shared nodes, and a leaf that its result depends on."""
    rng = random.Random(seed)
    nodes = [
        Value(round(rng.uniform(-2, 2), rng.choice([0, 1, 2, 12])), rng.choice([f"x{i}", "", f"w_{i}"]))
        for i in range(3)
    ]
    while len(nodes) < 3 + rng.randint(1, 8):
        op = rng.choice(rows)
        n = op.arity or rng.randint(1, 5)
        operands = [rng.choice(nodes[-4:]) if rng.random() < 0.85 else round(rng.uniform(-3, 3), 1) for _ in range(n)]
        operands[rng.randrange(n)] = rng.choice(nodes)
        if op is ops.pow and rng.random() < 0.7:
            operands[1] = rng.choice([2, 3, -1, 0.5])
        try:
            made = op(*operands)
        except DomainError:
            continue
        if isinstance(made, Value) and abs(made.data) < 1e4 and all(s is None or abs(s) < 1e4 for s in made.local):
            nodes.append(made)
    out = nodes[-1]
    order = topological(out)
    return out, rng.choice([node for node in order if not node.parents])


def numbers_of(explanation, form):
    """Every name that the equations may use, with its number."""
    chain = explanation.chain
    known = {getattr(chain.names[node], form): node.data for node in chain.order}
    for link in chain.links.values():
        known[getattr(link.derivative.name, form)] = link.derivative.number
    for node in chain.order:
        known[getattr(chain.names.derivative(chain.out, node), form)] = chain.adjoints[node]
    return known


def equal(x, y, digits=9):
    return math.isclose(x, y, rel_tol=10.0**-digits, abs_tol=1e-9 * 10 ** (9 - digits)) or (x != x and y != y)


SEEDS = range(500)


@pytest.mark.parametrize("seed", range(0, 500, 50))
def test_every_equation_of_500_random_graphs_reads_back_to_the_engine_s_number(seed):
    """As text and as LaTeX, with symbols and with the numbers put in."""
    for each in range(seed, seed + 50):
        out, x = random_graph(each)
        explanation = explain(out, x, digits=17, max_nodes=None)
        expected = adjoints(out)[x]
        text, latex = numbers_of(explanation, "text"), numbers_of(explanation, "latex")
        seen = 0
        for part in explanation.report().parts:
            if not isinstance(part, Equations):
                continue
            for equation in part.equations:
                if equation.left.text.endswith("- ..."):
                    continue  # a beginning only
                wanted = text[equation.left.text]
                for side in equation.rendered(TEXT_EXACT):
                    assert equal(read_text(side, text), wanted), (each, equation.left.text, side)
                for side in equation.rendered(TEX_EXACT):
                    assert equal(LatexReader(side, latex).read(), wanted), (each, side)
                seen += equation.left.text == explanation.chain.names.derivative(out, x).text
        assert seen >= 2
        assert list(explanation.gradients.values()) == [expected]


TEXT_EXACT = type(TEXT)(17, None)
TEX_EXACT = type(TEX)(17, None)


@pytest.mark.parametrize("seed", range(0, 300, 50))
def test_so_do_those_of_random_graphs_of_every_row_of_the_table(seed):
    """As text; each row is its own function here, for what is tried is how formulas are put together."""
    rows = [op for op in TABLE.values() if op not in (ops.leaf, ops.constant)]
    for each in range(seed, seed + 50):
        out, x = random_graph(each, rows)
        explanation = explain(out, x, digits=17, max_nodes=None)
        known = numbers_of(explanation, "text")
        for part in explanation.report().parts:
            for equation in part.equations if isinstance(part, Equations) else ():
                for side in equation.rendered(TEXT_EXACT):
                    if not equation.left.text.endswith("- ..."):
                        found = read_text(side, known, {op.name: op for op in rows})
                        assert equal(found, known[equation.left.text], 7), (each, equation.left.text, side)


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_the_printed_lines_themselves_read_back_with_sympy(seed):
    """Not the parts but the very text a user sees, by a library that has never met ours."""
    sympy = pytest.importorskip("sympy")
    out, x = random_graph(seed)
    explanation = explain(out, x, digits=17, max_nodes=None, max_paths=20)
    chain = explanation.chain
    name = chain.names.derivative(out, x).text
    table = {chain.names[node].text: sympy.Float(node.data, 30) for node in chain.order}
    functions = {
        **{name: getattr(sympy, name) for name in ("tanh", "sin", "cos", "exp", "log", "sqrt")},
        "abs": sympy.Abs,
        "max": sympy.Max,
        "min": sympy.Min,
        "relu": lambda x: sympy.Max(x, 0),
        "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)),
        "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
    }
    lines = explanation.text(width=10**6).split("\n")
    line = next(line for line in lines if line.startswith(f"  {name} = ") and chain.count(x) <= 20)
    symbolic = line.split(" = ")[-1]
    if "∂" not in symbolic:
        assert equal(float(sympy.sympify(symbolic, locals={**table, **functions})), adjoints(out)[x], 7)
    put_in = [line for line in lines if line.startswith(f"  {name} = ")][1].split(" = ")[1:]
    for side in put_in:
        assert equal(float(sympy.sympify(side)), adjoints(out)[x], 7)


def test_the_readers_notice_a_wrong_bracket():
    assert read_text("a - (b - c)", {"a": 1, "b": 2, "c": 3}) != read_text("a - b - c", {"a": 1, "b": 2, "c": 3})
    assert LatexReader(r"\left(-2\right)^{2}", {}).read() == 4
    assert LatexReader(r"-2^{2}", {}).read() == -4


# ---------------------------------------------------------------------- notation


def sym(name, number, kind=Symbol):
    return kind.named(Name(name, f"<i>{name}</i>", name), number)


def test_brackets_keep_the_meaning_and_no_more():
    a, b, c = sym("a", 2.0), sym("b", -3.0), sym("c", 0.5)

    assert TEXT.of(a - (b - c)) == "a - (b - c)"
    assert TEXT.of((a - b) - c) == "a - b - c"
    assert TEXT.of(a / (b * c)) == "a / (b*c)"
    assert TEXT.of((a / b) * c) == "a / b*c"
    assert TEXT.of(-(a + b)) == "-(a + b)"
    assert TEXT.of(a * -b) == "a*(-b)"
    assert TEXT.of((a**b) ** c) == "(a**b)**c"
    assert TEXT.of(-(a**c)) == "-a**c"
    assert TEXT.of((-b) ** 2) == "(-b)**2"
    assert TEXT.of(b**2 + c, numbers=True) == "(-3)**2 + 0.5"
    assert TEX.of((a + b) / c) == r"\frac{a + b}{c}"
    assert TEX.of(ops.tanh(a) ** 2) == r"\left(\tanh\left(a\right)\right)^{2}"
    assert TEX.of(ops.exp(a + b) * c) == r"e^{a + b} \cdot c"
    assert TEX.of(Symbol.constant(1.5e-9) ** 2) == r"\left(1.5 \cdot 10^{-9}\right)^{2}"
    assert HTML().of(a**-1.0 * b) == "<i>a</i><sup>−1</sup> · <i>b</i>"


@pytest.mark.parametrize(
    ("template", "rank_of_result", "asked"),
    [
        (r"{x} \sigma\left({x}\right)", "PRODUCT", {"x": "ATOM"}),
        (r"\log\left(1 + {x}\right)", "CALL", {"x": "SUM"}),
        (r"{x}^{{2}}", "POWER", {"x": "ATOM"}),
        (r"e^{{{x}}} - 1", "SUM", {"x": "SUM"}),
        (r"\frac{{1}}{{1 + {x}}}", "CALL", {"x": "SUM"}),
        (r"\begin{{cases}} {x} \\ 0 \end{{cases}}", "CALL", {"x": "SUM"}),
        (r"{x} - {y}", "SUM", {"x": "SUM", "y": "PRODUCT"}),
        (r"\log_{{2}}\left({x}\right)", "CALL", {"x": "SUM"}),
    ],
)
def test_a_template_tells_by_itself_where_brackets_are_needed(template, rank_of_result, asked):
    from tinygrad_lite.formulas import notation

    assert shape(template) == (getattr(notation, rank_of_result), {k: getattr(notation, v) for k, v in asked.items()})


@pytest.mark.parametrize(
    "op", [op for op in TABLE.values() if op not in (ops.leaf, ops.constant)], ids=lambda op: op.name
)
def test_every_row_of_the_table_is_written_in_balanced_latex(op):
    point = [op.domain[min(i, len(op.domain) - 1)].samples[-2] for i in range(op.arity or 3)]
    inner = [sym("p", x - 1.0) + sym("q", 1.0) for x in point]
    latex = TEX.of(Symbol(op, tuple(inner), 1.0) ** 2)

    for opening, closing in (("{", "}"), (r"\left", r"\right"), (r"\begin", r"\end")):
        assert latex.count(opening) == len(
            re.findall(re.escape(closing) + ("(?![a-z])" if closing != "}" else ""), latex)
        )
    assert "p" in latex
    assert not re.search(r"\{[a-z]+\}\}|None|\$|%", latex.replace("{cases}", "").replace("{p + q}", ""))


def test_a_long_sum_shows_its_ends_and_in_full_on_request():
    total = ops.sum.expand(*[sym(f"t{i}", 1.0) for i in range(100)])

    assert TEXT.of(total) == "t0 + t1 + t2 + t3 + t4 + t5 + t6 + t7 + t8 + t9 + ... + t99"
    assert TEXT_EXACT.of(total).count("+") == 99


def test_tidying_keeps_the_number_and_what_is_not_finite():
    x, big = sym("x", 0.0, Tidy), sym("h", math.inf, Tidy)

    assert TEXT.of(0 * big) == "0*h"
    assert math.isnan((0 * big).number)
    assert TEXT.of(x * 0.1 * 0.2) == "x*0.1*0.2"
    assert TEXT.of(Tidy.constant(1.0) / 3.0) == "1 / 3"
    assert TEXT.of(ops.log(Tidy.constant(2.0))) == "log(2)"
    assert TEXT.of(x * (x * 3.0)) == "x**2*3"


# ---------------------------------------------------------------------- the story


def test_the_story_is_told_in_the_textbook_s_order():
    a, b = Value(-4.0, "a"), Value(2.0, "b")
    told = str(explain(tg.tanh(a * b + b**3), b))

    places = [
        told.index(words)
        for words in (
            "y = tanh(a*b + b**3)",
            "2 paths",
            "(1 - y**2)*3*b**2 + (1 - y**2)*a",
            "∂y/∂v5 = 1 - y**2 = 1 - 0**2 = 1",
            "tanh: " + ops.tanh.doc[:30],
            "1*1*12 + 1*1*(-4) = 12 + (-4) = 8",
            "  dy/db = 8\n",
        )
    ]
    assert places == sorted(places)


def test_many_paths_are_counted_and_factored():
    """2**40 paths: the sum over paths is begun, then each node hands on its total once."""
    x = Value(1.01, "x")
    y = x
    for _ in range(40):
        y = y + tg.sin(y) * 0.01
    explanation = explain(y, x, max_nodes=None)

    assert explanation.chain.count(x) == 2**40
    told = explanation.text()
    assert "1,099,511,627,776 paths" in told
    assert "+ ..." not in told.split("Factored")[1]


def test_a_long_derivation_shows_its_ends_and_says_what_is_left_out():
    x = Value(0.5, "x")
    y = x
    for _ in range(3000):
        y = tg.sin(y)
    told = explain(y, x).text()

    assert len(told) < 20_000
    assert "2,960 more" in told


def test_a_kink_is_read_aloud():
    x = Value(0.0, "x")

    assert ops.relu.kink.choice in explain(tg.relu(x), x).text(width=500)
    assert ops.relu.kink.choice not in explain(tg.relu(x + 1.0), x).text(width=500)


def test_zero_gradients_are_explained():
    x, z = Value(-1.0, "x"), Value(1.0, "z")

    assert "because the relu of -2 is off" in explain(tg.relu(x * 2.0), x).text(200)
    assert "cancel" in explain(x * z - x, x).text(200)
    assert "No path leads from x" in explain(z * 2.0, x).text(200)


def test_a_node_between_and_the_result_itself_can_be_asked_for():
    x = Value(3.0, "x")
    u = x * x
    u.label = "u"
    y = u + x

    assert explain(y, u).gradients == {"dy/du": 1.0}
    assert explain(y, y).gradients == {"dy/dy": 1.0}
    assert explain(y, "u").gradients == {"dy/du": 1.0}
    assert explain(x, x).gradients == {"dx/dx": 1.0}
    for told in (explain(y, u), explain(y, y), explain(x, x), explain(y, [x, u]), explain(y)):
        assert told.text()
        assert told.latex().count(r"\begin") == told.latex().count(r"\end")


def test_fused_nodes_are_written_in_products_and_sums_unless_told_otherwise():
    w, x = [Value(2.0, "w1"), Value(3.0, "w2")], [Value(5.0, "x1"), Value(7.0, "x2")]
    y = tg.dot(w, x, Value(1.0, "b"))

    assert "y = b + w1*x1 + w2*x2 = 1 + 2*5 + 3*7 = 32" in explain(y, w[0]).text()
    assert "y = dot(w1, w2, x1, x2, b)" in explain(y, w[0], expand=False).text()
    assert "∂y/∂w1 = x1 = 5" in explain(y, w[0]).text()


def test_changed_data_is_noticed():
    a = Value(2.0, "a")
    y = a * a
    a.data = 3.0

    with pytest.raises(StaleGraphError):
        explain(y, a)


def test_wrong_arguments_are_named():
    a = Value(2.0, "a")

    with pytest.raises(OperandError, match=r"needs the Value that was computed, but got the float 4[.]0"):
        explain(4.0, a)
    with pytest.raises(OperandError, match="wrt is empty"):
        explain(a * 2.0, [])
    with pytest.raises(OperandError, match="no node is labelled 'q'; the labels are 'a'"):
        explain(a * 2.0, "q")
    with pytest.raises(OperandError, match="2 nodes are labelled 'a'"):
        explain(a * Value(1.0, "a"), "a")
    with pytest.raises(OperandError, match="wrt needs Values or labels, but got the float"):
        explain(a * 2.0, [1.0])


def test_an_explanation_touches_no_gradient():
    a = Value(2.0, "a")
    y = a * a
    y.backward()
    explain(y, a).text()

    assert (a.grad, y.grad) == (4.0, 1.0)


def test_the_same_computation_is_always_explained_in_the_same_words():
    def told():
        out, x = random_graph(7)
        return explain(out, x).to_dict()

    assert told() == told()


def test_a_rule_made_wrong_on_purpose_shows_up_in_the_explanation():
    """The derivation comes from the same row as the answer: break the row, and both say the same wrong thing."""
    wrong = Op(
        name="square",
        symbol="sq",
        forward=lambda x: x * x,
        partials=lambda x, out: (3.0 * x,),
        latex="{x}^{{2}}",
        source="{x} * {x}",
        domain=ops.sin.domain,
        doc="Wrong on purpose.",
    )
    x = Value(2.0, "x")
    y = wrong(x)

    assert "∂y/∂x = 3*x = 3*2 = 6" in explain(y, x).text()
    assert adjoints(y)[x] == 6.0


def test_a_rule_that_works_on_numbers_only_is_shown_by_its_number():
    numeric = Op(
        name="j0",
        symbol="J",
        forward=lambda x: math.gamma(x),
        partials=lambda x, out: (math.lgamma(x) * 0.0 + 0.25,),
        latex="",
        source="",
        domain=ops.sin.domain,
        doc="A rule of one's own.",
    )
    x = Value(2.0, "x")

    told = explain(numeric(x), x)
    assert "∂y/∂x = 0.25" in told.text()
    assert r"\operatorname{j0}\left(x\right)" in told.latex()


# ---------------------------------------------------------------------- labels are user text

HOSTILE = [
    "q\"'",
    "<script>alert(1)</script>",
    "a|{b}|<c>",
    "two\nlines",
    "$x$",
    r"\input{/etc/passwd}",
    "a_b^c%d#e&f~g",
    "\u202eevil",
    "😀",
    "x" * 10_000,
    "tanh",
    "v1",
    "e",
    "\x1b[31m",
    "__import__('os')",
    "w 1",
]


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_never_reach_a_formula(label):
    x, z = Value(0.5, label), Value(2.0, "z")
    explanation = explain(tg.exp(x * z) + x, x)
    text, latex, page = explanation.text(), explanation.latex(), explanation.html()

    assert all(c == "\n" or c.isprintable() for c in text)
    if label != "e":
        assert not set(latex) & set('$%#~<>"')
        assert r"\input" not in latex
    assert "<script" not in page
    for side in explanation.to_dict()["parts"]:
        json.dumps(side)
    assert explanation.gradients[next(iter(explanation.gradients))] == adjoints(explanation.chain.out)[x]


TAGS = {
    "div",
    "h1",
    "h2",
    "p",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "span",
    "i",
    "sub",
    "sup",
    "bdi",
    "br",
}


@pytest.mark.long
@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_a_label_is_no_tag_no_formula_and_no_control_character_comes_of_it(first, second):
    x, z = Value(0.5, first), Value(2.0, second)
    y = tg.exp(x * z) + x
    y.label = second
    explanation = explain(y, [x, z])
    found = []
    parser = html.parser.HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))
    parser.feed(explanation.html())

    assert {tag for tag, _ in found} <= TAGS
    assert all(set(attributes) <= {"style", "scope"} for _, attributes in found)
    assert all(c == "\n" or c == "\u200d" or c.isprintable() for c in explanation.text())
    assert set(explanation.latex()) & set('<>$%#~"`') == set()
    sentences = re.sub(r"^\$\$$.*?^\$\$$|<span>&#(36|92);</span>", "", explanation.markdown(), flags=re.DOTALL | re.M)
    assert not set(sentences) & {"<", "$"}


@pytest.mark.parametrize("seed", range(0, 300, 10))
def test_infinities_nan_and_zeros_are_explained_without_a_stumble(seed):
    rng = random.Random(seed)
    extremes = [0.0, -0.0, 1e300, -1e-300, math.inf, -math.inf, math.nan, 0.5]
    for _ in range(10):
        nodes = [Value(rng.choice(extremes), "x") for _ in range(3)]
        for _ in range(5):
            op = rng.choice([op for op in TABLE.values() if op not in (ops.leaf, ops.constant)])
            with contextlib.suppress(DomainError):
                nodes.append(op(*[rng.choice(nodes) for _ in range(op.arity or 3)]))
        explanation = explain(nodes[-1])
        assert explanation.text()
        assert explanation.html()
        assert explanation.latex()
        assert tg.table(nodes[-1]).text()


def test_friendly_labels_are_used_and_ambiguous_ones_are_not():
    nodes = [
        Value(1.0 + i, label)
        for i, label in enumerate(["W1[0, 2]", "alpha", "w_1", "w1", "ŷ", "same", "same", "loss'"])
    ]
    chain = Chain(tg.sum(nodes), nodes)
    named = [chain.names[node].text for node in nodes]

    assert named == ["W1[0, 2]", "alpha", "w_1", "v4", "ŷ", "v6", "v7", "loss'"]
    assert chain.names[nodes[0]].latex == r"\mathrm{W1}_{0,2}"
    assert chain.names.legend() == [("v4", "w1"), ("v6", "same"), ("v7", "same")]


# ---------------------------------------------------------------------- in a notebook


def test_a_notebook_is_offered_html_markdown_latex_and_text():
    x = Value(0.5, "x")
    bundle = explain(tg.sin(x), x)._repr_mimebundle_()

    assert set(bundle) == {"text/plain", "text/html", "text/markdown", "text/latex"}
    assert bundle["text/latex"].startswith("$$\n\\begin{aligned}")
    assert set(explain(x * x, x)._repr_mimebundle_(include=["text/html"])) == {"text/html"}
    assert "text/html" not in explain(x * x, x)._repr_mimebundle_(exclude=["text/html"])


def test_a_notebook_can_be_asked_for_typeset_formulas():
    explanation = explain(tg.sin(Value(0.5, "x")), "x")

    assert explanation.typeset()._repr_markdown_() == explanation.markdown()
    assert not hasattr(explanation.typeset(), "_repr_html_")


def test_markdown_sets_its_formulas_apart_and_escapes_its_sentences():
    markdown = explain(tg.sin(Value(0.5, "x")), "x").markdown()

    assert markdown.count("$$") % 2 == 0
    assert r"\frac{dy}{dx} &= " in markdown


def test_an_explanation_is_saved_by_its_ending(tmp_path):
    explanation = explain(tg.sin(Value(0.5, "x")), "x")
    for ending in (".html", ".md", ".txt", ".json", ".tex"):
        assert explanation.save(tmp_path / f"e{ending}").read_text(encoding="utf-8")


@pytest.mark.long
def test_latex_is_typeset_by_a_program_that_is_not_ours():
    """Each row of the block, by Matplotlib's own TeX."""
    mathtext = pytest.importorskip("matplotlib.mathtext")
    parser = mathtext.MathTextParser("path")
    for seed in range(0, 40, 4):
        out, x = random_graph(seed)
        for row in explain(out, x).latex().split("\n")[1:-1]:
            formula = row.removesuffix(r" \\").replace("&", "").strip()
            if formula:
                parser.parse(f"${formula}$")


def test_unlabelled_values_are_called_as_the_user_s_variables_are():
    left, right = Value(2.0), Value(3.0)
    twice = also_twice = left * 2.0
    product = twice * right
    told = explain(product, left)

    assert also_twice is twice  # two names, so none is certain
    assert list(told.gradients) == ["dproduct/dleft"]
    assert re.search(r"product = v\d\*right", told.text())
    assert "v1" in explain(product, left, names=False).text()
    assert list(explain(product, left, names={left: "a", product: "out<br>"}).gradients) == ["dy/da"]


# ---------------------------------------------------------------------- batches


def batch_loss(samples):
    import numpy as np

    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(samples, 2)), draw.normal(size=(samples, 1))
    w1, b1 = tg.array(draw.normal(size=(2, 4)), label="W1"), tg.array(np.zeros(4), label="b1")
    w2, b2 = tg.array(draw.normal(size=(4, 1)), label="W2"), tg.array(np.zeros(1), label="b2")
    z1 = x @ w1 + b1
    a1 = np.tanh(z1)
    loss = ((a1 @ w2 + b2 - y) ** 2).mean()
    return loss, w1[0, 0], explain(loss, w1[0, 0]), explain(loss, w1[0, 0], sample=7)


def test_one_weight_of_a_network_with_long_labels_is_explained_in_sixty_lines_too():
    from tinygrad_lite import nn

    model, data = nn.MLP(2, [4, 1], activation="tanh", seed=1), nn.datasets.moons(100, seed=0)
    loss = nn.mse([model(x) for x in data.inputs], data.targets)
    weight = model.layers[0].neurons[0].w[0]
    text = explain(loss, weight).text()

    assert len(text.splitlines()) <= 60
    assert f"= {adjoints(loss)[weight]:.6g}\n" in text


def test_a_sum_over_many_paths_is_begun_and_ends_in_dots():
    w = y = Value(0.5, label="w")
    for _ in range(5):
        y = y * w + y
    y.label = "y"
    text = explain(y, w).text()

    assert "dy/dw = " in text.split("the sum begins")[1].split("Factored")[0]
    assert "+ ...\n" in text
    assert "- ..." not in text


def test_one_weight_over_a_hundred_samples_is_explained_in_sixty_lines_by_one_of_them():
    loss, w, first, eighth = batch_loss(100)
    text = first.text()

    assert len(text.splitlines()) <= 60
    assert "100 terms that are computed alike, one for each sample" in text
    assert "a1[0,0] = tanh(z1[0,0])" in text
    assert "a1[7,0] = tanh(z1[7,0])" in eighth.text()
    assert f"= {adjoints(loss)[w]:.6g}\n" in text
    assert first.gradients == {"dloss/dW1[0,0]": adjoints(loss)[w]}


def test_every_equation_of_a_batch_reads_back_to_its_number():
    loss, w, first, _ = batch_loss(20)
    last = [part for part in first.report().parts if isinstance(part, Equations)][-1].equations

    assert [equation.sides[-1][0].number for equation in last] == pytest.approx(
        [adjoints(loss)[w] * 20.0, adjoints(loss)[w]]
    )
    assert "terms" not in explain(loss, w, sample=None).text().split("The computation")[0]
    with pytest.raises(OperandError, match="there are 20 samples"):
        explain(loss, w, sample=20)


def test_terms_that_differ_are_no_batch():
    w = Value(0.5, "w")
    loss = sum((w * float(i)).tanh() if i % 2 else (w * float(i)) ** 2 for i in range(12))

    assert "computed alike" not in explain(loss, w).text()
