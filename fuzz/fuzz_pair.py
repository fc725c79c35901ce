"""A client session against a server session, with content, policies and cuts as the input decides.

Properties: nothing is raised; both end; both roles stand in the same state whenever neither has anything to say; who
is accepted by the server is accepted for the client, and gets the content as it was sent, with a last CRLF by DATA.
"""

from __future__ import annotations

from datetime import UTC, datetime

from fuzz.harness import Input, main
from smtpcore import Dialect, Envelope, Handler, Limits, Rcpt, Reply, ServerConfig, ServerSession
from smtpcore.session import Close, Idle, Peer, Receive, Send, Step
from smtpcore.session.client import ClientConfig, ClientSession, Message, Status, TlsMode

REFUSALS = (
    None,
    None,
    None,
    None,
    Reply(550, "No"),
    Reply(451, "Later"),
    Reply(452, "Many", "4.5.3"),
    Reply(552, "Big"),
)


class Keeps(Handler):
    """Keeps what it accepts."""

    def __init__(self, answers: bytes) -> None:
        self._answers = list(answers)
        self.kept: list[tuple[list[str], bytes]] = []

    def _answer(self) -> Reply | None:
        return REFUSALS[self._answers.pop() % len(REFUSALS)] if self._answers else None

    def rcpt(self, session: ServerSession, rcpt: Rcpt) -> Reply | None:
        """Accept or not."""
        return self._answer()

    def message(self, session: ServerSession, envelope: Envelope) -> Reply | None:
        """Accept or not."""
        answer = self._answer()
        if answer is None:
            self.kept.append(([rcpt.path.address for rcpt in envelope.recipients], envelope.content))
        return answer


def TestOneInput(data: bytes) -> None:
    """Send one message over a pair of sessions."""
    given = Input(data)
    dialect = given.choice((Dialect.SMTP, Dialect.LMTP))
    chunking, pipelining = given.flag(), given.flag()
    handler = Keeps(given.octets(8))
    limits = Limits(max_recipients=given.octet() % 5 + 1, max_message_size=3000)
    server = ServerSession(
        ServerConfig(hostname="mx.example", dialect=dialect, limits=limits, chunking=chunking),
        Peer(),
        handler,
        monotonic=lambda: 0.0,
        utcnow=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        token_bytes=lambda count: b"r" * count,
    )
    config = ClientConfig(
        hostname="a.example", dialect=dialect, tls=TlsMode.NONE, pipelining=pipelining, chunk_size=given.octet() + 1,
        long_lines="pass", allow_nul=True, bare_newlines="convert",
    )  # fmt: skip
    client = ClientSession(config, monotonic=lambda: 0.0, token_bytes=lambda count: b"c" * count)
    recipients = [f"r{number}@d.example" for number in range(given.octet() % 4 + 1)]
    places = given.places()
    content = given.rest()
    delivery = client.submit(Message.to("a@b.example", recipients, given.cut(content, places)))
    # Octet by octet, a chunk of one octet and its reply take less than a hundred, and a bare CR is sent as two octets.
    run(client, server, places, turns=20_000 + 200 * len(content))
    assert delivery.done
    assert all(result.status not in (Status.PENDING, Status.UNCERTAIN) for result in delivery.results)
    accepted = sorted(address for addresses, _ in handler.kept for address in addresses)
    assert accepted == sorted(result.recipient.path.address for result in delivery.results if result.accepted)
    sent = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    for _, kept in handler.kept:
        assert kept == sent or kept == sent + b"\r\n"


def run(client: ClientSession, server: ServerSession, places: list[int], turns: int) -> None:
    """Carry octets to and fro until both have ended, which takes so many turns at the most."""
    sizes = [place + 1 for place in places] or [1 << 16]
    to_server, to_client = bytearray(), bytearray()
    for turn in range(turns):
        one = move(client, to_server)
        other = move(server, to_client)
        if one is None and other is None:
            return
        size = sizes[turn % len(sizes)]
        moved = bool(to_server or to_client)
        for session, octets in ((server, to_server), (client, to_client)):
            if octets and session.wants_data:
                session.receive_data(bytes(octets[:size]))
                del octets[:size]
        if not moved:
            assert client.state is server.state
            if isinstance(one, Idle):
                client.quit()
            elif one is None or other is None:
                (client if one is not None else server).receive_data(b"")
    raise AssertionError("sessions without end")


def move(session: ClientSession | ServerSession, output: bytearray) -> Step | None:
    """What a session wants, once it has said what it has to say."""
    while True:
        step = session.next_step()
        if isinstance(step, Send):
            output += step.data
            session.sent()
        elif isinstance(step, Close):
            session.closed()
        elif session.deadline == 0.0:
            session.timed_out()  # nobody has talked before the greeting
        else:
            assert step is None or isinstance(step, Receive)
            return step


if __name__ == "__main__":
    main(__file__)
