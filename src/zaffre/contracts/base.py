"""What all nouns share: strict fields, the computed `status`, and translation of pydantic's errors into ours.

`Part` is any piece of a file, `Entity` a noun with a status. Files are read in `files`; this module knows no YAML.
"""

import datetime as dt
import os
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Annotated, Any, ClassVar, Self

import pydantic

from zaffre.contracts import printed, problems, values, yaml_source
from zaffre.core import clock, errors

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _Meta
else:

    class _Meta(type(pydantic.BaseModel)):
        """Lets constructors take the positional arguments that users pass, and raise Invalid."""

        def __call__(cls, *args: Any, **fields: Any) -> Any:
            if args:
                fields.update(_by_position(cls, args))
            try:
                return super().__call__(**fields)
            except pydantic.ValidationError as error:
                raise problems.to_invalid(cls, error, fields) from None


def _by_position(cls: type, args: tuple[Any, ...]) -> dict[str, Any]:
    positions: tuple[str, ...] = getattr(cls, "POSITIONAL", ())
    if len(args) > len(positions):
        raise TypeError(f"{cls.__name__}() takes keyword arguments only after {list(positions)}")
    return dict(zip(positions, args, strict=False))


class Part(pydantic.BaseModel, metaclass=_Meta):
    """A piece of a file: unknown keys are errors, values are checked, and everything may be changed afterwards."""

    model_config = pydantic.ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=False)

    POSITIONAL: ClassVar[tuple[str, ...]] = ()
    # Keys that files may carry because some server printed them; they are dropped.
    READ_ONLY: ClassVar[frozenset[str]] = frozenset()
    # Fields that programs may set but files may not.
    NOT_IN_FILES: ClassVar[frozenset[str]] = frozenset()
    # What a file must say, though programs and the wire need not: there the class or the address says it.
    REQUIRED: ClassVar[frozenset[str]] = frozenset()
    # Keys that may be present and empty.
    MAY_BE_EMPTY: ClassVar[frozenset[str]] = frozenset()
    # Keys without a field of their own: other spellings, and values that `show` prints and the server knows better.
    ALSO_KNOWN: ClassVar[frozenset[str]] = frozenset()
    COMPUTED: ClassVar[frozenset[str]] = frozenset()
    # Keys that hold a path of the local disk, or an address.
    PATHS: ClassVar[frozenset[str]] = frozenset()
    # Keys that name a file inside the folder that the part is about.
    INSIDE: ClassVar[frozenset[str]] = frozenset()
    # Keys that hold the content of a file, or the path of it on the local disk.
    CONTENTS: ClassVar[frozenset[str]] = frozenset()
    # What to say about an unknown key that people put here for a reason.
    HINTS: ClassVar[dict[str, str]] = {}
    # Keys of PATHS that must exist when the file is read.
    MUST_EXIST: ClassVar[frozenset[str]] = frozenset()

    def get(self, key: str, default: Any = None) -> Any:
        """A field by name, as of a mapping."""
        return getattr(self, key, default) if key in type(self).model_fields else default

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for key, value in super().__repr_args__():
            yield key, printed.shown(key or "", value)


def _moment(value: Any) -> Any:
    return clock.parse(value) if isinstance(value, str) else value


Moment = Annotated[
    dt.datetime,
    pydantic.BeforeValidator(_moment),
    pydantic.PlainSerializer(clock.isoformat, return_type=str, when_used="json"),
]


class Status(pydantic.BaseModel):
    """What the server computed. Newer servers may send more than this client knows; that is kept out, not refused."""

    model_config = pydantic.ConfigDict(extra="ignore")

    id: str | None = None
    created_at: Moment | None = None
    created_by: str | None = None
    modified_at: Moment | None = None
    modified_by: str | None = None

    @property
    def creation_context(self) -> "CreationContext":
        """Who made and who last changed the thing, in the words that users' code asks for."""
        return CreationContext(
            created_at=self.created_at,
            created_by=self.created_by,
            last_modified_at=self.modified_at,
            last_modified_by=self.modified_by,
        )


class CreationContext(pydantic.BaseModel):
    """`entity.creation_context`: who and when."""

    model_config = pydantic.ConfigDict(extra="ignore")

    created_at: Moment | None = None
    created_by: str | None = None
    created_by_type: str | None = None
    last_modified_at: Moment | None = None
    last_modified_by: str | None = None
    last_modified_by_type: str | None = None


class Entity(Part):
    """A noun. What users give are fields; what the server computes is `status`, and reading falls through to it."""

    KIND: ClassVar[str] = ""
    STATUS: ClassVar[type[Status]] = Status
    REQUIRED: ClassVar[frozenset[str]] = frozenset({"name"})
    # Keys that may hold `file:./other.yml` in place of a mapping.
    FILE_REFERENCES: ClassVar[frozenset[str]] = frozenset()

    name: Annotated[str | None, pydantic.BeforeValidator(values._text)] = None
    description: values.Text | None = None
    tags: values.Words = {}

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            kind = type(self).STATUS
            if name in kind.model_fields or name == "creation_context":
                status = self.__dict__.get("status")
                return None if status is None else getattr(status, name)
            return super().__getattr__(name)

    def __str__(self) -> str:
        """YAML of what it says and of what the server computed; no secrets, see `printed`."""
        body = self.to_dict()
        status = body.pop("status", {})
        return yaml_source.dumps(
            printed.shown("", body | {key: status[key] for key in status if key not in body})
        )

    def to_wire(self, *, status: bool = False) -> dict[str, Any]:
        """The REST body. Raises Invalid: a request is checked once more, because entities may be changed.

        With `status` it is a server's answer, which was checked before it was stored.
        """
        body = self.to_dict(status=status)
        if not status:
            type(self).from_body(body)
            problems.refuse_local_paths(type(self), body)
        return body

    def to_dict(self, *, status: bool = True) -> dict[str, Any]:
        """JSON-ready fields without the empty ones; local paths stay as they are."""
        body = self.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)
        for _, part, value in list(problems.walk(type(self), body)):
            _prune(part, value, status=status)
        return body

    def dump(self, dest: str | os.PathLike[str] | IO[str]) -> None:
        """Write the fields as YAML that loads to an equal entity."""
        body = self.to_dict(status=False)
        for _, part, value in list(problems.walk(type(self), body)):
            for key in getattr(part, "NOT_IN_FILES", frozenset()) & value.keys():
                del value[key]
        yaml_source.write(body, dest)

    def _to_dict(self) -> dict[str, Any]:
        """What files carry: the fields, and the computed values beside them."""
        body = self.to_dict()
        return {**body.pop("status", {}), **body}

    @classmethod
    def from_body(cls, body: Any, *, context: dict[str, Any] | None = None) -> Self:
        """Check a mapping and make the entity. Raises Invalid with all problems."""
        if not isinstance(body, dict):
            raise errors.Invalid(f"A {cls.KIND} is described by a mapping of names to values.")
        try:
            return cls.model_validate(body, context=context)
        except pydantic.ValidationError as error:
            raise problems.to_invalid(cls, error, body) from None


def _prune(part: type[pydantic.BaseModel], value: dict[Any, Any], *, status: bool) -> None:
    for name, field in part.model_fields.items():
        if (name == "status" and not status) or (value.get(name) == {} and field.default == {}):
            value.pop(name, None)
