"""`zaffre model`."""

from typing import Any

from zaffre.cli import arguments, assets, conversions, entities, grammar, options, profiles, sessions

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
face.hang_aliases()
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
