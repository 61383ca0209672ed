"""What a noun of the registry tells the core about itself, what it registers, and what comes back."""

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Any

from zaffre.contracts import events as catalogue
from zaffre.core import names


@dataclasses.dataclass(frozen=True)
class Noun:
    """One kind of asset. `kind` is the word in addresses and permissions, `word` the one in sentences, `kept` why
    versions are archived only, if they are never deleted."""

    kind: str
    word: str
    registered: Callable[..., catalogue.Event]
    updated: Callable[..., catalogue.Event]
    archived: Callable[..., catalogue.Event]
    restored: Callable[..., catalogue.Event]
    deleted: Callable[..., catalogue.Event]
    kept: str = ""


@dataclasses.dataclass(frozen=True)
class Shelf:
    """One noun in one workspace: where a version is looked for."""

    noun: Noun
    workspace: str

    @property
    def kind(self) -> str:
        """`models`, `data`, `environments`."""
        return self.noun.kind

    @property
    def word(self) -> str:
        """What sentences call one of them."""
        return self.noun.word

    def resource(self, name: str) -> str:
        """What permissions are asked about."""
        return f"workspaces/{self.workspace}/{self.kind}/{name}"

    def subject(self, name: str, version: str | None = None) -> str:
        """`models/churn:3`."""
        return names.subject(self.kind, name, version)


@dataclasses.dataclass(frozen=True)
class Draft:
    """A version about to be registered. `body` never changes afterwards and decides whether two are equal.

    A hidden one is not listed and never the latest: nobody chose its name.
    """

    name: str
    version: str | None
    body: dict[str, Any]
    type: str = ""
    stage: str | None = None
    description: str | None = None
    tags: dict[str, str] = dataclasses.field(default_factory=dict)
    properties: dict[str, str] = dataclasses.field(default_factory=dict)
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    hidden: bool = False

    def with_facts(self, **facts: Any) -> "Draft":
        """The same draft, with more that the server found out."""
        return dataclasses.replace(self, facts={**self.facts, **facts})


@dataclasses.dataclass(frozen=True)
class Version:
    """A registered version as the database has it. `facts` is what the server found out; `revision` counts changes."""

    id: int
    workspace: str
    kind: str
    name: str
    version: str
    type: str
    stage: str | None
    description: str | None
    tags: dict[str, str]
    properties: dict[str, str]
    body: dict[str, Any]
    facts: dict[str, Any]
    archived: bool
    labels: tuple[str, ...]
    latest_version: str | None
    created_at: dt.datetime
    created_by: str
    modified_at: dt.datetime
    modified_by: str
    revision: int

    @property
    def etag(self) -> str:
        """Changes whenever anything of the version changes."""
        return f'"{self.id:x}-{self.revision}"'


@dataclasses.dataclass(frozen=True)
class Query:
    """Which versions are wanted; whatever is left out matches all.

    Without a name or any other filter the newest version of each name is meant, unless `newest_only` says otherwise.
    """

    name: str | None = None
    prefix: str | None = None
    contains: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    type: str | None = None
    stage: str | None = None
    created_after: dt.datetime | None = None
    created_before: dt.datetime | None = None
    archived: str = "exclude"
    newest_only: bool | None = None
    cursor: str | None = None
    limit: int = 100

    @property
    def one_per_name(self) -> bool:
        """Whether only the newest version of each name is listed."""
        if self.newest_only is not None:
            return self.newest_only
        filters = (self.name, self.tags, self.type, self.stage, self.created_after, self.created_before)
        return not any(filters) and self.archived != "only"
