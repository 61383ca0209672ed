"""Whatever is sent, the answer is an error that says what is wrong: never a 500, never a trace of the code, never a hang."""

import hashlib
import json
import random
import re
import socket
import urllib.parse

import httpx
import pytest

NASTY = [
    "",
    "\0",
    "a\0b",
    "..",
    ".",
    "../../etc/passwd",
    "%2e%2e%2f",
    "a/b",
    "a\\b",
    "C:\\x",
    "-rf",
    "\ud800",
    "\u202e\ufeff",
    "é" * 300,
    "x" * 5000,
    "@latest",
    "@",
    "azureml:",
    "azureml:a:1:2",
    "zaffre://trees/" + "0" * 64,
    "zaffre://trees/" + "0" * 64 + "/../x",
    "'; DROP TABLE versions; --",
    "${HOME}",
    "*",
    "\r\nx-evil: 1",
    9**30,
    -1,
    1e308,
    True,
    None,
    [],
    {},
    [[]],
    {"": ""},
    {"\0": "\0"},
]
FIELDS = [
    "name", "version", "description", "tags", "properties", "type", "path", "stage", "conda_file", "image", "build",
    "model", "models", "environment", "code_configuration", "instance_count", "instance_type", "traffic",
    "mirror_traffic", "auth_mode", "environment_variables", "request_settings", "liveness_probe", "endpoint_name",
    "scale_settings", "resources", "files", "grants", "lifetime_s", "source", "archived", "revision", "key_type",
    "digests", "zaffre", "$schema", "flavors", "inference_config", "role", "workspace", "kind",
]  # fmt: skip


def operations(document):
    for path, methods in document["paths"].items():
        for method in methods:
            yield method, path


def filled(path, chance):
    """The path with a nasty segment in each place, encoded so that it arrives as it is."""
    return re.sub(
        r"\{[^}]*\}",
        lambda _: (
            chance.choice(["default", "x", "1"])
            if chance.random() < 0.5
            else urllib.parse.quote(str(chance.choice(NASTY)).encode("utf-8", "surrogatepass"), safe="")
        ),
        path,
    )


def a_body(chance):
    if chance.random() < 0.1:
        return chance.choice(NASTY)
    keys = chance.sample(FIELDS, chance.randrange(1, 6))
    return {key: chance.choice(NASTY) for key in keys}


def calm(answer):
    """The marks of an answer that was thought of."""
    text = answer.text
    return answer.status_code < 500 and "Traceback" not in text and "site-packages" not in text


def surprises(server):
    log = (server.home / "logs" / "server.log").read_text()
    return [line[:2000] for line in log.splitlines() if '"ERROR"' in line]


def test_nothing_surprises_any_route(attacked):
    chance = random.Random(20)
    with attacked.client() as client:
        document = httpx.get(attacked.facts()["url"] + "/openapi.json", timeout=60).json()
        routes = list(operations(document))
        for method, path in routes:
            for _ in range(3):
                url = attacked.facts()["url"] + filled(path, chance)
                query = (
                    {
                        chance.choice(["limit", "cursor", "tag", "since", "name"]): str(
                            chance.choice(NASTY)
                        ).encode("utf-8", "surrogatepass")
                    }
                    if chance.random() < 0.3
                    else None
                )
                body = json.dumps(a_body(chance)).encode()
                answer = client.request(
                    method, url, params=query, content=body if method in ("post", "put", "patch") else None
                )
                assert calm(answer), (method, url, body, answer.text)
    assert surprises(attacked) == []


CREATIONS = [
    ("post", "/workspaces", {"name": "wide"}),
    ("put", "/workspaces/default", {}),
    ("post", "/tokens", {"name": "t", "grants": [{"role": "reader"}]}),
    ("post", "/workspaces/default/models/m/versions", {"type": "custom_model", "path": "zaffre://trees/" + "0" * 64}),
    ("post", "/workspaces/default/data/d/versions", {"type": "uri_file", "path": "https://example.org/x"}),
    ("post", "/workspaces/default/environments/e/versions", {"image": "x", "conda_file": {"dependencies": ["python=3.11"]}}),
    ("put", "/workspaces/default/online-endpoints/end-{n}", {"auth_mode": "key"}),
    ("put", "/workspaces/default/online-endpoints/first/deployments/d{n}", {"model": "azureml:m:1", "instance_count": 1, "instance_type": "x"}),
    ("post", "/workspaces/default/trees", {"files": []}),
    ("post", "/artifacts/missing", {"digests": []}),
]  # fmt: skip


def test_one_nasty_field_in_an_otherwise_good_body(attacked):
    chance = random.Random(21)
    with attacked.client() as client:
        for number, (method, path, good) in enumerate(CREATIONS * 12):
            body = json.loads(json.dumps(good))
            target = body
            while chance.random() < 0.4:
                inner = [value for value in target.values() if isinstance(value, dict)]
                if not inner:
                    break
                target = chance.choice(inner)
            target[chance.choice([*FIELDS, *target])] = chance.choice(NASTY)
            answer = client.request(
                method, path.replace("{n}", str(number)), content=json.dumps(body).encode()
            )
            assert calm(answer), (method, path, body, answer.text)
    assert surprises(attacked) == []


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"name":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"tags":' + b'{"a":' * 300 + b"{}" + b"}" * 300 + b"}",
        b'{"name": NaN}',
        b'{"lifetime_s": Infinity, "name": "x", "grants": [{"role": "reader"}]}',
        b'{"name": ' + b"9" * 5000 + b"}",
        b'{"name": "\\ud800"}',
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "\xff"}',
        '{"name": "x"}'.encode("utf-16"),
        b'{"name": "a\\u0000b"}',
        b"not json",
        b"",
        b'"text"',
        b"{}{}",
    ],
    ids=range(16),
)
def test_odd_bodies(shared, body):
    with shared.client() as client:
        for method, path, _ in CREATIONS:
            answer = client.request(method, path, content=body, headers={"content-type": "application/json"})
            assert 400 <= answer.status_code < 500, (path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert "Traceback" not in answer.text
    assert surprises(shared) == []


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "multipart/form-data", "x" * 500, "\x7f/\x7f"]
)
def test_other_content_types(shared, kind):
    with shared.client() as client:
        answer = client.post("/workspaces", content=b'{"name": "odd"}', headers={"content-type": kind})
    assert 400 <= answer.status_code < 500


def memory_kb(server):
    with open(f"/proc/{server.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def endless(megabytes):
    piece = b" " * (1 << 20)
    yield b'{"name": "'
    for _ in range(megabytes):
        yield piece


@pytest.mark.parametrize("token", [None, "zf_000000000000_" + "a" * 43, "owner"])
def test_a_body_without_end_is_cut_off(shared, token):
    before = memory_kb(shared)
    base = shared.facts()["url"] + "/api/v1"
    headers = (
        {} if token is None else {"Authorization": f"Bearer {shared.token() if token == 'owner' else token}"}
    )
    with httpx.Client(base_url=base, headers=headers, timeout=60) as client:
        for path in ("/workspaces", "/workspaces/default/trees"):
            try:
                answer = client.post(path, content=endless(1024))
            except httpx.TransportError:
                continue  # hung up on
            assert answer.status_code == (413 if token == "owner" else 401), answer.text
    assert memory_kb(shared) - before < 200 << 10


def raw(server, request, *, timeout=60):
    host, port = server.facts()["host"], server.facts()["port"]
    with socket.create_connection((host, port), timeout=timeout) as connection:
        connection.sendall(request)
        return connection.recv(65536)


def test_an_announced_terabyte_is_refused_before_it_comes(shared):
    head = f"POST /api/v1/workspaces HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {shared.token()}\r\ncontent-length: {1 << 40}\r\n\r\n"
    assert b" 413 " in raw(shared, head.encode()).split(b"\r\n")[0]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x: a\r\n" * 50_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /api/v1/workspaces HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /api/v1/workspaces/%00 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /api/v1/workspaces?resource_group=%00 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /api/v1/workspaces/%ff%fe HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GARBAGE\r\n\r\n",
    ],
    ids=range(11),
)
def test_odd_heads(shared, request_):
    try:
        said = raw(shared, request_, timeout=10)
    except (ConnectionError, TimeoutError):
        said = b""
    status = said.split(b" ")[1:2]
    assert not status or b"400" <= status[0] < b"500", said[:200]
    assert surprises(shared) == []
    assert httpx.get(shared.facts()["url"] + "/healthz", timeout=60).status_code == 200


def test_slow_bodies_keep_nobody_waiting(shared):
    host, port = shared.facts()["host"], shared.facts()["port"]
    head = f"POST /api/v1/workspaces HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {shared.token()}\r\ncontent-length: 1000\r\n\r\n{{"
    content = b"x" * 100
    upload = (
        f"PUT /api/v1/artifacts/blobs/{hashlib.sha256(content).hexdigest()} HTTP/1.1\r\nhost: x\r\n"
        f"authorization: Bearer {shared.token()}\r\ncontent-length: 100\r\n\r\nx"
    )
    waiting = [socket.create_connection((host, port)) for _ in range(200)]
    try:
        for number, connection in enumerate(waiting):
            connection.sendall((head if number % 2 else upload).encode())
        with shared.client() as client:
            for _ in range(20):
                assert client.get("/workspaces").status_code == 200
            assert client.post("/workspaces", json={"name": "quick"}).status_code == 201
    finally:
        for connection in waiting:
            connection.close()
    assert surprises(shared) == []


@pytest.mark.parametrize(
    "segment", ["..", "%2e%2e", "%2E%2E%2F", "..%2f..%2fetc%2fpasswd", "%252e%252e", "%5c..%5c", "a%2Fb", "."]
)
def test_dots_and_slashes_in_every_segment(shared, segment):
    places = [
        "workspaces/{}", "workspaces/{}/models", "workspaces/default/models/{}/versions", "workspaces/default/models/x/versions/{}",
        "workspaces/default/trees/{}", "artifacts/blobs/{}", "workspaces/default/online-endpoints/{}/credentials",
        "workspaces/default/online-endpoints/x/deployments/{}/logs", "workspaces/default/online-endpoints/x/deployments/{}/logs/news", "workspaces/default/online-endpoints/{}/metrics", "workspaces/default/operations/{}", "workspaces/default/lineage/{}",
        "workspaces/default/lineage/models/{}", "workspaces/default/models/x/aliases/{}",
    ]  # fmt: skip
    for place in places:
        head = f"GET /api/v1/{place.format(segment)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {shared.token()}\r\n\r\n"
        said = raw(shared, head.encode())
        assert said.split(b" ")[1] in (b"200", b"307", b"400", b"404"), (place, said)
        assert b"root:" not in said
    assert surprises(shared) == []
