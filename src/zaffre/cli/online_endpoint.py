"""`zaffre online-endpoint`."""

import dataclasses
import json
from typing import Any

from zaffre.cli import arguments, entities, figures, grammar, hidden_text, options, output, sessions
from zaffre.core import errors

noun = grammar.Noun("online-endpoint", help="Online endpoints: one address, keys, traffic over deployments.")


@noun.verb(
    "create",
    options.file("endpoint"),
    options.name("endpoint"),
    grammar.option("--auth-mode", help="key (default), aml_token or aad_token."),
    options.SET,
    options.LOCAL,
    options.LOCAL_PORT,
    options.NO_WAIT,
    options.WEB_E,
    changes=True,
)
def create(session: sessions.Session, given: grammar.Given) -> Any:
    """Make an endpoint: an address that deployments answer at."""
    endpoint = entities.load("online-endpoint", given, {"name": given.name, "auth_mode": given.auth_mode})
    poller = session.client.online_endpoints.begin_create_or_update(endpoint)
    made = session.wait(poller, no_wait=given.no_wait)
    _tell_web(session, given)
    return shown(made)


@noun.verb(
    "show",
    options.name("endpoint", required=True),
    figures.METRICS,
    figures.WINDOW,
    options.LOCAL,
    options.WEB_E,
)
def show(session: sessions.Session, given: grammar.Given) -> Any:
    """Show an endpoint: its address, state and traffic."""
    _tell_web(session, given)
    found = shown(session.client.online_endpoints.get(given.name))
    if not given.metrics:
        return found
    window = given.window or figures.DEFAULT_WINDOW
    return figures.shown(found, session.client.online_endpoints.get_metrics(given.name, window=window), given)


@noun.verb("list", options.MAX_RESULTS, options.LOCAL)
def list_(session: sessions.Session, given: grammar.Given) -> Any:
    """List the endpoints of the workspace."""
    return [shown(item) for item in session.client.online_endpoints.list(max_results=given.max_results)]


@noun.verb(
    "update",
    options.file("endpoint"),
    options.name("endpoint"),
    grammar.option(
        "--traffic", "-r", takes="many", metavar='"A=90 B=10"', help="Share of each deployment, in per cent."
    ),
    grammar.option(
        "--mirror-traffic", takes="many", metavar="A=10", help="Copy so many per cent to a deployment."
    ),
    *options.UPDATES,
    options.LOCAL,
    options.LOCAL_PORT,
    options.NO_WAIT,
    options.WEB_E,
    changes=True,
)
def update(session: sessions.Session, given: grammar.Given) -> Any:
    """Change an endpoint: traffic, mirror, tags, description."""
    operations = session.client.online_endpoints
    traffic = arguments.shares(given.traffic, option="--traffic") if given.traffic else None
    mirror = (
        arguments.shares(given.mirror_traffic, option="--mirror-traffic") if given.mirror_traffic else None
    )
    flags = {"traffic": traffic, "mirror_traffic": mirror}
    if given.file is not None:
        changed = entities.load("online-endpoint", given, {"name": given.name, **flags})
        poller = operations.begin_create_or_update(changed)
    elif given.name is None:
        raise errors.Invalid("--name or --file is required.", hint="Name the endpoint.")
    else:
        poller = operations.begin_update(given.name, lambda found: entities.patched(found, given, flags))
    made = session.wait(poller, no_wait=given.no_wait)
    _tell_web(session, given)
    return shown(made)


@noun.verb(
    "delete",
    options.name("endpoint", required=True),
    options.LOCAL,
    options.NO_WAIT,
    options.YES,
    changes=True,
)
def delete(session: sessions.Session, given: grammar.Given) -> None:
    """Remove an endpoint and all its deployments."""
    session.confirm(f"Delete endpoint {given.name} and all its deployments?", yes=given.yes)
    session.wait(session.client.online_endpoints.begin_delete(given.name), no_wait=given.no_wait)


@noun.verb(
    "invoke",
    options.name("endpoint", required=True),
    grammar.option(
        "--request-file", "-r", help="File with the request's body; without it the body is empty."
    ),
    grammar.option("--deployment-name", "-d", help="Ask this deployment, whatever the traffic says."),
    options.LOCAL,
)
def invoke(session: sessions.Session, given: grammar.Given) -> Any:
    """Send a request to an endpoint and print the answer."""
    answer = session.client.online_endpoints.invoke(
        given.name, request_file=given.request_file, deployment_name=given.deployment_name
    )
    try:
        return json.loads(answer)
    except ValueError:
        return answer


@noun.verb("get-credentials", options.name("endpoint", required=True), options.LOCAL)
def get_credentials(session: sessions.Session, given: grammar.Given) -> Any:
    """Print the two keys of an endpoint, or a token for it, whichever opens it. They are secrets."""
    found = session.client.online_endpoints.get_keys(given.name)
    fields = dataclasses.asdict(found)
    return {"".join([first, *map(str.capitalize, rest)]): value for (first, *rest), value in _words(fields)}


@noun.verb(
    "regenerate-keys",
    options.name("endpoint", required=True),
    grammar.option("--key-type", help="primary (default) or secondary."),
    grammar.option(
        "--key-file", help="A file that holds the new key, - for standard input; else one is made."
    ),
    options.NO_WAIT,
    changes=True,
)
def regenerate_keys(session: sessions.Session, given: grammar.Given) -> None:
    """Make a new key; the old one stops working. `get-credentials` prints it."""
    poller = session.client.online_endpoints.begin_regenerate_keys(
        given.name,
        key_type=given.key_type or "primary",
        key_value=hidden_text.read(given.key_file) if given.key_file else None,
    )
    session.wait(poller, no_wait=given.no_wait)


def _words(fields: dict[str, Any]) -> list[tuple[list[str], Any]]:
    return [(name.split("_"), value) for name, value in fields.items()]


def shown(endpoint: Any) -> Any:
    """What `show` prints: the split of traffic is there even when it is empty, because scripts ask for it."""
    if endpoint is None:
        return None
    body = output.plain(endpoint)
    return {**body, "traffic": body.get("traffic", {}), "mirror_traffic": body.get("mirror_traffic", {})}


def _tell_web(session: sessions.Session, given: grammar.Given) -> None:
    if given.web:
        session.say(f"{session.client.url}/#/workspaces/{session.workspace}/endpoints/{given.name or ''}")
