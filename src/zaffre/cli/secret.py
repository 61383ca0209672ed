"""`zaffre secret`."""

from typing import Any

from zaffre.cli import grammar, hidden_text, options, sessions

noun = grammar.Noun(
    "secret", help="Values that deployments get as environment variables, and nobody can read back."
)


@noun.verb(
    "set",
    options.name("secret", required=True),
    grammar.option("--file", "-f", required=True, help="File that holds the value; - for standard input."),
    grammar.option("--description", help="What it is for."),
    changes=True,
)
def set_(session: sessions.Session, given: grammar.Given) -> Any:
    """Set a secret, new or again. Running processes keep the old value until they start anew."""
    value = hidden_text.read(given.file)
    return session.client.secrets.set(given.name, value, description=given.description or "")


@noun.verb("list")
def list_(session: sessions.Session, given: grammar.Given) -> Any:
    """List the secrets of the workspace, without values."""
    return session.client.secrets.list()


@noun.verb("show", options.name("secret", required=True))
def show(session: sessions.Session, given: grammar.Given) -> Any:
    """Who set a secret, when, and which deployments use it; never its value."""
    return session.client.secrets.get(given.name)


@noun.verb("delete", options.name("secret", required=True), options.YES, changes=True)
def delete(session: sessions.Session, given: grammar.Given) -> None:
    """Forget a secret that no deployment uses."""
    session.confirm(f"Delete the secret {given.name}?", yes=given.yes)
    session.client.secrets.delete(given.name)
