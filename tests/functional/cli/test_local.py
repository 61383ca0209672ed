"""`--local`: a deployment tried on a private server that nobody starts, configures or stops."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from zaffre_runtime.shim import records

ZAFFRE = str(Path(sys.executable).with_name("zaffre"))

SCORE = """
import json, os, pathlib
from azureml.core.model import Model

def init():
    global factor
    factor = json.loads(pathlib.Path(Model.get_model_path("factor")).read_text())
    print("the factor is", factor)

def run(data):
    rows = json.loads(data)["data"]
    return [factor * value for value in rows]
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
    assert "`zaffre online-deployment get-logs --local -e tried -n blue`" in failed.stderr
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
    shell("online-endpoint", "update", "--local", "-n", "fetched", "--traffic", "blue=0")
    shell("online-deployment", "delete", "--local", "-e", "fetched", "-n", "blue", "-y")
    assert shell.out("online-deployment", "list", "--local", "-e", "fetched", "-o", "tsv") == ""


def test_deploy_takes_files_and_registered_models_without_registering_anything(with_private, folder):
    shell = with_private
    shell("model", "create", "-n", "stepped", "-p", folder / "factor.json", "--type", "custom_model")
    (folder / "stepped.json").write_text("7")
    (folder / "code" / "stepped.py").write_text(SCORE.replace('"factor"', '"stepped"'))
    words = ("--local", "-n", "stepped", "-c", folder / "conda.yml", "-s", folder / "code" / "stepped.py")
    made = shell("deploy", folder / "stepped.json", *words)
    answer = shell.script(made.stdout.splitlines()[2].removeprefix("try it "), local_rows(folder))
    assert json.loads(answer.stdout) == [7, 14], answer.stderr
    shell("deploy", "stepped:1", *words)
    answer = shell.out("online-endpoint", "invoke", "--local", "-n", "stepped", "-r", folder / "rows.json")
    assert json.loads(answer) == [5, 10]
    shell("online-endpoint", "delete", "--local", "-n", "stepped", "-y")


def local_rows(folder):
    (folder / "request.json").write_text('{"data": [1, 2]}')
    return folder


class Editor:
    """The few messages of the Debug Adapter Protocol that an editor sends to attach, break and go on."""

    def __init__(self, port):
        self._link = socket.create_connection(("127.0.0.1", port), timeout=240)
        self._file = self._link.makefile("rwb")
        self._number = 0

    def send(self, command, **arguments):
        self._number += 1
        message = {"seq": self._number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self._file.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._file.flush()

    def await_(self, kind, name):
        while True:
            length = 0
            while line := self._file.readline().strip():
                length = int(line.partition(b":")[2])
            message = json.loads(self._file.read(length))
            if message["type"] == kind and message.get("event", message.get("command")) == name:
                return message.get("body") or {}

    def attach(self, break_in, line, **configuration):
        self.send("initialize", adapterID="tests", pathFormat="path")
        self.await_("response", "initialize")
        self.send("attach", **configuration)
        self.await_("event", "initialized")
        self.send("setBreakpoints", source={"path": break_in}, breakpoints=[{"line": line}])
        self.await_("response", "setBreakpoints")
        self.send("configurationDone")

    def close(self):
        self._file.close()
        self._link.close()


@pytest.fixture
def started(alone):
    """Starts command lines; whatever still runs at the end is ended."""
    running = []

    def start(*words):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        running.append(subprocess.Popen([ZAFFRE, *words], env=alone.environment, text=True, **pipes))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_a_debugger_attaches_before_the_script_starts_and_may_take_its_time(tried, started, folder, request):
    line = next(n for n, text in enumerate(SCORE.splitlines(), 1) if "rows = json" in text)
    words = ("--local", "-f", folder / "blue.yml", "--vscode-debug", "-n", "green")
    create = started("online-deployment", "create", *words)
    said = []
    while not said or "waiting for a debugger" not in said[-1]:
        said.append(create.stderr.readline())
        assert said[-1], said
    launch = "".join(said)
    launch = json.loads(launch[launch.index("{\n") : launch.index("\n}\n") + 2])
    assert launch["type"] == "debugpy"
    editor = Editor(int(said[-1].rsplit(":", 1)[1]))
    request.addfinalizer(editor.close)
    shown = started("online-deployment", "show", "--local", "-e", "tried", "-n", "green").communicate(
        timeout=60
    )[0]
    assert json.loads(shown)["instances_ready"] == 0
    assert create.poll() is None, "nothing answers yet"
    editor.attach(str(folder / "code" / "score.py"), line, pathMappings=launch["pathMappings"])
    _, rest = create.communicate(timeout=240)
    assert create.returncode == 0
    assert "the factor is 5" in rest
    rows = ("-d", "green", "-r", folder / "rows.json")
    call = started("online-endpoint", "invoke", "--local", "-n", "tried", *rows)
    thread = editor.await_("event", "stopped")["threadId"]
    assert call.poll() is None
    editor.send("continue", threadId=thread)
    assert json.loads(call.communicate(timeout=240)[0]) == [5, 10]


def test_no_debugger_is_waited_for_on_a_server_of_others(zaffre, folder):
    wanted = ("endpoint_name=shared", "zaffre.debugger_port=5678")
    zaffre("online-endpoint", "create", "-n", "shared")
    said = zaffre(
        "online-deployment",
        "create",
        "-f",
        folder / "blue.yml",
        *[w for s in wanted for w in ("--set", s)],
        code=3,
    )
    assert "--local --vscode-debug" in said.stderr
    zaffre("online-endpoint", "delete", "-n", "shared", "-y")


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
