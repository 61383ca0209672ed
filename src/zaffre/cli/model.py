"""`zaffre model`."""

from typing import Any

from zaffre.cli import arguments, assets, conversions, entities, grammar, options, profiles, sessions
from zaffre.core import errors

noun = grammar.Noun(
    "model", help="Models: register, search, download, alias, archive, delete.", later=["package"]
)


_TYPE = grammar.option("--type", "-t", help="custom_model, mlflow_model or triton_model.")
_STAGE = grammar.option("--stage", "-s", help="Stage, for example Development or Production.")

face = assets.Face(
    noun, "model", "models", found_by={"stage": _STAGE, "type": _TYPE}, changed_by={"stage": _STAGE}
)
face.hang()
face.hang_download()
face.hang_deployments()
noun.add_command(conversions.command)
noun.add_command(profiles.command)


@noun.verb(
    "create",
    options.file("model"),
    options.name("model"),
    options.version(),
    grammar.option("--path", "-p", help="File or folder of the model, or an address."),
    _TYPE,
    _STAGE,
    options.DESCRIPTION,
    options.TAGS,
    options.SET,
    options.DATASTORE,
    options.NO_WAIT,
    options.REGISTRY,
    changes=True,
)
def create(session: sessions.Session, given: grammar.Given) -> Any:
    """Register a model: the next version of its name, unless a version is given."""
    entities.refuse_registry(given)
    model = entities.load(
        "model",
        given,
        {
            "name": given.name,
            "version": given.version,
            "path": entities.path_flag(given.path),
            "type": given.type,
            "stage": given.stage,
            "description": given.description,
            "tags": arguments.pairs(given.tags, option="--tags"),
            "datastore": given.datastore,
        },
    )
    made = session.client.models.create_or_update(model)
    for line in (made.status.warnings if made.status else None) or ():
        session.say(f"WARNING: {line}")
    return made


alias = grammar.Noun("alias", help="Names that point at versions and can be moved.")
noun.add_command(alias)
_ALIAS = grammar.option("--alias", "-a", required=True, help="The alias, for example champion.")


@alias.verb("set", options.name("model", required=True), _ALIAS, options.version(required=True), changes=True)
def set_alias(session: sessions.Session, given: grammar.Given) -> Any:
    """Point an alias at a version; where it pointed before is kept in its history."""
    if given.alias.lower() == "latest":
        raise errors.Invalid("'latest' always means the newest version.", hint="Choose another alias.")
    return session.client.models.set_alias(given.name, given.alias, given.version)


@alias.verb("list", options.name("model", required=True))
def list_aliases(session: sessions.Session, given: grammar.Given) -> Any:
    """List the aliases of a model."""
    return list(session.client.models.list_aliases(given.name))


@alias.verb("history", options.name("model", required=True), _ALIAS)
def alias_history(session: sessions.Session, given: grammar.Given) -> Any:
    """Where an alias pointed, newest first, with who moved it and why."""
    return list(session.client.models.list_alias_history(given.name, given.alias))


@alias.verb("delete", options.name("model", required=True), _ALIAS, changes=True)
def delete_alias(session: sessions.Session, given: grammar.Given) -> None:
    """Remove an alias; the version stays."""
    session.client.models.delete_alias(given.name, given.alias)
