"""The one model that every server scores: logistic regression on iris.

Class probabilities are compared, not labels: a server that scores something else cannot answer them by chance.
"""

import dataclasses
import importlib.metadata
import json
import shutil
from pathlib import Path

import joblib
import numpy as np
from sklearn import datasets, linear_model

Rows = list[list[float]]
TOLERANCE = 1e-9
SAMPLES = 7  # rows that are checked beside the one under load


@dataclasses.dataclass(frozen=True)
class Example:
    """Single-row inputs and what the model says of each, computed in this process. The load sends the first one."""

    file: Path
    inputs_file: Path
    inputs: list[list[float]]
    answers: list[list[float]]

    @property
    def packages(self) -> list[str]:
        """What must be installed to read the file, in the versions that wrote it."""
        return [f"{name}=={importlib.metadata.version(name)}" for name in ("scikit-learn", "numpy", "joblib")]

    def is_right(self, index: int, answer: Rows) -> bool:
        """Whether a server's answer to one input equals ours."""
        wanted = np.array([self.answers[index]])
        given = np.array(answer, dtype=np.float64)
        return given.shape == wanted.shape and bool(np.allclose(given, wanted, rtol=0, atol=TOLERANCE))


@dataclasses.dataclass(frozen=True)
class Known:
    """Bodies whose answers are known: what is measured beside the one model. Each answer is rows of numbers."""

    answers: list[Rows]
    tolerance: float = TOLERANCE

    def is_right(self, index: int, answer: Rows) -> bool:
        wanted, given = np.array(self.answers[index]), np.array(answer, dtype=np.float64)
        return given.shape == wanted.shape and bool(np.allclose(given, wanted, rtol=0, atol=self.tolerance))


def many(example: Example, count: int) -> tuple[Rows, Known]:
    """One body's rows and what the model says of them: the known inputs over and over."""
    turns = [index % len(example.inputs) for index in range(count)]
    return [example.inputs[index] for index in turns], Known([[example.answers[index] for index in turns]])


def make(folder: Path) -> Example:
    """Train, save below `folder`, and compute the answers."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "joblib").mkdir(parents=True)
    features, labels = datasets.load_iris(return_X_y=True)
    fitted = linear_model.LogisticRegression(max_iter=1000).fit(features, labels)
    file = folder / "joblib" / "model.joblib"
    joblib.dump(fitted, file)
    chosen = features[:: len(features) // SAMPLES][: SAMPLES + 1]
    inputs_file = folder / "inputs.json"
    inputs_file.write_text(json.dumps(chosen.tolist()), encoding="utf-8")
    answers = [fitted.predict_proba([row])[0].tolist() for row in chosen]
    return Example(file, inputs_file, chosen.tolist(), answers)


def plain_body(row: list[float]) -> str:
    """The body that most servers take."""
    return plain_rows([row])


def plain_rows(rows: Rows) -> str:
    """The same for many rows."""
    return json.dumps({"data": rows})
