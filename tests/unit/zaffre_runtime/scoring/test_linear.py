"""Linear models that are asked by their formula answer what their own methods answer, to the last bit; others are not asked so."""

import sys

import joblib
import numpy as np
import pytest
import sklearn
from sklearn import datasets, linear_model, svm

from zaffre_runtime.scoring import batching
from zaffre_runtime.scoring.loaders import linear
from zaffre_runtime.scoring.loaders import sklearn as loader

FEATURES, LABELS = datasets.load_iris(return_X_y=True)
WORDS = np.array(["setosa", "versicolor", "virginica"])[LABELS]
ROWS = np.random.default_rng(1).normal(3, 40, (200, 4))
LOGISTIC = linear_model.LogisticRegression(max_iter=500)


def direct(model):
    with sklearn.config_context(assume_finite=True):
        return linear.methods(model, sklearn, sys.modules, np)


CLASSIFIES = {"decision_function", "predict", "predict_proba"}


@pytest.mark.parametrize(
    ("model", "target", "names"),
    [
        (LOGISTIC, LABELS, CLASSIFIES),
        (LOGISTIC, WORDS, CLASSIFIES),
        (LOGISTIC, WORDS.astype(object), CLASSIFIES),
        (LOGISTIC, LABELS > 1, CLASSIFIES),
        (linear_model.LogisticRegression(fit_intercept=False, max_iter=500), LABELS, CLASSIFIES),
        (svm.LinearSVC(), LABELS, {"decision_function", "predict"}),
        (linear_model.LinearRegression(), FEATURES[:, 0] * 3, {"predict"}),
        (linear_model.LinearRegression(), FEATURES[:, :2], {"predict"}),
        (linear_model.Ridge(), FEATURES[:, 0], {"predict"}),
        (linear_model.Lasso(0.01), FEATURES[:, 0], {"predict"}),
        (linear_model.ElasticNet(0.01), FEATURES[:, 0], {"predict"}),
    ],
)
def test_the_same_bits_as_by_the_models_own_methods(model, target, names):
    fitted = sklearn.clone(model).fit(FEATURES, target)
    found = direct(fitted)
    assert set(found) == names
    for name, method in found.items():
        for count in (1, 3, 16, 200):
            rows = ROWS[:count].copy()
            own, ours = getattr(fitted, name)(rows), method(rows)
            assert (own.dtype, own.shape) == (ours.dtype, ours.shape)
            assert own.tolist() == ours.tolist()
            np.testing.assert_array_equal(rows, ROWS[:count])


class Derived(linear_model.LogisticRegression):
    pass


def own_method(fitted):
    fitted.predict_proba = lambda rows: rows


def sparse(fitted):
    fitted.sparsify()


def narrow(fitted):
    fitted.n_features_in_ = 3


def no_classes(fitted):
    fitted.classes_ = list(fitted.classes_)


@pytest.mark.parametrize("change", [own_method, sparse, narrow, no_classes])
def test_whatever_is_unusual_is_asked_in_its_own_way(change):
    fitted = sklearn.clone(LOGISTIC).fit(FEATURES, LABELS)
    change(fitted)
    assert direct(fitted) == {}


def test_no_other_class_and_no_other_version(monkeypatch):
    assert direct(Derived(max_iter=500).fit(FEATURES, LABELS)) == {}
    assert direct(linear_model.RidgeClassifier().fit(FEATURES, LABELS)) == {}
    assert direct(linear_model.LogisticRegression()) == {}
    fitted = sklearn.clone(LOGISTIC).fit(FEATURES, LABELS)
    monkeypatch.setattr(sklearn, "__version__", "99.1.0")
    assert direct(fitted) == {}


def test_a_version_with_another_formula_is_noticed(monkeypatch):
    fitted = sklearn.clone(LOGISTIC).fit(FEATURES, LABELS)
    own = linear_model.LogisticRegression.predict_proba
    monkeypatch.setattr(
        linear_model.LogisticRegression, "predict_proba", lambda self, rows: own(self, rows) / 2
    )
    assert set(direct(fitted)) == {"decision_function", "predict"}


def test_an_attribute_that_is_changed_later_counts():
    fitted = sklearn.clone(LOGISTIC).fit(FEATURES, LABELS)
    probabilities = direct(fitted)["predict_proba"]
    fitted.coef_ = fitted.coef_ * 2
    assert probabilities(ROWS).tolist() == fitted.predict_proba(ROWS).tolist()


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_the_loader_answers_the_same(tmp_path, method):
    fitted = sklearn.clone(LOGISTIC).fit(FEATURES, WORDS)
    expected = getattr(fitted, method)(ROWS[:5])
    joblib.dump(fitted, tmp_path / "model.joblib")
    model = loader.load(tmp_path / "model.joblib")
    asked = []
    monkey = getattr(model._model, method)
    setattr(model._model, method, lambda rows: asked.append(rows) or monkey(rows))
    rows = [batching.Rows(part.tolist(), len(part), method) for part in (ROWS[:2], ROWS[2:5])]
    assert model.predict(rows).tolist() == expected.tolist()
    assert asked == []
