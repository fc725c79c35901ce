"""What a client checks servers against."""

from __future__ import annotations

import pytest
from smtpcore_tls import name_of


@pytest.mark.parametrize(
    ("host", "name"), [("mx.test.", "mx.test"), ("fe80::1%eth0", "fe80::1"), ("192.0.2.1", "192.0.2.1")]
)
def test_what_a_certificate_has_to_be_for_is_the_host_as_others_call_it(host: str, name: str) -> None:
    assert name_of(host) == name
