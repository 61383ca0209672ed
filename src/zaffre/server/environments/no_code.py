"""Which environment loads a model when nobody names one, told by the names of its files. Pure.

Called by the endpoints room (models without a script) and by the conversion room.
"""

import fnmatch
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

MLFLOW_FILES = ("conda.yaml", "python_env.yaml", "requirements.txt")
SERVED = (
    ("saved_model.pb", "no-code-tensorflow"),
    ("saved_model.pbtxt", "no-code-tensorflow"),
    ("*.onnx", "no-code-onnx"),
    ("*.skops", "no-code-sklearn"),
    ("*.joblib", "no-code-sklearn"),
    ("*.pkl", "no-code-sklearn"),
    ("*.pickle", "no-code-sklearn"),
)
"""Patterns of file names, and the curated environment that scores such a file without a script."""


def asked(files: Iterable[str], table: Sequence[tuple[str, str]] = SERVED) -> dict[str, Any] | None:
    """What `resolving` is to be asked for a model of these files; None when nothing here loads them."""
    names = [PurePosixPath(path).name for path in files]
    if "MLmodel" in names:
        return {"id": "mlflow", "mlflow": True}
    for pattern, curated in table:
        if any(fnmatch.fnmatchcase(name, pattern) for name in names):
            return {"id": curated, "curated": curated}
    return None
