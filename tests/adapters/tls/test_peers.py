"""Who is at the other end, by the addresses of a socket."""

from __future__ import annotations

import pytest
from smtpcore_tls import peer_from

from smtpcore.session import Peer


@pytest.mark.parametrize(
    ("shown", "plain"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8::1", "2001:db8::1"),
    ],
)
def test_an_address_has_no_zone_and_is_ipv4_where_it_can_be(shown: str, plain: str) -> None:
    assert peer_from((shown, 9), ("::1", 25)) == Peer(plain, 9, "::1", 25)
    assert peer_from(("::1", 9), (shown, 25)) == Peer("::1", 9, plain, 25)


def test_the_zone_of_an_address_is_left_out() -> None:
    assert peer_from(("fe80::1%eth0", 9, 0, 2), ("fe80::2%2", 25, 0, 2)) == Peer("fe80::1", 9, "fe80::2", 25)


@pytest.mark.parametrize("name", ["", "/run/smtp", b"\0abstract", None])
def test_a_unix_socket_has_no_address(name: object) -> None:
    assert peer_from(name, name) == Peer()
