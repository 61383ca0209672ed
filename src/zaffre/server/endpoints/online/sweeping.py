"""Models that deployments gave inline go when no revision of a deployment refers to them. Called by the face of `zaffre server gc`.

Their files go with the collection of contents, after its own grace period.
"""

import dataclasses
import datetime as dt
import functools

from zaffre.core import clock, errors
from zaffre.server import access, db, operations
from zaffre.server.endpoints.online import store
from zaffre.server.registry.models import service as models


@dataclasses.dataclass(frozen=True)
class Report:
    """`models` are the versions that went, or in a dry run would go."""

    dry_run: bool
    models: list[str]


def sweep_models(database: db.Database, caller: access.Caller, *, grace_s: float, dry_run: bool) -> Report:
    """Judged and removed in one transaction; a workspace in which work is under way keeps all. Raises Denied, Invalid."""
    if grace_s < 0:
        raise errors.Invalid("grace_s must not be negative.")
    before = clock.now() - dt.timedelta(seconds=grace_s)
    with database.read() if dry_run else database.write() as uow:

        @functools.cache
        def kept() -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
            """Read when it is first asked for: then nobody can refer to them anew."""
            busy = frozenset(task.workspace for task in operations.tasks(uow))
            return busy, frozenset(_referred_to(uow))

        def needed(workspace: str, subject: str) -> bool:
            busy, referred = kept()
            return workspace in busy or (workspace, subject) in referred

        gone = models.sweep(uow, caller, before=before, needed=needed, dry_run=dry_run)
    return Report(dry_run, [f"workspaces/{workspace}/{subject}" for workspace, subject in gone])


def _referred_to(uow: db.UnitOfWork) -> set[tuple[str, str]]:
    """(workspace, subject) of each model that a deployment serves or may return to."""
    return {
        (row.workspace, models.shelf(row.workspace).subject(model["name"], model["version"]))
        for row in store.all_revisions(uow)
        for model in row.resolved["models"]
    }
