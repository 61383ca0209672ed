"""Callers, roles and the one question: may this caller do this to that? Pure.

A permission is `noun/verb`, a resource is `workspaces/W/...` or `server`. A grant gives a role on one workspace
or on all (`*`).
"""

import dataclasses
import fnmatch

from zaffre.core import errors

ROLES: dict[str, tuple[str, ...]] = {
    "admin": ("*",),
    "contributor": ("workspaces/read", "*/read", "models/*", "data/*", "environments/*", "artifacts/*", "endpoints/*", "operations/*", "secrets/*"),
    "reader": ("*/read",),
    "scorer": ("workspaces/read", "endpoints/read", "endpoints/invoke"),
}  # fmt: skip
"""What each role may do, as patterns over permissions."""

SYSTEM = "system:"
"""How the names of the server's own callers begin."""

_NOT_BY_READING = frozenset({"tokens/read", "server/read", "audit/read"})
"""Permissions that no `*/read` gives: they show the whole server."""


@dataclasses.dataclass(frozen=True)
class Grant:
    """A role on one workspace, or on every one (`*`)."""

    role: str
    workspace: str = "*"


@dataclasses.dataclass(frozen=True)
class Caller:
    """Whoever makes a request. `reason` is what they said they do it for; both travel into events and audit."""

    name: str
    grants: tuple[Grant, ...] = ()
    token_id: str = ""
    reason: str = ""
    request_id: str = ""

    @property
    def identity(self) -> str:
        """Who owns what the caller brings: two tokens may bear one name, and are two callers all the same."""
        return self.token_id or self.name


def system(name: str) -> Caller:
    """A named caller for workers: may do everything, and the audit shows which worker it was."""
    return Caller(name=f"{SYSTEM}{name}", grants=(Grant("admin"),))


def allowed(caller: Caller, permission: str, resource: str) -> bool:
    """Whether any grant of the caller covers the permission on the resource."""
    parts = resource.split("/")
    workspace = parts[1] if parts[0] == "workspaces" and len(parts) > 1 else None
    for grant in caller.grants:
        if grant.workspace != "*" and (workspace is None or grant.workspace != workspace):
            continue
        if _role_covers(grant.role, permission):
            return True
    return False


def _role_covers(role: str, permission: str) -> bool:
    patterns = ROLES.get(role, ())
    if permission in _NOT_BY_READING:
        patterns = tuple(pattern for pattern in patterns if pattern != "*/read")
    return any(fnmatch.fnmatchcase(permission, pattern) for pattern in patterns)


def require(caller: Caller, permission: str, resource: str) -> None:
    """Raise Denied unless the caller may. Services call it before anything else."""
    if not allowed(caller, permission, resource):
        raise errors.Denied(
            f"{caller.name} may not {permission} on {resource}.",
            hint="Ask an administrator for a token with a role that allows it (`zaffre token create --role`).",
        )
