"""Seconds from `zaffre online-deployment create` to the first right answer over HTTP, by the command line.

`cold_s`: scikit-learn must be solved, fetched (or taken from uv's package cache) and installed; `cached_s`: the environment is
there; `replica_s`: one more instance, until it has answered. Every clock starts before the command does.
"""

import time
from collections.abc import Callable
from typing import Any

from benchmarks import measure, system
from benchmarks.serving import contender, model

WORK = system.WORK / "deploy"
ROUNDS = 3
PATIENCE_S = 120.0
LOOK_S = 0.02
SCRIPT = """import json
import os
import uuid
from pathlib import Path

import joblib


def init():
    global model, instance
    instance = uuid.uuid4().hex
    model = joblib.load(next(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("*.joblib")))


def run(raw_data):
    return {"answer": model.predict_proba(json.loads(raw_data)["data"]).tolist(), "instance": instance}
"""


def main() -> None:
    with system.System(WORK) as running:
        example = model.make(WORK / "model")
        running.create(
            "model", "model.yml", {"name": "iris", "type": "custom_model", "path": str(example.file)}
        )
        conda = {"name": "iris", "conda_file": system.environment(*example.packages), "image": system.IMAGE}
        running.create("environment", "environment.yml", conda)
        found = figures(running, example)
    measure.report(found)  # after the server has said that it stopped: the figures are the last line


def figures(running: system.System, example: model.Example) -> dict[str, float]:
    """Each deployment has an endpoint of its own, so that no other can answer in its place."""
    cold = _deploy(running, example, "cold")
    cached = [_deploy(running, example, f"cached{number}") for number in range(ROUNDS)]
    more = _scale(running, example, "scaled")
    return {
        "cached_s": round(measure.median(cached), 2),
        "cold_s": round(cold, 2),
        "replica_s": round(measure.median(more), 2),
    }


def _deploy(running: system.System, example: model.Example, name: str) -> float:
    """Seconds until the new deployment of a new endpoint answers a row rightly."""
    running.create("online-endpoint", f"{name}.yml", {"name": name, "auth_mode": "key"})
    found = contender.Contender(name, example, *_address(running, example, name))
    return _timed(
        name,
        lambda: running.create("online-deployment", f"{name}-blue.yml", _deployment(name), "--all-traffic"),
        found.is_right,
    )


def _scale(running: system.System, example: model.Example, name: str) -> list[float]:
    """Seconds for each further instance; a script tells which process answered."""
    code = WORK / "code"
    code.mkdir()
    (code / "score.py").write_text(SCRIPT, encoding="utf-8")
    script = {"code_configuration": {"code": str(code), "scoring_script": "score.py"}}
    running.create("online-endpoint", f"{name}.yml", {"name": name, "auth_mode": "key"})
    running.create("online-deployment", f"{name}-blue.yml", {**_deployment(name), **script}, "--all-traffic")
    seen: set[str] = set()
    url, bodies, _, key = _address(running, example, name)

    def rows(answer: Any) -> model.Rows:
        seen.add(answer["instance"])
        given: model.Rows = answer["answer"]
        return given

    found = contender.Contender(name, example, url, bodies, rows, key)
    found.await_right(lambda: True)
    return [_one_more(running, found, seen, count) for count in range(2, 2 + ROUNDS)]


def _one_more(running: system.System, found: contender.Contender, seen: set[str], count: int) -> float:
    words = ("--name", "blue", "--endpoint-name", found.name, "--set", f"instance_count={count}")
    return _timed(
        f"instance {count}",
        lambda: running.zaffre("online-deployment", "update", *words),
        lambda: found.is_right() and len(seen) >= count,
    )


def _timed(what: str, command: Callable[[], object], condition: Callable[[], bool]) -> float:
    began = time.monotonic()
    command()
    while not condition():
        if time.monotonic() - began > PATIENCE_S:
            raise SystemExit(f"{what}: no right answer after {PATIENCE_S:g} s")
        time.sleep(LOOK_S)
    spent = time.monotonic() - began
    print(f"{what}: {spent:.2f} s", flush=True)
    return spent


def _address(
    running: system.System, example: model.Example, name: str
) -> tuple[str, list[str], Callable[[Any], model.Rows], str]:
    url, key = running.address_of(name)
    return url, [model.plain_body(row) for row in example.inputs], lambda answer: answer, key


def _deployment(name: str) -> dict[str, object]:
    return {
        "name": "blue",
        "endpoint_name": name,
        "model": "azureml:iris@latest",
        "environment": "azureml:iris@latest",
        "instance_type": "Standard_F4s_v2",
        "instance_count": 1,
    }


if __name__ == "__main__":
    main()
