"""Results as text: JSON, YAML, tables and tab-separated lines, by the rules of az. Pure but for `emit`.

Called once per verb, with what the verb returned. A result of None prints nothing.
"""

import json
import shutil
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from zaffre.cli import tables
from zaffre.core import errors

FORMATS = ("json", "jsonc", "yaml", "yamlc", "table", "tsv", "none")


def emit(result: Any, *, form: str, query: str | None) -> None:
    """Print a result to standard output."""
    body = search(plain(result), query)
    if body is None or form == "none":
        return
    terminal = sys.stdout.isatty()
    if form == "table" and terminal:
        _emit_table(body)
    else:
        sys.stdout.write(render(body, form, colour=form.endswith("c") and terminal))
    sys.stdout.flush()


def _emit_table(body: Any) -> None:
    """What fits the terminal, and what was left out for that."""
    fitting, left_out = tables.fitted(body, shutil.get_terminal_size().columns)
    sys.stdout.write(tables.table(fitting))
    if left_out:
        sys.stdout.flush()
        sys.stderr.write(
            f"Too wide for this terminal, left out: {', '.join(left_out)} (see -o json, --query).\n"
        )


def render(body: Any, form: str, *, colour: bool = False) -> str:
    """A JSON-like value in one of the formats, with its last line ended."""
    text = _RENDERERS[form](body)
    return paint(text) if colour else text


def plain(result: Any) -> Any:
    """Entities and lists of them as JSON-like values."""
    if hasattr(result, "to_dict"):
        return _entity(result.to_dict())
    if isinstance(result, dict):
        return type(result)((str(key), plain(item)) for key, item in result.items())
    if isinstance(result, list | tuple):
        return [plain(item) for item in result]
    if hasattr(result, "model_dump"):
        return result.model_dump(mode="json", exclude_none=True)
    if result is None or isinstance(result, str | int | float | bool):
        return result
    return str(result)


def _entity(body: dict[str, Any]) -> dict[str, Any]:
    """What a file would say first, what the server computed after it, on one level."""
    status = body.pop("status", None) or {}
    first = {key: body[key] for key in ("name", "version", "endpoint_name") if key in body}
    whole = {**first, **body, **{key: item for key, item in status.items() if key not in body}}
    return {key: plain(item) for key, item in whole.items()}


def search(body: Any, query: str | None) -> Any:
    """The part of a result that a JMESPath expression picks. Raises Invalid for a wrong expression."""
    if not query:
        return body
    import jmespath
    import jmespath.exceptions

    try:
        return jmespath.search(query, body, options=jmespath.Options(dict_cls=OrderedDict))
    except jmespath.exceptions.JMESPathError as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise errors.Invalid(f"--query: {said}.", hint="See https://jmespath.org for the grammar.") from error


def _json(body: Any) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _yaml(body: Any) -> str:
    import yaml

    unordered = json.loads(json.dumps(body))
    return str(
        yaml.safe_dump(unordered, sort_keys=False, allow_unicode=True, default_flow_style=False, width=10**6)
    )


def tsv(body: Any) -> str:
    """One line an item, tabs between values; a scalar stands bare; nested mappings leave an empty column."""
    rows = body if isinstance(body, list) else [body]
    return "".join(_tsv_row(row) + "\n" for row in rows)


def _tsv_row(row: Any) -> str:
    if isinstance(row, bool):
        return str(row).lower()
    if isinstance(row, dict):
        return "\t".join(_tsv_cell(row[key]) for key in _columns(row))
    if isinstance(row, list):
        return "\t".join(_tsv_cell(item) for item in row)
    return _tsv_cell(row)


def _tsv_cell(value: Any) -> str:
    if isinstance(value, list):
        return str(len(value))
    if isinstance(value, dict):
        return ""
    return str(value)


def _columns(row: dict[str, Any]) -> list[str]:
    """A query names its own order; everything else is sorted, so that columns stay where they are."""
    return list(row) if isinstance(row, OrderedDict) else sorted(row)


_RENDERERS: dict[str, Callable[[Any], str]] = {
    "json": _json,
    "jsonc": _json,
    "yaml": _yaml,
    "yamlc": _yaml,
    "table": tables.table,
    "tsv": tsv,
    "none": lambda _: "",
}


def paint(text: str) -> str:
    """Keys of JSON or YAML lines in blue, for terminals."""
    import re

    return re.sub(r'(?m)^(\s*(?:- )?)("[^"\n]*"|[\w.$-]+)(?=:(?: |$))', "\\1\033[34m\\2\033[0m", text)
