"""Routes of tokens."""

from typing import Any

import fastapi
import pydantic

from zaffre.server.access import callers, tokens
from zaffre.server.api import auth, context

router = fastapi.APIRouter(tags=["tokens"])


class GrantBody(pydantic.BaseModel):
    """A role on one workspace, or on every one (`*`)."""

    model_config = pydantic.ConfigDict(extra="forbid")

    role: str
    workspace: str = "*"


class TokenBody(pydantic.BaseModel):
    """What a new token is called, what it may do, and how long it lives (`null`: until revoked)."""

    model_config = pydantic.ConfigDict(extra="forbid")

    name: str = pydantic.Field(min_length=1, max_length=200)
    grants: list[GrantBody] = pydantic.Field(min_length=1, max_length=100)
    lifetime_s: float | None = pydantic.Field(default=None, gt=0, le=1e10)


@router.post("/tokens", status_code=201)
def create(body: TokenBody, caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """Make a token. The answer's `token` is shown this once."""
    grants = [callers.Grant(grant.role, grant.workspace) for grant in body.grants]
    with parts.database.write() as uow:
        text, record = tokens.create(uow, caller, name=body.name, grants=grants, lifetime_s=body.lifetime_s)
    return {**record, "token": text}


@router.get("/tokens")
def list_all(caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """Every token, without its secret."""
    with parts.database.read() as uow:
        return {"items": tokens.list_all(uow, caller), "next": None}


@router.delete("/tokens/{token_id}", status_code=204)
def revoke(token_id: str, caller: auth.CallerDep, parts: context.Deps) -> None:
    """End a token now."""
    with parts.database.write() as uow:
        tokens.revoke(uow, caller, token_id)
