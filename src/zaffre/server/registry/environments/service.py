"""Environments: what the registry demands of one, its lock, clones, and the verbs that faces and other rooms use.

Solving and building is the work of the environments room above; it brings the lock here, once.
"""

import dataclasses
import datetime as dt
import posixpath
from collections.abc import Callable, Mapping
from typing import Any

from zaffre.contracts import environment as contract
from zaffre.contracts import events as catalogue
from zaffre.contracts import manifests
from zaffre.core import errors, names
from zaffre.server import db
from zaffre.server.access import callers
from zaffre.server.registry.versioning import content, documents, entering, hidden, locks, nouns, service

ANONYMOUS = "anonymous"
NOUN = nouns.Noun(
    kind="environments",
    word="environment",
    registered=catalogue.EnvironmentRegistered,
    updated=catalogue.EnvironmentUpdated,
    archived=catalogue.EnvironmentArchived,
    restored=catalogue.EnvironmentRestored,
    deleted=catalogue.EnvironmentDeleted,
)


def shelf(workspace: str) -> nouns.Shelf:
    """The environments of a workspace."""
    return nouns.Shelf(NOUN, workspace)


def create(
    uow: db.UnitOfWork, caller: callers.Caller, workspace: str, environment: contract.Environment
) -> contract.Environment:
    """Register an environment; without a version it gets the next number. Raises AlreadyExists, Invalid, NotFound."""
    return _entity(register(uow, caller, workspace, environment)[0])


def register(
    uow: db.UnitOfWork, caller: callers.Caller, workspace: str, environment: contract.Environment
) -> tuple[nouns.Version, bool]:
    """As `create`; says also whether the version is new."""
    if not environment.name:
        raise errors.Invalid("An environment needs a name.", hint="Add `name:` to the file, or give --name.")
    return _register(uow, caller, workspace, _draft(environment, environment.name))


def anonymous(
    uow: db.UnitOfWork, caller: callers.Caller, workspace: str, environment: contract.Environment
) -> contract.Environment:
    """The environment that a deployment describes inline: one hidden version per content."""
    draft = _draft(environment, ANONYMOUS)
    draft = dataclasses.replace(draft, version=hidden.number_of(draft.body), hidden=True)
    return _entity(_register(uow, caller, workspace, draft)[0])


def described(
    uow: db.UnitOfWork, caller: callers.Caller, workspace: str, environment: contract.Environment
) -> contract.Environment:
    """The environment that a deployment describes inline under a name. Without a version, one that equals the latest is that:
    whoever changes the deployment describes it again each time."""
    if environment.version is None and environment.name:
        try:
            latest = service.get(uow, caller, shelf(workspace), environment.name, f"@{names.LATEST}")
        except errors.NotFound:
            return create(uow, caller, workspace, environment)
        if service.content_of(latest.body) == service.content_of(documents.body_of(environment)):
            return _entity(latest)
    return create(uow, caller, workspace, environment)


def clone(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    workspace: str,
    source: tuple[str, str],
    *,
    name: str,
    version: str | None = None,
) -> nouns.Version:
    """A new environment with the definition and the lock of `source` (name, version or `@label`)."""
    mine = shelf(workspace)
    callers.require(caller, "environments/write", mine.resource(name))
    old = service.get(uow, caller, mine, *source)
    draft = nouns.Draft(
        name=name,
        version=version,
        body=old.body,
        type=old.type,
        description=old.description,
        tags=old.tags,
        properties=old.properties,
        facts=old.facts,
    )
    made, new = _register(uow, caller, workspace, draft)
    if new:
        locks.copy(uow, old, made)
    return made


def get(
    uow: db.UnitOfWork, caller: callers.Caller, workspace: str, name: str, version: str = "@latest"
) -> contract.Environment:
    """One environment version, by number or `@label`. Raises NotFound."""
    return _entity(service.get(uow, caller, shelf(workspace), name, version))


def keep_lock(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    workspace: str,
    name: str,
    *,
    version: str,
    lock_json: str,
    digest: str,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Keep the lock with its version, once.

    `facts` goes into the status beside `lock_digest`: `python`, `stand_in`, `notes`, `source`, `image`. Another lock
    raises Conflict.
    """
    mine = shelf(workspace)
    callers.require(caller, "environments/write", mine.resource(name))
    locks.set_once(uow, mine, name, version, text=lock_json, digest=digest, facts=dict(facts or {}))


def lock_of(
    uow: db.UnitOfWork, caller: callers.Caller, workspace: str, name: str, version: str
) -> str | None:
    """The stored lock of a version, if it has one yet."""
    mine = shelf(workspace)
    callers.require(caller, "environments/read", mine.resource(name))
    return locks.read(uow, service.find(uow, mine, name, version).id)


def sweep(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    *,
    before: dt.datetime,
    needed: Callable[[str, str], bool],
    dry_run: bool,
) -> list[tuple[str, str]]:
    """Remove what deployments described inline before that moment, that none has now and that is not
    `needed(workspace, subject)`. Returns workspace and subject of each; a dry run only finds them."""
    return hidden.sweep(uow, caller, NOUN, ANONYMOUS, before=before, needed=needed, dry_run=dry_run)


def document(version: nouns.Version, *, used_by: list[str] | None = None) -> dict[str, Any]:
    """The REST body of a version."""
    return documents.document(version, used_by=used_by)


def _entity(version: nouns.Version) -> contract.Environment:
    return contract.Environment.from_body(document(version))


def _draft(environment: contract.Environment, name: str) -> nouns.Draft:
    _demand(environment)
    extension = environment.zaffre
    return nouns.Draft(
        name=name,
        version=environment.version,
        body=documents.body_of(environment),
        description=environment.description,
        tags=environment.tags,
        properties=environment.properties,
        aliases=tuple(extension.aliases) if extension else (),
    )


def _register(
    uow: db.UnitOfWork, caller: callers.Caller, workspace: str, draft: nouns.Draft
) -> tuple[nouns.Version, bool]:
    mine = shelf(workspace)
    path = draft.body.get("build", {}).get("path")
    context = None
    if path and path.startswith(manifests.SCHEME):
        context = content.find(uow, mine, path)
        _demand_dockerfile(context, draft.body["build"].get("dockerfile_path") or "Dockerfile")
        draft = draft.with_facts(**context.facts())
    return entering.enter(uow, caller, mine, draft, context.place if context else None)


def _demand_dockerfile(context: content.Content, name: str) -> None:
    if context.inside(posixpath.normpath(name)) is None:
        raise errors.Invalid(
            f"The build context has no file {name!r}.",
            hint="Add it, or correct build.path or build.dockerfile_path.",
        )


def _demand(environment: contract.Environment) -> None:
    if environment.image and environment.build:
        raise errors.Invalid(
            "An environment has either an image or a build context, not both.", hint="Leave one of them out."
        )
    if environment.build and environment.conda_file:
        raise errors.Invalid(
            "An environment with a build context cannot have a conda file too.",
            hint="Let the Dockerfile install what the conda file names.",
        )
    if not (environment.image or environment.build or environment.has_packages):
        raise errors.Invalid(
            "The environment is empty.",
            hint="Give an image, a conda_file, a build context, or zaffre.requirements.",
        )
