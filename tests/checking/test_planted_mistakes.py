"""Planted mistakes are named, pairs too, and right derivations are never accused: a sample of the full study.

The whole of it is `python tests/benchmarks/checking/planted_mistakes.py`.
"""

import collections
import random

import numpy as np
import pytest

from tests.checking.planting import ACTIVATIONS, Lesson, lessons, plants_for
from tests.checking.study import Prepared, double, right_case, right_form, single
from tests.checking.uncatalogued import Program, false_claims
from tinygrad_lite.checking.catalogue import search as searching
from tinygrad_lite.checking.check import check
from tinygrad_lite.checking.result.mistakes import CATALOGUE

SAMPLE = [lesson for i, lesson in enumerate(lessons()) if i % 29 == 0]


@pytest.mark.few(2)
@pytest.mark.parametrize("seed", range(len(SAMPLE)))
def test_every_single_mistake_is_named_exactly(seed):
    lesson = SAMPLE[seed]
    found = list(single(Prepared(lesson, 7), every=lesson.depth**2))
    odd = [(plant, said, stories[0].mistakes) for plant, said, stories in found if said not in ("exact", "tied")]

    assert len(found) >= 5
    assert odd == [], lesson
    assert sum(said == "exact" for _, said, _ in found) >= 0.9 * len(found)


@pytest.mark.long
def test_two_mistakes_at_different_layers_are_named_together():
    counts = collections.Counter()
    chance = random.Random(1)
    for i, lesson in enumerate(lessons((2, 3, 4))):
        if i % 31 == 0:
            counts.update(said for _, said, _ in double(Prepared(lesson, i), chance, 6))

    assert counts["wrong"] == 0
    assert counts["exact"] + counts["tied"] >= 0.9 * counts.total()
    assert counts.total() > 15


@pytest.mark.long
def test_one_output_is_diagnosed_too():
    for acts, loss in ((("tanh", "sigmoid"), "bce"), (("relu", "relu"), "mse"), (("tanh", "linear"), "hinge")):
        for plant, said, stories in single(Prepared(Lesson(acts, loss), 3, outputs=1), every=7):
            assert said in ("exact", "tied"), (plant, stories[0].mistakes)


def test_the_generator_covers_the_catalogue_and_all_its_codes_are_explained():
    planted = {code for lesson in lessons() for code, _, _ in plants_for(lesson)}

    assert planted <= set(CATALOGUE)
    assert len(planted) >= 25
    assert {act for lesson in lessons() for act in lesson.acts} >= set(ACTIVATIONS)


@pytest.mark.parametrize("seed", range(0, 36, 4))
def test_right_derivations_are_never_accused(seed):
    """36 of the 2,000 cases of the study; a third of them stand on kinks."""
    for each in range(seed, seed + 4):
        lesson, params, X, y, backprop = right_case(each)
        result = check(lesson.loss, backprop, params, X, y, seed=each)

        assert result.ok, (each, lesson, result.codes)
        assert result.evaluation.network is not None
        assert result.mistakes == []


@pytest.mark.long
def test_a_slip_of_a_millionth_is_seen_and_rounding_is_not():
    for seed in range(6):
        lesson, params, X, y, backprop = right_case(3 * seed + 1)
        chance = np.random.default_rng(seed)
        name = str(chance.choice(list(params)))

        def bent(size, params, X, y, backprop=backprop, name=name):
            g = dict(backprop(params, X, y))
            g[name] = g[name].copy()
            largest = np.unravel_index(np.abs(g[name]).argmax(), g[name].shape)
            g[name][largest] *= 1 + size
            return g

        def slip(params, X, y, bent=bent):
            return bent(1e-6, params, X, y)

        def rounding(params, X, y, bent=bent):
            return bent(1e-13, params, X, y)

        assert check(lesson.loss, slip, params, X, y).wrong == [name]
        assert check(lesson.loss, rounding, params, X, y).ok


SLIPS = {  # of public code: the lesson, what is done at which link, and its code
    "dW2 for W2": ("tanh linear mse", "dA1", lambda v, n: n["dZ2"] @ n["dW2"].T, "WRONG_OPERAND"),
    "times z, tanh": ("tanh linear mse", "dZ1", lambda v, n: n["dA1"] * n["Z1"], "MASK_IS_VALUE"),
    "times z, relu": ("relu linear mse", "dZ1", lambda v, n: n["dA1"] * n["Z1"], "MASK_IS_VALUE"),
    "1 - 2a": ("tanh linear mse", "dZ1", lambda v, n: n["dA1"] * (1 - 2 * n["A1"]), "WRONG_ACT_DERIV"),
    "a**2": ("tanh linear mse", "dZ1", lambda v, n: n["dA1"] * n["A1"] ** 2, "WRONG_ACT_DERIV"),
    "the error used again": ("tanh sigmoid mse", "dA1", lambda v, n: n["dP"] + np.zeros_like(v), "NO_W2"),
    "the right class counted once": ("tanh linear multi", "dP",
        lambda v, n: np.where(n["y"] == 1, -1.0, np.maximum(v * v.size, 0)) / v.size, "PATHS_NOT_SUMMED"),
    "log-softmax with a plus": ("tanh softmax ce", "dZ2", lambda v, n: -(n["y"] + n["P"]) / n["N"], "SIGN"),
    "softmax without its sum": ("tanh softmax ce", "dZ2", lambda v, n: n["P"] * n["dP"], "DROPPED_PATH"),
}  # fmt: skip


@pytest.mark.few(1)
@pytest.mark.parametrize("name", SLIPS)
def test_slips_of_public_code_are_named(name):
    words, link, change, code = SLIPS[name]
    *acts, loss = words.split()
    lesson = Lesson(tuple(acts), loss)
    params, (X, y) = lesson.params([4, 3, 3], 0), lesson.data(6, [4, 3, 3], 0)
    program = Program(lesson, {link: change})
    result = check(lesson.loss, program, params, X, y)

    assert result.codes == [code]
    assert {m.place for m in result.mistakes} == {"loss" if link == "dP" else link}
    assert false_claims(lesson, program, result) == []


@pytest.mark.long
def test_end_to_end_the_check_names_what_the_search_names():
    lesson = Lesson(("tanh", "relu", "sigmoid"), "bce")
    params, (X, y) = lesson.params([4, 3, 3, 2], 5), lesson.data(6, [4, 3, 3, 2], 5)
    for plant in [("NO_ACT_DERIV", "dZ2", None), ("EXTRA_ACT_DERIV", "dZ3", None), ("NO_W2", "dA1", "sum"),
                  ("BIAS_MEAN", "db1", None), ("UPDATED_TOO_EARLY", "dA2", None)]:  # fmt: skip
        result = check(lesson.loss, lesson.backprop(plant), params, X, y, lr=0.1)
        sets = [result.mistakes, *result.diagnosis.tied, *result.diagnosis.near]

        assert {plant[:2]} in [{(m.code, m.place) for m in story} for story in sets]
        assert result.diagnosis.unknown == []


@pytest.mark.long
def test_weights_updated_too_early_are_found_without_being_told_the_rate():
    lesson = Lesson(("tanh", "linear"), "mse")
    params, (X, y) = lesson.params([4, 3, 2], 5), lesson.data(6, [4, 3, 2], 5)
    result = check(lesson.loss, lesson.backprop(("UPDATED_TOO_EARLY", "dA1", None), lr=0.01), params, X, y)

    assert result.codes == ["UPDATED_TOO_EARLY"]
    assert "lr = 0.01" in result.text()


@pytest.mark.long
@pytest.mark.parametrize(("name", "broken"), [
    ("law", lambda *_: None),  # no ratio follows a law
    ("SAME", 0.5),  # everything within a half is called equal
    ("UNKNOWN", 0.0),  # leaving a gradient unexplained costs nothing
])  # fmt: skip
def test_a_search_made_wrong_on_purpose_is_caught(monkeypatch, name, broken):
    prepared = Prepared(Lesson(("tanh", "relu"), "mse"), 1)
    assert all(said in ("exact", "tied") for _, said, _ in single(prepared))

    monkeypatch.setattr(searching, name, broken)

    assert not all(said in ("exact", "tied") for _, said, _ in single(prepared))


def test_forms_of_a_right_derivation_differ_in_their_bits():
    lesson = Lesson(("tanh", "sigmoid"), "bce")
    params, (X, y) = lesson.params([3, 3, 2], 0), lesson.data(5, [3, 3, 2], 0)
    forms = {right_form(lesson, seed)(params, X, y)["W1"].tobytes() for seed in range(20)}

    assert len(forms) > 3


OUTSIDE = {  # mistakes of no catalogue: at which step, and what is done there instead
    "cosine": ("dZ2", lambda n: n["dZ2"] * np.cos(n["Z2"])),
    "clipped": ("dZ2", lambda n: np.clip(n["dZ2"], -0.01, 0.01)),
    "squared weights": ("dA1", lambda n: n["dZ2"] @ (n["W2"] ** 2).T),
    "a threshold": ("dZ1", lambda n: n["dA1"] * (n["Z1"] > 0.1)),
    "shuffled samples": ("dZ1", lambda n: n["dZ1"][::-1]),
    "every second sample": ("dW1", lambda n: n["X"][::2].T @ n["dZ1"][::2]),
    "normalised": ("dW1", lambda n: n["dW1"] / np.linalg.norm(n["dW1"])),
    "rounded": ("dW2", lambda n: np.round(n["dW2"], 4)),
    "one entry": ("dW2", lambda n: n["dW2"] + 1e-5 * (np.arange(n["dW2"].size) == 1).reshape(n["dW2"].shape)),
}


@pytest.mark.long
@pytest.mark.few(1)
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_mistake_of_no_catalogue_is_never_given_a_name(name):
    place, instead = OUTSIDE[name]

    def backprop(params, X, y):
        W1, b1, W2, b2 = params.values()
        n = {"X": X, "W2": W2, "Z1": X @ W1 + b1}
        A1 = np.maximum(0, n["Z1"])
        n["Z2"] = A1 @ W2 + b2
        P = np.tanh(n["Z2"])
        for step, right in (
            ("dZ2", lambda: 2 * (P - y) / y.size * (1 - P**2)),
            ("dW2", lambda: A1.T @ n["dZ2"]),
            ("dA1", lambda: n["dZ2"] @ W2.T),
            ("dZ1", lambda: n["dA1"] * (n["Z1"] > 0)),
            ("dW1", lambda: X.T @ n["dZ1"]),
        ):
            n[step] = right()
            if step == place:
                n[step] = instead(n)
        return {"W1": n["dW1"], "b1": n["dZ1"].sum(0), "W2": n["dW2"], "b2": n["dZ2"].sum(0)}

    lesson = Lesson(("relu", "tanh"), "mse")
    params, (X, y) = lesson.params([4, 3, 2], 3), lesson.data(6, [4, 3, 2], 3)
    result = check(lesson.loss, backprop, params, X, y)

    assert not result.ok
    assert result.mistakes == []
    assert set(result.diagnosis.unknown) <= set(result.wrong)
    assert "none of the changes to the chain rule that were tried" in " ".join(result.text().split())
