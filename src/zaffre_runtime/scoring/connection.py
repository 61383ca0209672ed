"""One connection of the listener: bytes in, complete requests out, answers back.

Bytes become requests in httptools (llhttp, the parser of Node.js). Of several requests that came at once the next is
given out when the one before is answered. All of it runs on the listener's thread but for `Request.respond`, which may
be called on any: the answer is sent from there, so that nobody has to be woken for it.
"""

from __future__ import annotations

import collections
import contextlib
import socket
from http import HTTPStatus
from typing import Any, Deque, Dict, List, Optional, Protocol, Sequence, Tuple, Union

import httptools

TOO_LARGE, NO_HTTP, CUT_SHORT, LONG_HEADERS = "too large", "no HTTP", "cut short", "long headers"
"""What may be wrong with a request (`trouble`)."""
MOST_HEADER_BYTES = 1 << 20
"""Give or take what is read at once; the router lets 60 KiB pass."""
MOST_AT_ONCE = 64
"""Requests of one connection that nobody has answered. Who sends more does not wait for answers, and is heard no more."""
MOST_OVERHEARD_BYTES = 1 << 28
"""So much of what is refused is read and thrown away. The router gives up on a connection that it cannot write to, and would
then have no answer; who sends slowly is let go by its clock."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_WITHOUT_BODY = frozenset({204, 304})
_FIRST_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_KNOWN_NAMES: Dict[bytes, str] = {}
_MOST_KNOWN, _LONG_NAME = 1024, 64


class Owner(Protocol):
    """The listener, as its connections see it."""

    most_body_bytes: int
    stopping: bool

    def arrived(self, request: Request) -> None: ...

    def look_at(self, connection: Connection) -> None: ...


class Request:
    """As it came, with its body. Where `trouble` is set it cannot be used, and that is what its caller is told."""

    __slots__ = (
        "_connection", "body", "client", "headers", "is_given", "keeps", "method", "path", "query_string", "scheme",
        "trouble",
    )  # fmt: skip

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.client = connection.client
        self.headers: Dict[str, str] = {}
        self.method = self.path = self.query_string = self.trouble = ""
        self.scheme = "http"
        self.body = b""
        self.keeps = True  # the connection, for more requests
        self.is_given = False

    def respond(self, status: int, headers: Sequence[Tuple[str, str]], body: bytes) -> None:
        """Once. A caller who has left is no error. Raises ValueError for a header that would be two."""
        if self._connection.ends_soon:
            self.keeps = False
        self._connection.answer(self, _response(self, status, headers, body))


class Connection:
    """`sock` does not block. The `on_` methods are the parser's."""

    def __init__(self, owner: Owner, sock: socket.socket, client: str) -> None:
        self.socket = sock
        self.client = client
        self.watched_for = 0  # the listener's: which events the kernel tells it of
        self._owner = owner
        self._parser: Any = httptools.HttpRequestParser(self)
        self._coming: Optional[Request] = None
        self._in_head = False
        self._head_bytes = self._body_bytes = 0
        self._parts: List[bytes] = []
        self._unanswered: Deque[Request] = collections.deque()
        self._out: Union[bytes, memoryview] = b""
        self._is_deaf = False  # what comes is not read as requests
        self._is_gone = False  # and nothing is awaited any more
        self._spare = 0

    @property
    def is_idle(self) -> bool:
        """Nothing is asked, in part or in whole."""
        return self._coming is None and not self._unanswered and not self._out

    @property
    def is_done(self) -> bool:
        """It is to be closed. Never while somebody may be answering: another file could get its number meanwhile."""
        return self._is_gone and not self._unanswered and not self._out

    @property
    def wants_to_read(self) -> bool:
        return not self._is_gone

    @property
    def wants_to_send(self) -> bool:
        return bool(self._out)

    @property
    def ends_soon(self) -> bool:
        return self._owner.stopping

    # --- bytes in ---

    def feed(self, data: Any) -> None:
        """What was received; nothing at all when the caller stopped sending."""
        if not data:
            return self._ended()
        if self._is_deaf:
            return self._overheard(len(data))
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # to what is not spoken here: the request is answered like any
            self._unanswered[-1].keeps = False
            self._is_deaf, self._spare = True, MOST_OVERHEARD_BYTES
        except httptools.HttpParserError:
            if not self._is_deaf:
                self._troubled(NO_HTTP)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEADER_BYTES:
                self._troubled(LONG_HEADERS)
        return None

    def let_go(self) -> None:
        """No more is read; what was asked is still answered."""
        self._is_gone = self._is_deaf = True

    def _ended(self) -> None:
        if self._coming is not None:
            self._troubled(CUT_SHORT)
        self.let_go()

    def _overheard(self, size: int) -> None:
        self._spare -= size
        if self._spare < 0:
            self.let_go()

    def _troubled(self, trouble: str) -> None:
        request = self._coming or Request(self)
        self._coming, self._parts, self._in_head = None, [], False
        request.trouble, request.keeps = trouble, False
        self._is_deaf, self._spare = True, MOST_OVERHEARD_BYTES
        self._complete(request)

    def on_message_begin(self) -> None:
        if not self._is_deaf:
            self._coming = Request(self)
            self._in_head, self._head_bytes, self._body_bytes = True, 0, 0

    def on_url(self, url: bytes) -> None:
        if self._coming is not None:
            self._coming.query_string += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head or self._coming is None:  # a trailer
            return
        headers = self._coming.headers
        key, text = _KNOWN_NAMES.get(name) or _lower(name), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text

    def on_headers_complete(self) -> None:
        request, self._in_head = self._coming, False
        if request is None:
            return
        parser, headers = self._parser, request.headers
        request.method = parser.get_method().decode("latin-1")
        request.keeps = parser.should_keep_alive()
        request.path, request.query_string = _target(request.query_string)
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._owner.most_body_bytes:
            request.trouble = TOO_LARGE
        if "expect" in headers and headers["expect"].lower() == "100-continue":
            if request.trouble:
                self._troubled(request.trouble)
            elif not self._unanswered:
                self._send(_CONTINUE)

    def on_body(self, part: bytes) -> None:
        request = self._coming
        if request is None:
            return
        self._body_bytes += len(part)
        if self._body_bytes <= self._owner.most_body_bytes:
            self._parts.append(part)
        else:
            request.trouble, self._parts = TOO_LARGE, []
            if self._body_bytes > self._owner.most_body_bytes + MOST_OVERHEARD_BYTES:
                self._troubled(TOO_LARGE)

    def on_message_complete(self) -> None:
        request = self._coming
        if request is not None:
            self._coming = None
            if self._parts:
                request.body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                self._parts = []
            self._complete(request)

    def _complete(self, request: Request) -> None:
        self._unanswered.append(request)
        if len(self._unanswered) == 1:
            self.give_next()
        elif len(self._unanswered) > MOST_AT_ONCE:
            self.let_go()

    def give_next(self) -> None:
        """Give out the oldest request that nobody has answered, once."""
        if self._unanswered and not self._out and not self._unanswered[0].is_given:
            self._unanswered[0].is_given = True
            self._owner.arrived(self._unanswered[0])

    # --- answers ---

    def answer(self, request: Request, response: bytes) -> None:
        """On any thread. What the kernel does not take at once is sent on by the listener."""
        rest = self._send(response)
        if rest:
            self._out = rest
            self._owner.look_at(self)
        else:
            self._answered(request)

    def send_on(self) -> None:
        """The kernel takes more."""
        self._out = self._send(self._out)
        if not self._out:
            self._answered(self._unanswered[0])

    def _send(self, data: Union[bytes, memoryview]) -> Union[bytes, memoryview]:
        """Returns what was not sent."""
        try:
            sent = self.socket.send(data, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return data
        except OSError:  # the caller has left
            self.let_go()
            return b""
        return memoryview(data)[sent:] if sent < len(data) else b""

    def _answered(self, request: Request) -> None:
        self._unanswered.popleft()
        if self._owner.stopping:
            self.let_go()
        elif not request.keeps:
            self._part()
        if self._is_gone or self._unanswered:
            self._owner.look_at(self)

    def _part(self) -> None:
        """The caller sees the end of the answer; one who may still be sending is heard out."""
        if self._spare <= 0:
            return self.let_go()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        return None


def _lower(name: bytes) -> str:
    found = name.decode("latin-1").lower()
    if len(_KNOWN_NAMES) < _MOST_KNOWN and len(name) < _LONG_NAME:
        _KNOWN_NAMES[name] = found
    return found


def _target(url: str) -> Tuple[str, str]:
    """Path and query of a request's target, which proxies are sent with scheme and host."""
    if not url.startswith("/"):
        _, found, rest = url.partition("://")
        url = "/" + rest.partition("/")[2] if found else url
    path, _, query = url.partition("?")
    return path, query


def _response(request: Request, status: int, headers: Sequence[Tuple[str, str]], body: bytes) -> bytes:
    first = _FIRST_LINES.get(status) or f"HTTP/1.1 {status} \r\n"
    text = first + "".join([f"{name}: {value}\r\n" for name, value in headers])
    if not text.count("\n") == text.count("\r") == len(headers) + 1 or "\0" in text:
        raise ValueError("a header of the answer holds a line break or a NUL")
    if not request.keeps:
        text += "connection: close\r\n"
    if status in _WITHOUT_BODY or status < 200:
        return (text + "\r\n").encode("latin-1", "replace")
    head = f"{text}content-length: {len(body)}\r\n\r\n".encode("latin-1", "replace")
    return head if request.method == "HEAD" else head + body
