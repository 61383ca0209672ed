"""Verbs that models, data and environments share: list, show, update, download, archive, restore, delete, share."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from zaffre.cli import arguments, entities, grammar, options, sessions
from zaffre.core import clock, errors


@dataclasses.dataclass(frozen=True)
class Face:
    """One noun of the registry: what sentences call it, and where the SDK has its operations.

    `found_by` and `changed_by` are options beside the common ones that its `list` and `update` take, by field.
    """

    noun: grammar.Noun
    what: str
    collection: str
    found_by: Mapping[str, grammar.Option] = dataclasses.field(default_factory=dict)
    changed_by: Mapping[str, grammar.Option] = dataclasses.field(default_factory=dict)
    # Whether `--registry-name azureml` shows curated ones.
    curated: bool = False

    def of(self, session: sessions.Session) -> Any:
        """The SDK's operations."""
        return getattr(session.client, self.collection)

    def one(self, *, label: bool = True, version_required: bool = False) -> tuple[grammar.Option, ...]:
        """The options that name one of them, or one version."""
        named = (options.name(self.what, required=True), options.version(required=version_required))
        return (*named, options.LABEL) if label else named

    def hang(self) -> None:
        """Hang the verbs on the noun that all nouns of the registry have."""
        for verbs in (_reading, _changing, _archiving, _sharing):
            verbs(self)

    def hang_download(self) -> None:
        """The verb of nouns that have files."""

        def download(session: sessions.Session, given: grammar.Given) -> None:
            entities.refuse_registry(given)
            written = self.of(session).download(given.name, given.version, given.download_path or ".")
            session.say(f"{len(written)} files written.")

        download.__doc__ = "Download every file of a version, verified, to DOWNLOAD_PATH/NAME."
        folder = grammar.option("--download-path", "-p", help="Folder to write to; default: here.")
        required = self.one(label=False, version_required=True)
        self.noun.verb("download", *required, folder, options.REGISTRY)(download)

    def hang_deployments(self) -> None:
        """The verb of nouns that are deployed."""

        def deployments(session: sessions.Session, given: grammar.Given) -> Any:
            return list(self.of(session).list_deployments(given.name, given.version))

        deployments.__doc__ = f"Where {_a(self.what)} is deployed, and whether it is healthy there."
        self.noun.verb("deployments", *self.one(label=False))(deployments)

    def hang_aliases(self) -> None:
        """The verbs of names that point at versions and can be moved."""
        self.noun.add_command(_aliases(self))


def _reading(face: Face) -> None:
    def show(session: sessions.Session, given: grammar.Given) -> Any:
        _refuse_reference(given, str(face.noun.name))
        if _asks_for_curated(face, given):
            return face.of(session).get_curated(given.name)
        return face.of(session).get(given.name, given.version, given.label)

    def list_(session: sessions.Session, given: grammar.Given) -> list[Any]:
        if _asks_for_curated(face, given):
            curated = face.of(session).list_curated()
            return [one for one in curated if given.name in (None, one.name)][: given.max_results]
        wanted = {key: getattr(given, key) for key in face.found_by}
        wanted |= {key: _moment(given, key) for key in ("created_after", "created_before")}
        tags = arguments.pairs(given.tag, option="--tag")  # before anybody looks for a server
        found = face.of(session).list(
            given.name,
            list_view_type=entities.view(given),
            tags=tags,
            max_results=given.max_results,
            **{key: value for key, value in wanted.items() if value is not None},
        )
        return list(found)

    show.__doc__ = f"Show one version of {_a(face.what)}; the latest unless a version or label is given."
    list_.__doc__ = f"List the latest version of each {face.what}, or all versions of one."
    face.noun.verb("show", *face.one(), options.REGISTRY)(show)
    face.noun.verb("list", options.name(face.what), *face.found_by.values(), *options.LISTING)(list_)


def _asks_for_curated(face: Face, given: grammar.Given) -> bool:
    """Whether the registry of curated environments is meant. Raises Unsupported for any other."""
    if face.curated and given.registry_name == "azureml":
        return True
    entities.refuse_registry(given)
    return False


def _changing(face: Face) -> None:
    def update(session: sessions.Session, given: grammar.Given) -> Any:
        entities.refuse_registry(given)
        if given.version is None and given.label is None:
            raise errors.Invalid("Which version? None was given.", hint="Add --version, or --label latest.")
        flags = {key: getattr(given, key) for key in face.changed_by}
        version = given.version or f"@{given.label}"
        return face.of(session).change(given.name, version, lambda entity: _changes(entity, given, flags))

    update.__doc__ = "Change what people say of a version, or add properties; its content never changes."
    extra = (*face.changed_by.values(), *options.UPDATES, options.REGISTRY)
    face.noun.verb("update", *face.one(), *extra, changes=True)(update)


def _changes(entity: Any, given: grammar.Given, flags: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {"tags": {}, "properties": {}}
    before = entity.to_dict(status=False)
    after = entities.patched(entity, given, flags).to_dict(status=False)
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return {key: after.get(key, empty.get(key)) for key in keys}


def _archiving(face: Face) -> None:
    def archive(session: sessions.Session, given: grammar.Given) -> None:
        entities.refuse_registry(given)
        face.of(session).archive(given.name, given.version, given.label)

    def restore(session: sessions.Session, given: grammar.Given) -> None:
        entities.refuse_registry(given)
        face.of(session).restore(given.name, given.version, given.label)

    archive.__doc__ = f"Hide {_a(face.what)}, or one version of it, from lists; nothing is lost."
    restore.__doc__ = f"Bring an archived {face.what}, or one version of it, back."
    face.noun.verb("archive", *face.one(), options.REGISTRY, changes=True)(archive)
    face.noun.verb("restore", *face.one(), options.REGISTRY, changes=True)(restore)


def _sharing(face: Face) -> None:
    def delete(session: sessions.Session, given: grammar.Given) -> None:
        face.of(session).delete(given.name, given.version)

    def share(session: sessions.Session, given: grammar.Given) -> None:
        face.of(session).share(given.name, given.version)

    delete.__doc__ = f"Delete one version of {_a(face.what)}; refused, naming them, while deployments use it."
    share.__doc__ = "Not part of Zaffre yet: share with a registry."
    required = face.one(label=False, version_required=True)
    if face.noun.name != "data":
        face.noun.verb("delete", *required, options.YES, changes=True)(delete)
    shared = (options.SHARE_NAME, options.SHARE_VERSION, options.REGISTRY)
    face.noun.verb("share", *required, *shared)(share)


def _aliases(face: Face) -> grammar.Noun:
    alias = grammar.Noun("alias", help="Names that point at versions and can be moved.")
    name = options.name(face.what, required=True)
    mark = grammar.option("--alias", "-a", required=True, help="The alias, for example champion.")

    def set_(session: sessions.Session, given: grammar.Given) -> Any:
        """Point an alias at a version; where it pointed before is kept in its history."""
        if given.alias.lower() == "latest":
            raise errors.Invalid("'latest' always means the newest version.", hint="Choose another alias.")
        return face.of(session).set_alias(given.name, given.alias, given.version)

    def list_(session: sessions.Session, given: grammar.Given) -> Any:
        return list(face.of(session).list_aliases(given.name))

    def history(session: sessions.Session, given: grammar.Given) -> Any:
        """Where an alias pointed, newest first, with who moved it and why."""
        return list(face.of(session).list_alias_history(given.name, given.alias))

    def delete(session: sessions.Session, given: grammar.Given) -> None:
        """Remove an alias; the version stays."""
        face.of(session).delete_alias(given.name, given.alias)

    list_.__doc__ = f"List the aliases of {_a(face.what)}."
    alias.verb("set", name, mark, options.version(required=True), changes=True)(set_)
    alias.verb("list", name)(list_)
    alias.verb("history", name, mark)(history)
    alias.verb("delete", name, mark, changes=True)(delete)
    return alias


def _moment(given: grammar.Given, name: str) -> str | None:
    text: str | None = getattr(given, name)
    if text is None:
        return None
    try:
        return clock.isoformat(clock.parse(text))
    except ValueError:
        raise errors.Invalid(
            f"--{name.replace('_', '-')}: {text!r} is not a moment.",
            hint="Write 2026-11-20 or 2026-11-20T08:00.",
        ) from None


def _refuse_reference(given: grammar.Given, noun: str) -> None:
    """`churn@latest` and `churn:3` are how other things refer to a version; here its name stands alone."""
    name, mark, version = given.name.removeprefix("azureml:").partition("@" if "@" in given.name else ":")
    if mark and name:
        option = "--label" if mark == "@" else "--version"
        raise errors.Invalid(
            f"{given.name!r} is a reference, and --name takes a name.",
            hint=f"Write: zaffre {noun} show --name {name} {option} {version or '...'}",
        )


def _a(what: str) -> str:
    return f"an {what}" if what[:1] in "aeiou" else f"a {what}"
