"""`zaffre online-deployment`."""

import sys
from typing import Any

import click

from zaffre.cli import debugging, entities, figures, grammar, options, progress, sessions
from zaffre.core import errors

noun = grammar.Noun("online-deployment", help="Online deployments: models that answer behind an endpoint.")

_SKIP = grammar.option("--skip-script-validation", takes="none", help="Accepted for scripts of az.")
_NAMED = (options.name("deployment", required=True), options.endpoint_name(required=True))


@noun.verb(
    "create",
    options.file("deployment", required=True),
    options.name("deployment"),
    options.endpoint_name(),
    grammar.option(
        "--all-traffic", takes="none", help="Give it all traffic of the endpoint when it is ready."
    ),
    options.SET,
    options.LOCAL,
    options.LOCAL_PORT,
    options.LOCAL_GPU,
    options.VSCODE,
    grammar.option("--package-model", takes="none", help="Not part of Zaffre yet."),
    _SKIP,
    options.NO_WAIT,
    options.WEB,
    changes=True,
)
def create(session: sessions.Session, given: grammar.Given) -> Any:
    """Deploy a model behind an endpoint; it gets no traffic unless --all-traffic is given."""
    if given.package_model:
        raise errors.Unsupported("--package-model is not part of Zaffre yet.", hint="Leave it out.")
    flags = {"name": given.name, "endpoint_name": given.endpoint_name}
    deployment = debugging.awaited(session, given, entities.load("online-deployment", given, flags))
    poller = session.client.online_deployments.begin_create_or_update(
        deployment, all_traffic=bool(given.all_traffic)
    )
    made = session.wait(poller, no_wait=given.no_wait)
    _tell_web(session, given, deployment.endpoint_name)
    _warn(session, made)
    return made


@noun.verb("show", *_NAMED, figures.METRICS, figures.WINDOW, options.LOCAL, options.WEB)
def show(session: sessions.Session, given: grammar.Given) -> Any:
    """Show a deployment: its state, revision and settings."""
    _tell_web(session, given, given.endpoint_name)
    operations = session.client.online_deployments
    found = operations.get(given.name, given.endpoint_name)
    if not given.metrics:
        return found
    window = given.window or figures.DEFAULT_WINDOW
    return figures.shown(found, operations.get_metrics(given.name, given.endpoint_name, window=window), given)


@noun.verb("list", options.endpoint_name(required=True), options.MAX_RESULTS, options.LOCAL)
def list_(session: sessions.Session, given: grammar.Given) -> Any:
    """List the deployments of an endpoint."""
    return list(session.client.online_deployments.list(given.endpoint_name, max_results=given.max_results))


@noun.verb(
    "update",
    options.file("deployment"),
    options.name("deployment"),
    options.endpoint_name(),
    *options.UPDATES,
    grammar.option(
        "--instance-count", type=click.IntRange(min=1), help="How many instances, as --set instance_count=N."
    ),
    options.LOCAL,
    options.LOCAL_PORT,
    options.LOCAL_GPU,
    options.VSCODE,
    _SKIP,
    options.NO_WAIT,
    options.WEB,
    changes=True,
)
def update(session: sessions.Session, given: grammar.Given) -> Any:
    """Make a new revision of a deployment; the old one serves until it is ready."""
    operations = session.client.online_deployments
    number = {"instance_count": given.instance_count}
    if given.file is not None:
        flags = {"name": given.name, "endpoint_name": given.endpoint_name, **number}
        changed = debugging.awaited(session, given, entities.load("online-deployment", given, flags))
        poller, endpoint = operations.begin_create_or_update(changed), changed.endpoint_name
    elif given.name is None or given.endpoint_name is None:
        raise errors.Invalid(
            "--name and --endpoint-name, or --file, are required.", hint="Name the deployment."
        )
    else:
        endpoint = given.endpoint_name
        poller = operations.begin_update(
            given.name, endpoint, lambda found: entities.patched(found, given, number)
        )
    made = session.wait(poller, no_wait=given.no_wait)
    _tell_web(session, given, endpoint)
    _warn(session, made)
    return made


@noun.verb("delete", *_NAMED, options.LOCAL, options.NO_WAIT, options.YES, changes=True)
def delete(session: sessions.Session, given: grammar.Given) -> None:
    """Remove a deployment; refused while it takes traffic."""
    session.confirm(f"Delete deployment {given.name} of endpoint {given.endpoint_name}?", yes=given.yes)
    poller = session.client.online_deployments.begin_delete(given.name, given.endpoint_name)
    session.wait(poller, no_wait=given.no_wait)


@noun.verb(
    "get-logs",
    *_NAMED,
    grammar.option(
        "--lines", "-l", type=click.IntRange(min=1), help="How many of the last lines; default 5000."
    ),
    grammar.option("--container", "-c", help="inference-server (default) or storage-initializer."),
    grammar.option("--follow", takes="none", help="Then print new lines as they come, until interrupted."),
    options.LOCAL,
)
def get_logs(session: sessions.Session, given: grammar.Given) -> Any:
    """Print the last lines of every instance, from the first line of init() on."""
    news = session.client.online_deployments.follow(given.name, given.endpoint_name) if given.follow else ()
    text = session.client.online_deployments.get_logs(
        given.name, given.endpoint_name, given.lines or 5000, container_type=given.container
    )
    if given.output is not None or given.query is not None:
        return text
    sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
    sys.stdout.flush()  # whoever reads through a pipe waits for these, too
    for lines in news:
        sys.stdout.writelines(f"{line}\n" for line in progress.lines_of({"lines": lines}))
        sys.stdout.flush()
    return None


@noun.verb("list-revisions", *_NAMED)
def list_revisions(session: sessions.Session, given: grammar.Given) -> Any:
    """List every accepted change of a deployment, newest first."""
    return list(session.client.online_deployments.list_revisions(given.name, given.endpoint_name))


@noun.verb(
    "rollback",
    *_NAMED,
    grammar.option("--revision", help="The revision to return to; default: the one before the current."),
    options.NO_WAIT,
    changes=True,
)
def rollback(session: sessions.Session, given: grammar.Given) -> Any:
    """Return to an earlier revision, as a new one that equals it."""
    poller = session.client.online_deployments.begin_rollback(
        given.name, given.endpoint_name, revision=given.revision
    )
    return session.wait(poller, no_wait=given.no_wait)


def _tell_web(session: sessions.Session, given: grammar.Given, endpoint: str) -> None:
    if given.web:
        session.say(f"{session.client.url}/#/workspaces/{session.workspace}/endpoints/{endpoint}")


def _warn(session: sessions.Session, made: Any) -> None:
    """What was wrong with the machine that the deployment went onto, and what its file asks for in vain."""
    for name in ("machine_note", "collection_note"):
        note = getattr(made, name, None)
        if note:
            session.say(f"WARNING: {note}")
