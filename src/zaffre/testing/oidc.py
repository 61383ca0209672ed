"""A real OpenID Connect issuer on loopback, for tests: discovery, key set, key rotation, tokens of any kind.

with oidc.Issuer() as issuer:
    token = issuer.token(audience="churn")

It is a process with sockets, not a mock: it can be stopped and started again on its port, with or without new keys. What
it signs is signed by `cryptography`; tokens that no honest issuer would make are made here too, to be refused.
"""

import base64
import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time
from typing import Any, Self

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from zaffre.testing import certificates


class SigningKey:
    """One RSA key of an issuer."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def public(self) -> dict[str, str]:
        """As it stands in the key set."""
        numbers = self._key.public_key().public_numbers()
        values = {"n": numbers.n, "e": numbers.e}
        encoded = {
            name: _base64(value.to_bytes((value.bit_length() + 7) // 8, "big"))
            for name, value in values.items()
        }
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, **encoded}

    def public_pem(self) -> bytes:
        """What everybody may know; the classic forgery signs with it as if it were a shared secret."""
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, head: dict[str, Any], claims: dict[str, Any]) -> str:
        """An RS256 token."""
        signed = f"{_part(head)}.{_part(claims)}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"


class Issuer:
    """The issuer. Context manager; `stop` and `start` take it down and up again at the same address."""

    def __init__(self, authority: certificates.Authority | None = None, folder: Any = None) -> None:
        self.keys = [SigningKey("first")]
        self.extra_keys: list[dict[str, Any]] = []
        self.claimed_name = ""
        self.asked = 0
        self._tls = authority.issue().write(folder, "issuer") if authority else None
        self._port = 0
        self._server: http.server.ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The issuer's name, and its address."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Answer, at the same port as before."""
        server = http.server.ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._tls.certificate, self._tls.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        self._port = server.server_address[1]
        self._server = server
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Answer nobody any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def rotate(self, kid: str, *, keep: int = 0) -> None:
        """A new key that signs from now on; of the earlier ones the newest `keep` stay published."""
        self.keys = [SigningKey(kid), *self.keys[:keep]]

    def token(self, *, audience: Any, **claims: Any) -> str:
        """A good token; `claims` replace or add, those that are None are left out."""
        head, body = self.parts(audience=audience, **claims)
        return self.keys[0].sign(head, body)

    def parts(self, *, audience: Any, **claims: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Head and claims of a good token."""
        now = int(time.time())
        body = {
            "iss": self.url,
            "aud": audience,
            "sub": "someone",
            "iat": now,
            "nbf": now - 1,
            "exp": now + 300,
        }
        body = {name: value for name, value in {**body, **claims}.items() if value is not None}
        return {"alg": "RS256", "typ": "JWT", "kid": self.keys[0].kid}, body

    def unsigned(self, *, audience: Any) -> str:
        """A token that says it needs no signature."""
        head, body = self.parts(audience=audience)
        return f"{_part({**head, 'alg': 'none'})}.{_part(body)}."

    def signed_with_the_public_key(self, *, audience: Any) -> str:
        """HS256 with the public key as the shared secret."""
        head, body = self.parts(audience=audience)
        signed = f"{_part({**head, 'alg': 'HS256'})}.{_part(body)}"
        mac = hmac.new(self.keys[0].public_pem(), signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_base64(mac)}"

    def without_kid(self, *, audience: Any) -> str:
        """Rightly signed, and silent about the key."""
        head, body = self.parts(audience=audience)
        return self.keys[0].sign({name: value for name, value in head.items() if name != "kid"}, body)

    def _document(self, path: str) -> dict[str, Any] | None:
        self.asked += 1
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.claimed_name or self.url, "jwks_uri": f"{self.url}/keys"}
        if path == "/keys":
            return {"keys": [*(key.public() for key in self.keys), *self.extra_keys]}
        return None

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                document = issuer._document(self.path)
                content = json.dumps(document).encode()
                self.send_response(200 if document else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        return Handler


def _part(document: dict[str, Any]) -> str:
    return _base64(json.dumps(document, separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
