"""Waits for an editor before the user's script is loaded, so that `init()` itself can be stepped through.

Called by `__main__` when the deployment asks for it. debugpy lies in the overlay of such deployments alone.
"""

from __future__ import annotations

import os

from zaffre_runtime.scoring import errors, logs

HOST = "127.0.0.1"


def wait(port: int) -> None:
    """Returns when a debugger has attached. Raises ConfigurationError when the port cannot be taken."""
    os.environ.setdefault(
        "PYDEVD_DISABLE_FILE_VALIDATION", "1"
    )  # a warning about frozen modules that nobody can act on
    try:
        import debugpy

        debugpy.listen((HOST, port))
    except ImportError as error:
        raise errors.ConfigurationError(f"the debugger is not beside this environment: {error}") from error
    except (RuntimeError, OSError) as error:
        raise errors.ConfigurationError(f"no debugger can be waited for at {HOST}:{port}: {error}") from error
    logs.say(f"waiting for a debugger at {HOST}:{port}")
    debugpy.wait_for_client()
    logs.say("a debugger is attached")
