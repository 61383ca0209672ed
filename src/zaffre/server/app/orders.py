"""What a process of the server was told to do: the answer, or the error, is one line of JSON for the command line."""

import json
import sys
from collections.abc import Callable

from zaffre.core import errors, settings
from zaffre.server.app import home as homes

Order = Callable[[settings.Settings, homes.Home], object]


def carry_out(order: Order) -> int:
    """The exit code. What the order gives is printed, unless it is nothing."""
    try:
        configured, _ = settings.load()
        answer = order(configured, homes.Home(configured))
    except errors.ZaffreError as error:
        print(json.dumps(errors.to_problem(error)), file=sys.stderr)  # noqa: T201 # its reader is the command line
        return error.exit_code
    if answer is not None:
        print(json.dumps(answer, default=str))  # noqa: T201 # its reader is the command line
    return 0
