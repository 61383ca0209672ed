"""The corpus: files of every kind, read by both loaders. Its folders say the verdict, then the kind.

`stricter` and `looser` hold one case or more for each rule of the table of differences; the file is named by the rule.
"""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from zaffre.contracts import files, schemas, strictness
from zaffre.core import errors

CORPUS = Path(__file__).parent / "corpus"
STRICTER = {rule.name: rule for rule in strictness.STRICTER}
LOOSER = {rule.name: rule for rule in strictness.LOOSER}
# Rules that a file alone cannot show; they have a test of their own below.
WITHOUT_FILE = {"set-list-index"}


def cases(verdict: str) -> list[Any]:
    found = sorted(path for path in (CORPUS / verdict).glob("*/*") if path.is_file())
    return [pytest.param(path.parent.name, path, id=f"{path.parent.name}/{path.name}") for path in found]


def rule_of(path: Path) -> str:
    return path.stem.partition("--")[0]


@pytest.mark.parametrize(("kind", "path"), cases("valid"))
def test_both_accept_with_the_same_values(oracle: Any, kind: str, path: Path) -> None:
    found = oracle.compare(kind, path)
    assert (found.ours.refusal, found.theirs.refusal) == (None, None)
    assert found.differences == []


@pytest.mark.parametrize(("kind", "path"), cases("invalid"))
def test_both_refuse(oracle: Any, kind: str, path: Path) -> None:
    found = oracle.compare(kind, path)
    assert not found.ours.accepted
    assert not found.theirs.accepted
    assert path.name in found.ours.refusal


@pytest.mark.parametrize(("kind", "path"), cases("stricter"))
def test_ours_alone_refuses_and_says_why(oracle: Any, kind: str, path: Path) -> None:
    found = oracle.compare(kind, path)
    assert found.theirs.refusal is None
    assert not found.ours.accepted
    assert STRICTER[rule_of(path)].explains(found.ours.refusal)


@pytest.mark.parametrize(("kind", "path"), cases("looser"))
def test_ours_alone_accepts_what_was_plainly_meant(oracle: Any, kind: str, path: Path) -> None:
    found = oracle.compare(kind, path)
    assert found.ours.refusal is None
    assert not found.theirs.accepted
    assert LOOSER[rule_of(path)].explains(found.theirs.refusal)


@pytest.mark.parametrize(("verdict", "rules"), [("stricter", STRICTER), ("looser", LOOSER)])
def test_every_rule_of_the_table_has_a_case(verdict: str, rules: dict[str, strictness.Rule]) -> None:
    shown = {rule_of(path) for path in (CORPUS / verdict).glob("*/*") if path.is_file()}
    assert shown | (WITHOUT_FILE & set(rules)) == set(rules)


@pytest.mark.parametrize(("kind", "path"), cases("valid"))
def test_the_extension_key_changes_nothing_else(kind: str, path: Path, tmp_path: Path) -> None:
    plain = files.load_yaml(path, kind)
    extended = files.load_yaml(path, kind, params_override=[{"zaffre": {}}])
    assert extended.zaffre is not None
    extended.zaffre = None
    assert extended == plain


@pytest.mark.parametrize(("kind", "path"), cases("valid"))
def test_editors_accept_what_the_reader_accepts(kind: str, path: Path) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text()), schemas.schema(kind))


OVERRIDES = [
    ("model/full.yml", [{"version": 9}, {"tags.year": 2025}, {"type": "Triton_Model"}]),
    ("model/minimal.yml", [{"tags.a": "b"}, {"properties": {"x": 1}}]),
    ("data/full.yml", [{"type": "uri_folder"}, {"description": "new"}]),
    ("environment/own-container.yml", [{"inference_config.scoring_route.port": 9}]),
    ("online-endpoint/full.yml", [{"traffic": {"green": 100}}, {"auth_mode": "KEY"}]),
    ("online-endpoint/minimal.yml", [{"compute": "azureml:k8s"}]),
    ("online-deployment/full.yml", [{"instance_count": 5}, {"request_settings.request_timeout_ms": 10}]),
    ("online-deployment/minimal.yml", [{"endpoint_name": "other"}, {"code_configuration.code": "src"}]),
    ("online-deployment/minimal.yml", [{"data_collector.request_logging.capture_headers[0]": "h"}, {"data_collector.collections.a.enabled": "true"}]),
    ("workspace/minimal.yml", [{"tags.a": "b"}]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "overrides"), OVERRIDES)
def test_overrides_have_the_same_effect(oracle: Any, name: str, overrides: list[dict[str, Any]]) -> None:
    found = oracle.compare(name.partition("/")[0], CORPUS / "valid" / name, overrides)
    assert (found.ours.refusal, found.theirs.refusal) == (None, None)
    assert found.differences == []


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("online-deployment/full.yml", [{"model.path": "x"}]),
        ("online-deployment/full.yml", [{"environment.image": "x"}]),
        ("online-deployment/minimal.yml", [{"instance_cont": 2}]),
        ("online-deployment/minimal.yml", [{"instance_count": "many"}]),
        ("model/minimal.yml", [{"name.first": "x"}]),
    ],
)
def test_overrides_are_refused_alike(oracle: Any, name: str, overrides: list[dict[str, Any]]) -> None:
    found = oracle.compare(name.partition("/")[0], CORPUS / "valid" / name, overrides)
    assert not found.ours.accepted
    assert not found.theirs.accepted


def test_a_number_reaches_into_a_list_as_well(oracle: Any) -> None:
    found = oracle.compare(
        "model", CORPUS / "valid/model/full.yml", [{"allowed_deployment_templates.0.asset_id": "z"}]
    )
    assert found.ours.entity.allowed_deployment_templates[0].asset_id == "z"
    assert LOOSER["set-list-index"].explains(found.theirs.refusal)


def test_a_refusal_names_the_file_and_the_line() -> None:
    with pytest.raises(errors.Invalid, match=r"unknown-key\.yml:2: stagee: unknown key 'stagee'"):
        files.load_model(CORPUS / "invalid/model/unknown-key.yml")
