"""Routes that are one transaction: `@reading` and `@writing` open it, and tell `direct` that the crew can serve them.

Such a route takes the unit of work, the caller and the parts of the server first, then what the request says.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from zaffre.server import db
from zaffre.server.api import auth, context

Route = Callable[..., Any]
GIVEN = 3
"""How many arguments a request does not say."""


def reading(route: Route) -> Route:
    """The route reads: its unit of work writes nothing."""
    return _opened(route, db.Database.read, writes=False)


def writing(route: Route) -> Route:
    """The route writes: its unit of work is committed before it answers. The route may be run twice, after the first
    run was undone, and does nothing beside its unit of work."""
    return _opened(route, db.Database.write, writes=True)


def original(route: Route) -> tuple[Route, bool] | None:
    """The route as it was written, and whether it writes; None for one that is no single transaction."""
    writes = getattr(route, "writes", None)
    return None if writes is None else (inspect.unwrap(route), writes)


def _opened(route: Route, begin: Callable[[db.Database], Any], *, writes: bool) -> Route:
    @functools.wraps(route)
    def run(*, caller: auth.CallerDep, parts: context.Deps, **said: Any) -> Any:
        with begin(parts.database) as uow:
            return route(uow, caller, parts, **said)

    asked = list(inspect.signature(route).parameters.values())[GIVEN:]
    for name, annotation in (("caller", auth.CallerDep), ("parts", context.Deps)):
        asked.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation))
    by_name = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in asked]
    run.__dict__.update(__signature__=inspect.Signature(by_name), writes=writes)
    return run
