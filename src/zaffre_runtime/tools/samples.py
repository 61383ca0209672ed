"""The rows that a model and its converted form are both asked: the user's own, the model's example, or made-up ones.

Made-up rows come in several sizes of numbers, so that trees are asked on both sides of their thresholds. Called by `convert`.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Tuple

from zaffre_runtime.tools import models, task

GENERATED = 200
MOST = 10_000
GIVE = "Give rows: --sample FILE or --sample azureml:DATA:VERSION."
SCALES = (1.0, 10.0, 100.0, 0.1)


class Sample(NamedTuple):
    """`rows` are lists of values; `source` says in words where they are from."""

    rows: List[List[Any]]
    columns: Optional[List[str]]
    source: str

    @property
    def numeric(self) -> bool:
        return all(isinstance(value, (int, float)) or value is None for row in self.rows for value in row)


def given(path: Path, model: models.UserModel) -> Sample:
    """The user's rows, in the model's order of columns. Raises CannotError."""
    found = [file for file in sorted(path.rglob("*")) if file.is_file()] if path.is_dir() else [path]
    if not found:
        raise _bad("holds no file")
    try:
        rows, columns = _read(found[0])
    except (ValueError, UnicodeDecodeError, csv.Error) as error:
        raise _bad(f"cannot be read: {error}") from error
    rows, columns = _ordered(rows[:MOST], columns, model.columns)
    if not rows:
        raise _bad("holds no row")
    widths = {len(row) for row in rows}
    wanted = model.width or len(rows[0])
    if widths != {wanted}:
        raise _bad(f"has rows of {', '.join(map(str, sorted(widths)))} values; the model takes {wanted}")
    return Sample(rows, columns or model.columns, f"{len(rows)} rows given by the caller ({found[0].name})")


def example(model: models.UserModel) -> Optional[Sample]:
    """The example that an MLflow model brings; None when there is none that is a table."""
    for name in ("serving_input_example.json", "input_example.json"):
        file = model.folder / name
        if not file.is_file():
            continue
        try:
            rows, columns = _read(file)
            rows, columns = _ordered(rows, columns, model.columns)
        except (ValueError, task.CannotError):
            continue
        if rows and all(len(row) == (model.width or len(row)) for row in rows):
            return Sample(rows, columns or model.columns, f"{len(rows)} rows of the model's own example")
    return None


def generated(model: models.UserModel, *, seed: int = 0) -> Sample:
    """Random numbers around what the model was trained on, as far as it says. Raises CannotError."""
    import numpy as np

    if model.width is None:
        raise task.CannotError(
            "invalid",
            "The model does not say how many values it takes, so no rows can be made up.",
            hint=GIVE,
        )
    random = np.random.default_rng(seed)
    centre, spread = _training_scale(model.model, model.width)
    table = random.standard_normal((GENERATED, model.width))
    for index, scale in enumerate(SCALES):
        table[index :: len(SCALES)] *= scale
    values = (centre + spread * table).tolist()
    return Sample(values, model.columns, f"{GENERATED} made-up rows (seed {seed})")


def joined(first: Optional[Sample], second: Sample) -> Sample:
    """Both, where there is a first one: an example of three rows alone would say little."""
    if first is None:
        return second
    return Sample(first.rows + second.rows, first.columns, f"{first.source} and {second.source}")


def _training_scale(model: Any, width: int) -> Tuple[Any, Any]:
    """Mean and deviation of the training data, if a scaler at the front remembers them."""
    first = model.steps[0][1] if hasattr(model, "steps") and model.steps else model
    mean, scale = getattr(first, "mean_", None), getattr(first, "scale_", None)
    fits = mean is not None and scale is not None and len(mean) == width and len(scale) == width
    return (mean, scale) if fits else (0.0, 1.0)


def _read(path: Path) -> Tuple[List[List[Any]], Optional[List[str]]]:
    if path.suffix in (".csv", ".tsv"):
        return _from_csv(path)
    if path.suffix == ".parquet":
        return _from_parquet(path)
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix in (".jsonl", ".ndjson"):
        return _from_values([json.loads(line) for line in text.splitlines() if line.strip()])
    return _from_values(json.loads(text))


def _from_csv(path: Path) -> Tuple[List[List[Any]], Optional[List[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        lines = list(csv.reader(stream, delimiter="\t" if path.suffix == ".tsv" else ","))
    if lines and all(_is_number(text) for text in lines[0]):
        return [[_value(text) for text in line] for line in lines], None
    return [[_value(text) for text in line] for line in lines[1:]], lines[0] if lines else None


def _from_parquet(path: Path) -> Tuple[List[List[Any]], Optional[List[str]]]:
    try:
        import pandas as pd

        frame = pd.read_parquet(path)
    except ImportError as error:
        raise _bad(f"is a parquet file, and the environment cannot read one ({error})") from error
    return frame.to_numpy().tolist(), [str(name) for name in frame.columns]


def _from_values(value: Any) -> Tuple[List[List[Any]], Optional[List[str]]]:
    """Rows, records, bodies of requests (`data`, `input_data`, `inputs`), or a list of any of these."""
    if isinstance(value, dict):
        for key in ("input_data", "data", "dataframe_split", "inputs"):
            if key in value:
                rows, columns = _from_values(value[key])
                return rows, value.get("columns") or columns
        return [list(value.values())], list(value)
    if not isinstance(value, list):
        raise ValueError("it holds neither rows nor records")
    if value and isinstance(value[0], dict):
        parts = [_from_values(one) for one in value]
        return [row for rows, _ in parts for row in rows], parts[0][1]
    if value and not isinstance(value[0], list):
        return [value], None
    return value, None


def _ordered(
    rows: List[List[Any]], columns: Optional[List[str]], wanted: Optional[List[str]]
) -> Tuple[List[List[Any]], Optional[List[str]]]:
    """The model's columns in the model's order; what else is there (the target, an id) is left out."""
    if columns is None or wanted is None:
        return rows, columns
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise _bad(f"lacks the columns {', '.join(missing[:5])}")
    order = [columns.index(name) for name in wanted]
    return [[row[index] for index in order] for row in rows], wanted


def as_input(rows: List[List[Any]], columns: Optional[List[str]], *, frame: bool) -> Any:
    """A data frame where the model picks columns by name, else an array."""
    import numpy as np

    if frame:
        import pandas as pd

        return pd.DataFrame(rows, columns=columns)
    return np.array(rows, dtype=np.float64)


def repeated(rows: List[List[Any]], count: int) -> List[List[Any]]:
    """As many rows as wanted, over and over."""
    return [rows[index % len(rows)] for index in range(count)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _value(text: str) -> Any:
    return float(text) if _is_number(text) else None if text == "" else text


def _bad(what: str) -> task.CannotError:
    return task.CannotError(
        "invalid",
        f"The sample {what}.",
        hint="Give CSV with a header, JSON or JSON lines with rows, records or bodies of requests.",
    )
