"""Bodies of requests whose address already says a part of them."""

from typing import Any

from zaffre.core import errors


def named(body: dict[str, Any], **said: str) -> dict[str, Any]:
    """The body with what the address says. Raises Invalid when the two differ, but for case."""
    for key, value in said.items():
        if body.get(key) is not None and str(body[key]).lower() != value.lower():
            raise errors.Invalid(f"The address says {key} {value!r}, the body {body[key]!r}.")
    return {**body, **said}
