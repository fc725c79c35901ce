"""Whatever stands in a MAIL or RCPT line: one reply, nothing raised, and the session goes on (T-PARAM, T-UTF8)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpcore.session import Limits
from tests.session.driver import Dialogue, Recorder, config

SETTINGS = config(
    limits=Limits(max_errors=None, max_transactions=None, max_bad_recipients=None, max_noops=None),
    submission=True, dsn=True, smtputf8=True, deliver_by=True, future_release=86400, mt_priority=True, rrvs=True,
    no_soliciting=(), mtrk=True, submitter=True, conperm=True, conneg=True,
)  # fmt: skip
PIECES = [
    b" ", b"=", b"SMTPUTF8", b"RET=FULL", b"ENVID=", b"1@x.org", b"MTRK=AAECAwQFBgcICQoLDA0ODxAREhM", b"BY=60;R",
    b"BY=", b"-999999999;N", b"HOLDFOR=60", b"HOLDUNTIL=2026-03-02T00:00:00Z", b"HOLDUNTIL=9999-12-31T23:59:60Z",
    b"MT-PRIORITY=9", b"SOLICIT=a:b", b"SUBMITTER=a@b.c", b"CONPERM", b"NOTIFY=NEVER", b"ORCPT=utf-8;", b"CONNEG",
    b"RRVS=2014-04-03T23:01:00Z;C", b"RRVS=0001-01-01T00:00:00+23:59", b"<a@b.c>", b"<\xc3\xa9@b.c>", b"\xc3\xa9",
    b"\xc0\xae", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\\x{E9}", b"+C3+A9", b"+00", b"\x01", b"\x7f", b"\t", b"<>",
]  # fmt: skip
STARTS = [b"MAIL FROM:<a@b.c> ", b"MAIL FROM:", b"RCPT TO:<a@b.c> ", b"RCPT TO:", b"VRFY "]
lines = st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=10).map(b"".join)
ONE_REPLY = re.compile(r"[2-5][0-9]{2} [245]\.[0-9]+\.[0-9]+ [ -~]*\r\n")


@pytest.mark.conformance("C015")
@pytest.mark.threat("T-PARAM")
@given(
    start=st.sampled_from(STARTS),
    rest=lines,
)
def test_every_line_has_one_reply_and_the_session_goes_on(start: bytes, rest: bytes) -> None:
    recorder = Recorder()
    talk = Dialogue(SETTINGS, observer=recorder).ready()
    if start.startswith(b"RCPT"):
        talk.say("MAIL FROM:<a@b.c> SMTPUTF8")
    line = (start + rest).translate(None, b"\r\n\0")
    assert ONE_REPLY.fullmatch(talk.feed(line + b"\r\n"))
    assert talk.say("RSET").startswith("250 ")
    assert talk.say("MAIL FROM:<a@b.c>").startswith("250 ")
    assert recorder.named("fault") == []
