"""W3C trace context: which trace a request belongs to, for whoever asks; scripts may ask too.

    from zaffre_runtime.scoring import trace_context
    trace_context.current()   # in run(): the context of the request, or None

Nothing is parsed unless somebody asks. Where the environment has OpenTelemetry's API, `run` finds its current context
set, so that spans of the script's own become children. `traceparent` and `tracestate` reach @rawhttp scripts as headers anyway.
"""

from __future__ import annotations

import contextvars
import re
from typing import Any, Callable, Dict, NamedTuple, Optional

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_LONGEST_STATE = 512
_SAMPLED = 1

CURRENT: contextvars.ContextVar[Any] = contextvars.ContextVar("zaffre_request", default=None)
"""The exchange that run() is called for."""


class TraceContext(NamedTuple):
    """`span_id` is the parent of whatever span is made next."""

    trace_id: str
    span_id: str
    sampled: bool = True
    tracestate: str = ""

    @property
    def traceparent(self) -> str:
        """As the next service down the line is told."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    def headers(self) -> Dict[str, str]:
        """Both headers, for requests that a script makes."""
        state = {"tracestate": self.tracestate} if self.tracestate else {}
        return {"traceparent": self.traceparent, **state}


def parse(traceparent: Optional[str], tracestate: Optional[str] = None) -> Optional[TraceContext]:
    """The context that headers name; None when they name none, or not as the standard says."""
    match = _PARENT.fullmatch(traceparent or "")
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    state = tracestate or ""
    return TraceContext(
        trace_id, span_id, bool(int(flags, 16) & _SAMPLED), state if len(state) <= _LONGEST_STATE else ""
    )


def of(asked: Any) -> Optional[TraceContext]:
    """The context of an exchange: that of the replica's own span where it makes one, else the caller's."""
    own: Optional[TraceContext] = getattr(asked, "trace", None)
    if own is not None:
        return own
    return parse(asked.header("traceparent"), asked.header("tracestate"))


def current() -> Optional[TraceContext]:
    """The context of the request that run() is called for."""
    asked = CURRENT.get()
    return None if asked is None else of(asked)


def with_open_telemetry(run: Callable[..., Any]) -> Callable[..., Any]:
    """`run`, called inside OpenTelemetry's context where that package is installed."""
    try:
        from opentelemetry import context
        from opentelemetry.trace.propagation import tracecontext
    except ImportError:
        return run
    extract = tracecontext.TraceContextTextMapPropagator().extract

    def inside(**arguments: Any) -> Any:
        found = current()
        if found is None:
            return run(**arguments)
        token = context.attach(extract(found.headers()))
        try:
            return run(**arguments)
        finally:
            context.detach(token)

    return inside
