"""Nouns and verbs: click groups that load late, and commands that read words as `az ml` does.

A noun's module makes one `Noun` and hangs verbs on it. A verb is a function of a session and of the options given;
what it returns is printed. Nothing here knows a noun.
"""

import importlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from zaffre.cli import arguments, catalogue, cover
from zaffre.core import errors

if TYPE_CHECKING:
    from zaffre.cli import sessions

VerbFunction = Callable[["sessions.Session", "Given"], Any]


def _call(function: VerbFunction, values: dict[str, Any]) -> None:
    # Imported now, because help needs none of it.
    from zaffre.cli import sessions

    sessions.run(function, values, Given)


class Given:
    """The options of one call, by attribute; every option of the verb is there, None (or empty) when not given."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class Option(click.Option):
    """An option; `takes` says how many words follow: one, none, maybe, many, or group (see `arguments.Flag`)."""

    def __init__(
        self, names: Sequence[str], *, takes: str = "one", common: bool = False, **rest: Any
    ) -> None:
        self.takes = takes
        self.common = common
        super().__init__(
            list(names), is_flag=takes == "none" or None, multiple=takes in ("many", "group"), **rest
        )

    def flag(self) -> arguments.Flag:
        """What the reader of words must know."""
        return arguments.Flag((*self.opts, *self.secondary_opts), self.takes)

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Grouped words arrive as JSON, so that they stay together."""
        if self.takes == "group":
            return [json.loads(item) for item in value or ()]
        cast = super().type_cast_value(ctx, value)
        return list(cast) if self.multiple and cast is not None else cast


def option(*names: str, takes: str = "one", **rest: Any) -> Option:
    """One option of a verb."""
    return Option(names, takes=takes, **rest)


def common_options() -> list[click.Parameter]:
    """What every verb takes."""
    formats = click.Choice(["json", "jsonc", "yaml", "yamlc", "table", "tsv", "none"], case_sensitive=False)
    return [
        Option(["--resource-group", "-g"], common=True, help="Resource group of the workspace."),
        Option(
            ["--workspace-name", "-w"], common=True, help="Workspace; default: as configured, else 'default'."
        ),
        Option(["--subscription"], common=True, help="Subscription of the workspace."),
        Option(["--output", "-o"], common=True, type=formats, help="How results are printed; default json."),
        Option(["--query"], common=True, help="JMESPath: print this part of the result only."),
        Option(["--debug"], takes="none", common=True, help="Print requests, and tracebacks of errors."),
        Option(["--verbose"], takes="none", common=True, help="Print requests."),
        Option(["--only-show-errors"], takes="none", common=True, help="Print errors only, no progress."),
    ]


REASON = Option(["--reason"], common=True, help="Why; kept with the change, shown by `zaffre audit list`.")


class Verb(click.Command):
    """A command whose words are read as `az ml` reads them, and whose result is printed."""

    def __init__(self, name: str, function: VerbFunction, params: Sequence[click.Parameter]) -> None:
        super().__init__(
            name,
            params=list(params),
            callback=lambda **values: _call(function, values),
            help=function.__doc__,
            context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 120},
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Rewrites the words, then lets click check them."""
        flags = [param.flag() for param in self.params if isinstance(param, Option)]
        vocabulary = arguments.Vocabulary([*flags, arguments.Flag(("--help", "-h"), "none")])
        return super().parse_args(ctx, vocabulary.rewrite(args))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verb's own options first, what every verb takes after them."""
        own: list[tuple[str, str]] = []
        common: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record and record[1]:  # positional words are told of in the verb's own text
                (common if getattr(param, "common", False) else own).append(record)
        for title, records in (("Options", own), ("Options of every command", common)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class Noun(click.Group):
    """A group of verbs; a word that it does not know gets the nearest one, or the news that it comes later."""

    def __init__(self, name: str, *, later: Sequence[str] = (), **rest: Any) -> None:
        super().__init__(name, no_args_is_help=True, **rest)
        self.context_settings = {"help_option_names": ["--help", "-h"], "max_content_width": 120}
        self.later = frozenset(later)

    def verb(
        self, name: str, *params: click.Parameter, changes: bool = False
    ) -> Callable[[VerbFunction], VerbFunction]:
        """Hangs a function on the noun. A verb that changes something takes `--reason`."""

        def register(function: VerbFunction) -> VerbFunction:
            self.add_command(make_verb(name, function, *params, changes=changes))
            return function

        return register

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each verb with its whole first sentence; click would cut it."""
        records = [(name, _first_line(self.commands[name])) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(records)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the verb. Raises Invalid for an unknown one, Unsupported for one of `az ml` that comes later."""
        word = args[0]
        command = self.get_command(ctx, word)
        if command is not None:
            return word, command, args[1:]
        place = ctx.command_path
        if word in self.later:
            raise errors.Unsupported(
                f"'{word}' of az ml is not part of Zaffre yet.", hint=f"See what is: {place} --help."
            )
        close = arguments.nearest(word, self.list_commands(ctx))
        hint = f"Did you mean '{place} {close}'?" if close else f"See {place} --help."
        what = "option" if word.startswith("-") else "command"
        raise errors.Invalid(f"There is no {what} {word!r} in '{place}'.", hint=hint)


def _first_line(command: click.Command) -> str:
    return (command.help or "").strip().partition("\n\n")[0]


def make_verb(name: str, function: VerbFunction, *params: click.Parameter, changes: bool = False) -> Verb:
    """A command of its own, outside any noun."""
    return Verb(name, function, [*params, *([REASON] if changes else []), *common_options()])


class Root(Noun):
    """`zaffre` itself: loads a noun's module when the noun is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All nouns and commands, in the order of the catalogue."""
        return [*catalogue.COMMANDS, *catalogue.NOUNS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The group or command of that name, imported now."""
        if cmd_name == "ml":
            return self
        if cmd_name in catalogue.NOUNS:
            loaded = importlib.import_module(catalogue.NOUNS[cmd_name][0]).noun
        elif cmd_name in catalogue.COMMANDS:
            loaded = importlib.import_module(catalogue.COMMANDS[cmd_name][0]).command
        else:
            return None
        assert isinstance(loaded, click.Command)
        return loaded

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the noun or command. Raises Unsupported for words of az that are about Azure itself."""
        if args[0] in catalogue.OF_AZURE:
            raise errors.Unsupported(
                f"'{args[0]}' of az is about Azure itself, which Zaffre works without.",
                hint="Leave the line out; defaults are set by `zaffre configure --defaults`.",
            )
        return super().resolve_command(ctx, args)

    def get_help(self, ctx: click.Context) -> str:
        """The cover: no module is imported for it."""
        return cover.page(ctx.command_path, cover.width())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Lets the options of every command stand before the noun as well, as az does."""
        return super().parse_args(ctx, leading_options_last(args))


_WITH_VALUE = frozenset({"-g", "--resource-group", "-w", "--workspace-name", "--subscription", "-o", "--output", "--query"})  # fmt: skip
_ALONE = frozenset({"--debug", "--verbose", "--only-show-errors"})


def leading_options_last(words: Sequence[str]) -> list[str]:
    """`-o tsv model list` as `model list -o tsv`."""
    rest, moved = list(words), []
    while rest and rest[0].startswith("-"):
        name = rest[0].partition("=")[0]
        if name in _WITH_VALUE:
            count = 1 if "=" in rest[0] else 2
        elif name in _ALONE:
            count = 1
        else:
            break
        moved += rest[:count]
        del rest[:count]
    return [*rest, *moved] if rest else list(words)
