"""Finding many versions: by tags, name, type, stage and time, newest first, a page at a time.

Tags lead: the index (term, version) holds each tag's versions in order of time, so the rarest tag is walked from the
newest and the others are only looked up. How rare a tag is of late is seen by how old the last of its newest `_SEEN`
versions is: that costs the same for all tags, and is what decides how far a page must walk. A statement is built once
per shape of question. Used by `service` alone.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from zaffre.server import db
from zaffre.server.registry.versioning import nouns
from zaffre.server.registry.versioning.store import READ, first_id, term
from zaffre.server.registry.versioning.tables import assets, tags, versions

_SEEN = 100


@dataclasses.dataclass(frozen=True)
class _Shape:
    """What of a question decides its statement: everything but the values."""

    terms: int
    values: frozenset[str]
    archived: str
    one_per_name: bool
    newest_only: bool


def search(
    uow: db.UnitOfWork, workspace: str, kind: str, query: nouns.Query, *, before: int | None
) -> list[Any]:
    """The newest versions that match, older than the id `before`."""
    terms = _rarest_first(uow, [term(workspace, kind, key, value) for key, value in query.tags])
    values = {key: value for key, value in _values(query, before).items() if value is not None}
    shape = _Shape(
        terms=len(terms),
        values=frozenset(values),
        archived=query.archived,
        one_per_name=query.one_per_name,
        newest_only=bool(query.newest_only),
    )
    given = {f"term{number}": each for number, each in enumerate(terms)}
    scope = {} if terms else {"workspace": workspace, "kind": kind}
    page = {"page": query.limit + 1}
    return list(_statement(shape).run(uow.connection, {**given, **values, **scope, **page}))


def _values(query: nouns.Query, before: int | None) -> dict[str, Any]:
    contains = query.contains
    if contains is not None:
        contains = contains.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {
        "name": query.name,
        "prefix": query.prefix,
        # Names are ASCII, so '\x7f' sorts after every one that starts with the prefix.
        "prefix_end": None if query.prefix is None else query.prefix + "\x7f",
        "contains": None if contains is None else f"%{contains}%",
        "type": query.type,
        "stage": query.stage,
        "after": None if query.created_after is None else first_id(query.created_after),
        "until": None if query.created_before is None else first_id(query.created_before),
        "before": before,
    }


def _rarest_first(uow: db.UnitOfWork, terms: Sequence[int]) -> list[int]:
    if len(terms) < 2:
        return list(terms)
    given = {f"term{number}": each for number, each in enumerate(terms)}
    seen = _ages(len(terms)).run(uow.connection, given)[0]
    # One that has fewer versions than that is rarer than all that have more.
    return [each for _, each in sorted(zip((age or 0 for age in seen), terms, strict=True))]


@functools.lru_cache(maxsize=64)
def _ages(number: int) -> db.Prepared:
    ages = []
    for each in range(number):
        one = tags.alias(f"t{each}")
        newest = sa.select(one.c.version_id).where(one.c.term == sa.bindparam(f"term{each}"))
        last = newest.order_by(one.c.version_id.desc()).limit(1).offset(_SEEN - 1)
        ages.append(last.scalar_subquery().label(f"age{each}"))
    return db.Prepared(sa.select(*ages))


@functools.lru_cache(maxsize=256)
def _statement(shape: _Shape) -> db.Prepared:
    if shape.terms:
        statement, identity = _by_terms(shape.terms)
    elif shape.one_per_name:
        statement, identity = _newest_per_name(shape)
    else:
        statement, identity = READ, versions.c.id
    statement = statement.where(*_scope(shape), *_filters(shape, identity))
    return db.Prepared(statement.order_by(identity.desc()).limit(sa.bindparam("page")))


def _scope(shape: _Shape) -> list[sa.ColumnElement[bool]]:
    """Workspace and kind, asked of the table whose index is walked. Terms hold both already, and asking for them
    again would lead a planner to walk all versions of the workspace."""
    if shape.terms:
        return []
    scoped = assets if shape.one_per_name or shape.values & {"name", "prefix"} else versions
    return [scoped.c.workspace == sa.bindparam("workspace"), scoped.c.kind == sa.bindparam("kind")]


def _by_terms(number: int) -> tuple[sa.Select[Any], Any]:
    first = tags.alias("t0")
    statement = READ.join(first, first.c.version_id == versions.c.id)
    statement = statement.where(first.c.term == sa.bindparam("term0"))
    for each in range(1, number):
        other = tags.alias(f"t{each}")
        wanted = other.c.term == sa.bindparam(f"term{each}")
        there = sa.select(other.c.term).where(wanted & (other.c.version_id == first.c.version_id))
        # The offset keeps PostgreSQL from turning the look-up into a join, which it would plan anew each time.
        statement = statement.where(sa.exists(there.correlate(first).offset(sa.literal_column("0"))))
    return statement, first.c.version_id


def _newest_per_name(shape: _Shape) -> tuple[sa.Select[Any], Any]:
    if shape.archived == "exclude":
        return READ.where(versions.c.id == assets.c.latest_id), assets.c.latest_id
    newest = sa.select(sa.func.max(versions.c.id)).where(versions.c.asset_id == assets.c.id)
    return READ.where(versions.c.id == newest.correlate(assets).scalar_subquery()), versions.c.id


def _filters(shape: _Shape, identity: Any) -> list[sa.ColumnElement[bool]]:
    possible = {
        "name": assets.c.name == sa.bindparam("name"),
        "prefix": assets.c.name >= sa.bindparam("prefix"),
        "prefix_end": assets.c.name < sa.bindparam("prefix_end"),
        "contains": assets.c.name.like(sa.bindparam("contains"), escape="\\"),
        "type": versions.c.type == sa.bindparam("type"),
        "stage": versions.c.stage == sa.bindparam("stage"),
        "after": identity >= sa.bindparam("after"),
        "until": identity < sa.bindparam("until"),
        "before": identity < sa.bindparam("before"),
    }
    found = [condition for name, condition in possible.items() if name in shape.values]
    if shape.newest_only:
        found.append(versions.c.id == assets.c.latest_id)
    hidden = versions.c.archived | assets.c.archived
    if shape.archived == "exclude":
        found.append(~hidden)
    elif shape.archived == "only":
        found.append(hidden)
    return found
