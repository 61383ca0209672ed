"""The paths of the Open Inference Protocol (version 2) that need no model call: what lives, what is ready, what a tensor is
called. Made by `__main__`; http.py asks it for everything below /v2.

A deployment serves one model under its registered name, or under its endpoint's name where the model is not registered.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, Optional

from zaffre_runtime.scoring import answers, config, exchange, inference

PREFIX = "/v2"
_MODEL = re.compile(r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?(?P<rest>/ready|/infer)?")
READERS = ("GET", "HEAD")
NO_TENSORS = "This deployment answers by a scoring script, which alone knows what its input means: send requests to /score."

Handler = Callable[[exchange.Exchange], None]


class Routes:
    """`tensors` says what the model takes and gives; None where a script answers. `infer` takes a request on."""

    def __init__(self, settings: config.Config, tensors: Optional[Dict[str, Any]], *, infer: Handler) -> None:
        self._name, self._version = model_name(settings)
        self._endpoint = settings.endpoint
        self._tensors = tensors
        self._infer = infer

    def handler(self, path: str) -> Optional[Handler]:
        found = _MODEL.fullmatch(path)
        if found is None:
            fixed: Dict[str, Dict[str, Any]] = {
                PREFIX: {"name": "zaffre", "version": exchange.SERVER_VERSION, "extensions": ["binary_tensor_data"]},
                PREFIX + "/health/live": {"live": True},
                PREFIX + "/health/ready": {"ready": True},
            }  # fmt: skip
            return None if path not in fixed else self._telling(fixed[path])
        if not self._is_ours(found["name"], found["version"]):
            return self._refusing(
                404, f"There is no model {found['name'][:80]!r} here; there is {self._name!r}."
            )
        if found["rest"] == "/ready":
            return self._telling({"name": self._name, "ready": True})
        if found["rest"] == "/infer":
            return self._infer if self._tensors is not None else self._refusing(400, NO_TENSORS)
        return self._telling(self._metadata())

    def _is_ours(self, name: str, version: Optional[str]) -> bool:
        return name in (self._name, self._endpoint) and version in (None, self._version)

    def _telling(self, what: Dict[str, Any]) -> Handler:
        answer = answers.Answer(200, answers.encode(what))

        def tell(asked: exchange.Exchange) -> None:
            if asked.scope.method not in READERS:
                return asked.answer_with(_not_allowed("GET, HEAD"))
            return asked.answer_with(answer)

        return tell

    def _refusing(self, status: int, text: str) -> Handler:
        return lambda asked: asked.answer_with(inference.refusal(status, text))

    def _metadata(self) -> Dict[str, Any]:
        described = self._tensors or {"platform": "python", "inputs": [], "outputs": []}
        return {"name": self._name, "versions": [self._version], **described}


def model_name(settings: config.Config) -> List[str]:
    """Name and version."""
    model = settings.models[0] if settings.models and isinstance(settings.models[0], dict) else {}
    return [str(model.get("name") or settings.endpoint or "model"), str(model.get("version") or "1")]


def _not_allowed(allowed: str) -> answers.Answer:
    answer = inference.refusal(405, "Method not allowed")
    answer.headers = [("allow", allowed)]
    return answer
