"""What no database can hold is refused; what only looks like it passes."""

import pytest

from zaffre.core import errors
from zaffre.server.api import gate


@pytest.mark.parametrize(
    "body",
    [
        rb"1e999", rb"[1e999]", rb'{"a":1e999}', rb'{"a": -1.5E+400}', rb'{"a":[0,1E0000400]}', rb"[ 12.25e309 ]",
        rb'{"a":123456789012345678901}', rb"[NaN]", rb"[-Infinity]", rb'["\u0000"]', rb'["\ud800"]', rb'{"\udfff":1}',
    ],
)  # fmt: skip
def test_what_no_database_holds_is_refused(body):
    with pytest.raises(errors.Invalid):
        gate.check_body(body)


@pytest.mark.parametrize(
    "body",
    [
        rb'{"a":"5e123f"}',
        rb"[1e3, 1.5e30, 2e-400]",
        rb'["zaffre://trees/8e999"]',
        '["\u00e4\U0001f600"]'.encode(),
    ],
)
def test_what_only_looks_like_it_passes(body):
    gate.check_body(body)


def test_an_address_is_text():
    gate.check_text("models/\U0001f600", "The address")
    for bad in ("a\0", "a\ud800", "\udfffb"):
        with pytest.raises(errors.Invalid):
            gate.check_text(bad, "The address")
