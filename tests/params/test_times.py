"""Times: RFC 3339 itself, BY, HOLDFOR, HOLDUNTIL and RRVS."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpcore.errors import ParseError
from smtpcore.params import deliverby, rrvs, timestamp
from smtpcore.params.deliverby import ByMode, DeliverBy
from smtpcore.params.futurerelease import parse_hold_for, parse_hold_until
from smtpcore.params.rrvs import Rrvs, RrvsAction

MOMENT = datetime(2014, 4, 3, 23, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (b"2014-04-03T23:01:00Z", MOMENT),
        (b"2014-04-03t23:01:00z", MOMENT),
        (b"2014-04-04T01:01:00+02:00", MOMENT),
        (b"2014-04-03T19:31:00-03:30", MOMENT),
        (b"2014-04-03T23:01:00-00:00", MOMENT),
        (b"2014-04-03T23:00:60Z", MOMENT),
        (b"2014-04-03T23:01:00.5Z", MOMENT + timedelta(milliseconds=500)),
        (b"2014-04-03T23:01:00.000001999Z", MOMENT + timedelta(microseconds=1)),
        (b"2016-02-29T00:00:00Z", datetime(2016, 2, 29, tzinfo=UTC)),
        (b"0001-01-01T00:00:00+23:59", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23, minutes=59)))),
    ],
)
def test_a_time_of_rfc_3339_is_an_aware_moment(value: bytes, moment: datetime) -> None:
    assert timestamp.parse(value) == moment


@pytest.mark.parametrize(
    "value",
    [
        b"", b"2014-04-03", b"2014-04-03T23:01:00", b"2014-04-03 23:01:00Z", b"2014-04-03T23:01Z",
        b"2014-13-03T23:01:00Z", b"2015-02-29T00:00:00Z", b"2014-04-03T24:00:00Z", b"2014-04-03T23:60:00Z",
        b"2014-04-03T23:01:61Z", b"2014-04-03T23:01:00.Z", b"2014-04-03T23:01:00,5Z", b"2014-04-03T23:01:00+2:00",
        b"2014-04-03T23:01:00+24:00", b"2014-04-03T23:01:00+02:60", b"2014-04-03T23:01:00+0200",
        b"0000-01-01T00:00:00Z", b"9999-12-31T23:59:60Z", b"+014-04-03T23:01:00Z", b"2014-04-03T23:01:00Z\n",
        b"\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1-04-03T23:01:00Z", b"2014-04-03T23:01:00." + b"0" * 5000 + b"Z",
    ],
)  # fmt: skip
def test_other_times_are_refused(value: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        timestamp.parse(value)
    assert str(caught.value) not in {"", "None"}, "nothing is said of what is wrong"


@given(moment=st.datetimes(timezones=st.timezones()))
def test_an_aware_moment_is_written_in_utc_to_the_second(moment: datetime) -> None:
    try:
        written = timestamp.parse(timestamp.encode(moment))
    except ParseError:  # the first and the last day there are, in a zone on the wrong side
        return
    assert timedelta(0) <= moment.astimezone(UTC) - written < timedelta(seconds=1)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be set here")
def test_the_zone_of_the_machine_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as there:
        there.setenv("TZ", "XXX-5:30")
        time.tzset()
        written = timestamp.encode(MOMENT.astimezone(timezone(timedelta(hours=-3))))
    time.tzset()
    assert written == b"2014-04-03T23:01:00Z"


def test_a_naive_moment_could_be_anywhere() -> None:
    with pytest.raises(ValueError, match="time zone"):
        timestamp.encode(datetime(2026, 11, 25))  # noqa: DTZ001


@pytest.mark.conformance("C276")
@pytest.mark.parametrize(
    ("value", "by"),
    [
        (b"120;R", DeliverBy(120, ByMode.RETURN)),
        (b"+120;rt", DeliverBy(120, ByMode.RETURN, trace=True)),
        (b"-5;N", DeliverBy(-5, ByMode.NOTIFY)),
        (b"0;n", DeliverBy(0, ByMode.NOTIFY)),
        (b"-999999999;NT", DeliverBy(-999_999_999, ByMode.NOTIFY, trace=True)),
        (b"000000001;R", DeliverBy(1, ByMode.RETURN)),
    ],
)
def test_a_time_to_deliver_by(value: bytes, by: DeliverBy) -> None:
    assert deliverby.parse(value) == by
    assert deliverby.parse(by.to_wire()) == by


@pytest.mark.conformance("C276")
@pytest.mark.parametrize(
    "value",
    [
        b"", b"0;R", b"-5;R", b"-0;R", b"5", b"5;", b"5;X", b"5;RN", b"5;TR", b"5;RT;", b"1000000000;R", b"--5;N",
        b"+-5;N", b" 5;R", b"5_0;R", b"5.0;R", b"5;R\n", b"\xd9\xa1;R", b"9" * 5000 + b";R",
    ],
)  # fmt: skip
def test_a_time_to_deliver_by_that_is_refused(value: bytes) -> None:
    with pytest.raises(ParseError):
        deliverby.parse(value)


@given(by=st.builds(DeliverBy, st.integers(), st.sampled_from(ByMode), st.booleans()))
def test_a_time_to_deliver_by_is_sent_as_itself_or_not_at_all(by: DeliverBy) -> None:
    try:
        wire = by.to_wire()
    except ParseError:
        return
    assert deliverby.parse(wire) == by


def test_a_message_that_would_have_to_go_back_at_once_is_not_sent() -> None:
    with pytest.raises(ParseError):
        DeliverBy(0, ByMode.RETURN).to_wire()
    with pytest.raises(ParseError):
        DeliverBy(10**9, ByMode.NOTIFY).to_wire()
    with pytest.raises(ParseError):
        DeliverBy(1.5, ByMode.NOTIFY).to_wire()  # type: ignore[arg-type]
    with pytest.raises(ParseError, match="not a request that can be sent"):
        DeliverBy(1, ByMode.NOTIFY, trace="no").to_wire()  # type: ignore[arg-type]


@pytest.mark.parametrize(("value", "seconds"), [(b"1", 1), (b"86400", 86400), (b"999999999", 999_999_999)])
def test_a_time_to_hold_for(value: bytes, seconds: int) -> None:
    assert parse_hold_for(value) == seconds


@pytest.mark.parametrize(
    "value", [b"", b"0", b"01", b"-1", b"+1", b" 1", b"1_0", b"1000000000", b"1e3", b"0x10", b"1\n", b"\xd9\xa1"]
)
def test_a_time_to_hold_for_that_is_refused(value: bytes) -> None:
    with pytest.raises(ParseError):
        parse_hold_for(value)


@pytest.mark.parametrize("value", [b"2014-04-03T23:01:00Z", b"2014-04-03T23:01:00z", b"2014-04-03T23:01:00.00Z"])
def test_a_time_to_hold_until(value: bytes) -> None:
    moment = parse_hold_until(value)
    assert (moment, moment.tzinfo) == (MOMENT, UTC)


@pytest.mark.parametrize("value", [b"", b"Z", b"2014-04-03T23:01:00+00:00", b"2014-04-03T23:01:00", b"5"])
def test_a_time_to_hold_until_that_is_refused(value: bytes) -> None:
    with pytest.raises(ParseError):
        parse_hold_until(value)


@pytest.mark.conformance("C279")
@pytest.mark.parametrize(
    ("value", "action"),
    [
        (b"2014-04-03T23:01:00Z", RrvsAction.REJECT),
        (b"2014-04-03T23:01:00Z;R", RrvsAction.REJECT),
        (b"2014-04-03T23:01:00Z;C", RrvsAction.CONTINUE),
        (b"2014-04-04T01:01:00+02:00;c", RrvsAction.CONTINUE),
    ],
)
def test_an_owner_since(value: bytes, action: RrvsAction) -> None:
    requirement = rrvs.parse(value)
    assert requirement == Rrvs(MOMENT, action)
    assert requirement.to_wire() == value
    assert rrvs.parse(Rrvs(MOMENT, action).to_wire()) == requirement


@pytest.mark.conformance("C279")
@pytest.mark.parametrize(
    "value",
    [
        b"", b"2014-04-03T23:01:00.5Z", b"2014-04-03T23:01:00.0Z;C", b"2014-04-03T23:01:00Z;",
        b"2014-04-03T23:01:00Z;X",
        b"2014-04-03T23:01:00Z;CR", b"2014-04-03T23:01:00Z;\xc3\xa9", b";C", b"2014-04-03;C",
    ],
)  # fmt: skip
def test_an_owner_since_that_is_refused(value: bytes) -> None:
    with pytest.raises(ParseError):
        rrvs.parse(value)


@pytest.mark.parametrize(
    "requirement", [Rrvs(MOMENT + timedelta(milliseconds=1)), Rrvs(MOMENT, raw=b"2013-04-03T23:01:00Z")]
)
def test_an_owner_since_that_would_be_read_as_another_is_not_sent(requirement: Rrvs) -> None:
    with pytest.raises(ParseError):
        requirement.to_wire()
