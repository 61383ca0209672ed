"""A data asset: a file, a folder or a table, whose content never changes under its version."""

from typing import ClassVar, Literal

import pydantic

from zaffre.contracts import assets, base, values

DataType = Literal["uri_file", "uri_folder", "mltable"]


class DataStatus(assets.AssetStatus):
    """What the server knows of a data version."""


class DataExtension(base.Part):
    """`zaffre:` in a data asset's file."""

    # Aliases that this version takes over when it is registered.
    aliases: values.Aliases = []


class Data(assets.Asset):
    """One version of a data asset."""

    KIND: ClassVar[str] = "data"
    STATUS: ClassVar[type[base.Status]] = DataStatus
    READ_ONLY: ClassVar[frozenset[str]] = frozenset(
        {"properties", "creation_context", "latest_version", "$schema"}
    )
    COMPUTED: ClassVar[frozenset[str]] = frozenset({"id"})
    REQUIRED: ClassVar[frozenset[str]] = frozenset({"path"})
    NOT_IN_FILES: ClassVar[frozenset[str]] = frozenset({"properties"})
    HINTS: ClassVar[dict[str, str]] = {"local_path": "This key is of an early preview; write 'path'."}
    PATHS: ClassVar[frozenset[str]] = frozenset({"path"})

    tags: values.TextWords = {}
    type: DataType = "uri_folder"
    path: values.PathText | None = None
    zaffre: DataExtension | None = None
    status: DataStatus | None = pydantic.Field(default=None, repr=False)
