"""Verbs that models, data and environments share: list, show, update, archive, restore, share."""

from collections.abc import Callable
from typing import Any

from zaffre.cli import arguments, entities, grammar, options, sessions
from zaffre.core import clock, errors

Operations = Callable[[sessions.Session], Any]


def hang(noun: grammar.Noun, what: str, operations: Operations) -> None:
    """Hangs the shared verbs on a noun; `operations` gives the SDK's operations of a session."""
    _hang_reading(noun, what, operations)
    _hang_archiving(noun, what, operations)


def _hang_reading(noun: grammar.Noun, what: str, operations: Operations) -> None:
    def show(session: sessions.Session, given: grammar.Given) -> Any:
        entities.refuse_registry(given)
        return operations(session).get(given.name, given.version, given.label)

    show.__doc__ = f"Show one version of {_a(what)}; the latest unless a version or label is given."
    noun.verb("show", options.name(what, required=True), options.version(), options.LABEL, options.REGISTRY)(
        show
    )


def _hang_archiving(noun: grammar.Noun, what: str, operations: Operations) -> None:
    params = (options.name(what, required=True), options.version(), options.LABEL, options.REGISTRY)

    def archive(session: sessions.Session, given: grammar.Given) -> None:
        entities.refuse_registry(given)
        operations(session).archive(given.name, given.version, given.label)

    def restore(session: sessions.Session, given: grammar.Given) -> None:
        entities.refuse_registry(given)
        operations(session).restore(given.name, given.version, given.label)

    def delete(session: sessions.Session, given: grammar.Given) -> None:
        operations(session).delete(given.name, given.version)

    def share(session: sessions.Session, given: grammar.Given) -> None:
        operations(session).share(given.name, given.version)

    archive.__doc__ = f"Hide {_a(what)}, or one version of it, from lists; nothing is lost."
    restore.__doc__ = f"Bring an archived {what}, or one version of it, back."
    delete.__doc__ = f"Delete one version of {_a(what)}; refused, naming them, while deployments use it."
    share.__doc__ = "Not part of Zaffre yet: share with a registry."
    noun.verb("archive", *params, changes=True)(archive)
    noun.verb("restore", *params, changes=True)(restore)
    if noun.name != "data":
        noun.verb(
            "delete",
            options.name(what, required=True),
            options.version(required=True),
            options.YES,
            changes=True,
        )(delete)
    shared = (options.SHARE_NAME, options.SHARE_VERSION, options.REGISTRY)
    noun.verb("share", options.name(what, required=True), options.version(required=True), *shared)(share)


def update(session: sessions.Session, of: Operations, given: grammar.Given, flags: dict[str, Any]) -> Any:
    """Reads a version, changes it and sends it back. Raises Invalid without a version or label."""
    entities.refuse_registry(given)
    if given.version is None and given.label is None:
        raise errors.Invalid("Which version? None was given.", hint="Add --version, or --label latest.")
    empty: dict[str, Any] = {"tags": {}, "properties": {}}

    def changes(entity: Any) -> dict[str, Any]:
        before, after = (
            entity.to_dict(status=False),
            entities.patched(entity, given, flags).to_dict(status=False),
        )
        keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        return {key: after.get(key, empty.get(key)) for key in keys}

    return of(session).change(given.name, given.version or f"@{given.label}", changes)


def listing(session: sessions.Session, of: Operations, given: grammar.Given, **filters: Any) -> list[Any]:
    """What `list` prints: the latest of each name, or all versions of one."""
    entities.refuse_registry(given)
    tags = arguments.pairs(given.tag, option="--tag")
    times = {
        "created_after": _moment(given, "created_after"),
        "created_before": _moment(given, "created_before"),
    }
    wanted = {key: value for key, value in {**filters, **times}.items() if value is not None}
    return list(
        of(session).list(
            given.name,
            list_view_type=entities.view(given),
            tags=tags,
            max_results=given.max_results,
            **wanted,
        )
    )


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


def _a(what: str) -> str:
    return f"an {what}" if what[:1] in "aeiou" else f"a {what}"
