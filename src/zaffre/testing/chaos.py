"""A served endpoint on a real server that tests and benchmarks break: what a user does over REST, and what is left over.

Every answer of the deployed script tells who gave it, so that a load can check deployment and value.
"""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from zaffre.core import version
from zaffre.testing import open_loop, server
from zaffre_runtime.shim import records

ENDPOINT = "/workspaces/default/online-endpoints/churn"
SCRIPT = """
import json, os
def init():
    global weight
    folder = os.environ["AZUREML_MODEL_DIR"]
    weight = int(open(os.path.join(folder, "model.txt")).read())
def run(raw_data):
    print(raw_data)
    return {{"deployment": {deployment!r}, "weight": weight, "value": weight * json.loads(raw_data)["number"]}}
"""


class Site:
    """One server, one endpoint `churn`. Calls go on while the server is killed and started again."""

    def __init__(self, process: server.ServerProcess) -> None:
        self.server = process
        self._weight = 0

    def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One request to the control plane. Raises httpx.TransportError when it is not there."""
        with self.server.client() as client:
            return client.request(method, path, **arguments)

    def done(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """A request that must be accepted; waits for its operation."""
        answer = self.call(method, path, **arguments)
        if answer.status_code >= 300:
            raise AssertionError(f"{method} {path}: {answer.text}")
        return self.wait(answer.json()) if answer.status_code == 202 else answer.json()

    def wait(self, operation: dict[str, Any], *, timeout_s: float = 240) -> dict[str, Any]:
        """The operation when it has ended."""
        end, answer = time.monotonic() + timeout_s, None
        while time.monotonic() < end:
            try:
                answer = self.call("GET", f"/workspaces/default/operations/{operation['id']}")
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            if answer.status_code == 200 and answer.json()["state"] in ("Succeeded", "Failed", "Canceled"):
                found: dict[str, Any] = answer.json()
                return found
            time.sleep(0.05)
        raise AssertionError(f"operation {operation} did not end: {answer.text if answer else 'no answer'}")

    def upload(self, files: dict[str, bytes]) -> str:
        """Store files as a tree; returns its address."""
        entries = []
        for path, content in files.items():
            digest = hashlib.sha256(content).hexdigest()
            self.call("PUT", f"/artifacts/blobs/{digest}", content=content).raise_for_status()
            entries.append({"path": path, "size": len(content), "digest": digest})
        answer = self.call("POST", "/workspaces/default/trees", json={"files": entries})
        answer.raise_for_status()
        return str(answer.json()["address"])

    def model(self) -> str:
        """A new version of the model, with a weight of its own."""
        self._weight += 1
        address = self.upload({"model.txt": str(self._weight).encode()})
        made = self.done(
            "POST", "/workspaces/default/models/churn/versions",
            json={"type": "custom_model", "path": f"{address}/model.txt"},
        )  # fmt: skip
        return f"azureml:churn:{made['version']}"

    def body(self, name: str, *, model: str, **fields: Any) -> dict[str, Any]:
        """A deployment."""
        code = self.upload({"code/score.py": SCRIPT.format(deployment=name).encode()})
        return {
            "model": model,
            "environment": "azureml:plain:1",
            "code_configuration": {"code": f"{code}/code", "scoring_script": "score.py"},
            "instance_type": "Standard_DS3_v2",
            "instance_count": 1,
            "request_settings": {"max_concurrent_requests_per_instance": 1000, "request_timeout_ms": 20000},
            **fields,
        }

    def serve(self, **fields: Any) -> None:
        """From nothing to a deployment `blue` with all traffic."""
        self.done(
            "POST", "/workspaces/default/environments/plain/versions",
            json={"conda_file": {"dependencies": ["python=3.11"]}},
        )  # fmt: skip
        self.done("PUT", ENDPOINT, json={"auth_mode": "key"})
        self.deploy("blue", all_traffic=True, **fields)

    def deploy(self, name: str, *, all_traffic: bool = False, **fields: Any) -> None:
        """Make a deployment with a new model and wait until it serves."""
        done = self.done(
            "PUT", f"{ENDPOINT}/deployments/{name}",
            json=self.body(name, model=self.model(), **fields), params={"all_traffic": all_traffic},
        )  # fmt: skip
        if done["state"] != "Succeeded":
            raise AssertionError(done)

    def load(self, rate: float = 200, *, at_most: int | None = None) -> open_loop.OpenLoop:
        """A steady load whose answers are checked; `at_most` so many requests are under way."""
        key = self.done("GET", f"{ENDPOINT}/credentials")["primary_key"]
        url = f"{self.server.facts()['scoring_url']}/default/churn/score"
        return open_loop.OpenLoop(
            url,
            headers={"Authorization": f"Bearer {key}"},
            rate=rate,
            check=check_answer,
            verify=self.server.verify(url),
            at_most=at_most,
        )

    def replicas(self) -> dict[str, int]:
        """The processes of replicas, and of the router, by service id."""
        return {name: state["pid"] for name, state in self.states() if state.get("pid")}

    def restarts(self, revision: str) -> int:
        """How often processes of a revision were started again."""
        return sum(state["restarts"] for name, state in self.states() if name.startswith(revision))

    def states(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """What every shim has written down, by service id; services that come or go at this moment are left out."""
        for path in (self.server.home / "services").glob("[0-9a-f]*/spec.json"):
            spec, state = records.read_json(str(path)), records.read_json(str(path.with_name(records.STATE)))
            if spec and state:
                yield spec["id"], state


def check_answer(number: int, answer: open_loop.Answer) -> str:
    """Nothing when the answer is right: its deployment is the one that the header names, its value fits its weight."""
    if answer.status_code != 200:
        return f"{answer.status_code} {answer.text[:200]}"
    said = answer.json()
    if said["deployment"] != answer.headers["azureml-model-deployment"]:
        return f"the header says {answer.headers['azureml-model-deployment']}: {said}"
    return "" if said["value"] == said["weight"] * number else f"a wrong value: {said}"


def stop_services(home: Path) -> None:
    """End what outlives the server."""
    subprocess.run(
        [sys.executable, "-m", "zaffre.server.app.stopping"],
        env={**os.environ, "ZAFFRE_HOME": str(home), "PYTHONPATH": str(Path(version.__file__).parents[2])},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def processes(home: Path) -> list[str]:
    """Command lines of live processes that name the home or were started by it."""
    marks = (os.fsencode(str(home)), os.fsencode(f"ZAFFRE_HOME={home}"))
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            command = (process / "cmdline").read_bytes()
            environ = (process / "environ").read_bytes()
        except OSError:
            continue
        if command and any(mark in command or mark in environ for mark in marks):
            found.append(command.replace(b"\0", b" ").decode(errors="replace")[:200])
    return found
