"""Fixed words under the module name that users of `azure.ai.ml.constants` import. No pydantic, no server."""

from typing import Any

from zaffre.core import later


class AssetTypes:
    """What a file or folder is, as `type=` of models, data, inputs and outputs."""

    URI_FILE = "uri_file"
    URI_FOLDER = "uri_folder"
    MLTABLE = "mltable"
    MLFLOW_MODEL = "mlflow_model"
    TRITON_MODEL = "triton_model"
    CUSTOM_MODEL = "custom_model"


class ListViewType:
    """Which versions a list shows."""

    ACTIVE_ONLY = "ActiveOnly"
    ARCHIVED_ONLY = "ArchivedOnly"
    ALL = "All"


class Scope:
    """Which workspaces `workspaces.list` gives."""

    RESOURCE_GROUP = "resource_group"
    SUBSCRIPTION = "subscription"


class EndpointKeyType:
    """Which key `begin_regenerate_keys` replaces."""

    PRIMARY_KEY_TYPE = "primary"
    SECONDARY_KEY_TYPE = "secondary"


__all__ = ["AssetTypes", "EndpointKeyType", "ListViewType", "Scope"]


def __getattr__(name: str) -> Any:
    raise later.missing(__name__, name, known=name[:1].isupper())
