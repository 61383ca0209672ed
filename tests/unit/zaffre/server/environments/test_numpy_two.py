"""What cannot be loaded beside NumPy 2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.server.environments import numpy_two


@pytest.mark.parametrize(
    ("packages", "broken"),
    [
        ({"numpy": "2.4.6", "scikit-learn": "1.2.2"}, "scikit-learn 1.2.2"),
        ({"numpy": "2.0.0rc1", "scikit-learn": "1.2.2"}, None),
        ({"numpy": "1.26.4", "scikit-learn": "1.2.2"}, None),
        ({"numpy": "2.0.0", "scikit-learn": "1.4.2", "pandas": "2.2.2"}, None),
        ({"numpy": "2.0.0", "scikit-learn": "1.5.0", "pandas": "1.5.3"}, "pandas 1.5.3"),
        ({"scikit-learn": "1.2.2"}, None),
        ({"numpy": "", "torch": ""}, None),
        ({"numpy": "2.1", "torch": "no version"}, None),
    ],
)
def test_the_first_that_cannot_be_loaded_is_named(packages, broken):
    assert numpy_two.broken(packages) == broken


@given(st.dictionaries(st.sampled_from(["numpy", "pandas", "torch"]), st.text(max_size=5)))
def test_any_version_text_is_judged(packages):
    assert numpy_two.broken(packages) is None or packages["numpy"]
