"""What is measured beside the one model: nothing, many rows, an MLflow model, an ONNX model, a picture. Each on an endpoint of
its own, set up as a user would, and beside those peers that can do the same with what they have installed:

    empty    ours only: the path with a model that gives back its input
    rows32   32 rows in one body: all but litserve, whose documented form takes one row a request
    mlflow   an MLflow model with a signature of named columns: MLflow's own server
    onnx     the same classifier as ONNX: nobody, the peers' environments hold no onnxruntime
    picture  1 MB through a script that takes bytes: azureml's server and FastAPI
"""

import dataclasses
import json
import random
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import mlflow.sklearn
import numpy as np
import pandas as pd
import skl2onnx
from mlflow.models import infer_signature
from sklearn.preprocessing import FunctionTransformer

from benchmarks import system
from benchmarks.serving import contender, environments, model, ours, peers

MANY = 32
PICTURE = random.Random(1).randbytes(1_000_000)
APPS = Path(__file__).parent / "apps"
COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
ONNX_TOLERANCE = 1e-5  # it calculates in single precision


@dataclasses.dataclass(frozen=True)
class Variant:
    """`deploy(running, example, folder)` gives our contender; `peer` gives a running peer's, or None where it cannot."""

    name: str
    deploy: Callable[[system.System, model.Example, Path], contender.Contender]
    peer: Callable[[peers.Peer, contender.Contender], contender.Contender | None] = lambda peer, base: None


def _plain(answer: Any) -> model.Rows:
    found: model.Rows = answer
    return found


def _contender(
    running: system.System, name: str, known: model.Known, bodies: list[str] | list[bytes]
) -> contender.Contender:
    url, key = running.address_of(name)
    return contender.Contender(f"zaffre {name}", known, url, bodies, _plain, key)


def _empty(running: system.System, example: model.Example, folder: Path) -> contender.Contender:
    file = folder / "nothing" / "model.joblib"
    file.parent.mkdir(parents=True)
    joblib.dump(FunctionTransformer(), file)
    ours.put(running, "nothing", {"type": "custom_model", "path": str(file)}, example.packages)
    known = model.Known([[row] for row in example.inputs])
    return _contender(running, "nothing", known, [model.plain_body(row) for row in example.inputs])


def _rows32(running: system.System, example: model.Example, folder: Path) -> contender.Contender:
    rows, known = model.many(example, MANY)
    return _contender(running, ours.ENDPOINT, known, [model.plain_rows(rows)])


def _rows32_of(peer: peers.Peer, base: contender.Contender) -> contender.Contender | None:
    if peer.many_body is None or not isinstance(base.example, model.Example):
        return None
    rows, known = model.many(base.example, MANY)
    return dataclasses.replace(base, example=known, bodies=[peer.many_body(rows)])


def _mlflow(running: system.System, example: model.Example, folder: Path) -> contender.Contender:
    frame = pd.DataFrame(example.inputs, columns=COLUMNS)
    fitted = joblib.load(example.file)
    mlflow.sklearn.save_model(
        fitted,
        str(folder / "mlflow-model"),
        signature=infer_signature(frame, np.array(example.answers)),
        pyfunc_predict_fn="predict_proba",
        serialization_format="pickle",
        pip_requirements=["scikit-learn"],
    )
    packages = [*example.packages, f"mlflow-skinny=={mlflow.__version__}", f"pandas=={pd.__version__}"]
    ours.put(running, "frames", {"type": "mlflow_model", "path": str(folder / "mlflow-model")}, packages)
    bodies = [
        json.dumps({"input_data": {"columns": COLUMNS, "index": [0], "data": [row]}})
        for row in example.inputs
    ]
    return _contender(running, "frames", model.Known([[row] for row in example.answers]), bodies)


def _onnx(running: system.System, example: model.Example, folder: Path) -> contender.Contender:
    converted = skl2onnx.to_onnx(
        joblib.load(example.file), np.array(example.inputs[:1], dtype=np.float32), options={"zipmap": False}
    )
    converted.graph.output.remove(
        converted.graph.output[0]
    )  # the label; probabilities alone, as by the others
    file = folder / "onnx" / "model.onnx"
    file.parent.mkdir()
    file.write_bytes(converted.SerializeToString())
    ours.put(running, "onnx", {"type": "custom_model", "path": str(file)}, ["onnxruntime", "numpy"])
    known = model.Known([[row] for row in example.answers], ONNX_TOLERANCE)
    return _contender(running, "onnx", known, [model.plain_body(row) for row in example.inputs])


def _picture_known() -> model.Known:
    return model.Known([[[len(PICTURE), zlib.crc32(PICTURE)]]])


def _picture(running: system.System, example: model.Example, folder: Path) -> contender.Contender:
    code = folder / "picture"
    code.mkdir()
    shutil.copy(APPS / "image_script.py", code / "score.py")
    given = {"code": str(code), "scoring_script": "score.py"}
    ours.put(running, "picture", None, [], code_configuration=given)
    return _contender(running, "picture", _picture_known(), [PICTURE])


def _picture_of(peer: peers.Peer, base: contender.Contender) -> contender.Contender | None:
    if peer.name != "fastapi":
        return None
    url = base.url.replace("/score", "/image")
    return dataclasses.replace(base, example=_picture_known(), url=url, bodies=[PICTURE])


def _frame_files(example: model.Example, folder: Path, port: int) -> None:
    arguments = [str(example.file), str(folder / "model"), str(example.inputs_file), *COLUMNS]
    environments.run("mlflow", [str(APPS / "mlflow_save.py"), *arguments])


def _frame_body(row: list[float]) -> str:
    return json.dumps({"dataframe_split": {"columns": COLUMNS, "data": [row]}})


def _picture_command(programs: Path, folder: Path, port: int) -> list[str]:
    return [str(programs / "azmlinfsrv"), "--entry_script", str(APPS / "image_script.py"),
            "--port", str(port), "--worker_count", "1"]  # fmt: skip


def others(name: str) -> peers.Peer | None:
    """The peer that has to be started for a variant."""
    by_name = {peer.name: peer for peer in peers.PEERS}
    if name == "mlflow":
        return dataclasses.replace(by_name["mlflow"], prepare=_frame_files, body=_frame_body)
    if name == "picture":
        return dataclasses.replace(
            by_name["azureml"], command=_picture_command, prepare=lambda example, folder, port: None
        )
    return None


def fitted_to(name: str, base: contender.Contender) -> contender.Contender:
    """A started peer's contender with what it is asked in this variant."""
    if name == "picture":
        return dataclasses.replace(base, example=_picture_known(), bodies=[PICTURE])
    return base


VARIANTS = (
    Variant("empty", _empty),
    Variant("rows32", _rows32, _rows32_of),
    Variant("mlflow", _mlflow),
    Variant("onnx", _onnx),
    Variant("picture", _picture, _picture_of),
)
