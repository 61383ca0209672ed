"""What a text that refers to a version means here. Called by whoever takes references: deployments, conversions, clones.

Its rule: a reference that says where the version lies is never answered with one that lies elsewhere.
"""

from zaffre.core import names
from zaffre.server import db
from zaffre.server.access import callers, workspaces


def named(
    uow: db.UnitOfWork, caller: callers.Caller, workspace: str, text: str, *, kind: str
) -> tuple[str, str]:
    """Name and version (or `@label`) of what a text refers to in this workspace; nothing said means the latest.

    Raises Invalid when the text names another workspace, NotFound another group, Unsupported a registry.
    """
    reference = names.parse_reference(text, kind=kind)
    names.require_here(reference, workspace)
    if reference.resource_group is not None:
        group, subscription = reference.resource_group, reference.subscription
        workspaces.get(uow, caller, workspace, resource_group=group, subscription=subscription)
    return reference.name, reference.version or f"@{reference.label or names.LATEST}"
