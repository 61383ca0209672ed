"""Models, data and environments by the command line, on a real server, in the words of az scripts."""

import functools
import http.server
import json
import os
import threading

import pytest


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(os.urandom(50_000))
    (folder / "sub" / "note.txt").write_text("größe")
    (tmp_path / "model.yml").write_text("name: churn\npath: ./model\ntype: custom_model\ntags: {team: a}\n")
    return folder


def test_a_script_written_for_az_runs_as_it_is(zaffre, model, tmp_path):
    done = zaffre.script(
        """
        az configure --defaults group="my-rg" workspace="default"
        az ml model create -f model.yml --set name=scripted --set version=7 --set tags.env=test
        az ml model create --name scripted --path model/weights.bin --type custom_model --tags k=v k2=v2
        VERSION=$(az ml model list -n scripted --query '[0].version' -o tsv)
        echo "latest=$VERSION"
        az ml model update --name scripted --version 7 --set tags.stage=Prod --set description="a b" --query tags.stage -o tsv
        az ml model show -n scripted -v 7 --query "{n: name, t: tags.env}" -o tsv
        az ml model show --name scripted --label latest --query version --output tsv
        az ml model archive -n scripted -v 7
        az ml model list --name scripted --query "length(@)" -o tsv
        az ml model restore --name scripted --version 7
        az ml model download -n scripted -v 7 -p ./out >/dev/null
        diff -r model out/scripted/model && echo same
        az configure --defaults group="" workspace=""
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    tail = [line for line in lines if line and line[0] not in '{} "']
    assert tail == ["latest=8", "Prod", "scripted\ttest", "8", "1", "same"]


def test_the_same_bytes_are_sent_once(zaffre, model, tmp_path):
    first = zaffre("model", "create", "-n", "once", "-p", model).stderr
    assert "uploading" in first
    assert "uploading" not in zaffre("model", "create", "-n", "again", "-p", model).stderr


def test_a_version_never_changes_but_its_tags_do(zaffre, model):
    zaffre("model", "create", "-n", "fixed", "-v", "1", "-p", model, "--tags", "a=b")
    zaffre("model", "create", "-n", "fixed", "-v", "1", "-p", model, "--tags", "a=c")
    assert zaffre.value("model", "show", "-n", "fixed", "-v", "1", "--query", "tags.a") == "c"
    (model / "weights.bin").write_bytes(b"other")
    refused = zaffre("model", "create", "-n", "fixed", "-v", "1", "-p", model, code=5)
    assert "never changes" in refused.stderr
    assert (
        "cannot be changed"
        in zaffre("model", "update", "-n", "fixed", "-v", "1", "--set", "name=x", code=2).stderr
    )
    assert (
        "type"
        in zaffre("model", "update", "-n", "fixed", "-v", "1", "--set", "type=mlflow_model", code=2).stderr
    )
    zaffre("model", "update", "-n", "fixed", "-v", "1", "--remove", "tags.a")
    assert zaffre.out("model", "show", "-n", "fixed", "-v", "1", "--query", "tags") == ""


def test_search_by_tags_stage_and_type(zaffre, model):
    zaffre(
        "model", "create", "-n", "found", "-p", model, "--tags", "area=x", "grade=1", "--stage", "Production"
    )
    zaffre("model", "create", "-n", "other", "-p", model, "--tags", "area=x", "grade=2")
    names = ["--query", "sort([].name)"]
    assert zaffre.value("model", "list", "--tag", "area=x", *names) == "found\nother"
    assert zaffre.value("model", "list", "--tag", "area=x", "--tag", "grade=1", *names) == "found"
    assert zaffre.value("model", "list", "--tag", "area=x", "grade=2", *names) == "other"
    assert zaffre.value("model", "list", "--tag", "area=x", "-s", "Production", *names) == "found"
    assert zaffre.out("model", "list", "--tag", "area=x", "--type", "mlflow_model", *names, "-o", "tsv") == ""
    assert (
        zaffre.out("model", "list", "--tag", "area=x", "--created-before", "2020-01-01", *names, "-o", "tsv")
        == ""
    )
    assert zaffre.value("model", "list", "--tag", "area=x", "-r", "1", "--query", "length(@)") == "1"
    refused = zaffre("model", "list", "--tag", "area : x", code=2)
    assert "--tag area=x" in refused.stderr


def test_aliases_move_and_remember(zaffre, model):
    zaffre("model", "create", "-n", "aliased", "-p", model)
    zaffre("model", "create", "-n", "aliased", "-p", model / "weights.bin")
    zaffre("model", "alias", "set", "-n", "aliased", "-a", "champion", "-v", "1", "--reason", "first")
    zaffre("model", "alias", "set", "-n", "aliased", "-a", "champion", "-v", "2", "--reason", "better")
    assert zaffre.value("model", "show", "-n", "aliased", "-l", "champion", "--query", "version") == "2"
    history = json.loads(zaffre.out("model", "alias", "history", "-n", "aliased", "-a", "champion"))
    assert [(step["version"], step["reason"]) for step in history] == [("2", "better"), ("1", "first")]
    zaffre("model", "alias", "delete", "-n", "aliased", "-a", "champion")
    zaffre("model", "show", "-n", "aliased", "-l", "champion", code=4)
    assert (
        "newest" in zaffre("model", "alias", "set", "-n", "aliased", "-a", "latest", "-v", "1", code=2).stderr
    )


def test_a_pickle_is_registered_with_one_line_of_warning(zaffre, tmp_path):
    (tmp_path / "m.pkl").write_bytes(b"not really")
    said = zaffre("model", "create", "-n", "pickled", "-p", tmp_path / "m.pkl").stderr
    assert next(line for line in said.splitlines() if line.startswith("WARNING")).count("pickle") == 1


def test_deleting(zaffre, model):
    zaffre("model", "create", "-n", "doomed", "-p", model)
    zaffre("model", "delete", "-n", "doomed", "-v", "1")
    zaffre("model", "show", "-n", "doomed", "-v", "1", code=4)
    zaffre("model", "delete", "-n", "doomed", "-v", "1", code=4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: churn\npaht: ./model\n", "path"),
        ("name: churn\npath: ./absent\n", "absent"),
        ("name: 'a b'\npath: ./model\n", "name"),
        ("name: churn\npath: ./model\ntype: mlflow_model\n", "MLmodel"),
        ("name: [\n", "broken.yml"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(zaffre, model, tmp_path, text, said):
    (tmp_path / "broken.yml").write_text(text)
    refused = zaffre("model", "create", "-f", tmp_path / "broken.yml", code=4 if "absent" in said else 2)
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("churn@latest", "zaffre model show --name churn --label latest"),
        ("azureml:churn:3", "zaffre model show --name churn --version 3"),
    ],
)
def test_a_reference_in_place_of_a_name_is_told_apart(zaffre, given, said):
    refused = zaffre("model", "show", "-n", given, code=2)
    assert f"{given!r} is a reference" in refused.stderr
    assert said in refused.stderr


def test_a_curated_environment_is_shown_though_nobody_registered_it(zaffre):
    name = "AzureML-sklearn-1.0-ubuntu20.04-py38-cpu"
    shown = json.loads(zaffre.out("environment", "show", "-n", name, "-v", "12"))
    assert (shown["name"], shown["version"]) == (name, "12")
    assert any("scikit-learn" in line for line in shown["zaffre"]["requirements"])
    unknown = zaffre("environment", "show", "-n", "AzureML-sklaern-1.5", code=4).stderr
    assert "'AzureML-sklaern-1.5' is not known here" in unknown
    assert "sklearn-1.5" in unknown
    assert "zaffre environment list --registry-name azureml" in unknown


def test_the_registry_of_curated_environments_is_read_as_with_az(zaffre):
    listed = json.loads(zaffre.out("environment", "list", "--registry-name", "azureml", "-o", "json"))
    names = [item["name"] for item in listed]
    assert {"sklearn-1.5", "minimal"} <= set(names)
    assert not [name for name in names if "*" in name or name.startswith("no-code")]
    one = zaffre.value(
        "environment", "list", "--registry-name", "azureml", "-n", "sklearn-1.5", "--query", "[].name"
    )
    assert one == "sklearn-1.5"
    words = ("environment", "show", "--registry-name", "azureml", "-n")
    shown = json.loads(zaffre.out(*words, "sklearn-1.5", "--label", "latest"))
    assert "scikit-learn~=1.5.0" in shown["zaffre"]["requirements"]
    assert "not known here" in zaffre(*words, "nothing-like-it", code=4).stderr
    assert "azureml" in zaffre("environment", "list", "--registry-name", "ours", code=6).stderr
    zaffre("model", "list", "--registry-name", "azureml", code=6)


def test_data_assets(zaffre, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    (tmp_path / "data.yml").write_text("name: rides\npath: rows.csv\ntype: uri_file\n")
    zaffre("data", "create", "-f", tmp_path / "data.yml")
    made = json.loads(
        zaffre.out("ml", "data", "create", "-n", "rides", "-p", tmp_path, "-t", "uri_folder", "-d", "all")
    )
    assert (made["version"], made["description"]) == ("2", "all")
    zaffre("data", "download", "-n", "rides", "-v", "1", "-p", tmp_path / "out")
    assert (tmp_path / "out" / "rides" / "rows.csv").read_text() == "a,b\n1,2\n"
    zaffre("data", "update", "-n", "rides", "-v", "1", "--set", "tags.x=y")
    assert zaffre.value("data", "list", "--tag", "x=y", "--query", "[].version") == "1"


def test_data_at_a_web_address_is_fetched_when_it_is_registered(zaffre, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{web.server_port}/rows.csv"
        done = zaffre("data", "create", "-n", "fetched", "-p", address, "-t", "uri_file")
        made = json.loads(done.stdout)
        refused = zaffre("data", "create", "-n", "fetched", "-p", address, code=6).stderr
        web.shutdown()
    assert "downloading data fetched (8 bytes)" in done.stderr
    assert (made["version"], made["properties"]) == ("1", {"zaffre.source": address})
    zaffre("data", "download", "-n", "fetched", "-v", "1", "-p", tmp_path / "out")
    assert (tmp_path / "out" / "fetched" / "rows.csv").read_text() == "a,b\n1,2\n"
    assert "as type uri_folder" in refused


def test_environments_and_their_copies(zaffre, tmp_path):
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11, pip, {pip: [joblib]}]\n")
    (tmp_path / "env.yml").write_text("name: sk\nconda_file: conda.yml\nimage: some/base:1\ntags: {a: b}\n")
    zaffre("environment", "create", "-f", tmp_path / "env.yml")
    zaffre(
        "environment",
        "create",
        "-n",
        "plain",
        "-c",
        tmp_path / "conda.yml",
        "-i",
        "some/base:1",
        "--tags",
        "c=d",
    )
    same = "conda_file.dependencies[0]"
    assert zaffre.value("environment", "show", "-n", "plain", "-v", "1", "--query", same) == "python=3.11"
    copy = json.loads(
        zaffre.out("environment", "create", "-n", "copy", "--from", "azureml:sk:1", "--tags", "from=sk")
    )
    assert (copy["name"], copy["version"], copy["tags"]["from"]) == ("copy", "1", "sk")
    assert copy["conda_file"]["dependencies"][0] == "python=3.11"
    assert "--name is required" in zaffre("environment", "create", "--from", "sk@latest", code=2).stderr
    zaffre("environment", "create", "-n", "copy2", "--from", "azureml:absent:1", code=4)


@pytest.mark.parametrize("noun", ["data", "environment"])
def test_every_noun_of_the_registry_has_aliases(zaffre, model, noun):
    content = ["-p", model] if noun == "data" else ["--image", "x"]
    zaffre(noun, "create", "-n", "pointed", *content)
    zaffre(noun, "alias", "set", "-n", "pointed", "-a", "approved", "-v", "1", "--reason", "by the board")
    assert zaffre.value(noun, "show", "-n", "pointed", "-l", "approved", "--query", "version") == "1"
    (move,) = json.loads(zaffre.out(noun, "alias", "history", "-n", "pointed", "-a", "approved"))
    assert (move["version"], move["reason"]) == ("1", "by the board")
    listed = json.loads(zaffre.out(noun, "alias", "list", "-n", "pointed"))
    assert [one["alias"] for one in listed] == ["latest", "approved"]
