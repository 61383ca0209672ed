"""`ml_client.audit`: who changed what, when and why."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from zaffre.contracts import audit
from zaffre.sdk import operations, paging


class AuditOperations:
    """Reads the audit trail."""

    def __init__(self, scope: operations.Scope) -> None:
        self._scope = scope

    def list(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        workspace: str | None = None,
        since: dt.datetime | None = None,
        max_results: int | None = None,
    ) -> Iterator[audit.AuditRecord]:
        """Changes, newest first; whatever is left out matches all."""
        filters: dict[str, Any] = {
            "actor": actor,
            "action": action,
            "subject": subject,
            "workspace": workspace,
        }
        return paging.items(
            self._scope.wire,
            "/api/v1/audit",
            audit.AuditRecord.model_validate,
            most=max_results,
            since=since.isoformat() if since else None,
            **filters,
        )
