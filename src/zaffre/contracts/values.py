"""Value types of the files: what a text, a whole number, a flag or a choice may look like when a person wrote it.

Used by the fields of every noun. The rules are the ones that users' files were written against: numbers may be
quoted, choices may be in any case, versions may be numbers; but text must be text.
"""

import datetime as dt
import math
import os
import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import pydantic

from zaffre.core import errors, names

T = TypeVar("T")

_TRUE = frozenset({"t", "T", "true", "True", "TRUE", "on", "On", "ON", "y", "Y", "yes", "Yes", "YES", "1"})
_FALSE = frozenset(
    {"f", "F", "false", "False", "FALSE", "off", "Off", "OFF", "n", "N", "no", "No", "NO", "0"}
)


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """A text that every database can hold. Raises ValueError."""
    if _UNSTORABLE.search(text):
        raise ValueError("contains a NUL or half a character, which cannot be stored")
    return text


def _text(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        return storable(value)
    raise ValueError(f"must be text, not {_shown(value)}; put it in quotes")


def _path(value: Any) -> Any:
    return _text(os.fspath(value) if isinstance(value, os.PathLike) else value)


def _whole(value: Any) -> Any:
    if value is None:
        return None
    try:
        if isinstance(value, bool | bytes) or not isinstance(value, int | float | str):
            raise ValueError
        if isinstance(value, float) and value != int(value):
            raise ValueError
        return int(value)
    except (ValueError, OverflowError):
        raise ValueError(f"must be a whole number, not {_shown(value)}") from None


def _number(value: Any) -> Any:
    if value is None:
        return None
    try:
        if isinstance(value, bool | bytes) or not isinstance(value, int | float | str):
            raise ValueError
        number = float(value)
        if not math.isfinite(number):
            raise ValueError
        return number
    except (ValueError, OverflowError):
        raise ValueError(f"must be a number, not {_shown(value)}") from None


def _flag(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value in _TRUE | _FALSE:
        return value in _TRUE
    raise ValueError(f"must be true or false, not {_shown(value)}")


def _version(value: Any) -> Any:
    if isinstance(value, str | None):
        return _text(value)
    if isinstance(value, int | float):
        return str(value)
    raise ValueError(f"must be text or a number, not {_shown(value)}")


def as_text(value: Any) -> str:
    """A scalar the way a person would write it: `true`, not `True`. Raises ValueError for anything with parts."""
    if isinstance(value, str):
        return storable(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | dt.date):
        return str(value)
    raise ValueError(f"must be text, not {_shown(value)}")


def _words(value: Any) -> Any:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"must be a mapping of names to texts, not {_shown(value)}")
    return {as_text(key): as_text(item) for key, item in value.items()}


def _text_words(value: Any) -> Any:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"the key {_shown(key)} must be text; put it in quotes")
    return _words(value)


def _texts_only(value: Any) -> Any:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(item, str):
                raise ValueError(f"the value of {_shown(key)} must be text; put it in quotes")
    return _text_words(value)


def _free(value: Any) -> Any:
    if isinstance(value, dict):
        return {as_text(key): _free(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_free(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"contains {value}, which cannot be stored")
    return value if isinstance(value, bool | int | float | None) else as_text(value)


def _items(value: Any) -> Any:
    if value is None or isinstance(value, list | tuple):
        return value
    raise ValueError(f"must be a list, not {_shown(value)}")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def snake(text: str) -> str:
    """`AADToken`, `aadToken` and `AAD_TOKEN` as `aad_token`."""
    return re.sub(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()


def fold(transform: Callable[[str], str]) -> pydantic.BeforeValidator:
    """Brings a choice to the spelling that the Literal behind it knows."""
    return pydantic.BeforeValidator(lambda value: transform(value) if isinstance(value, str) else value)


LOWER = fold(str.lower)
SNAKE = fold(snake)

Text = Annotated[str, pydantic.BeforeValidator(_text)]
PathText = Annotated[str, pydantic.BeforeValidator(_path)]
Whole = Annotated[int, pydantic.BeforeValidator(_whole)]
Number = Annotated[float, pydantic.BeforeValidator(_number)]
Flag = Annotated[bool, pydantic.BeforeValidator(_flag)]
Version = Annotated[
    str, pydantic.BeforeValidator(_version), pydantic.WithJsonSchema({"type": ["string", "number"]})
]
_SCALARS: dict[str, Any] = {"additionalProperties": {"type": ["string", "number", "boolean", "null"]}}
Words = Annotated[
    dict[str, str],
    pydantic.BeforeValidator(_words),
    pydantic.WithJsonSchema({"type": "object", **_SCALARS}),
]
# The same where the files were always stricter: keys, or keys and values, must be text already.
TextWords = Annotated[
    dict[str, str],
    pydantic.BeforeValidator(_text_words),
    pydantic.WithJsonSchema({"type": "object", **_SCALARS}),
]
Texts = Annotated[dict[str, str], pydantic.BeforeValidator(_texts_only)]
# A mapping whose content nobody here looks at.
Free = Annotated[dict[str, Any], pydantic.BeforeValidator(_free)]
Items = pydantic.BeforeValidator(_items)
MAX_COUNT = 2**31 - 1
Count = Annotated[Whole, pydantic.Field(ge=0, le=MAX_COUNT)]
Positive = Annotated[Whole, pydantic.Field(ge=1, le=MAX_COUNT)]


class RefusedError(ValueError):
    """An Invalid on its way through pydantic, which passes on ValueError only."""

    def __init__(self, error: errors.Invalid) -> None:
        super().__init__(error.detail.rstrip("."))
        self.hint = error.hint


def checked(check: Callable[..., T], value: Any, **options: Any) -> T:
    """Call a check that raises Invalid from inside a validator."""
    try:
        return check(value, **options)
    except errors.Invalid as error:
        raise RefusedError(error) from error


Aliases = Annotated[
    list[Annotated[Text, pydantic.AfterValidator(lambda alias: checked(names.check_alias, alias))]], Items
]
