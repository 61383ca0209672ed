"""`zaffre model profile`."""

from typing import Any

import click

from zaffre.cli import entities, grammar, options, sessions
from zaffre.core import errors, names


def profile(session: sessions.Session, given: grammar.Given) -> Any:
    """Find by trying how many cores and how much memory one replica of a model needs; prints the profile.

    MODEL is NAME, NAME:VERSION or NAME@alias, scored without a script; --file names a deployment's file instead.
    """
    if (given.model is None) == (given.file is None):
        raise errors.Invalid("Name what to profile.", hint="Give MODEL, or --file with a deployment's file.")
    deployment = None
    if given.file is not None:
        named = {"name": "profile", "endpoint_name": "profile"}
        deployment = entities.load("online-deployment", given, named)
    settings = {
        "requests_per_second": given.rate,
        "latency_ms": given.latency_ms,
        "description": given.description,
        "timeout_s": given.timeout,
    }
    poller = session.client.models.begin_profile(
        _default_name(given.model) if given.name is None else given.name,
        [given.model] if given.model else [],
        given.data,
        deployment=deployment,
        cpu=given.cpu,
        memory_in_gb=given.memory,
        **{key: value for key, value in settings.items() if value is not None},
    )
    found = session.wait(poller, no_wait=given.no_wait)
    if found is None:
        return poller.operation
    if found.get("error"):
        session.say(f"WARNING: {found['error']}")
    else:
        session.say(f"recommended: {found['recommendedCpu']:g} cores, {found['recommendedMemoryInGB']:g} GB")
    return found


def _default_name(model: str | None) -> str:
    return "profile" if model is None else f"profile-{names.parse_reference(model, kind='models').name}"


command = grammar.make_verb(
    "profile",
    profile,
    click.Argument(["model"], metavar="MODEL", required=False),
    options.file("deployment: model, code and environment"),
    options.name("profile"),
    grammar.option("--data", "-d", help="Bodies of requests: a file, or a data asset azureml:NAME:VERSION."),
    grammar.option(
        "--cpu", type=float, help="Cores of the largest size that is tried, 0.1 to 3.5; default: all."
    ),
    grammar.option("--memory", type=float, help="GB of the largest size, 0.1 to 15; default 2."),
    grammar.option("--rate", type=float, help="Requests a second; default: half of what one client gets."),
    grammar.option(
        "--latency-ms", type=float, help="99th percentile that is good enough; default: no target."
    ),
    grammar.option("--timeout", type=int, help="Seconds that it may take; default 1500."),
    options.DESCRIPTION,
    options.SET,
    options.NO_WAIT,
    changes=True,
)
