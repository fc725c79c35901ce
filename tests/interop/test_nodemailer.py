"""nodemailer delivers: DSN, SMTPUTF8, REQUIRETLS, AUTH with XOAUTH2 and the rest, LMTP, and a pool."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smtpcore import Envelope, Rcpt, Reply, ServerSession
from smtpcore.params.dsn import Envid, Notify, Ret
from smtpcore.params.orcpt import Orcpt
from smtpcore.spec import Dialect
from tests.conftest import TlsFiles
from tests.interop.conftest import BODY, run
from tests.interop.programs import needs, surroundings
from tests.interop.recording import PASSWORD, TOKEN, USER, Recording

pytestmark = pytest.mark.interop("node")
Start = Callable[..., Recording]
Send = Callable[..., list[dict[str, Any]]]
SCRIPT = Path(__file__).parent / "nodemailer.cjs"


@pytest.fixture(scope="module")
def available() -> None:
    """Node.js finds nodemailer, by NODE_PATH or where else it looks."""
    command = ["node", "-e", "require('nodemailer')"]
    found = subprocess.run(command, env=surroundings(), capture_output=True, timeout=50)
    needs(found.returncode == 0, "Node.js finds no nodemailer; set NODE_PATH")


@pytest.fixture
def send(available: None, tls_files: TlsFiles) -> Send:
    """Send the message once for each mail; what nodemailer says of each."""

    def send(server: Recording, *mails: dict[str, Any], secure: bool = False, **transport: Any) -> list[dict[str, Any]]:
        tls = {"ca": tls_files.ca.read_text(), "servername": "mx.test"}
        settings = {
            "host": "127.0.0.1", "port": server.port, "name": "client.test", "secure": secure, "tls": tls, **transport
        }  # fmt: skip
        words = {"transport": settings, "letter": b64encode(BODY).decode(), "mails": mails or (mail(),)}
        return [json.loads(line) for line in run("node", SCRIPT, stdin=json.dumps(words).encode()).splitlines()]

    return send


def mail(*recipients: str, sender: str = "a@client.test", **more: object) -> dict[str, Any]:
    """A mail to these, with more settings of nodemailer's."""
    return {"envelope": {"from": sender, "to": recipients or ("b@mx.test",)}, **more}


def test_plain(recording: Start, send: Send) -> None:
    server = recording(starttls=False)
    [said] = send(server, mail("b@mx.test", "c@mx.test"))
    assert said["accepted"] == ["b@mx.test", "c@mx.test"]
    assert said["response"] == "250 2.0.0 Message accepted"
    delivery = server.take_one()
    assert (delivery.recipients, delivery.helo) == (["b@mx.test", "c@mx.test"], "client.test")
    assert (delivery.protocol, delivery.content) == (b"ESMTP", BODY)


def test_a_refused_recipient(recording: Start, send: Send) -> None:
    server = recording()

    def refuse(session: ServerSession, rcpt: Rcpt) -> Reply | None:
        return Reply(550, "nobody here", "5.1.1") if rcpt.path.local == "c" else None

    server.recorder.rcpt = refuse  # type: ignore[method-assign]
    [said] = send(server, mail("b@mx.test", "c@mx.test"))
    assert (said["accepted"], said["rejected"]) == (["b@mx.test"], ["c@mx.test"])
    assert server.take_one().recipients == ["b@mx.test"]


@pytest.mark.parametrize("secure", [False, True], ids=["starttls", "implicit"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_passwords(recording: Start, send: Send, secure: bool, mechanism: str) -> None:
    server = recording(implicit_tls=secure, mechanisms=(mechanism,), require_auth=True)
    send(server, secure=secure, requireTLS=True, auth={"user": USER, "pass": PASSWORD})
    delivery = server.take_one()
    assert delivery.tls is not None
    assert delivery.tls.server_name == "mx.test"
    assert delivery.identity is not None
    assert (delivery.identity.username, delivery.identity.mechanism) == (USER, mechanism)
    assert (delivery.protocol, delivery.content) == (b"ESMTPSA", BODY)


def test_a_wrong_password(recording: Start, send: Send) -> None:
    server = recording(mechanisms=("PLAIN",))
    [said] = send(server, requireTLS=True, auth={"user": USER, "pass": "wrong"})
    assert said["code"] == "EAUTH"
    assert said["response"].startswith("535 5.7.8 ")
    assert server.take(0) == []


def test_xoauth2(recording: Start, send: Send) -> None:
    server = recording(mechanisms=("XOAUTH2",), require_auth=True)
    send(server, requireTLS=True, auth={"type": "OAuth2", "user": USER, "accessToken": TOKEN})
    delivery = server.take_one()
    assert delivery.identity is not None
    assert (delivery.identity.username, delivery.identity.mechanism) == (USER, "XOAUTH2")
    assert delivery.content == BODY


def test_a_wrong_token_by_xoauth2(recording: Start, send: Send) -> None:
    server = recording(mechanisms=("XOAUTH2",))
    [said] = send(server, requireTLS=True, auth={"type": "OAuth2", "user": USER, "accessToken": "wrong"})
    assert said["code"] == "EAUTH"
    assert said["response"].startswith("535 5.7.8 ")
    assert server.take(0) == []


def test_dsn(recording: Start, send: Send) -> None:
    server = recording(dsn=True)
    dsn = {"return": "headers", "id": "an+id = 1", "notify": ["success", "failure"], "recipient": "bob+x@client.test"}
    send(server, mail(dsn=dsn))
    delivery = server.take_one()
    assert delivery.envelope.mail.ret is Ret.HDRS
    assert delivery.envelope.mail.envid == Envid("an+id = 1")
    [rcpt] = delivery.envelope.recipients
    assert rcpt.notify == Notify.SUCCESS | Notify.FAILURE
    assert rcpt.orcpt == Orcpt("rfc822", "bob+x@client.test")
    assert delivery.content == BODY


def test_smtputf8(recording: Start, send: Send) -> None:
    server = recording(smtputf8=True)
    send(server, mail("j\u00f6rg@mx.test", sender="\u00fc@client.test"))
    delivery = server.take_one()
    assert (delivery.sender, delivery.recipients) == ("\u00fc@client.test", ["j\u00f6rg@mx.test"])
    assert delivery.envelope.mail.smtputf8
    assert (delivery.protocol, delivery.content) == (b"UTF8SMTPS", BODY)


@pytest.mark.parametrize("secure", [False, True], ids=["starttls", "implicit"])
def test_requiretls(recording: Start, send: Send, secure: bool) -> None:
    server = recording(requiretls=True, implicit_tls=secure)
    send(server, mail(requireTLSExtensionEnabled=True), secure=secure)
    delivery = server.take_one()
    assert delivery.envelope.mail.requiretls
    assert delivery.content == BODY


def test_requiretls_is_not_on_offer(recording: Start, send: Send) -> None:
    server = recording()
    [said] = send(server, mail(requireTLSExtensionEnabled=True))
    assert said["code"] == "EREQUIRETLS"
    assert server.take(0) == []


def test_lmtp_answers_for_each_recipient(recording: Start, send: Send) -> None:
    server = recording(dialect=Dialect.LMTP, starttls=False)
    message = server.recorder.message

    def second_is_full(session: ServerSession, envelope: Envelope) -> list[Reply | None]:
        message(session, envelope)
        return [None, Reply(552, "mailbox full", "5.2.2")]

    server.recorder.message = second_is_full  # type: ignore[assignment, method-assign]
    [said] = send(server, mail("b@mx.test", "c@mx.test"), lmtp=True)
    assert (said["accepted"], said["rejected"]) == (["b@mx.test"], ["c@mx.test"])
    delivery = server.take_one()
    assert (delivery.protocol, delivery.content) == (b"LMTP", BODY)


def test_a_pool_keeps_its_session(recording: Start, send: Send) -> None:
    server = recording(mechanisms=("PLAIN",))
    mails = [mail() for _ in range(5)]
    send(server, *mails, pool=True, maxConnections=1, requireTLS=True, auth={"user": USER, "pass": PASSWORD})
    deliveries = server.take(5)
    assert [delivery.content for delivery in deliveries] == [BODY] * 5
    assert len({delivery.envelope.id.partition(".")[0] for delivery in deliveries}) == 1
    assert len(server.said("AUTH")) == 1
