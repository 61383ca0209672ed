"""Request logs and spans of a deployment with `app_insights_enabled`; nothing of this exists for the others.

An `Observed` exchange notes when it began and, when it is answered, leaves a record in a bounded queue. A thread of its
own writes the records out: a line of JSON each in the replica's log, and spans to an OpenTelemetry collector (OTLP over HTTP,
in JSON) where one is configured. A collector that is slow or away costs spans, never answers. Bodies are never written.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import random
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from zaffre_runtime.scoring import answers, config, connection, exchange, logs, trace_context

MOST_WAITING = 4096
MOST_AT_ONCE = 256
PAUSE_S = 1.0
TIMEOUT_S = 5.0
LAST_WORD_S = 3.0
COMPLAIN_EVERY_S = 60.0
_SERVER, _INTERNAL = 2, 1
_ERROR = 2
_NOT_REPORTED = frozenset(("/", "/swagger.json"))


class Record(NamedTuple):
    """One answered request."""

    began_ns: int
    took_ns: int
    method: str
    path: str
    status: int
    run_ms: Optional[float]
    ids: List[Tuple[str, str]]
    parent: Optional[trace_context.TraceContext]
    trace: trace_context.TraceContext


class Observed(exchange.Exchange):
    """An exchange that is reported once it is answered, by whoever answers it."""

    __slots__ = ("_began", "_began_ns", "_parent", "_reporter", "trace")

    def __init__(
        self,
        request: connection.Request,
        common: List[Tuple[str, str]],
        under_way: Set[exchange.Exchange],
        *,
        reporter: Reporter,
    ) -> None:
        super().__init__(request, common, under_way)
        self._reporter = reporter
        self._began_ns, self._began = time.time_ns(), time.monotonic_ns()
        self._parent = trace_context.parse(self.header("traceparent"), self.header("tracestate"))
        self.trace = reporter.span_below(self._parent)

    def answer(self, answer: answers.Answer) -> bool:
        sent = super().answer(answer)
        if sent and self.scope.path not in _NOT_REPORTED:
            took_ns = time.monotonic_ns() - self._began
            scope = self.scope
            self._reporter.put(
                Record(
                    self._began_ns, took_ns, scope.method, scope.path, answer.status, answer.exec_ms,
                    self.identity, self._parent, self.trace,
                )
            )  # fmt: skip
        return sent


class Reporter:
    """`exchange` makes what `http.Front` takes instead of plain exchanges."""

    def __init__(self, settings: config.Config) -> None:
        self._waiting: queue.SimpleQueue[Optional[Record]] = queue.SimpleQueue()
        self._dropped = 0
        self._share = settings.trace_share
        self._labels = {"deployment": settings.deployment, "revision": settings.revision}
        self._collector = Collector(settings) if settings.otlp_url else None
        self._thread = threading.Thread(target=self._run, name="zaffre-reports", daemon=True)

    def start(self) -> None:
        self._thread.start()
        atexit.register(self.close)

    def exchange(
        self,
        request: connection.Request,
        common: List[Tuple[str, str]],
        under_way: Set[exchange.Exchange],
    ) -> Observed:
        return Observed(request, common, under_way, reporter=self)

    def span_below(self, parent: Optional[trace_context.TraceContext]) -> trace_context.TraceContext:
        """The context of a new span: in the caller's trace, or in one of its own."""
        span_id = f"{random.getrandbits(64) or 1:016x}"
        if parent is not None:
            return parent._replace(span_id=span_id)
        return trace_context.TraceContext(
            f"{random.getrandbits(128) or 1:032x}", span_id, random.getrandbits(32) < self._share * 2**32
        )

    def put(self, record: Record) -> None:
        """Never waits: what finds the queue full is counted and dropped."""
        if self._waiting.qsize() < MOST_WAITING:
            self._waiting.put(record)
        else:
            self._dropped += 1

    def close(self) -> None:
        """Write out what is there, for a moment at most."""
        self._waiting.put(None)
        self._thread.join(LAST_WORD_S)

    def _run(self) -> None:
        ending = False
        while not ending:
            first = self._waiting.get()
            if first is not None:
                time.sleep(0 if self._waiting.qsize() >= MOST_AT_ONCE else PAUSE_S / 10)
            records = [first]
            for _ in range(min(self._waiting.qsize(), MOST_AT_ONCE)):
                records.append(self._waiting.get())
            ending = None in records
            self._write([record for record in records if record is not None])

    def _write(self, records: List[Record]) -> None:
        if records:
            sys.stderr.write("".join(self._line(record) for record in records))
            if self._collector is not None:
                self._collector.send([record for record in records if record.trace.sampled])
        if self._dropped:
            logs.say(
                f"{self._dropped} request records were dropped: they came faster than they could be written"
            )
            self._dropped = 0

    def _line(self, record: Record) -> str:
        seconds, rest = divmod(record.began_ns, 1_000_000_000)
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        ids = {name.lower(): value for name, value in record.ids}
        line = {
            "time": f"{moment}.{rest // 1000:06d}Z",
            "kind": "request",
            "request_id": ids.get("x-request-id", ""),
            "client_request_id": ids.get("x-ms-client-request-id", ""),
            "method": record.method,
            "path": record.path,
            "code": record.status,
            "duration_ms": round(record.took_ns / 1e6, 3),
            "run_ms": None if record.run_ms is None else round(record.run_ms, 3),
            **self._labels,
            "trace_id": record.trace.trace_id,
        }
        return json.dumps(line) + "\n"


class Collector:
    """Where spans go. Tells of its troubles once a minute."""

    def __init__(self, settings: config.Config) -> None:
        self._url = f"{(settings.otlp_url or '').rstrip('/')}/v1/traces"
        self._headers = {"content-type": "application/json", **settings.otlp_headers}
        self._complained_at = -COMPLAIN_EVERY_S
        self._resource = {
            "service.name": f"{settings.endpoint}/{settings.deployment}",
            "service.namespace": settings.workspace,
            "service.instance.id": f"{settings.revision}.{os.getpid()}",
            "service.version": settings.revision,
        }

    def send(self, records: List[Record]) -> None:
        if not records:
            return
        body = json.dumps(self.document(records)).encode()
        asked = urllib.request.Request(self._url, body, self._headers, method="POST")  # noqa: S310 - the server checked the address
        try:
            with urllib.request.urlopen(asked, timeout=TIMEOUT_S):  # noqa: S310 - as above
                return
        except (OSError, ValueError) as error:  # HTTPError and URLError are OSErrors
            if time.monotonic() - self._complained_at >= COMPLAIN_EVERY_S:
                self._complained_at = time.monotonic()
                logs.say(f"{len(records)} spans were not taken by {self._url}: {error}")

    def document(self, records: List[Record]) -> Dict[str, Any]:
        """The request of OTLP."""
        spans = [span for record in records for span in _spans(record)]
        scope = {"scope": {"name": "zaffre"}, "spans": spans}
        return {
            "resourceSpans": [
                {"resource": {"attributes": _attributes(self._resource)}, "scopeSpans": [scope]}
            ]
        }


def _spans(record: Record) -> List[Dict[str, Any]]:
    """One for the request in this replica, and one below it for the time in the model or in run()."""
    ends_ns = record.began_ns + record.took_ns
    ids = {name.lower(): value for name, value in record.ids}
    whole: Dict[str, Any] = {
        "traceId": record.trace.trace_id,
        "spanId": record.trace.span_id,
        "name": f"{record.method} {record.path}",
        "kind": _SERVER,
        "startTimeUnixNano": str(record.began_ns),
        "endTimeUnixNano": str(ends_ns),
        "attributes": _attributes(
            {
                "http.request.method": record.method,
                "url.path": record.path,
                "http.response.status_code": record.status,
                "zaffre.request_id": ids.get("x-request-id", ""),
                "zaffre.client_request_id": ids.get("x-ms-client-request-id", ""),
            }
        ),
        "status": {"code": _ERROR} if record.status >= 424 else {},
    }
    if record.parent is not None:
        whole["parentSpanId"] = record.parent.span_id
        if record.parent.tracestate:
            whole["traceState"] = record.parent.tracestate
    if record.run_ms is None:
        return [whole]
    run = {
        "traceId": record.trace.trace_id,
        "spanId": f"{int(record.trace.span_id, 16) ^ 1 or 2:016x}",
        "parentSpanId": record.trace.span_id,
        "name": "run",
        "kind": _INTERNAL,
        "startTimeUnixNano": str(max(ends_ns - int(record.run_ms * 1e6), record.began_ns)),
        "endTimeUnixNano": str(ends_ns),
    }
    return [whole, run]


def _attributes(values: Dict[str, Any]) -> List[Dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in values.items()
        if value != ""
    ]
