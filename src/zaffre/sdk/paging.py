"""Lists that come page by page: an iterator asks for the next page when it gets there."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from zaffre.sdk import transport

Item = TypeVar("Item")
PAGE = 200


def items(
    wire: transport.Transport,
    path: str,
    read: Callable[[Any], Item],
    *,
    most: int | None = None,
    **parameters: Any,
) -> Iterator[Item]:
    """Every item of a list, at most `most`; the first page is asked for at once, so that errors come early."""
    limit = PAGE if most is None else max(1, min(most, PAGE))
    first = wire.get(path, limit=limit, **parameters)
    return _pages(wire, path, read, first, most, {**parameters, "limit": limit})


def _pages(
    wire: transport.Transport,
    path: str,
    read: Callable[[Any], Item],
    page: Any,
    most: int | None,
    parameters: dict[str, Any],
) -> Iterator[Item]:
    seen = 0
    while True:
        for item in page["items"]:
            if most is not None and seen >= most:
                return
            seen += 1
            yield read(item)
        cursor = page.get("next")
        if not cursor or (most is not None and seen >= most):
            return
        page = wire.get(path, cursor=cursor, **parameters)
