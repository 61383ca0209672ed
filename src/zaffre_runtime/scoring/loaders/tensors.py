"""Models whose inputs are named tensors of a known type and shape (ONNX, TensorFlow): bodies to numpy arrays, joined by rows."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from zaffre_runtime.scoring import batching, described, errors, swagger
from zaffre_runtime.scoring.loaders import frames

Shape = Tuple[Optional[int], ...]
Feeds = Dict[str, Any]


class Tensor(NamedTuple):
    """`dtype` is numpy's; None in `shape` is any size. The whole shape is None when the model does not say."""

    name: str
    dtype: Any
    shape: Optional[Shape]


class TensorModel:
    """`call` takes one array per input and gives one output per name; a single output is answered without its name.

    `outputs` are what the model says of them. `here` is None where calls belong to one thread (see `batching.Batched`)."""

    def __init__(
        self,
        inputs: List[Tensor],
        call: Callable[[Feeds], Dict[str, Any]],
        *,
        outputs: Sequence[Tensor] = (),
        here: Optional[Callable[[], None]] = None,
        keeps: Any = None,
    ) -> None:
        import numpy as np

        self._np = np
        self._inputs = inputs
        self._outputs = outputs
        self.here = here
        self._call = call
        self._keeps = keeps  # what must live as long as `call`
        self._many = all(
            one.shape is not None and len(one.shape) > 0 and one.shape[0] is None for one in inputs
        )

    def schemas(self) -> swagger.Schemas:
        example = {
            one.name: self._np.full(_example_shape(one.shape), _example(self._np.dtype(one.dtype))).tolist()
            for one in self._inputs
        }
        tensor = {"type": "array", "items": {"type": "object"}}
        properties = {one.name: tensor for one in self._inputs}
        given = {
            "type": "object",
            "properties": {"input_data": {"type": "object", "properties": properties}},
            "example": {"input_data": example},
        }
        return swagger.Schemas(given, {"type": "object"}, swagger.ANYTHING.versions)

    def describe(self) -> described.Described:
        return described.Described(
            [_described(one, self._np) for one in self._inputs],
            [_described(one, self._np) for one in self._outputs],
        )

    def parse(self, body: bytes) -> batching.Rows:
        found = frames.numbers(body)
        if found is not None and found.data is not None and found.method is None:
            feeds = self._feeds(found.data, None)
        else:
            table = frames.table(body)
            feeds = self._feeds(table.data, table.columns)
        return self._rows(feeds)

    def from_tensors(self, named: Dict[str, Any], method: Optional[str]) -> Optional[batching.Rows]:
        """Numbers as they are; text goes the long way."""
        if any(array.dtype.kind == "O" for array in named.values()) or len(named) != len(self._inputs):
            return None
        if len(named) == 1:
            named = {self._inputs[0].name: next(iter(named.values()))}
        self._check_names(named)
        return self._rows({one.name: self._typed(one, named[one.name]) for one in self._inputs})

    def _rows(self, feeds: Feeds) -> batching.Rows:
        sizes = {len(array) if array.ndim else 1 for array in feeds.values()}
        key = tuple(array.shape[1:] for array in feeds.values()) if self._many and len(sizes) == 1 else None
        return batching.Rows(feeds, max(sizes), key)

    def predict(self, inputs: List[batching.Rows]) -> Any:
        feeds = inputs[0].value
        if len(inputs) > 1:
            feeds = {name: self._np.concatenate([one.value[name] for one in inputs]) for name in feeds}
        outputs = self._call(feeds)
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def _feeds(self, data: Any, columns: Optional[List[str]]) -> Feeds:
        if columns is not None and len(self._inputs) > 1:
            data = {name: [[row[index]] for row in data] for index, name in enumerate(columns)}
        if isinstance(data, dict):
            return self._named(data)
        if len(self._inputs) > 1:
            raise errors.Refused(400, f"The model has several inputs; name them: {self._wanted()}.")
        return {self._inputs[0].name: self._array(self._inputs[0], data)}

    def _named(self, data: Dict[str, Any]) -> Feeds:
        self._check_names(data)
        return {one.name: self._array(one, data[one.name]) for one in self._inputs}

    def _check_names(self, data: Dict[str, Any]) -> None:
        names = [one.name for one in self._inputs]
        missing, unknown = [name for name in names if name not in data], sorted(set(data) - set(names))
        if missing or unknown:
            wrong = f"{missing[0]!r} is missing" if missing else f"{unknown[0]!r} is unknown"
            raise errors.Refused(400, f"The inputs do not fit the model: {wrong}. It takes {self._wanted()}.")

    def _typed(self, wanted: Tensor, array: Any) -> Any:
        """The array itself where it is of the model's type; else a copy, if no value is lost but digits of a fraction."""
        if not self._np.can_cast(array.dtype, wanted.dtype, "same_kind") or self._overflows(
            array, wanted.dtype
        ):
            raise errors.Refused(
                400, f"Input {wanted.name!r} is of {array.dtype.name}, the model takes {_word(wanted.dtype)}."
            )
        return self._fitting(wanted, self._np.require(array, wanted.dtype, ["C", "A"]))

    def _overflows(self, array: Any, dtype: Any) -> bool:
        if self._np.can_cast(array.dtype, dtype, "safe") or array.dtype.kind == "f" or not array.size:
            return False
        if self._np.dtype(dtype).kind not in "iu":
            return False
        limits = self._np.iinfo(dtype)
        return bool(array.min() < limits.min or array.max() > limits.max)

    def _array(self, wanted: Tensor, value: Any) -> Any:
        try:
            array = self._np.array(value, dtype=wanted.dtype)
        except (ValueError, TypeError, OverflowError) as error:
            raise errors.Refused(
                400, f"Input {wanted.name!r} is not an array of {_word(wanted.dtype)}: {error}"
            ) from error
        return self._fitting(wanted, array)

    @staticmethod
    def _fitting(wanted: Tensor, array: Any) -> Any:
        if not _fits(array.shape, wanted.shape):
            raise errors.Refused(
                400,
                f"Input {wanted.name!r} has the shape {list(array.shape)}, the model takes {_shown(wanted.shape)}.",
            )
        return array

    def _wanted(self) -> str:
        return ", ".join(f"{one.name} {_shown(one.shape)} of {_word(one.dtype)}" for one in self._inputs)


def _described(one: Tensor, numpy: Any) -> described.Tensor:
    return described.tensor(one.name, numpy.dtype(one.dtype).name, one.shape)


def _fits(given: Tuple[int, ...], wanted: Optional[Shape]) -> bool:
    if wanted is None:
        return True
    return len(given) == len(wanted) and all(size in (None, have) for have, size in zip(given, wanted))


def _shown(shape: Optional[Shape]) -> str:
    return (
        "[...]" if shape is None else f"[{', '.join('any' if size is None else str(size) for size in shape)}]"
    )


def _example_shape(shape: Optional[Shape]) -> Tuple[int, ...]:
    return tuple(1 if size is None else size for size in shape or (1, 1))


def _example(dtype: Any) -> Any:
    """A value that the model takes in a place of this type."""
    return "text" if dtype.kind in "OUS" else dtype.type(0)


def _word(dtype: Any) -> str:
    return str(getattr(dtype, "__name__", dtype)).replace("object", "text")
