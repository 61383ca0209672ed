"""A small HTTP server whose answers a test writes, and a blob store with the paths of the real one."""

import hashlib
import http.server
import json
import re
import threading
from urllib.parse import urlsplit

import pytest

from zaffre.contracts import manifests
from zaffre.sdk import connection, transport


class Served:
    """Answers by a function of (method, path, headers, body); remembers every request."""

    def __init__(self):
        self.requests = []
        self.answer = lambda method, path, headers, body: (200, {}, b"{}")
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                outer.requests.append((self.command, self.path, dict(self.headers.items()), body))
                answer = outer.answer(self.command, self.path, self.headers, body)
                if answer is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                status, headers, content = answer
                content = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"content-length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = handle_one

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def served():
    server = Served()
    yield server
    server.close()


@pytest.fixture
def web():
    """A second server: some place on the web."""
    server = Served()
    yield server
    server.close()


@pytest.fixture
def wire(served):
    opened = transport.Transport(connection.Connection(served.url, "zf_token", "test"), version="1")
    yield opened
    opened.close()


class Blobs:
    """What the server's artifacts room does, in memory. `broken` names uploads that end in the middle, once each."""

    def __init__(self, served):
        self.stored = {}
        self.partial = {}
        self.trees = {}
        self.broken = set()
        self.known, self.expected = set(), set()
        self.sent = 0
        served.answer = self

    def __call__(self, method, path, headers, body):
        path = urlsplit(path).path
        if path == "/api/v1/artifacts/missing":
            wanted = [digest for digest in json.loads(body)["digests"] if digest not in self.stored]
            return (
                200,
                {},
                {
                    "missing": [
                        {"digest": item, "received": len(self.partial.get(item, b""))} for item in wanted
                    ]
                },
            )
        if path == "/api/v1/artifacts/drafts":
            wanted = json.loads(body)["samples"]
            return 200, {}, {"drafts": [self.draft(sample) for sample in wanted]}
        if path.startswith(("/api/v1/artifacts/blobs/", "/api/v1/artifacts/drafts/")):
            return self.blob(method, path.rpartition("/")[2], headers, body)
        if path.endswith("/trees"):
            manifest = manifests.Manifest.parse(json.loads(body))
            self.trees[manifest.digest] = manifest
            return 201, {}, {"digest": manifest.digest, "address": manifests.address(manifest.digest)}
        manifest = self.trees[path.rpartition("/")[2]]
        return 200, {}, manifest.model_dump(mode="json")

    def draft(self, sample):
        self.expected.add(sample)
        received = len(self.partial.get(sample, b""))
        return {"sample": sample, "received": received, "known": sample in self.known}

    def blob(self, method, digest, headers, body):
        if method == "GET":
            match = re.fullmatch(r"bytes=(\d+)-", headers.get("range") or "")
            content = self.stored[digest]
            if match:
                return 206, {}, content[int(match[1]) :]
            return 200, {}, content
        self.sent += len(body)
        start = int((headers.get("content-range") or "bytes 0-").split()[1].partition("-")[0])
        whole = self.partial.get(digest, b"")[:start] + body
        if digest in self.broken:
            self.broken.remove(digest)
            self.partial[digest] = whole[: len(whole) // 2]
            return None
        found = hashlib.sha256(whole).hexdigest()
        if digest in self.expected:
            self.known.add(digest)
            digest = found
        if found != digest:
            return 400, {}, {"code": "invalid", "detail": "other bytes came"}
        self.stored[digest] = whole
        return 201, {}, {"digest": digest, "received": len(whole)}


@pytest.fixture
def blobs(served):
    return Blobs(served)
