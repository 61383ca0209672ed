"""Spares scikit-learn, for plain numpy arrays, questions whose answers are known. Called by the scikit-learn loader.

scikit-learn asks at every call, often twice, whether the model is fitted, what kind of table or array it was given and
which array library to use: of the instructions of a one-row `predict_proba` nine tenths. In a replica a fitted model
stays fitted, and an object whose type is exactly numpy's array is nothing else. Whatever is not that plain goes the long
way, which also words every error. Versions without one of these functions keep their own.
"""

from __future__ import annotations

import types
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Tuple

Function = Callable[..., Any]

# Arguments of check_array that say nothing about a two-dimensional array of finite numbers.
_SILENT = frozenset(
    ("accept_sparse", "accept_large_sparse", "allow_nd", "force_writeable", "ensure_all_finite",
     "force_all_finite", "estimator", "input_name")
)  # fmt: skip
# Of the others, the values that leave such an array, its rows one after the other, as it is.
_PLAIN: Dict[str, Tuple[Any, ...]] = {
    "order": (None, "C"),
    "copy": (False,),
    "ensure_2d": (True,),
    "ensure_non_negative": (False,),
    "ensure_min_samples": (0, 1),
    "ensure_min_features": (0, 1),
}
# Arguments of validate_data with which it does more than look at one table.
_OTHER_WAYS = frozenset(("y", "validate_separately", "skip_check_array"))


class Parts(NamedTuple):
    """What the short ways need: numpy, scikit-learn's configuration of the thread, and its long ways."""

    numpy: Any
    config: Callable[[], Dict[str, Any]]
    long_ways: Dict[str, Function]


def install(sklearn: Any, modules: Mapping[str, types.ModuleType], numpy: Any) -> None:
    """Put the short ways wherever the long ones are known by name. `modules` are those of this process."""
    known = [module for name, module in list(modules.items()) if name.split(".")[0] == "sklearn"]
    parts = Parts(numpy, sklearn.get_config, {})
    for home, name, shorten in (
        ("sklearn.utils.validation", "_get_feature_names", _no_names),
        ("sklearn.utils.validation", "_nw_into_df_or_series", _no_frame),
        ("sklearn.utils.validation", "check_is_fitted", _fitted_once),
        ("sklearn.utils.validation", "check_array", _as_it_is),
        ("sklearn.utils.validation", "validate_data", _of_the_right_width),
        ("sklearn.utils.extmath", "softmax", _softmax),
    ):
        long_way = getattr(modules.get(home), name, None)
        if callable(long_way) and not hasattr(long_way, "long_way"):
            parts.long_ways[name] = long_way
            _replace(known, name, shorten(long_way, parts))


def _replace(modules: List[types.ModuleType], name: str, short_way: Any) -> None:
    """Also where it was imported by name."""
    for module in modules:
        if vars(module).get(name) is short_way.long_way:
            setattr(module, name, short_way)


def _marked(short_way: Any, long_way: Function) -> Function:
    short_way.long_way = long_way
    return short_way  # type: ignore[no-any-return]


def _no_names(long_way: Function, parts: Parts) -> Function:
    return _answered(long_way, parts.numpy.ndarray, None)


def _no_frame(long_way: Function, parts: Parts) -> Function:
    return _answered(long_way, parts.numpy.ndarray, False)


def _answered(long_way: Function, array_type: type, answer: Any) -> Function:
    def short_way(asked: Any, *rest: Any, **named: Any) -> Any:
        if type(asked) is array_type:
            return answer
        return long_way(asked, *rest, **named)

    return _marked(short_way, long_way)


def _fitted_once(long_way: Function, _: Parts) -> Function:
    """Asked once for each model, and for each set of attributes; nothing here fits or unfits one."""
    found: Dict[int, Any] = {}  # holds the models, so that an id cannot be given to another one

    def short_way(estimator: Any, *rest: Any, **named: Any) -> None:
        if rest or named:
            return long_way(estimator, *rest, **named)  # type: ignore[no-any-return]
        if found.get(id(estimator)) is not estimator:
            long_way(estimator)
            found[id(estimator)] = estimator
        return None

    return _marked(short_way, long_way)


def _as_it_is(long_way: Function, parts: Parts) -> Function:
    array_type, float64, config = parts.numpy.ndarray, parts.numpy.dtype("float64"), parts.config

    def short_way(array: Any, *rest: Any, **named: Any) -> Any:
        if (
            type(array) is array_type
            and array.dtype is float64
            and array.ndim == 2
            and array.size
            and not rest
            and _is_plain(named, float64)
            and array.flags.carray
            and config()["assume_finite"]
        ):
            return array
        return long_way(array, *rest, **named)

    return _marked(short_way, long_way)


def _is_plain(named: Mapping[str, Any], float64: Any) -> bool:
    """Whether a call with these arguments gives a plain array back as it is."""
    for name, value in named.items():
        if name == "dtype":
            if not _keeps(value, float64):
                return False
        elif name not in _SILENT and value not in _PLAIN.get(name, ()):
            return False
    return True


def _keeps(wanted: Any, float64: Any) -> bool:
    if isinstance(wanted, (list, tuple)):
        return any(one == float64 for one in wanted)
    return wanted is None or (isinstance(wanted, str) and wanted == "numeric") or wanted == float64


def _of_the_right_width(long_way: Function, parts: Parts) -> Function:
    array_type = parts.numpy.ndarray
    check = _as_it_is(parts.long_ways["check_array"], parts) if "check_array" in parts.long_ways else None

    def short_way(estimator: Any, /, X: Any = "no_validation", *rest: Any, **named: Any) -> Any:  # noqa: N803
        if (
            check is None
            or type(X) is not array_type
            or rest
            or named.get("reset", True)
            or named.keys() & _OTHER_WAYS
            or X.ndim != 2
            or getattr(estimator, "n_features_in_", None) != X.shape[1]
        ):
            return long_way(estimator, X, *rest, **named)
        del named["reset"]
        return check(X, **named)

    return _marked(short_way, long_way)


def _softmax(long_way: Function, parts: Parts) -> Function:
    """The same operations of numpy in the same order, so the same bits."""
    numpy = parts.numpy
    array_type, highest, total, exponential = numpy.ndarray, numpy.maximum.reduce, numpy.add.reduce, numpy.exp

    def short_way(X: Any, copy: bool = True) -> Any:  # noqa: N803
        if type(X) is not array_type or X.ndim != 2 or X.dtype.kind != "f":
            return long_way(X, copy=copy)
        table = X.copy() if copy else X
        table -= highest(table, axis=1, keepdims=True)
        exponential(table, out=table)
        table /= total(table, axis=1, keepdims=True)
        return table

    return _marked(short_way, long_way)
