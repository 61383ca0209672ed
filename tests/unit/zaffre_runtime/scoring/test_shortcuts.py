"""The shortcuts answer what the long way answers, and are taken for plain arrays only."""

import types

import numpy as np
import pandas as pd
import pytest

from zaffre_runtime.scoring.loaders import shortcuts


@pytest.fixture
def validation():
    """A copy of scikit-learn's own functions, so that the test leaves the real module alone."""
    from sklearn.utils import validation as real

    present = {name: getattr(real, name) for name, _ in shortcuts.ANSWERS}
    return types.SimpleNamespace(
        **{name: getattr(found, "long_way", found) for name, found in present.items()}
    )


class Derived(np.ndarray):
    pass


@pytest.mark.parametrize(
    "given",
    [
        np.zeros((2, 3)),
        np.zeros((2, 3), dtype=object),
        np.zeros((2, 3)).view(Derived),
        pd.DataFrame({"a": [1.0], "b": [2.0]}),
        [[1.0, 2.0]],
    ],
    ids=["array", "objects", "derived", "frame", "list"],
)
def test_the_answer_is_the_long_way_s(validation, given):
    long_way = {name: getattr(validation, name)(given) for name, _ in shortcuts.ANSWERS}
    shortcuts.install(validation, np.ndarray)
    for name, answer in long_way.items():
        np.testing.assert_equal(getattr(validation, name)(given), answer)


def test_only_plain_arrays_are_short_and_installing_twice_changes_nothing():
    asked = []
    validation = types.SimpleNamespace(_get_feature_names=asked.append)
    for _ in range(2):
        shortcuts.install(validation, np.ndarray)
    validation._get_feature_names(np.zeros(3))
    assert asked == []
    validation._get_feature_names("something else")
    assert asked == ["something else"]
    assert not hasattr(validation, "_nw_into_df_or_series")


def test_a_version_without_these_functions_stays_as_it_is():
    shortcuts.install(None, np.ndarray)
