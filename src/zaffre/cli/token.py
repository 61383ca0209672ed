"""`zaffre token`."""

import sys
from typing import Any

from zaffre.cli import grammar, options, sessions
from zaffre.core import errors
from zaffre.sdk import connection

noun = grammar.Noun("token", help="Tokens that let people and programs in.")

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@noun.verb(
    "create",
    options.name("token's owner", required=True),
    grammar.option("--role", help="admin, contributor (default), reader or scorer."),
    grammar.option("--workspaces", takes="many", help="Only in these workspaces; default all."),
    grammar.option("--lifetime", help="How long it works, for example 90d or 12h; default until revoked."),
    changes=True,
)
def create(session: sessions.Session, given: grammar.Given) -> Any:
    """Make a token and print it. It is a secret, and it is shown this once."""
    return session.client.tokens.create(
        given.name,
        role=given.role or "contributor",
        workspaces=given.workspaces or ["*"],
        lifetime_s=seconds(given.lifetime) if given.lifetime else None,
    )


@noun.verb("list")
def list_(session: sessions.Session, given: grammar.Given) -> Any:
    """List the tokens, without their secrets."""
    return list(session.client.tokens.list())


@noun.verb(
    "revoke",
    grammar.option("--id", required=True, help="Id of the token, from `token list`."),
    options.YES,
    changes=True,
)
def revoke(session: sessions.Session, given: grammar.Given) -> None:
    """End a token now."""
    session.client.tokens.revoke(given.id)


@noun.verb("show-path")
def show_path(session: sessions.Session, given: grammar.Given) -> Any:
    """Print where the token of the server on this machine lies."""
    return str(_path())


@noun.verb("show")
def show(session: sessions.Session, given: grammar.Given) -> None:
    """Print the token that this command line uses. It is a secret."""
    sys.stdout.write(connection.find().token + "\n")


def _path() -> Any:
    home = connection.home()
    return connection.token_path(home, connection.read_server_file(home))


def seconds(text: str) -> float:
    """`90d`, `12h`, `30m` or `3600` in seconds. Raises Invalid."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not number.isdecimal() or int(number) == 0:
        raise errors.Invalid(f"--lifetime: {text!r} is not a length of time.", hint="Write 90d, 12h or 30m.")
    return float(int(number) * _UNITS[unit])
