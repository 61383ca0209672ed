"""Finding many versions: by tags, name, type, stage and time, newest first, a page at a time.

Tags lead: the index (term, version) holds each tag's versions in order of time, so the rarest tag is walked from the
newest and the others are only looked up. Used by `service` alone.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from zaffre.server import db
from zaffre.server.registry.versioning import nouns
from zaffre.server.registry.versioning.store import READ, assets, first_id, tags, term, versions

_COUNTED = 3000
"""Tags that are on more versions than this are all the same to the choice of the rarest."""


def search(
    uow: db.UnitOfWork, workspace: str, kind: str, query: nouns.Query, *, before: int | None
) -> list[sa.Row[Any]]:
    """The newest versions that match, older than the id `before`."""
    terms = [term(workspace, kind, key, value) for key, value in query.tags]
    if terms:
        statement, identity = _by_terms(_rarest_first(uow, terms))
    elif query.one_per_name:
        statement, identity = _newest_per_name(query)
    else:
        statement, identity = READ, versions.c.id
    statement = statement.where(*_scope(workspace, kind, query), *_filters(query))
    statement = statement.where(*_times(query, identity))
    if before is not None:
        statement = statement.where(identity < before)
    return list(uow.connection.execute(statement.order_by(identity.desc()).limit(query.limit + 1)))


def _rarest_first(uow: db.UnitOfWork, terms: Sequence[int]) -> list[int]:
    if len(terms) == 1:
        return list(terms)
    counts = []
    for each in terms:
        some = sa.select(sa.literal(1)).where(tags.c.term == each).limit(_COUNTED).subquery()
        counts.append(sa.select(sa.func.count()).select_from(some).scalar_subquery())
    found = uow.connection.execute(sa.select(*counts)).one()
    return [each for _, each in sorted(zip(found, terms, strict=True))]


def _by_terms(terms: Sequence[int]) -> tuple[sa.Select[Any], Any]:
    first = tags.alias("t0")
    statement = READ.join(first, first.c.version_id == versions.c.id).where(first.c.term == terms[0])
    for number, each in enumerate(terms[1:], start=1):
        other = tags.alias(f"t{number}")
        same = (other.c.term == each) & (other.c.version_id == first.c.version_id)
        statement = statement.where(sa.exists().where(same))
    return statement, first.c.version_id


def _newest_per_name(query: nouns.Query) -> tuple[sa.Select[Any], Any]:
    if query.archived == "exclude":
        return READ.where(versions.c.id == assets.c.latest_id), assets.c.latest_id
    newest = sa.select(sa.func.max(versions.c.id)).where(versions.c.asset_id == assets.c.id)
    return READ.where(versions.c.id == newest.correlate(assets).scalar_subquery()), versions.c.id


def _scope(workspace: str, kind: str, query: nouns.Query) -> list[sa.ColumnElement[bool]]:
    if query.name is not None or query.prefix is not None or query.one_per_name:
        return [assets.c.workspace == workspace, assets.c.kind == kind]
    return [versions.c.workspace == workspace, versions.c.kind == kind]


def _filters(query: nouns.Query) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if query.name is not None:
        found.append(assets.c.name == query.name)
    if query.prefix is not None:
        # Names are ASCII, so '\x7f' sorts after every one that starts with the prefix.
        found += [assets.c.name >= query.prefix, assets.c.name < query.prefix + "\x7f"]
    if query.contains is not None:
        found.append(assets.c.name.contains(query.contains, autoescape=True))
    if query.type is not None:
        found.append(versions.c.type == query.type)
    if query.stage is not None:
        found.append(versions.c.stage == query.stage)
    if query.newest_only:
        found.append(versions.c.id == assets.c.latest_id)
    hidden = versions.c.archived | assets.c.archived
    if query.archived == "exclude":
        found.append(~hidden)
    elif query.archived == "only":
        found.append(hidden)
    return found


def _times(query: nouns.Query, identity: Any) -> list[sa.ColumnElement[bool]]:
    found = []
    if query.created_after is not None:
        found.append(identity >= first_id(query.created_after))
    if query.created_before is not None:
        found.append(identity < first_id(query.created_before))
    return found
