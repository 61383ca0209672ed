"""Routes, headers and limits. Its callback runs on granian's I/O thread: it answers the small things itself and hands a
complete scoring request to the data plane. It never calls user code.
"""

from __future__ import annotations

import sys
import traceback
import urllib.parse
from typing import Any, Callable, Dict, List, Optional, Tuple

from zaffre_runtime.scoring import answers, config, dataplane, exchange, inference_routes, swagger

Header = Tuple[str, str]
SCORING_METHODS = ("POST", "GET")
HEALTHY = answers.Answer(200, b"Healthy", answers.HTML)
READ_ON = 256 << 20
"""Bytes of a body that are read and thrown away before a refusal; a larger one costs its caller the connection, and the
router, which then cannot write to it, the answer. Who sends so slowly that it takes long is let go by the router's clock."""
CUT_SHORT = answers.message(400, "The body ended before it was complete.")
"""A caller who only stopped sending can still be told."""
TOO_MANY = "Too many requests wait for this worker. Send fewer at once, or scale the deployment out."


class Cors:
    """AML_CORS_ORIGINS: a comma-separated list of origins, or *."""

    def __init__(self, origins: str) -> None:
        self._origins = frozenset(origin.strip() for origin in origins.split(",") if origin.strip())

    def headers(self, asked: exchange.Exchange) -> List[Header]:
        if not self._origins:
            return []
        origin = asked.header("origin")
        if origin is None or not ({"*", origin} & self._origins):
            return []
        allowed = [("access-control-allow-origin", origin), ("vary", "Origin")]
        if asked.scope.method == "OPTIONS":
            allowed.append(("access-control-allow-methods", "GET, POST"))
            wanted = asked.header("access-control-request-headers")
            if wanted:
                allowed.append(("access-control-allow-headers", wanted))
        return allowed


class Front:
    """`__call__` is granian's callback: one call per request, on the I/O thread."""

    def __init__(
        self,
        plane: dataplane.DataPlane,
        settings: config.Config,
        *,
        documents: swagger.Documents,
        cors_origins: str,
        tensors: Optional[Dict[str, Any]] = None,
        exchanges: exchange.Maker = exchange.Exchange,
    ) -> None:
        self._plane = plane
        self._exchange = exchanges
        self._max_body = settings.max_body_bytes
        self._documents = documents
        self._cors = Cors(cors_origins) if cors_origins else None
        self._common = (
            [
                ("x-ms-server-version", exchange.SERVER_VERSION),
                ("azureml-model-deployment", settings.deployment),
                ("x-zaffre-revision", settings.revision),
            ]
            if settings.names_itself
            else []
        )
        self._routes: Dict[str, Callable[[exchange.Exchange], None]] = {
            settings.health_path: self._health,
            "/": self._health,
            "/score": self._score,
            "/swagger.json": self._swagger,
        }
        self._inference = inference_routes.Routes(settings, tensors, infer=self._infer, refuse=_refuse)

    def __call__(self, watcher: Any) -> None:
        asked = self._exchange(watcher, self._common, self._plane.under_way)
        try:
            self._route(asked)
        except Exception:  # noqa: BLE001 - outermost on this thread: granian would leave the caller without an answer
            traceback.print_exc(file=sys.stderr)
            asked.answer(
                answers.message(500, "An unexpected internal error occurred. Check the logs for more info.")
            )

    def _route(self, asked: exchange.Exchange) -> None:
        path = asked.scope.path
        handler = self._routes.get(path)
        if handler is None and path.startswith(inference_routes.PREFIX):
            handler = self._inference.handler(path)
        try:
            asked.identity = exchange.identity(asked.headers)
            asked.request_id = asked.identity[0][1]
        except exchange.HeadersTooLong as error:
            return _refuse(asked, answers.message(431, str(error)))
        if self._cors is not None:
            asked.identity = asked.identity + self._cors.headers(asked)
        if handler is None:
            return _refuse(asked, answers.message(404, f"There is nothing at {path}; requests go to /score."))
        return handler(asked)

    def _health(self, asked: exchange.Exchange) -> None:
        if asked.scope.method not in ("GET", "HEAD", "OPTIONS"):
            return _refuse(asked, _method_not_allowed("GET, HEAD, OPTIONS"))
        return asked.answer_with(HEALTHY)

    def _swagger(self, asked: exchange.Exchange) -> None:
        if asked.scope.method not in ("GET", "HEAD", "OPTIONS"):
            return _refuse(asked, _method_not_allowed("GET, HEAD, OPTIONS"))
        version = urllib.parse.parse_qs(asked.scope.query_string).get("version", ["2"])[0]
        return asked.answer_with(self._documents.answer(version))

    def _score(self, asked: exchange.Exchange) -> None:
        method = asked.scope.method
        if method == "POST":
            return self._receive(asked)
        if method == "OPTIONS":
            return asked.answer_with(answers.Answer(200, b"", answers.HTML))
        if method not in SCORING_METHODS:
            return _refuse(asked, _method_not_allowed("GET, POST, OPTIONS"))
        return self._receive(asked)

    def _infer(self, asked: exchange.Exchange) -> None:
        if asked.scope.method != "POST":
            return _refuse(asked, _method_not_allowed("POST"))
        asked.is_inference = True
        return self._receive(asked)

    def _receive(self, asked: exchange.Exchange) -> None:
        headers = asked.headers
        length = headers.get("content-length")
        if length is None and headers.get("transfer-encoding") is not None:
            refusal = _too_large(self._max_body)
            return _Parts(asked, self._max_body, complete=self._complete, refusal=refusal).next()
        if length is not None and length.isdigit() and int(length) > self._max_body:
            return _refuse(asked, _too_large(self._max_body))
        if length is None or length == "0":
            return self._complete(asked)

        def received(future: Any) -> None:
            try:
                asked.body = future.result()
            except Exception:  # noqa: BLE001 - granian documents no error type
                return asked.answer_with(CUT_SHORT)
            return self._complete(asked)

        asked.receive().add_done_callback(received)
        return None

    def _complete(self, asked: exchange.Exchange) -> None:
        if not self._plane.submit(asked):
            asked.answer(answers.too_many(TOO_MANY))


class _Parts:
    """A body of unknown length (chunked), read part by part so that it can be refused when it grows too large; what
    comes above the limit is read on (see `_refuse`), and not kept."""

    def __init__(
        self,
        asked: exchange.Exchange,
        limit: int,
        *,
        complete: Callable[[exchange.Exchange], None],
        refusal: answers.Answer,
    ) -> None:
        self._asked = asked
        self._limit = limit
        self._complete = complete
        self._refusal = refusal
        self._source = asked.receive_parts()
        self._parts: List[bytes] = []
        self._size = 0

    def next(self) -> None:
        try:
            future = self._source.__anext__()
        except StopAsyncIteration:
            if self._size > self._limit:
                return self._asked.answer_with(self._refusal)
            self._asked.body = b"".join(self._parts)
            return self._complete(self._asked)
        return future.add_done_callback(self._received)  # type: ignore[no-any-return]

    def _received(self, future: Any) -> None:
        try:
            part = future.result()
        except Exception:  # noqa: BLE001 - granian documents no error type
            return self._asked.answer_with(CUT_SHORT)
        self._size += len(part)
        if self._size <= self._limit:
            self._parts.append(part)
        elif self._size > self._limit + READ_ON:
            return self._asked.answer_with(self._refusal)
        return self.next()


def _refuse(asked: exchange.Exchange, refusal: answers.Answer) -> None:
    """After the body: granian closes a connection that is answered before it, and whoever is still sending would see a
    broken pipe instead of the answer."""
    if asked.headers.get("content-length", "0") != "0" or "transfer-encoding" in asked.headers:
        return _Parts(asked, 0, complete=lambda asked: asked.answer_with(refusal), refusal=refusal).next()
    return asked.answer_with(refusal)


def _too_large(limit: int) -> answers.Answer:
    return answers.message(413, f"The body is larger than the limit of {limit} bytes.")


def _method_not_allowed(allowed: str) -> answers.Answer:
    refusal = answers.message(405, "Method not allowed")
    refusal.headers = [("allow", allowed)]
    return refusal
