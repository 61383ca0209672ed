"""What may be shown of an entity when a program prints it: everything but values that may be secrets.

Called by `base` for `str()` and `repr()`, which end in notebooks, logs and tracebacks. What is stored or sent keeps every value.
"""

import re
from typing import Any

from zaffre.core import redaction

_HIDDEN = "***"
_SECRET_PARAMETER = re.compile(
    r"(?<=[?&])([^=&\s]*(?:sig|token|key|secret|password|credential)[^=&\s]*=)[^&\s]+", re.IGNORECASE
)


def shown(key: str, value: Any) -> Any:
    """A field as it may be shown: addresses without passwords, process variables without their literal values."""
    if isinstance(value, str):
        return _SECRET_PARAMETER.sub(rf"\g<1>{_HIDDEN}", redaction.user_parts(value, f"{_HIDDEN}@"))
    if isinstance(value, dict):
        if key == "environment_variables":
            return {name: _variable(text) for name, text in value.items()}
        return {name: shown(str(name), item) for name, item in value.items()}
    if isinstance(value, list):
        return [shown(key, item) for item in value]
    return value


def _variable(text: Any) -> str:
    """Which secret a variable names may be seen; a literal value may be one."""
    return text if str(text).startswith("${{") else _HIDDEN
