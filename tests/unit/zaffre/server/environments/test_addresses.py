import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.core import errors
from zaffre.server.environments import addresses

SECRETS = st.from_regex(r"[A-Za-z0-9%_.~!$&*+,;=:-]{6,20}", fullmatch=True).map(lambda text: f"S3{text}S3")


@given(
    SECRETS,
    st.sampled_from(
        [
            "https://{}@host/simple",
            "https://me:{}@host:8080/x",
            "error at http://{}:x@h/y now",
            "https://conda/t/{}/channel",
        ]
    ),
)
def test_no_secret_survives(secret, form):
    text = form.format(secret)
    assert secret not in addresses.redact(text)
    assert secret not in addresses.without_credentials(text)


@given(st.from_regex(r"https://[a-z]{1,8}(:\d{2,4})?/[a-z/]{0,10}", fullmatch=True))
def test_an_address_without_secrets_stays_as_it_is(address):
    assert addresses.redact(address) == address == addresses.without_credentials(address)


def test_credentials_come_back_for_the_same_place_only():
    known = ["https://me:pw@host/channel", "https://open/channel"]
    assert (
        addresses.with_credentials("https://host/channel/noarch/x.conda", known)
        == "https://me:pw@host/channel/noarch/x.conda"
    )
    assert addresses.with_credentials("https://host/channels/x", known) == "https://host/channels/x"
    assert addresses.with_credentials("https://open/channel/x", known) == "https://open/channel/x"


@pytest.mark.parametrize("address", ["/srv/x", "file:///srv/x", "ftp://h/x", "https://", "C:\\x", "//host/x"])
def test_only_remote_addresses_pass(address):
    with pytest.raises(errors.Invalid):
        addresses.check_remote(address, what="It")
