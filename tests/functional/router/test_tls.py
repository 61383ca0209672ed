"""TLS at the router: a real Envoy, real handshakes, certificates that change while requests run."""

import socket
import ssl
import time

import httpx
import pytest

from zaffre.core import errors
from zaffre.server import secrets
from zaffre.server.endpoints.router import envoy, tls
from zaffre.server.secrets import certificates as reading
from zaffre.testing import certificates, load, postgres

from .conftest import KEYS, await_running


@pytest.fixture(scope="module")
def authority():
    return certificates.Authority()


def pair_of(issued, folder, client_ca=""):
    files = issued.write(folder)
    return reading.read(secrets.Paths(str(files.certificate), str(files.key), str(client_ca)))


@pytest.fixture
def encrypted(runner, place):
    """A function that starts the router with TLS."""
    made = []

    def make(pair):
        mode = tls.Mode(encrypted=True, client_certificates=bool(pair.client_ca))
        router = envoy.Envoy(
            runner, place / "router", host="127.0.0.1", port=postgres.free_port(), listening=mode
        )
        made.append(router)
        router.install(pair, None)
        router.ensure_running()
        await_running(router)
        return router

    yield make
    runner.kill(envoy.SERVICE_ID)
    for router in made:
        router.close()


def serial(router, authority):
    """Of the certificate that a new connection is shown."""
    found = ssl.get_server_certificate(("127.0.0.1", router.port))
    return certificates.Issued(found.encode(), b"").serial


def score(router, verify):
    headers = {"authorization": f"Bearer {KEYS['primary']}"}
    return httpx.post(
        f"{router.url}/default/churn/score", headers=headers, json={}, verify=verify, timeout=60
    )


def await_serial(router, authority, wanted):
    end = time.monotonic() + 60
    while serial(router, authority) != wanted:
        assert time.monotonic() < end, "the new certificate was not shown in time"
        time.sleep(0.02)


def test_certificates_change_under_load_and_nothing_fails(encrypted, authority, upstreams, state, place):
    first = authority.issue()
    before = pair_of(first, place)
    router = encrypted(before)
    blue = upstreams("blue")
    router.apply(state(("blue", "r1", [blue]), traffic={"blue": 100}))
    assert router.url.startswith("https://")
    assert serial(router, authority) == first.serial
    key = {"authorization": f"Bearer {KEYS['primary']}"}
    url, trust = f"{router.url}/default/churn/score", authority.trust()
    with (
        load.Load(url, headers=key, verify=trust) as steady,
        load.Load(url, headers=key, verify=trust, connections=2, once=True) as fresh,
    ):
        for _ in range(4):
            issued = authority.issue()
            after = pair_of(issued, place)
            router.install(after, before)
            before = after
            await_serial(router, authority, issued.serial)
            steady.await_answers(200)
            fresh.await_answers(20)
    assert steady.failures == []
    assert fresh.failures == []


def test_the_private_key_lies_in_private_files_only(encrypted, authority, place):
    encrypted(pair_of(authority.issue(), place / "run"))
    for path in (place / "router").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_plain_http_and_old_tls_are_refused(encrypted, authority, upstreams, state, place):
    router = encrypted(pair_of(authority.issue(), place))
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{router.port}/", timeout=60)
    with pytest.raises(httpx.ConnectError, match=r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"):
        score(router, certificates.Authority("another").trust())
    old = authority.trust()
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(httpx.ConnectError):
        score(router, old)


def test_http_2_is_spoken_with_clients_that_ask_for_it(encrypted, authority, place):
    router = encrypted(pair_of(authority.issue(), place))
    context = authority.trust()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        context.wrap_socket(_connect(router), server_hostname="localhost") as both,
        authority.trust().wrap_socket(_connect(router), server_hostname="localhost") as one,
    ):
        assert both.selected_alpn_protocol() == "h2"
        assert one.selected_alpn_protocol() is None


def test_only_clients_of_the_authority_come_in(encrypted, authority, upstreams, state, place):
    theirs = certificates.Authority("of clients")
    router = encrypted(pair_of(authority.issue(), place, theirs.write(place, "clients")))
    router.apply(state(("blue", "r1", [upstreams("blue")]), traffic={"blue": 100}))
    good = theirs.issue("client").write(place, "client")
    bad = authority.issue("stranger").write(place, "stranger")
    assert score(router, authority.trust(good)).status_code == 200
    for client in (None, bad):
        with pytest.raises(httpx.TransportError):
            score(router, authority.trust(client))

    renewed = certificates.Authority("of clients, renewed")
    after = pair_of(authority.issue(), place, renewed.write(place, "clients"))
    router.install(after, None)
    fresh = renewed.issue("client").write(place, "fresh")
    assert score(router, authority.trust(fresh)).status_code == 200
    with pytest.raises(httpx.TransportError):
        score(router, authority.trust(good))


def test_what_envoy_refuses_leaves_the_old_certificate(encrypted, authority, place):
    first = authority.issue()
    before = pair_of(first, place)
    router = encrypted(before)
    broken = pair_of(authority.issue(), place)
    object.__setattr__(broken, "key", before.key)
    with pytest.raises(errors.Invalid, match="does not take the certificate"):
        router.install(broken, before)
    assert serial(router, authority) == first.serial
    assert "PRIVATE" in (place / "router" / "sds" / "certificate.json").read_text()


def _connect(router):
    return socket.create_connection(("127.0.0.1", router.port), timeout=60)
