"""In these tests a fault of ours fails the test, where a user would get a line in the report."""

import pytest

from tinygrad_lite.checking.check import Check


@pytest.fixture(autouse=True)
def faults_are_raised(monkeypatch):
    monkeypatch.setattr(Check, "_safely", lambda self, what, found, otherwise: found())


@pytest.fixture(autouse=True)
def no_search_for_a_mend(request, monkeypatch):
    """The search has tests of its own; elsewhere it would take seconds for each wrong backward."""
    if not request.node.path.name.startswith("test_lines"):
        begin = Check.__init__
        monkeypatch.setattr(Check, "__init__", lambda self, evaluation, mend=True: begin(self, evaluation, False))
