"""Request bodies from stored files: a table of one text column, or a file whose rows are bodies. Pure, but for reading.

CSV and TSV have a header and one column; of JSON lines every line is a body (a line that is a text: its content); JSON is a
list of bodies; text has a body on each line. A folder holds several such files; an MLTable names them. Parquet files are
read elsewhere (`reading`), and come here as what was found in them.
"""

import csv
import dataclasses
import io
import json
import posixpath
from collections.abc import Mapping
from typing import Any

import yaml

from zaffre.core import errors

MOST_ROWS = 10_000
MOST_BYTES = 64 << 20
_FORMS = (
    "Give a CSV or Parquet file of one text column whose rows are bodies, JSON lines, a JSON list, or a text file with a"
    " body on each line."
)


@dataclasses.dataclass(frozen=True)
class Parquet:
    """What a Parquet file holds: its columns' names, whether the first is of text, its rows if it is the only one."""

    columns: tuple[str, ...]
    is_text: bool
    count: int
    rows: tuple[str, ...]


File = bytes | Parquet


def is_parquet(name: str) -> bool:
    """Whether a file is one by its name."""
    return posixpath.splitext(name)[1].lower() in (".parquet", ".pq")


def read(files: Mapping[str, File], *, what: str) -> list[str]:
    """The bodies in files given by name. Raises Invalid for no data, several columns, an empty or a numeric column."""
    if not files:
        raise _bad(what, "holds no file")
    table = next((name for name in files if posixpath.basename(name) == "MLTable"), None)
    found = (
        _from_mltable(files, table, what)
        if table is not None
        else [
            body
            for name, content in sorted(files.items())
            for body in _from_file(name, content, what, delimiter=None)
        ]
    )
    if not found:
        raise _bad(what, "holds no row")
    if len(found) > MOST_ROWS:
        raise _too_many(what, len(found))
    empty = next((number for number, body in enumerate(found) if not body.strip()), None)
    if empty is not None:
        raise _bad(what, f"has an empty body in row {empty}")
    return found


def _from_file(name: str, content: File, what: str, *, delimiter: str | None) -> list[str]:
    if isinstance(content, Parquet):
        return _from_parquet(content, what)
    suffix = posixpath.splitext(name)[1].lower()
    try:
        text = content.decode("utf-8-sig")
        if delimiter or suffix in (".csv", ".tsv"):
            return _column(text, what, delimiter or ("\t" if suffix == ".tsv" else ","))
        if suffix in (".jsonl", ".ndjson"):
            return [_body(json.loads(line), line) for line in text.splitlines() if line.strip()]
        if suffix == ".json":
            value = json.loads(text)
            rows = value if isinstance(value, list) else [value]
            return [_body(row, json.dumps(row)) for row in rows]
    except (UnicodeDecodeError, ValueError, csv.Error) as error:
        raise _bad(what, f"cannot be read ({name}: {error})") from None
    return [line for line in text.splitlines() if line.strip()]


def _from_parquet(table: Parquet, what: str) -> list[str]:
    if table.count > MOST_ROWS:
        raise _too_many(what, table.count)
    if len(table.columns) == 1 and not table.is_text:
        raise _bad(what, f"has no texts in its column {table.columns[0]!r}")
    return _one_column(list(table.columns), [[row] for row in table.rows], what)


def _body(value: Any, line: str) -> str:
    return value if isinstance(value, str) else line.strip()


def _column(text: str, what: str, delimiter: str) -> list[str]:
    csv.field_size_limit(MOST_BYTES)
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    if not rows:
        raise _bad(what, "holds no row")
    header, rows = rows[0], [row for row in rows[1:] if row]
    return _one_column(header, rows, what)


def _one_column(header: list[str], rows: list[list[str]], what: str) -> list[str]:
    if len(header) != 1:
        raise _bad(
            what, f"has {len(header)} columns ({', '.join(name[:40] for name in header[:5])}); one is needed"
        )
    wrong = next((number for number, row in enumerate(rows) if len(row) != 1), None)
    if wrong is not None:
        raise _bad(what, f"has {len(rows[wrong])} values in row {wrong}; bodies with commas stand in quotes")
    if rows and not any(row[0].strip() for row in rows):
        raise _bad(what, f"has an empty column {header[0]!r}")
    if rows and all(_is_number(row[0]) for row in rows):
        raise _bad(what, f"has numbers, not texts, in its column {header[0]!r}")
    return [row[0] for row in rows]


def _from_mltable(files: Mapping[str, File], table: str, what: str) -> list[str]:
    written = files[table]
    try:
        said = yaml.safe_load(written.decode() if isinstance(written, bytes) else "")
        paths = [str(entry["file"]) for entry in said["paths"]]
        steps = said.get("transformations") or []
        reading = (
            next(iter(steps[0])) if steps and isinstance(steps[0], dict) else str(steps[0] if steps else "")
        )
        told = steps[0][reading] if steps and isinstance(steps[0], dict) else {}
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, IndexError, StopIteration) as error:
        raise _bad(
            what, f"has an MLTable file that is not understood ({type(error).__name__}: {error})"
        ) from None
    folder = posixpath.dirname(table)
    found: list[str] = []
    for path in paths:
        name = posixpath.normpath(posixpath.join(folder, path))
        if name not in files:
            raise _bad(what, f"names the file {path!r}, which it does not hold")
        found += _by_step(reading, told if isinstance(told, dict) else {}, name, files[name], what)
    return found


def _by_step(reading: str, told: dict[str, Any], name: str, content: File, what: str) -> list[str]:
    if isinstance(content, Parquet) != (reading == "read_parquet"):
        raise _bad(
            what,
            f"reads {name} by {reading or 'nothing'}; a name that ends in .parquet goes with read_parquet",
        )
    if isinstance(content, Parquet) or reading == "read_delimited":
        return _from_file(name, content, what, delimiter=str(told.get("delimiter") or ","))
    if reading == "read_json_lines":
        return _records(content, what)
    raise errors.Unsupported(
        f"{what} is an MLTable that begins with {reading or 'no transformation'}.",
        hint="Read are read_delimited, read_json_lines and read_parquet.",
    )


def _records(content: bytes, what: str) -> list[str]:
    try:
        rows = [json.loads(line) for line in content.decode("utf-8-sig").splitlines() if line.strip()]
    except ValueError as error:
        raise _bad(what, f"cannot be read ({error})") from None
    header = list(dict.fromkeys(key for row in rows if isinstance(row, dict) for key in row))
    if any(not isinstance(value, str) for row in rows if isinstance(row, dict) for value in row.values()):
        raise _bad(what, "has values that are not texts")
    return _one_column(header, [[row.get(name, "") for name in header] for row in rows], what)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _too_many(what: str, count: int) -> errors.TooLarge:
    return errors.TooLarge(f"{what} has {count} rows; a profile takes {MOST_ROWS}.")


def _bad(what: str, problem: str) -> errors.Invalid:
    return errors.Invalid(f"{what} {problem}.", hint=_FORMS)
