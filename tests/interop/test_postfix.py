"""Postfix relays to the server, by SMTP and by LMTP: pipelining, DSN, SMTPUTF8, TLS and AUTH."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from smtpcore import Envelope, Rcpt, Reply, ServerSession
from smtpcore.params.dsn import Envid, Notify, Ret
from smtpcore.params.orcpt import Orcpt
from smtpcore.spec import Dialect
from tests.conftest import TlsFiles
from tests.interop.conftest import BODY, run
from tests.interop.programs import needs, running, until
from tests.interop.recording import PASSWORD, USER, Delivery, Recording

pytestmark = pytest.mark.interop("postfix", "postconf")
Start = Callable[..., Recording]
Relay = Callable[..., "Postfix"]

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
maillog_file_prefixes = {folder}
maillog_file = {folder}/maillog
myhostname = client.test
mydestination =
inet_interfaces = loopback-only
in_flow_delay = 0
inet_protocols = ipv4
alias_maps =
alias_database =
smtp_host_lookup = native
smtp_dns_support_level = disabled
default_transport = {transport}
smtp_tls_CAfile = {ca}
smtp_sasl_mechanism_filter = plain
smtp_sasl_security_options =
{options}
"""
SERVICES = """
pickup   unix       n - n 60    1 pickup
cleanup  unix       n - n -     0 cleanup
qmgr     unix       n - n 300   1 qmgr
tlsmgr   unix       - - n 1000? 1 tlsmgr
rewrite  unix       - - n -     - trivial-rewrite
bounce   unix       - - n -     0 bounce
defer    unix       - - n -     0 bounce
trace    unix       - - n -     0 bounce
proxymap unix       - - n -     - proxymap
error    unix       - - n -     - error
retry    unix       - - n -     - error
smtp     unix       - - n -     - smtp
lmtp     unix       - - n -     - lmtp
anvil    unix       - - n -     1 anvil
scache   unix       - - n -     1 scache
postlog  unix-dgram n - n -     1 postlogd
"""
QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "saved", "trace")
"""What the master and its daemons want to find, beside the folders whose group may write."""


def setting(name: str) -> str:
    """A setting of Postfix as it was built."""
    return run("postconf", "-d", "-h", name).strip()


class Postfix:
    """An instance with a folder of its own, that sends all mail to one server."""

    def __init__(self, folder: Path, transport: str, ca: Path, *options: str) -> None:
        self._folder = folder
        self._settings = folder / "etc"
        self._settings.mkdir()
        (self._settings / "main.cf").write_text(
            MAIN.format(folder=folder, transport=transport, ca=ca, options="\n".join(options))
        )
        (self._settings / "master.cf").write_text(SERVICES)
        # Of a file that has just been changed Postfix waits to see whether it is complete.
        os.utime(self._settings / "main.cf", (0, 0))
        owner, group = setting("mail_owner"), setting("setgid_group")
        (folder / "data").mkdir(mode=0o700)
        shutil.chown(folder / "data", owner)
        spool = folder / "spool"
        spool.mkdir()
        (spool / "pid").mkdir()
        for name in (*QUEUES, "private"):
            (spool / name).mkdir(mode=0o700)
            shutil.chown(spool / name, owner)
        for name, mode in (("maildrop", 0o1730), ("public", 0o2710)):
            (spool / name).mkdir()
            shutil.chown(spool / name, owner, group)
            (spool / name).chmod(mode)

    def run(self, stack: ExitStack) -> None:
        """Start the master; it is up when the last of its services has its socket."""
        master = Path(setting("daemon_directory")) / "master"
        process: subprocess.Popen[bytes] = stack.enter_context(
            running(master, "-d", "-c", self._settings, log=self._folder / "master.log")
        )
        last = self._folder / "spool" / "public" / "postlog"
        until(lambda: last.exists() or process.poll() is not None, self.log)
        assert process.poll() is None, self.log()

    def log(self) -> str:
        """What it has to say so far."""
        files = (self._folder / name for name in ("master.log", "maillog"))
        return "\n".join(path.read_text(errors="replace") for path in files if path.exists())

    def send(self, *recipients: str, options: tuple[str, ...] = (), sender: str = "a@client.test") -> None:
        """Leave the message in the queue."""
        run(
            setting("sendmail_path"), "-C", self._settings, "-i", "-f", sender, *options,
            *(recipients or ("b@mx.test",)), stdin=BODY.replace(b"\r\n", b"\n"),
        )  # fmt: skip

    def wait_for(self, text: str, count: int) -> None:
        """Wait until this is in the log so many times."""
        until(lambda: self.log().count(text) >= count, self.log)


@pytest.fixture
def relay(public_folder: Path, tls_files: TlsFiles) -> Iterator[Relay]:
    """Start a Postfix that sends all mail to a server."""
    needs(os.geteuid() == 0, "Postfix's master runs as root only")
    with ExitStack() as stack:

        def start(server: Recording, *options: str, lmtp: bool = False) -> Postfix:
            transport = f"lmtp:inet:127.0.0.1:{server.port}" if lmtp else f"smtp:[127.0.0.1]:{server.port}"
            postfix = Postfix(public_folder, transport, tls_files.ca, *options)
            postfix.run(stack)
            return postfix

        yield start


def relayed(delivery: Delivery) -> bytes:
    """The content without the Received field that Postfix puts before it."""
    received, separator, rest = delivery.content.partition(b"From: a@client.test\r\n")
    assert received.startswith(b"Received: by client.test (Postfix, from userid 0)\r\n\t")
    assert received.count(b"\r\n") == received.count(b"\n")
    return separator + rest


def test_a_pipelined_group(recording: Start, relay: Relay) -> None:
    server = recording()
    relay(server).send("b@mx.test", "c@mx.test")
    delivery = server.take_one()
    assert delivery.pipelined
    assert (delivery.recipients, delivery.helo) == (["b@mx.test", "c@mx.test"], "client.test")
    assert relayed(delivery) == BODY


def test_a_group_whose_commands_wait(recording: Start, relay: Relay) -> None:
    server = recording()
    relay(server, "smtp_discard_ehlo_keywords = pipelining").send("b@mx.test", "c@mx.test")
    delivery = server.take_one()
    assert not delivery.pipelined
    assert relayed(delivery) == BODY


def test_a_refused_recipient_in_a_pipelined_group(recording: Start, relay: Relay) -> None:
    server = recording()

    def refuse(session: ServerSession, rcpt: Rcpt) -> Reply | None:
        return Reply(550, "nobody here", "5.1.1") if rcpt.path.local == "c" else None

    server.recorder.rcpt = refuse  # type: ignore[method-assign]
    postfix = relay(server)
    postfix.send("b@mx.test", "c@mx.test")
    delivery, bounce = server.take(2)
    assert delivery.recipients == ["b@mx.test"]
    assert relayed(delivery) == BODY
    assert (bounce.sender, bounce.recipients) == ("", ["a@client.test"])
    assert b"said: 550 5.1.1 nobody here" in bounce.content.replace(b"\r\n    ", b" ")


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "smtps"])
def test_tls_and_auth(recording: Start, relay: Relay, implicit: bool) -> None:
    server = recording(implicit_tls=implicit, mechanisms=("PLAIN",), require_auth=True)
    relay(
        server,
        "smtp_tls_security_level = verify",
        "smtp_tls_verify_cert_match = mx.test",
        "smtp_tls_servername = mx.test",
        f"smtp_tls_wrappermode = {'yes' if implicit else 'no'}",
        "smtp_sasl_auth_enable = yes",
        f"smtp_sasl_password_maps = inline:{{ {{ [127.0.0.1]:{server.port} = {USER}:{PASSWORD} }} }}",
    ).send()
    delivery = server.take_one()
    assert delivery.tls is not None
    assert delivery.tls.server_name == "mx.test"
    assert delivery.identity is not None
    assert (delivery.identity.username, delivery.identity.mechanism) == (USER, "PLAIN")
    assert (delivery.protocol, relayed(delivery)) == (b"ESMTPSA", BODY)


DSN = ("-N", "success,failure,delay", "-R", "hdrs", "-V", "an+id")
LMTP = pytest.mark.parametrize("lmtp", [False, True], ids=["smtp", "lmtp"])


@LMTP
def test_dsn(recording: Start, relay: Relay, lmtp: bool) -> None:
    server = recording(dsn=True, dialect=Dialect.LMTP if lmtp else Dialect.SMTP)
    relay(server, lmtp=lmtp).send("b@mx.test", "c+x=y@mx.test", options=DSN)
    delivery = server.take_one()
    assert delivery.envelope.mail.ret is Ret.HDRS
    assert delivery.envelope.mail.envid == Envid("an+id")
    for rcpt in delivery.envelope.recipients:
        assert rcpt.notify == Notify.SUCCESS | Notify.FAILURE | Notify.DELAY
        assert rcpt.orcpt == Orcpt("rfc822", rcpt.path.address)
    assert relayed(delivery) == BODY


def test_without_dsn_it_is_postfix_that_notifies(recording: Start, relay: Relay) -> None:
    server = recording()
    relay(server).send(options=DSN)
    delivery, notification = server.take(2)
    assert (delivery.envelope.mail.ret, delivery.envelope.recipients[0].notify) == (None, None)
    assert (notification.sender, notification.recipients) == ("", ["a@client.test"])
    assert b"\r\nOriginal-Envelope-Id: an+id\r\n" in notification.content
    assert b"\r\nAction: relayed\r\n" in notification.content


@LMTP
def test_smtputf8(recording: Start, relay: Relay, lmtp: bool) -> None:
    server = recording(smtputf8=True, dsn=True, dialect=Dialect.LMTP if lmtp else Dialect.SMTP)
    relay(server, lmtp=lmtp).send("jörg@bücher.test", sender="ü@client.test", options=DSN)
    delivery = server.take_one()
    assert (delivery.sender, delivery.recipients) == ("ü@client.test", ["jörg@bücher.test"])
    assert delivery.envelope.mail.smtputf8
    assert delivery.envelope.recipients[0].orcpt == Orcpt("utf-8", "jörg@bücher.test")
    assert delivery.protocol == (b"UTF8LMTP" if lmtp else b"UTF8SMTP")
    assert relayed(delivery) == BODY


def test_without_smtputf8_postfix_gives_up(recording: Start, relay: Relay) -> None:
    server = recording()
    postfix = relay(server)
    postfix.send("jörg@mx.test")
    bounce = server.take_one()
    assert (bounce.sender, bounce.recipients) == ("", ["a@client.test"])
    assert "status=bounced (SMTPUTF8 is required, but was not offered" in postfix.log()


def test_lmtp_answers_for_each_recipient(recording: Start, relay: Relay) -> None:
    server = recording(dialect=Dialect.LMTP)
    message = server.recorder.message

    def second_is_full(session: ServerSession, envelope: Envelope) -> list[Reply | None]:
        message(session, envelope)
        return [None, Reply(552, "mailbox full", "5.2.2")][: len(envelope.recipients)]

    server.recorder.message = second_is_full  # type: ignore[assignment, method-assign]
    postfix = relay(server, lmtp=True)
    postfix.send("b@mx.test", "c@mx.test")
    delivery, bounce = server.take(2)
    assert delivery.pipelined
    assert delivery.recipients == ["b@mx.test", "c@mx.test"]
    assert (delivery.protocol, relayed(delivery)) == (b"LMTP", BODY)
    assert (bounce.sender, bounce.recipients) == ("", ["a@client.test"])
    log = postfix.log()
    assert "dsn=2.0.0, status=sent (250 2.0.0" in log
    assert "dsn=5.2.2, status=bounced" in log


def test_messages_share_a_session(recording: Start, relay: Relay) -> None:
    server = recording()
    postfix = relay(server, "smtp_connection_cache_destinations = static:all", "smtp_connection_cache_time_limit = 30")
    for count in range(1, 4):
        postfix.send()
        postfix.wait_for(": removed\n", count)
    deliveries = server.recorder.deliveries
    assert [relayed(delivery) for delivery in deliveries] == [BODY] * 3
    assert len({delivery.envelope.id.partition(".")[0] for delivery in deliveries}) == 1
