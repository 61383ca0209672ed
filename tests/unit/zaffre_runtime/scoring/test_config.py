import json

import pytest

from zaffre_runtime.scoring import config, errors


def load(tmp_path, environ=None, **settings):
    path = tmp_path / "scoring.json"
    path.write_text(json.dumps({"socket": "/run/x.sock", **settings}))
    return config.load({"ZAFFRE_SCORING_CONFIG": str(path), **(environ or {})})


def test_defaults_and_unknown_keys_of_a_newer_server(tmp_path):
    settings = load(tmp_path, app_root=None, something_new=1)
    assert (settings.request_timeout_ms, settings.max_batch, settings.health_path) == (5000, 64, "/")


def test_the_server_may_send_null_for_what_is_absent(tmp_path):
    settings = load(tmp_path, host=None, port=None, app_root=None, entry_script=None, model_dir=None)
    assert settings.socket == "/run/x.sock"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "is not set"),
        ({"ZAFFRE_SCORING_CONFIG": "/nowhere/x.json"}, "No such file"),
        ({"ZAFFRE_SCORING_CONFIG": "/"}, "Is a directory"),
    ],
)
def test_no_file(environ, words):
    with pytest.raises(errors.ConfigurationError, match=words):
        config.load(environ)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"port": 80}, "either `socket` or `port`"),
        ({"socket": None}, "either `socket` or `port`"),
        ({"entry_script": "score.py"}, "needs `app_root`"),
        ({"max_batch": 0}, "`max_batch`"),
        ({"max_batch": "64"}, r"\$\.max_batch"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, settings, words):
    with pytest.raises(errors.ConfigurationError, match=words):
        load(tmp_path, **settings)


@pytest.mark.parametrize(("given", "wanted"), [("100", 100), ("9000000", 5000)])
def test_the_users_timeout_only_shortens(tmp_path, given, wanted):
    assert load(tmp_path, {"SCORING_TIMEOUT_MS": given}).request_timeout_ms == wanted


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "soon", ""])
def test_a_timeout_that_is_no_number(tmp_path, given):
    with pytest.raises(errors.ConfigurationError, match="SCORING_TIMEOUT_MS"):
        load(tmp_path, {"SCORING_TIMEOUT_MS": given})


def test_import_folders_are_the_scripts_own_the_root_and_the_source_directory(tmp_path):
    settings = load(tmp_path, app_root="/app", entry_script="src/score.py")
    assert config.import_folders(settings, {}) == ["/app/src", "/app"]
    assert config.import_folders(settings, {"AZUREML_SOURCE_DIRECTORY": "lib"}) == [
        "/app/src",
        "/app",
        "/app/lib",
    ]
    assert config.import_folders(load(tmp_path), {}) == []


def test_the_deployments_own_variables_win_and_the_users_other_ones_stay(tmp_path):
    environ = {"AZUREML_MODEL_DIR": "/elsewhere", "SERVICE_NAME": "mine"}
    config.process_environment(load(tmp_path, model_dir="/models", endpoint="churn"), environ)
    assert environ["AZUREML_MODEL_DIR"] == "/models"
    assert environ["SERVICE_NAME"] == "mine"
    assert environ["WORKER_COUNT"] == "1"
    assert "AML_APP_ROOT" not in environ


def test_a_worker_sees_the_worker_count_that_the_user_set(tmp_path):
    environ = {"WORKER_COUNT": "3"}
    config.process_environment(load(tmp_path), environ)
    assert environ["WORKER_COUNT"] == "3"
