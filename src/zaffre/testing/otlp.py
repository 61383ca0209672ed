"""A collector of OpenTelemetry for tests: takes OTLP over HTTP, JSON or protobuf, and keeps the spans."""

import base64
import http.server
import json
import threading
import time
from types import TracebackType
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]  # it comes without types
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

_IDS = ("traceId", "spanId", "parentSpanId")


class Collector:
    """Runs while its `with` block does. `taken` are requests: path, headers, body as the JSON form says it."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, Any, dict[str, Any]]] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.taken))
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Collector":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def spans(self) -> list[dict[str, Any]]:
        """Every span that came, with its service's name as `service`."""
        found = []
        for _, _, body in list(self.taken):
            for resource in body["resourceSpans"]:
                named = attributes(resource["resource"])
                for scope in resource["scopeSpans"]:
                    found += [{**span, "service": named.get("service.name")} for span in scope["spans"]]
        return found

    def await_spans(self, count: int, timeout_s: float = 120.0) -> list[dict[str, Any]]:
        """The same, once there are so many."""
        end = time.monotonic() + timeout_s
        while len(found := self.spans()) < count:
            assert time.monotonic() < end, found
            time.sleep(0.02)
        return found


def attributes(thing: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a span or resource, by name."""
    return {item["key"]: next(iter(item["value"].values())) for item in thing.get("attributes", ())}


def _handler(taken: list[tuple[str, Any, dict[str, Any]]]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self._chunks() if "transfer-encoding" in self.headers else self._whole()
            is_json = self.headers["content-type"] == "application/json"
            taken.append((self.path, self.headers, json.loads(content) if is_json else _parsed(content)))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def _whole(self) -> bytes:
            return self.rfile.read(int(self.headers["content-length"]))

        def _chunks(self) -> bytes:
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Quiet."""

    return Handler


def _parsed(content: bytes) -> dict[str, Any]:
    message = trace_service_pb2.ExportTraceServiceRequest()
    message.ParseFromString(content)
    body: dict[str, Any] = json_format.MessageToDict(message)
    for resource in body["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:  # protobuf's JSON writes bytes in base64, OTLP's in hexadecimal
                span.update({name: base64.b64decode(span[name]).hex() for name in _IDS if name in span})
    return body
