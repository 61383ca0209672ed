"""What `/openapi.json` says beyond the framework: the shapes of the nouns, the token, and errors as they really are. Pure.

Bodies of nouns are checked by the contracts, not by the framework, so the framework cannot know their shapes.
"""

from typing import Any

from pydantic import json_schema

from zaffre.contracts import operations, wire

_REFERENCE = "#/components/schemas/{model}"
_OPEN = frozenset({"/healthz"})
_HERE = "/api/v1/workspaces/{workspace}"
_VERSIONED = {"models": "model", "data": "data", "environments": "environment"}
# The paths of collections, and of the one thing that each of its members is.
_COLLECTIONS = {
    "/api/v1/workspaces": "workspace",
    **{f"{_HERE}/{noun}": kind for noun, kind in _VERSIONED.items()},
    **{f"{_HERE}/{noun}/{{name}}/versions": kind for noun, kind in _VERSIONED.items()},
    f"{_HERE}/online-endpoints": "online-endpoint",
    f"{_HERE}/online-endpoints/{{endpoint}}/deployments": "online-deployment",
}
_MEMBERS = {
    _HERE: "workspace",
    **{f"{_HERE}/{noun}/{{name}}/versions/{{version}}": kind for noun, kind in _VERSIONED.items()},
    f"{_HERE}/online-endpoints/{{endpoint}}": "online-endpoint",
    f"{_HERE}/online-endpoints/{{endpoint}}/deployments/{{deployment}}": "online-deployment",
}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "What is wrong (`detail`), with which thing, and what to do next (`hint`); RFC 9457.",
    "required": ["title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "For programs, as `not_found`."},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "request_id": {"type": "string"},
        "fields": {"type": "object", "additionalProperties": True},
    },
}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The framework's document with all that, changed in place."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    shapes, definitions = _shapes()
    schemas |= {**definitions, "Problem": _PROBLEM}
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operation["security"] = [] if path in _OPEN else [{"token": []}]
            _tell_errors(operation["responses"])
            _tell_shapes(path, method, operation, shapes)
    return document


def _shapes() -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The schema of each kind, by reference, and the definitions that they refer to."""
    forms = {
        "online-endpoint": [{}, {"compute": "any"}],
        "online-deployment": [{}, {"type": "kubernetes"}],
    }
    classes = {
        kind: [wire.kind_class(kind, body) for body in forms.get(kind, [{}])] for kind in wire.KINDS
    } | {"operation": [operations.Operation]}
    asked = [(one, "validation") for group in classes.values() for one in group]
    found, made = json_schema.models_json_schema(asked, ref_template=_REFERENCE)  # type: ignore[arg-type]
    shapes = {}
    for kind, group in classes.items():
        references = [found[one, "validation"] for one in group]
        shapes[kind] = references[0] if len(references) == 1 else {"anyOf": references}
    return shapes, made["$defs"]


def _tell_errors(answers: dict[str, Any]) -> None:
    answers.pop("422", None)
    shape = {"$ref": _REFERENCE.format(model="Problem")}
    answers["default"] = {
        "description": "It was refused, or could not be done.",
        "content": {"application/problem+json": {"schema": shape}},
    }


def _tell_shapes(path: str, method: str, operation: dict[str, Any], shapes: dict[str, Any]) -> None:
    if "202" in operation["responses"]:
        _answer(operation, shapes["operation"])
    kind = _COLLECTIONS.get(path) or _MEMBERS.get(path)
    if kind is None:
        return
    if method in ("put", "post"):
        operation["requestBody"]["content"]["application/json"]["schema"] = shapes[kind]
    if "202" not in operation["responses"]:
        listed = path in _COLLECTIONS and method == "get"
        _answer(operation, _page(shapes[kind]) if listed else shapes[kind])


def _answer(operation: dict[str, Any], shape: dict[str, Any]) -> None:
    for status, answer in operation["responses"].items():
        if status in ("200", "201", "202"):  # a 204 has no body
            answer["content"] = {"application/json": {"schema": shape}}


def _page(shape: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": shape},
            "next": {"type": ["string", "null"], "description": "The cursor of the next page."},
        },
    }
