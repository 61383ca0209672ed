"""The contract of a user's scoring script: `init()` once, `run(...)` per request, in three ways of handing the request over.

plain          run(raw_data): the body as text, or the query as a JSON text
@input_schema  run(**arguments): the keys of a JSON object, converted by the inference-schema package
@rawhttp       run(request): the whole request (compat/request.py)

`dataplane.py` calls `score`; `__main__` loads the script and calls `start`, both on the main thread.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, List, NoReturn, Optional, Tuple

from zaffre_runtime.scoring import answers, errors, exchange, logs, payloads, swagger, trace_context
from zaffre_runtime.scoring.compat import headers, install, request

ENTRY_MODULE = "entry_module"
HEADERS_PARAMETER = "request_headers"
BATCH_FUNCTION = "run_batch"
OURS_TO_SET = frozenset(
    (
        "azureml-model-deployment",
        "connection",
        "content-length",
        "content-type",
        "transfer-encoding",
        "x-ms-client-request-id",
        "x-ms-request-id",
        "x-ms-run-fn-exec-ms",
        "x-ms-run-function-failed",
        "x-ms-server-version",
        "x-request-id",
        "x-zaffre-revision",
        answers.ELSEWHERE,
    )
)
"""A script may pass on the answer of another endpoint; what that said of itself is not true of this one."""
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
MOST_HEADERS, MOST_HEADER_BYTES = 80, 56 << 10
"""Of an answer, without ours: the router takes 100 lines and 60 KiB; above that it would call run() again and answer 502."""

Arguments = Callable[[exchange.Exchange], Dict[str, Any]]


class Script:
    """`most` is 1: a user's run() is called once per request. A script that defines run_batch() opts in to more."""

    def __init__(self, path: Path, most: int = 1) -> None:
        self._path = path
        install.install()
        module = _imported(path)
        self._init = self._function(module, "init")
        self._run = self._function(module, "run")
        self._call = trace_context.with_open_telemetry(self._run)
        names = self._parameters()
        self._wants_headers = HEADERS_PARAMETER in [name.name for name in names]
        self._arguments = self._mode([name for name in names if name.name != HEADERS_PARAMETER])
        self._run_batch = self._batch_function(module)
        self.most = most if self._run_batch is not None else 1

    def start(self) -> None:
        try:
            self._init()
        except (Exception, SystemExit) as error:
            raise errors.ScriptError(f"{self._path.name}: init() failed: {_described(error)}") from error

    def score(self, exchanges: List[exchange.Exchange]) -> List[answers.Answer]:
        if len(exchanges) == 1 or self._run_batch is None:
            return [self._score(asked) for asked in exchanges]
        return self._score_together(exchanges, self._run_batch)

    def schemas(self) -> swagger.Schemas:
        util = sys.modules.get("inference_schema.schema_util")
        if util is None or not util.is_schema_decorated(self._run):
            return swagger.ANYTHING
        versions = [str(version) for version in util.get_supported_versions(self._run)]
        return swagger.Schemas(util.get_input_schema(self._run), util.get_output_schema(self._run), versions)

    def _score(self, asked: exchange.Exchange) -> answers.Answer:
        arguments = self._arguments(asked)
        if self._wants_headers:
            arguments[HEADERS_PARAMETER] = headers.HeaderDict.of(asked.headers.items())
        trace_context.CURRENT.set(asked)
        started = time.perf_counter()
        value = self._call(**arguments)
        return self._answer(asked, value, (time.perf_counter() - started) * 1000)

    def _score_together(
        self, exchanges: List[exchange.Exchange], run_batch: Callable[[List[Any]], Any]
    ) -> List[answers.Answer]:
        """Whatever goes wrong here, the data plane asks run() for each request alone."""
        inputs = [next(iter(self._arguments(asked).values())) for asked in exchanges]
        started = time.perf_counter()
        values = run_batch(inputs)
        exec_ms = (time.perf_counter() - started) * 1000
        if not isinstance(values, (list, tuple)) or len(values) != len(exchanges):
            found = len(values) if isinstance(values, (list, tuple)) else type(values).__name__
            logs.say(
                f"run_batch() must return a list of {len(exchanges)} results, returned {found}; run() is called"
            )
            return [self._score(asked) for asked in exchanges]
        return [self._answer(asked, value, exec_ms) for asked, value in zip(exchanges, values)]

    def _answer(self, asked: exchange.Exchange, value: Any, exec_ms: float) -> answers.Answer:
        if _is_response(value):
            return _from_response(value, exec_ms)
        try:
            return answers.from_json_value(value, exec_ms)
        except (TypeError, ValueError, RecursionError) as error:
            logs.say(f"request {asked.request_id}: run() returned what JSON cannot hold: {error}")
            return answers.message(500, _not_json(value, error), failed=True, exec_ms=exec_ms)

    # How the script wants to be called

    def _function(self, module: ModuleType, name: str) -> Callable[..., Any]:
        found = getattr(module, name, None)
        if not callable(found):
            self._refuse(f"has no {name}() function: a scoring script defines init() and run(...)")
        return found  # type: ignore[no-any-return]

    def _parameters(self) -> List[inspect.Parameter]:
        found = list(inspect.signature(self._run).parameters.values())
        if any(one.kind not in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD) for one in found):
            self._refuse(
                "run() cannot take positional-only arguments, *args or **kwargs: name its parameters"
            )
        return found

    def _mode(self, parameters: List[inspect.Parameter]) -> Arguments:
        if not parameters:
            self._refuse("run() needs a parameter for the input data, for example run(raw_data)")
        util = sys.modules.get("inference_schema.schema_util")
        decorated = util is not None and util.is_schema_decorated(self._run)
        if decorated and request.RAW_FUNCTIONS:
            self._refuse("run() cannot have both @rawhttp and @input_schema: choose one")
        first = parameters[0].name
        if request.RAW_FUNCTIONS:
            return lambda asked: {first: _request(asked)}
        if decorated:
            return lambda asked: _by_name(parameters, _object(asked))
        return lambda asked: {first: _text(asked)}

    def _batch_function(self, module: ModuleType) -> Optional[Callable[[List[Any]], Any]]:
        found = getattr(module, BATCH_FUNCTION, None)
        if found is None:
            return None
        util = sys.modules.get("inference_schema.schema_util")
        if not callable(found) or self._wants_headers or (util and util.is_schema_decorated(self._run)):
            self._refuse(
                f"defines {BATCH_FUNCTION}, which goes with a run() that takes the raw data or the raw request alone"
                " (neither @input_schema nor request_headers)"
            )
        return found  # type: ignore[no-any-return]

    def _refuse(self, reason: str) -> NoReturn:
        raise errors.ScriptError(f"{self._path.name} {reason}.")


def load(app_root: Path, entry_script: str, most: int = 1) -> Script:
    path = app_root / entry_script
    if not path.is_file():
        there = (
            ", ".join(sorted(entry.name for entry in app_root.iterdir())[:50])
            if app_root.is_dir()
            else "nothing"
        )
        raise errors.ScriptError(f"the scoring script {entry_script} is not in {app_root}; there is: {there}")
    return Script(path, most)


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(ENTRY_MODULE, path)
    if spec is None or spec.loader is None:
        raise errors.ScriptError(f"{path.name} is not a Python file: the scoring script ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[ENTRY_MODULE] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise errors.ScriptError(f"{path.name} cannot be imported: {_described(error)}") from error
    return module


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


# From the request to arguments


def _text(asked: exchange.Exchange) -> str:
    if asked.scope.method == "GET":
        return json.dumps(payloads.from_query(asked.scope.query_string))
    try:
        return asked.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise errors.Refused(400, f"Input cannot be decoded as UTF-8: {error}") from error


def _object(asked: exchange.Exchange) -> Dict[str, Any]:
    if asked.scope.method == "GET":
        return payloads.from_query(asked.scope.query_string)
    kind = (asked.header("content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise errors.Refused(415, "Expects Content-Type to be application/json")
    return payloads.object_from_json(asked.body)


def _by_name(parameters: List[inspect.Parameter], values: Dict[str, Any]) -> Dict[str, Any]:
    found = {}
    for parameter in parameters:
        value = values.get(parameter.name, parameter.default)
        if value is inspect.Parameter.empty:
            raise errors.Refused(400, f"A value is not provided for the {parameter.name!r} parameter.")
        found[parameter.name] = value
    return found


def _request(asked: exchange.Exchange) -> request.AMLRequest:
    scope = asked.scope
    return request.AMLRequest(
        scope.method,
        scope.path,
        query=scope.query_string,
        pairs=asked.headers.items(),
        body=asked.body,
        client=scope.client,
        scheme=asked.header("x-forwarded-proto") or scope.scheme,
    )


# From the return value to an answer


def _is_response(value: Any) -> bool:
    """AMLResponse, or a Flask or werkzeug response, whatever version the environment has."""
    return (
        hasattr(value, "status_code")
        and hasattr(value, "headers")
        and callable(getattr(value, "get_data", None))
    )


def _from_response(response: Any, exec_ms: float) -> answers.Answer:
    status = int(response.status_code)
    if not 200 <= status <= 599:
        raise ValueError(f"run() answered with status {status}; it must be from 200 to 599")
    given = [(str(name), str(value)) for name, value in response.headers.items()]
    said = _header(given, "x-ms-run-function-failed")
    failed = status >= 500 or (said or "").lower() == "true"
    kind = _header(given, "content-type") or answers.HTML
    kept = [pair for pair in given if pair[0].lower() not in OURS_TO_SET]
    if len(kept) > MOST_HEADERS or sum(len(name) + len(value) for name, value in kept) > MOST_HEADER_BYTES:
        raise ValueError(
            f"run() answered with {len(kept)} headers; at most {MOST_HEADERS} of {MOST_HEADER_BYTES} bytes together are sent"
        )
    for name, value in [*kept, ("content-type", kind)]:
        if not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
            raise ValueError(f"run() answered with the header {name!r}: {value!r}, which HTTP does not allow")
    return answers.Answer(status, bytes(response.get_data()), kind, failed, exec_ms, kept)


def _header(pairs: List[Tuple[str, str]], wanted: str) -> Optional[str]:
    return next((value for name, value in pairs if name.lower() == wanted), None)


def _not_json(value: Any, error: Exception) -> str:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".replace("builtins.", "")
    return f"run() returned {kind}, which cannot be written as JSON ({error}). Return lists, for example array.tolist()."
