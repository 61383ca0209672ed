"""Generated files: what both loaders make of a valid file in any spelling, and of one with something changed in it.

The examples are the same in every run; the search for new ones is done by raising the number of examples.
"""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zaffre.contracts import strictness

GUID = "00000000-0000-0000-0000-000000000000"
RESOURCE = f"/subscriptions/{GUID}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/x"
ML = (
    f"azureml:/subscriptions/{GUID}/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
)
STEADY = settings(
    max_examples=80,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the generated file lies, with the files that it may name."""
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11, {pip: [numpy]}]\n")
    (tmp_path / "model.txt").write_text("weights")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def cased(text: str) -> st.SearchStrategy[str]:
    """The word in the spellings that people use."""
    camel = "".join(part.capitalize() for part in text.split("_"))
    return st.sampled_from([text, text.upper(), camel, camel[:1].lower() + camel[1:]])


def lowered(text: str) -> st.SearchStrategy[str]:
    """The word where only the case is free."""
    return st.sampled_from([text, text.upper(), text.capitalize()])


def whole(low: int, high: int) -> st.SearchStrategy[Any]:
    """A whole number, also in quotes or with a point."""
    numbers = st.integers(low, high)
    return st.one_of(numbers, numbers.map(str), numbers.map(float))


WORD = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,12}", fullmatch=True).filter(
    lambda word: word[-1:] != "\n"
)
TEXT = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), max_size=12
).map(lambda text: "".join(letter for letter in text if letter.isprintable()))
NAME = st.from_regex(r"[a-zA-Z][-a-zA-Z0-9]{1,20}[a-zA-Z0-9]", fullmatch=True)
FLAG = st.sampled_from([True, False, "true", "Yes", "off", "0", 1, 0])
WORDS = st.dictionaries(WORD, st.one_of(TEXT, st.integers(-9, 9), st.booleans()), max_size=3)
VERSION = st.one_of(
    WORD, st.integers(0, 99), st.floats(0, 9, allow_nan=False).map(lambda number: round(number, 1))
)
REFERENCE = st.one_of(
    st.builds("azureml:{}:{}".format, WORD, WORD),
    st.builds("azureml:{}@{}".format, WORD, WORD),
    st.builds("azureml:{}".format, WORD),
)
PATH = st.sampled_from(["model.txt", "./src", "src/../model.txt", "https://example.org/x", "runs:/r/p"])
PROBE = st.fixed_dictionaries(
    {},
    optional={
        "initial_delay": whole(0, 99),
        "period": whole(1, 99),
        "timeout": whole(1, 99),
        "success_threshold": whole(1, 9),
        "failure_threshold": whole(1, 99),
    },
)
ROUTE = st.fixed_dictionaries({"port": whole(1, 65535), "path": TEXT})
INLINE_ENVIRONMENT = {
    "image": TEXT,
    "conda_file": st.sampled_from(["conda.yml", {"dependencies": ["pip"]}]),
    "description": TEXT,
    "os_type": lowered("linux"),
}
COMMON = {"description": TEXT, "tags": WORDS}
SCALE = st.one_of(
    st.fixed_dictionaries({"type": cased("default")}),
    st.fixed_dictionaries(
        {"type": cased("target_utilization")},
        optional={
            "min_instances": whole(0, 3),
            "max_instances": whole(3, 9),
            "polling_interval": whole(1, 60),
            "target_utilization_percentage": whole(1, 100),
        },
    ),
)
COLLECTION = st.fixed_dictionaries(
    {"enabled": lowered("true")},
    optional={"client_id": TEXT, "data": st.one_of(TEXT, st.fixed_dictionaries({}, optional={"name": TEXT, "path": TEXT}))},
)  # fmt: skip
COLLECTOR = st.fixed_dictionaries(
    {"collections": st.dictionaries(WORD, COLLECTION, max_size=2)},
    optional={
        "rolling_rate": lowered("hour"),
        "sampling_rate": st.one_of(st.floats(0, 1), st.just("0.5"), st.just(1)),
        "request_logging": st.fixed_dictionaries(
            {}, optional={"capture_headers": st.lists(TEXT, max_size=2)}
        ),
    },
)
DEPLOYMENT = {
    **COMMON,
    "properties": WORDS,
    "environment_variables": WORDS,
    "code_configuration": st.fixed_dictionaries({}, optional={"code": PATH, "scoring_script": TEXT}),
    "environment": st.one_of(REFERENCE, st.fixed_dictionaries({}, optional=INLINE_ENVIRONMENT)),
    "model": st.one_of(
        REFERENCE, st.fixed_dictionaries({"name": WORD, "path": PATH}, optional={"version": VERSION})
    ),
    "instance_count": whole(0, 9),
    "app_insights_enabled": FLAG,
    "model_mount_path": TEXT,
    "scale_settings": SCALE,
    "liveness_probe": PROBE,
    "readiness_probe": PROBE,
    "data_collector": COLLECTOR,
    "request_settings": st.fixed_dictionaries(
        {},
        optional={
            "request_timeout_ms": whole(1, 300000),
            "max_concurrent_requests_per_instance": whole(1, 99),
            "max_queue_wait_ms": whole(0, 9999),
        },
    ),
}
QUANTITIES = st.fixed_dictionaries({}, optional={"cpu": TEXT, "memory": TEXT, "nvidia.com/gpu": TEXT})
VALID = {
    "model": st.fixed_dictionaries(
        {"name": WORD},
        optional={
            **COMMON,
            "version": VERSION,
            "type": st.sampled_from(["custom_model", "mlflow_model", "triton_model"]).flatmap(lowered),
            "path": PATH,
            "stage": TEXT,
            "properties": WORDS,
            "flavors": st.dictionaries(WORD, WORDS, max_size=2),
            "latest_version": TEXT,
        },
    ),
    "data": st.fixed_dictionaries(
        {"path": PATH, "name": WORD},
        optional={
            **COMMON,
            "version": VERSION,
            "type": st.sampled_from(["uri_file", "uri_folder", "mltable"]),
            "properties": WORDS,
            "auto_delete_setting": st.fixed_dictionaries(
                {}, optional={"value": TEXT, "condition": cased("last_accessed_greater_than")}
            ),
        },
    ),
    "environment": st.fixed_dictionaries(
        {"name": WORD},
        optional={
            **COMMON,
            **INLINE_ENVIRONMENT,
            "version": VERSION,
            "build": st.fixed_dictionaries({}, optional={"path": st.just("src"), "dockerfile_path": TEXT}),
            "inference_config": st.fixed_dictionaries(
                {"liveness_route": ROUTE, "readiness_route": ROUTE, "scoring_route": ROUTE}
            ),
        },
    ),
    "online-endpoint": st.fixed_dictionaries(
        {"name": NAME},
        optional={
            **COMMON,
            "auth_mode": st.sampled_from(["key", "aml_token", "aad_token"]).flatmap(cased),
            "traffic": st.tuples(whole(0, 100)).map(
                lambda part: {"blue": part[0], "green": 100 - int(part[0])}
            ),
            "mirror_traffic": st.fixed_dictionaries({"red": whole(0, 50)}),
            "properties": WORDS,
            "location": TEXT,
            "identity": st.fixed_dictionaries({"type": cased("system_assigned")}),
            "compute": st.builds("azureml:{}".format, WORD),
        },
    ),
    "online-deployment": st.one_of(
        st.fixed_dictionaries(
            {"name": NAME, "endpoint_name": NAME, "instance_type": TEXT},
            optional={
                **DEPLOYMENT,
                "egress_public_network_access": lowered("enabled"),
                "type": cased("managed"),
            },
        ),
        st.fixed_dictionaries(
            {"name": NAME, "endpoint_name": NAME, "type": st.just("kubernetes")},
            optional={
                **DEPLOYMENT,
                "resources": st.fixed_dictionaries(
                    {}, optional={"requests": QUANTITIES, "limits": QUANTITIES}
                ),
            },
        ),
    ),
    "workspace": st.fixed_dictionaries(
        {"name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{2,20}", fullmatch=True)},
        optional={
            "description": TEXT,
            "tags": st.dictionaries(WORD, TEXT, max_size=2),
            "location": TEXT,
            "resource_group": TEXT,
            "display_name": TEXT,
            "hbi_workspace": FLAG,
            "key_vault": st.just(RESOURCE),
            "public_network_access": lowered("enabled"),
            "enable_data_isolation": FLAG,
        },
    ),
}
KINDS = list(VALID)


@pytest.mark.parametrize("kind", KINDS)
@STEADY
@given(data=st.data())
def test_a_valid_file_in_any_spelling_has_the_same_values(
    oracle: Any, folder: Path, kind: str, data: Any
) -> None:
    document = data.draw(VALID[kind])
    path = folder / "file.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    found = oracle.compare(kind, path)
    assert (found.ours.refusal, found.theirs.refusal) == (None, None)
    assert found.differences == []


ODD: list[Any] = [
    None, "", 0, 1, -1, 5.0, 5.7, "5", "x y", "True", True, False, [], [1], ["a"], [{}], {}, {"a": 1}, {1: 2},
    "azureml:a:1", "azureml:a", "azureml:", "azureml:a:b:c", "azureml://registries/r/models/m/versions/1",
    "azureml://registries/r/environments/e/labels/latest", f"{ML}/models/m/versions/1", "file:conda.yml",
    "https://example.org/y", "runs:/a/b", "nowhere", "KEY", "Kubernetes", "TargetUtilization", "Hour", {"a": {"b": 1}},
    "a" * 300, 10**12, float("nan"), "azureml://datastores/d/paths/p",
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [place for key, item in inner for place in places(item, (*path, key))]


def changed(document: Any, place: tuple[Any, ...], how: str, odd: Any) -> Any:
    """The document with one place deleted, renamed or replaced, or with a key more."""
    result = copy.deepcopy(document)
    holder = result
    for step in place[:-1]:
        holder = holder[step]
    if how == "replaced":
        holder[place[-1]] = odd
    elif how == "deleted":
        holder.pop(place[-1])
    elif how == "renamed" and isinstance(holder, dict):
        holder[f"{place[-1]}s"] = holder.pop(place[-1])
    elif isinstance(holder, dict):
        holder["extra"] = odd
    return result


@pytest.mark.parametrize("kind", KINDS)
@STEADY
@given(data=st.data())
def test_a_changed_file_has_the_same_verdict(oracle: Any, folder: Path, kind: str, data: Any) -> None:
    document = data.draw(VALID[kind])
    place = data.draw(st.sampled_from(places(document)[1:]))
    how = data.draw(st.sampled_from(["replaced", "replaced", "deleted", "renamed", "added"]))
    document = changed(document, place, how, data.draw(st.sampled_from(ODD)))
    path = folder / "file.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    found = oracle.compare(kind, path)
    assert found.differences == []
    if found.ours.accepted != found.theirs.accepted:
        rules = strictness.LOOSER if found.ours.accepted else strictness.STRICTER
        refusal = found.ours.refusal or found.theirs.refusal
        assert any(rule.explains(refusal) for rule in rules), refusal
