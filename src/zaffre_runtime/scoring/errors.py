"""The errors of the scoring runtime, used by every module of it.

StartError            the process cannot begin to serve; carries its exit code
├── ScriptError       the user's script: cannot be imported, lacks run(), init() raised        (exit 3)
└── ConfigurationError the configuration or the model: file missing, no loader fits            (exit 4)
Refused               one request cannot be scored; carries the HTTP status and the text for the caller
"""

from __future__ import annotations

SCRIPT_FAILED = 3
BAD_CONFIGURATION = 4
STUCK = 5


class StartError(Exception):
    exit_code = BAD_CONFIGURATION


class ScriptError(StartError):
    exit_code = SCRIPT_FAILED


class ConfigurationError(StartError):
    exit_code = BAD_CONFIGURATION


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
