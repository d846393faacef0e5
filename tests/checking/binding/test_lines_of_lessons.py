"""A lesson that was bound by us has its own lines marked, and its own text mended."""

from tests.checking.binding.lessons import LESSONS
from tinygrad_lite.checking.binding.lesson import checked
from tinygrad_lite.checking.binding.source import load
from tinygrad_lite.checking.check import check


def test_a_lesson_with_a_slip_gets_its_line_and_its_mend():
    code, (right, slip) = LESSONS["functions, output as an argument, updates returned"]
    result = checked(check, load(code.replace(right, slip), "lesson.py"), {})

    assert result.found.reason == ""
    assert [line.text.strip() for line in result.lines if line.mark == "wrong"] == [f"da = d.dot(w2.T) {slip}"]
    assert any(f"+    da = d.dot(w2.T) {right}" in mend.diff for mend in result.mends)
