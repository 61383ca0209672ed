"""Linear models of scikit-learn asked by their formula: of one row's `predict_proba` nine tenths are questions about the table.

Called by the scikit-learn loader for arrays of which those are answered: double precision, finite, of the right width. Only
exactly the classes below, in versions as old and as new as were tried, and only methods whose own answers to many rows are the
same to the last bit when the model is loaded; all others are asked in their own way. Operations and their order are scikit-learn's, and attributes are read at each call.
"""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any, Callable, Dict, Mapping, Tuple

Method = Callable[[Any], Any]
"""From rows to answers."""

VERSIONS = ("1.3", "1.4", "1.5", "1.6", "1.7", "1.8", "1.9")
_HOME = "sklearn.linear_model."
_REGRESSORS = {
    (_HOME + "_base", "LinearRegression"),
    (_HOME + "_ridge", "Ridge"),
    (_HOME + "_coordinate_descent", "Lasso"),
    (_HOME + "_coordinate_descent", "ElasticNet"),
}
_LOGISTIC = {(_HOME + "_logistic", "LogisticRegression"), (_HOME + "_logistic", "LogisticRegressionCV")}
_CLASSIFIERS = _LOGISTIC | {("sklearn.svm._classes", "LinearSVC")}
_SIZES = (1, 2, 7, 64)
"""Rows that are compared at once: libraries multiply few rows otherwise than many."""


def methods(
    model: Any, sklearn: ModuleType, modules: Mapping[str, ModuleType], numpy: Any
) -> Dict[str, Method]:
    """The methods of this model that can be asked directly, by name; none where anything is unusual."""
    kind = (type(model).__module__, type(model).__qualname__)
    if ".".join(sklearn.__version__.split(".")[:2]) not in VERSIONS:
        return {}
    if getattr(modules.get(kind[0]), kind[1], None) is not type(model) or not _is_plain(model, numpy):
        return {}
    found: Dict[str, Method] = {}
    if kind in _REGRESSORS:
        found = {"predict": _weighed(model)}
    elif kind in _CLASSIFIERS and type(getattr(model, "classes_", None)) is numpy.ndarray:
        scores = _scores(model)
        found = {"decision_function": scores, "predict": _labels(model, scores, numpy)}
        if kind in _LOGISTIC:
            found["predict_proba"] = _probabilities(model, scores, modules, numpy)
    return {name: method for name, method in found.items() if _is_the_same(model, name, method, numpy=numpy)}


def _is_plain(model: Any, numpy: Any) -> bool:
    """Fitted with dense arrays, and no method is the instance's own."""
    known = vars(model)
    arrays = (known.get("coef_"), known.get("intercept_"))
    dense = type(arrays[0]) is numpy.ndarray and isinstance(arrays[1], (numpy.ndarray, float))
    return dense and not any(callable(value) for value in known.values())


def _is_the_same(model: Any, name: str, method: Method, *, numpy: Any) -> bool:
    """Whether both ways give the same bits, for numbers of very different sizes."""
    width = model.coef_.shape[-1]
    if getattr(model, "n_features_in_", None) != width:
        return False
    random = numpy.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what overflows does so in both
        for size in _SIZES:
            rows = random.normal(size=(size, width)) * 10.0 ** random.integers(-3, 4, (size, 1))
            try:
                own, direct = getattr(model, name)(rows.copy()), method(rows)
            except Exception:  # noqa: BLE001 - a model that cannot answer now says so itself when it is asked
                return False
            if _told(own) != _told(direct):
                return False
    return True


def _told(answer: Any) -> Tuple[Any, ...]:
    return type(answer), answer.dtype, answer.shape, answer.tobytes()


def _weighed(model: Any) -> Method:
    def weighed(rows: Any) -> Any:
        return rows @ model.coef_.T + model.intercept_  # of one dimension, `T` is the same

    return weighed


def _scores(model: Any) -> Method:
    def scores(rows: Any) -> Any:
        found = rows @ model.coef_.T + model.intercept_
        return found.reshape(-1) if found.ndim > 1 and found.shape[1] == 1 else found

    return scores


def _labels(model: Any, scores: Method, numpy: Any) -> Method:
    index = numpy.intp

    def labels(rows: Any) -> Any:
        found = scores(rows)
        places = (found > 0).astype(index) if found.ndim == 1 else found.argmax(axis=1)
        return model.classes_.take(places, axis=0)

    return labels


def _probabilities(model: Any, scores: Method, modules: Mapping[str, ModuleType], numpy: Any) -> Method:
    expit: Any = getattr(modules.get("scipy.special"), "expit", None)
    empty, subtract, exponential = numpy.empty, numpy.subtract, numpy.exp
    highest, total = numpy.maximum.reduce, numpy.add.reduce

    def of_two(found: Any) -> Any:
        both = empty((len(found), 2))
        yes = both[:, 1]
        yes[:] = expit(found, out=found)
        subtract(1, yes, out=both[:, 0])
        return both

    def probabilities(rows: Any) -> Any:
        found = scores(rows)
        if found.ndim == 1:
            return of_two(found)
        found -= highest(found, axis=1, keepdims=True)
        exponential(found, out=found)
        found /= total(found, axis=1, keepdims=True)
        return found

    return probabilities
