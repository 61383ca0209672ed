"""Models: what the registry demands of one, and the verbs that faces and other rooms use.

The server never unpickles a model. It looks at file names, and reads the text of an MLmodel file.
"""

import contextlib
import dataclasses
import datetime as dt
import math
from collections.abc import Callable
from typing import Any

import yaml

from zaffre.contracts import events as catalogue
from zaffre.contracts import model as contract
from zaffre.core import errors
from zaffre.server import db
from zaffre.server.access import callers
from zaffre.server.artifacts import service as artifacts
from zaffre.server.registry.versioning import content, documents, entering, hidden, nouns, service

NOUN = nouns.Noun(
    kind="models",
    word="model",
    registered=catalogue.ModelRegistered,
    updated=catalogue.ModelUpdated,
    archived=catalogue.ModelArchived,
    restored=catalogue.ModelRestored,
    deleted=catalogue.ModelDeleted,
)
_MLMODEL_LIMIT = 1 << 20
ANONYMOUS = "anonymous"


def shelf(workspace: str) -> nouns.Shelf:
    """The models of a workspace."""
    return nouns.Shelf(NOUN, workspace)


def create(
    uow: db.UnitOfWork, caller: callers.Caller, workspace: str, model: contract.Model
) -> contract.Model:
    """Register a model; without a version it gets the next number. Raises AlreadyExists, Invalid, NotFound."""
    return contract.Model.from_body(document(register(uow, caller, workspace, model)[0]))


def register(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    workspace: str,
    model: contract.Model,
    *,
    room: artifacts.Room | None = None,
) -> tuple[nouns.Version, bool]:
    """As `create`; says also whether the version is new. With the artifacts' room, flavours are read from MLmodel."""
    mine = shelf(workspace)
    callers.require(caller, "models/write", mine.resource(model.name or ""))  # before anything is looked up
    found = content.find(uow, mine, model.path)
    model = _as_given(uow, mine, model)
    draft = _draft(model, _name(model), found)
    if model.flavors is None and room is not None:
        flavors = _flavors(room, found)
        draft = draft if flavors is None else draft.with_facts(flavors=flavors)
    return entering.enter(uow, caller, mine, draft, found.place)


def anonymous(
    uow: db.UnitOfWork, caller: callers.Caller, workspace: str, model: contract.Model
) -> contract.Model:
    """The model that a deployment gives inline without a name: one hidden version per content."""
    mine = shelf(workspace)
    callers.require(caller, "models/write", mine.resource(ANONYMOUS))
    found = content.find(uow, mine, model.path)
    draft = _draft(model, ANONYMOUS, found)
    draft = dataclasses.replace(draft, version=hidden.number_of(draft.body), hidden=True)
    return contract.Model.from_body(document(entering.enter(uow, caller, mine, draft, found.place)[0]))


def sweep(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    *,
    before: dt.datetime,
    needed: Callable[[str, str], bool],
    dry_run: bool,
) -> list[tuple[str, str]]:
    """Remove what deployments gave inline before that moment, that none has now and that is not
    `needed(workspace, subject)`. Returns workspace and subject of each; a dry run only finds them."""
    return hidden.sweep(uow, caller, NOUN, ANONYMOUS, before=before, needed=needed, dry_run=dry_run)


def _as_given(uow: db.UnitOfWork, mine: nouns.Shelf, model: contract.Model) -> contract.Model:
    """Without the flavours that this server found out itself and told: users' code sends back what `get` gave it."""
    if model.flavors is None or model.version is None:
        return model
    with contextlib.suppress(errors.NotFound):
        if service.find(uow, mine, _name(model), model.version).facts.get("flavors") == model.flavors:
            return model.model_copy(update={"flavors": None})
    return model


def _draft(model: contract.Model, name: str, found: content.Content) -> nouns.Draft:
    _demand(model, found)
    return nouns.Draft(
        name=name,
        version=model.version,
        body=documents.body_of(model),
        type=model.type,
        stage=model.stage,
        description=model.description,
        tags=model.tags,
        properties=model.properties,
        facts={**found.facts(), **_warnings(found)},
        aliases=tuple(model.zaffre.aliases) if model.zaffre else (),
    )


def get(
    uow: db.UnitOfWork, caller: callers.Caller, workspace: str, name: str, version: str = "@latest"
) -> contract.Model:
    """One model version, by number or `@label`. Raises NotFound."""
    return contract.Model.from_body(document(service.get(uow, caller, shelf(workspace), name, version)))


def document(version: nouns.Version, *, used_by: list[str] | None = None) -> dict[str, Any]:
    """The REST body of a version."""
    found = documents.document(version, used_by=used_by)
    flavors = found["status"].pop("flavors", None)
    return found if flavors is None else {"flavors": flavors, **found}


def _name(model: contract.Model) -> str:
    if not model.name:
        raise errors.Invalid("A model needs a name.", hint="Add `name:` to the file, or give --name.")
    return model.name


def _demand(model: contract.Model, found: content.Content) -> None:
    if model.type != "mlflow_model":
        return
    if found.is_file or found.inside("MLmodel") is None:
        raise errors.Invalid(
            "A model of type mlflow_model must be a folder with a file MLmodel in it.",
            hint="Give the folder that mlflow.<flavor>.save_model wrote, or use type custom_model.",
        )


def _warnings(found: content.Content) -> dict[str, list[str]]:
    lines = content.pickle_warning(found.place.files)
    return {"warnings": lines} if lines else {}


def _flavors(room: artifacts.Room, found: content.Content) -> dict[str, Any] | None:
    """The flavours that an MLmodel file names; None when there is none that can be read."""
    described = found.inside("MLmodel")
    if described is None or found.is_file or described.size > _MLMODEL_LIMIT:
        return None
    try:
        parsed = yaml.safe_load(b"".join(room.store.read(described.digest)))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return None
    flavors = parsed.get("flavors") if isinstance(parsed, dict) else None
    return flavors if isinstance(flavors, dict) and _plain(flavors) else None


def _plain(value: Any) -> bool:
    """Whether a YAML value is one that JSON can say."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(_plain(item) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)
