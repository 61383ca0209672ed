"""Results as text: JSON, YAML, tables and tab-separated lines, by the rules of az. Pure but for `emit`.

Called once per verb, with what the verb returned. A result of None prints nothing.
"""

import json
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from zaffre.core import errors

FORMATS = ("json", "jsonc", "yaml", "yamlc", "table", "tsv", "none")


def emit(result: Any, *, form: str, query: str | None) -> None:
    """Print a result to standard output."""
    body = search(plain(result), query)
    if body is None or form == "none":
        return
    sys.stdout.write(render(body, form, colour=form.endswith("c") and sys.stdout.isatty()))
    sys.stdout.flush()


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


def table(body: Any) -> str:
    """Columns of the top level; what is nested is left out."""
    rows = [_table_row(row) for row in (body if isinstance(body, list) else [body])]
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        return ""
    cells = [[_table_cell(row.get(name)) for name in names] for row in rows]
    heads = [name[:1].upper() + name[1:] for name in names]
    widths = [max(len(line[at]) for line in [heads, *cells]) for at in range(len(names))]
    lines = [heads, ["-" * width for width in widths], *cells]
    return "".join(_padded(line, widths) + "\n" for line in lines)


def _table_row(row: Any) -> dict[str, Any]:
    if isinstance(row, dict):
        flat = {key: value for key, value in row.items() if not isinstance(value, dict | list)}
        if isinstance(row, OrderedDict) or "name" not in flat:
            return flat
        return {key: value for key, value in flat.items() if key not in _NOT_IN_TABLES}
    if isinstance(row, list):
        return {f"Column{at}": value for at, value in enumerate(row, 1) if not isinstance(value, dict | list)}
    return {"Result": row}


# A reason may be a resolver's whole story; `show` has it.
_WIDEST_CELL = 100

# Of a named thing: what is long, or says again what another column says. Other formats and queries have them.
_NOT_IN_TABLES = frozenset({
    "id", "created_by", "modified_at", "modified_by", "manifest_digest", "latest_version", "path", "hbi_workspace",
    "enable_data_isolation", "discovery_url", "mlflow_tracking_uri", "code_digest", "environment_lock_digest",
    "openapi_uri", "app_insights_enabled", "environment_note",
})  # fmt: skip


def _table_cell(value: Any) -> str:
    text = "" if value is None else str(value)
    text = " ".join(text.split()) if "\n" in text or "\t" in text else text
    return f"{text[: _WIDEST_CELL - 3]}..." if len(text) > _WIDEST_CELL and " " in text else text


def _padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


_RENDERERS: dict[str, Callable[[Any], str]] = {
    "json": _json,
    "jsonc": _json,
    "yaml": _yaml,
    "yamlc": _yaml,
    "table": table,
    "tsv": tsv,
    "none": lambda _: "",
}


def paint(text: str) -> str:
    """Keys of JSON or YAML lines in blue, for terminals."""
    import re

    return re.sub(r'(?m)^(\s*(?:- )?)("[^"\n]*"|[\w.$-]+)(?=:(?: |$))', "\\1\033[34m\\2\033[0m", text)
