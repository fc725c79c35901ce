"""Our client delivers to nodemailer's smtp-server: refusals, TLS, AUTH with XOAUTH2 and the rest, SMTPUTF8, LMTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpcore.params.dsn import Envid, Notify, Ret
from smtpcore.sasl import Credentials
from smtpcore.session.client import SessionError, Status, TlsMode
from smtpcore.spec import Dialect
from tests.conftest import TlsFiles
from tests.interop.delivering import ACCEPTED, Deliver, message, outcome
from tests.interop.letters import BODY, LARGE
from tests.interop.node_server import Start, starting
from tests.interop.recording import PASSWORD, TOKEN, USER

pytestmark = pytest.mark.interop("node")


@pytest.fixture(scope="module")
def start(shared_folder: Path, tls_files: TlsFiles) -> Iterator[Start]:
    """Start a server with these options, or take the one that has been."""
    with starting(shared_folder, tls_files) as start:
        yield start


def test_refused_recipients_in_a_pipelined_group(start: Start, deliver: Deliver) -> None:
    server = start()
    sent = deliver(server.place, message("b@mx.test", "eve@mx.test", "later@mx.test", "c@mx.test"))
    assert sent.groups() == [["EHLO"], ["MAIL", "RCPT", "RCPT", "RCPT", "RCPT", "DATA"], ["QUIT"]]
    assert outcome(sent.delivery) == [
        ACCEPTED,
        (Status.PERMANENT, "rcpt", 550),
        (Status.TEMPORARY, "rcpt", 450),
        ACCEPTED,
    ]
    [mail] = server.take()
    assert (mail["sender"], mail["recipients"]) == ("a@client.test", ["b@mx.test", "c@mx.test"])
    assert mail["content"] == BODY


@pytest.mark.parametrize("pipelining", [True, False])
def test_messages_share_a_session(start: Start, deliver: Deliver, pipelining: bool) -> None:
    server = start()
    letters = (message(), message("eve@mx.test"), message(content=LARGE), message("c@mx.test"))
    sent = deliver(server.place, *letters, pipelining=pipelining)
    refused = [(Status.PERMANENT, "rcpt", 550)]
    assert [outcome(delivery) for delivery in sent.deliveries] == [[ACCEPTED], refused, [ACCEPTED], [ACCEPTED]]
    assert [mail["content"] for mail in server.take(3)] == [BODY, LARGE, BODY]


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
def test_tls(start: Start, deliver: Deliver, implicit: bool) -> None:
    server = start(secure=True) if implicit else start()
    mode = TlsMode.IMPLICIT if implicit else TlsMode.STARTTLS
    sent = deliver(server.place, message(content=LARGE), tls=mode)
    assert sent.tls is not None
    assert sent.tls.peer_verified
    assert outcome(sent.delivery) == [ACCEPTED]
    [mail] = server.take()
    assert (mail["secure"], mail["content"]) == (True, LARGE)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"])
def test_auth(start: Start, deliver: Deliver, mechanism: str) -> None:
    bearer = mechanism == "XOAUTH2"
    server = start(authMethods=[mechanism], authOptional=False, **({"pass": TOKEN} if bearer else {}))
    credentials = Credentials(username=USER, password=PASSWORD, token=TOKEN)
    mechanisms = (mechanism,)
    sent = deliver(server.place, tls=TlsMode.STARTTLS, credentials=credentials, mechanisms=mechanisms)
    assert outcome(sent.delivery) == [ACCEPTED]
    assert [line.split()[1] for line in sent.said("AUTH")] == [mechanism]
    assert server.take()[0]["user"] == USER
    wrong = Credentials(username=USER, password="wrong", token="wrong")
    with pytest.raises(SessionError) as refused:
        deliver(server.place, tls=TlsMode.STARTTLS, credentials=wrong, mechanisms=mechanisms)
    assert (refused.value.stage, refused.value.temporary) == ("auth", False)
    assert refused.value.reply is not None
    assert refused.value.reply.code == 535


def test_who_has_not_authenticated_is_refused(start: Start, deliver: Deliver) -> None:
    server = start(authMethods=["PLAIN"], authOptional=False)
    sent = deliver(server.place, tls=TlsMode.STARTTLS)
    assert outcome(sent.delivery) == [(Status.PERMANENT, "mail", 530)]


def test_a_size_that_is_too_large_is_not_sent(start: Start, deliver: Deliver) -> None:
    server = start(size=10_000)
    sent = deliver(server.place, message(content=LARGE), message())
    [result] = sent.deliveries[0].results
    assert (result.status, result.stage) == (Status.PERMANENT, "mail")
    assert outcome(sent.deliveries[1]) == [ACCEPTED]
    assert server.take()[0]["content"] == BODY


def test_smtputf8_and_dsn(start: Start, deliver: Deliver) -> None:
    server = start(hideDSN=False)
    content = BODY.replace(b"Subject: dots", "Subject: Grüße".encode())
    letter = message(
        "jörg@bücher.test",
        sender="ü@client.test",
        content=content,
        mail={"RET": Ret.FULL, "ENVID": Envid("an+id")},
        rcpt={"NOTIFY": Notify.SUCCESS | Notify.FAILURE},
    )
    assert outcome(deliver(server.place, letter).delivery) == [ACCEPTED]
    [mail] = server.take()
    assert (mail["sender"], mail["recipients"]) == ("ü@client.test", ["jörg@bücher.test"])
    assert mail["args"]["SMTPUTF8"] is True
    assert mail["dsn"] == {"ret": "FULL", "envid": "an+id"}
    assert mail["content"] == content


def test_lmtp_has_a_reply_for_each_recipient(start: Start, deliver: Deliver) -> None:
    server = start(lmtp=True)
    letter = message("b@mx.test", "eve@mx.test", "full@mx.test", "c@mx.test", content=LARGE)
    sent = deliver(server.place, letter, dialect=Dialect.LMTP)
    assert outcome(sent.delivery) == [
        ACCEPTED,
        (Status.PERMANENT, "rcpt", 550),
        (Status.PERMANENT, "final", 552),
        ACCEPTED,
    ]
    assert server.take()[0]["content"] == LARGE
