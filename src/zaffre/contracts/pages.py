"""One page of a list."""

from typing import Generic, TypeVar

import pydantic

Item = TypeVar("Item")


class Page(pydantic.BaseModel, Generic[Item]):
    """Some items, and the cursor of the next page; no cursor means that this was the last."""

    items: list[Item] = []
    next: str | None = None
