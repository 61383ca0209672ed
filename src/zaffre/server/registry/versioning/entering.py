"""What registering a noun's draft brings with it: the version, its hold on files, its aliases. Called by the nouns."""

from zaffre.server import db
from zaffre.server.access import callers
from zaffre.server.artifacts import service as artifacts
from zaffre.server.registry.versioning import aliases, changes, nouns, service


def enter(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    shelf: nouns.Shelf,
    draft: nouns.Draft,
    place: artifacts.Place | None,
) -> tuple[nouns.Version, bool]:
    """Register the draft; returns the version, and whether it is new.

    One that is there already with equal content takes over what may change: tags, description, stage, more properties.
    """
    version, new = service.register(uow, caller, shelf, draft)
    if new and place is not None:
        artifacts.hold(uow, place, shelf.subject(version.name, version.version))
    if not new:
        given = {key: getattr(draft, key) for key in ("tags", "properties", "description", "stage")}
        wanted = {key: value for key, value in given.items() if value}
        version = changes.update(uow, caller, shelf, draft.name, version=version.version, changes=wanted)
    return aliases.take_over(uow, caller, shelf, version, draft.aliases), new
