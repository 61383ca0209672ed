"""`zaffre data`."""

from typing import Any

from zaffre.cli import assets, entities, grammar, options, sessions

noun = grammar.Noun(
    "data",
    help="Data assets: files, folders and tables by version.",
    later=["import", "mount", "list-materialization-status"],
)


_TYPE = grammar.option("--type", "-t", help="uri_file, uri_folder or mltable.")

face = assets.Face(noun, "data asset", "data", found_by={"type": _TYPE})
face.hang()
face.hang_download()
face.hang_aliases()


@noun.verb(
    "create",
    options.file("data asset"),
    options.name("data asset"),
    options.version(),
    grammar.option("--path", "-p", help="File or folder of the data, or the web address of one file."),
    _TYPE,
    options.DESCRIPTION_D,
    options.SET,
    options.DATASTORE,
    options.SKIP_VALIDATION,
    options.NO_WAIT,
    options.REGISTRY,
    changes=True,
)
def create(session: sessions.Session, given: grammar.Given) -> Any:
    """Register a data asset: the next version of its name, unless a version is given."""
    entities.refuse_registry(given)
    flags = {
        "name": given.name,
        "version": given.version,
        "path": entities.path_flag(given.path),
        "type": given.type,
        "description": given.description,
        "datastore": given.datastore,
    }
    return session.client.data.create_or_update(entities.load("data", given, flags))
