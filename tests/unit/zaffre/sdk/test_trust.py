"""Whom a client believes, and how curl is told the same."""

import json
import ssl

import pytest

from zaffre.sdk import trust
from zaffre.testing import certificates


def own_home(folder):
    """A home whose server listens over TLS with its endpoints beside it."""
    (folder / "tls").mkdir()
    for listener in ("control-plane", "endpoints"):
        (folder / "tls" / f"{listener}.crt").write_text("a certificate")
    known = {"url": "https://10.1.2.3:8443", "scoring_url": "https://ml.example.org:9443"}
    (folder / "server.json").write_text(json.dumps(known))
    return folder


def find(folder, **environment):
    return trust.Trust.find(environ={"ZAFFRE_HOME": str(folder), **environment})


def believes_own(found, url):
    return isinstance(found.context(url), trust._OwnServer)


def test_the_own_control_plane_is_known_by_every_address_that_it_listens_on(tmp_path):
    found = find(own_home(tmp_path), REQUESTS_CA_BUNDLE="/absent.pem")
    assert believes_own(found, "https://10.1.2.3:8443")
    assert believes_own(found, "https://localhost:8443")
    assert believes_own(found, "https://127.0.0.1:9443")


def test_an_address_of_a_setting_may_show_the_certificate_of_somebody_else(tmp_path):
    assert not believes_own(find(own_home(tmp_path)), "https://ml.example.org:9443")


def test_curl_is_told_what_the_client_knows(tmp_path):
    home = own_home(tmp_path)
    assert find(home).curl_options("http://127.0.0.1:9443/x") == []
    assert find(home).curl_options("https://127.0.0.1:9443/x") == [
        "--cacert",
        f"{home}/tls/endpoints.crt",
    ]
    mine = {"ZAFFRE_CLIENT_CERTIFICATE": "me.crt", "ZAFFRE_CLIENT_KEY": "me.key"}
    assert find(home, ZAFFRE_CA_BUNDLE="ca.pem", **mine).curl_options("https://ml.example.org:9443/x") == [
        *("--cacert", "ca.pem"),
        *("--cert", "me.crt"),
        *("--key", "me.key"),
    ]
    assert find(home).curl_options("https://ml.example.org:9443/x") == []


def shake_hands(client_context, server_context):
    """Without a network, as asyncio does it: what one side writes, the other reads."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(back, there, server_hostname="localhost")
    server = server_context.wrap_bio(there, back, server_side=True)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client.getpeercert(binary_form=True)


def test_the_own_server_is_believed_by_clients_with_an_event_loop_too(tmp_path):
    home, issued = own_home(tmp_path), certificates.Authority().issue()
    (home / "tls" / "endpoints.crt").write_bytes(issued.certificate)
    files = issued.write(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(files.certificate, files.key)
    context = find(home).context("https://127.0.0.1:9443")
    assert shake_hands(context, serving)
    other = certificates.Authority().issue()
    (home / "tls" / "endpoints.crt").write_bytes(other.certificate)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(context, serving)
