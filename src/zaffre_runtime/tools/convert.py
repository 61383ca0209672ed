"""Writes a model as ONNX, asks both forms the same rows, refuses when they differ, and measures both. One job.

Asked: `{model_dir, sample, rtol, atol, opset, threads}`; answered: `{...facts, "file": "model.onnx"}` beside that file. Single
precision is tried first; where its answers are not within the tolerance, double precision is. Started by
`zaffre.server.conversion`; reaches no network and no database.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

from zaffre_runtime.tools import comparison, models, onnx_writers, samples, task

FILE = "model.onnx"
SIZES = (1, 1000)
LEAST_S = 0.3
MOST_CALLS = 2000


class Attempt(NamedTuple):
    """One written form, and how it answered. `answers` is what the loader needs to answer as the original did."""

    numbers: str
    written: onnx_writers.Written
    session: Any
    answers: Dict[str, Tuple[str, str]]
    differences: List[comparison.Difference]

    @property
    def excess(self) -> float:
        return max(one.excess for one in self.differences)


def work(asked: Dict[str, Any]) -> Dict[str, Any]:
    warnings.simplefilter("ignore")
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    task.say("Loading the model.")
    model = models.load(Path(asked["model_dir"]))
    sample = _sample(asked, model)
    attempt = _accepted(model, sample, asked)
    _describe(attempt, model)
    target = task.outputs() / FILE
    target.write_bytes(attempt.written.proto.SerializeToString())
    task.say("Measuring both forms.")
    measured = _measured(attempt, model, sample)
    return {
        "file": FILE,
        "framework": model.framework,
        "model_type": model.kind,
        "converters": {**attempt.written.converters, **onnx_writers.versions("onnxruntime", model.framework)},
        "opset": _opset(attempt.written.proto),
        "numbers": attempt.numbers,
        "sample": sample.source,
        "rows": len(sample.rows),
        "rtol": asked["rtol"],
        "atol": asked["atol"],
        "largest_difference": max(one.difference for one in attempt.differences),
        "worst_row": comparison.told(attempt.differences, sample.rows),
        "methods": sorted(attempt.answers),
        "size": target.stat().st_size,
        **measured,
    }


def _opset(proto: Any) -> int:
    """The version of ONNX's own operators; of a model that has none of them, that of its trees."""
    found = {one.domain: one.version for one in proto.opset_import}
    return int(found.get("") or found.get("ai.onnx") or max(found.values(), default=0))


def _sample(asked: Dict[str, Any], model: models.UserModel) -> samples.Sample:
    if asked.get("sample"):
        return samples.given(Path(asked["sample"]), model)
    found = samples.example(model)
    by_name = onnx_writers.picks_by_name(model.model)
    if found is None and by_name:
        raise task.CannotError(
            "invalid",
            "The model picks its columns by name, and they may hold text, so no rows can be made up.",
            hint=samples.GIVE,
        )
    if found is None or not (by_name or not found.numeric or model.width is None):
        return samples.joined(found, samples.generated(model))
    return found


def _accepted(model: models.UserModel, sample: samples.Sample, asked: Dict[str, Any]) -> Attempt:
    """The first form whose answers are within the tolerance. Raises CannotError with the worst row of the best one."""
    tried: List[Attempt] = []
    problems: List[str] = []
    for numbers in ("float", "double") if model.framework != "torch" else ("float",):
        task.say(f"Writing ONNX with {numbers} numbers, and comparing answers on {sample.source}.")
        try:
            attempt = _attempt(model, sample, asked, numbers)
        except task.CannotError:
            raise
        except Exception as error:  # noqa: BLE001 - converters raise whatever they like; the next type may do
            problems.append(f"{type(error).__name__}: {' '.join(str(error).split())[:600]}")
            continue
        if attempt.excess <= 1:
            return attempt
        tried.append(attempt)
    if not tried:
        raise task.CannotError(
            "unsupported",
            f"A model of type {model.kind} cannot be written as ONNX: {problems[0]}",
            hint="The converter's own words are above; serve the model as it is.",
        )
    raise _differs(min(tried, key=lambda one: one.excess), sample, asked)


def _differs(attempt: Attempt, sample: samples.Sample, asked: Dict[str, Any]) -> task.CannotError:
    row = comparison.told(attempt.differences, sample.rows)
    return task.CannotError(
        "invalid",
        f"The ONNX form answers differently. Worst row ({row['row']} of {sample.source}): {row['input']}:"
        f" {row['method']} of the original is {row['original']}, of the ONNX form {row['onnx']}"
        f" (difference {row['difference']:.3g}; allowed are rtol {asked['rtol']:g}, atol {asked['atol']:g}).",
        hint="Nothing was registered. Give rows as the model will get them (--sample), or allow more (--rtol, --atol).",
        worst_row=row,
    )


def _attempt(model: models.UserModel, sample: samples.Sample, asked: Dict[str, Any], numbers: str) -> Attempt:
    written = onnx_writers.write(model, sample, numbers=numbers, opset=asked.get("opset"))
    session = _session(written.proto.SerializeToString())
    outputs = dict(
        zip((one.name for one in session.get_outputs()), session.run(None, _feeds(session, sample.rows)))
    )
    answers: Dict[str, Tuple[str, str]] = {}
    differences: List[comparison.Difference] = []
    given = _original_input(model, sample.rows)
    for method, call in model.methods.items():
        original = _array(call(given))
        name, how = _matching(method, original, outputs)
        answers[method] = (name, how)
        taken = comparison.take(outputs[name], how)
        differences.append(comparison.worst(method, original, taken, rtol=asked["rtol"], atol=asked["atol"]))
    return Attempt(numbers, written, session, answers, differences)


def _matching(method: str, original: Any, outputs: Dict[str, Any]) -> Tuple[str, str]:
    """Which output a method's answer is. Labels come first and probabilities second, where both are there."""
    names = list(outputs)
    wanted = names[1:] + names[:1] if method == "predict_proba" or original.dtype.kind == "f" else names
    for name in wanted:
        how = comparison.shaped(original, outputs[name])
        if how is not None:
            return name, how
    shapes = {name: list(value.shape) for name, value in outputs.items()}
    raise ValueError(f"{method} answers {list(original.shape)}, and the outputs are {shapes}")


def _original_input(model: models.UserModel, rows: List[List[Any]]) -> Any:
    frame = model.framework == "sklearn" and bool(model.columns)
    return samples.as_input(rows, model.columns, frame=frame)


def _array(value: Any) -> Any:
    import numpy as np

    if hasattr(value, "toarray"):
        value = value.toarray()
    return np.asarray(value)


def _session(content: bytes) -> Any:
    """One thread, as the original is measured with."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _feeds(session: Any, rows: List[List[Any]]) -> Dict[str, Any]:
    import numpy as np

    kinds = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}
    inputs = session.get_inputs()
    if len(inputs) == 1:
        return {inputs[0].name: np.array(rows, dtype=kinds.get(inputs[0].type, object))}
    return {
        one.name: np.array([[row[index]] for row in rows], dtype=kinds.get(one.type, object))
        for index, one in enumerate(inputs)
    }


def _describe(attempt: Attempt, model: models.UserModel) -> None:
    """What the loader of the scoring runtime needs to answer as the original does, inside the file itself."""
    facts = {
        "zaffre.methods": json.dumps({method: list(answer) for method, answer in attempt.answers.items()}),
        "zaffre.method": model.default,
        "zaffre.model": model.kind,
    }
    if model.columns:
        facts["zaffre.columns"] = json.dumps(model.columns)
    for key, value in facts.items():
        entry = attempt.written.proto.metadata_props.add()
        entry.key, entry.value = key, value


def _measured(attempt: Attempt, model: models.UserModel, sample: samples.Sample) -> Dict[str, Any]:
    """Milliseconds of a call of the default method, both forms in turn, for one row and for a thousand."""
    method = model.methods[model.default]
    name = attempt.answers[model.default][0]
    measured: Dict[str, Any] = {"method": model.default}
    for size in SIZES:
        rows = samples.repeated(sample.rows, size)
        given, feeds = _original_input(model, rows), _feeds(attempt.session, rows)
        original, converted = _in_turn(
            lambda given=given: method(given),  # type: ignore[misc]
            lambda feeds=feeds: attempt.session.run([name], feeds),  # type: ignore[misc]
        )
        measured[f"original_ms_{size}"] = round(original * 1000, 5)
        measured[f"onnx_ms_{size}"] = round(converted * 1000, 5)
        measured[f"speedup_{size}"] = round(original / converted, 3)
    return measured


def _in_turn(first: Callable[[], Any], second: Callable[[], Any]) -> Tuple[float, float]:
    """Median seconds of a call of each. They take turns, so that a busy moment meets both."""
    times: Tuple[List[float], List[float]] = ([], [])
    for call in (first, second):
        call()
    began = time.perf_counter()
    while time.perf_counter() - began < LEAST_S or len(times[0]) < 5:
        for call, found in ((first, times[0]), (second, times[1])):
            start = time.perf_counter()
            call()
            found.append(time.perf_counter() - start)
        if len(times[0]) >= MOST_CALLS:
            break
    return statistics.median(times[0]), statistics.median(times[1])


if __name__ == "__main__":
    sys.exit(task.run(work))
