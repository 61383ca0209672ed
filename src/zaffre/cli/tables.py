"""Tables by the rules of az: columns of the top level, a line of dashes below their names. Pure; called by `output`."""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any


def table(body: Any) -> str:
    """Columns of the top level; what is nested is left out."""
    rows = _rows(body)
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
        return flat if isinstance(row, OrderedDict) else _sensible(flat)
    if isinstance(row, list):
        return {f"Column{at}": value for at, value in enumerate(row, 1) if not isinstance(value, dict | list)}
    return {"Result": row}


def _sensible(flat: dict[str, Any]) -> dict[str, Any]:
    if "action" in flat and "subject" in flat:  # a line of the audit trail
        return {key: value for key, value in flat.items() if key not in ("id", "request_id")}
    if "name" not in flat:
        return flat
    # A token's id is short, and what `revoke` asks for; those of other things are long addresses.
    told = {"id"} if "/" not in str(flat.get("id", "/")) else set()
    return {key: value for key, value in flat.items() if key in told or key not in _NOT_IN_TABLES}


# A reason may be a resolver's whole story; `show` has it.
_WIDEST_CELL = 100

# Of a named thing: what is long, or says again what another column says. Other formats and queries have them.
_NOT_IN_TABLES = frozenset({
    "id", "created_by", "modified_at", "modified_by", "manifest_digest", "latest_version", "path", "hbi_workspace",
    "enable_data_isolation", "discovery_url", "mlflow_tracking_uri", "code_digest", "environment_lock_digest",
    "openapi_uri", "app_insights_enabled", "environment_note", "collection_note",
})  # fmt: skip


def _table_cell(value: Any) -> str:
    text = "" if value is None else str(value)
    text = " ".join(text.split()) if "\n" in text or "\t" in text else text
    return f"{text[: _WIDEST_CELL - 3]}..." if len(text) > _WIDEST_CELL and " " in text else text


def _padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def fitted(body: Any, width: int) -> tuple[Any, list[str]]:
    """The rows so that no line is wider than a terminal: moments to the second, long sentences shortened, then columns
    left out, those that are missed least first. Returns the rows and what was left out. A query keeps its columns."""
    rows = _rows(body)
    items = body if isinstance(body, list) else [body]
    if any(isinstance(item, OrderedDict) or not isinstance(item, dict) for item in items):
        return body, []
    names = list(dict.fromkeys(name for row in rows for name in row))
    short = [{name: _shortened(row.get(name), max(_NARROW, width // 3)) for name in names} for row in rows]
    widths = {name: max(len(name), *(len(row[name]) for row in short)) for name in names}
    left_out: list[str] = []
    for name in [*(name for name in _LEAST_MISSED if name in names), *reversed(names)]:
        if _width(widths) <= width or len(widths) == 1:
            break
        if name in widths:
            del widths[name]
            left_out.append(name)
    # Ordered, so that nothing else is left out of it.
    return [OrderedDict((name, row[name]) for name in widths) for row in short], left_out


_NARROW = 20
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d+Z")
_LEAST_MISSED = (
    "file_count", "size", "archived", "auth_mode", "reason", "description", "created_at", "workspace", "scoring_uri",
)  # fmt: skip


def _width(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + 2 * (len(widths) - 1)


def _shortened(value: Any, width: int) -> str:
    """A sentence in few words; names and addresses stay whole, because people copy them."""
    text = _MOMENT.sub(r"\1 \2", _table_cell(value))
    return f"{text[: width - 1]}…" if len(text) > width and " " in text else text


def _rows(body: Any) -> list[dict[str, Any]]:
    return [_table_row(row) for row in (body if isinstance(body, list) else [body])]
