"""The MetaData with every room's tables on it: importing a store declares them."""

import importlib
import pkgutil

import sqlalchemy as sa

import zaffre.server
from zaffre.server import db


def metadata() -> sa.MetaData:
    """All tables of the server."""
    for module in pkgutil.walk_packages(zaffre.server.__path__, "zaffre.server."):
        if module.name.rpartition(".")[2] == "store":
            importlib.import_module(module.name)
    return db.metadata
