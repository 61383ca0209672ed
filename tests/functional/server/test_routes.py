"""Every live route refuses an anonymous caller; a route that is added without a guard fails here."""

import re

import httpx

OPEN = {"/healthz", "/openapi.json"}


def operations(document):
    for path, methods in document["paths"].items():
        for method in methods:
            if method in ("get", "put", "post", "patch", "delete", "head", "options"):
                yield method, path


def test_every_route_refuses_the_anonymous(shared):
    base = shared.facts()["url"]
    with httpx.Client(base_url=base, timeout=60) as client:
        document = client.get("/openapi.json").json()
        routes = list(operations(document))
        assert len(routes) > 10
        let_in = []
        for method, path in routes:
            if path in OPEN:
                continue
            answer = client.request(method, re.sub(r"\{[^}]*\}", "x", path))
            if answer.status_code != 401:
                let_in.append((method, path, answer.status_code))
    assert let_in == []


def test_the_document_hides_no_route(shared):
    """A route outside the document would escape the test above."""
    from zaffre.server.api import app as face
    from zaffre.server.app import compose

    application = face.build(None, compose.ROUTERS, version="0")
    hidden = [
        route.path
        for route in application.routes
        if getattr(route, "include_in_schema", True) is False and route.path not in OPEN
    ]
    assert hidden == []


def test_every_route_says_what_it_does(shared):
    with httpx.Client(base_url=shared.facts()["url"], timeout=60) as client:
        document = client.get("/openapi.json").json()
    silent = [
        (method, path)
        for method, path in operations(document)
        if path not in OPEN and not document["paths"][path][method].get("description")
    ]
    assert silent == []
