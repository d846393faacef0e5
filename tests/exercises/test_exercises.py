"""Exercises: the keys by the engine and by sympy, and simulated learners who make known mistakes."""

import random
import subprocess
import sys
from fractions import Fraction

import pytest

import tinygrad_lite as tg
from tinygrad_lite.checking.result.mistakes import CATALOGUE
from tinygrad_lite.errors import OperandError
from tinygrad_lite.exercises import KINDS, worksheet
from tinygrad_lite.exercises.exercise import agrees, separating
from tinygrad_lite.exercises.kind import number, same_arrays
from tinygrad_lite.exercises.kinds import Gradient
from tinygrad_lite.exercises.program import assigned, flat
from tinygrad_lite.exercises.programs import PROGRAMS
from tinygrad_lite.report.language import chosen

pytest.importorskip("numpy")

ALL = [(kind, level) for level in (1, 2, 3, 4) for kind in KINDS if (kind, level) != ("blanks", 4)]
CODES = [(program, code) for program in PROGRAMS for code in program.wrong]


@pytest.mark.parametrize(("kind", "level"), ALL)
def test_the_key_is_marked_right_and_the_same_seed_gives_the_same_exercise(kind, level):
    for seed in range(3):
        asked = tg.exercise(kind, level=level, seed=seed)

        assert asked.mark(asked.key).ok
        assert asked.text() == tg.exercise(kind, level=level, seed=seed).text()
        assert asked.text() != tg.exercise(kind, level=level, seed=seed + 100).text()


@pytest.mark.long
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.title)
def test_the_backward_of_a_program_agrees_with_sympy(program):
    """Symbolic derivatives of the forward lines, an independent oracle, at drawn numbers."""
    sympy = pytest.importorskip("sympy")
    np = pytest.importorskip("numpy")
    shapes = {**program.params, **program.data}

    def symbols(name, shape):
        if not shape:
            return sympy.Symbol(name, real=True)
        entries = [sympy.Symbol(f"{name}_{i}", real=True) for i in range(int(np.prod(shape)))]
        return np.array(entries, dtype=object).reshape(shape)

    each = np.vectorize(lambda z: sympy.Max(z, 0), otypes=[object])
    env = {name: symbols(name, shape) for name, shape in shapes.items()}
    held = dict(env)
    env["relu"] = lambda z: each(z) if isinstance(z, np.ndarray) else sympy.Max(z, 0)
    env["exp"] = np.vectorize(sympy.exp, otypes=[object])
    exec("\n".join(program.forward), env)
    for _, numbers in zip(range(2), program.draws("sympy"), strict=False):
        at = {
            s: sympy.log(x.whole) if hasattr(x, "whole") else sympy.Rational(x)
            for name in shapes
            for s, x in zip(flat(held[name]), flat(numbers[name]), strict=True)
        }
        key = program.gradients(numbers)
        for name in program.params:
            for s, mine in zip(flat(held[name]), flat(key[f"d{name}"]), strict=True):
                assert sympy.simplify(sympy.diff(env["L"], s).subs(at) - sympy.Rational(mine)) == 0


def test_a_program_with_a_wrong_backward_is_not_handed_out(monkeypatch):
    program = PROGRAMS[0]
    numbers = next(program.draws("proof"))
    assert agrees(program, numbers)

    monkeypatch.setattr(program, "backward", ["dz = z - y", "dw = dz * x", "db = dz"])

    assert not agrees(program, numbers)


@pytest.mark.few(12)
@pytest.mark.parametrize(("program", "code"), CODES, ids=lambda x: getattr(x, "title", x))
def test_every_mistake_has_an_exercise_that_tells_it_from_all_others(program, code):
    asked = separating(program, code)

    assert asked is not None
    numbers = asked.numbers
    if isinstance(asked, Gradient):
        answer = asked._wrong(numbers, code)
        assert max(abs(x) for n in numbers for x in flat(numbers[n]) if isinstance(x, int)) <= 5
    else:
        answer = "\n".join(program.mistaken(code))
    marked = asked.mark(answer)
    assert not marked.ok
    assert marked.codes == [code]


@pytest.mark.few(25)
@pytest.mark.parametrize("learner", range(500))
def test_a_learner_who_makes_a_known_mistake_is_told_it(learner):
    """The answer is computed from the mistake; the words never hold the key."""
    chance = random.Random(learner)
    program = chance.choice(PROGRAMS)
    code = chance.choice(list(program.wrong))
    kind = chance.choice(["gradient", "backward", "blanks"] if program.level < 4 else ["gradient", "backward"])
    numbers = next(n for n in program.draws(str(learner)) if _shows(program, code, n))
    asked = KINDS[kind](program, numbers, chance)
    wrong = program.gradients(numbers, code)
    if kind == "gradient":
        answer = asked._wrong(numbers, code)
        hit = answer != asked.key
        if answer is None:
            return  # the shape is wrong, so no single entry can be answered
    elif kind == "backward":
        answer, hit = "\n".join(program.mistaken(code)), True
    else:
        answer = {name: wrong[name] for name in asked.blanks}
        hit = any(answer[name] != asked.key[name] for name in asked.blanks)

    marked = asked.mark(answer)

    assert marked.ok == (not hit)
    if hit:
        assert code in marked.codes
        for found in marked.codes if kind == "gradient" else ():
            assert asked._wrong(numbers, found) == answer
        assert all(found in CATALOGUE for found in marked.codes)


def _shows(program, code, numbers):
    right, wrong = program.gradients(numbers), program.gradients(numbers, code)
    return any(not same_arrays(wrong[f"d{n}"], right[f"d{n}"]) for n in program.params)


@pytest.mark.parametrize("code", ["STALE_VALUE", "TARGET_SHAPE", "INT_TRUNCATION", "SHAPE"])
def test_a_mistake_of_values_shapes_and_kinds_of_number_has_a_question_that_shows_it(code):
    program = next(p for p in PROGRAMS if code in p.wrong)
    asked = separating(program, code)
    wrong = "\n".join(program.mistaken(code))
    answer = wrong if asked.name == "backward" else asked._wrong(asked.numbers, code)

    assert asked.mark(answer).codes == [code]


@pytest.mark.long
def test_a_formula_is_tried_at_other_numbers():
    asked = tg.exercise("gradient", level=1, seed=0)
    assert "dL/db" in asked.text()

    assert asked.mark("2*(w*x + b - y)").ok
    assert asked.mark("2*z - 2*y").ok
    assert asked.mark("w*x + b - y").codes == ["FACTOR_2"]
    lucky = asked.mark(f"{asked.key} + 0*w")
    assert not lucky.ok
    assert "not at other numbers" in lucky.words[0]


def test_two_mistakes_in_one_backward_are_both_told():
    asked = tg.exercise("backward", level=3, seed=0)
    program = asked._asked.program

    marked = asked.mark("\n".join(program.mistaken("NO_W2", "PREACT_FOR_ACT")))

    assert set(marked.codes) == {"NO_W2", "PREACT_FOR_ACT"}


def test_a_backward_may_be_a_function_and_its_fault_is_told():
    asked = tg.exercise("backward", level=1, seed=3)

    def mine(w, b, x, y):
        dz = 2 * (w * x + b - y)
        return {"dw": dz * x, "db": dz}

    assert asked.mark(mine).ok
    with pytest.raises(OperandError, match="NameError: name 'q'"):
        asked.mark("dw = q\ndb = 0")
    with pytest.raises(OperandError, match="what is missing: db"):
        asked.mark("dw = 0")


def test_what_is_said_of_an_answer_is_true_and_plain():
    """One wrong gradient is, several are; a wrong value of the forward pass gets no hint about gradients."""
    backward = tg.exercise("backward", level=1, seed=3)
    blanks = tg.exercise("blanks", level=1, seed=3)
    formula = tg.exercise("gradient", level=1, seed=3)

    assert backward.mark("dz = z - y\ndw = dz * x\ndb = dz").words[0] == "dw and db are not right."
    assert backward.mark("dz = 2 * (z - y)\ndw = dz\ndb = dz").words[0] == "dw is not right."
    assert "with these mistakes: a factor 2" in formula.mark("z - y").words[1]
    value = blanks.mark({"u": 0, "du": 1, "db": 3})
    assert value.words[1] == "Put the numbers into its line of the program."
    assert value.codes == []
    with pytest.raises(OperandError, match="Known are: L, b, w, x, y, z"):
        formula.mark("abc")
    assert str(tg.exercise("planted", level=1, seed=3).mark(3)).startswith("✓ Right: a local derivative")


def test_the_order_of_the_sweep_may_be_any_that_is_right():
    asked = tg.exercise("order", level=3, seed=1)
    one = "L z2 b2 w2 a1 z1 b1 w1"

    assert asked.mark(one).ok
    assert asked.mark("L, z2, a1, z1, w1, b1, w2, b2").ok
    assert asked.mark("L z2 z1 a1 b2 w2 b1 w1").words == [
        "z1 is taken before a1, through which a part of its gradient comes."
    ]


def test_the_planted_line_is_wrong_and_all_others_are_right():
    for seed in range(8):
        asked = tg.exercise("planted", level=3, seed=seed)
        program, code = asked._asked.program, asked._asked.code
        lines = program.mistaken(code)

        for i, (line, true) in enumerate(zip(lines, program.backward, strict=True), start=1):
            marked = asked.mark(i)
            assert marked.ok == (line != true)
            follows = (
                program.gradients(asked._asked.numbers, code)[assigned(line)[0]]
                != asked._asked.found[assigned(line)[0]]
            )
            if line == true:
                assert ("only because" in marked.words[1]) == follows


def test_the_first_zero_is_the_one_that_all_after_it_come_from():
    for seed in range(8):
        asked = tg.exercise("zero", level=3, seed=seed)
        found = asked._asked.found

        assert found[asked.key] == 0
        assert found[f"d{asked._asked.variable}"] == 0
        names = [assigned(line)[0] for line in asked._asked.program.backward]
        assert all(not asked.mark(name).ok for name in names if name != asked.key)


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("-2/3", Fraction(-2, 3)), ("0.25", Fraction(1, 4)), (0.5, Fraction(1, 2)), ("−1", -1)],
)
def test_an_answer_is_read_as_the_number_it_is(text, value):
    assert number(text)[0] == value


@pytest.mark.parametrize("text", ["", "x", "1/0", "nan", "inf", "1e999999999", None, True])
def test_what_is_no_number_is_none(text):
    assert number(text) is None


def test_a_rounded_answer_counts_and_a_cut_one_does_not():
    asked = tg.exercise("gradient", level=4, seed=1)
    asked._asked.key = Fraction(2, 3)

    assert asked.mark("0.667").ok
    assert not asked.mark("0.66").ok
    assert not asked.mark("0.7").ok


def test_what_cannot_be_asked_is_refused_in_words():
    with pytest.raises(OperandError, match="kind is one of blanks"):
        tg.exercise("essay")
    with pytest.raises(OperandError, match="level is 1, 2, 3 or 4"):
        tg.exercise(level=9)
    with pytest.raises(OperandError, match="knows"):
        tg.exercise("gradient", level=1, seed=0).next("TRANSPOSED")


def test_a_worksheet_has_room_and_its_key_on_a_page_of_its_own(tmp_path):
    sheet = worksheet(level=2, count=6)
    file = sheet.save(tmp_path / "sheet.html")

    page = file.read_text(encoding="utf-8")
    assert page.count("border-bottom:1px dotted") == 6
    before, key = page.split("break-before:page")
    assert all(title in before for title in ("Fill the blanks", "Derive one gradient", "Order the sweep"))
    assert key.count("<tr") == 7


def test_chinese_exercises_leave_no_english_sentence():
    with chosen("zh"):
        asked = tg.exercise("planted", level=2, seed=1)
        shown = asked.text() + "".join(map(str, (asked.mark(i) for i in range(1, 5))))

    assert "这段反向传播有一行是错的" in shown
    assert not [word for word in ("Line", "wrong", "right", "Which") if word in shown]


def test_the_command_asks_again_until_the_answer_is_right():
    told = subprocess.run(
        [sys.executable, "-m", "tinygrad_lite", "exercise", "gradient", "--level", "1", "--seed", "0"],
        input="0\nx**\n10\n",
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert told.returncode == 0, told.stderr
    assert told.stdout.count("answer:") == 3
    assert "ZERO" in told.stdout
    assert "✓ Right." in told.stdout
