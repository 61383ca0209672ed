"""Requests that no honest client sends, for the scoring port: malformed HTTP, malformed JSON, the shapes of request smuggling.

Pure: a seed in, cases out. `fuzzing` sends them. Every case carries tokens of its own, twelve digits beginning with 7, which
an answer may repeat; a token that begins with 8 stands in a request hidden inside another one and must never be scored
behind a router.
"""

import dataclasses
import json
import random
from collections.abc import Callable, Iterator


@dataclasses.dataclass(frozen=True)
class Case:
    """Bytes for one connection; `ends` says that nothing more can be hoped for once they are sent."""

    kind: str
    data: bytes
    ends: bool = False


class Maker:
    """Makes cases for one address: `head` are header lines that a good request to it needs, `body` is one, with a token."""

    def __init__(
        self, seed: int, *, path: str = "/score", head: bytes = b"", body: bytes = b'{"token": "%s"}'
    ) -> None:
        self._chance = random.Random(seed)  # noqa: S311  # chance that can be repeated, no secret
        self._good_body = body
        self.hidden: set[str] = set()  # tokens of requests inside others
        self._path = path.encode()
        self._head = b"host: fuzz\r\ncontent-type: application/json\r\n" + head
        self._kinds: list[Callable[[], Case]] = [
            self._mutated, self._cut, self._request_line, self._headers, self._length, self._encoding, self._chunks,
            self._pipelined, self._smuggled, self._json, self._json, self._noise, self._other_protocol,
        ]  # fmt: skip

    def cases(self) -> Iterator[Case]:
        """Without end."""
        while True:
            yield self._chance.choice(self._kinds)()

    def token(self, first: int = 7) -> str:
        """Twelve digits that no other case has."""
        return f"{first}{self._chance.randrange(10**11):011d}"

    def request(self, body: bytes | None = None, *, lines: bytes | None = None) -> bytes:
        """A good request, unless its lines about its length are given."""
        content = self._body() if body is None else body
        length = b"content-length: %d\r\n" % len(content) if lines is None else lines
        return b"POST " + self._path + b" HTTP/1.1\r\n" + self._head + length + b"\r\n" + content

    def _body(self) -> bytes:
        return self._good_body % self.token().encode()

    def _pick(self, *choices: bytes) -> bytes:
        return self._chance.choice(choices)

    def _bytes(self, most: int) -> bytes:
        return self._chance.randbytes(self._chance.randrange(most))

    def _mutated(self) -> Case:
        data = bytearray(self.request())
        for _ in range(self._chance.randrange(1, 8)):
            at = self._chance.randrange(len(data))
            match self._chance.randrange(4):
                case 0:
                    data[at] = self._chance.randrange(256)
                case 1:
                    del data[at : at + self._chance.randrange(1, 9)]
                case 2:
                    data[at:at] = self._pick(b"\r\n", b"\0", b" ", b":", b"\r", b"\n", b"\t", self._bytes(8))
                case _:
                    data[at:at] = data[at : at + self._chance.randrange(1, 30)]
            if not data:
                break
        return Case("mutated", bytes(data))

    def _cut(self) -> Case:
        data = self.request()
        return Case("cut", data[: self._chance.randrange(len(data))], ends=True)

    def _request_line(self) -> Case:
        line = self._pick(
            b"POST  " + self._path + b" HTTP/1.1",
            b"POST " + self._path + b" HTTP/9.9",
            b"POST " + self._path,
            b"PO\0ST " + self._path + b" HTTP/1.1",
            b"POST " + self._path + b"/../../etc/passwd HTTP/1.1",
            b"POST " + self._path + b"?" + b"a" * self._chance.randrange(1, 70_000) + b" HTTP/1.1",
            b"POST http://[::1 HTTP/1.1",
            b"POST http://other" + self._path + b" HTTP/1.1",
            b"CONNECT other:443 HTTP/1.1",
            b"OPTIONS * HTTP/1.1",
            b"GET " + self._path + b"?%ff%00%zz HTTP/1.1",
            b"GET \xff\xfe HTTP/1.1",
            b"G" * self._chance.randrange(1, 5000) + b" / HTTP/1.1",
            b"POST " + self._path + b" HTTP/1.0",
            b"\r\n\r\nPOST " + self._path + b" HTTP/1.1",
        )
        body = self._body()
        return Case(
            "request line",
            line + b"\r\n" + self._head + b"content-length: %d\r\n\r\n" % len(body) + body,
        )

    def _headers(self) -> Case:
        odd = self._pick(
            b"no colon here\r\n",
            b": nameless\r\n",
            b"name : space\r\n",
            b"folded: a\r\n b\r\n",
            b" leading: space\r\n",
            b"control: a\x01b\r\n",
            b"nul: a\0b\r\n",
            b"bare: a\nb: c\r\n",
            b"bare: a\rb\r\n",
            b"\xff\xfe: x\r\n",
            b"x: " + b"y" * self._chance.randrange(1, 100_000) + b"\r\n",
            b"".join(b"h%d: x\r\n" % number for number in range(self._chance.randrange(1, 300))),
            b"host: twice\r\nhost: thrice\r\n",
            b"x-request-id: " + b"i" * self._chance.randrange(90, 300) + b"\r\n",
            b"expect: 100-continue\r\n",
            b"expect: nothing\r\n",
            b"connection: close, x-request-id\r\n",
            b"connection: transfer-encoding\r\n",
            b"x-envoy-upstream-rq-timeout-ms: 1\r\nx-envoy-retry-on: 5xx\r\n",
            b"azureml-model-deployment: \xe2\x80\xae\r\n",
            b"content-encoding: gzip\r\n",
        )
        body = self._body()
        return Case("headers", self.request(body, lines=odd + b"content-length: %d\r\n" % len(body)))

    def _length(self) -> Case:
        body = self._body()
        size = len(body)
        lines = self._pick(
            *(
                line % size
                for line in (
                    b"content-length: %d\r\ncontent-length: %d\r\n".replace(b"%d\r\ncon", b"1\r\ncon"),
                    b"content-length: +%d\r\n",
                    b"content-length: 0x%x\r\n",
                    b"content-length: 00%d\r\n",
                    b"content-length: %d \r\n",
                    b"content-length: \t%d\r\n",
                    b"content-length:%d,1\r\n",
                    b"content-length: -%d\r\n",
                    b"content-length: %d.0\r\n",
                    b"content-length: 1%d\r\n",
                )
            ),
            b"content-length: %d\r\ncontent-length: %d\r\n" % (size, size),
            b"content-length: %d, %d\r\n" % (size, size),
            b"content-length: 99999999999999999999999\r\n",
            b"content-length: 18446744073709551617\r\n",
            b"content-length: \r\n",
            b"content-length: a\r\n",
            b"content-length: %d\r\n" % self._chance.randrange(size),
        )
        return Case("length", self.request(body, lines=lines) + self._pick(b"", self.request()))

    def _encoding(self) -> Case:
        body = self._body()
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        lines = self._pick(
            b"transfer-encoding: chunked\r\ncontent-length: %d\r\n" % len(chunked),
            b"content-length: %d\r\ntransfer-encoding: chunked\r\n" % self._chance.randrange(9),
            b"transfer-encoding: xchunked\r\n",
            b"transfer-encoding: chunked, identity\r\n",
            b"transfer-encoding: identity, chunked\r\n",
            b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
            b"transfer-encoding : chunked\r\n",
            b"transfer-encoding:\x0bchunked\r\n",
            b"transfer-encoding:\r\n chunked\r\n",
            b"transfer-encoding: chunKed\r\n",
            b"transfer-encoding: chunked;a=b\r\n",
            b"te: chunked\r\ncontent-length: %d\r\n" % len(chunked),
        )
        return Case("encoding", self.request(chunked, lines=lines) + self._pick(b"", self.request()))

    def _chunks(self) -> Case:
        body = self._body()
        size = b"%x" % len(body)
        chunked = self._pick(
            b"%s\n%s\r\n0\r\n\r\n" % (size, body),
            b"%s;a=\n%s\r\n0\r\n\r\n" % (size, body),
            b"0x%s\r\n%s\r\n0\r\n\r\n" % (size, body),
            b"-%s\r\n%s\r\n0\r\n\r\n" % (size, body),
            b"FFFFFFFFFFFFFFFFF%s\r\n%s\r\n0\r\n\r\n" % (size, body),
            b"%s\r\n%s0\r\n\r\n" % (size, body),
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(body) + 5, body),
            b"%x\r\n%s\r\n0\r\n\r\n" % (max(len(body) - 5, 1), body),
            b"%s\r\n%s\r\n0\r\ncontent-length: 3\r\nhost: trailer\r\n\r\n" % (size, body),
            b"%s\r\n%s\r\n0\r\n" % (size, body),
            b"%s %s\r\n%s\r\n0\r\n\r\n" % (size, size, body),
            b"%s;%s\r\n%s\r\n0\r\n\r\n" % (size, b"e" * self._chance.randrange(20_000), body),
            b"".join(b"1\r\n%c\r\n" % letter for letter in body[:40]) + b"0\r\n\r\n",
        )
        return Case(
            "chunks",
            self.request(chunked, lines=b"transfer-encoding: chunked\r\n") + self._pick(b"", self.request()),
        )

    def _pipelined(self) -> Case:
        return Case("pipelined", b"".join(self.request() for _ in range(self._chance.randrange(2, 6))))

    def _smuggled(self) -> Case:
        """One request that some parsers take for two. The hidden one must not run."""
        token = self.token(8)
        self.hidden.add(token)
        hidden = self.request(self._good_body % token.encode())
        lines, body = self._chance.choice([
            (b"content-length: %d\r\ntransfer-encoding: chunked\r\n" % (5 + len(hidden)), b"0\r\n\r\n" + hidden),
            (b"content-length: 4\r\ntransfer-encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden)),
            (b"content-length: 0\r\ncontent-length: %d\r\n" % len(hidden), hidden),
            (b"content-length: %d\r\ncontent-length: 0\r\n" % len(hidden), hidden),
            (b"transfer-encoding: chunked\r\ntransfer-encoding: x\r\ncontent-length: %d\r\n" % (5 + len(hidden)), b"0\r\n\r\n" + hidden),
            (b"transfer-encoding:\tchunked\r\ncontent-length: %d\r\n" % (5 + len(hidden)), b"0\r\n\r\n" + hidden),
            (b"x: a\ntransfer-encoding: chunked\r\ncontent-length: %d\r\n" % (5 + len(hidden)), b"0\r\n\r\n" + hidden),
            (b"content-length: %d\r\nx: \r\n transfer-encoding: chunked\r\n" % (5 + len(hidden)), b"0\r\n\r\n" + hidden),
            (b"content-length: %d\r\nexpect: 100-continue\r\n" % len(hidden), hidden),
            (b"content-length: %d\r\n" % len(hidden), hidden),
        ])  # fmt: skip
        return Case("smuggled", self.request(body, lines=lines))

    def _json(self) -> Case:
        token = self.token()
        good = {"token": token, "input_data": [[1.5]]}
        text = self._chance.choice([
            self._bad_text(json.dumps(good)), "[" * self._chance.randrange(1, 20_000) + token,
            '{"a":' * self._chance.randrange(1, 3000), "9" * self._chance.randrange(1, 5000), "1e999999", "-", "NaN", "",
            '{"token": "\\ud800"}', '{"token": "\\u12"}', '{"token": "a\x01"}', '{"token": 1, "token": 2}', '{"token": 1,}',
            '\ufeff{"token": 1}', "nul", "[1 2]", '"' + "x" * self._chance.randrange(100_000), "{'token': 1}", "0x10", "01",
            f'{{"input_data": [[{self._chance.choice(["1e400", "-0", "1.", ".5", "null", "true", "[]", "{}"])}]]}}',
            f'{{"input_data": {json.dumps([[1] * self._chance.randrange(4)] * self._chance.randrange(4))}}}',
            json.dumps({self._chance.choice(["input_data", "data", "inputs", "token", "\0"]): self._value(4)}),
        ])  # fmt: skip
        body = text.encode("utf-8", "surrogatepass")
        if self._chance.random() < 0.2:
            body = (
                body[: len(body) // 2]
                + self._pick(b"\xff", b"\xc3", b"\xed\xa0\x80", b"\0")
                + body[len(body) // 2 :]
            )
        return Case("json", self.request(body))

    def _bad_text(self, text: str) -> str:
        at = self._chance.randrange(len(text))
        return (
            text[:at]
            + self._chance.choice(["", "}", "]", '"', "\\", "\x00", ",", ":", "\U0001f600"])
            + text[at + 1 :]
        )

    def _value(self, depth: int) -> object:
        kinds = ["", None, True, -1, 1.5, 10**400, "\u2028", "x" * 300]
        if depth == 0 or self._chance.random() < 0.4:
            return self._chance.choice(kinds)
        inner = [self._value(depth - 1) for _ in range(self._chance.randrange(4))]
        return (
            inner if self._chance.random() < 0.5 else {str(number): one for number, one in enumerate(inner)}
        )

    def _noise(self) -> Case:
        return Case("noise", self._bytes(3000) + self._pick(b"", b"\r\n\r\n"), ends=True)

    def _other_protocol(self) -> Case:
        data = self._pick(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self._bytes(60),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + self._bytes(500),
            b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n",
            b"GET /\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
        )  # fmt: skip
        return Case("other protocol", data, ends=True)
