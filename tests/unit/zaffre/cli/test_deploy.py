"""Names and packages that `zaffre deploy` makes out of what it finds."""

import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.cli import deploy, entities, token
from zaffre.contracts import online_endpoint
from zaffre.core import errors, names


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}", fullmatch=True))
def test_every_name_of_a_model_gives_a_name_of_an_endpoint(name):
    names.check_endpoint_name(deploy.endpoint_name_of(name))


@pytest.mark.parametrize(
    ("name", "made"),
    [("churn", "churn"), ("My_Model.v2", "my-model-v2"), ("7b", "m-7b"), ("a", "a-endpoint")],
)
def test_names_of_endpoints(name, made):
    assert deploy.endpoint_name_of(name) == made


@pytest.mark.parametrize(
    ("file", "made"), [("my model.pkl", "my-model"), ("a.tar.gz", "a"), ("größe.onnx", "gr-e")]
)
def test_names_of_models(tmp_path, file, made):
    assert deploy.asset_name_of(tmp_path / file) == made


def test_a_folder_keeps_its_dots(tmp_path):
    (tmp_path / "v1.2").mkdir()
    assert deploy.asset_name_of(tmp_path / "v1.2") == "v1.2"


def test_a_name_that_cannot_be_made_is_asked_for():
    with pytest.raises(errors.Invalid, match="No name") as caught:
        deploy.asset_name_of(Path("___"))
    assert "--name" in caught.value.hint


def test_requirements_are_read_without_comments(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("# all\nnumpy==2.0 # pinned\n\nscikit-learn>=1 ; python_version > '3.9'\nx \\\n  ==1\n")
    assert entities.requirement_lines(file) == [
        "numpy==2.0",
        "scikit-learn>=1 ; python_version > '3.9'",
        "x ==1",
    ]
    file.write_text("-r other.txt")
    with pytest.raises(errors.Invalid, match="option"):
        entities.requirement_lines(file)
    with pytest.raises(errors.NotFound, match="absent"):
        entities.requirement_lines(tmp_path / "absent.txt")


@pytest.mark.parametrize(
    ("text", "value"), [("90d", 7776000), ("12h", 43200), ("30m", 1800), ("10s", 10), ("5", 5)]
)
def test_lengths_of_time(text, value):
    assert token.seconds(text) == value


@pytest.mark.parametrize("text", ["", "d", "0d", "-1h", "1.5h", "tomorrow"])
def test_wrong_lengths_of_time(text):
    with pytest.raises(errors.Invalid, match="length of time"):
        token.seconds(text)


@pytest.mark.parametrize(
    ("auth_mode", "local", "command"),
    [
        ("key", False, "zaffre online-endpoint get-credentials -n churn --query primaryKey -o tsv"),
        ("aml_token", False, "zaffre online-endpoint get-credentials -n churn --query accessToken -o tsv"),
        ("key", True, "zaffre online-endpoint get-credentials -n churn --local --query primaryKey -o tsv"),
        ("aad_token", False, None),
    ],
)
def test_what_opens_the_endpoint_is_asked_for_by_its_kind_and_place(auth_mode, local, command):
    endpoint = online_endpoint.ManagedOnlineEndpoint(name="churn", auth_mode=auth_mode)
    asked = types.SimpleNamespace(local=local, workspace_name=None)
    assert deploy._key_command(None, asked, endpoint) == command
    curl = deploy._curl("http://127.0.0.1:1/default/churn/score", command, None)
    assert f'"Authorization: Bearer {f"$({command})" if command else "$TOKEN"}"' in curl
