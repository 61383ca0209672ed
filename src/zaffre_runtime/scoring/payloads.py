"""From bytes to Python values: JSON bodies, query strings. Pure; knows no model and no network."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any, Dict, List

import msgspec

from zaffre_runtime.scoring import errors

_decode = msgspec.json.Decoder().decode


def from_json(body: bytes) -> Any:
    """The value of a JSON body. NaN and Infinity, which Python's json writes, are read too."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _from_pythons_json(body)


def _from_pythons_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        if not body:
            raise errors.Refused(400, "The body is empty. Expecting JSON.") from error
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise errors.Refused(400, f"The body could not be decoded as JSON: {reason}") from error


def object_from_json(body: bytes) -> Dict[str, Any]:
    value = from_json(body)
    if not isinstance(value, dict):
        raise errors.Refused(400, f"The body should be a JSON object, it is {kind_of(value)}.")
    return value


def from_query(query: str) -> Dict[str, Any]:
    """`a=1&b=[1,2]&c=x&c=y` is {"a": 1, "b": [1, 2], "c": ["x", "y"]}: values are JSON where they can be."""
    found: Dict[str, List[Any]] = {}
    for name, text in urllib.parse.parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, []).append(_value(text))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def kind_of(value: Any) -> str:
    """The JSON word for a value, for texts that people read."""
    if value is None:
        return "null"
    names = {
        dict: "an object",
        list: "an array",
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), type(value).__name__)
