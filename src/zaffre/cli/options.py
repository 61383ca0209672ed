"""Options that several nouns share, each spelled once, as `az ml` spells them."""

import click

from zaffre.cli import grammar

_option = grammar.option


def name(what: str, *, required: bool = False) -> grammar.Option:
    """`-n/--name`."""
    return _option("--name", "-n", required=required, help=f"Name of the {what}.")


def file(what: str, *, required: bool = False) -> grammar.Option:
    """`-f/--file`."""
    return _option("--file", "-f", required=required, help=f"YAML file that describes the {what}.")


def version(*, required: bool = False) -> grammar.Option:
    """`-v/--version`."""
    return _option("--version", "-v", required=required, help="Version.")


def endpoint_name(*, required: bool = False) -> grammar.Option:
    """`-e/--endpoint-name`."""
    return _option("--endpoint-name", "-e", required=required, help="Name of the endpoint.")


LABEL = _option("--label", "-l", help="Label instead of a version: latest, or an alias.")
DESCRIPTION = _option("--description", help="What it is, for people.")
DESCRIPTION_D = _option("--description", "-d", help="What it is, for people.")
TAGS = _option("--tags", takes="many", metavar="K=V ...", help="Tags, as key=value, separated by spaces.")
TAG = _option(
    "--tag", takes="many", metavar="K=V", help="Only those with this tag; may be repeated, all must fit."
)
SET = _option(
    "--set", takes="many", metavar="A.B=C", help="Change a value of the file or thing; may be repeated."
)
ADD = _option(
    "--add", takes="group", metavar="LIST VALUE", help="Add a value to a list, or key=value to a mapping."
)
REMOVE = _option(
    "--remove", takes="group", metavar="PATH [INDEX]", help="Remove a key, or an item of a list."
)
FORCE_STRING = _option("--force-string", takes="none", help="Keep values of --set and --add as text.")
DATASTORE = _option("--datastore", help="Accepted for files of az; Zaffre keeps bytes in one store.")
NO_WAIT = _option("--no-wait", takes="none", help="Do not wait until the work is done.")
YES = _option("--yes", "-y", takes="none", help="Do not ask.")
LOCAL = _option("--local", takes="none", help="On a private server of this machine; no other is needed.")
LOCAL_GPU = _option(
    "--local-enable-gpu",
    takes="none",
    help="Accepted for scripts of az; local processes see the machine's GPUs.",
)
LOCAL_PORT = _option(
    "--port", type=click.IntRange(1, 65535), help="With --local: the port that local endpoints answer at."
)
VSCODE = _option(
    "--vscode-debug", takes="none", help="With --local: start the script when a debugger has attached."
)
WEB = _option("--web", takes="none", help="Print the address for a browser.")
WEB_E = _option("--web", "-e", takes="none", help="Print the address for a browser.")
REGISTRY = _option(
    "--registry-name",
    help="Not part of Zaffre yet, but for `azureml`: the curated environments, list and show.",
)
MAX_RESULTS = _option("--max-results", "-r", type=click.IntRange(min=1), help="Print at most so many.")
ARCHIVED_ONLY = _option("--archived-only", takes="none", help="List archived ones only.")
INCLUDE_ARCHIVED = _option("--include-archived", takes="none", help="List archived ones too.")
SKIP_VALIDATION = _option(
    "--skip-validation", takes="none", help="Accepted for scripts of az; files are checked."
)
SHARE_NAME = _option("--share-with-name", help="Not part of Zaffre yet.")
SHARE_VERSION = _option("--share-with-version", help="Not part of Zaffre yet.")

UPDATES = (SET, ADD, REMOVE, FORCE_STRING)
CREATED_AFTER = _option(
    "--created-after", metavar="TIME", help="Only those registered at or after this moment."
)
CREATED_BEFORE = _option("--created-before", metavar="TIME", help="Only those registered before this moment.")
LISTING = (TAG, ARCHIVED_ONLY, INCLUDE_ARCHIVED, MAX_RESULTS, CREATED_AFTER, CREATED_BEFORE, REGISTRY)
