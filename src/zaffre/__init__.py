"""Zaffre: the whole life of a machine-learning model on your own machines.

The public names are loaded on first use, so that `import zaffre` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zaffre.sdk.client import MLClient as MLClient

__version__ = "0.1.0"
__all__ = ["MLClient", "__version__"]

_HOMES = {"MLClient": "zaffre.sdk.client"}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'zaffre' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)
