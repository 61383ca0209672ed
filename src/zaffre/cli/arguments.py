"""How words on the command line become options, by the rules that scripts for `az ml` rely on. Pure.

Long options may be shortened while only one fits; `--tags a=b c=d` takes several values after one flag; `-nVALUE`,
`-n=VALUE` and `--name=VALUE` are all the same. The result is one `--option=value` a value, so that whatever
parses it next has nothing left to guess.
"""

import dataclasses
import difflib
import json
import re
from collections.abc import Iterable, Sequence

from zaffre.core import errors

_NEGATIVE = re.compile(r"-\d+(\.\d*)?|-\.\d+")


@dataclasses.dataclass(frozen=True)
class Flag:
    """One option: its spellings, and how many words follow it.

    `takes`: "none", "one", "maybe" (true or false; true when nothing follows), "many" (each word is one more value),
    "group" (all words of one flag stay together).
    """

    names: tuple[str, ...]
    takes: str = "one"

    @property
    def long(self) -> str:
        """The first long spelling; every option has one."""
        return next(name for name in self.names if name.startswith("--"))


class Vocabulary:
    """The options that one verb knows."""

    def __init__(self, flags: Iterable[Flag]) -> None:
        self._by_name = {name: flag for flag in flags for name in flag.names}

    def rewrite(self, words: Sequence[str]) -> list[str]:
        """The same words with full names, one value each. Raises Invalid."""
        written: list[str] = []
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word == "--":
                return [*written, word, *rest]
            if word.startswith("--"):
                written += self._long(word, rest)
            elif self._looks_like_option(word):
                written += self._short(word, rest)
            else:
                written.append(word)
        return written

    def complete(self, name: str) -> Flag:
        """The option that a full or shortened long name means. Raises Invalid with the candidates."""
        if name in self._by_name:
            return self._by_name[name]
        fitting = sorted(
            known for known in self._by_name if known.startswith(name) and known.startswith("--")
        )
        if len({self._by_name[known] for known in fitting}) == 1:
            return self._by_name[fitting[0]]
        if fitting:
            raise errors.Invalid(
                f"The option {name} is ambiguous: it could be {_any_of(fitting)}.", hint="Write it out."
            )
        raise self._unknown(name)

    def _long(self, word: str, rest: list[str]) -> list[str]:
        name, equals, value = word.partition("=")
        flag = self.complete(name)
        if flag.takes == "none":
            if equals:
                raise errors.Invalid(
                    f"{flag.long} takes no value, but got {value!r}.", hint=f"Write {flag.long}."
                )
            return [flag.long]
        return self._with_values(flag, name, [value] if equals else [], rest)

    def _short(self, word: str, rest: list[str]) -> list[str]:
        name, tail = word[:2], word[2:]
        if name not in self._by_name:
            raise self._unknown(word)
        flag = self._by_name[name]
        if flag.takes == "none":
            return [flag.long, *(self._short("-" + tail, rest) if tail else [])]
        return self._with_values(flag, name, [tail.removeprefix("=")] if tail else [], rest)

    def _with_values(self, flag: Flag, said: str, values: list[str], rest: list[str]) -> list[str]:
        if flag.takes == "one":
            if not values:
                if not rest or self._is_option(rest[0]):
                    raise errors.Invalid(f"{said} needs a value.", hint=f"Write {said} VALUE.")
                values = [rest.pop(0)]
            return [f"{flag.long}={values[0]}"]
        if flag.takes == "maybe":
            if not values and rest and rest[0].lower() in ("true", "false"):
                values = [rest.pop(0)]
            return [f"{flag.long}={values[0] if values else 'true'}"]
        while rest and not self._looks_like_option(rest[0]):
            values.append(rest.pop(0))
        if not values:
            raise errors.Invalid(f"{said} needs at least one value.", hint=f"Write {said} VALUE [VALUE ...].")
        if flag.takes == "group":
            return [f"{flag.long}={json.dumps(values)}"]
        return [f"{flag.long}={value}" for value in values]

    def _is_option(self, word: str) -> bool:
        if word.startswith("--"):
            return True
        return word[:2] in self._by_name and self._looks_like_option(word)

    def _looks_like_option(self, word: str) -> bool:
        if len(word) < 2 or word[0] != "-" or _NEGATIVE.fullmatch(word):
            return False
        return " " not in word or word[:2] in self._by_name or word.startswith("--")

    def _unknown(self, word: str) -> errors.Invalid:
        close = nearest(word, self._by_name)
        hint = f"Did you mean {close}?" if close else "Add --help to see the options."
        return errors.Invalid(f"There is no option {word}.", hint=hint)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that a misspelt one most likely means."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def pairs(words: Iterable[str], *, option: str) -> dict[str, str]:
    """`TagName=TagValue` words as a mapping. Raises Invalid that shows the right form."""
    return dict(pair(word, option=option) for word in words if word)


def pair(word: str, *, option: str) -> tuple[str, str]:
    """One `Name=Value`. Raises Invalid that shows the right form."""
    name, equals, value = word.partition("=")
    if equals and name and name == name.strip() and value == value.lstrip():
        return name, value
    wrong = re.fullmatch(r"\s*([^\s:=]+)\s*[:=]\s*(.*?)\s*", word)
    form = f"{wrong[1]}={_quoted(wrong[2])}" if wrong and wrong[2] else "TagName=TagValue"
    raise errors.Invalid(
        f"{option}: {word!r} is not of the form Name=Value.",
        hint=f"Write {option} {form}, without spaces around '='.",
    )


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value


def shares(words: Iterable[str], *, option: str) -> dict[str, int]:
    """`"blue=90 green=10"`, in one word or several, as whole per cents. Raises Invalid."""
    split = [part for word in words for part in word.replace(",", " ").split()]
    shares: dict[str, int] = {}
    for word in split:
        name, value = pair(word, option=option)
        try:
            shares[name] = int(value.removesuffix("%"))
        except ValueError:
            raise errors.Invalid(
                f"{option}: {value!r} of {name} is not a whole number.", hint=f'Write {option} "{name}=90".'
            ) from None
    return shares


def _any_of(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " or " + names[-1]
