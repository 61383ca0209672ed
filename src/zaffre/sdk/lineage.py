"""`ml_client.lineage`: what an answer was made of, and what was made from a thing."""

from typing import Any
from urllib.parse import quote

from zaffre.sdk import operations


class LineageOperations:
    """Reads lineage."""

    def __init__(self, scope: operations.Scope) -> None:
        self._scope = scope

    def get(self, subject: str, *, direction: str = "behind") -> dict[str, Any]:
        """Everything behind a thing (a revision id, `models/churn:3`), or with `made-from` what was made of it."""
        path = f"{self._scope.path('lineage')}/{quote(subject, safe='/:')}"
        answer: dict[str, Any] = self._scope.wire.get(path, direction=direction)
        return answer
