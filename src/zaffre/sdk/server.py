"""`ml_client.server`: looking after the server itself."""

from typing import Any

from zaffre.sdk import operations


class ServerOperations:
    """Operations on the server; they need an administrator's token."""

    def __init__(self, scope: operations.Scope) -> None:
        self._scope = scope

    def certificates(self) -> list[dict[str, Any]]:
        """The certificate of each listener that speaks TLS, without its key."""
        found: list[dict[str, Any]] = self._scope.wire.get("/api/v1/server/certificates")["items"]
        return found

    def issuers(self) -> list[dict[str, Any]]:
        """The OpenID Connect issuers whose tokens may open endpoints, and which keys of theirs are known."""
        found: list[dict[str, Any]] = self._scope.wire.get("/api/v1/server/issuers")["items"]
        return found

    def rotate_signing_key(self) -> dict[str, Any]:
        """A new key for the tokens of endpoints; those that exist stay valid until they expire."""
        made: dict[str, Any] = self._scope.wire.send("POST", "/api/v1/server/signing-keys").json()
        return made

    def collect_garbage(self, *, dry_run: bool = True) -> dict[str, Any]:
        """Removes inline models, contents and built environments that nothing needs; a dry run only says which, and how
        much space that would free."""
        models, contents, built = (
            self._scope.wire.send(
                "POST", f"/api/v1/{room}/collection", parameters={"dry_run": dry_run}
            ).json()
            for room in ("models", "artifacts", "environments")
        )
        return {**models, **contents, **built, "bytes": contents["bytes"] + built["bytes"]}
