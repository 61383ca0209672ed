"""JSON Schemas for editors, made from the nouns: `python -m zaffre.contracts.schemas DIR` writes one file per kind.

An editor completes and underlines with them; the reader in `files` decides.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zaffre.contracts import base, online_deployment, online_endpoint, wire

_FORMS: dict[str, tuple[type[base.Entity], ...]] = {
    "online-endpoint": (
        online_endpoint.ManagedOnlineEndpoint,
        online_endpoint.KubernetesOnlineEndpoint,
    ),
    "online-deployment": (
        online_deployment.ManagedOnlineDeployment,
        online_deployment.KubernetesOnlineDeployment,
    ),
}


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind's files."""
    forms = _FORMS.get(kind) or (wire.KINDS[kind],)
    definitions: dict[str, Any] = {}
    roots = [_form(form, definitions) for form in forms]
    root = roots[0] if len(roots) == 1 else {"anyOf": roots}
    used = _reachable(root, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind,
        **root,
        "$defs": {name: definitions[name] for name in sorted(used)},
    }


def write(folder: Path) -> list[Path]:
    """Write the schema of every kind; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind in wire.KINDS:
        path = folder / f"{kind}.schema.json"
        path.write_text(json.dumps(schema(kind), indent=2) + "\n", encoding="utf-8")
        paths.append(path)
    return paths


def _form(form: type[base.Entity], definitions: dict[str, Any]) -> dict[str, Any]:
    made = form.model_json_schema()
    inner = made.pop("$defs", {})
    parts = {part.__name__: part for part in _all_parts(base.Part)}
    for name, definition in inner.items():
        if name in parts:
            _as_in_files(definition, parts[name], required=not issubclass(parts[name], base.Entity))
    _as_in_files(made, form, required=True)
    definitions.update(_relaxed(inner))
    relaxed: dict[str, Any] = _relaxed(made)
    return relaxed


def _all_parts(part: type[base.Part]) -> Iterator[type[base.Part]]:
    yield part
    for child in part.__subclasses__():
        yield from _all_parts(child)


def _as_in_files(definition: dict[str, Any], part: type[base.Part], *, required: bool) -> None:
    properties = definition.get("properties", {})
    for name in {"status", *part.NOT_IN_FILES}:
        properties.pop(name, None)
    for name in sorted(part.READ_ONLY | part.COMPUTED | part.ALSO_KNOWN):
        properties[name] = {"description": "Accepted, and ignored."} if name not in part.ALSO_KNOWN else {}
    for name in sorted(part.FILE_REFERENCES if issubclass(part, base.Entity) else ()):
        properties[name] = {"anyOf": [properties[name], {"type": "string", "pattern": "^file:"}]}
    needed = set(definition.get("required", ())) | (part.REQUIRED if required else frozenset())
    if needed:
        definition["required"] = sorted(needed)


def _relaxed(node: Any) -> Any:
    """What people may write beside the plain form: choices in any case, numbers in quotes; but never null."""
    if isinstance(node, list):
        return [_relaxed(item) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("anyOf"), list):
        kept = [item for item in node["anyOf"] if item != {"type": "null"}]
        rest = {key: item for key, item in node.items() if key not in ("anyOf", "default")}
        return {**rest, **_relaxed(kept[0])} if len(kept) == 1 else {**rest, "anyOf": _relaxed(kept)}
    choices = node.get("enum") or ([node["const"]] if "const" in node else None)
    if choices and all(isinstance(item, str) for item in choices):
        rest = {key: item for key, item in node.items() if key in ("title", "description", "default")}
        return {**rest, "anyOf": [{"enum": choices}, {"type": "string", "pattern": _any_case(choices)}]}
    if node.get("type") in ("integer", "number", "boolean"):
        return {**node, "type": [node["type"], "string"]}
    return {key: _relaxed(item) for key, item in node.items()}


def _any_case(choices: list[str]) -> str:
    spelt = ["".join(_letter(letter) for letter in choice) for choice in choices]
    return f"^({'|'.join(spelt)})$"


def _letter(letter: str) -> str:
    return "_?" if letter == "_" else f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter


def _reachable(node: Any, definitions: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, dict):
            name = str(current.get("$ref", "")).removeprefix("#/$defs/")
            if name in definitions and name not in found:
                found.add(name)
                stack.append(definitions[name])
            stack += current.values()
        elif isinstance(current, list):
            stack += current
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m zaffre.contracts.schemas DIR")
    for written in write(Path(sys.argv[1])):
        sys.stdout.write(f"{written}\n")
