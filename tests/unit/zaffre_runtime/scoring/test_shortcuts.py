"""The short ways answer what the long ways answer, to the last bit, and are taken for plain arrays only."""

import sys
import types

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn import (
    cluster,
    datasets,
    decomposition,
    ensemble,
    linear_model,
    naive_bayes,
    neighbors,
    pipeline,
    preprocessing,
    svm,
)
from sklearn.exceptions import NotFittedError
from sklearn.utils import extmath, validation

from zaffre_runtime.scoring.loaders import shortcuts

FEATURES, LABELS = datasets.load_iris(return_X_y=True)


@pytest.fixture
def installed():
    """The short ways in scikit-learn itself, under the setting that the loader makes; afterwards as before."""
    before = [
        (module, name, found)
        for key, module in list(sys.modules.items())
        if key.split(".")[0] == "sklearn"
        for name, found in list(vars(module).items())
        if name in ("_get_feature_names", "_nw_into_df_or_series", "check_is_fitted", "check_array")
        or name in ("validate_data", "softmax")
    ]
    shortcuts.install(sklearn, sys.modules, np)
    with sklearn.config_context(assume_finite=True):
        yield
    for module, name, found in before:
        setattr(module, name, found)


class Derived(np.ndarray):
    pass


ESTIMATORS = [
    linear_model.LogisticRegression(max_iter=1000),
    linear_model.Ridge(),
    svm.SVC(),
    svm.LinearSVC(),
    ensemble.RandomForestClassifier(5, random_state=0),
    ensemble.HistGradientBoostingClassifier(max_iter=5, random_state=0),
    neighbors.KNeighborsClassifier(),
    naive_bayes.GaussianNB(),
    cluster.KMeans(3, random_state=0),
    decomposition.PCA(2),
    preprocessing.FunctionTransformer(),
    preprocessing.MinMaxScaler(),
    pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_a_model_answers_the_same_bits(installed, estimator):
    """A list of lists goes the long way."""
    fitted = sklearn.clone(estimator).fit(FEATURES, LABELS)
    for method in ("predict", "predict_proba", "decision_function", "transform"):
        if hasattr(fitted, method):
            for rows in (FEATURES[:1], FEATURES):
                long, short = getattr(fitted, method)(rows.tolist()), getattr(fitted, method)(rows.copy())
                np.testing.assert_array_equal(np.asarray(short), np.asarray(long))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_the_caller_s_array_is_not_written_to(installed, estimator):
    fitted = sklearn.clone(estimator).fit(FEATURES, LABELS)
    given = FEATURES.copy()
    for method in ("predict", "predict_proba", "transform"):
        if hasattr(fitted, method):
            getattr(fitted, method)(given)
    np.testing.assert_array_equal(given, FEATURES)


def test_what_is_wrong_is_said_in_the_long_way_s_words(installed):
    fitted = linear_model.LogisticRegression(max_iter=1000).fit(FEATURES, LABELS)
    with pytest.raises(ValueError, match="X has 3 features, but LogisticRegression is expecting 4"):
        fitted.predict(FEATURES[:, :3].copy())
    with pytest.raises(ValueError, match="Expected 2D array"):
        fitted.predict(FEATURES[0])
    with pytest.raises(ValueError, match="0 sample"):
        fitted.predict(np.empty((0, 4)))
    with pytest.raises(NotFittedError):
        linear_model.LogisticRegression().predict(FEATURES)
    with sklearn.config_context(assume_finite=False), pytest.raises(ValueError, match="NaN"):
        fitted.predict(np.full((1, 4), np.nan))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (FEATURES, {}),
        (FEATURES, {"dtype": [np.float64, np.float32], "order": "C", "accept_sparse": "csr"}),
        (FEATURES, {"dtype": np.float32}),
        (FEATURES, {"order": "F"}),
        (FEATURES, {"copy": True}),
        (FEATURES.T, {"order": "C"}),
        (FEATURES.astype(np.float32), {"dtype": np.float64}),
        (FEATURES.astype(object), {}),
        (FEATURES.view(Derived), {}),
        (pd.DataFrame(FEATURES), {}),
        (FEATURES.tolist(), {}),
    ],
)
def test_an_array_is_checked_as_by_the_long_way(installed, given, named):
    short, long = validation.check_array(given, **named), validation.check_array.long_way(given, **named)
    np.testing.assert_array_equal(short, long)
    assert (type(short), short.dtype) == (type(long), long.dtype)
    assert short.flags.c_contiguous == long.flags.c_contiguous
    assert np.shares_memory(short, given) == np.shares_memory(long, given)


@pytest.mark.parametrize("given", [[[1.0, 2.0, 3.0]], [[1e300, -1e300]], [[0.0, -0.0], [5.0, 5.0]]])
def test_softmax_gives_the_same_bits(installed, given):
    given = np.array(given)
    np.testing.assert_array_equal(extmath.softmax(given), extmath.softmax.long_way(given))
    assert extmath.softmax(given, copy=False) is given


def test_a_model_is_asked_once_whether_it_is_fitted():
    asked = []
    module = types.ModuleType("sklearn.utils.validation")
    module.check_is_fitted = lambda estimator, *rest: asked.append(estimator)
    sklearn_like = types.SimpleNamespace(get_config=dict)
    for _ in range(2):  # installing twice changes nothing
        shortcuts.install(sklearn_like, {module.__name__: module}, np)
    first, second = object(), object()
    for _ in range(2):
        module.check_is_fitted(first)
    module.check_is_fitted(second)
    module.check_is_fitted(first, ["coef_"])
    assert asked == [first, second, first]


def test_a_version_without_these_functions_stays_as_it_is():
    module = types.ModuleType("sklearn.utils.validation")
    before = dict(vars(module))
    shortcuts.install(types.SimpleNamespace(get_config=dict), {module.__name__: module}, np)
    assert dict(vars(module)) == before
