"""exim relays to the server: CHUNKING, PIPELINING, STARTTLS and AUTH, TLS from the first octet, and LMTP."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from smtpcore import Envelope, Rcpt, Reply, ServerSession
from smtpcore.params.dsn import Envid, Notify, Ret
from smtpcore.spec import Dialect
from tests.conftest import TlsFiles
from tests.interop.conftest import BODY, run
from tests.interop.programs import needs
from tests.interop.recording import PASSWORD, USER, Delivery, Recording

pytestmark = pytest.mark.interop("exim4")
Start = Callable[..., Recording]
OWNER = "Debian-exim"

SETTINGS = """
primary_hostname = exim.test
keep_environment =
exim_path = {exim}
spool_directory = {folder}/spool
log_file_path = {folder}/logs/%slog
acl_smtp_rcpt = accept
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
begin routers
relay:
  driver = manualroute
  transport = remote
  route_list = * 127.0.0.1::{port} byname
  self = send
begin transports
remote:
  driver = smtp
  allow_localhost
  port = {port}
  protocol = {protocol}
  helo_data = client.test
  dkim_domain =
{options}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  client_send = ^{user}^{password}
"""


@pytest.fixture
def folder(public_folder: Path) -> Path:
    """For the settings, the spool and the logs."""
    needs(os.geteuid() == 0, "exim takes settings from root only")
    needs(user_exists(), f"no user {OWNER}, whom exim delivers as")
    for child in ("spool", "logs"):
        (public_folder / child).mkdir(mode=0o750)
        shutil.chown(public_folder / child, OWNER, OWNER)
    return public_folder


def user_exists() -> bool:
    try:
        pwd.getpwnam(OWNER)
    except KeyError:
        return False
    return True


class Exim:
    """Hands a message to exim, which delivers it before it returns."""

    def __init__(self, folder: Path, server: Recording, *options: str, protocol: str = "smtp") -> None:
        program = shutil.which("exim4")
        assert program is not None
        self._folder = folder
        self._settings = folder / "exim.conf"
        self._settings.write_text(
            SETTINGS.format(
                exim=program,
                folder=folder,
                port=server.port,
                protocol=protocol,
                user=USER,
                password=PASSWORD,
                options="\n".join(f"  {option}" for option in options),
            )
        )
        self._settings.chmod(0o644)

    def send(self, *recipients: str, content: bytes = BODY) -> str:
        """Send a message; the log of it."""
        words = ("-f", "a@client.test", "-oi", *(recipients or ("b@mx.test",)))
        return self._run(*words, stdin=content.replace(b"\r\n", b"\n"))

    def submit(self, *commands: str) -> str:
        """Send the message by a dialogue with exim on its standard input; the log of it."""
        lines = ("EHLO client.test", *commands, "DATA", BODY.replace(b"\r\n.", b"\r\n..").decode() + ".", "QUIT", "")
        return self._run("-bs", stdin="\r\n".join(lines).encode())

    def _run(self, *words: str, stdin: bytes) -> str:
        text = run("exim4", "-C", self._settings, "-odi", *words, stdin=stdin)
        log = (self._folder / "logs" / "mainlog").read_text()
        assert "Completed" in log, f"{text}\n{log}"
        return log


def relayed(delivery: Delivery) -> bytes:
    """The content without the Received field that exim puts before it."""
    received, separator, rest = delivery.content.partition(b"From: a@client.test\r\n")
    assert received.startswith(b"Received: from root by exim.test with local")
    assert received.count(b"\r\n") == received.count(b"\n")
    return separator + rest


def clear(folder: Path, server: Recording, *options: str, protocol: str = "smtp") -> Exim:
    return Exim(folder, server, "hosts_avoid_tls = *", *options, protocol=protocol)


def verified(folder: Path, tls: TlsFiles) -> tuple[str, ...]:
    """What has exim verify the server, by a file it can still read when it is no longer root."""
    shutil.copy(tls.ca, folder / "ca.pem")
    (folder / "ca.pem").chmod(0o644)
    return (
        f"tls_verify_certificates = {folder}/ca.pem",
        "tls_verify_hosts = *",
        "tls_verify_cert_hostnames =",
        "tls_sni = mx.test",
    )


def test_a_pipelined_group_and_data(recording: Start, folder: Path) -> None:
    server = recording(chunking=False)
    clear(folder, server).send("b@mx.test", "c@mx.test")
    delivery = server.take_one()
    assert delivery.pipelined
    assert server.said("DATA", "BDAT") == ["DATA"]
    assert (delivery.recipients, delivery.helo) == (["b@mx.test", "c@mx.test"], "client.test")
    assert relayed(delivery) == BODY


def test_chunking_and_pipelining(recording: Start, folder: Path) -> None:
    server = recording()
    clear(folder, server).send("b@mx.test", "c@mx.test")
    delivery = server.take_one()
    assert delivery.pipelined
    assert server.said("DATA", "BDAT") == [f"BDAT {len(delivery.content)} LAST"]
    assert relayed(delivery) == BODY


def test_chunks_of_a_long_message(recording: Start, folder: Path) -> None:
    server = recording()
    letter = BODY + b"".join(b".%05d dotted\r\n" % number for number in range(60000))
    clear(folder, server).send(content=letter)
    delivery = server.take_one()
    chunks = server.said("BDAT")
    assert len(chunks) > 1
    assert [line.endswith(" LAST") for line in chunks] == [False] * (len(chunks) - 1) + [True]
    assert sum(int(line.split()[1]) for line in chunks) == len(delivery.content)
    assert relayed(delivery) == letter


def test_without_pipelining_each_command_waits(recording: Start, folder: Path) -> None:
    server = recording()
    clear(folder, server, "hosts_avoid_pipelining = *").send("b@mx.test", "c@mx.test")
    delivery = server.take_one()
    assert not delivery.pipelined
    assert relayed(delivery) == BODY


@pytest.mark.parametrize("chunking", [True, False])
def test_a_refused_recipient_in_a_pipelined_group(recording: Start, folder: Path, chunking: bool) -> None:
    server = recording(chunking=chunking)
    refuse(server, "c@mx.test")
    log = clear(folder, server).send("b@mx.test", "c@mx.test")
    delivery, bounce = server.take(2)
    assert delivery.recipients == ["b@mx.test"]
    assert (bounce.sender, bounce.recipients) == ("", ["a@client.test"])
    assert relayed(delivery) == BODY
    assert "=> b@mx.test" in log
    assert "** c@mx.test" in log
    assert "550 5.1.1 nobody here" in log


@pytest.mark.parametrize("chunking", [True, False])
def test_all_recipients_refused_in_a_pipelined_group(recording: Start, folder: Path, chunking: bool) -> None:
    server = recording(chunking=chunking)
    refuse(server, "b@mx.test", "c@mx.test")
    log = clear(folder, server).send("b@mx.test", "c@mx.test")
    bounce = server.take_one()
    assert (bounce.sender, bounce.recipients) == ("", ["a@client.test"])
    assert "** b@mx.test" in log
    assert "** c@mx.test" in log


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "smtps"])
def test_tls_and_auth(recording: Start, folder: Path, tls_files: TlsFiles, implicit: bool) -> None:
    server = recording(implicit_tls=implicit, mechanisms=("PLAIN",), require_auth=True)
    must = () if implicit else ("hosts_require_tls = *",)
    Exim(
        folder, server, *verified(folder, tls_files), *must, "hosts_require_auth = *",
        protocol="smtps" if implicit else "smtp",
    ).send()  # fmt: skip
    delivery = server.take_one()
    assert delivery.tls is not None
    assert delivery.tls.server_name == "mx.test"
    assert delivery.identity is not None
    assert (delivery.identity.username, delivery.identity.mechanism) == (USER, "PLAIN")
    assert server.said("BDAT")
    assert (delivery.protocol, relayed(delivery)) == (b"ESMTPSA", BODY)


def test_dsn(recording: Start, folder: Path) -> None:
    server = recording(dsn=True)
    clear(folder, server).submit(
        "MAIL FROM:<a@client.test> RET=HDRS ENVID=an+2Bid",
        "RCPT TO:<b@mx.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob+2Bx@elsewhere.test",
        "RCPT TO:<c@mx.test> NOTIFY=NEVER",
    )
    delivery = server.take_one()
    assert delivery.envelope.mail.ret is Ret.HDRS
    assert delivery.envelope.mail.envid == Envid("an+id")
    first, second = delivery.envelope.recipients
    assert (first.notify, second.notify) == (Notify.SUCCESS | Notify.FAILURE, Notify.NEVER)
    assert first.orcpt is not None
    assert (first.orcpt.addr_type, first.orcpt.address) == ("rfc822", "bob+x@elsewhere.test")
    assert delivery.content.endswith(BODY)


def test_smtputf8(recording: Start, folder: Path) -> None:
    server = recording(smtputf8=True)
    clear(folder, server).submit("MAIL FROM:<jörg@client.test> SMTPUTF8", "RCPT TO:<ü@mx.test>")
    delivery = server.take_one()
    assert (delivery.sender, delivery.recipients) == ("jörg@client.test", ["ü@mx.test"])
    assert delivery.envelope.mail.smtputf8
    assert delivery.protocol == b"UTF8SMTP"
    assert delivery.content.endswith(BODY)


def test_lmtp(recording: Start, folder: Path) -> None:
    server = recording(dialect=Dialect.LMTP)
    log = clear(folder, server, protocol="lmtp").send("b@mx.test", "c@mx.test")
    delivery = server.take_one()
    assert delivery.recipients == ["b@mx.test", "c@mx.test"]
    assert server.said("LHLO") == ["LHLO client.test"]
    assert log.count("250 2.0.0") == 2
    assert (delivery.protocol, relayed(delivery)) == (b"LMTP", BODY)


def test_lmtp_that_fails_for_one_recipient(recording: Start, folder: Path) -> None:
    server = recording(dialect=Dialect.LMTP)
    message = server.recorder.message

    def second_is_full(session: ServerSession, envelope: Envelope) -> list[Reply | None]:
        message(session, envelope)
        return [None, Reply(552, "mailbox full", "5.2.2")][: len(envelope.recipients)]

    server.recorder.message = second_is_full  # type: ignore[assignment, method-assign]
    log = clear(folder, server, protocol="lmtp").send("b@mx.test", "c@mx.test")
    delivery, bounce = server.take(2)
    assert relayed(delivery) == BODY
    assert (bounce.sender, bounce.recipients) == ("", ["a@client.test"])
    assert "=> b@mx.test" in log
    assert "** c@mx.test" in log
    assert "552 5.2.2 mailbox full" in log


def refuse(server: Recording, *addresses: str) -> None:
    """The server knows nothing of these recipients."""

    def rcpt(session: ServerSession, rcpt: Rcpt) -> Reply | None:
        return Reply(550, "nobody here", "5.1.1") if rcpt.path.address in addresses else None

    server.recorder.rcpt = rcpt  # type: ignore[method-assign]
