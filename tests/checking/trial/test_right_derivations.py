"""A seeded part of the study of right derivations in every layout and calling style: none is accused."""

import pytest

from tests.checking.right_derivations import right_derivation, tried


@pytest.mark.parametrize("seed", range(7000, 7016))
def test_a_right_derivation_is_called_right(seed):
    case = right_derivation(seed)

    assert tried(case) == "", case.words


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8000, 8150))
def test_a_right_derivation_of_the_study_is_called_right(seed):
    case = right_derivation(seed)

    assert tried(case) == "", case.words
