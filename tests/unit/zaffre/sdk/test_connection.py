"""Which server, which token, which workspace."""

import json

import pytest

from zaffre.core import errors
from zaffre.sdk import connection


@pytest.fixture
def home(tmp_path):
    (tmp_path / "server.json").write_text(json.dumps({"url": "http://127.0.0.1:8123", "pid": 1}))
    (tmp_path / "token").write_text("zf_local\n")
    return {"ZAFFRE_HOME": str(tmp_path)}


def test_the_local_server_is_found_with_its_token(home):
    found = connection.find(environ=home)
    assert (found.url, found.token) == ("http://127.0.0.1:8123", "zf_local")
    assert "zf_local" not in repr(found)


def test_arguments_win_over_the_environment_and_that_over_the_home(home):
    home |= {"ZAFFRE_URL": "https://zaffre.example/", "ZAFFRE_TOKEN": "zf_env"}
    assert connection.find(environ=home).url == "https://zaffre.example"
    assert connection.find(url="http://other:1", token="zf_x", environ=home).url == "http://other:1"


@pytest.mark.parametrize(
    "url", ["http://elsewhere.example:8123", "http://127.0.0.1:9", "https://127.0.0.1:8123"]
)
def test_the_local_token_goes_to_the_local_server_only(home, url):
    with pytest.raises(errors.Unauthenticated):
        connection.find(environ=home | {"ZAFFRE_URL": url})


@pytest.mark.parametrize("url", ["http://localhost:8123", "http://[::1]:8123/", "http://127.0.0.1:8123"])
def test_other_words_for_this_machine_are_the_same_server(home, url):
    assert connection.find(environ=home | {"ZAFFRE_URL": url}).token == "zf_local"


@pytest.mark.parametrize("url", ["ftp://x", "127.0.0.1:80", "http://", "http://user:secret@host"])
def test_wrong_addresses_are_refused(url):
    with pytest.raises(errors.Invalid) as caught:
        connection.find(environ={"ZAFFRE_URL": url, "ZAFFRE_TOKEN": "t", "ZAFFRE_HOME": "/nonexistent"})
    assert "ZAFFRE_URL" in str(caught.value)


def test_a_token_with_odd_characters_is_refused_and_not_shown(home):
    with pytest.raises(errors.Unauthenticated) as caught:
        connection.find(environ=home | {"ZAFFRE_TOKEN": "gehe\nim"})
    assert "gehe" not in str(caught.value)


def test_nothing_configured(tmp_path):
    with pytest.raises(errors.Unavailable, match="No Zaffre server") as caught:
        connection.find(environ={"ZAFFRE_HOME": str(tmp_path / "none")})
    assert "zaffre server start" in caught.value.hint


def test_a_stopped_server_is_named(home, tmp_path):
    (tmp_path / "server.json").write_text(json.dumps({"url": "http://127.0.0.1:8123", "pid": None}))
    with pytest.raises(errors.Unavailable, match="stopped"):
        connection.find(environ=home)


def test_a_damaged_file_is_named(home, tmp_path):
    (tmp_path / "server.json").write_text("{")
    with pytest.raises(errors.Invalid, match=r"server\.json"):
        connection.find(environ=home)


CONFIG = {"subscription_id": "s", "resource_group": "g", "workspace_name": "w"}


@pytest.mark.parametrize("place", ["config.json", ".azureml/config.json", "aml_config/project.json"])
def test_the_config_file_is_searched_here_and_above(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(json.dumps(CONFIG))
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert connection.read_workspace_file(connection.find_workspace_file(below)) == ("s", "g", "w")


def test_a_named_config_file_and_a_missing_one(tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps(CONFIG))
    assert connection.find_workspace_file(tmp_path, "mine.json") == tmp_path / "mine.json"
    assert connection.find_workspace_file(tmp_path / "mine.json") == tmp_path / "mine.json"
    with pytest.raises(errors.NotFound, match=r"other\.json"):
        connection.find_workspace_file(tmp_path, "other.json")


def test_the_old_form_with_a_scope_is_read(tmp_path):
    scope = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    (tmp_path / "config.json").write_text(json.dumps({"Scope": scope}))
    assert connection.read_workspace_file(tmp_path / "config.json") == ("s", "g", "w")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"Scope": "x"}'])
def test_a_wrong_config_file_is_refused(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(errors.Invalid, match=r"config\.json"):
        connection.read_workspace_file(tmp_path / "config.json")
