"""File names from strangers."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.core import hostile


@pytest.mark.parametrize(
    "path",
    [
        "", "/etc/passwd", "../x", "a/../b", "a/..", "..", ".", "./a", "a//b", "a/", "a\\b", "..\\x", "C:/x", "c:x",
        "a\0b", "a\nb", "a\x7fb", "a\u0085b", "a\u2028b", "~/x", "%2e%2e/x", "%2E%2E%2Fx", "a%2f..%2fb", "a%5cb", "a%00",
        "%252e%252e%252fx", "%25252e%25252e%25252fx", "a" * 256, "a/" * 600 + "b", "\ud800",
    ],
)  # fmt: skip
def test_hostile_names_are_told_from_harmless_ones(path: str) -> None:
    assert hostile.why(path) is not None


@pytest.mark.parametrize(
    "path",
    ["a", "a/b.txt", "..a", "a..", "model v2/a (1).pkl", "100%.csv", "rate%20x", "ä/日本.onnx", "run:1"],
)
def test_ordinary_names_are_harmless(path: str) -> None:
    assert hostile.why(path) is None


@given(st.text(alphabet=string.ascii_letters + "./\\%2eEfF:~\0 5cC", max_size=24))
def test_a_harmless_name_stays_below_its_folder(path: str) -> None:
    if hostile.why(path) is None:
        parts = path.split("/")
        assert not path.startswith(("/", "~"))
        assert not {"", ".", ".."} & set(parts)
        assert "\\" not in path
        assert "\0" not in path
