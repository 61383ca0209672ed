"""Bearer tokens: `zf_<id>_<secret>`. The server keeps a hash; the secret is shown once, at creation."""

import datetime as dt
import hashlib
import hmac
import re
import secrets
from typing import Any

from zaffre.contracts import events as catalogue
from zaffre.core import clock, errors
from zaffre.server import db, events
from zaffre.server.access import callers, store

TOPIC = "tokens"
"""What listens to changes of tokens."""

_FORM = re.compile(r"zf_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_REFUSED = "The token is wrong, expired or revoked."
_HINT = "Give a valid one: `Authorization: Bearer <token>`, or ZAFFRE_TOKEN."


def create(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    *,
    name: str,
    grants: list[callers.Grant],
    lifetime_s: float | None = None,
) -> tuple[str, dict[str, Any]]:
    """Make a token; returns it (the only time it can be seen) and its record. Raises Invalid for an unknown role."""
    callers.require(caller, "tokens/write", "server")
    if name.startswith(callers.SYSTEM):
        raise errors.Invalid(
            f"A token cannot be called {name!r}: names with {callers.SYSTEM!r} are those of the server's own workers."
        )
    for grant in grants:
        if grant.role not in callers.ROLES:
            raise errors.Invalid(
                f"There is no role {grant.role!r}.", hint=f"Roles: {', '.join(callers.ROLES)}."
            )
    now = clock.now()
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = {
        "id": token_id,
        "name": name,
        "secret_hash": _digest(secret),
        "grants": [{"role": grant.role, "workspace": grant.workspace} for grant in grants],
        "created_at": now,
        "created_by": caller.name,
        "expires_at": None if lifetime_s is None else now + dt.timedelta(seconds=lifetime_s),
        "revoked_at": None,
    }
    store.insert_token(uow, row)
    events.append(
        uow,
        caller,
        catalogue.TokenCreated(
            token_id=token_id, name=name, grants=[f"{g.role} on {g.workspace}" for g in grants]
        ),
        workspace="",
        subject=f"tokens/{token_id}",
    )
    return f"zf_{token_id}_{secret}", _record(row)


def authenticate(uow: db.UnitOfWork, text: str) -> tuple[callers.Caller, float]:
    """The caller whom a token names, and for how many seconds more it lives (may be infinite).

    Raises Unauthenticated, with one text for every way of being wrong."""
    match = _FORM.fullmatch(text)
    row = store.get_token(uow, match[1]) if match else None
    known = row.secret_hash if row else "0" * 64
    right = hmac.compare_digest(known, _digest(match[2] if match else ""))
    if row is None or not right or row.revoked_at or (row.expires_at and row.expires_at <= clock.now()):
        raise errors.Unauthenticated(_REFUSED, hint=_HINT)
    grants = tuple(callers.Grant(grant["role"], grant["workspace"]) for grant in row.grants)
    left_s = (row.expires_at - clock.now()).total_seconds() if row.expires_at else float("inf")
    return callers.Caller(name=row.name, grants=grants, token_id=row.id), left_s


def list_all(uow: db.UnitOfWork, caller: callers.Caller) -> list[dict[str, Any]]:
    """Every token's record, without secrets."""
    callers.require(caller, "tokens/read", "server")
    return [_record(row._mapping) for row in store.list_tokens(uow)]


def revoke(uow: db.UnitOfWork, caller: callers.Caller, token_id: str) -> None:
    """End a token now; requests that carry it afterwards are refused."""
    callers.require(caller, "tokens/write", "server")
    row = store.get_token(uow, token_id)
    if row is None:
        raise errors.NotFound(f"There is no token {token_id}.", hint="`zaffre token list` shows them.")
    store.revoke_token(uow, token_id)
    uow.touch(TOPIC)
    events.append(
        uow,
        caller,
        catalogue.TokenRevoked(token_id=token_id, name=row.name),
        workspace="",
        subject=f"tokens/{token_id}",
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _record(row: Any) -> dict[str, Any]:
    record = {key: row[key] for key in ("id", "name", "grants", "created_by")}
    for key in ("created_at", "expires_at", "revoked_at"):
        record[key] = clock.isoformat(row[key]) if row[key] else None
    return record


def is_known(uow: db.UnitOfWork, text: str) -> bool:
    """Whether a token was made by this database, revoked or not."""
    match = _FORM.fullmatch(text)
    return match is not None and store.get_token(uow, match[1]) is not None
