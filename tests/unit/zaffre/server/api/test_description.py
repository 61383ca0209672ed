"""`/openapi.json`: nouns, token and errors are described as they are."""

import jsonschema
import pytest

from zaffre.server.api import app as face
from zaffre.server.app import compose

HERE = "/api/v1/workspaces/{workspace}"
MODEL = {
    "name": "churn",
    "version": "1",
    "type": "custom_model",
    "path": "zaffre://trees/x",
    "tags": {"a": "b"},
}
DEPLOYMENT = {"name": "blue", "endpoint_name": "churn", "model": "azureml:churn:1", "instance_count": 1}


@pytest.fixture(scope="module")
def document():
    return face.build(None, compose.ROUTERS, version="0").openapi()


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for item in node.values():
            yield from references(item)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def shape(document, path, method, status=None):
    """The schema of a route's body, or of its answer, with what it refers to."""
    operation = document["paths"][path][method]
    told = operation["requestBody"] if status is None else operation["responses"][status]
    return {**told["content"]["application/json"]["schema"], "components": document["components"]}


def test_every_reference_leads_somewhere(document):
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


@pytest.mark.parametrize(
    ("path", "method", "status", "good", "bad"),
    [
        (f"{HERE}/models/{{name}}/versions", "post", None, MODEL, {**MODEL, "pth": "x"}),
        (f"{HERE}/models/{{name}}/versions/{{version}}", "put", None, MODEL, {**MODEL, "type": "pickle"}),
        (f"{HERE}/models/{{name}}/versions/{{version}}", "patch", "200", MODEL, {**MODEL, "tags": []}),
        (f"{HERE}/models", "get", "200", {"items": [MODEL], "next": None}, {"items": [{"pth": 1}], "next": None}),
        (f"{HERE}/data/{{name}}/versions", "post", None, {"type": "uri_file"}, {"type": "uri_disk"}),
        (f"{HERE}/environments/{{name}}/versions/{{version}}", "get", "200", {"image": "x"}, {"image": 1}),
        (f"{HERE}/online-endpoints/{{endpoint}}", "put", None, {"auth_mode": "key"}, {"auth_mode": "none"}),
        (f"{HERE}/online-endpoints/{{endpoint}}", "put", "202", {"id": "a", "kind": "b"}, {"id": "a"}),
        (f"{HERE}/online-endpoints/{{endpoint}}/deployments/{{deployment}}", "put", None, DEPLOYMENT, {"instance_count": "x"}),
        (f"{HERE}/online-endpoints/{{endpoint}}/deployments", "get", "200", {"items": [DEPLOYMENT], "next": None}, {"items": [1], "next": None}),
        ("/api/v1/workspaces", "post", None, {"name": "team"}, {"nam": "team"}),
    ],
)  # fmt: skip
def test_the_nouns_have_their_shapes(document, path, method, status, good, bad):
    schema = shape(document, path, method, status)
    jsonschema.validate(good, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bad, schema)


def test_what_is_no_document_of_a_noun_is_not_said_to_be_one(document):
    for path in (f"{HERE}/models/{{name}}", f"{HERE}/models/{{name}}/aliases"):
        assert "#/components/schemas/Model" not in set(references(document["paths"][path]))


def test_every_operation_tells_of_its_token_and_its_errors(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["security"] == ([] if path == "/healthz" else [{"token": []}]), (method, path)
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert "422" not in operation["responses"]
