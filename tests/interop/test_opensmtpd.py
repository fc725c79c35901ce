"""Our client delivers to OpenSMTPD, which passes on what it took; it has neither pipelining nor BDAT."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpcore.params.dsn import Notify
from smtpcore.session.client import SessionError, Status, TlsMode
from tests.cli.sending import run
from tests.interop.delivering import ACCEPTED, Deliver, Place, message, outcome
from tests.interop.letters import BODY, LARGE
from tests.interop.programs import listens, needs, running, until
from tests.interop.recording import Recording

pytestmark = pytest.mark.interop("smtpctl")
SPOOL = Path("/var/spool/smtpd")
OWNERS = ("opensmtpd", "opensmtpq")

SETTINGS = """
table known {{ {known} }}
listen on 127.0.0.1 port {port} hostname mx.test
action "on" relay host "smtp+notls://127.0.0.1:{next_hop}"
match from any for rcpt-to <known> action "on"
"""


@pytest.fixture(scope="module")
def place(shared_folder: Path, next_hop: Recording) -> Iterator[Place]:
    """The port of OpenSMTPD."""
    needs(os.geteuid() == 0, "OpenSMTPD is started by root only")
    users = {entry.pw_name for entry in pwd.getpwall()}
    needs(SPOOL.is_dir() and users.issuperset(OWNERS), f"no {SPOOL}, or no users {' and '.join(OWNERS)}")
    control = shutil.which("smtpctl")
    assert control is not None
    # It wants to be told a port; this one was free a moment ago.
    with socket.create_server(("127.0.0.1", 0)) as free:
        address: tuple[str, int] = free.getsockname()
    settings = shared_folder / "smtpd.conf"
    known = ", ".join(f'"{name}"' for name in names(next_hop))
    settings.write_text(SETTINGS.format(port=address[1], next_hop=next_hop.port, known=known))
    settings.chmod(0o600)
    log = shared_folder / "smtpd.log"
    descriptor = os.open(SPOOL, os.O_RDONLY)
    try:
        # There is one of it on a machine: its folders and its control socket are where the program has them.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with running(Path(control).parent / "smtpd", "-d", "-f", settings, log=log) as process:
            until(lambda: listens(address) or process.poll() is not None, log.read_text)
            yield address
    finally:
        os.close(descriptor)


def names(server: Recording) -> tuple[str, str]:
    """Those whose mail is taken. What another run has left in the queue is for others."""
    return f"b{server.port}@mx.test", f"c{server.port}@mx.test"


def relayed(server: Recording, *recipients: str) -> bytes:
    """What came for these, in one message or in several; the session may stay open for more to come."""
    contents: dict[str, bytes] = {}

    def all_have_it() -> bool:
        for delivery in server.recorder.deliveries:
            contents.update(dict.fromkeys(delivery.recipients, delivery.content))
        return contents.keys() >= set(recipients)

    server.wait_for(all_have_it, f"mail for {recipients}")
    [content] = {contents[recipient] for recipient in recipients}
    received, separator, rest = content.partition(b"From: a@client.test\r\n")
    assert b"(OpenSMTPD)" in received
    return separator + rest


def test_refused_recipients(place: Place, onward: Recording, deliver: Deliver) -> None:
    first, second = names(onward)
    letter = message(first, "eve@mx.test", second, rcpt={"NOTIFY": Notify.FAILURE})
    sent = deliver(place, letter, message("eve@mx.test"))
    refused = (Status.PERMANENT, "rcpt", 550)
    assert [outcome(delivery) for delivery in sent.deliveries] == [[ACCEPTED, refused, ACCEPTED], [refused]]
    assert sent.groups()[:5] == [["EHLO"], ["MAIL"], ["RCPT"], ["RCPT"], ["RCPT"]]
    assert relayed(onward, first, second) == BODY


def test_a_large_message(place: Place, onward: Recording, deliver: Deliver) -> None:
    name, _ = names(onward)
    assert outcome(deliver(place, message(name, content=LARGE)).delivery) == [ACCEPTED]
    assert relayed(onward, name) == LARGE


def test_tls_that_is_not_there(place: Place, onward: Recording, deliver: Deliver) -> None:
    with pytest.raises(SessionError) as refused:
        deliver(place, tls=TlsMode.STARTTLS)
    assert (refused.value.stage, refused.value.temporary) == ("starttls", False)
    name, _ = names(onward)
    assert outcome(deliver(place, message(name), tls=TlsMode.OPPORTUNISTIC).delivery) == [ACCEPTED]
    assert relayed(onward, name) == BODY


def test_the_command_says_who_was_refused(
    place: Place, onward: Recording, letter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(place, tuple)
    name, _ = names(onward)
    envelope = ("--from", "a@client.test", "--to", name, "--to", "eve@mx.test", "--hostname", "client.test")
    done = run(capsys, "send", str(letter), "--server", f"smtp://127.0.0.1:{place[1]}", *envelope)
    assert (done.status, done.states) == (1, ["accepted", "permanent"]), done.errors
    assert relayed(onward, name) == BODY
