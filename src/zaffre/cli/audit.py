"""`zaffre audit`."""

import datetime as dt
from typing import Any

from zaffre.cli import grammar, options, sessions
from zaffre.core import clock, errors

noun = grammar.Noun("audit", help="Who changed what, when and why.")


@noun.verb(
    "list",
    grammar.option("--actor", help="Only what this caller did."),
    grammar.option("--action", help="Only this action, for example ModelRegistered."),
    grammar.option("--subject", help="Only what was done to this thing, for example models/churn:3."),
    grammar.option("--since", help="Only from this moment on, for example 2026-11-20T08:00."),
    grammar.option(
        "--all-workspaces", takes="none", help="The whole server; needs an administrator's token."
    ),
    options.MAX_RESULTS,
)
def list_(session: sessions.Session, given: grammar.Given) -> Any:
    """List changes, newest first: who, what, when and why; at most 100 unless --max-results is given."""
    records = session.client.audit.list(
        actor=given.actor,
        action=given.action,
        subject=given.subject,
        workspace=None if given.all_workspaces else session.workspace,
        since=_moment(given.since),
        max_results=given.max_results or 100,
    )
    return list(records)


def _moment(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        return clock.parse(text)
    except ValueError:
        raise errors.Invalid(
            f"--since: {text!r} is not a moment.", hint="Write 2026-11-20 or 2026-11-20T08:00."
        ) from None
