"""Tables by the rules of az: columns of the top level, a line of dashes below their names. Pure; called by `output`."""

from collections import OrderedDict
from collections.abc import Sequence
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
    "openapi_uri", "app_insights_enabled", "environment_note",
})  # fmt: skip


def _table_cell(value: Any) -> str:
    text = "" if value is None else str(value)
    text = " ".join(text.split()) if "\n" in text or "\t" in text else text
    return f"{text[: _WIDEST_CELL - 3]}..." if len(text) > _WIDEST_CELL and " " in text else text


def _padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def fitted(body: Any, width: int) -> tuple[Any, list[str]]:
    """The rows so that no line is wider than a terminal: texts are shortened, and then columns left out from the
    right. Returns them and the columns that were left out. A query names its own columns and keeps them."""
    rows = _rows(body)
    items = body if isinstance(body, list) else [body]
    if any(isinstance(item, OrderedDict) or not isinstance(item, dict) for item in items):
        return body, []
    names = list(dict.fromkeys(name for row in rows for name in row))
    widest = max(_NARROW, width // 3)
    short = [{name: _shortened(row.get(name), widest) for name in names} for row in rows]
    widths = {name: max(len(name), *(len(row[name]) for row in short)) for name in names} if rows else {}
    kept: list[str] = []
    used = 0
    for name in names:
        used += widths.get(name, 0) + 2
        if kept and used - 2 > width:
            break
        kept.append(name)
    # Ordered, so that nothing else is left out of it.
    shown = [OrderedDict((name, row[name]) for name in kept) for row in short]
    return shown, names[len(kept) :]


_NARROW = 20


def _shortened(value: Any, width: int) -> str:
    text = _table_cell(value)
    return f"{text[: width - 1]}…" if len(text) > width else text


def _rows(body: Any) -> list[dict[str, Any]]:
    return [_table_row(row) for row in (body if isinstance(body, list) else [body])]
