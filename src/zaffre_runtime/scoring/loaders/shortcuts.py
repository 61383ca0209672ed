"""Spares scikit-learn, for plain numpy arrays, the search for a data frame in them. Called by the scikit-learn loader.

Recent versions ask narwhals at every call, twice, whether the input is one of a dozen kinds of data frame: two fifths of
the instructions of a one-row `predict_proba`. An object whose type is exactly numpy's array is none of them, so the
answer is known; whatever else comes goes the long way. Versions without these functions stay as they are.
"""

from __future__ import annotations

from typing import Any, Callable

# Name in sklearn.utils.validation, and what it answers for an array.
ANSWERS = (("_get_feature_names", None), ("_nw_into_df_or_series", False))


def install(validation: Any, array_type: type) -> None:
    """`validation` is the module sklearn.utils.validation of this process."""
    for name, answer in ANSWERS:
        long_way = getattr(validation, name, None)
        if callable(long_way) and not hasattr(long_way, "long_way"):
            setattr(validation, name, _shortened(long_way, array_type, answer))


def _shortened(long_way: Callable[[Any], Any], array_type: type, answer: Any) -> Callable[..., Any]:
    def shortened(asked: Any, *rest: Any, **named: Any) -> Any:
        if type(asked) is array_type:
            return answer
        return long_way(asked, *rest, **named)

    shortened.long_way = long_way  # type: ignore[attr-defined]
    return shortened
