"""`--local`: a deployment tried on a private server that nobody starts, configures or stops."""

import json
import os
import socket

import pytest

from zaffre_runtime.shim import records

SCORE = """
import json, os, pathlib
from azureml.core.model import Model

def init():
    global factor
    factor = json.loads(pathlib.Path(Model.get_model_path("factor")).read_text())
    print("the factor is", factor)

def run(data):
    return [factor * value for value in json.loads(data)["data"]]
"""

BLUE = """
name: blue
endpoint_name: tried
model: {path: factor.json, name: factor}
code_configuration: {code: code, scoring_script: score.py}
environment: {conda_file: conda.yml, image: "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest"}
instance_type: Standard_DS3_v2
instance_count: 1
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tried")
    (folder / "code").mkdir()
    (folder / "code" / "score.py").write_text(SCORE)
    (folder / "factor.json").write_text("5")
    (folder / "conda.yml").write_text("dependencies: [python=3.11]\n")
    (folder / "blue.yml").write_text(BLUE)
    (folder / "rows.json").write_text('{"data": [1, 2]}')
    return folder


@pytest.fixture(scope="module")
def tried(alone, folder):
    port = free_port()
    alone("online-endpoint", "create", "--local", "-n", "tried", "--port", port)
    made = alone("online-deployment", "create", "--local", "-f", folder / "blue.yml")
    return port, made


def test_no_server_is_needed_and_every_line_is_on_the_terminal(tried, alone, folder):
    port, made = tried
    assert "[instance 0] the factor is 5" in made.stderr.splitlines()
    assert json.loads(made.stdout)["provisioning_state"] == "Succeeded"
    answer = alone.out("online-endpoint", "invoke", "--local", "-n", "tried", "-r", folder / "rows.json")
    assert json.loads(answer) == [5, 10]
    shown = json.loads(alone.out("online-endpoint", "show", "--local", "-n", "tried"))
    assert shown["scoring_uri"] == f"http://127.0.0.1:{port}/default/tried/score"
    assert "the factor is 5" in alone.out(
        "online-deployment", "get-logs", "--local", "-n", "blue", "-e", "tried"
    )
    assert alone.out("online-endpoint", "list", "--local", "--query", "[].name", "-o", "tsv") == "tried\n"
    names = alone.out(
        "online-deployment", "list", "--local", "-e", "tried", "--query", "[].name", "-o", "tsv"
    )
    assert names == "blue\n"
    assert "No Zaffre server" in alone("online-endpoint", "list", code=7).stderr


def test_a_port_that_is_taken_is_named_with_its_holder(tried, alone):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = ("online-endpoint", "update", "--local", "-n", "tried", "--set", "tags.a=b", "--port", port)
        said = alone(*words, code=7).stderr
    assert f"Port {port}" in said
    assert f"process {os.getpid()} (" in said
    moved = free_port()
    alone(*words[:-1], moved)
    uri = alone.out(
        "online-endpoint", "show", "--local", "-n", "tried", "--query", "scoring_uri", "-o", "tsv"
    )
    assert f":{moved}/" in uri


def test_a_script_that_fails_says_so_and_the_one_before_goes_on(tried, alone, folder, tmp_path):
    (folder / "code" / "broken.py").write_text(
        SCORE.replace("global factor", "raise ValueError('no factor')")
    )
    words = ("--set", "code_configuration.scoring_script=broken.py")
    failed = alone("online-deployment", "update", "--local", "-f", folder / "blue.yml", *words, code=2)
    assert any(line.startswith("[instance 0] ValueError: no factor") for line in failed.stderr.splitlines())
    answer = alone.out("online-endpoint", "invoke", "--local", "-n", "tried", "-r", folder / "rows.json")
    assert json.loads(answer) == [5, 10]


def test_registered_things_are_fetched_from_the_configured_server(with_private, folder):
    shell = with_private
    shell("model", "create", "-n", "seven", "-p", folder / "factor.json", "--type", "custom_model")
    shell("environment", "create", "-n", "plain", "-c", folder / "conda.yml", "-i", "any:1")
    (folder / "code" / "score7.py").write_text(SCORE.replace('"factor"', '"seven"'))
    wanted = ("model=azureml:seven@latest", "environment=azureml:plain:1", "endpoint_name=fetched")
    settings = [
        word for text in (*wanted, "code_configuration.scoring_script=score7.py") for word in ("--set", text)
    ]
    shell("online-endpoint", "create", "--local", "-n", "fetched")
    shell("online-deployment", "create", "--local", "-f", folder / "blue.yml", *settings)
    answer = shell.out("online-endpoint", "invoke", "--local", "-n", "fetched", "-r", folder / "rows.json")
    assert json.loads(answer) == [5, 10]
    assert shell.out("online-endpoint", "list", "--query", "[?name=='fetched']", "-o", "tsv") == ""


def test_the_private_server_ends_when_nobody_asks_and_takes_an_empty_router_along(tmp_path, alone):
    home = tmp_path / "idle"
    shell = type(alone)(home)
    shell.environment["ZAFFRE_IDLE_EXIT_S"] = "1"
    shell("online-endpoint", "create", "--local", "-n", "short")
    shell("online-endpoint", "delete", "--local", "-n", "short", "-y")
    state = home / "local" / "server.json"
    shell.until(lambda: json.loads(state.read_text())["pid"] is None, "the end of the server")
    services = home / "local" / "services"
    shell.until(
        lambda: not any(records.lock_holder(str(folder)) for folder in services.iterdir()),
        "the end of the router",
    )
