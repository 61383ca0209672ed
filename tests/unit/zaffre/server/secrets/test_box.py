"""Sealed values open with their own key file alone, and that file is the owner's."""

import stat

import pytest

from zaffre.core import errors
from zaffre.server import secrets


def test_a_second_box_over_the_same_file_opens_what_the_first_sealed(tmp_path):
    sealed = secrets.Box(tmp_path / "key").seal("hush")
    assert "hush" not in sealed
    assert secrets.Box(tmp_path / "key").open(sealed) == "hush"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_another_key_is_an_error_that_says_so(tmp_path):
    sealed = secrets.Box(tmp_path / "one").seal("hush")
    with pytest.raises(errors.Unavailable, match="another key"):
        secrets.Box(tmp_path / "two").open(sealed)


def test_a_key_file_that_others_could_read_is_closed(tmp_path):
    secrets.Box(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    secrets.Box(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_file_that_is_no_key_says_so(tmp_path):
    (tmp_path / "key").write_text("not a key")
    with pytest.raises(errors.Invalid, match="holds no key"):
        secrets.Box(tmp_path / "key")
