"""Routes of models."""

from typing import Annotated

import fastapi

from zaffre.server.api import auth, context, versions
from zaffre.server.endpoints.online import sweeping
from zaffre.server.registry.models import service

_GRACE_S = 3600.0

router = versions.Face(service.NOUN, service.register, service.document, reads_files=True).router()


@router.post("/models/collection")
def collect(
    caller: auth.CallerDep,
    parts: context.Deps,
    dry_run: bool = True,
    grace_s: Annotated[float, fastapi.Query(ge=0, le=1e9)] = _GRACE_S,
) -> sweeping.Report:
    """Remove models that only deployments gave, inline, and none has any more; a dry run (the default) only lists them."""
    return sweeping.sweep_models(parts.database, caller, grace_s=grace_s, dry_run=dry_run)
