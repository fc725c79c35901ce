"""Our client delivers to exim, which passes on what it took: BDAT, refusals, TLS and AUTH."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from smtpcore.sasl import Credentials
from smtpcore.session.client import SessionError, Status, TlsMode
from tests.cli.sending import run
from tests.conftest import TlsFiles
from tests.interop.delivering import ACCEPTED, Deliver, Place, Sent, message, outcome
from tests.interop.letters import BODY, LARGE
from tests.interop.programs import needs, running
from tests.interop.recording import PASSWORD, USER, Delivery, Recording
from tests.interop.test_exim import OWNER, user_exists

pytestmark = pytest.mark.interop("exim4")

SETTINGS = """
primary_hostname = exim.test
keep_environment =
exim_path = {exim}
spool_directory = {folder}/spool
log_file_path = {folder}/logs/%slog
tls_advertise_hosts = *
tls_certificate = {folder}/cert.pem
tls_privatekey = {folder}/key.pem
chunking_advertise_hosts = *
smtputf8_advertise_hosts = *
pipelining_advertise_hosts = *
rfc1413_query_timeout = 0s
message_size_limit = 2M
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  deny local_parts = eve
    message = 5.1.1 nobody here
  defer local_parts = later
    message = 4.2.1 not now
  deny local_parts = member
    !authenticated = *
    message = 5.7.1 who are you
  accept
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
  helo_data = client.test
  dkim_domain =
  hosts_avoid_tls = *
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${{if and{{{{eq{{$auth1}}{{{user}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{{user}}}{{{password}}}fail}}
  server_set_id = $auth1
"""


@pytest.fixture(scope="module")
def places(shared_folder: Path, tls_files: TlsFiles, next_hop: Recording) -> Iterator[dict[bool, Place]]:
    """The ports of exim, the one that begins with TLS and the one that does not."""
    needs(os.geteuid() == 0, "exim takes settings from root only")
    needs(user_exists(), f"no user {OWNER}, whom exim delivers as")
    program = shutil.which("exim4")
    assert program is not None
    folder = shared_folder
    for child in ("spool", "logs"):
        (folder / child).mkdir(mode=0o750)
        shutil.chown(folder / child, OWNER, OWNER)
    for source, name in ((tls_files.cert, "cert.pem"), (tls_files.key, "key.pem")):
        shutil.copy(source, folder / name)
        shutil.chown(folder / name, OWNER, OWNER)
    settings = folder / "exim.conf"
    words = {"exim": program, "folder": folder, "port": next_hop.port, "user": USER, "password": PASSWORD}
    settings.write_text(SETTINGS.format(**words))
    settings.chmod(0o644)
    with ExitStack() as stack:
        places: dict[bool, Place] = {}
        for implicit in (False, True):
            # As inetd would start it: with a socket that listens already, so that nobody has to guess a port.
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            command = (program, "-C", settings, "-bw", "-odi", *(("-tls-on-connect",) if implicit else ()))
            stack.enter_context(running(*command, log=folder / f"said{implicit}", stdin=listener))
            places[implicit] = listener.getsockname()
        yield places


@pytest.fixture
def plain(places: dict[bool, Place]) -> Place:
    """The port that begins in clear text."""
    return places[False]


def relayed(delivery: Delivery) -> bytes:
    """The content without the Received field that exim puts before it."""
    received, separator, rest = delivery.content.partition(b"From: a@client.test\r\n")
    assert b"by exim.test with" in received
    return separator + rest


@pytest.mark.parametrize("chunking", [True, False], ids=["bdat", "data"])
def test_refused_recipients_in_a_pipelined_group(
    plain: Place, onward: Recording, deliver: Deliver, chunking: bool
) -> None:
    letter = message("b@mx.test", "eve@mx.test", "later@mx.test", "c@mx.test")
    sent = deliver(plain, letter, chunking=chunking)
    group = ["MAIL", "RCPT", "RCPT", "RCPT", "RCPT"]
    assert sent.groups() == [
        ["EHLO"],
        *([group, ["BDAT"]] if chunking else [[*group, "DATA"]]),
        ["QUIT"],
    ]
    assert outcome(sent.delivery) == [
        ACCEPTED,
        (Status.PERMANENT, "rcpt", 550),
        (Status.TEMPORARY, "rcpt", 451),
        ACCEPTED,
    ]
    delivery = onward.take_one()
    assert sorted(delivery.recipients) == ["b@mx.test", "c@mx.test"]
    assert relayed(delivery) == BODY


def test_messages_share_a_session(plain: Place, onward: Recording, deliver: Deliver) -> None:
    sent = deliver(plain, message(), message("eve@mx.test"), message("c@mx.test"))
    refused = [(Status.PERMANENT, "rcpt", 550)]
    assert [outcome(delivery) for delivery in sent.deliveries] == [[ACCEPTED], refused, [ACCEPTED]]
    assert len(sent.said("EHLO")) == 1
    assert [relayed(delivery) for delivery in onward.take(2)] == [BODY, BODY]


@pytest.mark.parametrize("settings", [{}, {"chunk_size": 5000}, {"chunking": False}, {"pipelining": False}])
def test_a_large_message(plain: Place, onward: Recording, deliver: Deliver, settings: dict[str, Any]) -> None:
    sent = deliver(plain, message(content=LARGE), **settings)
    assert outcome(sent.delivery) == [ACCEPTED]
    assert relayed(onward.take_one()) == LARGE


def test_a_message_that_is_too_large_is_not_sent(plain: Place, onward: Recording, deliver: Deliver) -> None:
    sent = deliver(plain, message(content=LARGE * 2), message())
    [result] = sent.deliveries[0].results
    assert (result.status, result.stage) == (Status.PERMANENT, "mail")
    assert outcome(sent.deliveries[1]) == [ACCEPTED]
    assert relayed(onward.take_one()) == BODY


def test_smtputf8(plain: Place, onward: Recording, deliver: Deliver) -> None:
    content = BODY.replace(b"Subject: dots", "Subject: Grüße".encode())
    sent = deliver(plain, message("jörg@mx.test", sender="ü@client.test", content=content))
    assert outcome(sent.delivery) == [ACCEPTED]
    delivery = onward.take_one()
    assert (delivery.sender, delivery.recipients) == ("ü@client.test", ["jörg@mx.test"])
    assert relayed(delivery) == content


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
def test_tls(places: dict[bool, Place], onward: Recording, deliver: Deliver, implicit: bool) -> None:
    mode = TlsMode.IMPLICIT if implicit else TlsMode.STARTTLS
    sent = deliver(places[implicit], message(content=LARGE), tls=mode)
    assert sent.tls is not None
    assert sent.tls.peer_verified
    assert outcome(sent.delivery) == [ACCEPTED]
    assert relayed(onward.take_one()) == LARGE


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_auth(plain: Place, onward: Recording, deliver: Deliver, mechanism: str) -> None:
    words: dict[str, Any] = {"tls": TlsMode.STARTTLS, "mechanisms": (mechanism,)}
    letter = message("member@mx.test")
    sent = deliver(plain, letter, credentials=Credentials(username=USER, password=PASSWORD), **words)
    assert outcome(sent.delivery) == [ACCEPTED]
    assert PASSWORD not in sent.text
    assert relayed(onward.take_one()) == BODY
    sent = Sent()
    with pytest.raises(SessionError) as refused:
        deliver(plain, letter, sent=sent, credentials=Credentials(username=USER, password="wrong"), **words)
    assert (refused.value.stage, refused.value.temporary) == ("auth", False)
    assert refused.value.reply is not None
    assert refused.value.reply.code == 535
    assert not sent.said("MAIL")


def test_the_command_authenticates(
    plain: Place,
    onward: Recording,
    letter: Path,
    tls_files: TlsFiles,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    assert isinstance(plain, tuple)
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    words = ("--ca", str(tls_files.ca), "--server-name", "mx.test", "--user", USER, "--password-file", str(secret))
    envelope = ("--from", "a@client.test", "--to", "member@mx.test", "--hostname", "client.test")
    done = run(capsys, "send", str(letter), "--server", f"submission://127.0.0.1:{plain[1]}", *envelope, *words)
    assert (done.status, done.states) == (0, ["accepted"]), done.errors
    assert relayed(onward.take_one()) == BODY
