"""``smtpcore send``: what is sent, what is said of it, and how it ends."""

from __future__ import annotations

import io
import os
import socket
import sys
from pathlib import Path

import pytest
from smtpcore_cli import main
from smtpcore_testing import SmtpSink

from smtpcore import ServerConfig
from tests.cli.sending import ENVELOPE, MESSAGE, SENT, run, written

Capture = pytest.CaptureFixture[str]


def url(sink: SmtpSink, scheme: str = "smtp") -> str:
    return f"{scheme}://{sink.host}:{sink.port}"


# What is sent.


def test_a_file_goes_out_as_it_is_with_the_line_ends_of_the_wire(
    smtp_sink: SmtpSink, message: str, capsys: Capture
) -> None:
    done = run(capsys, "send", message, "--server", url(smtp_sink), *ENVELOPE, "--to", "<carl@c.test>")
    [found] = smtp_sink.messages
    assert (found.sender, found.recipients) == ("ann@a.test", ("bob@b.test", "carl@c.test"))
    assert found.content == SENT
    assert found.envelope.mail.size == len(SENT)
    assert done.lines == [
        ["accepted", "bob@b.test", "250 2.0.0 Message accepted"],
        ["accepted", "carl@c.test", "250 2.0.0 Message accepted"],
    ]
    assert (done.status, done.errors) == (0, "")


def test_the_standard_input_is_the_message_without_a_file(
    smtp_sink: SmtpSink, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in ((), ("-",)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MESSAGE.encode())))
        assert run(capsys, "send", *words, "--server", url(smtp_sink), *ENVELOPE).status == 0
    assert [found.content for found in smtp_sink.messages] == [SENT, SENT]


def test_the_header_section_names_who_gets_it_and_bcc_stays_here(
    smtp_sink: SmtpSink, tmp_path: Path, capsys: Capture
) -> None:
    head = "From: Ann <ann@a.test>\nTo: bob@b.test,\n\tCarl <carl@c.test>\nX-Long: " + "word " * 40 + "\n"
    body = "Subject: Grüße  zwei\n\n8 bit: äöü\nFrom here on\n\n"
    file = written(tmp_path, f"{head}Bcc: dora@d.test\n{body}")
    done = run(capsys, "send", file, "--server", url(smtp_sink))
    [found] = smtp_sink.messages
    assert (found.sender, found.recipients) == ("ann@a.test", ("bob@b.test", "carl@c.test", "dora@d.test"))
    assert found.content == f"{head}{body}".replace("\n", "\r\n").encode()
    assert done.status == 0


def test_half_an_envelope_is_completed_from_the_header_section(
    smtp_sink: SmtpSink, tmp_path: Path, capsys: Capture
) -> None:
    file = written(tmp_path, "From: ann@a.test\nTo: bob@b.test\n\nhello\n")
    assert run(capsys, "send", file, "--server", url(smtp_sink), "--from", "").status == 0
    assert run(capsys, "send", file, "--server", url(smtp_sink), "--to", "eve@e.test").status == 0
    assert [(found.sender, found.recipients) for found in smtp_sink.messages] == [
        ("", ("bob@b.test",)),
        ("ann@a.test", ("eve@e.test",)),
    ]


def test_addresses_may_have_any_letters(smtp_sink: SmtpSink, message: str, capsys: Capture) -> None:
    words = ("--from", "jürgen@bücher.test", "--to", '"a b"@b.test')
    done = run(capsys, "send", message, "--server", url(smtp_sink), *words)
    [found] = smtp_sink.messages
    assert found.sender == "jürgen@bücher.test"
    assert found.envelope.mail.smtputf8
    assert done.lines[0][:2] == ["accepted", '"a b"@b.test']


def test_what_is_asked_of_the_server_stands_in_its_commands(smtp_sink: SmtpSink, message: str, capsys: Capture) -> None:
    words = ("--dsn", "success,delay", "--ret", "hdrs", "--envid", "a b", "--rcpt-param", "ORCPT=rfc822;x@y.test")
    assert run(capsys, "send", message, "--server", url(smtp_sink), *ENVELOPE, *words).status == 0
    assert "C: MAIL FROM:<ann@a.test> RET=HDRS ENVID=a+20b " in smtp_sink.transcript
    assert "RCPT TO:<bob@b.test> ORCPT=rfc822;x@y.test NOTIFY=SUCCESS,DELAY" in smtp_sink.transcript


def test_what_the_server_does_not_announce_cannot_be_asked_of_it(message: str, capsys: Capture) -> None:
    with SmtpSink(ServerConfig()) as sink:
        mail = run(capsys, "send", message, "--server", url(sink), *ENVELOPE, "--mail-param", "MT-PRIORITY=3")
        rcpt = run(capsys, "send", message, "--server", url(sink), *ENVELOPE, "--dsn", "never")
        onward = run(capsys, "send", message, "--server", url(sink), *ENVELOPE, "--require-tls-onward")
        assert sink.messages == []
    assert (mail.status, rcpt.status, onward.status) == (1, 1, 1)
    assert "MT-PRIORITY was not announced" in mail.output
    assert "NOTIFY was not announced" in rcpt.output
    assert "requires TLS with a verified certificate" in onward.output


def test_where_it_is_from_is_told_to_a_server_that_trusts_this_host(message: str, capsys: Capture) -> None:
    config = ServerConfig(xclient_networks=["127.0.0.1"], xforward_networks=["127.0.0.1"])
    with SmtpSink(config) as sink:
        words = ("--xclient", "ADDR=192.0.2.1", "--xclient", "NAME=c.test")
        assert run(capsys, "send", message, "--server", url(sink), *ENVELOPE, *words).status == 0
        words = ("--xforward", "ADDR=192.0.2.2", "--xforward", "SOURCE=remote")
        assert run(capsys, "send", message, "--server", url(sink), *ENVELOPE, *words).status == 0
        first, second = sink.messages
        assert first.peer.host == "192.0.2.1"
        assert "C: XFORWARD ADDR=192.0.2.2 SOURCE=REMOTE" in sink.transcript
        assert second.content == SENT
    with SmtpSink() as sink:
        done = run(capsys, "send", message, "--server", url(sink), *ENVELOPE, "--xclient", "NAME=c.test")
        assert done.status == 1
        assert "has not announced XCLIENT" in done.output


def test_pipelining_and_chunking_can_be_left_out(smtp_sink: SmtpSink, message: str, capsys: Capture) -> None:
    words = ("--no-pipelining", "--no-chunking", "--show", "--hostname", "c.test")
    done = run(capsys, "send", message, "--server", url(smtp_sink), *ENVELOPE, *words)
    assert done.status == 0
    assert "BDAT" not in done.errors
    shown = done.errors.splitlines()
    assert shown[1] == "C: EHLO c.test"
    at = shown.index("C: DATA")
    assert shown[at - 1].startswith("S: 250 2.1.5")
    assert shown[at + 1].startswith("S: 354")


@pytest.mark.parametrize(
    ("content", "flag"),
    [(b"a\n", ("--bare-newlines", "error")), (b"a" * 999 + b"\r\n", ("--long-lines", "error"))],
)
def test_content_that_may_not_be_sent_is_refused_for_good(
    content: bytes, flag: tuple[str, str], smtp_sink: SmtpSink, tmp_path: Path, capsys: Capture
) -> None:
    done = run(capsys, "send", written(tmp_path, content), "--server", url(smtp_sink), *ENVELOPE, *flag)
    assert (done.status, done.states) == (1, ["permanent"])
    # What would let it pass.
    assert f"{flag[0]} {'convert' if flag[0] == '--bare-newlines' else 'pass'}" in done.output
    assert smtp_sink.messages == []


def test_a_long_line_passes_when_it_is_let(smtp_sink: SmtpSink, tmp_path: Path, capsys: Capture) -> None:
    file = written(tmp_path, b"a" * 1500 + b"\n")
    assert run(capsys, "send", file, "--server", url(smtp_sink), *ENVELOPE, "--long-lines", "pass").status == 0
    assert smtp_sink.messages[0].content == b"a" * 1500 + b"\r\n"


def test_binary_content_is_not_touched_and_its_size_is_its_own(tmp_path: Path, capsys: Capture) -> None:
    content = b"Content-Type: application/octet-stream\r\n\r\n\n\0\r\xff\n"
    with SmtpSink(ServerConfig(binarymime=True)) as sink:
        words = ("--mail-param", "BODY=BINARYMIME")
        assert run(capsys, "send", written(tmp_path, content), "--server", url(sink), *ENVELOPE, *words).status == 0
        [found] = sink.messages
    assert found.content == content
    assert found.envelope.mail.size == len(content)


def test_a_message_that_names_who_gets_it_is_not_touched_either(tmp_path: Path, capsys: Capture) -> None:
    head = b"From: ann@a.test\r\nTo: bob@b.test\r\nContent-Type: application/octet-stream\r\n"
    body = b"\r\nx\ry\nz\0w\xff\r\nBcc: eve@e.test\r\n"
    with SmtpSink(ServerConfig(binarymime=True)) as sink:
        file = written(tmp_path, head + b"Bcc: dora@d.test\r\n" + body)
        assert run(capsys, "send", file, "--server", url(sink), "--mail-param", "BODY=BINARYMIME").status == 0
        [found] = sink.messages
    assert found.content == head + body
    assert found.recipients == ("bob@b.test", "dora@d.test")
    assert found.envelope.mail.size == len(head + body)


def test_lines_that_are_not_as_the_wire_has_them_are_an_error_there_too(
    smtp_sink: SmtpSink, tmp_path: Path, capsys: Capture
) -> None:
    file = written(tmp_path, b"From: ann@a.test\nTo: bob@b.test\n\nhello\n")
    done = run(capsys, "send", file, "--server", url(smtp_sink), "--bare-newlines", "error")
    assert (done.status, done.states) == (1, ["permanent"])
    assert smtp_sink.messages == []


def test_a_header_section_beyond_ascii_is_declared(smtp_sink: SmtpSink, tmp_path: Path, capsys: Capture) -> None:
    file = written(tmp_path, "From: ann@a.test\nTo: bob@b.test\nSubject: Grüße\n\nhello\n")
    assert run(capsys, "send", file, "--server", url(smtp_sink)).status == 0
    assert smtp_sink.messages[0].envelope.mail.smtputf8
    with SmtpSink(ServerConfig()) as sink:
        done = run(capsys, "send", file, "--server", url(sink))
    assert (done.status, done.states) == (1, ["permanent"])
    assert "SMTPUTF8" in done.output


def test_a_field_of_the_old_syntax_is_one(smtp_sink: SmtpSink, tmp_path: Path, capsys: Capture) -> None:
    file = written(tmp_path, "From : ann@a.test\nTo: bob@b.test\nBcc : dora@d.test\nSubject: x\n\nhello\n")
    assert run(capsys, "send", file, "--server", url(smtp_sink)).status == 0
    [found] = smtp_sink.messages
    assert (found.sender, found.recipients) == ("ann@a.test", ("bob@b.test", "dora@d.test"))
    assert found.content == b"From : ann@a.test\r\nTo: bob@b.test\r\nSubject: x\r\n\r\nhello\r\n"


def test_a_header_section_ends_where_it_ended(smtp_sink: SmtpSink, tmp_path: Path, capsys: Capture) -> None:
    file = written(tmp_path, b"From: ann@a.test\rBcc: dora@d.test\r\n\nTo: is no field here\n")
    assert run(capsys, "send", file, "--server", url(smtp_sink)).status == 0
    assert smtp_sink.messages[0].content == b"From: ann@a.test\r\n\r\nTo: is no field here\r\n"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_whoever_gets_it_blindly_is_named_to_nobody(
    end: str, smtp_sink: SmtpSink, tmp_path: Path, capsys: Capture
) -> None:
    lines = ["From ann@a.test Sat Jan  1 00:00:00 2000", "From: ann@a.test", "BCC: dora@d.test,", "\tEd <ed@e.test>"]
    rest = ["To: bob@b.test", "resent-bcc: fay@f.test", " (folded)", "Subject: hello", "", "Bcc: is no field here", ""]
    file = written(tmp_path, end.join([*lines, *rest]))
    assert run(capsys, "send", file, "--server", url(smtp_sink), "--from", "ann@a.test").status == 0
    [found] = smtp_sink.messages
    kept = ["From: ann@a.test", "To: bob@b.test", "Subject: hello", "", "Bcc: is no field here", ""]
    assert found.content == "\r\n".join(kept).encode()


# How it ends.


def test_who_is_refused_for_good_makes_it_1(smtp_sink: SmtpSink, message: str, capsys: Capture) -> None:
    smtp_sink.on_rcpt("no@*").reply(550, "No such user", "5.1.1")
    smtp_sink.on_rcpt("later@*").reply(451, "Come back", "4.2.1")
    words = ("--to", "later@b.test", "--to", "no@b.test")
    done = run(capsys, "send", message, "--server", url(smtp_sink), *ENVELOPE, *words)
    assert done.lines == [
        ["accepted", "bob@b.test", "250 2.0.0 Message accepted"],
        ["temporary", "later@b.test", "451 4.2.1 Come back"],
        ["permanent", "no@b.test", "550 5.1.1 No such user"],
    ]
    assert done.status == 1
    assert smtp_sink.messages[0].recipients == ("bob@b.test",)


def test_who_is_refused_for_now_makes_it_75(smtp_sink: SmtpSink, message: str, capsys: Capture) -> None:
    smtp_sink.on_rcpt("later@*").reply(451)
    done = run(capsys, "send", message, "--server", url(smtp_sink), *ENVELOPE, "--to", "later@b.test")
    assert (done.status, done.states) == (75, ["accepted", "temporary"])


def test_a_reply_that_never_came_makes_it_uncertain_and_75(smtp_sink: SmtpSink, message: str, capsys: Capture) -> None:
    smtp_sink.on_message().drop()
    done = run(capsys, "send", message, "--server", url(smtp_sink), *ENVELOPE)
    assert (done.status, done.states) == (75, ["uncertain"])


def test_nobody_who_listens_makes_it_75(message: str, capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    done = run(capsys, "send", message, "--server", f"smtp://127.0.0.1:{port}", *ENVELOPE, "--to", "carl@c.test")
    assert (done.status, done.states) == (75, ["temporary", "temporary"])
    assert "connect: " in done.output


def test_a_server_that_turns_this_host_away_decides_for_all(smtp_sink: SmtpSink, message: str, capsys: Capture) -> None:
    smtp_sink.on_connect().reply(554, "Not you", "5.7.1")
    done = run(capsys, "send", message, "--server", url(smtp_sink), *ENVELOPE)
    assert (done.status, done.states) == (1, ["permanent"])
    assert "554 localhost Not you" in done.output


def test_a_server_that_says_nothing_is_not_waited_for_without_end(message: str, capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        server = f"smtp://127.0.0.1:{port}"
        done = run(capsys, "send", message, "--server", server, *ENVELOPE, "--timeout-greeting", "0.05")
    assert (done.status, done.states) == (75, ["temporary"])
    assert "it took too long" in done.output


def test_quiet_tells_of_trouble_alone(smtp_sink: SmtpSink, message: str, capsys: Capture) -> None:
    smtp_sink.on_rcpt("no@*").reply(550)
    done = run(capsys, "send", message, "--server", url(smtp_sink), *ENVELOPE, "--quiet", "--to", "no@b.test")
    assert done.states == ["permanent"]
    done = run(capsys, "send", message, "--server", url(smtp_sink), *ENVELOPE, "--quiet")
    assert (done.status, done.output) == (0, "")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("/there/is/none",), "cannot read the message: /there/is/none: No such file or directory"),
        (("/",), "cannot read the message: /: Is a directory"),
        (("--to", "not an address"), "'not an address' is no address"),
        (("--to", "<>"), "a recipient is not empty"),
        (("--from", "a\r\nQUIT@b.test"), "is no address"),
        (("--server", "smtp://ann:s3cret@mx.test"), "a password has no place in the arguments"),
        (("--hostname", "-"), "no domain or address literal"),
        (("--user", "ann", "--password-file", "/there/is/none"), "cannot read the password"),
        (("--tls", "none", "--ca", "x"), "--ca and --tls none do not go together"),
        (("--tls", "none", "--insecure"), "--insecure and --tls none do not go together"),
        (("--insecure", "--ca", "x"), "--insecure and --ca do not go together"),
        (("--keyfile", "x"), "--keyfile needs --certfile"),
        (("--ca", "/there/is/none"), "cannot read a certificate: /there/is/none: No such file or directory"),
        (("--certfile", "/dev/null"), "/dev/null: no usable certificate and key"),
        (("--server", "smtp:unix:/run/s", "--tls", "starttls"), "give --server-name or --insecure"),
        (("--server-name", ".mx.test"), "is no name of a host"),
        (("--mail-param", "X=1"), "there is no 'X'"),
        (("--xclient", "X=1"), "--xclient: "),
        (("--xforward", "X=1"), "--xforward: "),
    ],
)
def test_a_usage_error_is_one_line_and_2(
    words: tuple[str, ...], complaint: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"hello\n")))
    done = run(capsys, "send", "--server", "smtp://127.0.0.1:1", *ENVELOPE, *words)
    assert (done.status, done.output) == (2, "")
    [line] = done.errors.splitlines()
    assert complaint in line
    assert "s3cret" not in line


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("To: bob@b.test\n\nhello\n", "no sender"),
        ("From: ann@a.test\n\nhello\n", "no recipient"),
        ("From: ann@a.test\nTo: <not an address>\n\nhello\n", "To: "),
    ],
)
def test_a_header_section_without_an_envelope_is_a_usage_error(
    content: str, complaint: str, tmp_path: Path, capsys: Capture
) -> None:
    done = run(capsys, "send", written(tmp_path, content), "--server", "smtp://127.0.0.1:1")
    assert (done.status, done.output) == (2, "")
    assert complaint in done.errors
    assert done.errors.endswith("or use --from and --to\n")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file that opens and cannot be read")
@pytest.mark.parametrize("envelope", [(), ENVELOPE])
def test_a_file_that_opens_and_cannot_be_read_is_a_usage_error(envelope: tuple[str, ...], capsys: Capture) -> None:
    done = run(capsys, "send", "/proc/self/mem", "--server", "smtp://127.0.0.1:1", *envelope)
    assert (done.status, done.output) == (2, "")
    assert done.errors == "smtpcore: error: cannot read the message: Input/output error\n"


def test_output_that_nobody_reads_changes_nothing(
    smtp_sink: SmtpSink, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        assert main(["send", message, "--server", url(smtp_sink), *ENVELOPE, "--to", "carl@c.test"]) == 0
