"""The root of all commands: reads words, calls a verb, turns errors into two lines and an exit code. Called by `main`."""

import os
import re
import sys
import traceback
from collections.abc import Sequence

import click

from zaffre.cli import catalogue, grammar
from zaffre.core import errors, version

INTERRUPTED = 130
# Of the log of what failed, shown above the error.
_LOG_LINES = 15
# The private server says what to do next as any server would; the command line knows which one it asked.
_LOCAL_TOO = re.compile(
    r"(`zaffre online-(?:endpoint|deployment) (?:create|update|delete|show|list|get-\w+))(?= |`)"
)
_RED, _PLAIN = "\033[31m", "\033[0m"


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"zaffre {version.VERSION}")
        context.exit()


root = grammar.Root(
    "zaffre",
    later=sorted(catalogue.NOT_YET),
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Print it.",
        )
    ],
)


def run(words: Sequence[str]) -> int:
    """Does what the words say and returns the exit code."""
    try:
        root.main(list(words), prog_name="zaffre", standalone_mode=False)
    except errors.ZaffreError as error:
        if "--local" in words and error.hint:
            error.hint = _LOCAL_TOO.sub(r"\1 --local", error.hint)
        return _tell(error)
    except click.exceptions.NoArgsIsHelpError as asked:
        print(asked.format_message())  # noqa: T201 the help is the result
        return 0
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        return _tell(_from_click(error))
    except (KeyboardInterrupt, click.Abort):
        print("\nInterrupted; work that the server has begun continues.", file=sys.stderr)  # noqa: T201 for the person
        return INTERRUPTED
    except BrokenPipeError:
        raise  # `main` knows what to do
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _tell(
            _unexpected(words, f"{place}{error.strerror or error}.", "Correct that, then try again.")
        )
    except Exception as error:  # noqa: BLE001 the process ends here, and a person reads why
        said = f"{type(error).__name__}: {error}"
        return _tell(
            _unexpected(words, said, "This is a mistake in Zaffre. --debug shows where; please report it.")
        )
    return 0


def _unexpected(words: Sequence[str], said: str, hint: str) -> errors.ZaffreError:
    if "--debug" in words:
        traceback.print_exc()
    return errors.ZaffreError(said, hint=hint)


def _tell(error: errors.ZaffreError) -> int:
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    start, end = (_RED, _PLAIN) if colour else ("", "")
    log = error.fields.get("last_log_lines")
    lines = [f"  | {line}" for line in log[-_LOG_LINES:]] if isinstance(log, list) else []
    lines.append(f"{start}ERROR:{end} {error.detail}")
    if error.hint:
        lines.append(error.hint)
    if error.exit_code == 1 and error.request_id:
        lines.append(f"Request {error.request_id}")
    print("\n".join(lines), file=sys.stderr)  # noqa: T201 the terminal is where this goes
    return error.exit_code


def _from_click(error: click.ClickException) -> errors.Invalid:
    context = getattr(error, "ctx", None)
    hint = f"See {context.command_path} --help." if context else None
    if isinstance(error, click.MissingParameter) and error.param is not None:
        names = (
            "/".join([*error.param.opts])
            if isinstance(error.param, click.Option)
            else error.param.human_readable_name
        )
        return errors.Invalid(f"{names} is required.", hint=hint)
    return errors.Invalid(error.format_message(), hint=hint)
