"""What is asked of the server beside addresses: every value is one of the core's own before anything is sent."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import pytest
from smtpcore_cli import envelope_flags
from smtpcore_cli.errors import UsageError

from smtpcore.commands.attributes import Unavailable
from smtpcore.params import BodyType, ByMode, DeliverBy, Envid, Notify, Orcpt, Ret
from smtpcore.paths import Path


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    envelope_flags.add_flags(parser)
    return parser.parse_args(words)


def test_nothing_is_asked_unless_it_is_said() -> None:
    arguments = parsed()
    assert envelope_flags.mail_parameters(arguments) == {}
    assert envelope_flags.rcpt_parameters(arguments) == {}
    assert envelope_flags.xforward(arguments) == {}
    assert envelope_flags.xclient(arguments) == {}


def test_notifications_have_flags_of_their_own() -> None:
    arguments = parsed("--dsn", "success,Failure", "--ret", "hdrs", "--envid", "a name + more", "--require-tls-onward")
    assert envelope_flags.mail_parameters(arguments) == {
        "RET": Ret.HDRS,
        "ENVID": Envid("a name + more"),
        "REQUIRETLS": True,
    }
    assert envelope_flags.rcpt_parameters(arguments) == {"NOTIFY": Notify.SUCCESS | Notify.FAILURE}


@pytest.mark.parametrize(
    ("word", "keyword", "value"),
    [
        ("BODY=binarymime", "BODY", BodyType.BINARY_MIME),
        ("by=120;R", "BY", DeliverBy(120, ByMode.RETURN)),
        ("HOLDFOR=60", "HOLDFOR", 60),
        ("HOLDUNTIL=2026-01-01T00:00:00Z", "HOLDUNTIL", datetime(2026, 1, 1, tzinfo=UTC)),
        ("MT-PRIORITY=-3", "MT-PRIORITY", -3),
        ("AUTH=<>", "AUTH", Path("", "")),
        ("SMTPUTF8", "SMTPUTF8", True),
        ("envid=a+2Bb", "ENVID", Envid("a+b")),
    ],
)
def test_a_parameter_of_mail_is_read_as_a_server_reads_it(word: str, keyword: str, value: object) -> None:
    assert envelope_flags.mail_parameters(parsed("--mail-param", word)) == {keyword: value}


def test_an_original_recipient_may_have_any_letters() -> None:
    arguments = parsed("--rcpt-param", "ORCPT=utf-8;jürgen@mx.test", "--dsn", "never")
    assert envelope_flags.rcpt_parameters(arguments) == {
        "ORCPT": Orcpt("utf-8", "jürgen@mx.test"),
        "NOTIFY": Notify.NEVER,
    }


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--mail-param", "NOTIFY=NEVER"), "--mail-param: there is no 'NOTIFY'; there are SIZE, BODY,"),
        (("--mail-param", "=x"), "--mail-param: there is no ''"),
        (("--mail-param", "X\r\nRSET=1"), r"there is no 'X\r\nRSET'"),
        (("--mail-param", "REQUIRETLS=1"), "REQUIRETLS takes no value"),
        (("--mail-param", "HOLDFOR"), "HOLDFOR needs a value"),
        (("--mail-param", "HOLDFOR=0"), "HOLDFOR: not 1 to 999999999 seconds"),
        (("--mail-param", "SIZE=1 BODY=7BIT"), "SIZE: a size is 1 to 20 digits"),
        (("--mail-param", "BY=1;R", "--mail-param", "by=2;R"), "--mail-param: BY is given twice"),
        (("--mail-param", "RET=FULL", "--ret", "full"), "--ret: RET is given twice"),
        (("--mail-param", "REQUIRETLS", "--require-tls-onward"), "REQUIRETLS is given twice"),
        (("--mail-param", "ENVID=a", "--envid", "a"), "--envid: ENVID is given twice"),
        (("--envid", ""), "--envid: not 1 to 100 characters"),
        (("--envid", "jürgen"), "--envid: not printable ASCII when decoded"),
        (("--envid", "\udcff"), "--envid: not printable"),
        (("--dsn", "never,delay"), "--dsn: NEVER stands alone"),
        (("--dsn", ""), "--dsn: neither NEVER nor"),
        (("--dsn", "\udcff"), "--dsn: neither NEVER nor"),
        (("--rcpt-param", "NOTIFY=NEVER", "--dsn", "never"), "--dsn: NOTIFY is given twice"),
        (("--rcpt-param", "ORCPT=rfc822"), "ORCPT: no address type"),
        (("--rcpt-param", "ORCPT=utf-8;\udcff"), "--rcpt-param: ORCPT: "),
    ],
)
def test_what_could_not_be_sent_is_said_before_anything_is(words: tuple[str, ...], complaint: str) -> None:
    arguments = parsed(*words)
    with pytest.raises(UsageError) as caught:
        (envelope_flags.mail_parameters(arguments), envelope_flags.rcpt_parameters(arguments))
    assert complaint in str(caught.value)


def test_what_a_filter_passes_on_is_read_as_a_server_reads_it() -> None:
    arguments = parsed(
        "--xforward", "addr=IPV6:2001:DB8::1", "--xforward", "PORT=1025", "--xforward", "NAME=[UNAVAILABLE]",
        "--xclient", "ADDR=192.0.2.1", "--xclient", "LOGIN=ann+home@a.test",
    )  # fmt: skip
    assert envelope_flags.xforward(arguments) == {"ADDR": "2001:db8::1", "PORT": 1025, "NAME": Unavailable.PERMANENT}
    assert envelope_flags.xclient(arguments) == {"ADDR": "192.0.2.1", "LOGIN": "ann+home@a.test"}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--xforward", "LOGIN=ann"), "--xforward: An attribute that is not known; there are NAME, ADDR,"),
        (("--xforward", "ADDR"), "not known"),
        (("--xforward", "ADDR=mx.test"), "ADDR: an address that cannot be read"),
        (("--xforward", "HELO=a b"), "HELO: a value with octets that are not allowed"),
        (("--xforward", "HELO=a\r\nQUIT"), "HELO: a value with octets"),
        (("--xforward", "jürgen=a"), "not known"),
        (("--xclient", "PORT=1", "--xclient", "port=2"), "--xclient: An attribute is given twice"),
    ],
)
def test_an_attribute_that_is_none_is_refused(words: tuple[str, ...], complaint: str) -> None:
    arguments = parsed(*words)
    with pytest.raises(UsageError) as caught:
        (envelope_flags.xforward(arguments), envelope_flags.xclient(arguments))
    assert complaint in str(caught.value)
