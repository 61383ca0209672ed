"""Names, datatypes and shapes of a model's tensors, in the words of the Open Inference Protocol. Made by loaders and batching.

Pure: values in, plain dictionaries out.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from zaffre_runtime.scoring import inference

Tensor = Dict[str, Any]


class Described(NamedTuple):
    """What a model says of itself; empty where it does not know."""

    inputs: List[Tensor]
    outputs: List[Tensor]


NOTHING = Described([], [])


def tensor(name: str, dtype: str, shape: Optional[Sequence[Optional[int]]]) -> Tensor:
    """`dtype` is numpy's name; None in `shape` is any size."""
    datatype = inference.DATATYPES.get(dtype, "BYTES")
    sizes = [None] if shape is None else shape
    return {
        "name": name,
        "datatype": datatype,
        "shape": [-1 if size is None or size < 0 else size for size in sizes],
    }


def seen(arrays: Dict[str, Any]) -> List[Tensor]:
    """Outputs as they were answered to one row: the first size is that of the rows."""
    return [tensor(name, one.dtype.name, [None, *one.shape[1:]]) for name, one in arrays.items()]
