"""`zaffre environment`."""

from pathlib import Path
from typing import Any

from zaffre.cli import arguments, assets, entities, grammar, options, sessions
from zaffre.core import errors

noun = grammar.Noun("environment", help="Environments: what must be installed for code to run.")


face = assets.Face(noun, "environment", "environments", curated=True)
face.hang()
face.hang_deployments()
face.hang_aliases()


@noun.verb(
    "create",
    options.file("environment"),
    options.name("environment"),
    options.version(),
    grammar.option("--conda-file", "-c", help="Conda file with the packages."),
    grammar.option("--requirements", help="File of plain requirements, one a line, instead of a conda file."),
    grammar.option("--image", "-i", help="Container image."),
    grammar.option("--build-context", "-b", help="Folder with a Dockerfile."),
    grammar.option("--dockerfile-path", "-d", help="The Dockerfile in that folder."),
    grammar.option("--os-type", help="linux or windows."),
    grammar.option("--from", help="Copy this environment: azureml:NAME:VERSION or NAME@latest."),
    options.DESCRIPTION,
    options.TAGS,
    options.SET,
    options.DATASTORE,
    options.NO_WAIT,
    options.REGISTRY,
    changes=True,
)
def create(session: sessions.Session, given: grammar.Given) -> Any:
    """Register an environment: from a file, from flags, or as a copy of another."""
    entities.refuse_registry(given)
    tags = arguments.pairs(given.tags, option="--tags")
    source = getattr(given, "from")
    if source is not None:
        return _clone(session, given, source, tags)
    flags = {
        "name": given.name,
        "version": given.version,
        "conda_file": entities.path_flag(given.conda_file),
        "image": given.image,
        "zaffre.requirements": _requirements(given.requirements),
        "build.path": entities.path_flag(given.build_context),
        "build.dockerfile_path": given.dockerfile_path,
        "os_type": given.os_type,
        "description": given.description,
        "tags": tags,
        "datastore": given.datastore,
    }
    return session.client.environments.create_or_update(entities.load("environment", given, flags))


def _requirements(file: str | None) -> list[str] | None:
    return entities.requirement_lines(Path(file)) if file is not None else None


def _clone(session: sessions.Session, given: grammar.Given, source: str, tags: dict[str, str]) -> Any:
    if given.name is None:
        raise errors.Invalid("--name is required with --from.", hint="Name the copy.")
    if given.file is not None:
        raise errors.Invalid("--from and --file exclude each other.", hint="Leave one of them out.")
    changes: dict[str, Any] = {"description": given.description} if given.description else {}
    if tags:
        changes["tags"] = tags
    return session.client.environments.clone(source, given.name, version=given.version, changes=changes)
