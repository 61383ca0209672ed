"""`--vscode-debug`: tells the person's editor where to attach. Called by the verbs that deploy."""

from typing import Any

from zaffre.cli import grammar, sessions
from zaffre.core import errors


def awaited(session: sessions.Session, given: grammar.Given, deployment: Any) -> Any:
    """With --vscode-debug: the deployment with a port at which its script waits, and words for the editor."""
    if not given.vscode_debug:
        return deployment
    from zaffre.sdk import private

    if not given.local:
        raise errors.Invalid(
            "--vscode-debug needs --local.", hint="A debugger can wait on this machine only."
        )
    waiting, port = private.debugged(deployment)
    code = deployment.code_configuration
    session.say("The script starts when a debugger attaches. For .vscode/launch.json:")
    session.say(private.launch_configuration(port, str(code.code) if code else None))
    return waiting
