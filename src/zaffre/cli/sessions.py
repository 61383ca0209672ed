"""One call of a verb: which workspace, which server, what to say meanwhile, and how the result is printed.

Made by `grammar` for each verb. The SDK is imported when the verb first asks for the client, not before.
"""

import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zaffre.cli import configuration, output, progress
from zaffre.core import errors, settings
from zaffre.sdk import connection

if TYPE_CHECKING:
    from zaffre.sdk.client import MLClient
    from zaffre.sdk.pollers import Poller

DEFAULT_WORKSPACE = "default"


class Session:
    """What a verb works with. `client` connects on first use."""

    def __init__(self, values: dict[str, Any]) -> None:
        defaults = configuration.read()
        scope = split_workspace(values.get("workspace_name") or "")
        named = settings.client_environment().get("ZAFFRE_WORKSPACE") or defaults.get("workspace")
        self.workspace: str = scope[2] or named or DEFAULT_WORKSPACE
        self.resource_group: str | None = (
            values.get("resource_group") or scope[1] or defaults.get("group") or None
        )
        self.subscription: str | None = (
            values.get("subscription") or scope[0] or defaults.get("subscription") or None
        )
        self.reason: str = values.get("reason") or ""
        self.form: str = values.get("output") or defaults.get("output") or "json"
        self.query: str | None = values.get("query")
        self.debug = bool(values.get("debug"))
        self.local = bool(values.get("local"))
        self.port: int | None = values.get("port")
        self.verbose = self.debug or bool(values.get("verbose"))
        self.quiet = bool(values.get("only_show_errors"))
        self._client: MLClient | None = None
        self._reporter: progress.Reporter | None = None

    @property
    def client(self) -> "MLClient":
        """The SDK's client for this workspace. Raises Unavailable when no server is configured."""
        if self._client is None:
            self._client = self._connect()
        return self._client

    def say(self, line: str) -> None:
        """A line for people, on standard error."""
        if not self.quiet:
            print(line, file=sys.stderr, flush=True)  # noqa: T201 the terminal is where this goes

    def confirm(self, question: str, *, yes: bool) -> None:
        """Asks before something is lost. Raises Invalid when the answer is no, or when nobody can be asked."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise errors.Invalid(f"{question} Nobody is there to answer.", hint="Add --yes.")
        if not _answer_is_yes(question):
            raise errors.Invalid("Nothing was changed.")

    def wait(self, poller: "Poller[Any]", *, no_wait: bool = False) -> Any:
        """The result of long work, with progress meanwhile; nothing when nobody wants to wait."""
        if no_wait:
            return None
        return poller.result()

    def close(self) -> None:
        """Gives connections back and leaves the terminal as it was."""
        if self._reporter is not None:
            self._reporter.close()
        if self._client is not None:
            self._client.close()

    def _connect(self) -> "MLClient":
        if not self.local:
            self._offer_a_server()
        # httpx brings a command line of its own, which costs a tenth of a second here; without it, httpx does without.
        sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
        from zaffre.sdk.client import MLClient

        self._reporter = progress.reporter(quiet=self.quiet)
        return MLClient(
            None,
            self.subscription,
            self.resource_group,
            self.workspace,
            reason=self.reason,
            report=self.say,
            trace=self.say if self.verbose else None,
            listener=self._reporter,
            progress=self._reporter.progress,
            local=self.local,
            port=self.port,
        )

    def _offer_a_server(self) -> None:
        """Nothing configured: a person is asked whether to start the local server; a script gets the sentence."""
        try:
            connection.find()
        except errors.Unavailable:
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise
            if not _answer_is_yes("No Zaffre server is configured. Start one on this machine now?"):
                raise
            from zaffre.sdk import processes

            self.say(f"The server is at {processes.start(self.say)['url']}.")


def split_workspace(text: str) -> tuple[str, str, str]:
    """Subscription, resource group and name of a workspace given as a name or as its full id. Raises Invalid."""
    if not text.startswith("/"):
        return "", "", text
    parts = text.strip("/").split("/")
    if len(parts) != 8 or parts[0].lower() != "subscriptions" or parts[6].lower() != "workspaces":
        raise errors.Invalid(f"{text!r} is not the id of a workspace.", hint="Give the workspace's name.")
    return parts[1], parts[3], parts[7]


def run(function: Callable[[Session, Any], Any], values: dict[str, Any], given: type) -> None:
    """Calls a verb and prints what it returns."""
    session = Session(values)
    try:
        result = function(session, given(values))
        output.emit(result, form=session.form, query=session.query)
    except errors.ZaffreError:
        if session.debug:
            traceback.print_exc()
        raise
    finally:
        session.close()


def _answer_is_yes(question: str) -> bool:
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201 the terminal is where this goes
    return sys.stdin.readline().strip().lower() in ("y", "yes")
