"""What a report says is what was computed: ticks are comparisons, and causes that explain all come first, alone."""

import numpy as np
import pytest

import tinygrad_lite as tg


def linear_loss(W, b, X, y):
    return np.mean((X @ W + b - y) ** 2)


def gradients(W, b, X, y):
    e = 2 * (X @ W + b - y) / y.size
    return {"W": X.T @ e, "b": e.sum(axis=0)}


def problem(outputs=2, samples=6):
    chance = np.random.default_rng(0)
    params = {"W": 3 * chance.normal(size=(3, outputs)), "b": chance.normal(size=outputs)}
    return params, chance.normal(size=(samples, 3)), chance.normal(size=(samples, outputs))


def check(backprop, outputs=2, loss=linear_loss):
    params, X, y = problem(outputs)
    return tg.check(loss, backprop, params, X, y, mend=False)


def words(result):
    return " ".join(result.text().split())


def marks(result):
    return {name: mark for name, mark, _ in result.diagnosis.links}


IN_DP = {  # mistakes of no catalogue in dP itself, from which everything else follows rightly
    "cubed": lambda e: 3 * e**3,
    "clipped": lambda e: 2 * np.clip(e, -0.3, 0.3),
    "roots": lambda e: np.sign(e) * np.sqrt(np.abs(e)),
    "normalised": lambda e: e / np.linalg.norm(e),
    "rows reversed": lambda e: 2 * e[::-1],
    "tanh": lambda e: np.tanh(e),
    "plus a constant": lambda e: 2 * e + 0.1,
}


@pytest.mark.few(2)
@pytest.mark.parametrize("name", IN_DP)
def test_a_link_that_nobody_handed_over_has_no_tick(name):
    W, X, y = np.array([[1.0]]), np.array([[1.0], [2.0]]), np.array([[0.0], [1.0]])
    result = tg.check(
        lambda W, X, y: np.sum((X @ W - y) ** 2), lambda W, X, y: X.T @ IN_DP[name](X @ W - y), {"W": W}, X, y
    )

    if not result.ok:
        assert marks(result) == {"dP": "unchecked", "dZ1": "unchecked", "dW": "wrong"}
        assert "Everything above" not in words(result)
        assert "so look first at" not in words(result)
        assert "Not compared: dP, dZ1" in words(result)


def test_a_link_that_is_handed_over_is_compared():
    def backprop(W, b, X, y):
        dP = 2 * (X @ W + b - y) / y.size
        dZ1 = np.tanh(dP)
        return {"W": X.T @ dZ1, "b": dZ1.sum(axis=0), "dP": dP, "dZ1": dZ1}

    assert marks(check(backprop)) == {"dP": "ok", "dZ1": "wrong", "dW": "wrong", "db": "wrong"}


def test_a_missing_gradient_gives_no_tick_to_others_than_the_right_one():
    result = check(lambda *a: {"b": gradients(*a)["b"]})

    assert marks(result) == {"dP": "unchecked", "dZ1": "unchecked", "dW": "wrong", "db": "ok"}
    assert result.codes == ["NAME"]


def test_one_number_on_one_problem_shows_no_factor_and_several_problems_do():
    def one(w, X, y):
        if len(X) != 2:
            raise ValueError("two samples only")
        return [1.7 * 2 * sum((w[0] * x - t) * x for x, t in zip(X, y, strict=True))]

    def loss(w, X, y):
        return sum((w[0] * x - t) ** 2 for x, t in zip(X, y, strict=True))

    alone = tg.check(loss, one, {"w": [0.5]}, [1.0, 2.0], [0.0, 3.0])
    assert not set(alone.codes) & {"RATIO", "SIGN", "FACTOR_2", "MEAN_N"}

    several = tg.check(lambda w: w[0] ** 3 + 2 * w[0], lambda w: [[1.5 * w[0] ** 2 + 1]], {"w": [0.7]})
    assert several.mistakes or several.codes == ["FACTOR_2"]


# ---------------------------------------------------------------------- causes


@pytest.mark.long
def test_a_target_that_makes_a_table_of_all_pairs_comes_first_and_alone():
    params, X, y = problem(1)
    result = tg.check(linear_loss, lambda W, b, X, y: gradients(W, b, X, y.reshape(-1, 1)), params, X, y.ravel())

    assert result.codes == ["TARGET_SHAPE"]
    assert "for that shape every gradient of yours is right" in words(result)
    assert "Unexplained" not in words(result)

    other = tg.check(linear_loss, lambda W, b, X, y: {"W": W, "b": b}, params, X, y.ravel())
    assert other.codes[0] == "TARGET_SHAPE"
    assert "every gradient of yours is right" not in words(other)
    assert "Unexplained: dW, db" in words(other)


def test_decimals_that_are_cut_off_come_first_and_alone():
    result = check(lambda *a: {"W": (9 * gradients(*a)["W"]).astype(int), "b": 9 * gradients(*a)["b"]},
                   loss=lambda *a: 9 * linear_loss(*a))  # fmt: skip

    assert result.codes == ["INT_TRUNCATION"]
    assert marks(result)["dW"] == "wrong"
    assert marks(result)["db"] == "ok"
    assert "Unexplained" not in words(result)


def test_an_argument_that_was_changed_in_place_is_the_cause_only_if_that_explains_all():
    def centred(W, b, X, y):
        X -= X.mean(axis=0)
        return gradients(W, b, X, y)

    def centred_and_more(W, b, X, y):
        X -= X.mean(axis=0)
        return {"W": np.tanh(gradients(W, b, X, y)["W"]), "b": gradients(W, b, X, y)["b"]}

    alone, more = check(centred), check(centred_and_more)

    assert alone.codes == ["MUTATED"]
    assert "at the numbers it left there every gradient of yours is right" in words(alone)
    assert "Unexplained" not in words(alone)
    assert more.codes[0] == "MUTATED"
    assert "every gradient of yours" not in words(more)


def test_a_backprop_that_raises_everywhere_says_so_first_and_alone():
    def backprop(W, b, X, y):
        raise KeyError("h")

    result = check(backprop)

    assert result.codes == ["RAISED"]
    assert result.text().startswith("No gradients: backprop did not run")
    assert words(result).count("KeyError: 'h'") == 1
    assert "Unexplained" not in words(result)
    assert set(marks(result).values()) == {"unchecked"}


@pytest.mark.few(1)
@pytest.mark.parametrize("known", [True, False])
def test_nan_is_a_cause_and_not_unexplained(known):
    loss = linear_loss if known else lambda W, b, X, y: np.mean((X @ W + b - y) ** 2 * (1 + X[:, :1] ** 2))

    def backprop(W, b, X, y):
        e = 2 * (X @ W + b - y) / y.size * (1 if known else 1 + X[:, :1] ** 2)
        return {"W": X.T @ e / np.where(np.arange(y.shape[1]) == 0, np.nan, 1.0), "b": e.sum(axis=0)}

    result = check(backprop, loss=loss)

    assert result.codes == ["NAN"]
    assert "Unexplained" not in words(result)
    assert "3 of 6 entries of dW are NaN or infinite" in words(result)


def test_beside_nan_other_mistakes_are_still_named():
    result = check(lambda *a: {"W": gradients(*a)["W"] * np.nan, "b": gradients(*a)["b"] / 2})

    assert result.codes == ["NAN", "FACTOR_2"]
    assert {m.place for m in result.mistakes} <= {"loss", "db"}


def clip(c):
    return lambda *a: {name: np.clip(g, -c, c) for name, g in gradients(*a).items()}


def shorten(c):
    def backprop(*a):
        found = gradients(*a)
        length = np.sqrt(sum((g**2).sum() for g in found.values()))
        return {name: g * min(1.0, c / length) for name, g in found.items()}

    return backprop


def test_gradients_that_are_clipped_are_said_to_be_derived_rightly():
    by_entry, by_length, zero = check(clip(0.4)), check(shorten(0.7)), check(clip(0.0))

    assert by_entry.codes == by_length.codes == ["CLIPPED"]
    assert "clipped at 0.4 and -0.4: every derivative is right" in words(by_entry)
    assert "shortened to the length 0.7: every derivative is right" in words(by_length)
    assert not by_entry.ok
    assert "CLIPPED" not in zero.codes
    assert check(clip(1e9)).ok


def test_clipped_further_up_is_not_called_clipped_gradients():
    def backprop(W, b, X, y):
        e = np.clip(2 * (X @ W + b - y) / y.size, -0.1, 0.1)
        return {"W": X.T @ e, "b": e.sum(axis=0)}

    assert "CLIPPED" not in check(backprop).codes


def test_one_gradient_with_its_parameter_added_makes_no_updated_weights_of_the_others():
    result = check(lambda W, b, X, y: {**gradients(W, b, X, y), "b": gradients(W, b, X, y)["b"] + b})

    assert result.wrong == ["b"]
    assert marks(result)["dW"] == "ok"
    assert "UPDATES" not in result.text()


def test_a_parameter_added_to_its_gradient_is_no_learning_rate_of_minus_one():
    chance = np.random.default_rng(0)
    W, X, y = chance.normal(size=(3, 2)), chance.normal(size=(6, 3)), chance.normal(size=(6, 2))

    def backprop(W, X, y):
        return 2 * X.T @ (X @ W - y) / y.size + W

    assert not tg.check(lambda W, X, y: np.mean((X @ W - y) ** 2), backprop, {"W": W}, X, y).ok
