"""TLS and mutual TLS of the control plane, as its clients meet it: SDK, command line, plain HTTP libraries."""

import concurrent.futures
import os
import ssl
import subprocess
import sys
import threading
import time

import httpx
import pytest

from zaffre import MLClient
from zaffre.core import errors
from zaffre.testing import certificates, waiting
from zaffre.testing import server as servers


@pytest.fixture(scope="module")
def authority():
    return certificates.Authority()


@pytest.fixture
def start(tmp_path):
    """A function that starts a server with settings."""
    running = []

    def make(**environment):
        running.append(servers.ServerProcess(tmp_path / "home", environment))
        return running[-1].start()

    yield make
    for server in running:
        server.end()


def settings_of(files):
    return {"ZAFFRE_TLS_CERTIFICATE": str(files.certificate), "ZAFFRE_TLS_KEY": str(files.key)}


def serial(server):
    found = ssl.get_server_certificate(("127.0.0.1", server.facts()["port"]))
    return certificates.Issued(found.encode(), b"").serial


def await_serial(server, wanted):
    end = time.monotonic() + 120
    while serial(server) != wanted:
        assert time.monotonic() < end, "the new certificate was not taken in time"
        time.sleep(0.05)


def shown(server):
    with server.client() as client:
        (found,) = client.get("/server/certificates").json()["items"]
    return found


BUNDLES = ("ZAFFRE_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def actions(server):
    with server.client() as client:
        return {item["action"] for item in client.get("/audit").json()["items"]}


def test_a_certificate_is_replaced_while_requests_run(start, authority, tmp_path):
    first = authority.issue()
    server = start(**settings_of(first.write(tmp_path)))
    url, trust = server.facts()["url"], authority.trust()
    assert url.startswith("https://127.0.0.1:")
    stopping, failures, answered = threading.Event(), [], []

    def ask(*, fresh):
        with httpx.Client(base_url=url, verify=trust, timeout=60) as kept:
            while not stopping.is_set():
                try:
                    answer = (
                        httpx.get(f"{url}/healthz", verify=trust, timeout=60)
                        if fresh
                        else kept.get("/healthz")
                    )
                    answered.append(answer.raise_for_status())
                except httpx.HTTPError as error:
                    failures.append(repr(error))

    with concurrent.futures.ThreadPoolExecutor() as pool:
        asking = [pool.submit(ask, fresh=fresh) for fresh in (True, False)]
        try:
            for _ in range(2):
                issued = authority.issue()
                issued.write(tmp_path)
                await_serial(server, issued.serial)
            waiting.until(lambda: len(answered) > 20)
        finally:
            stopping.set()
        [item.result() for item in asking]
    assert failures == []
    assert shown(server)["problem"] is None

    wrong = authority.issue()
    (tmp_path / "server.key").write_bytes(wrong.key)
    end = time.monotonic() + 120
    while not shown(server)["problem"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert "does not match the key" in shown(server)["problem"]
    assert serial(server) == issued.serial
    while not {"CertificateReplaced", "CertificateRefused"} <= actions(server):
        assert time.monotonic() < end, actions(server)
        time.sleep(0.05)
    log = (server.home / "logs" / "server.log").read_text()
    assert "the old one stays" in log
    assert "BEGIN" not in log


def cli(server, *words, **environment):
    names = {
        "ZAFFRE_HOME": str(server.home),
        "HOME": str(server.home.parent),
        "PATH": os.environ["PATH"],
        **environment,
    }
    command = [sys.executable, "-m", "zaffre", *words]
    return subprocess.run(command, env=names, capture_output=True, text=True, check=False)


def test_clients_believe_the_own_server_and_those_of_an_authority_they_are_given(
    start, authority, tmp_path, monkeypatch
):
    server = start(**settings_of(authority.issue("ml.example.org").write(tmp_path)))
    url = server.facts()["url"]
    listed = cli(server, "server", "certificates")
    assert listed.returncode == 0, listed.stderr
    assert "ml.example.org" in listed.stdout
    assert "running" in cli(server, "server", "status").stdout

    token, elsewhere = server.token(), {"ZAFFRE_HOME": str(tmp_path / "nobody")}
    for name, value in {**elsewhere, "ZAFFRE_URL": url, "ZAFFRE_TOKEN": token}.items():
        monkeypatch.setenv(name, value)
    for name in BUNDLES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(errors.Unavailable, match="ZAFFRE_CA_BUNDLE"):
        list(MLClient().models.list())
    authority.issue("localhost", "127.0.0.1").write(tmp_path)
    await_serial(server, certificates.Issued((tmp_path / "server.crt").read_bytes(), b"").serial)
    bundle = str(authority.write(tmp_path))
    assert list(MLClient(connection_verify=bundle).models.list()) == []
    for name in BUNDLES:
        with monkeypatch.context() as patched:
            patched.setenv(name, bundle)
            assert list(MLClient().models.list()) == []
    with pytest.raises(errors.Invalid, match="connection_verify=False"):
        MLClient(connection_verify=False)


def test_the_own_server_is_believed_where_other_tools_are_told_of_other_authorities(
    start, authority, tmp_path
):
    others = str(certificates.Authority("of a company").write(tmp_path, "company"))
    server = start(**settings_of(authority.issue("ml.example.org").write(tmp_path)))
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        listed = cli(server, "model", "list", **{name: others})
        assert listed.returncode == 0, listed.stderr
        assert "running" in cli(server, "server", "status", **{name: others}).stdout


def test_only_clients_with_a_certificate_reach_a_server_with_client_authorities(start, authority, tmp_path):
    theirs = certificates.Authority("of clients")
    client = theirs.issue("me").write(tmp_path, "client")
    own = {"ZAFFRE_CLIENT_CERTIFICATE": str(client.certificate), "ZAFFRE_CLIENT_KEY": str(client.key)}
    files = authority.issue().write(tmp_path)
    server = start(**settings_of(files), ZAFFRE_TLS_CLIENT_CA=str(theirs.write(tmp_path, "clients")), **own)
    url = server.facts()["url"]
    assert cli(server, "model", "list", **own).returncode == 0
    refused = cli(server, "model", "list")
    assert refused.returncode == 7
    assert "ZAFFRE_CLIENT_CERTIFICATE" in refused.stderr
    assert "running" in cli(server, "server", "status").stdout
    stranger = authority.issue("me").write(tmp_path, "stranger")
    for context in (authority.trust(), authority.trust(stranger)):
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{url}/healthz", verify=context, timeout=60)
    assert httpx.get(f"{url}/healthz", verify=authority.trust(client), timeout=60).status_code == 200
    # Whoever has a certificate still needs a token.
    assert (
        httpx.get(f"{url}/api/v1/workspaces", verify=authority.trust(client), timeout=60).status_code == 401
    )


def test_a_first_start_without_a_usable_certificate_is_refused(authority, tmp_path):
    files = authority.issue().write(tmp_path)
    files.key.write_bytes(authority.issue().key)
    server = servers.ServerProcess(tmp_path / "home", settings_of(files))
    with pytest.raises(AssertionError, match="does not match the key"):
        server.start()
    server.stop()


def test_listening_for_others_in_the_clear_is_warned_of(start, authority, tmp_path):
    server = start(ZAFFRE_HOST="0.0.0.0", ZAFFRE_SCORING_HOST="127.0.0.1")
    (warning,) = server.facts()["warnings"]
    assert "ZAFFRE_TLS_CERTIFICATE" in warning
    assert warning in (server.home / "logs" / "server.log").read_text()
