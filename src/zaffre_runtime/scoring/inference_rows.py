"""Between the tensors of the Open Inference Protocol and what loaders read and give. Called by batching.py.

A loader reads one kind of request: the JSON bodies of /score. Tensors that it does not take as arrays (text, columns by their
names) become such a body, so that every model that is served without a script answers both, joined in the same calls.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Sequence

from zaffre_runtime.scoring import arrays, errors, inference

OUTPUT = "output"


def method(request: inference.Request, methods: Sequence[str]) -> Optional[str]:
    """The one that the name of the wanted output chooses; None for the model's own choice."""
    wanted = request.document.outputs
    if not methods or not wanted:
        return None
    if len(wanted) > 1:
        raise errors.Refused(
            400, "This model gives one output at a time: ask for one of " + ", ".join(methods)
        )
    if wanted[0].name not in (OUTPUT, *methods):
        there = ", ".join(methods)
        raise errors.Refused(400, f"The model has no output {wanted[0].name[:80]!r}; it has: {there}.")
    return None if wanted[0].name == OUTPUT else wanted[0].name


def body(request: inference.Request, method: Optional[str]) -> bytes:
    """One tensor is the rows; several are columns or inputs by their names."""
    found: Dict[str, Any] = {}
    lists = {name: _plain(array) for name, array in request.inputs.items()}
    if len(lists) == 1:
        (found["data"],) = lists.values()
        (array,) = request.inputs.values()
        if array.ndim < 2:
            raise errors.Refused(
                400,
                f"The input has the shape {list(array.shape)}: the first dimension is the rows, so two are needed.",
            )
    else:
        found["input_data"] = lists
    if method is not None:
        found["method"] = method
    return json.dumps(found).encode()


def _plain(array: Any) -> Any:
    if array.dtype.kind != "O":
        return array.tolist()
    texts = [
        value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in array.ravel()
    ]
    return _shaped(texts, array.shape)


def _shaped(values: List[Any], shape: Sequence[int]) -> Any:
    if len(shape) <= 1:
        return values if shape else values[0]
    step = len(values) // shape[0] if shape[0] else 0
    return [_shaped(values[index * step : (index + 1) * step], shape[1:]) for index in range(shape[0])]


def outputs(output: Any, numpy: Any, *, name: str) -> Dict[str, Any]:
    """Arrays by name; `name` is for an output that has none of its own."""
    if isinstance(output, dict):
        return {str(key): _array(value, numpy) for key, value in output.items()}
    if hasattr(output, "columns") and hasattr(output, "iloc"):
        return {str(column): _array(output[column].to_numpy(), numpy) for column in output.columns}
    if isinstance(output, (list, tuple)) and len(output) > 1 and all(hasattr(one, "shape") for one in output):
        return {f"{OUTPUT}-{index}": _array(one, numpy) for index, one in enumerate(output)}
    return {name: _array(output, numpy)}


def _array(value: Any, numpy: Any) -> Any:
    if hasattr(value, "toarray"):
        value = value.toarray()
    try:
        array = numpy.asarray(value)
    except ValueError as error:
        raise errors.Refused(500, f"The model's answer is no tensor: {error}") from error
    if array.dtype.name in inference.DATATYPES:
        return array
    texts = numpy.empty(array.size, dtype=object)
    texts[:] = [str(arrays.plain(one)) for one in array.ravel()]
    return texts.reshape(array.shape)
