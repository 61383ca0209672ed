"""`zaffre configure`."""

from typing import Any

from zaffre.cli import arguments, configuration, grammar, sessions


def configure(session: sessions.Session, given: grammar.Given) -> Any:
    """Set defaults: group, workspace, subscription, location, output. An empty value forgets one."""
    if given.defaults:
        words = [part for word in given.defaults for part in word.split()]
        configuration.change(arguments.pairs(words, option="--defaults"))
    if given.defaults and not given.list_defaults:
        return None
    return [{"name": name, "value": value, "source": str(configuration.path())} for name, value in configuration.read().items()]  # fmt: skip


command = grammar.make_verb(
    "configure",
    configure,
    grammar.option("--defaults", "-d", takes="many", metavar="NAME=VALUE ...", help="Defaults to set."),
    grammar.option("--list-defaults", "-l", takes="none", help="Print the defaults."),
    grammar.option("--scope", help="Accepted for scripts of az."),
)
