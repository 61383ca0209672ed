"""Manifests and tree addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.contracts import manifests
from zaffre.core import errors

ZERO = "0" * 64
_PATHS = st.lists(
    st.lists(st.from_regex(r"[a-z0-9_.]{0,3}[a-z0-9_]", fullmatch=True), min_size=1, max_size=3).map(
        "/".join
    ),
    max_size=8,
    unique=True,
)


def entry(path: str, size: int = 1, digest: str = ZERO) -> manifests.FileEntry:
    return manifests.FileEntry(path=path, size=size, digest=digest)


def test_the_digest_depends_on_the_files_and_not_on_their_order() -> None:
    first = manifests.Manifest.of([entry("b"), entry("a", 2)])
    second = manifests.Manifest.of([entry("a", 2), entry("b")])
    assert first.digest == second.digest
    assert [item.path for item in first.files] == ["a", "b"]
    assert first.size == 3
    assert manifests.Manifest.of([entry("a", 2), entry("c")]).digest != first.digest
    assert manifests.Manifest.of([entry("a", 3), entry("b")]).digest != first.digest


def test_the_digest_never_changes_between_releases() -> None:
    manifest = manifests.Manifest.of([entry("model/ä.pkl", 12)])
    assert manifest.canonical() == f'[["model/ä.pkl",12,"{ZERO}"]]'.encode()
    assert (
        manifests.Manifest.of([]).digest == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
    )


@given(_PATHS)
def test_a_manifest_survives_the_wire(paths: list[str]) -> None:
    try:
        manifest = manifests.Manifest.of([entry(path, index) for index, path in enumerate(paths)])
    except errors.Invalid:
        folders = {path[:end] for path in paths for end in range(len(path)) if path[end] == "/"}
        assert folders & set(paths)
        return
    again = manifests.Manifest.parse(manifest.model_dump(mode="json"))
    assert again == manifest
    assert again.digest == manifest.digest


@pytest.mark.parametrize(
    "files",
    [
        [("../x", 1, ZERO)],
        [("/x", 1, ZERO)],
        [("%2e%2e/x", 1, ZERO)],
        [("a", -1, ZERO)],
        [("a", 1.5, ZERO)],
        [("a", 1, "0" * 63)],
        [("a", 1, "0" * 63 + "G")],
        [("a", 1, ZERO + "\n")],
        [("a", 1, ZERO), ("a", 1, ZERO)],
        [("Readme", 1, ZERO), ("README", 1, ZERO)],
        [("\u00e4", 1, ZERO), ("a\u0308", 1, ZERO)],
        [("a", 1, ZERO), ("a/b", 1, ZERO)],
        [("A/c", 1, ZERO), ("a", 1, ZERO)],
    ],
)
def test_a_hostile_manifest_is_refused(files: list[tuple[str, float, str]]) -> None:
    body = {"files": [{"path": path, "size": size, "digest": digest} for path, size, digest in files]}
    with pytest.raises(errors.Invalid, match="manifest is not valid"):
        manifests.Manifest.parse(body)


@pytest.mark.parametrize(
    "body", [None, [], "x", {}, {"files": {}}, {"files": [], "more": 1}, {"files": [{}]}]
)
def test_what_is_no_manifest_is_refused(body: object) -> None:
    with pytest.raises(errors.Invalid):
        manifests.Manifest.parse(body)


def test_files_below_a_path() -> None:
    manifest = manifests.Manifest.of([entry("model/a"), entry("model/b/c"), entry("models")])
    assert [item.path for item in manifest.below("model")] == ["model/a", "model/b/c"]
    assert [item.path for item in manifest.below("model/a")] == ["model/a"]
    assert len(manifest.below("")) == 3


def test_addresses_name_a_tree_and_a_place_in_it() -> None:
    text = manifests.address(ZERO, "model/a.pkl")
    assert text == f"zaffre://trees/{ZERO}/model/a.pkl"
    parsed = manifests.parse_address(text)
    assert (parsed.digest, parsed.path, parsed.name, str(parsed)) == (ZERO, "model/a.pkl", "a.pkl", text)
    assert str(manifests.parse_address(f"zaffre://trees/{ZERO}")) == f"zaffre://trees/{ZERO}"


@pytest.mark.parametrize(
    "text",
    [
        "", "model", "zaffre://trees/", f"zaffre://trees/{ZERO[:-1]}", f"zaffre://trees/{ZERO}/", f"zaffre://trees/{ZERO}/../x",
        f"zaffre://trees/{ZERO}//x", f"zaffre://trees/{ZERO.replace('0', 'A')}", f"zaffre://trees/{ZERO}x", f"zaffre://trees/{ZERO}\n",
        f"zaffre://trees/{ZERO}/%2e%2e/x", f"zaffre://blobs/{ZERO}",
    ],
)  # fmt: skip
def test_malformed_addresses_are_refused(text: str) -> None:
    assert not manifests.is_address(text)
    with pytest.raises(errors.Invalid):
        manifests.parse_address(text)
