"""YAML: lines of keys, and refusals that say what to do."""

import contextlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.contracts import yaml_source
from zaffre.core import errors


def test_keys_know_their_lines() -> None:
    document = yaml_source.parse("a: 1\nb:\n  - c: 2\n  - d: 3\n")
    assert document.data == {"a": 1, "b": [{"c": 2}, {"d": 3}]}
    assert document.line(("b", 1, "d")) == 4
    assert document.line(("b", 1, "missing")) == 4
    assert document.line(("nothing",)) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("- a\n- b\n", "is a list"),
        ("just text", "is a single value"),
        ("a: 1\n\tb: 2\n", "indented with a tab"),
        ("a: 1\na: 2\n", "'a' is given twice; first in line 1"),
        ("a: {b: 1, b: 2}\n", "'b' is given twice"),
        ("a: 1\n---\nb: 2\n", "more than one document"),
        ("a: [1, 2\n", "not valid YAML"),
        ("a: !!python/object/apply:os.system [x]\n", "not valid YAML"),
        ("a: &x [*x]\n", "alias contains itself"),
        ("a: *nothing\n", "not valid YAML"),
        ("? [a, b]\n: 1\n", "must be a single word"),
        ("a: 2024-13-45\n", "cannot be read"),
        ("a: '\x01'\n", "not valid YAML"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
    ],
)
def test_what_is_no_mapping_is_refused_with_a_sentence(text: str, words: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        yaml_source.parse(text, name="model.yml")
    assert words in caught.value.detail
    assert caught.value.detail.startswith("model.yml")


@pytest.mark.parametrize(
    "line", ["endpoint_name: {{ENDPOINT_NAME}}", "image: {{ACR_NAME}}.example.org/server:1"]
)
def test_a_placeholder_that_was_not_filled_in_is_told_from_a_mistake(line: str) -> None:
    with pytest.raises(errors.Invalid, match=r"deployment\.yml:2: ") as caught:
        yaml_source.parse(f"name: blue\n{line}\n", name="deployment.yml")
    assert "placeholder such as {{NAME}}" in str(caught.value.hint)


def test_aliases_that_multiply_are_refused_before_they_grow() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(errors.Invalid, match="through its aliases"):
        yaml_source.parse("\n".join(lines))


def test_merge_keys_and_ordinary_aliases_work() -> None:
    document = yaml_source.parse("base: &b {x: 1}\nuse:\n  <<: *b\n  y: 2\nagain: *b\n")
    assert document.data == {"base": {"x": 1}, "use": {"x": 1, "y": 2}, "again": {"x": 1}}


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound, match="does not exist"):
        yaml_source.read(tmp_path / "missing.yml")
    with pytest.raises(errors.Invalid, match="is a folder"):
        yaml_source.read(tmp_path)
    binary = tmp_path / "model.pkl"
    binary.write_bytes(b"\x80\x04\x95")
    with pytest.raises(errors.Invalid, match="not UTF-8 text"):
        yaml_source.read(binary)
    with pytest.raises(errors.Invalid, match="cannot be read"):
        yaml_source.read("a\0b")


def test_open_files_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "odd.YAML"
    path.write_bytes(b"\xef\xbb\xbfname: churn\n")
    with path.open("rb") as file:
        assert yaml_source.read(file).name == str(path)
    assert yaml_source.read(path).data == {"name": "churn"}
    assert yaml_source.read(io.StringIO("a: 1")).data == {"a": 1}


def test_too_large_a_file_is_refused() -> None:
    with pytest.raises(errors.Invalid, match="larger than 16 MiB"):
        yaml_source.read(io.BytesIO(b"a" * (yaml_source.MAX_BYTES + 1)))


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(errors.Invalid):
        assert isinstance(yaml_source.parse(text).data, dict)
