"""What one answer was made of."""

import pydantic

from zaffre.contracts import base


class ModelLineage(pydantic.BaseModel):
    """One model version behind an answer."""

    model_config = pydantic.ConfigDict(extra="ignore")

    id: str
    name: str
    version: str
    manifest_digest: str | None = None
    registered_at: base.Moment | None = None
    registered_by: str | None = None


class RevisionLineage(pydantic.BaseModel):
    """The revision that gave an answer, and everything it was built from."""

    model_config = pydantic.ConfigDict(extra="ignore")

    revision: str
    workspace: str
    endpoint: str
    deployment: str
    models: list[ModelLineage] = []
    environment_id: str | None = None
    environment_lock_digest: str | None = None
    code_digest: str | None = None
    settings_digest: str | None = None
    created_at: base.Moment | None = None
    created_by: str | None = None
    reason: str | None = None
    previous_revision: str | None = None
