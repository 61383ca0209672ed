"""Secrets come from files and standard input, whole, and with a word when they cannot."""

import io
import sys
import types

import pytest

from zaffre.cli import hidden_text
from zaffre.core import errors


def test_a_file_and_standard_input_lose_their_last_end_of_line_only(tmp_path, monkeypatch):
    (tmp_path / "x").write_bytes(b" a\n\nb \n")
    assert hidden_text.read(str(tmp_path / "x")) == " a\n\nb "
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO("schlüssel\r\n".encode())))
    assert hidden_text.read("-") == "schlüssel"


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(errors.NotFound, match="No such file"):
        hidden_text.read(str(tmp_path / "absent"))
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(errors.Invalid, match="UTF-8"):
        hidden_text.read(str(tmp_path / "bytes"))
    (tmp_path / "big").write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(errors.TooLarge):
        hidden_text.read(str(tmp_path / "big"))
