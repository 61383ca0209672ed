"""The documents behind /swagger.json, made once at start: the user's own files win, then the schemas of the decorators.

Versions: 2 (the default), 3 (OpenAPI 3.0) and 3.1. inference-schema says which of them a script's types allow.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from zaffre_runtime.scoring import answers, errors

ALIASES = {"2": "2", "2.0": "2", "3": "3", "3.0": "3", "3.1": "3.1"}
USER_FILES = {
    "2": ("swagger.json", "swagger2.json"),
    "3": ("swagger3.json",),
    "3.1": ("swagger3.1.json", "swagger3.json"),
}


class Schemas(NamedTuple):
    """What a scorer takes and gives, as JSON schemas, and the swagger versions that can say so."""

    input: Dict[str, Any]
    output: Dict[str, Any]
    versions: List[str]


ANYTHING = Schemas({"type": "object", "example": {}}, {"type": "object", "example": {}}, list(ALIASES))


class Service(NamedTuple):
    name: str
    version: str
    path_prefix: str


class Documents:
    def __init__(self, folders: List[Path], schemas: Schemas, *, service: Service) -> None:
        self._bodies: Dict[str, bytes] = {}
        for version in ("2", "3", "3.1"):
            document = _users_own(folders, version) or _made(version, schemas, service=service)
            if document is not None:
                self._bodies[version] = json.dumps(document).encode()

    def answer(self, version: str) -> answers.Answer:
        body = self._bodies.get(ALIASES.get(version, ""))
        if body is not None:
            return answers.Answer(200, body)
        known = ", ".join(sorted(self._bodies))
        return answers.message(
            404, f"Swagger version [{version}] is not there. Supported versions: [{known}]."
        )


def _users_own(folders: List[Path], version: str) -> Optional[Any]:
    for folder in folders:
        for name in USER_FILES[version]:
            path = folder / name
            if path.is_file():
                return _read(path)
    return None


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, OSError, RecursionError) as error:
        raise errors.ConfigurationError(f"{path} is not a JSON document: {error}") from error


def _made(version: str, schemas: Schemas, *, service: Service) -> Optional[Dict[str, Any]]:
    if version not in {ALIASES[known] for known in schemas.versions if known in ALIASES}:
        return None
    return _swagger_2(schemas, service) if version == "2" else _openapi(version, schemas, service=service)


def _info(service: Service) -> Dict[str, str]:
    return {
        "title": service.name,
        "description": f"What the endpoint {service.name} takes and answers.",
        "version": service.version,
    }


ERROR = {"type": "object", "properties": {"message": {"type": "string"}}}
HEALTH = {"operationId": "ServiceHealthCheck", "description": "Answers Healthy when the service is up."}
SCORE = {"operationId": "RunMLService", "description": "Scores the input with the model."}
SWAGGER = {"operationId": "GetSwaggerSpec", "description": "This document."}


def _swagger_2(schemas: Schemas, service: Service) -> Dict[str, Any]:
    failure = {"description": "The request failed.", "schema": {"$ref": "#/definitions/ErrorResponse"}}
    text = {"200": {"description": "It worked.", "schema": {"type": "string"}}, "default": failure}
    scored = {
        "200": {"description": "The model's answer.", "schema": {"$ref": "#/definitions/ServiceOutput"}},
        "default": failure,
    }
    payload = {"name": "serviceInputPayload", "in": "body", "schema": {"$ref": "#/definitions/ServiceInput"}}
    chosen = {"name": "version", "in": "query", "required": False, "type": "string"}
    return {
        "swagger": "2.0",
        "info": _info(service),
        "schemes": ["https", "http"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"Bearer": {"type": "apiKey", "name": "Authorization", "in": "header"}},
        "paths": {
            f"{service.path_prefix}/": {"get": {**HEALTH, "responses": text}},
            f"{service.path_prefix}/score": {
                "post": {**SCORE, "security": [{"Bearer": []}], "parameters": [payload], "responses": scored}
            },
            f"{service.path_prefix}/swagger.json": {
                "get": {**SWAGGER, "parameters": [chosen], "responses": text}
            },
        },
        "definitions": {
            "ServiceInput": schemas.input,
            "ServiceOutput": schemas.output,
            "ErrorResponse": ERROR,
        },
    }


def _content(reference: str) -> Dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{reference}"}}}


def _openapi(version: str, schemas: Schemas, *, service: Service) -> Dict[str, Any]:
    failure = {"description": "The request failed.", "content": _content("ErrorResponse")}
    string = {"text/plain": {"schema": {"type": "string"}}}
    text = {"200": {"description": "It worked.", "content": string}, "default": failure}
    scored = {
        "200": {"description": "The model's answer.", "content": _content("ServiceOutput")},
        "default": failure,
    }
    chosen = {"name": "version", "in": "query", "required": False, "schema": {"type": "string"}}
    payload = {"content": _content("ServiceInput")}
    return {
        "openapi": "3.1.0" if version == "3.1" else "3.0.3",
        "info": _info(service),
        "paths": {
            f"{service.path_prefix}/": {"get": {**HEALTH, "responses": text}},
            f"{service.path_prefix}/score": {
                "post": {**SCORE, "security": [{"Bearer": []}], "requestBody": payload, "responses": scored}
            },
            f"{service.path_prefix}/swagger.json": {
                "get": {**SWAGGER, "parameters": [chosen], "responses": text}
            },
        },
        "components": {
            "schemas": {
                "ServiceInput": schemas.input,
                "ServiceOutput": schemas.output,
                "ErrorResponse": ERROR,
            },
            "securitySchemes": {"Bearer": {"type": "apiKey", "name": "Authorization", "in": "header"}},
        },
    }
