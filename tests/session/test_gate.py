"""The gate: connections in all, from one address, from one network; and memory."""

from __future__ import annotations

from types import TracebackType

import pytest

from smtpcore import Gate, Peer
from smtpcore.session import Admission


def admits(gate: Gate, *hosts: str | None) -> list[Admission]:
    return [gate.admit(Peer(host)) for host in hosts]


ADMITTED, FULL, FULL_HERE = Admission.ADMITTED, Admission.FULL, Admission.FULL_HERE


@pytest.mark.threat("T-FLOOD")
def test_connections_in_all_are_limited() -> None:
    gate = Gate(total=2)
    assert admits(gate, "192.0.2.1", "192.0.2.2", "192.0.2.3") == [ADMITTED, ADMITTED, FULL]
    gate.release(Peer("192.0.2.1"))
    assert gate.open == 1
    assert admits(gate, "192.0.2.3") == [ADMITTED]


@pytest.mark.threat("T-FLOOD")
def test_connections_from_one_address_are_limited() -> None:
    gate = Gate(per_address=2)
    assert admits(gate, *["192.0.2.1"] * 3, "192.0.2.2") == [ADMITTED, ADMITTED, FULL_HERE, ADMITTED]
    gate.release(Peer("192.0.2.1"))
    gate.release(Peer("192.0.2.1"))
    assert admits(gate, *["192.0.2.1"] * 3) == [ADMITTED, ADMITTED, FULL_HERE]


def test_connections_from_one_network_are_limited() -> None:
    gate = Gate(per_address=None, per_network=2)
    assert admits(gate, "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.3.1") == [ADMITTED, ADMITTED, FULL_HERE, ADMITTED]
    wide = Gate(per_address=None, per_network=1, ipv4_prefix=16, ipv6_prefix=32)
    assert admits(wide, "192.0.2.1", "192.0.9.9", "2001:db8::1", "2001:db8:ffff::1") == [
        ADMITTED, FULL_HERE, ADMITTED, FULL_HERE,
    ]  # fmt: skip


def test_ipv6_is_counted_by_network_since_one_subscriber_has_many_addresses() -> None:
    gate = Gate(per_address=1)
    assert admits(gate, "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1") == [ADMITTED, FULL_HERE, ADMITTED]


def test_ipv4_in_ipv6_is_ipv4() -> None:
    gate = Gate(per_address=1)
    assert admits(gate, "::ffff:192.0.2.1", "::ffff:198.51.100.1", "192.0.2.1") == [ADMITTED, ADMITTED, FULL_HERE]
    gate.release(Peer("::ffff:192.0.2.1"))
    assert admits(gate, "192.0.2.1") == [ADMITTED]


def test_connections_without_an_address_count_in_all_only() -> None:
    gate = Gate(total=3, per_address=1, per_network=1)
    assert admits(gate, None, None, None, None) == [ADMITTED, ADMITTED, ADMITTED, FULL]
    gate.release(Peer())
    assert gate.open == 2


def test_what_is_turned_away_is_counted_nowhere_and_what_is_gone_is_not_kept() -> None:
    gate = Gate(total=None, per_address=1, per_network=None)
    admits(gate, *[f"192.0.2.{n}" for n in range(200)], *[f"192.0.2.{n}" for n in range(200)])
    assert gate.open == 200
    for n in range(200):
        gate.release(Peer(f"192.0.2.{n}"))
    assert gate.open == 0
    assert gate._counts == {}


def test_without_limits_everybody_is_admitted() -> None:
    gate = Gate(None, None, None)
    assert set(admits(gate, *["192.0.2.1"] * 2000)) == {ADMITTED}
    assert gate.reserve(10**12)
    assert not gate.full


@pytest.mark.threat("T-FLOOD")
def test_memory_is_granted_until_it_is_used_up() -> None:
    gate = Gate(max_collected=10)
    assert gate.reserve(6)
    assert not gate.reserve(5)
    assert gate.collected == 6
    assert gate.reserve(4)
    assert gate.full
    gate.free(10)
    assert gate.collected == 0


def test_every_count_holds_the_lock() -> None:
    class Lock:
        entered = 0

        def __enter__(self) -> None:
            self.entered += 1

        def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
            """Nothing to do."""

    lock = Lock()
    gate = Gate(lock=lock)
    gate.admit(Peer())
    gate.release(Peer())
    gate.reserve(1)
    gate.free(1)
    assert lock.entered == 4


def test_the_profiles_are_the_specifications() -> None:
    standard, hardened = Gate(), Gate.hardened()
    assert admits(standard, *["192.0.2.1"] * 51) == [ADMITTED] * 50 + [FULL_HERE]
    assert set(admits(standard, *[None] * 950)) == {ADMITTED}
    assert admits(standard, None) == [FULL]
    assert admits(hardened, *["192.0.2.1"] * 21) == [ADMITTED] * 20 + [FULL_HERE]
    assert set(admits(hardened, *[None] * 480)) == {ADMITTED}
    assert admits(hardened, None) == [FULL]
    assert standard.reserve(10**12)
    assert hardened.reserve(512 * 1024 * 1024)
    assert not hardened.reserve(1)
