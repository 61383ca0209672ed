"""What exists from the first start: a key for secrets, the default workspace, and a token for whoever started the server."""

from zaffre.contracts import workspace as contract
from zaffre.core import private_files
from zaffre.server import access, db, secrets
from zaffre.server.access import tokens, workspaces
from zaffre.server.app import home as homes
from zaffre.server.secrets import signing

_CALLER = access.system("first-start")


def open_box(database: db.Database, home: homes.Home) -> secrets.Box:
    """The box that opens this database's secrets. Raises Conflict when the home has another key."""
    box = secrets.Box(home.path / "secrets.key")
    with database.write() as uow:
        secrets.demand_same_key(uow, box)
    return box


def ensure(database: db.Database, home: homes.Home) -> None:
    """Make what is missing. The token is written for its owner only; there is no default password."""
    with database.write() as uow:
        known = {item.name for item in workspaces.list_visible(uow, _CALLER)}
        if workspaces.DEFAULT not in known:
            workspaces.create(uow, _CALLER, contract.Workspace(name=workspaces.DEFAULT))
        if not _token_works(uow, home):
            text, _ = tokens.create(uow, _CALLER, name="owner", grants=[access.Grant("admin")])
            # Written before the commit: a crash in between leaves a token that does not work and is replaced.
            private_files.write(home.token_file, text + "\n")


def ensure_signing(database: db.Database, box: secrets.Box) -> None:
    """Make the key that tokens are signed with, if there is none."""
    with database.write() as uow:
        signing.ensure(uow, box)


def _token_works(uow: db.UnitOfWork, home: homes.Home) -> bool:
    # A token that was revoked stays revoked: only a missing file, or one of another database, asks for a new one.
    if not home.token_file.exists():
        return False
    return tokens.is_known(uow, home.token_file.read_text(encoding="utf-8").strip())
