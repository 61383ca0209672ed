"""Environment variables of a deployment whose values are secrets of the workspace. Called when one is accepted and started.

    environment_variables:
      DB_PASSWORD: ${{secret.db-password}}
      API_KEY: ${{keyvault:https://vault.example.net/secrets/api-key}}     # as Azure writes it; the vault's name is not used

The text is what revisions, shows and events hold. The value exists in the process that is started, and nowhere on the way.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from zaffre.core import errors
from zaffre.server import access, db, secrets
from zaffre.server.secrets import named as service

_OURS = re.compile(r"\$\{\{\s*secret\.([A-Za-z0-9][A-Za-z0-9._-]{0,126})\s*\}\}")
_VAULT = re.compile(
    r"\$\{\{\s*keyvault:https://[^/\s{}]+/secrets/([A-Za-z0-9][A-Za-z0-9-]{0,126})(?:/[A-Za-z0-9]*)?\s*\}\}"
)
_LOOKS_LIKE_ONE = re.compile(r"\$\{\{\s*(secrets?\b|keyvault:|azureml://connections)")


def named(body: Mapping[str, Any]) -> dict[str, str]:
    """Which variables of a deployment's body are which secrets. Raises Invalid for what was meant to be one and is none."""
    found = {}
    for variable, text in (body.get("environment_variables") or {}).items():
        match = _OURS.fullmatch(str(text)) or _VAULT.fullmatch(str(text))
        if match:
            found[variable] = match[1]
        elif _LOOKS_LIKE_ONE.search(str(text)):
            raise errors.Invalid(
                f"environment_variables.{variable} does not name a secret in a way that is understood.",
                hint="The whole value is ${{secret.NAME}}, or ${{keyvault:https://VAULT/secrets/NAME}}.",
            )
    return found


def check(uow: db.UnitOfWork, caller: access.Caller, workspace: str, body: Mapping[str, Any]) -> None:
    """Raise Invalid, Denied or NotFound unless the caller may start this deployment with the secrets that it names."""
    service.require_use(uow, caller, workspace, named(body).values())


def use_only(uow: db.UnitOfWork, workspace: str, user: str, bodies: Iterable[Mapping[str, Any]]) -> None:
    """From here on the deployment uses what these bodies name: nobody can delete it."""
    service.use_only(uow, workspace, user, {name for body in bodies for name in named(body).values()})


class Opener:
    """Opens the secrets of a process that is about to start."""

    def __init__(self, database: db.Database, box: secrets.Box) -> None:
        self._database = database
        self._box = box

    def values(self, workspace: str, body: Mapping[str, Any]) -> dict[str, str]:
        """The values, by variable. Raises NotFound, Unavailable."""
        variables = named(body)
        if not variables:
            return {}
        with self._database.read() as uow:
            known = service.reveal(uow, self._box, workspace, variables.values())
        return {variable: known[name] for variable, name in variables.items()}
