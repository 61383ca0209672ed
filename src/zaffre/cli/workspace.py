"""`zaffre workspace`."""

from typing import Any

import click

from zaffre.cli import arguments, entities, grammar, options, sessions
from zaffre.core import errors

noun = grammar.Noun(
    "workspace",
    help="Workspaces: the walls between teams.",
    later=["diagnose", "list-keys", "provision-network", "sync-keys", "outbound-rule"],
)

_NETWORKS = ("disabled", "allow_internet_outbound", "allow_only_approved_outbound")
_CLOUD = (
    grammar.option("--location", "-l", help="Kept as given."),
    grammar.option("--display-name", help="Name for people."),
    grammar.option("--storage-account", "-s", help="Kept as given."),
    grammar.option("--key-vault", "-k", help="Kept as given."),
    grammar.option("--application-insights", "-a", help="Kept as given."),
    grammar.option("--container-registry", "-c", help="Kept as given."),
    grammar.option("--image-build-compute", "-i", help="Kept as given."),
    grammar.option("--public-network-access", help="Kept as given: Enabled or Disabled."),
    grammar.option("--primary-user-assigned-identity", "-p", help="Kept as given."),
    grammar.option("--system-datastores-auth-mode", "-d", help="Kept as given."),
    grammar.option("--allow-roleassignment-on-rg", "-r", takes="maybe", help="Kept as given: true or false."),
    grammar.option(
        "--managed-network", "-m", type=click.Choice(_NETWORKS, case_sensitive=False), help="Kept as given."
    ),
    grammar.option(
        "--update-dependent-resources", "-u", takes="none", help="Accepted; nothing depends on it."
    ),
)
_KEPT = (
    "location", "display_name", "storage_account", "key_vault", "application_insights", "container_registry",
    "image_build_compute", "public_network_access", "primary_user_assigned_identity", "system_datastores_auth_mode",
    "allow_roleassignment_on_rg",
)  # fmt: skip


@noun.verb(
    "create",
    options.file("workspace"),
    options.name("workspace"),
    options.DESCRIPTION,
    options.TAGS,
    options.SET,
    *_CLOUD,
    grammar.option("--enable-data-isolation", "-e", takes="maybe", help="Kept as given: true or false."),
    grammar.option("--provision-network-now", takes="maybe", help="Kept as given: true or false."),
    grammar.option("--kind", help="default; hubs and projects are not part of Zaffre."),
    grammar.option("--hub-id", help="Not part of Zaffre."),
    grammar.option("--default-resource-group", help="Not part of Zaffre: it is a hub's."),
    options.NO_WAIT,
    changes=True,
)
def create(session: sessions.Session, given: grammar.Given) -> Any:
    """Make a workspace; it keeps the resource group and subscription that are given. One that is there is updated."""
    _refuse_hubs(given)
    kept = (*_KEPT, "name", "description", "resource_group", "enable_data_isolation", "provision_network_now")
    flags = {key: getattr(given, key) for key in kept}
    if given.file is None:  # -w names a workspace everywhere, so also the one that is made
        flags["name"] = given.name or (session.workspace if given.workspace_name else None)
    flags |= {"tags": arguments.pairs(given.tags, option="--tags"), "managed_network": _network(given)}
    made = entities.load("workspace", given, flags)
    return session.wait(session.client.workspaces.begin_create(made), no_wait=given.no_wait)


def _refuse_hubs(given: grammar.Given) -> None:
    if given.hub_id or given.default_resource_group or (given.kind or "default").lower() != "default":
        raise errors.Unsupported(
            "Hubs, projects and feature stores are not part of Zaffre.",
            hint="Make a plain workspace: leave out --kind, --hub-id and --default-resource-group.",
        )


def _network(given: grammar.Given, before: Any = None) -> dict[str, Any] | None:
    """The network with the mode that is asked for; the rules that it had stay."""
    if given.managed_network is None:
        return None
    kept = before.model_dump(mode="json", exclude_none=True) if before else {}
    return {**kept, "isolation_mode": given.managed_network}


def _acls(text: str | None) -> dict[str, Any] | None:
    """`--network-acls A,B` as a file says it; `none` lets everybody in."""
    if text is None:
        return None
    if text.lower() == "none":
        return {"default_action": "Allow"}
    rules = [{"value": part.strip()} for part in text.split(",") if part.strip()]
    return {"default_action": "Deny", "ip_rules": rules}


@noun.verb(
    "list",
    grammar.option("--filtered-kinds", takes="many", help="Only these kinds; all are of the kind default."),
    options.MAX_RESULTS,
)
def list_(session: sessions.Session, given: grammar.Given) -> Any:
    """List the workspaces that you may see; with -g those of one resource group."""
    scope = "resource_group" if session.resource_group else "subscription"
    found = session.client.workspaces.list(
        scope=scope, filtered_kinds=given.filtered_kinds, max_results=given.max_results
    )
    return list(found)


def _named(session: sessions.Session, given: grammar.Given) -> str:
    return given.name or session.workspace


@noun.verb("show", options.name("workspace"))
def show(session: sessions.Session, given: grammar.Given) -> Any:
    """Show a workspace; your own when no name is given."""
    return session.client.workspaces.get(_named(session, given))


@noun.verb(
    "update",
    options.file("workspace"),
    options.name("workspace"),
    options.DESCRIPTION,
    options.TAGS,
    *options.UPDATES,
    *_CLOUD,
    grammar.option("--network-acls", help="Kept as given: addresses or ranges with commas between, or none."),
    options.NO_WAIT,
    changes=True,
)
def update(session: sessions.Session, given: grammar.Given) -> Any:
    """Change what a workspace says of itself."""
    operations = session.client.workspaces
    flags = {key: getattr(given, key) for key in _KEPT} | {"description": given.description}
    flags |= {"tags": arguments.pairs(given.tags, option="--tags") or None}
    flags |= {"network_acls": _acls(given.network_acls), "managed_network": _network(given)}
    if given.file is not None:
        changed = entities.load("workspace", given, {"name": given.name, **flags})
        poller = operations.begin_update(changed)
    else:
        found = operations.get(_named(session, given))
        flags["managed_network"] = _network(given, found.managed_network)
        poller = operations.begin_replace(entities.patched(found, given, flags))
    return session.wait(poller, no_wait=given.no_wait)


@noun.verb(
    "delete",
    options.name("workspace"),
    grammar.option("--all-resources", takes="none", help="Accepted; there are none."),
    grammar.option("--permanently-delete", "-p", takes="none", help="Accepted; it always is."),
    options.NO_WAIT,
    options.YES,
    changes=True,
)
def delete(session: sessions.Session, given: grammar.Given) -> None:
    """Remove an empty workspace."""
    if given.name is None and given.workspace_name is None:
        raise errors.Invalid("--name is required.", hint="Name the workspace.")
    name = _named(session, given)
    session.confirm(f"Delete workspace {name}?", yes=given.yes)
    session.wait(session.client.workspaces.begin_delete(name), no_wait=given.no_wait)
