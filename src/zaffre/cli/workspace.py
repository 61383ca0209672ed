"""`zaffre workspace`."""

from typing import Any

from zaffre.cli import arguments, entities, grammar, options, sessions
from zaffre.core import errors

noun = grammar.Noun(
    "workspace",
    help="Workspaces: the walls between teams.",
    later=["diagnose", "list-keys", "provision-network", "sync-keys", "outbound-rule"],
)

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
    grammar.option("--system-datastores-auth-mode", help="Kept as given."),
    grammar.option(
        "--update-dependent-resources", "-u", takes="none", help="Accepted; nothing depends on it."
    ),
)
_KEPT = (
    "location", "display_name", "storage_account", "key_vault", "application_insights", "container_registry",
    "image_build_compute", "public_network_access", "primary_user_assigned_identity", "system_datastores_auth_mode",
)  # fmt: skip


@noun.verb(
    "create",
    options.file("workspace"),
    options.name("workspace"),
    options.DESCRIPTION,
    options.TAGS,
    options.SET,
    *_CLOUD,
    options.NO_WAIT,
    changes=True,
)
def create(session: sessions.Session, given: grammar.Given) -> Any:
    """Make a workspace; it keeps the resource group and subscription that are given."""
    tags = arguments.pairs(given.tags, option="--tags")
    flags = {"name": given.name, "description": given.description, "tags": tags}
    flags |= {key: getattr(given, key) for key in _KEPT} | {"resource_group": given.resource_group}
    made = entities.load("workspace", given, flags)
    return session.wait(session.client.workspaces.begin_create(made), no_wait=given.no_wait)


@noun.verb(
    "list",
    grammar.option("--filtered-kinds", takes="many", help="Accepted; there is one kind."),
    options.MAX_RESULTS,
)
def list_(session: sessions.Session, given: grammar.Given) -> Any:
    """List the workspaces that you may see; with -g those of one resource group."""
    scope = "resource_group" if given.resource_group else "subscription"
    return list(session.client.workspaces.list(scope=scope, max_results=given.max_results))


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
    options.NO_WAIT,
    changes=True,
)
def update(session: sessions.Session, given: grammar.Given) -> Any:
    """Change what a workspace says of itself."""
    operations = session.client.workspaces
    flags = {key: getattr(given, key) for key in _KEPT} | {"description": given.description}
    flags["tags"] = arguments.pairs(given.tags, option="--tags") or None
    if given.file is not None:
        changed = entities.load("workspace", given, {"name": given.name, **flags})
    else:
        changed = entities.patched(operations.get(_named(session, given)), given, flags)
    return session.wait(operations.begin_update(changed), no_wait=given.no_wait)


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
