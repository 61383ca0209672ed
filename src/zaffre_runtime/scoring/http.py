"""Routes, headers and limits. Its callback runs on the listener's thread: it answers the small things itself and hands
scoring requests to the data plane. It never calls user code.
"""

from __future__ import annotations

import sys
import traceback
import urllib.parse
from typing import Any, Callable, Dict, List, Optional, Tuple

from zaffre_runtime.scoring import answers, config, connection, dataplane, exchange, inference_routes, swagger

Header = Tuple[str, str]
SCORING_METHODS = ("POST", "GET")
HEALTHY = answers.Answer(200, b"Healthy", answers.HTML)
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
    """`__call__` is the listener's callback: it gets the requests that came together."""

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
        self._troubles = _troubles(settings.max_body_bytes)
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
        self._inference = inference_routes.Routes(settings, tensors, infer=self._infer)

    def __call__(self, arrived: List[connection.Request]) -> None:
        for request in arrived:
            asked = self._exchange(request, self._common, self._plane.under_way)
            try:
                self._route(asked)
            except Exception:  # noqa: BLE001 - one request must not take the others with it
                traceback.print_exc(file=sys.stderr)
                asked.answer(
                    answers.message(
                        500, "An unexpected internal error occurred. Check the logs for more info."
                    )
                )
        self._plane.all_arrived()

    def _route(self, asked: exchange.Exchange) -> None:
        request = asked.scope
        handler = self._routes.get(request.path)
        if handler is None and request.path.startswith(inference_routes.PREFIX):
            handler = self._inference.handler(request.path)
        try:
            asked.identity = exchange.identity(asked.headers)
            asked.request_id = asked.identity[0][1]
        except exchange.HeadersTooLong as error:
            return asked.answer_with(answers.message(431, str(error)))
        if self._cors is not None:
            asked.identity = asked.identity + self._cors.headers(asked)
        if request.trouble and request.trouble != connection.TOO_LARGE:  # of that its handler tells
            return asked.answer_with(self._troubles[request.trouble])
        if handler is None:
            return asked.answer_with(
                answers.message(404, f"There is nothing at {request.path}; requests go to /score.")
            )
        return handler(asked)

    def _health(self, asked: exchange.Exchange) -> None:
        if asked.scope.method not in ("GET", "HEAD", "OPTIONS"):
            return asked.answer_with(_method_not_allowed("GET, HEAD, OPTIONS"))
        return asked.answer_with(HEALTHY)

    def _swagger(self, asked: exchange.Exchange) -> None:
        if asked.scope.method not in ("GET", "HEAD", "OPTIONS"):
            return asked.answer_with(_method_not_allowed("GET, HEAD, OPTIONS"))
        version = urllib.parse.parse_qs(asked.scope.query_string).get("version", ["2"])[0]
        return asked.answer_with(self._documents.answer(version))

    def _score(self, asked: exchange.Exchange) -> None:
        method = asked.scope.method
        if method in SCORING_METHODS:
            return self._complete(asked)
        if method == "OPTIONS":
            return asked.answer_with(answers.Answer(200, b"", answers.HTML))
        return asked.answer_with(_method_not_allowed("GET, POST, OPTIONS"))

    def _infer(self, asked: exchange.Exchange) -> None:
        if asked.scope.method != "POST":
            return asked.answer_with(_method_not_allowed("POST"))
        asked.is_inference = True
        return self._complete(asked)

    def _complete(self, asked: exchange.Exchange) -> None:
        if asked.scope.trouble:
            return asked.answer_with(self._troubles[asked.scope.trouble])
        if not self._plane.submit(asked):
            asked.answer(answers.too_many(TOO_MANY))
        return None


def _troubles(most_body_bytes: int) -> Dict[str, answers.Answer]:
    """What is told to who sent something that is no complete request."""
    return {
        connection.TOO_LARGE: answers.message(
            413, f"The body is larger than the limit of {most_body_bytes} bytes."
        ),
        connection.CUT_SHORT: answers.message(400, "The body ended before it was complete."),
        connection.NO_HTTP: answers.message(400, "This is not a request of HTTP/1.1."),
        connection.LONG_HEADERS: answers.message(431, "The headers are too long."),
    }


def _method_not_allowed(allowed: str) -> answers.Answer:
    refusal = answers.message(405, "Method not allowed")
    refusal.headers = [("allow", allowed)]
    return refusal
