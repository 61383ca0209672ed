"""`zaffre data`."""

from typing import Any

from zaffre.cli import assets, entities, grammar, options, sessions

noun = grammar.Noun(
    "data",
    help="Data assets: files, folders and tables by version.",
    later=["import", "mount", "list-materialization-status"],
)


def _operations(session: sessions.Session) -> Any:
    return session.client.data


assets.hang(noun, "data asset", _operations)


@noun.verb(
    "create",
    options.file("data asset"),
    options.name("data asset"),
    options.version(),
    grammar.option("--path", "-p", help="File or folder of the data, or an address."),
    grammar.option("--type", "-t", help="uri_file, uri_folder or mltable."),
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


@noun.verb("list", options.name("data asset"), *options.LISTING)
def list_(session: sessions.Session, given: grammar.Given) -> Any:
    """List the latest version of each data asset, or all versions of one."""
    return assets.listing(session, _operations, given)


@noun.verb(
    "update",
    options.name("data asset", required=True),
    options.version(),
    options.LABEL,
    *options.UPDATES,
    options.REGISTRY,
    changes=True,
)
def update(session: sessions.Session, given: grammar.Given) -> Any:
    """Change tags or description, or add properties; the files of a version never change."""
    return assets.update(session, _operations, given, {})


@noun.verb(
    "download",
    options.name("data asset", required=True),
    options.version(required=True),
    grammar.option("--download-path", "-p", help="Folder to write to; default: here."),
)
def download(session: sessions.Session, given: grammar.Given) -> None:
    """Download every file of a version, verified, to DOWNLOAD_PATH/NAME."""
    written = session.client.data.download(given.name, given.version, given.download_path or ".")
    session.say(f"{len(written)} files written.")
