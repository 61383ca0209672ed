"""Header and form mappings as scripts know them from Flask: names in any case, several values of one name."""

from __future__ import annotations

from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    MutableMapping,
    Optional,
    Tuple,
    Type,
    TypeVar,
)

Mapping = TypeVar("Mapping", bound="HeaderDict")


def _converted(values: Iterable[Any], kind: Optional[Callable[[Any], Any]]) -> List[Any]:
    """Those values that `kind` can take, through it."""
    found = []
    for value in values:
        try:
            found.append(value if kind is None else kind(value))
        except (ValueError, TypeError):  # as in Flask: the same as if it had not been sent
            continue
    return found


class HeaderDict(Dict[str, str]):
    """What a `request_headers` parameter receives: a real dict, Title-Case names, found in any case."""

    @classmethod
    def of(cls: Type[Mapping], pairs: Iterable[Tuple[str, str]]) -> Mapping:
        made = cls()
        for name, value in pairs:
            title = name.title()
            made[title] = (
                f"{dict.__getitem__(made, title)},{value}" if dict.__contains__(made, title) else value
            )
        return made

    def __missing__(self, name: str) -> str:
        title = str(name).title()
        if title != name and dict.__contains__(self, title):
            return dict.__getitem__(self, title)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, str(name).title())

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default


class RequestHeaders(HeaderDict):
    """The headers of a whole request. Going through them gives pairs, as in Flask, where a dict would give names."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items())

    def get(self, name: str, default: Any = None, type: Any = None) -> Any:
        return next(iter(self.getlist(name, type)), default)

    def getlist(self, name: str, type: Any = None) -> List[Any]:
        return _converted([self[name]] if name in self else [], type)

    get_all = getlist


class MultiDict(Dict[str, Any]):
    """The first value of a name by `[]` and `get`, all of them by `getlist`."""

    def __init__(self, pairs: Iterable[Tuple[str, Any]] = ()) -> None:
        self._all: Dict[str, List[Any]] = {}
        for name, value in pairs:
            self._all.setdefault(name, []).append(value)
        super().__init__({name: values[0] for name, values in self._all.items()})

    def get(self, key: str, default: Any = None, type: Any = None) -> Any:
        return next(iter(_converted(self._all.get(key, [])[:1], type)), default)

    def getlist(self, key: str, type: Any = None) -> List[Any]:
        return _converted(self._all.get(key, []), type)

    def lists(self) -> Iterator[Tuple[str, List[Any]]]:
        return iter(self._all.items())

    def to_dict(self, flat: bool = True) -> Dict[str, Any]:
        return dict(self) if flat else {name: list(values) for name, values in self._all.items()}


class Headers(MutableMapping[str, str]):
    """A response's headers: ordered, names in any case, a name may repeat."""

    def __init__(self, pairs: Iterable[Tuple[str, str]] = ()) -> None:
        self._pairs: List[Tuple[str, str]] = [(str(name), str(value)) for name, value in pairs]

    def __getitem__(self, name: str) -> str:
        for known, value in self._pairs:
            if known.lower() == name.lower():
                return value
        raise KeyError(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self._pairs = [pair for pair in self._pairs if pair[0].lower() != name.lower()] + [(name, str(value))]

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self.remove(name)

    def __contains__(self, name: object) -> bool:
        return any(known.lower() == str(name).lower() for known, _ in self._pairs)

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._pairs])

    def __len__(self) -> int:
        return len(self._pairs)

    def items(self) -> Any:
        return list(self._pairs)

    def add(self, name: str, value: Any) -> None:
        self._pairs.append((name, str(value)))

    add_header = add
    set = __setitem__

    def remove(self, name: str) -> None:
        self._pairs = [pair for pair in self._pairs if pair[0].lower() != name.lower()]

    def getlist(self, name: str) -> List[str]:
        return [value for known, value in self._pairs if known.lower() == name.lower()]

    def get(self, name: str, default: Optional[Any] = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def extend(self, more: Any) -> None:
        for name, value in more.items() if hasattr(more, "items") else more:
            self.add(name, value)
