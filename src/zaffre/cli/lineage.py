"""`zaffre lineage`."""

from typing import Any

import click

from zaffre.cli import grammar, sessions

noun = grammar.Noun("lineage", help="What an answer was made of.")


@noun.verb(
    "show",
    click.Argument(["subject"], metavar="REVISION"),
    grammar.option(
        "--dependents", takes="none", help="What was made from it, instead of what it was made from."
    ),
)
def show(session: sessions.Session, given: grammar.Given) -> Any:
    """Everything behind an answer: REVISION is its x-zaffre-revision header, or a thing such as models/churn:3."""
    subject = given.subject if "/" in given.subject else f"revisions/{given.subject}"
    found = session.client.lineage.get(subject, direction="made-from" if given.dependents else "behind")
    return _rows(found) if session.form in ("table", "tsv") and not session.query else found


def _rows(found: dict[str, Any]) -> Any:
    """One line an edge: what, how, of what."""
    edges = found.get("edges")
    if not isinstance(edges, list):
        return found
    return edges
