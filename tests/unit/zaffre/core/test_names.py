"""Names and references."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.core import errors, names

SCOPE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("azureml:churn:3", names.Reference("churn", version="3")),
        ("azureml:churn@latest", names.Reference("churn", label="latest")),
        ("azureml:churn", names.Reference("churn")),
        ("churn:1.0", names.Reference("churn", version="1.0")),
        ("churn@stable", names.Reference("churn", label="stable")),
        ("AzureML-Minimal", names.Reference("AzureML-Minimal")),
        (
            f"azureml:{SCOPE}/models/churn/versions/3",
            names.Reference(
                "churn", version="3", kind="models", workspace="w", resource_group="g", subscription="s"
            ),
        ),
        (
            f"{SCOPE.replace('resourceGroups', 'resourcegroups').lower()}/MODELS/churn/Versions/3",
            names.Reference(
                "churn", version="3", kind="models", workspace="w", resource_group="g", subscription="s"
            ),
        ),
        (
            f"{SCOPE}/models/churn",
            names.Reference("churn", kind="models", workspace="w", resource_group="g", subscription="s"),
        ),
        (
            "azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
            names.Reference("sklearn-1.5", label="latest", kind="environments", registry="azureml"),
        ),
        (
            "azureml://registries/r/models/m/versions/2",
            names.Reference("m", version="2", kind="models", registry="r"),
        ),
        (
            "azureml://locations/l/workspaces/w/data/d/versions/1",
            names.Reference("d", version="1", kind="data", location="l", workspace="w"),
        ),
        (
            "azureml:/workspaces/w/models/churn/versions/3",
            names.Reference("churn", version="3", kind="models", workspace="w"),
        ),
        (
            "azureml://subscriptions/s/resourcegroups/g/workspaces/w/data/d/versions/1",
            names.Reference(
                "d", version="1", kind="data", subscription="s", resource_group="g", workspace="w"
            ),
        ),
    ],
)
def test_every_form_of_a_reference_is_read(text: str, wanted: names.Reference) -> None:
    assert names.parse_reference(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "azureml:",
        "azureml:a:b:c",
        "azureml:a@b@c",
        "azureml:a:",
        "azureml:a@",
        "azureml:@latest",
        "./model",
        "../model:1",
        "model/a:1",
        "C:\\models",
        "azureml:a/../b:1",
        "azureml:a\n:1",
        "azureml:a:1\n",
        "azureml://datastores/d/paths/p",
        "azureml://jobs/j/outputs/o/paths/p",
        "azureml://registries/r/models/m/versions/1/x",
        "azureml://registries/r/models/m/revisions/1",
        "azureml://registries/r/unicorns/m/versions/1",
        "azureml://registries/r/models/../versions/1",
        "/subscriptions/s/resourceGroups/g",
        f"{SCOPE}/models/churn/versions",
        "https://example.org/model",
        "runs:/a/b",
    ],
)
def test_what_is_no_reference_is_refused_with_the_right_forms(text: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        names.parse_reference(text)
    assert "azureml:NAME:VERSION" in str(caught.value.hint)


def test_a_reference_to_another_kind_is_refused() -> None:
    with pytest.raises(errors.Invalid, match="under 'environments', not under 'models'"):
        names.parse_reference("azureml://registries/r/environments/e/versions/1", kind="models")


_NAME = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,30}", fullmatch=True)
_WORD = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{2,20}", fullmatch=True)
_KIND = st.sampled_from(["models", "environments", "data", "components"])
_TAIL = st.one_of(
    st.fixed_dictionaries({"version": _NAME}),
    st.fixed_dictionaries({"label": _NAME}),
)
_REFERENCES = st.one_of(
    st.builds(lambda name, tail: names.Reference(name, **tail), _NAME, st.one_of(_TAIL, st.just({}))),
    st.builds(
        lambda name, tail, kind, word: names.Reference(name, kind=kind, registry=word, **tail),
        _NAME,
        _TAIL,
        _KIND,
        _WORD,
    ),
    st.builds(
        lambda name, tail, kind, word: names.Reference(
            name, kind=kind, subscription=word, resource_group=word, workspace=word, **tail
        ),
        _NAME,
        _TAIL,
        _KIND,
        _WORD,
    ),
    st.builds(
        lambda name, tail, kind, word: names.Reference(
            name, kind=kind, location=word, workspace=word, **tail
        ),
        _NAME,
        _TAIL,
        _KIND,
        _WORD,
    ),
    st.builds(
        lambda name, tail, kind, word: names.Reference(name, kind=kind, workspace=word, **tail),
        _NAME,
        _TAIL,
        _KIND,
        _WORD,
    ),
)


@given(_REFERENCES)
def test_a_printed_reference_reads_back(reference: names.Reference) -> None:
    text = str(reference)
    assert names.parse_reference(text) == reference
    assert names.is_reference(text)
    assert not names.is_local_path(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = names.parse_reference(text)
    except errors.Invalid:
        return
    assert names.parse_reference(str(found)).name == found.name


@pytest.mark.parametrize("path", ["model", "./m", "../m", "/m", "C:/m", "c:\\m", "file:///m", "a:1", "m@2"])
def test_local_paths_are_never_references(path: str) -> None:
    assert names.is_local_path(path)
    assert not names.is_reference(path)


@pytest.mark.parametrize(
    "address",
    ["azureml:m:1", "https://h/x", "runs:/r/p", "abfss://c@a/p", "zaffre://trees/x", "git+https://h"],
)
def test_addresses_are_not_local(address: str) -> None:
    assert not names.is_local_path(address)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (names.check_asset_name, ["a", "0", "A.b-c_d", "a" * 255], ["", "-a", ".a", "a b", "a/b", "a" * 256, "ä", "a\n"]),
        (names.check_version, ["1", "1.0", "2024-01-01", "v_1"], ["", "-1", "1:2", "1/2", "1 "]),
        (names.check_alias, ["stable", "v1"], ["latest", "Latest", "", "a b"]),
        (names.check_endpoint_name, ["abc", "a-1", "A" * 32], ["ab", "1ab", "ab-", "a_b", "a" * 33, "abc\n"]),
        (names.check_deployment_name, ["blue", "b-1"], ["b", "blue-", "-lue", "bl.ue"]),
        (names.check_workspace_name, ["default", "w_1-2", "a" * 33], ["ab", "-ab", "a" * 34, "a.b", ""]),
    ],
)  # fmt: skip
def test_names_follow_their_rules(check, good: list[str], bad: list[str]) -> None:
    for name in good:
        assert check(name) == name
    for name in bad:
        with pytest.raises(errors.Invalid):
            check(name)


@pytest.mark.parametrize(
    "text",
    ["churn:3", "azureml:/workspaces/Default/models/churn/versions/3", f"{SCOPE[:-1]}default/models/churn"],
)
def test_a_reference_is_used_where_it_lies(text: str) -> None:
    names.require_here(names.parse_reference(text), "default")


def test_a_reference_to_elsewhere_says_where_that_is() -> None:
    with pytest.raises(errors.Invalid, match=r"of workspace w, .* in workspace default"):
        names.require_here(names.parse_reference(f"{SCOPE}/models/churn/versions/3"), "default")
    with pytest.raises(errors.Unsupported, match="registry"):
        names.require_here(names.parse_reference("azureml://registries/r/models/m/versions/2"), "default")


def test_a_workspace_that_azure_numbered_is_told_apart_from_one_of_another_name() -> None:
    number = "0f8fad5b-d9cb-469f-a165-70867728950e"
    text = f"azureml://locations/westeurope/workspaces/{number}/models/churn/versions/3"
    with pytest.raises(errors.Invalid, match="by the number that Azure gave it") as caught:
        names.require_here(names.parse_reference(text), "default")
    assert caught.value.hint == "Write azureml:churn:3 for what is registered in workspace default."
