"""The other servers: how each is started on one core as its documentation recommends for throughput, and how it speaks.

All get one worker process (one core), no access log, and batching where they have it.
"""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.serving import contender, environments, model, processes

APPS = Path(__file__).parent / "apps"
ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "1"}
MOST = 32  # rows of one batch: the number of connections


def _plain_rows(answer: Any) -> model.Rows:
    found: model.Rows = answer
    return found


@dataclasses.dataclass(frozen=True)
class Peer:
    """`command(programs, folder, port)` gives the argument list; `prepare` writes what it needs into `folder`."""

    name: str
    command: Callable[[Path, Path, int], list[str]]
    path: str = "/score"
    packaged: bool = True
    body: Callable[[list[float]], str] = model.plain_body
    rows: Callable[[Any], model.Rows] = _plain_rows
    prepare: Callable[[model.Example, Path, int], None] = lambda example, folder, port: None
    many_body: Callable[[list[list[float]]], str] | None = None
    """The body of many rows, where the server takes them in one request."""

    def start(self, example: model.Example, folder: Path, core: int) -> "Running":
        """Start it on a core of its own; `folder` is its working folder."""
        programs, port = environments.ensure(self.name), processes.free_port()
        folder.mkdir(parents=True)
        self.prepare(example, folder, port)
        process = processes.Pinned(
            self.command(programs, folder, port),
            core=core,
            cwd=folder,
            environment={
                **ENVIRONMENT,
                "MODEL_FILE": str(example.file),
                "PATH": f"{programs}:{os.environ['PATH']}",
            },
            log=folder / "log.txt",
        )
        url = f"http://127.0.0.1:{port}{self.path}"
        bodies = [self.body(row) for row in example.inputs]
        return Running(process, contender.Contender(self.name, example, url, bodies, self.rows))


@dataclasses.dataclass(frozen=True)
class Running:
    """A started peer; `stop` its process in the end."""

    process: processes.Pinned
    contender: contender.Contender


def _mlserver_files(example: model.Example, folder: Path, port: int) -> None:
    address = {"host": "127.0.0.1", "http_port": port, "grpc_port": processes.free_port()}
    settings = {**address, "debug": False, "parallel_workers": 0, "metrics_endpoint": None}
    one = {
        "name": "iris",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(example.file)},
        "max_batch_size": MOST,
        "max_batch_time": 0.001,
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "model-settings.json").write_text(json.dumps(one), encoding="utf-8")


def _mlserver_body(row: list[float]) -> str:
    given = {"name": "rows", "shape": [1, len(row)], "datatype": "FP64", "data": row}
    return json.dumps({"inputs": [given], "outputs": [{"name": "predict_proba"}]})


def _mlserver_many(rows: list[list[float]]) -> str:
    data = [value for row in rows for value in row]
    given = {"name": "rows", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": data}
    return json.dumps({"inputs": [given], "outputs": [{"name": "predict_proba"}]})


def _mlserver_rows(answer: Any) -> model.Rows:
    output = answer["outputs"][0]
    assert output["name"] == "predict_proba"
    width = output["shape"][1]
    return [output["data"][start : start + width] for start in range(0, len(output["data"]), width)]


def _mlflow_files(example: model.Example, folder: Path, port: int) -> None:
    environments.run(
        "mlflow",
        [str(APPS / "mlflow_save.py"), str(example.file), str(folder / "model"), str(example.inputs_file)],
    )


def _mlflow_command(programs: Path, folder: Path, port: int) -> list[str]:
    address = ["--host", "127.0.0.1", "--port", str(port)]
    return [str(programs / "mlflow"), "models", "serve", "--model-uri", str(folder / "model"),
            "--env-manager", "local", "--workers", "1", *address]  # fmt: skip


def _azureml_command(programs: Path, folder: Path, port: int) -> list[str]:
    return [str(programs / "azmlinfsrv"), "--entry_script", str(APPS / "azureml_app.py"),
            "--model_dir", str(folder), "--port", str(port), "--worker_count", "1"]  # fmt: skip


def _azureml_files(example: model.Example, folder: Path, port: int) -> None:
    (folder / "model.joblib").write_bytes(example.file.read_bytes())


PEERS = (
    Peer(
        "mlserver",
        lambda programs, folder, port: [str(programs / "mlserver"), "start", str(folder)],
        path="/v2/models/iris/infer",
        body=_mlserver_body,
        many_body=_mlserver_many,
        rows=_mlserver_rows,
        prepare=_mlserver_files,
    ),
    Peer(
        "litserve",
        lambda programs, folder, port: [str(programs / "python"), str(APPS / "litserve_app.py"), str(port)],
        path="/predict",
    ),
    Peer(
        "mlflow",
        _mlflow_command,
        path="/invocations",
        body=lambda row: json.dumps({"inputs": [row]}),
        many_body=lambda rows: json.dumps({"inputs": rows}),
        rows=lambda answer: answer["predictions"],
        prepare=_mlflow_files,
    ),
    Peer(
        "bentoml",
        lambda programs, folder, port: [
            str(programs / "bentoml"), "serve", "bentoml_app:Scorer", "--working-dir", str(APPS),
            "--host", "127.0.0.1", "--port", str(port),
        ],
        many_body=model.plain_rows,
    ),
    Peer("azureml", _azureml_command, prepare=_azureml_files, many_body=model.plain_rows),
    Peer(
        "fastapi",
        lambda programs, folder, port: [
            str(programs / "uvicorn"), "fastapi_app:app", "--app-dir", str(APPS), "--loop", "uvloop",
            "--http", "httptools", "--no-access-log", "--log-level", "warning",
            "--host", "127.0.0.1", "--port", str(port),
        ],
        packaged=False,
        many_body=model.plain_rows,
    ),
)  # fmt: skip
