"""`python -m zaffre.server.app [serve|migrate]`: what the command line spawns; `app.stopping` is its other one."""

import argparse
import sys

from zaffre.core import settings
from zaffre.server.app import compose, logs, orders, serve
from zaffre.server.app import home as homes


def main(arguments: list[str] | None = None) -> int:
    """Run one command; errors are one line of JSON on standard error, for the command line to show."""
    parser = argparse.ArgumentParser(prog="python -m zaffre.server.app")
    parser.add_argument("command", nargs="?", default="serve", choices=["serve", "migrate"])
    command = parser.parse_args(arguments).command
    return orders.carry_out(migrate if command == "migrate" else start)


def start(configured: settings.Settings, home: homes.Home) -> None:
    """Serve until told to stop."""
    logs.install(home.log_file)
    serve.run(configured, home)


def migrate(configured: settings.Settings, home: homes.Home) -> dict[str, str | None]:
    """Bring the database to the newest schema, without starting a server."""
    before, after = compose.migrate(configured, home)
    return {"before": before, "after": after}


if __name__ == "__main__":
    sys.exit(main())
