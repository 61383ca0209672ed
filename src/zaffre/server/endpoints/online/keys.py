"""The two keys of an endpoint: made, kept sealed, shown to whoever may see them, replaced one at a time."""

import re
import secrets as randomness
from typing import Any

from zaffre.contracts import events as catalogue
from zaffre.core import clock, errors
from zaffre.server import access, db, events, operations, secrets
from zaffre.server.endpoints.online import room as rooms
from zaffre.server.endpoints.online import rows, store

SHORTEST, LONGEST = 32, 256
_DIFFERENT = 8
_FORM = re.compile(rf"[A-Za-z0-9._~+/=-]{{{SHORTEST},{LONGEST}}}")


def new(box: secrets.Box) -> dict[str, str]:
    """Two new keys, sealed."""
    return {name: box.seal(_key()) for name in rooms.KEYS}


def opened(box: secrets.Box, sealed: dict[str, str]) -> dict[str, str]:
    """The keys themselves, for the router's file and for whoever may see them."""
    return {name: box.open(text) for name, text in sealed.items()}


def show(
    uow: db.UnitOfWork, caller: access.Caller, room: rooms.Room, workspace: str, name: str
) -> dict[str, str]:
    """Both keys, as `{"primary_key": ..., "secondary_key": ...}`."""
    access.require(caller, "endpoints/keys", rooms.resource(workspace, name))
    row = rows.endpoint(uow, workspace, name)
    _demand_keys(row)
    return {f"{kind}_key": key for kind, key in opened(room.box, row.sealed_keys).items()}


def regenerate(
    uow: db.UnitOfWork,
    caller: access.Caller,
    room: rooms.Room,
    workspace: str,
    name: str,
    *,
    key_type: str,
    key_value: str | None = None,
) -> dict[str, Any]:
    """Replace one key; the other goes on working. Returns the operation that ends when the router knows it.

    The new key is made up, unless the caller brings one. Raises Invalid for one that could be guessed.
    """
    access.require(caller, "endpoints/keys", rooms.resource(workspace, name))
    if key_type not in rooms.KEYS:
        raise errors.Invalid(f"There is no key {key_type!r}.", hint="It is primary or secondary.")
    if key_value is not None:
        _check_key(key_value)
    row = rows.endpoint(uow, workspace, name, lock=True)
    _demand_keys(row)
    rooms.check_free(uow, row, f"endpoints/{name}")
    operation = operations.start(
        uow, caller, kind="endpoints.regenerate-keys", workspace=workspace, subject=f"endpoints/{name}"
    )
    values = {
        "sealed_keys": {**row.sealed_keys, key_type: room.box.seal(key_value or _key())},
        "etag": rooms.new_etag(),
        "state": "Updating",
        "operation": operation["id"],
        "modified_at": clock.now(),
        "modified_by": caller.name,
    }
    store.update_endpoint(uow, (workspace, name), values)
    event = catalogue.KeysRegenerated(endpoint=name, key=key_type)
    events.append(uow, caller, event, workspace=workspace, subject=f"endpoints/{name}")
    uow.touch(rooms.TOPIC)
    return operation


def _check_key(text: str) -> None:
    """What is wrong is said without the key."""
    if len(text) < SHORTEST:
        raise errors.Invalid(
            f"The key is too short: it has {len(text)} characters, {SHORTEST} is the least.",
            hint="Leave it out, and a good one is made.",
        )
    if not _FORM.fullmatch(text) or len(set(text)) < _DIFFERENT:
        raise errors.Invalid(
            f"The key must have {SHORTEST} to {LONGEST} letters, digits and -._~+/= , {_DIFFERENT} of them different.",
            hint="Leave it out, and a good one is made.",
        )


def _demand_keys(row: Any) -> None:
    mode = row.body.get("auth_mode", "key")
    if mode != "key":
        raise errors.Invalid(
            f"endpoints/{row.name} does not use keys: its auth_mode is {mode}.",
            hint="`zaffre online-endpoint get-credentials` gives a token.",
        )


def _key() -> str:
    return randomness.token_urlsafe(36)
