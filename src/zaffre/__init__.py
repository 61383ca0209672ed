"""Zaffre: the whole life of a machine-learning model on your own machines.

The public names are loaded on first use, so that `import zaffre` costs nothing.
"""

from __future__ import annotations

from zaffre.core.version import VERSION as __version__  # noqa: N811 # the name that Python gives it

TYPE_CHECKING = (
    False  # as checkers of types know it; the module that has it takes longer than all the rest here
)
if TYPE_CHECKING:
    from zaffre.contracts.files import load_data as load_data
    from zaffre.contracts.files import load_environment as load_environment
    from zaffre.contracts.files import load_model as load_model
    from zaffre.contracts.files import load_online_deployment as load_online_deployment
    from zaffre.contracts.files import load_online_endpoint as load_online_endpoint
    from zaffre.contracts.files import load_workspace as load_workspace
    from zaffre.sdk.client import MLClient as MLClient

__all__ = [
    "MLClient",
    "__version__",
    "load_data",
    "load_environment",
    "load_model",
    "load_online_deployment",
    "load_online_endpoint",
    "load_workspace",
]

_HOMES = {
    "MLClient": "zaffre.sdk.client",
    "load_data": "zaffre.contracts.files",
    "load_environment": "zaffre.contracts.files",
    "load_model": "zaffre.contracts.files",
    "load_online_deployment": "zaffre.contracts.files",
    "load_online_endpoint": "zaffre.contracts.files",
    "load_workspace": "zaffre.contracts.files",
}


_LATER = frozenset({
    "AmlTokenConfiguration", "AzureMLOnlineInferencingServer", "Input", "ManagedIdentityConfiguration", "MpiDistribution",
    "Output", "PyTorchDistribution", "RayDistribution", "TensorFlowDistribution", "UserIdentityConfiguration", "automl",
    "command", "dsl", "load_batch_deployment", "load_batch_endpoint", "load_component", "load_compute", "load_connection",
    "load_datastore", "load_job", "load_model_package", "load_registry", "load_schedule", "parallel", "spark", "sweep",
})  # fmt: skip


def __getattr__(name: str) -> object:
    import importlib

    home = _HOMES.get(name)
    if home is not None:
        return getattr(importlib.import_module(home), name)
    from zaffre.core import later

    raise later.missing(__name__, name, known=name in _LATER)
