"""Data assets: what the registry demands of one, and the verbs that faces and other rooms use.

A data version is evidence of what something was trained on: it can be archived, never deleted.
"""

from typing import Any

from zaffre.contracts import data as contract
from zaffre.contracts import events as catalogue
from zaffre.core import errors
from zaffre.server import db
from zaffre.server.access import callers
from zaffre.server.registry.versioning import content, documents, entering, nouns, service

NOUN = nouns.Noun(
    kind="data",
    word="data",
    registered=catalogue.DataRegistered,
    updated=catalogue.DataUpdated,
    archived=catalogue.DataArchived,
    restored=catalogue.DataRestored,
    deleted=catalogue.DataDeleted,
    kept="it says what models were made from",
)


def shelf(workspace: str) -> nouns.Shelf:
    """The data assets of a workspace."""
    return nouns.Shelf(NOUN, workspace)


def create(uow: db.UnitOfWork, caller: callers.Caller, workspace: str, data: contract.Data) -> contract.Data:
    """Register a data asset; without a version it gets the next number. Raises AlreadyExists, Invalid, NotFound."""
    return contract.Data.from_body(document(register(uow, caller, workspace, data)[0]))


def register(
    uow: db.UnitOfWork, caller: callers.Caller, workspace: str, data: contract.Data
) -> tuple[nouns.Version, bool]:
    """As `create`; says also whether the version is new."""
    mine = shelf(workspace)
    if not data.name:
        raise errors.Invalid("A data asset needs a name.", hint="Add `name:` to the file, or give --name.")
    callers.require(caller, "data/write", mine.resource(data.name or ""))  # before anything is looked up
    found = content.find(uow, mine, data.path)
    _demand(data, found)
    draft = nouns.Draft(
        name=data.name,
        version=data.version,
        body=documents.body_of(data),
        type=data.type,
        description=data.description,
        tags=data.tags,
        properties=data.properties,
        facts=found.facts(),
        aliases=tuple(data.zaffre.aliases) if data.zaffre else (),
    )
    return entering.enter(uow, caller, mine, draft, found.place)


def get(
    uow: db.UnitOfWork, caller: callers.Caller, workspace: str, name: str, version: str = "@latest"
) -> contract.Data:
    """One data version, by number or `@label`. Raises NotFound."""
    return contract.Data.from_body(document(service.get(uow, caller, shelf(workspace), name, version)))


def document(version: nouns.Version, *, used_by: list[str] | None = None) -> dict[str, Any]:
    """The REST body of a version."""
    return documents.document(version)


def _demand(data: contract.Data, found: content.Content) -> None:
    if data.type == "uri_file" and not found.is_file:
        raise errors.Invalid(
            "Data of type uri_file must be one file, and the path names a folder.",
            hint="Name the file, or use type uri_folder.",
        )
    if data.type != "uri_file" and found.is_file:
        raise errors.Invalid(
            f"Data of type {data.type} must be a folder, and the path names one file.",
            hint="Name the folder, or use type uri_file.",
        )
    if data.type == "mltable" and found.inside("MLTable") is None:
        raise errors.Invalid(
            "Data of type mltable must be a folder with a file MLTable in it.",
            hint="Write the MLTable file, or use type uri_folder.",
        )
