"""`zaffre server`: the server on this machine."""

import sys
from typing import Any

import click

from zaffre.cli import grammar, sessions
from zaffre.core import errors, settings
from zaffre.sdk import processes

noun = grammar.Noun("server", help="The server on this machine: start, stop, look after.")


@noun.verb(
    "start",
    grammar.option("--host", help="Address to listen on; default as set, else 127.0.0.1."),
    grammar.option(
        "--port", type=click.IntRange(0, 65535), help="Port; default as set, else a free one that is kept."
    ),
)
def start(session: sessions.Session, given: grammar.Given) -> Any:
    """Start the server, wait until it answers, print its address."""
    before = processes.state()["state"]
    wanted = {"ZAFFRE_HOST": given.host, "ZAFFRE_PORT": given.port}
    environment = {key: str(value) for key, value in wanted.items() if value is not None}
    found = processes.start(session.say, environment=environment)
    session.say("The server runs already." if before == "running" else "The server is ready.")
    for warning in found.get("warnings") or ():
        session.say(f"Warning: {warning}")
    return _printed(given, found)


@noun.verb("status")
def status(session: sessions.Session, given: grammar.Given) -> Any:
    """Whether the server runs, and where."""
    return _printed(given, processes.state())


def _printed(given: grammar.Given, found: dict[str, Any]) -> Any:
    """People get lines, programs that ask for a format get the whole record."""
    if given.output is not None or given.query is not None:
        return found
    shown = {key: found[key] for key in ("state", "url", "scoring_url", "home") if found.get(key)}
    if found["state"] == "stopped":
        shown.pop("url", None)
    sys.stdout.writelines(f"{key:12} {value}\n" for key, value in shown.items())
    return None


@noun.verb(
    "stop", grammar.option("--all", takes="none", help="Stop the replicas and the router too."), changes=True
)
def stop(session: sessions.Session, given: grammar.Given) -> None:
    """Stop the server; replicas go on serving unless --all is given."""
    stopped = processes.stop()
    if given.all:
        ended = processes.run_command(processes.STOPPING)
        count = len(ended.get("stopped", ())) if isinstance(ended, dict) else 0
        session.say(f"The server and everything it ran are stopped ({count} processes).")
    elif stopped:
        session.say(
            "The server is stopped. Replicas and the router go on serving; `zaffre server stop --all` stops them."
        )
    else:
        session.say("No server runs here. Replicas may serve; `zaffre server stop --all` stops them.")


@noun.verb("migrate")
def migrate(session: sessions.Session, given: grammar.Given) -> Any:
    """Bring the database to the newest schema; the server must be stopped."""
    if processes.state()["state"] != "stopped":
        raise errors.Conflict("The server is running.", hint="Stop it first: `zaffre server stop`.")
    return processes.run_command(processes.MODULE, "migrate")


@noun.verb(
    "gc", grammar.option("--dry-run", takes="none", help="Only list what would be removed."), changes=True
)
def gc(session: sessions.Session, given: grammar.Given) -> Any:
    """Free the space of contents, built environments, overlays and cached packages that nothing needs any more."""
    return session.client.server.collect_garbage(dry_run=bool(given.dry_run))


@noun.verb("certificates")
def certificates(session: sessions.Session, given: grammar.Given) -> Any:
    """The certificate of each listener that speaks TLS: whose, until when, and why a newer one was refused."""
    return session.client.server.certificates()


@noun.verb("issuers")
def issuers(session: sessions.Session, given: grammar.Given) -> Any:
    """The OpenID Connect issuers whose tokens open endpoints: which keys are known, and why no newer ones are."""
    return session.client.server.issuers()


@noun.verb("rotate-signing-key", changes=True)
def rotate_signing_key(session: sessions.Session, given: grammar.Given) -> Any:
    """Sign tokens of endpoints with a new key; tokens that exist stay valid until they expire."""
    return session.client.server.rotate_signing_key()


@noun.verb("settings")
def show_settings(session: sessions.Session, given: grammar.Given) -> Any:
    """Every setting with its value, where the value came from, and what it means."""
    _, origins = settings.load()
    return [
        {
            "name": origin.name,
            "value": _without_password(origin.name, origin.value),
            "source": origin.source,
            "meaning": origin.meaning,
        }
        for origin in origins
    ]


def _without_password(name: str, value: Any) -> Any:
    """A database address without the password in it."""
    if not name.endswith("_url") or not isinstance(value, str) or "@" not in value:
        return value
    scheme, mark, rest = value.partition("://")
    user, _, place = rest.rpartition("@")
    return f"{scheme}{mark}{user.partition(':')[0]}:***@{place}" if ":" in user else value
