"""SmtpSink against the client of the standard library."""

from __future__ import annotations

import errno
import smtplib
import socket
import ssl
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable
from email.message import EmailMessage

import pytest
import scramp  # type: ignore[import-untyped]
from smtpcore_testing import SmtpSink
from smtpcore_testing.adapter_kit.clients import until
from smtpcore_testing.messages import Message

from smtpcore import ServerConfig
from smtpcore.params.dsn import Ret

LETTER = EmailMessage()
LETTER["From"] = "Ann <ann@a.test>"
LETTER["To"] = "Bob <bob@b.test>"
LETTER["Subject"] = "Grüße"
LETTER.set_content("first\n.dotted\n")


def client(sink: SmtpSink) -> smtplib.SMTP:
    return smtplib.SMTP(sink.host, sink.port, local_hostname="c.test", timeout=10)


def send(sink: SmtpSink, *recipients: str) -> None:
    with client(sink) as smtp:
        smtp.send_message(LETTER, "ann@a.test", recipients or ["bob@b.test"])


# What arrives.


def test_a_message_arrives_with_its_envelope() -> None:
    with SmtpSink() as sink:
        send(sink, "bob@b.test", "Eve@else.test")
        [message] = sink.messages
    assert message.sender == "ann@a.test"
    assert message.recipients == ("bob@b.test", "Eve@else.test")
    assert message.content.endswith(b"\r\n\r\nfirst\r\n.dotted\r\n")
    assert message.email["Subject"] == "Grüße"
    assert message.email.get_content() == "first\n.dotted\n"
    assert message.helo == "c.test"
    assert message.peer.host == "127.0.0.1"
    assert message.tls is None
    assert message.identity is None


def test_the_parameters_of_the_envelope_are_there() -> None:
    with SmtpSink() as sink, client(sink) as smtp:
        smtp.sendmail("", ["bob@b.test"], b"hello\r\n", mail_options=["RET=HDRS"], rcpt_options=["NOTIFY=NEVER"])
        [message] = sink.messages
    assert message.sender == ""
    assert message.envelope.mail.ret is Ret.HDRS
    assert message.envelope.recipients[0].notify is not None


def test_messages_are_waited_for() -> None:
    with SmtpSink() as sink:
        senders = [threading.Thread(target=send, args=(sink,)) for _ in range(3)]
        for sender in senders:
            sender.start()
        assert len(sink.wait_for(3)) == 3
        for sender in senders:
            sender.join()


def test_a_wait_in_vain_tells_what_has_come_and_been_said() -> None:
    with SmtpSink() as sink:
        send(sink)
        with pytest.raises(TimeoutError, match="1 of 2 messages") as caught:
            sink.wait_for(2, timeout=0.01)
    assert "<ann@a.test>" in str(caught.value)


def test_the_transcript_has_both_sides_and_no_secrets() -> None:
    with SmtpSink(users={"ann": "secret"}) as sink, client(sink) as smtp:
        smtp.login("ann", "secret")
    assert "C: ehlo c.test" in sink.transcript
    assert "S: 235 2.7.0 " in sink.transcript
    assert "secret" not in sink.transcript


def test_a_sink_ends_although_a_client_stays() -> None:
    with SmtpSink() as sink:
        smtp = client(sink)
    with smtp, pytest.raises(smtplib.SMTPServerDisconnected):
        smtp.noop()
    with pytest.raises(ConnectionRefusedError):
        client(sink)


def test_a_sink_that_cannot_accept_for_a_moment_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = socket.socket.accept, [OSError(errno.EMFILE, "Too many open files")]

    def accept(listener: socket.socket) -> tuple[socket.socket, object]:
        if failures:
            raise failures.pop()
        return real(listener)

    monkeypatch.setattr("socket.socket.accept", accept)
    with SmtpSink() as sink:
        send(sink)
    assert len(sink.messages) == 1
    assert failures == []


def test_the_settings_may_be_others() -> None:
    with SmtpSink(ServerConfig(hostname="mx.test", banner="mail here")) as sink, client(sink) as smtp:
        assert smtp.noop()[0] == 250
        assert "S: 220 mx.test mail here" in sink.transcript


# TLS and AUTH.


def test_starttls_has_a_certificate_that_verifies() -> None:
    with SmtpSink(tls="starttls") as sink, client(sink) as smtp:
        smtp.starttls(context=sink.client_context)
        smtp.send_message(LETTER)
        [message] = sink.messages
    assert message.tls is not None
    assert message.tls.version == "TLSv1.3"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls_from_the_first_octet_has_a_certificate_that_verifies(host: str) -> None:
    with SmtpSink(tls="implicit") as sink:
        # As a client of others would be told to trust the file.
        context = ssl.create_default_context(cafile=sink.ca_file)
        with smtplib.SMTP_SSL(host, sink.port, context=context, timeout=10) as smtp:
            smtp.send_message(LETTER)
        [message] = sink.messages
    assert message.tls is not None


def test_who_does_not_know_the_certificate_does_not_trust_it() -> None:
    with SmtpSink(tls="implicit") as sink, pytest.raises(ssl.SSLCertVerificationError):
        smtplib.SMTP_SSL(sink.host, sink.port, context=ssl.create_default_context(), timeout=10)


def test_without_tls_there_is_no_certificate() -> None:
    with SmtpSink() as sink, pytest.raises(ValueError, match="no certificate"):
        sink.client_context  # noqa: B018


@pytest.mark.parametrize("mechanism", ["plain", "login", "cram_md5"])
def test_a_user_authenticates(mechanism: str) -> None:
    with SmtpSink(users={"ann": "secret"}, require_auth=True) as sink, client(sink) as smtp:
        smtp.ehlo()
        with pytest.raises(smtplib.SMTPSenderRefused):
            smtp.sendmail("ann@a.test", ["bob@b.test"], b"hello\r\n")
        smtp.user, smtp.password = "ann", "secret"
        smtp.auth(mechanism.replace("_", "-").upper(), getattr(smtp, f"auth_{mechanism}"))
        smtp.send_message(LETTER)
        [message] = sink.messages
    assert message.identity is not None
    assert message.identity.username == "ann"


def scram(smtp: smtplib.SMTP, user: str, password: str) -> int:
    exchange = scramp.ScramClient(["SCRAM-SHA-256"], user, password)
    code, text = smtp.docmd("AUTH SCRAM-SHA-256", b64encode(exchange.get_client_first().encode()).decode())
    assert code == 334
    exchange.set_server_first(b64decode(text).decode())
    code, text = smtp.docmd(b64encode(exchange.get_client_final().encode()).decode())
    if code == 334:
        exchange.set_server_final(b64decode(text).decode())
        code, _ = smtp.docmd("")
    return code


@pytest.mark.parametrize(("user", "password", "code"), [("ann", "secret", 235), ("ann", "", 535), ("eve", "x", 535)])
def test_a_user_authenticates_by_scram(user: str, password: str, code: int) -> None:
    with SmtpSink(users={"ann": "secret"}) as sink, client(sink) as smtp:
        smtp.ehlo()
        assert scram(smtp, user, password) == code


@pytest.mark.parametrize("user", ["ann", "eve"])
def test_a_wrong_password_is_refused(user: str) -> None:
    with SmtpSink(users={"ann": "secret"}) as sink, client(sink) as smtp, pytest.raises(smtplib.SMTPException):
        smtp.login(user, "wrong")


def test_a_user_whom_no_client_could_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="SASLprep"):
        SmtpSink(users={"": "secret"})


# What goes wrong.


def test_one_recipient_of_several_is_refused() -> None:
    with SmtpSink() as sink:
        sink.on_rcpt("bad@*").reply(550, "no such user", "5.1.1")
        with client(sink) as smtp:
            refused = smtp.sendmail("ann@a.test", ["BAD@b.test", "bob@b.test"], b"hello\r\n")
        [message] = sink.messages
    assert refused == {"BAD@b.test": (550, b"5.1.1 no such user")}
    assert message.recipients == ("bob@b.test",)


STAGES: dict[str, Callable[[SmtpSink], object]] = {
    "connect": lambda sink: sink.on_connect().reply(421, "busy"),
    "mail": lambda sink: sink.on_mail("ann@*").reply(421, "busy"),
    "rcpt": lambda sink: sink.on_rcpt("bob@*").reply(421, "busy"),
    "data": lambda sink: sink.on_data("bob@*").reply(421, "busy"),
    "message": lambda sink: sink.on_message("bob@*").reply(421, "busy"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_can_be_refused(stage: str) -> None:
    with SmtpSink() as sink:
        STAGES[stage](sink)
        with pytest.raises((smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)) as caught:
            send(sink)
        assert "busy" in str(caught.value)
        assert sink.messages == []


DROPS: dict[str, Callable[[SmtpSink], object]] = {
    "connect": lambda sink: sink.on_connect().drop(),
    "mail": lambda sink: sink.on_mail().drop(),
    "rcpt": lambda sink: sink.on_rcpt().drop(),
    "data": lambda sink: sink.on_data().drop(),
    "message": lambda sink: sink.on_message().drop(),
}


@pytest.mark.parametrize("stage", DROPS)
def test_at_every_stage_the_connection_can_be_cut(stage: str) -> None:
    with SmtpSink() as sink:
        DROPS[stage](sink)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            send(sink)
        assert sink.messages == []
        assert sink.transcript.endswith("-- the connection is cut")


def test_a_user_with_the_right_password_is_refused_or_cut() -> None:
    with SmtpSink(users={"ann": "secret", "bob": "secret"}) as sink, client(sink) as smtp:
        sink.on_auth("ann").reply(454, "later")
        sink.on_auth("bob").drop()
        with pytest.raises(smtplib.SMTPAuthenticationError, match="later"):
            smtp.login("ann", "secret")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            smtp.login("bob", "secret")


def test_nobody_acts_for_another() -> None:
    with SmtpSink(users={"ann": "secret"}) as sink, client(sink) as smtp:
        smtp.ehlo()
        assert smtp.docmd("AUTH PLAIN", "Ym9iAGFubgBzZWNyZXQ=")[0] == 535  # bob, by ann


def test_a_rule_applies_so_many_times() -> None:
    with SmtpSink() as sink:
        sink.on_message().reply(451, "try again").times(2)
        for _ in range(2):
            with pytest.raises(smtplib.SMTPDataError):
                send(sink)
        send(sink)
        assert len(sink.messages) == 1


def test_the_first_rule_that_fits_applies() -> None:
    with SmtpSink() as sink:
        sink.on_rcpt("bob@*")
        sink.on_rcpt().reply(550)
        with client(sink) as smtp:
            assert list(smtp.sendmail("a@a.test", ["bob@b.test", "eve@b.test"], b"hello\r\n")) == ["eve@b.test"]


def test_an_answer_may_be_late() -> None:
    with SmtpSink() as sink:
        sink.on_mail().delay(60)
        with client(sink) as smtp:
            smtp.ehlo()
            assert smtp.sock is not None
            smtp.sock.settimeout(0.05)
            with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
                smtp.mail("ann@a.test")
    # The sink has ended, and did not wait for a minute.
    assert sink.messages == []


def test_a_positive_reply_may_have_words_of_its_own() -> None:
    with SmtpSink() as sink, client(sink) as smtp:
        sink.on_message().reply(250, "queued as 17")
        smtp.ehlo()
        smtp.mail("ann@a.test")
        smtp.rcpt("bob@b.test")
        assert smtp.data(b"hello") == (250, b"2.0.0 queued as 17")
        assert len(sink.messages) == 1


def test_a_reply_that_ends_no_command_is_no_rule() -> None:
    with pytest.raises(ValueError, match="354"):
        SmtpSink().on_data().reply(354)


def test_who_has_left_before_the_cut_harms_nobody() -> None:
    with SmtpSink() as sink:
        sink.on_connect().delay(0.05).drop().times(1)
        with socket.create_connection((sink.host, sink.port)):
            pass
        until(lambda: "cut" in sink.transcript)
        send(sink)
        assert len(sink.messages) == 1


# LMTP.


def test_under_lmtp_each_recipient_has_a_reply_of_its_own() -> None:
    with SmtpSink(lmtp=True) as sink:
        sink.on_message("full@*").reply(452, "mailbox full", "4.2.2")
        with smtplib.LMTP(sink.host, sink.port, local_hostname="c.test") as lmtp:
            lmtp.ehlo("c.test")
            lmtp.mail("ann@a.test")
            for recipient in ("bob@b.test", "full@b.test"):
                lmtp.rcpt(recipient)
            assert lmtp.data(b"hello")[0] == 250
            assert lmtp.getreply() == (452, b"4.2.2 mailbox full")
        [message] = sink.messages
    assert message.recipients == ("bob@b.test",)


def test_under_lmtp_a_message_that_nobody_gets_is_not_kept() -> None:
    with SmtpSink(lmtp=True) as sink:
        sink.on_message().reply(452)
        with smtplib.LMTP(sink.host, sink.port) as lmtp, pytest.raises(smtplib.SMTPDataError):
            lmtp.sendmail("ann@a.test", ["bob@b.test"], b"hello\r\n")
        assert sink.messages == []


def test_a_message_is_a_value() -> None:
    with SmtpSink() as sink:
        send(sink)
        [message] = sink.messages
        assert [message] == sink.messages
        assert isinstance(message, Message)
