"""`python -m zaffre.server.app [serve|migrate|settings|stop-services]`: what the command line spawns."""

import argparse
import json
import sys

from zaffre.core import errors, settings
from zaffre.server.app import compose, logs, serve, stopping
from zaffre.server.app import home as homes


def main(arguments: list[str] | None = None) -> int:
    """Run one command; errors are one line of JSON on standard error, for the command line to show."""
    parser = argparse.ArgumentParser(prog="python -m zaffre.server.app")
    parser.add_argument(
        "command", nargs="?", default="serve", choices=["serve", "migrate", "settings", "stop-services"]
    )
    command = parser.parse_args(arguments).command
    try:
        configured, origins = settings.load()
        if command == "settings":
            _say({"settings": [vars(origin) for origin in origins]})
            return 0
        home = homes.Home(configured)
        if command == "migrate":
            _say(migrate(configured, home))
            return 0
        if command == "stop-services":
            _say({"stopped": stopping.stop_services(configured, home)})
            return 0
        logs.install(home.log_file)
        serve.run(configured, home)
    except errors.ZaffreError as error:
        print(json.dumps(errors.to_problem(error)), file=sys.stderr)  # noqa: T201 # its reader is the command line
        return error.exit_code
    return 0


def migrate(configured: settings.Settings, home: homes.Home) -> dict[str, str | None]:
    """Bring the database to the newest schema, without starting a server."""
    before, after = compose.migrate(configured, home)
    return {"before": before, "after": after}


def _say(document: object) -> None:
    print(json.dumps(document, default=str))  # noqa: T201 # its reader is the command line


if __name__ == "__main__":
    sys.exit(main())
