"""The parameters as a client sends them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpcore.commands import Mail, Rcpt
from smtpcore.commands.wire import to_wire
from smtpcore.errors import LocalProtocolError
from smtpcore.extensions import Extensions
from smtpcore.grammar import Grammar
from smtpcore.params import (
    READERS,
    BodyType,
    ByMode,
    DeliverBy,
    Envid,
    Mtrk,
    Notify,
    Orcpt,
    Ret,
    Rrvs,
    RrvsAction,
)
from smtpcore.params.wire import WRITERS
from smtpcore.paths import Path
from smtpcore.spec import PARAMETERS
from tests.commands.sending import EVERYTHING, INTERNATIONAL, grammar, read, refusal

A = Path("a", "b.c")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
DIGEST = bytes(range(20))
UNIQUE = Envid("1@b.c")

MAIL: list[tuple[Mapping[str, object], str]] = [
    ({"SIZE": 0}, "SIZE=0"),
    ({"SIZE": 10**20 - 1}, "SIZE=99999999999999999999"),
    ({"BODY": BodyType.SEVEN_BIT}, "BODY=7BIT"),
    ({"BODY": BodyType.EIGHT_BIT_MIME}, "BODY=8BITMIME"),
    ({"BODY": BodyType.BINARY_MIME}, "BODY=BINARYMIME"),
    ({"AUTH": Path("", "")}, "AUTH=<>"),
    ({"AUTH": Path("e=mc2", "example.com")}, "AUTH=e+3Dmc2@example.com"),
    ({"AUTH": Path("a b", "b.c")}, 'AUTH="a+20b"@b.c'),
    ({"SMTPUTF8": True, "AUTH": Path("é", "b.c")}, "SMTPUTF8 AUTH=+C3+A9@b.c"),
    ({"RET": Ret.FULL}, "RET=FULL"),
    ({"RET": Ret.HDRS}, "RET=HDRS"),
    ({"ENVID": Envid("QQ 314+")}, "ENVID=QQ+20314+2B"),
    ({"ENVID": Envid("a", b"+61")}, "ENVID=+61"),
    ({"SMTPUTF8": True}, "SMTPUTF8"),
    ({"REQUIRETLS": True, "CONPERM": True}, "REQUIRETLS CONPERM"),
    ({"BY": DeliverBy(-5, ByMode.NOTIFY)}, "BY=-5;N"),
    ({"BY": DeliverBy(999999999, ByMode.RETURN, trace=True)}, "BY=999999999;RT"),
    ({"HOLDFOR": 1}, "HOLDFOR=1"),
    ({"HOLDFOR": 999999999}, "HOLDFOR=999999999"),
    ({"HOLDUNTIL": NOON}, "HOLDUNTIL=2026-11-25T12:00:00Z"),
    ({"HOLDUNTIL": NOON.astimezone(timezone(timedelta(hours=5)))}, "HOLDUNTIL=2026-11-25T12:00:00Z"),
    ({"HOLDUNTIL": NOON + timedelta(milliseconds=500)}, "HOLDUNTIL=2026-11-25T12:00:00.500000Z"),
    ({"MT-PRIORITY": -9}, "MT-PRIORITY=-9"),
    ({"MT-PRIORITY": 0}, "MT-PRIORITY=0"),
    ({"MT-PRIORITY": 9}, "MT-PRIORITY=9"),
    ({"SOLICIT": ("org.example:ADV",)}, "SOLICIT=org.example:ADV"),
    ({"SOLICIT": ("a", "B.c")}, "SOLICIT=a,B.c"),
    ({"ENVID": UNIQUE, "MTRK": Mtrk(DIGEST)}, "ENVID=1@b.c MTRK=AAECAwQFBgcICQoLDA0ODxAREhM"),
    ({"MTRK": Mtrk(DIGEST, 60), "ENVID": UNIQUE}, "MTRK=AAECAwQFBgcICQoLDA0ODxAREhM:60 ENVID=1@b.c"),
    ({"SUBMITTER": Path("a+b", "b.c")}, "SUBMITTER=a+2Bb@b.c"),
    ({"SUBMITTER": Path("é", "é.example"), "SMTPUTF8": True}, "SUBMITTER=+C3+A9@+C3+A9.example SMTPUTF8"),
    ({"XCOLOUR": "red"}, "XCOLOUR=red"),
]

RCPT: list[tuple[Mapping[str, object], str]] = [
    ({"NOTIFY": Notify.NEVER}, "NOTIFY=NEVER"),
    ({"NOTIFY": Notify.SUCCESS | Notify.DELAY}, "NOTIFY=SUCCESS,DELAY"),
    ({"ORCPT": Orcpt("rfc822", "a+b@c.d")}, "ORCPT=rfc822;a+2Bb@c.d"),
    ({"ORCPT": Orcpt("utf-8", "é@b.c")}, r"ORCPT=utf-8;\x{E9}@b.c"),
    ({"ORCPT": Orcpt("RFC822", "a", b"RFC822;+61")}, "ORCPT=RFC822;+61"),
    ({"RRVS": Rrvs(NOON)}, "RRVS=2026-11-25T12:00:00Z"),
    ({"RRVS": Rrvs(NOON, RrvsAction.CONTINUE)}, "RRVS=2026-11-25T12:00:00Z;C"),
    ({"CONNEG": True, "XGLOSSY": True}, "CONNEG XGLOSSY"),
]


def test_each_parameter_with_a_value_has_its_writer() -> None:
    assert WRITERS.keys() == READERS.keys()


@pytest.mark.parametrize(("params", "text"), MAIL, ids=[text for _, text in MAIL])
def test_the_parameters_of_mail_stand_behind_the_path_in_the_order_of_the_mapping(
    params: Mapping[str, object], text: str
) -> None:
    line = to_wire(Mail(A, params), EVERYTHING)
    assert line == b"MAIL FROM:<a@b.c> %b\r\n" % text.encode()
    assert read(line) == Mail(A, params)


# Without backslashes: pytest would escape them in the names of the tests, and once more whenever it collects anew.
@pytest.mark.parametrize(("params", "text"), RCPT, ids=[text.replace("\\", "") for _, text in RCPT])
def test_so_do_the_parameters_of_rcpt(params: Mapping[str, object], text: str) -> None:
    line = to_wire(Rcpt(A, params), EVERYTHING)
    assert line == b"RCPT TO:<a@b.c> %b\r\n" % text.encode()
    assert read(line) == Rcpt(A, params)


@pytest.mark.conformance("C354")
def test_what_was_received_is_passed_on_as_it_was() -> None:
    line = b"RCPT TO:<a@b.c> ORCPT=RFC822;+61 RRVS=2026-11-25t12:00:00+00:00;c\r\n"
    assert to_wire(read(line), EVERYTHING) == line
    line = b"MAIL FROM:<a@b.c> RET=HDRS ENVID=+51q+33\r\n"
    assert to_wire(read(line), EVERYTHING) == line


def test_an_original_recipient_is_written_in_utf8_where_the_transaction_allows_it() -> None:
    raw = "utf-8;é@b.c".encode()
    command = Rcpt(A, {"ORCPT": Orcpt("utf-8", "é@b.c", raw)})
    assert to_wire(command, INTERNATIONAL) == b"RCPT TO:<a@b.c> ORCPT=%b\r\n" % raw
    assert to_wire(command, EVERYTHING) == b"RCPT TO:<a@b.c> ORCPT=utf-8;\\x{E9}@b.c\r\n"


def test_what_the_application_registers_is_text_or_octets_whatever_its_reader_makes_of_it() -> None:
    assert to_wire(Mail(A, {"XCOLOUR": b"red"}), EVERYTHING) == b"MAIL FROM:<a@b.c> XCOLOUR=red\r\n"
    assert to_wire(Mail(A, {"XDEPTH": "24", "SIZE": 1}), EVERYTHING) == b"MAIL FROM:<a@b.c> XDEPTH=24 SIZE=1\r\n"


WRONG: list[tuple[str, object, str]] = [
    ("SIZE", "1", "MAIL: SIZE: give it a value of the type int"),
    ("SIZE", "1\r\nRCPT TO:<e@x>", "MAIL: SIZE: give it a value of the type int"),
    ("SIZE", 1.0, "MAIL: SIZE: give it a value of the type int"),
    ("SIZE", None, "MAIL: SIZE: give it a value of the type int"),
    ("SIZE", True, "MAIL: SIZE: give an int from 0 to 99999999999999999999"),
    ("SIZE", -1, "MAIL: SIZE: give an int from 0 to 99999999999999999999"),
    ("SIZE", 10**20, "MAIL: SIZE: give an int from 0 to 99999999999999999999"),
    ("HOLDFOR", 0, "MAIL: HOLDFOR: give an int from 1 to 999999999"),
    ("HOLDFOR", 10**9, "MAIL: HOLDFOR: give an int from 1 to 999999999"),
    ("MT-PRIORITY", 10, "MAIL: MT-PRIORITY: give an int from -9 to 9"),
    ("MT-PRIORITY", False, "MAIL: MT-PRIORITY: give an int from -9 to 9"),
    ("BODY", "7BIT", "MAIL: BODY: give it a value of the type BodyType"),
    ("RET", "FULL", "MAIL: RET: give it a value of the type Ret"),
    ("AUTH", "a@b.c", "MAIL: AUTH: give it a value of the type Path"),
    ("AUTH", Path("é", "b.c"), "MAIL: AUTH: non-ASCII address without SMTPUTF8"),
    ("AUTH", Path("postmaster", ""), "MAIL: AUTH: not a mailbox"),
    ("SUBMITTER", Path("", ""), "MAIL: SUBMITTER: not a mailbox"),
    ("SUBMITTER", Path("a\r\nb", "b.c"), "MAIL: SUBMITTER: control character in the address"),
    ("ENVID", "a", "MAIL: ENVID: give it a value of the type Envid"),
    ("ENVID", Envid(""), "MAIL: ENVID: not 1 to 100 characters"),
    ("ENVID", Envid("é"), "MAIL: ENVID: not printable ASCII when decoded"),
    ("BY", DeliverBy(0, ByMode.RETURN), "MAIL: BY: the time is over already"),
    ("HOLDUNTIL", NOON.replace(tzinfo=None), "MAIL: HOLDUNTIL: give the moment a time zone"),
    ("HOLDUNTIL", datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))), "MAIL: HOLDUNTIL: no such date or time"),
    ("SOLICIT", ["a"], "MAIL: SOLICIT: give it a value of the type tuple"),
    ("SOLICIT", (), "MAIL: SOLICIT: not a list of solicitation class keywords"),
    ("SOLICIT", ("a,b",), "MAIL: SOLICIT: not a list of solicitation class keywords"),
    ("SOLICIT", (1,), "MAIL: a field is not of the type that its annotation says"),
    ("MTRK", Mtrk(b"short"), "MAIL: MTRK: not a request that can be sent"),
    ("SMTPUTF8", "yes", "MAIL: SMTPUTF8 has no value; give True, or leave it out"),
    ("REQUIRETLS", False, "MAIL: REQUIRETLS has no value; give True, or leave it out"),
    ("BY", DeliverBy(True, ByMode.NOTIFY), "MAIL: BY: give an int from -999999999 to 999999999"),
    ("MTRK", Mtrk(DIGEST, True), "MAIL: MTRK: give an int from 0 to 999999999"),
    ("XDEPTH", "7", "MAIL: a server would refuse it: XDEPTH: a depth is 8 or 24"),
    ("XCOLOUR", 5, "MAIL: XCOLOUR: give it str or bytes"),
    ("XCOLOUR", True, "MAIL: XCOLOUR: give it str or bytes"),
    ("XCOLOUR", "", "MAIL: XCOLOUR: a value has neither spaces nor control characters nor ="),
    ("XCOLOUR", "red SIZE=5", "MAIL: XCOLOUR: a value has neither spaces"),
    ("XCOLOUR", "a=b", "MAIL: XCOLOUR: a value has neither spaces"),
    ("XCOLOUR", "é", "MAIL: a field is not ASCII"),
    ("size", 5, "MAIL: name a parameter by its keyword in upper case"),
    ("", True, "MAIL: name a parameter by its keyword in upper case"),
    ("SIZE=1 BODY", True, "MAIL: name a parameter by its keyword in upper case"),
    ("\u017fIZE", 5, "MAIL: name a parameter by its keyword in upper case"),
    ("X-UNKNOWN", "5", "MAIL: X-UNKNOWN was not announced; leave it out"),
    ("NOTIFY", Notify.NEVER, "MAIL: NOTIFY was not announced; leave it out"),
    ("MTRK", Mtrk(DIGEST), "MAIL: a server would refuse it: MTRK needs an ENVID of the form local@host"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "hint"), WRONG)
def test_a_parameter_that_cannot_be_sent_is_refused_with_a_hint(name: str, value: object, hint: str) -> None:
    assert refusal(Mail(A, {name: value})).startswith(hint)


def test_numbers_that_python_itself_does_not_write_are_refused_like_others() -> None:
    endless = 10**5000
    assert refusal(Mail(A, {"SIZE": endless})).startswith("MAIL: SIZE: give an int from 0")
    assert refusal(Mail(A, {"BY": DeliverBy(endless, ByMode.NOTIFY)})).startswith(
        "MAIL: BY: give an int from -999999999"
    )
    assert refusal(Mail(A, {"MTRK": Mtrk(DIGEST, endless)})).startswith("MAIL: MTRK: give an int from 0")


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("SIZE", 5, "RCPT: SIZE was not announced"),
        ("NOTIFY", Notify(0), "RCPT: NOTIFY: "),
        ("NOTIFY", Notify.NEVER | Notify.DELAY, "RCPT: NOTIFY: NEVER stands alone"),
        ("NOTIFY", "NEVER", "RCPT: NOTIFY: give it a value of the type Notify"),
        ("ORCPT", Orcpt("a b", "c"), "RCPT: ORCPT: no address type"),
        ("ORCPT", Orcpt("rfc822", "b", b"rfc822;a"), "RCPT: ORCPT: not an original recipient that can be sent"),
        ("ORCPT", Orcpt("rfc822", "é"), "RCPT: ORCPT: not printable ASCII"),
        ("RRVS", Rrvs(NOON.replace(tzinfo=None)), "RCPT: RRVS: give the moment a time zone"),
        ("RRVS", Rrvs(NOON.replace(microsecond=1)), "RCPT: RRVS: not a requirement that can be sent"),
        ("XGLOSSY", "very", "RCPT: XGLOSSY has no value"),
    ],
)
def test_so_is_one_of_rcpt(name: str, value: object, hint: str) -> None:
    assert refusal(Rcpt(A, {name: value})).startswith(hint)


@pytest.mark.parametrize(
    ("params", "hint"),
    [
        ({"HOLDFOR": 1, "HOLDUNTIL": NOON}, "HOLDFOR and HOLDUNTIL exclude each other"),
        ({"MTRK": Mtrk(DIGEST), "ENVID": Envid("plain")}, "MTRK needs an ENVID of the form local@host"),
    ],
)
def test_parameters_that_exclude_each_other_are_not_sent_together(params: Mapping[str, object], hint: str) -> None:
    assert refusal(Mail(A, params)) == f"MAIL: a server would refuse it: {hint}"


@pytest.mark.conformance("C208")
def test_binary_content_is_declared_only_where_it_was_announced() -> None:
    known = replace(grammar(), extensions=Extensions({"8BITMIME": "", "CHUNKING": ""}))
    assert refusal(Mail(A, {"BODY": BodyType.BINARY_MIME}), known) == (
        "MAIL: a server would refuse it: BINARYMIME was not announced"
    )


@pytest.mark.conformance("C110")
@pytest.mark.parametrize(("params", "text"), MAIL, ids=[text for _, text in MAIL])
def test_what_was_not_announced_is_not_sent(params: Mapping[str, object], text: str) -> None:
    keyword = next(iter(params))
    assert refusal(Mail(A, params), Grammar(extended=True)) == f"MAIL: {keyword} was not announced; leave it out"
    assert "after HELO" in refusal(Mail(A, params), Grammar())
    assert refusal(Rcpt(A, params)) == f"RCPT: {keyword} was not announced; leave it out"


paths = st.builds(Path, st.text(max_size=20), st.just("b.c") | st.text(max_size=20))
moments = st.datetimes(timezones=st.none() | st.timezones())
VALUES: Mapping[str, st.SearchStrategy[object]] = {
    "SIZE": st.integers(-1),
    "BODY": st.sampled_from(BodyType),
    "AUTH": paths | st.just(Path("", "")),
    "RET": st.sampled_from(Ret),
    "ENVID": st.builds(Envid, st.text(max_size=20), st.just(b"") | st.binary(max_size=20)) | st.just(UNIQUE),
    "NOTIFY": st.sampled_from(Notify) | st.sampled_from(Notify).map(lambda notify: notify | Notify.DELAY),
    "ORCPT": st.builds(Orcpt, st.sampled_from(["rfc822", "utf-8"]) | st.text(max_size=5), st.text(max_size=20)),
    "SMTPUTF8": st.just(True),
    "REQUIRETLS": st.booleans(),
    "BY": st.builds(DeliverBy, st.integers(), st.sampled_from(ByMode), st.booleans()),
    "HOLDFOR": st.integers(),
    "HOLDUNTIL": moments,
    "MT-PRIORITY": st.integers(-10, 10),
    "RRVS": st.builds(Rrvs, moments.map(lambda moment: moment.replace(microsecond=0)), st.sampled_from(RrvsAction)),
    "SOLICIT": st.lists(st.from_regex(r"[a-z][a-z.:]*", fullmatch=True) | st.text(max_size=5)).map(tuple),
    "MTRK": st.builds(Mtrk, st.binary(min_size=20, max_size=20), st.none() | st.integers()),
    "SUBMITTER": paths,
    "CONPERM": st.just(True),
    "CONNEG": st.just(True),
    "XCOLOUR": st.text(max_size=20) | st.text("abc=", max_size=3),
    "XGLOSSY": st.just(True),
}
OF_MAIL = [row.keyword.decode() for row in PARAMETERS if row.verb == b"MAIL"] + ["XCOLOUR"]
OF_RCPT = [row.keyword.decode() for row in PARAMETERS if row.verb == b"RCPT"] + ["XGLOSSY"]


def some_of(names: list[str]) -> st.SearchStrategy[Mapping[str, object]]:
    chosen = st.lists(st.sampled_from(names), unique=True, min_size=1, max_size=3)
    return chosen.flatmap(lambda few: st.fixed_dictionaries({name: VALUES[name] for name in few}))


commands = st.builds(Mail, st.just(A), some_of(OF_MAIL)) | st.builds(Rcpt, st.just(A), some_of(OF_RCPT))


@given(command=commands, utf8=st.booleans())
def test_any_parameters_are_refused_or_found_again(command: Mail | Rcpt, utf8: bool) -> None:
    known = grammar(utf8=utf8)
    try:
        line = to_wire(command, known)
    except LocalProtocolError:
        return
    found = read(line, known)
    assert isinstance(found, Mail | Rcpt)
    assert found == command
    assert list(found.params) == list(command.params)
