"""The nouns under the module name that users of `azure.ai.ml.entities` import; nothing is defined here."""

from typing import Any

from zaffre.contracts.assets import Asset, AutoDeleteSetting
from zaffre.contracts.base import CreationContext
from zaffre.contracts.cloud import (
    CustomerManagedKey,
    IPRule,
    ManagedNetwork,
    NetworkAcls,
    ServerlessComputeSettings,
)
from zaffre.contracts.collection import DataAsset, DataCollector, DeploymentCollection, RequestLogging
from zaffre.contracts.data import Data
from zaffre.contracts.endpoint_keys import EndpointAadToken, EndpointAuthKeys, EndpointAuthToken
from zaffre.contracts.environment import BuildContext, Environment
from zaffre.contracts.model import DeploymentTemplateReference, Model
from zaffre.contracts.online_deployment import (
    CodeConfiguration,
    KubernetesOnlineDeployment,
    ManagedOnlineDeployment,
    OnlineDeployment,
)
from zaffre.contracts.online_endpoint import (
    IdentityConfiguration,
    KubernetesOnlineEndpoint,
    ManagedIdentityConfiguration,
    ManagedOnlineEndpoint,
    OnlineEndpoint,
)
from zaffre.contracts.settings import (
    DefaultScaleSettings,
    OnlineRequestSettings,
    ProbeSettings,
    ResourceRequirementsSettings,
    ResourceSettings,
    TargetUtilizationScaleSettings,
)
from zaffre.contracts.workspace import Workspace
from zaffre.core import later

SystemData = CreationContext

__all__ = [
    "Asset",
    "AutoDeleteSetting",
    "BuildContext",
    "CodeConfiguration",
    "CreationContext",
    "CustomerManagedKey",
    "Data",
    "DataAsset",
    "DataCollector",
    "DefaultScaleSettings",
    "DeploymentCollection",
    "DeploymentTemplateReference",
    "EndpointAadToken",
    "EndpointAuthKeys",
    "EndpointAuthToken",
    "Environment",
    "IPRule",
    "IdentityConfiguration",
    "KubernetesOnlineDeployment",
    "KubernetesOnlineEndpoint",
    "ManagedIdentityConfiguration",
    "ManagedNetwork",
    "ManagedOnlineDeployment",
    "ManagedOnlineEndpoint",
    "Model",
    "NetworkAcls",
    "OnlineDeployment",
    "OnlineEndpoint",
    "OnlineRequestSettings",
    "ProbeSettings",
    "RequestLogging",
    "ResourceRequirementsSettings",
    "ResourceSettings",
    "ServerlessComputeSettings",
    "SystemData",
    "TargetUtilizationScaleSettings",
    "Workspace",
]


def __getattr__(name: str) -> Any:
    raise later.missing(__name__, name, known=name[:1].isupper())
