"""Other languages: every sentence of the source stands in each catalogue, with the same things put in, and is used."""

import ast
import json
import re
from pathlib import Path

import pytest

import tinygrad_lite as tg
from tests.checking.planting import Lesson, plants_for
from tinygrad_lite.analysis.losses import KINDS, REDUCTIONS
from tinygrad_lite.checking.binding.losses import USUAL
from tinygrad_lite.checking.derive import FOLLOWS, RANK
from tinygrad_lite.checking.network.problems import SIZES
from tinygrad_lite.checking.result.mistakes import CATALOGUE
from tinygrad_lite.engine.ops import TABLE
from tinygrad_lite.exercises.exercise import TITLES
from tinygrad_lite.report import escape, language
from tinygrad_lite.report.style import MARKS, wrapped

PACKAGE = Path(tg.__file__).parent
SAYING = (
    "say",
    ".say",
    "hint",
    "wrong",
    "slip",
    "change",
)  # what hands a sentence to the catalogue, after its code perhaps
FILES = sorted(language.FOLDER.glob("*.json"))


def sentences():
    """Every sentence that is handed to `say` in the source, with the file it stands in."""
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if "report.language import" not in text:
            continue
        tree = ast.parse(text)
        assigned = [each for each in ast.walk(tree) if isinstance(each, ast.Assign) and len(each.targets) == 1]
        for call in ast.walk(tree):
            name = getattr(call.func, "id", "." + getattr(call.func, "attr", "")) if isinstance(call, ast.Call) else ""
            for argument in call.args if name in SAYING else ():
                given = [
                    a.value
                    for a in assigned
                    if name != "say" and ast.unparse(a.targets[0]) == getattr(argument, "id", "")
                ]
                said = [
                    one
                    for each in (argument, *given)
                    for one in (getattr(each, "body", each), getattr(each, "orelse", each))
                ]
                english = [one.value for one in said if isinstance(one, ast.Constant) and not _code(one.value)]
                found |= dict.fromkeys(english, file.name)
                if english or name == "say":
                    break
    return found


def _code(text):
    """The code of a mistake, and no sentence."""
    return not isinstance(text, str) or re.fullmatch(r"[A-Z0-9_]*", text) is not None


def words():
    """The words that `say` gets from tables."""
    marks = [*MARKS, *(word for _, word in MARKS.values())]
    names = [kind.name for kind in KINDS] + [words for words, *_ in REDUCTIONS] + list(SIZES)
    statuses = [status for status in RANK if status != FOLLOWS] + ["product", "quotient"]
    losses = [loss for loss in USUAL if "entropy" in loss]
    ops = [said for op in TABLE.values() for said in (op.doc, op.kink and op.kink.choice) if said]
    return [*CATALOGUE.values(), *marks, *names, *losses, *statuses, *TITLES.values(), *ops]


def slots(sentence):
    return set(re.findall(r"\{\d[^}]*\}", sentence))


@pytest.fixture
def chinese():
    with language.chosen("zh"):
        yield


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_catalogue_has_every_sentence_with_the_same_things_put_in(file):
    catalogue = json.loads(file.read_text(encoding="utf-8"))

    missing = {english for english in (*sentences(), *words()) if english not in catalogue}
    assert not missing
    assert {english: own for english, own in catalogue.items() if slots(own) != slots(english)} == {}
    assert len(sentences()) > 200


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_catalogue_writes_no_sentence_twice(file):
    pairs = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=list)

    assert len({english for english, _ in pairs}) == len(pairs)


def test_a_language_that_is_not_there_is_refused_by_name():
    with pytest.raises(ValueError, match="one of en, zh, but got 'xx'"):
        tg.language("xx")

    assert tg.language() == "en"


@pytest.mark.long
@pytest.mark.parametrize(("acts", "loss"), [(("relu", "sigmoid"), "mse"), (("tanh", "softmax"), "ce")])
def test_no_report_on_a_planted_mistake_leaves_an_english_sentence(acts, loss, chinese, monkeypatch):
    """One report for each code that can be planted into a network."""
    said_in_english = set()

    class Watched(dict):
        def get(self, english, otherwise):
            if english not in self:
                said_in_english.add(english)
            return super().get(english, otherwise)

    monkeypatch.setattr(language, "_chosen", ("zh", Watched(language._chosen[1])))
    lesson = Lesson(acts, loss, l2=0.1)
    params, data = lesson.params([3, 3, 3], 0), lesson.data(5, [3, 3, 3], 0)
    for plant in {plant[0]: plant for plant in plants_for(lesson)}.values():
        tg.check(lesson.loss, lesson.backprop(plant), params, *data, mend=False).text()

    assert said_in_english == set()


def test_a_line_of_chinese_is_no_wider_than_the_terminal():
    lines = wrapped("损失对样本取平均，这里却只求了和；" * 9, 40)

    assert len(lines) > 5
    assert all(columns <= 42 for columns in map(escape.width, lines))


def test_an_error_of_a_check_is_said_in_the_readers_language(chinese):
    with pytest.raises(tg.errors.OperandError, match="长度不同的列表"):
        tg.check(lambda w: 0.0, lambda w: 0.0, {"w": [[1.0], [2.0, 3.0]]})
    with pytest.raises(tg.errors.OperandError, match=r"按名称给出参数的字典，例如 \{'W1': W1, 'b1': b1\}"):
        tg.check(lambda w: 0.0, lambda w: 0.0, [1.0])
    with pytest.raises(tg.errors.OperandError, match="在函数之后给出点"):
        tg.gradcheck(lambda: 0.0)
    with pytest.raises(tg.errors.OperandError, match="各行形状必须相同"):
        tg.compare([[1.0], [2.0, 3.0]], 1.0)


def test_an_explanation_is_told_in_the_readers_language(chinese):
    """The chain rule with one path, many, none, at a kink and over samples; why a gradient is 0, and why large."""
    a, b, c = tg.Value(-4.0, "a"), tg.Value(2.0, "b"), tg.Value(0.0, "c")
    deep = a
    for _ in range(9):
        deep = deep * deep / 2.0 + deep
    samples = sum((a * float(x) - 1.0) ** 2 for x in range(10)) / 10.0
    told = [
        tg.explain(y, x) for y, x in ((a * b + b**3, b), (a.tanh(), a), (a * 2.0, b), (c.relu() * a, c), (a * a, a))
    ]
    told += [tg.explain(samples, a), tg.explain(deep * 1e-99, a), tg.explain((a * b).relu() + 1.0)]
    shown = [each.text(width=400) for each in told]
    shown += [
        tg.why_zero(a, (a * b).relu()),
        tg.why_zero(b, a * 2.0),
        tg.why_zero(a, a * 2.0),
        tg.why_large(a, (a * -99.0).exp()),
    ]

    english = [line for text in shown for line in text.splitlines() if re.search("[a-z]{2,} [a-z]{2,}", line)]
    assert english == []


DERIVATIONS = (PACKAGE.parent / "tests/checking/paper/derivations.txt").read_text(encoding="utf-8").split("----\n")


@pytest.mark.few(4)
@pytest.mark.parametrize("paper", DERIVATIONS[:20])
def test_a_derivation_is_judged_in_the_readers_language(paper, chinese):
    """Right, and with the last line slightly wrong in several ways, and with a line that cannot be read.

    Only an error of the engine, such as a division by 0, stays in English, as everywhere.
    """
    text = paper.rstrip()
    for changed in (text, text + " + 1", f"{text} * 2", f"{text}^2", f"{text}\ndq/dr = 3 r", text + "\nx = )("):
        told = tg.check_derivation(changed, seconds=5.0).text(200)
        rest = "\n".join(line for line in told.splitlines() if line.strip(" ^") not in changed)
        rest = re.sub("div needs .* but got .*", "", rest)

        assert re.findall("[a-z]{3,} [a-z]{2,}", re.sub(r"^\S? +\d+  .{10,76}  ", "", rest, flags=re.M)) == []
