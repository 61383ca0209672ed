"""What a certificate's files may hold, what is said of those that may not, and that the last good pair stays."""

import subprocess

import pytest

from zaffre.core import errors
from zaffre.server import secrets
from zaffre.server.secrets import certificates as reading
from zaffre.testing import certificates


@pytest.fixture(scope="module")
def authority():
    return certificates.Authority()


@pytest.fixture
def files(authority, tmp_path):
    return authority.issue().write(tmp_path)


def paths(files, client_ca=""):
    return secrets.Paths(str(files.certificate), str(files.key), str(client_ca))


def test_a_good_pair_tells_what_it_is(authority, files, tmp_path):
    pair = reading.read(paths(files, authority.write(tmp_path)))
    assert pair.subject == "CN=localhost"
    assert pair.names == ("localhost", "127.0.0.1", "::1")
    assert 29 < pair.days_left() <= 30
    assert "PRIVATE" not in repr(pair)
    assert pair.client_ca.encode() == authority.pem


def test_half_a_pair_in_the_settings_is_refused():
    assert secrets.Paths.of("", "", "", prefix="") is None
    for given in (("a", "", ""), ("", "b", ""), ("", "", "c")):
        with pytest.raises(errors.Invalid, match="scoring_tls_"):
            secrets.Paths.of(*given, prefix="scoring_")


def spoil(kind, files, authority):
    if kind in COMMANDS:
        subprocess.run(COMMANDS[kind](files), check=True, capture_output=True)
    elif kind in DATES:
        authority.issue(**DATES[kind]).write(files.key.parent)
    elif kind == "no key":
        files.key.unlink()
    else:
        name, content = CONTENTS[kind](authority.issue())
        getattr(files, name).write_bytes(content)


COMMANDS = {
    "password": lambda files: ["openssl", "ec", "-in", files.key, "-aes256", "-passout", "pass:x", "-out", files.key],
    "weak": lambda files: [
        "openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=x",
        "-keyout", files.key, "-out", files.certificate,
    ],
}  # fmt: skip
DATES = {"expired": {"days": -1}, "early": {"starts_in_days": 2}}
CONTENTS = {
    "mismatch": lambda other: ("key", other.key),
    "no pem": lambda _: ("certificate", b"hello"),
    "binary": lambda _: ("certificate", bytes(range(256))),
    "key in the certificate's place": lambda other: ("certificate", other.key),
    "certificate in the key's place": lambda other: ("key", other.certificate),
}
WRONG = {
    "mismatch": "does not match the key",
    "expired": "expired at",
    "early": "is not valid before",
    "no key": "cannot be read: No such file",
    "no pem": "holds no certificate",
    "binary": "is not a PEM file",
    "key in the certificate's place": "holds no certificate",
    "certificate in the key's place": "holds no private key",
    "password": "locked with a password",
    "weak": "of a kind that the listeners do not take",
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_said_with_the_file_and_without_its_content(kind, authority, files):
    spoil(kind, files, authority)
    with pytest.raises(errors.Invalid, match=WRONG[kind]) as caught:
        reading.read(paths(files))
    assert str(files.key.parent) in str(caught.value)
    assert "BEGIN" not in caught.value.detail


def test_client_authorities_must_be_certificates(files, tmp_path):
    (tmp_path / "ca.crt").write_text("nothing")
    with pytest.raises(errors.Invalid, match=r"ca\.crt"):
        reading.read(paths(files, tmp_path / "ca.crt"))


class Listener:
    """Remembers what it was given."""

    def __init__(self):
        self.fingerprints = []

    def install(self, pair, _previous):
        self.fingerprints.append(pair.fingerprint)


@pytest.fixture
def listener():
    return Listener()


def keeper(files, tmp_path, listener):
    return secrets.Keeper("endpoints", paths(files), tmp_path / "tls", listener.install)


def settle(kept):
    """A replacement is taken at the second look that finds the files unchanged."""
    return [kept.look(), kept.look()][-1]


def test_a_replaced_pair_is_taken_once(authority, files, tmp_path, listener):
    kept = keeper(files, tmp_path, listener)
    kept.start()
    assert not kept.look()
    authority.issue().write(tmp_path)
    assert settle(kept)
    assert not kept.look()
    assert len(set(listener.fingerprints)) == 2
    assert kept.facts()["fingerprint"] == listener.fingerprints[-1]
    for name in ("endpoints.json", "endpoints.crt"):
        assert (tmp_path / "tls" / name).stat().st_mode & 0o077 == 0
    assert b"PRIVATE" not in (tmp_path / "tls" / "endpoints.crt").read_bytes()


def test_a_pair_through_links_as_kubernetes_mounts_secrets(authority, tmp_path, listener):
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        authority.issue().write(tmp_path / str(number))
    data = tmp_path / "data"
    data.symlink_to("1")
    kept = keeper(certificates.Files(data / "server.crt", data / "server.key"), tmp_path, listener)
    kept.start()
    (tmp_path / "new").symlink_to("2")
    (tmp_path / "new").replace(data)
    assert settle(kept)
    assert len(set(listener.fingerprints)) == 2


@pytest.mark.parametrize("kind", WRONG)
def test_the_old_pair_stays_and_the_reason_is_told_once(kind, authority, files, tmp_path, listener):
    kept = keeper(files, tmp_path, listener)
    kept.start()
    spoil(kind, files, authority)
    assert settle(kept)
    assert WRONG[kind] in kept.facts()["problem"]
    assert not kept.look()
    assert len(listener.fingerprints) == 1
    assert kept.pair.fingerprint == listener.fingerprints[0]

    authority.issue().write(tmp_path)
    assert settle(kept)
    assert kept.facts()["problem"] is None
    assert len(listener.fingerprints) == 2


def test_a_restart_with_a_faulty_pair_listens_with_the_last_good_one(authority, files, tmp_path, listener):
    keeper(files, tmp_path, listener).start()
    files.key.write_bytes(authority.issue().key)
    again = keeper(files, tmp_path, listener)
    again.start()
    assert len(set(listener.fingerprints)) == 1
    assert "does not match" in again.facts()["problem"]


def test_a_first_start_with_a_faulty_pair_is_refused(authority, files, tmp_path, listener):
    files.key.write_bytes(authority.issue().key)
    with pytest.raises(errors.Invalid, match="does not match"):
        keeper(files, tmp_path, listener).start()


def test_a_listener_that_does_not_take_a_pair_keeps_the_old_one(authority, files, tmp_path, listener):
    kept = keeper(files, tmp_path, listener)
    kept.start()
    first = kept.pair.fingerprint

    def refuse(_pair, _previous):
        raise errors.Invalid("not this one")

    kept._install = refuse
    authority.issue().write(tmp_path)
    assert settle(kept)
    assert (kept.pair.fingerprint, kept.problem) == (first, "not this one")
