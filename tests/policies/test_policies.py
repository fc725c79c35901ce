"""The ready policies, each through the hooks that a session calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from smtpcore import Envelope, Identity, Mail, Path, Peer, Rcpt, ServerSession
from smtpcore.policies import AllowedDomains, Greylist, GreylistStore, MemoryGreylistStore, Rate, RateLimit, Require
from smtpcore.tls import TlsInfo

TLS = TlsInfo(version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256", bits=128)


@dataclass
class Clock:
    """Time that stands still until it is moved."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Session:
    """As much of a session as a policy looks at."""

    peer: Peer = field(default_factory=lambda: Peer("192.0.2.1", 40000))
    identity: Identity | None = None
    tls: TlsInfo | None = None
    envelope: Envelope | None = field(default_factory=lambda: Envelope("1", mail("a@b.c")))
    budget: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(auth_failures=0, bad_recipients=0))


def session(**facts: object) -> ServerSession:
    return cast(ServerSession, Session(**facts))  # type: ignore[arg-type]


def mail(address: str) -> Mail:
    return Mail(Path.parse(address))


def rcpt(address: str) -> Rcpt:
    return Rcpt(Path.parse(address))


class TestAllowedDomains:
    policy = AllowedDomains(["example.org", "Example.NET"])

    @pytest.mark.parametrize("address", ["a@example.org", "a@EXAMPLE.org", "a@example.net", "postmaster"])
    def test_a_recipient_of_a_domain_is_accepted(self, address: str) -> None:
        assert self.policy.rcpt(session(), rcpt(address)) is None

    @pytest.mark.parametrize("address", ["a@example.com", "a@sub.example.org", "a@[192.0.2.1]"])
    def test_any_other_is_refused(self, address: str) -> None:
        refusal = self.policy.rcpt(session(), rcpt(address))
        assert refusal is not None
        assert (refusal.code, str(refusal.enhanced)) == (550, "5.7.1")

    def test_who_has_authenticated_may_send_anywhere_unless_told_otherwise(self) -> None:
        somebody = session(identity=Identity("bob"))
        assert self.policy.rcpt(somebody, rcpt("a@example.com")) is None
        assert AllowedDomains(["example.org"], authenticated=False).rcpt(somebody, rcpt("a@example.com")) is not None

    def test_a_domain_is_given_as_a_labels(self) -> None:
        with pytest.raises(ValueError, match="A-labels"):
            AllowedDomains(["bücher.example"])


class TestRequire:
    @pytest.mark.parametrize("stage", ["mail", "rcpt"])
    def test_only_its_stage_is_closed(self, stage: str) -> None:
        policy = Require("mail" if stage == "mail" else "rcpt", tls=True)
        answers = {"mail": policy.mail(session(), mail("a@b.c")), "rcpt": policy.rcpt(session(), rcpt("a@b.c"))}
        refused = answers.pop(stage)
        assert refused is not None
        assert (refused.code, str(refused.enhanced)) == (530, "5.7.0")
        assert list(answers.values()) == [None]

    def test_authentication_and_tls_are_separate_demands(self) -> None:
        policy = Require(tls=True, auth=True)
        assert policy.mail(session(identity=Identity("bob")), mail("a@b.c")) is not None
        assert policy.mail(session(tls=TLS), mail("a@b.c")) is not None
        assert policy.mail(session(tls=TLS, identity=Identity("bob")), mail("a@b.c")) is None


class TestRateLimit:
    def test_connections_over_the_rate_get_421_until_time_has_passed(self) -> None:
        clock = Clock()
        policy = RateLimit(clock, connections=Rate(3, 60))
        assert [policy.connect(session()) for _ in range(3)] == [None, None, None]
        refusal = policy.connect(session())
        assert refusal is not None
        assert (refusal.code, str(refusal.enhanced), refusal.close) == (421, "4.7.0", True)
        clock.now += 20
        assert policy.connect(session()) is None
        assert policy.connect(session()) is not None

    def test_messages_and_recipients_have_rates_of_their_own(self) -> None:
        policy = RateLimit(Clock(), messages=Rate(1, 60), recipients=Rate(2, 60))
        assert policy.mail(session(), mail("a@b.c")) is None
        assert [policy.rcpt(session(), rcpt("d@e.f")) for _ in range(2)] == [None, None]
        for refusal in (policy.mail(session(), mail("a@b.c")), policy.rcpt(session(), rcpt("d@e.f"))):
            assert refusal is not None
            assert refusal.temporary
        assert policy.connect(session()) is None

    def test_networks_are_counted_apart_and_an_ipv6_network_as_one(self) -> None:
        policy = RateLimit(Clock(), connections=Rate(1, 60))
        hosts = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "::ffff:192.0.2.3"]
        assert [policy.connect(session(peer=Peer(host))) for host in hosts] == [None] * 4
        assert policy.connect(session(peer=Peer("2001:db8::2"))) is not None
        assert policy.connect(session(peer=Peer("192.0.2.3"))) is not None

    def test_peers_without_an_address_are_not_limited(self) -> None:
        policy = RateLimit(Clock(), connections=Rate(1, 60), failures=Rate(1, 60))
        local = session(peer=Peer(), budget=SimpleNamespace(auth_failures=9, bad_recipients=0))
        for _ in range(3):
            assert policy.connect(local) is None
            policy.disconnect(local, None)

    def test_who_failed_too_often_is_turned_away(self) -> None:
        clock = Clock()
        policy = RateLimit(clock, failures=Rate(5, 100))
        policy.disconnect(session(), None)
        assert policy.connect(session()) is None
        policy.disconnect(session(budget=SimpleNamespace(auth_failures=3, bad_recipients=2)), None)
        assert policy.connect(session()) is not None
        assert policy.connect(session(peer=Peer("192.0.2.9"))) is None
        clock.now += 100
        assert policy.connect(session()) is None

    def test_memory_is_bounded_by_the_networks_that_are_remembered(self) -> None:
        policy = RateLimit(Clock(), connections=Rate(1, 60), max_keys=10)
        for number in range(100):
            assert policy.connect(session(peer=Peer(f"192.0.2.{number}"))) is None
        meter = policy._connections
        assert meter is not None
        assert len(meter) == 10

    def test_a_rate_is_above_zero(self) -> None:
        with pytest.raises(ValueError, match="above zero"):
            Rate(0, 60)


class AsyncStore(GreylistStore):
    def __init__(self) -> None:
        self.memory = MemoryGreylistStore()

    async def first_seen(self, key: str, now: float, expiry: float) -> float:
        return self.memory.first_seen(key, now, expiry)


class TestGreylist:
    def test_the_first_attempt_is_put_off_and_one_behind_the_delay_is_taken(self) -> None:
        clock = Clock()
        policy = Greylist(clock, delay=300)
        refusal = policy.rcpt(session(), rcpt("d@e.f"))
        assert refusal is not None
        assert (refusal.code, str(refusal.enhanced)) == (450, "4.7.1")  # type: ignore[union-attr]
        clock.now += 299
        assert policy.rcpt(session(), rcpt("d@e.f")) is not None
        clock.now += 1
        assert policy.rcpt(session(), rcpt("d@e.f")) is None

    def test_another_host_of_the_network_is_the_same_sender(self) -> None:
        clock = Clock()
        policy = Greylist(clock, delay=300)
        assert policy.rcpt(session(), rcpt("d@e.f")) is not None
        clock.now += 300
        assert policy.rcpt(session(peer=Peer("192.0.2.77")), rcpt("d@e.f")) is None
        assert policy.rcpt(session(peer=Peer("198.51.100.1")), rcpt("d@e.f")) is not None

    def test_after_a_long_silence_the_three_are_new_again(self) -> None:
        clock = Clock()
        policy = Greylist(clock, delay=300, expiry=1000)
        assert policy.rcpt(session(), rcpt("d@e.f")) is not None
        clock.now += 1001
        assert policy.rcpt(session(), rcpt("d@e.f")) is not None
        clock.now += 300
        assert policy.rcpt(session(), rcpt("d@e.f")) is None

    def test_who_has_authenticated_or_has_no_address_is_not_put_off(self) -> None:
        policy = Greylist(Clock())
        assert policy.rcpt(session(identity=Identity("bob")), rcpt("d@e.f")) is None
        assert policy.rcpt(session(peer=Peer()), rcpt("d@e.f")) is None

    def test_a_store_may_be_async(self) -> None:
        clock = Clock()
        policy = Greylist(clock, AsyncStore(), delay=300)

        async def attempt() -> object:
            answer = policy.rcpt(session(), rcpt("d@e.f"))
            assert answer is not None
            return await answer  # type: ignore[misc]

        assert asyncio.run(attempt()) is not None
        clock.now += 300
        assert asyncio.run(attempt()) is None

    def test_memory_is_bounded(self) -> None:
        store = MemoryGreylistStore(max_keys=10)
        for number in range(100):
            store.first_seen(str(number), 0.0, 10.0)
        assert len(store) == 10

    def test_the_interface_itself_remembers_nothing(self) -> None:
        with pytest.raises(NotImplementedError):
            GreylistStore().first_seen("key", 0.0, 1.0)
