"""Our client delivers to Postfix, which passes on what it took: BDAT, refusals, DSN, SMTPUTF8, TLS and AUTH."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from smtpcore.params.dsn import Envid, Notify, Ret
from smtpcore.params.orcpt import Orcpt
from smtpcore.sasl import Credentials
from smtpcore.session.client import SessionError, Status, TlsMode
from tests.conftest import TlsFiles
from tests.interop.delivering import ACCEPTED, Deliver, Sent, message, outcome
from tests.interop.dovecot import dovecot
from tests.interop.letters import BODY, LARGE
from tests.interop.programs import needs
from tests.interop.recording import PASSWORD, USER, Delivery, Recording
from tests.interop.test_postfix import Postfix

pytestmark = pytest.mark.interop("postfix", "postconf", "dovecot")

ACCESS = "{ eve@mx.test = 550 5.1.1 nobody here } { later@mx.test = 450 4.2.1 later }"
SERVICES = """
in     unix n - n - - smtpd
tls    unix n - n - - smtpd -o smtpd_tls_wrappermode=yes
login  unix n - n - - smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
"""


@pytest.fixture(scope="module")
def public(shared_folder: Path, tls_files: TlsFiles, next_hop: Recording) -> Iterator[Path]:
    """The folder of the sockets of a Postfix, whose passwords Dovecot knows."""
    needs(os.geteuid() == 0, "Postfix's master runs as root only")
    folder, other = shared_folder / "postfix", shared_folder / "dovecot"
    folder.mkdir()
    other.mkdir()
    with ExitStack() as stack:
        sasl = stack.enter_context(dovecot(other, tls_files)).sasl
        postfix = Postfix(
            folder,
            f"smtp:[127.0.0.1]:{next_hop.port}",
            tls_files.ca,
            f"smtpd_tls_cert_file = {tls_files.cert}",
            f"smtpd_tls_key_file = {tls_files.key}",
            "smtpd_tls_security_level = may",
            "smtpd_relay_restrictions = permit_mynetworks, reject",
            f"smtpd_recipient_restrictions = check_recipient_access inline:{{ {ACCESS} }}",
            "message_size_limit = 2000000",
            "smtpd_sasl_type = dovecot",
            f"smtpd_sasl_path = {sasl}",
        )
        with open(folder / "etc" / "master.cf", "a") as services:
            services.write(SERVICES)
        postfix.run(stack)
        yield folder / "spool" / "public"


def relayed(delivery: Delivery) -> bytes:
    """The content without the Received field that Postfix puts before it."""
    received, separator, rest = delivery.content.partition(b"From: a@client.test\r\n")
    assert b"from client.test (" in received
    return separator + rest


@pytest.mark.parametrize("chunking", [True, False], ids=["bdat", "data"])
def test_refused_recipients_in_a_pipelined_group(
    public: Path, onward: Recording, deliver: Deliver, chunking: bool
) -> None:
    letter = message("b@mx.test", "eve@mx.test", "later@mx.test", "c@mx.test")
    sent = deliver(public / "in", letter, chunking=chunking)
    group = ["MAIL", "RCPT", "RCPT", "RCPT", "RCPT"]
    assert sent.groups() == [
        ["EHLO"],
        group if chunking else [*group, "DATA"],
        *([["BDAT"]] if chunking else []),
        ["QUIT"],
    ]
    assert outcome(sent.delivery) == [
        ACCEPTED,
        (Status.PERMANENT, "rcpt", 550),
        (Status.TEMPORARY, "rcpt", 450),
        ACCEPTED,
    ]
    assert [str(result.enhanced) for result in sent.delivery.results] == ["2.0.0", "5.1.1", "4.2.1", "2.0.0"]
    delivery = onward.take_one()
    assert delivery.recipients == ["b@mx.test", "c@mx.test"]
    assert relayed(delivery) == BODY


@pytest.mark.parametrize("chunking", [True, False], ids=["bdat", "data"])
def test_without_a_recipient_nothing_is_sent(public: Path, onward: Recording, deliver: Deliver, chunking: bool) -> None:
    sent = deliver(public / "in", message("eve@mx.test", "later@mx.test"), message(), chunking=chunking)
    assert [outcome(delivery) for delivery in sent.deliveries] == [
        [(Status.PERMANENT, "rcpt", 550), (Status.TEMPORARY, "rcpt", 450)],
        [ACCEPTED],
    ]
    assert relayed(onward.take_one()) == BODY


@pytest.mark.parametrize("settings", [{}, {"chunk_size": 5000}, {"chunking": False}, {"pipelining": False}])
def test_a_large_message(public: Path, onward: Recording, deliver: Deliver, settings: dict[str, Any]) -> None:
    sent = deliver(public / "in", message(content=LARGE), **settings)
    assert outcome(sent.delivery) == [ACCEPTED]
    assert relayed(onward.take_one()) == LARGE


def test_a_message_that_is_too_large_is_not_sent(public: Path, onward: Recording, deliver: Deliver) -> None:
    sent = deliver(public / "in", message(content=LARGE * 2), message())
    [result] = sent.deliveries[0].results
    assert (result.status, result.stage) == (Status.PERMANENT, "mail")
    assert outcome(sent.deliveries[1]) == [ACCEPTED]
    assert relayed(onward.take_one()) == BODY


def test_dsn(public: Path, onward: Recording, deliver: Deliver) -> None:
    letter = message(
        "b@mx.test",
        mail={"RET": Ret.HDRS, "ENVID": Envid("an+id = x")},
        rcpt={"NOTIFY": Notify.SUCCESS | Notify.DELAY, "ORCPT": Orcpt("rfc822", "jo+x=y@old.test")},
    )
    assert outcome(deliver(public / "in", letter).delivery) == [ACCEPTED]
    delivery = onward.take_one()
    assert (delivery.envelope.mail.ret, delivery.envelope.mail.envid) == (Ret.HDRS, Envid("an+id = x"))
    [rcpt] = delivery.envelope.recipients
    assert (rcpt.notify, rcpt.orcpt) == (Notify.SUCCESS | Notify.DELAY, Orcpt("rfc822", "jo+x=y@old.test"))


def test_smtputf8(public: Path, onward: Recording, deliver: Deliver) -> None:
    content = BODY.replace(b"Subject: dots", "Subject: Grüße, 日本".encode())
    original = Orcpt("utf-8", "jürgen@bücher.test")
    letter = message("jörg@bücher.test", sender="ü@client.test", content=content, rcpt={"ORCPT": original})
    sent = deliver(public / "in", letter)
    assert outcome(sent.delivery) == [ACCEPTED]
    delivery = onward.take_one()
    assert (delivery.sender, delivery.recipients) == ("ü@client.test", ["jörg@bücher.test"])
    assert delivery.envelope.mail.smtputf8
    assert delivery.envelope.recipients[0].orcpt == original
    assert relayed(delivery) == content


def test_the_null_path(public: Path, onward: Recording, deliver: Deliver) -> None:
    assert outcome(deliver(public / "in", message('"a b"@mx.test', sender="<>")).delivery) == [ACCEPTED]
    delivery = onward.take_one()
    assert (delivery.sender, delivery.recipients) == ("", ['"a b"@mx.test'])


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
def test_tls(public: Path, onward: Recording, deliver: Deliver, implicit: bool) -> None:
    mode = TlsMode.IMPLICIT if implicit else TlsMode.STARTTLS
    sent = deliver(public / ("tls" if implicit else "in"), message(content=LARGE), tls=mode)
    assert sent.tls is not None
    assert sent.tls.peer_verified
    assert outcome(sent.delivery) == [ACCEPTED]
    delivery = onward.take_one()
    assert b"with ESMTPS id" in delivery.content[:1000]
    assert relayed(delivery) == LARGE


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_auth(public: Path, onward: Recording, deliver: Deliver, mechanism: str) -> None:
    credentials = Credentials(username=USER, password=PASSWORD)
    sent = deliver(public / "login", tls=TlsMode.STARTTLS, credentials=credentials, mechanisms=(mechanism,))
    assert sent.said("AUTH")[0].split()[1] == mechanism
    assert PASSWORD not in sent.text
    assert outcome(sent.delivery) == [ACCEPTED]
    delivery = onward.take_one()
    assert b"with ESMTPSA id" in delivery.content[:1000]
    assert relayed(delivery) == BODY


def test_the_strongest_mechanism_is_taken(public: Path, onward: Recording, deliver: Deliver) -> None:
    credentials = Credentials(username=USER, password=PASSWORD)
    sent = deliver(public / "login", tls=TlsMode.STARTTLS, credentials=credentials)
    assert [line.split()[1] for line in sent.said("AUTH")] == ["SCRAM-SHA-256"]
    assert relayed(onward.take_one()) == BODY


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_a_wrong_password_is_a_refusal(public: Path, onward: Recording, deliver: Deliver, mechanism: str) -> None:
    sent, credentials = Sent(), Credentials(username=USER, password="wrong")
    with pytest.raises(SessionError) as refused:
        deliver(public / "login", sent=sent, tls=TlsMode.STARTTLS, credentials=credentials, mechanisms=(mechanism,))
    assert (refused.value.stage, refused.value.temporary) == ("auth", False)
    assert refused.value.reply is not None
    assert refused.value.reply.code == 535
    assert not sent.said("MAIL")


def test_who_has_not_authenticated_is_refused(public: Path, onward: Recording, deliver: Deliver) -> None:
    sent = deliver(public / "login", message("b@mx.test", "c@mx.test"), tls=TlsMode.STARTTLS)
    assert outcome(sent.delivery) == [(Status.PERMANENT, "rcpt", 554)] * 2


def test_messages_share_a_session(public: Path, onward: Recording, deliver: Deliver) -> None:
    sent = deliver(public / "in", *(message(content=BODY + b"%d\r\n" % number) for number in range(5)))
    assert [outcome(delivery) for delivery in sent.deliveries] == [[ACCEPTED]] * 5
    assert len(sent.said("EHLO")) == 1
    contents = {relayed(delivery) for delivery in onward.take(5)}
    assert contents == {BODY + b"%d\r\n" % number for number in range(5)}
