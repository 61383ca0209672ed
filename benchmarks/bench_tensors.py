"""What a request costs a replica as tensors, and as a body of /score: CPU time of decoding, predicting and encoding, no network.

`binary_vs_json_N`: how many times as much the JSON tensor of N rows costs as the binary one, by a scikit-learn and by an ONNX
model; `binary_vs_body_N` the same of the body of /score, `array_vs_through_a_body_N` of binary tensors that were written as such a body first.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import skl2onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from benchmarks import measure, system
from zaffre_runtime.scoring import batching
from zaffre_runtime.scoring.loaders import onnx, sklearn

WORK = system.WORK / "tensors"
SIZES = (1, 32, 1000, 10_000)
LEAST_S = 0.4
"""CPU seconds that one figure is measured for."""


class Asked:
    """As much of an exchange as the scorer touches."""

    def __init__(self, body: bytes, length: int | None = None) -> None:
        self.scope, self.method, self.body = self, "POST", body
        self.is_inference = length is not None
        self._length = str(length)

    def header(self, name: str) -> str | None:
        return self._length


def forms(rows: Any) -> dict[str, Asked]:
    """One table in the three forms."""
    given = {"name": "x", "shape": list(rows.shape), "datatype": "FP32"}
    written = json.dumps({"inputs": [{**given, "data": rows.ravel().tolist()}]}).encode()
    binary = {**given, "parameters": {"binary_data_size": rows.nbytes}}
    head = json.dumps({"inputs": [binary], "parameters": {"binary_data_output": True}}).encode()
    return {
        "binary": Asked(head + rows.tobytes(), len(head)),
        "json": Asked(written, len(written)),
        "body": Asked(json.dumps({"data": rows.tolist()}).encode()),
    }


def cost_ms(scorer: batching.Batched, asked: Any, least_s: float) -> float:
    """CPU milliseconds of one request."""
    for answer in scorer.score([asked]):
        assert answer.status == 200, answer.body
    calls, began = 0, time.process_time()
    while time.process_time() - began < least_s:
        scorer.score([asked])
        calls += 1
    return (time.process_time() - began) * 1000 / calls


def models(folder: Path) -> dict[str, Any]:
    """The same classifier by both loaders."""
    folder.mkdir(parents=True, exist_ok=True)
    fitted = LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True))
    joblib.dump(fitted, folder / "model.joblib")
    proto = skl2onnx.to_onnx(fitted, np.zeros((1, 4), np.float32), options={"zipmap": False})
    (folder / "model.onnx").write_bytes(proto.SerializeToString())
    return {
        "sklearn": sklearn.load(folder / "model.joblib"),
        "onnx": onnx.load(folder / "model.onnx"),
    }


def options() -> argparse.Namespace:
    """Tests ask for less."""
    parser = argparse.ArgumentParser(description="The cost of tensors and bodies.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="rows of a request")
    parser.add_argument("--seconds", type=float, default=LEAST_S, help="CPU time for each figure")
    return parser.parse_args()


def main() -> None:
    asked_for = options()
    found: dict[str, float] = {}
    for name, model in models(WORK).items():
        scorer, through_a_body = batching.Batched(model, 64), batching.Batched(model, 64)
        through_a_body._from_tensors = lambda named, method: None
        for size in asked_for.sizes:
            rows = np.random.default_rng(0).normal(3, 2, (size, 4)).astype(np.float32)
            asked = forms(rows)
            costs = {form: cost_ms(scorer, one, asked_for.seconds) for form, one in asked.items()}
            old = cost_ms(through_a_body, asked["binary"], asked_for.seconds)
            measure.say(f"{name}, {size} rows: {costs} ms; binary through a body {old:.4f} ms")
            found[f"{name}_binary_ms_{size}"] = round(costs["binary"], 4)
            found[f"{name}_binary_vs_json_{size}"] = round(costs["json"] / costs["binary"], 2)
            found[f"{name}_binary_vs_body_{size}"] = round(costs["body"] / costs["binary"], 2)
            found[f"{name}_array_vs_through_a_body_{size}"] = round(old / costs["binary"], 2)
    measure.report(found)


if __name__ == "__main__":
    main()
