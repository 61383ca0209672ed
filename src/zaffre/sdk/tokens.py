"""`ml_client.tokens`: who may come in. A token's text is seen once, when it is made."""

from collections.abc import Sequence
from typing import Any

from zaffre.sdk import operations, transport

_ALL = "/api/v1/tokens"


class TokenOperations:
    """Operations on tokens; they belong to the server, not to a workspace."""

    def __init__(self, scope: operations.Scope) -> None:
        self._scope = scope

    def create(
        self,
        name: str,
        *,
        role: str = "contributor",
        workspaces: Sequence[str] = ("*",),
        lifetime_s: float | None = None,
    ) -> dict[str, Any]:
        """A new token with one role on these workspaces (`*`: all); the answer's `token` is its text."""
        grants = [{"role": role, "workspace": workspace} for workspace in workspaces]
        body = {"name": name, "grants": grants, "lifetime_s": lifetime_s}
        answer: dict[str, Any] = self._scope.wire.send("POST", _ALL, body=body).json()
        return answer

    def list(self) -> list[dict[str, Any]]:
        """Every token's record, without its text."""
        return list(self._scope.wire.get(_ALL)["items"])

    def revoke(self, token_id: str) -> None:
        """Ends a token now."""
        self._scope.wire.send("DELETE", f"{_ALL}/{transport.segment(token_id)}")
