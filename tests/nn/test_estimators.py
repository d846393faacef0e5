"""`nn.Classifier` and `nn.Regressor` stand where an estimator of scikit-learn stands."""

import pytest

from tinygrad_lite import nn

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator

FLOWERS = nn.datasets.iris()


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [nn.Classifier, nn.Regressor])
def test_every_check_of_scikit_learn_passes(kind):
    found = check_estimator(kind(epochs=60), on_skip=None)

    # scikit-learn skips what needs another library, such as pandas
    assert [result["check_name"] for result in found if result["status"] not in ("passed", "skipped")] == []
    assert sum(result["status"] == "passed" for result in found) > 40


@pytest.mark.long
def test_it_is_scored_in_a_cross_validation():
    model = make_pipeline(MinMaxScaler(), nn.Classifier(hidden=(4,), epochs=15))

    assert cross_val_score(model, FLOWERS.inputs, FLOWERS.targets, cv=3).mean() > 0.85


def test_its_parameters_are_searched():
    X = [[i / 10, (i % 7) / 7] for i in range(40)]
    search = GridSearchCV(nn.Regressor(epochs=10, hidden=()), {"lr": [1e-6, 0.1]}, cv=2)
    search.fit(X, [2 * a - b for a, b in X])

    assert search.best_params_ == {"lr": 0.1}


def test_classes_may_be_words_and_the_network_is_within_reach():
    names = [FLOWERS.target_names[k] for k in FLOWERS.targets]
    model = clone(nn.Classifier(hidden=(4,), epochs=10, compiled=False)).fit(FLOWERS.inputs, names)
    shares = model.predict_proba(FLOWERS.inputs[:3])

    assert set(model.predict(FLOWERS.inputs)) <= set(FLOWERS.target_names)
    assert shares.sum(axis=1) == pytest.approx([1.0] * 3)
    assert len(model.history_) == 10
    assert len(model.model_.parameters()) == 4 * 5 + 5 * 3


def test_the_same_seed_gives_the_same_network_and_none_another():
    def prediction(seed):
        return nn.Regressor(epochs=2, random_state=seed).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 4.0]).predict([[1.5]])[0]

    assert prediction(3) == prediction(3)
    assert prediction(3) != prediction(None)
