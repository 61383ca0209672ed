"""The Open Inference Protocol (version 2) in bytes and back: named tensors in JSON, or behind it in binary form.

Pure; numpy only, which every environment with a model that is served without a script has. `batching` calls it for
requests to /v2/models/NAME/infer; `inference_routes` answers the paths around it. Sizes and shapes are the caller's word
only: they must fit the bytes that are there before any array is made.
"""

from __future__ import annotations

import functools
import itertools
import math
import struct
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import msgspec

from zaffre_runtime.scoring import answers, errors

HEADER = "inference-header-content-length"
BINARY = "application/octet-stream"
MOST_DIMENSIONS = 32
DTYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "object",
}
DATATYPES = {dtype: datatype for datatype, dtype in DTYPES.items()}
_NARROW = frozenset(("FP16", "FP32"))
"""A double that these cannot hold becomes infinite, unless numpy is told to say so, which takes longer than one row."""
_FLOATS = frozenset((int, float))
_KINDS: Dict[str, frozenset[type]] = {
    "b": frozenset((bool,)), "i": frozenset((int,)), "u": frozenset((int,)), "f": _FLOATS, "O": frozenset((str,)),
}  # fmt: skip


class InputDocument(msgspec.Struct):
    name: str
    shape: List[int]
    datatype: str
    parameters: Dict[str, Any] = {}
    data: msgspec.Raw = msgspec.Raw(b"")


class OutputDocument(msgspec.Struct):
    name: str
    parameters: Dict[str, Any] = {}


class RequestDocument(msgspec.Struct):
    inputs: List[InputDocument]
    id: Optional[str] = None
    outputs: List[OutputDocument] = []
    parameters: Dict[str, Any] = {}


class Request(NamedTuple):
    """`inputs` are numpy arrays by name, in the caller's order; text is `str`, or `bytes` where it was binary."""

    inputs: Dict[str, Any]
    document: RequestDocument


_document = msgspec.json.Decoder(RequestDocument).decode
_TYPED: Dict[str, Tuple[Any, Any]] = {
    kind: (msgspec.json.Decoder(List[one]).decode, msgspec.json.Decoder(List[List[one]]).decode)  # type: ignore[valid-type]
    for kind, one in (("b", bool), ("i", int), ("u", int), ("f", float), ("O", str))
}
_anything = msgspec.json.Decoder().decode


def decode(body: bytes, header_length: Optional[str], numpy: Any) -> Request:
    """Raises `errors.Refused` with what is wrong. `header_length` is the value of the header, if it was sent."""
    json_part, rest = _parted(body, header_length)
    try:
        document = _document(json_part)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise errors.Refused(400, f"The request is not one of the inference protocol: {error}") from error
    if not document.inputs:
        raise errors.Refused(400, "The request has no input.")
    inputs: Dict[str, Any] = {}
    for one in document.inputs:
        if one.name in inputs:
            raise errors.Refused(400, f"The input {one.name!r} is there twice.")
        inputs[one.name], rest = _tensor(one, rest, numpy)
    if rest:
        raise errors.Refused(400, f"{len(rest)} bytes follow the last binary input.")
    return Request(inputs, document)


def _parted(body: bytes, header_length: Optional[str]) -> tuple[bytes, memoryview]:
    if header_length is None:
        return body, memoryview(b"")
    if not (header_length.isascii() and header_length.isdigit()) or int(header_length[:20]) > len(body):
        raise errors.Refused(
            400,
            f"{HEADER} is {header_length[:40]!r}; it must be the length of the JSON part of {len(body)} bytes.",
        )
    length = int(header_length)
    return body[:length], memoryview(body)[length:]


def _tensor(given: InputDocument, rest: memoryview, numpy: Any) -> tuple[Any, memoryview]:
    dtype = DTYPES.get(given.datatype)
    if dtype is None:
        raise _wrong(given, f"has the datatype {given.datatype!r}; there are: {', '.join(DTYPES)}")
    if len(given.shape) > MOST_DIMENSIONS or any(size < 0 for size in given.shape):
        raise _wrong(given, f"has the shape {given.shape[:40]}, which no tensor has")
    count = math.prod(given.shape)
    size = given.parameters.get("binary_data_size")
    if size is None:
        return _from_json(given, count, numpy.dtype(dtype), numpy=numpy), rest
    if type(size) is not int or not 0 <= size <= len(rest):
        raise _wrong(given, f"has the binary_data_size {size!r}, and {len(rest)} bytes are there")
    if bytes(given.data):
        raise _wrong(given, "has both data and binary_data_size")
    return _from_binary(given, rest[:size], count, numpy=numpy), rest[size:]


def _from_binary(given: InputDocument, data: memoryview, count: int, *, numpy: Any) -> Any:
    if given.datatype == "BYTES":
        texts = list(_texts(given, data))
        if len(texts) != count:
            raise _wrong(given, f"holds {len(texts)} elements; its shape {given.shape} has {count}")
        array = numpy.empty(count, dtype=object)
        array[:] = texts
        return array.reshape(given.shape)
    dtype = numpy.dtype(DTYPES[given.datatype])
    if count * dtype.itemsize != len(data):
        wanted = f"{count} x {dtype.itemsize}"
        raise _wrong(
            given, f"has {len(data)} bytes; its shape {given.shape} of {given.datatype} has {wanted}"
        )
    if given.datatype == "BOOL" and any(byte > 1 for byte in data):
        raise _wrong(given, "has a BOOL that is neither 0 nor 1")
    array = numpy.frombuffer(data, dtype=dtype.newbyteorder("<")).astype(dtype, copy=False)
    return array.reshape(given.shape)  # the caller's own bytes, not a copy


def _texts(given: InputDocument, data: memoryview) -> Iterator[bytes]:
    """Each element after its length in four bytes."""
    start = 0
    while start < len(data):
        if start + 4 > len(data):
            raise _wrong(given, "ends in the middle of an element's length")
        (length,) = struct.unpack_from("<I", data, start)
        start += 4
        if start + length > len(data):
            raise _wrong(given, f"has an element of {length} bytes, and {len(data) - start} bytes are left")
        yield bytes(data[start : start + length])
        start += length


def _from_json(given: InputDocument, count: int, dtype: Any, *, numpy: Any) -> Any:
    raw = bytes(given.data)
    if not raw:
        raise _wrong(given, "has no data")
    values = _flat(given, raw, dtype)
    if len(values) != count:
        raise _wrong(given, f"has {len(values)} values; its shape {given.shape} has {count}")
    if dtype.kind == "O":
        array = numpy.empty(count, dtype=object)
        array[:] = values
        return array.reshape(given.shape)
    if dtype.kind in "iu" and values:
        least, most = _limits(dtype, numpy)
        if min(values) < least or max(values) > most:
            raise _wrong(given, f"has a value that {given.datatype} cannot hold")
    try:
        if given.datatype not in _NARROW:
            return numpy.array(values, dtype=dtype).reshape(given.shape)
        with numpy.errstate(over="raise"):
            return numpy.array(values, dtype=dtype).reshape(given.shape)
    except (OverflowError, FloatingPointError, ValueError) as error:
        raise _wrong(given, f"has a value that {given.datatype} cannot hold: {error}") from error


@functools.cache
def _limits(dtype: Any, numpy: Any) -> Tuple[int, int]:
    limits = numpy.iinfo(dtype)
    return int(limits.min), int(limits.max)


def _flat(given: InputDocument, raw: bytes, dtype: Any) -> List[Any]:
    """The values row after row, nested or not; the common cases, a flat list or rows of values, in one step."""
    flat, rows = _TYPED[dtype.kind]
    try:
        if raw[1:].lstrip()[:1] == b"[":
            return list(itertools.chain.from_iterable(rows(raw)))
        values: List[Any] = flat(raw)
        return values
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass  # nested otherwise, or wrong: the long way tells
    try:
        values = list(_leaves(_anything(raw), 0))
    except (msgspec.DecodeError, RecursionError) as error:
        raise _wrong(given, f"has data that cannot be read: {error}") from error
    if not {type(value) for value in values} <= _KINDS[dtype.kind]:
        raise _wrong(given, f"has a value that is not of the datatype {given.datatype}")
    return values


def _leaves(value: Any, depth: int) -> Iterator[Any]:
    if depth > MOST_DIMENSIONS:
        raise RecursionError("it is nested too deeply")
    if not isinstance(value, list):
        yield value
        return
    for item in value:
        yield from _leaves(item, depth + 1)


def _wrong(given: InputDocument, what: str) -> errors.Refused:
    return errors.Refused(400, f"The input {given.name[:80]!r} {what}.")


# The answer


def encode(
    request: Request, outputs: Dict[str, Any], model: str, *, version: str, exec_ms: float
) -> answers.Answer:
    """`outputs` are arrays by name; those that the caller named, in its order, or all."""
    document = request.document
    named = {one.name: one for one in document.outputs} or {name: OutputDocument(name) for name in outputs}
    unknown = [name for name in named if name not in outputs]
    if unknown:
        raise errors.Refused(
            400, f"The model has no output {unknown[0][:80]!r}; it has: {', '.join(outputs)}."
        )
    binary = document.parameters.get("binary_data_output") is True
    told: List[Dict[str, Any]] = []
    parts: List[Any] = []
    for name, wish in named.items():
        one, part = _output(name, outputs[name], binary=wish.parameters.get("binary_data", binary) is True)
        told.append(one)
        parts.append(part)
    answer: Dict[str, Any] = {"model_name": model, "model_version": version, "outputs": told}
    if document.id is not None:
        answer["id"] = document.id
    text = answers.encode(answer)
    if not any("parameters" in one for one in told):
        return answers.Answer(200, text, answers.JSON, False, exec_ms)
    headers = [(HEADER, str(len(text)))]
    return answers.Answer(200, text + b"".join(parts), BINARY, False, exec_ms, headers)


def _output(name: str, array: Any, *, binary: bool) -> tuple[Dict[str, Any], Any]:
    """What the JSON part says of it, and its bytes, if it is binary: an array gives its own."""
    datatype = DATATYPES.get(array.dtype.name, "BYTES")
    told: Dict[str, Any] = {"name": name, "datatype": datatype, "shape": list(array.shape)}
    if not binary:
        told["data"] = (
            [_text(value) for value in array.ravel()] if datatype == "BYTES" else array.ravel().tolist()
        )
        return told, b""
    if datatype == "BYTES":
        texts = [_bytes(value) for value in array.ravel()]
        data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
        told["parameters"] = {"binary_data_size": len(data)}
        return told, data
    array = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    told["parameters"] = {"binary_data_size": array.nbytes}
    return told, array


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def refusal(status: int, text: str) -> answers.Answer:
    """An error in the protocol's own form."""
    return answers.Answer(status, answers.encode({"error": text}), refused=True)
