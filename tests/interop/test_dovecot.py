"""Our client delivers to Dovecot by LMTP: a reply for each recipient, BDAT and DATA, and STARTTLS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpcore.session.client import SessionError, Status, TlsMode
from smtpcore.spec import Dialect
from tests.cli.sending import run
from tests.conftest import TlsFiles
from tests.interop.delivering import ACCEPTED, Deliver, message, outcome
from tests.interop.dovecot import Dovecot, dovecot
from tests.interop.letters import BODY, LARGE
from tests.interop.programs import needs

pytestmark = pytest.mark.interop("dovecot")
LMTP = Dialect.LMTP


@pytest.fixture(scope="module")
def server(shared_folder: Path, tls_files: TlsFiles) -> Iterator[Dovecot]:
    needs(os.geteuid() == 0, "Dovecot's master runs as root here")
    needs(Path("/usr/lib/dovecot/lmtp").exists(), "no LMTP server of Dovecot's")
    with dovecot(shared_folder, tls_files) as running:
        yield running


@pytest.mark.parametrize("chunking", [True, False], ids=["bdat", "data"])
def test_each_recipient_has_a_reply(server: Dovecot, deliver: Deliver, chunking: bool) -> None:
    letter = message("b@mx.test", "nobody@mx.test", "full@mx.test", "c@mx.test")
    sent = deliver(server.lmtp, letter, dialect=LMTP, chunking=chunking)
    assert sent.said("BDAT", "DATA") == ([f"BDAT {len(BODY)} LAST"] if chunking else ["DATA"])
    assert outcome(sent.delivery) == [
        ACCEPTED,
        (Status.PERMANENT, "rcpt", 550),
        (Status.PERMANENT, "final", 552),
        ACCEPTED,
    ]
    assert [str(result.enhanced) for result in sent.delivery.results] == ["2.0.0", "5.1.1", "5.2.2", "2.0.0"]
    assert server.take("b") == server.take("c") == [BODY]


def test_commands_go_in_a_group(server: Dovecot, deliver: Deliver) -> None:
    sent = deliver(server.lmtp, message("b@mx.test", "c@mx.test"), dialect=LMTP, chunking=False)
    assert sent.groups() == [["LHLO"], ["MAIL", "RCPT", "RCPT", "DATA"], ["QUIT"]]
    assert server.take("b") == server.take("c") == [BODY]


@pytest.mark.parametrize("chunk_size", [None, 4096, 1 << 20])
def test_a_large_message(server: Dovecot, deliver: Deliver, chunk_size: int | None) -> None:
    chunks = {"chunking": False} if chunk_size is None else {"chunk_size": chunk_size}
    sent = deliver(server.lmtp, message(content=LARGE), message(content=LARGE), dialect=LMTP, **chunks)
    assert [outcome(delivery) for delivery in sent.deliveries] == [[ACCEPTED], [ACCEPTED]]
    taken = server.take("b")
    assert [len(content) for content in taken] == [len(LARGE)] * 2
    assert taken == [LARGE, LARGE]


def test_starttls(server: Dovecot, deliver: Deliver) -> None:
    sent = deliver(server.lmtp, dialect=LMTP, tls=TlsMode.STARTTLS)
    assert sent.tls is not None
    assert sent.tls.peer_verified
    assert outcome(sent.delivery) == [ACCEPTED]
    assert server.take("b") == [BODY]


def test_who_takes_it_for_smtp_is_not_let_in(server: Dovecot, deliver: Deliver) -> None:
    with pytest.raises(SessionError) as refused:
        deliver(server.lmtp)
    assert refused.value.stage == "hello"
    assert not refused.value.temporary


def test_the_command_says_it_of_each_recipient(
    server: Dovecot, letter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    envelope = ("--from", "a@client.test", "--to", "b@mx.test", "--to", "full@mx.test", "--hostname", "client.test")
    done = run(capsys, "send", str(letter), "--server", f"lmtp:unix:{server.lmtp}", *envelope, "--tls", "none")
    assert (done.status, done.states) == (1, ["accepted", "permanent"])
    assert done.lines[1][2].startswith("552 5.2.2 ")
    assert server.take("b") == [BODY]
