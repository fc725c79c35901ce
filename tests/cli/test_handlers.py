"""The ready handlers, hook by hook: what is answered when the disk is full, hangs, or nobody reads."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import cast

import anyio
import pytest
from smtpcore_cli.application import Summary
from smtpcore_cli.delivery import Maildir
from smtpcore_cli.discard import DiscardHandler
from smtpcore_cli.maildir import MaildirHandler
from smtpcore_cli.printing import visible
from smtpcore_memory import run

from smtpcore import BodySink, Envelope, Mail, Reply, ServerConfig, ServerSession, handler

pytestmark = pytest.mark.anyio
NOBODY = cast("ServerSession", None)
TRACE = b"Return-Path: <a@client.test>\r\nReceived: from somewhere;\r\n\tsome day\r\n"


class Letter(Envelope):
    """An envelope as far as the handlers look at it."""

    trace = TRACE

    def __init__(self, content: bytes = b"") -> None:
        self.id = "0123.1"
        self.content = content


@pytest.fixture
def maildir(tmp_path: Path) -> Maildir:
    made = Maildir(tmp_path / "Maildir")
    made.prepare()
    return made


async def settled(answer: object) -> object:
    """A hook's answer, waited for if it has to be."""
    return await answer if isinstance(answer, Awaitable) else answer


def left(maildir: Maildir) -> list[Path]:
    """All files in the Maildir."""
    return [path for path in Path(maildir.path).rglob("*") if path.is_file()]


async def test_a_short_message_needs_no_thread_before_its_end(maildir: Maildir) -> None:
    sink = MaildirHandler(maildir).data(NOBODY, Letter())
    assert sink.write(b"Subject: x\r\n") is None
    assert sink.write(b"\r\nhello\r\n") is None
    assert left(maildir) == []
    assert await settled(sink.finish()) == Reply(250, "queued as 0123.1", "2.0.0")
    [path] = left(maildir)
    assert path.read_bytes() == TRACE + b"Subject: x\r\n\r\nhello\r\n"


async def test_a_long_message_is_never_whole_in_memory(maildir: Maildir) -> None:
    sink = MaildirHandler(maildir).data(NOBODY, Letter())
    chunk = b"0123456789abcde\n" * 1024
    sizes = []
    for _ in range(20):
        await settled(sink.write(chunk))
        sizes += [path.stat().st_size for path in left(maildir)]
    # All but the last 64 KiB is in the file at any time.
    assert sizes[-1] >= 20 * len(chunk) - 65536
    await settled(sink.finish())
    [path] = left(maildir)
    assert path.read_bytes() == TRACE + chunk * 20


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        (errno.ENOSPC, Reply(452, "Insufficient system storage", "4.3.1")),
        (errno.EDQUOT, Reply(452, "Insufficient system storage", "4.3.1")),
        (errno.EFBIG, Reply(452, "Insufficient system storage", "4.3.1")),
        (errno.EROFS, Reply(451, "Local error in delivery", "4.3.0")),
        (errno.EACCES, Reply(451, "Local error in delivery", "4.3.0")),
        (errno.EIO, Reply(451, "Local error in delivery", "4.3.0")),
    ],
)
@pytest.mark.parametrize("early", [True, False])
async def test_what_the_system_refuses_is_temporary(
    maildir: Maildir, monkeypatch: pytest.MonkeyPatch, number: int, answer: Reply, early: bool
) -> None:
    def fail(file: int, data: memoryview) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", fail)
    lines: list[str] = []
    sink = MaildirHandler(maildir, lines.append).data(NOBODY, Letter())
    if early:
        assert await settled(sink.write(b"x" * 70_000)) == answer
        sink.abort()
    else:
        assert sink.write(b"x") is None
        assert await settled(sink.finish()) == answer
    assert lines == [f"0123.1 not delivered: {os.strerror(number)}"]
    assert left(maildir) == []


async def test_an_aborted_message_leaves_nothing(maildir: Maildir) -> None:
    sink = MaildirHandler(maildir).data(NOBODY, Letter())
    await settled(sink.write(b"x" * 70_000))
    assert len(left(maildir)) == 1
    sink.abort()
    assert left(maildir) == []


async def test_a_hook_that_is_cancelled_does_not_wait_for_the_disk(
    maildir: Maildir, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, go_on, back = threading.Event(), threading.Event(), threading.Event()
    real_fsync, real_unlink = os.fsync, os.unlink

    def fsync(file: int) -> None:
        hangs.set()
        assert go_on.wait(30)
        real_fsync(file)

    def unlink(path: str) -> None:
        real_unlink(path)
        back.set()

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "unlink", unlink)
    sink = MaildirHandler(maildir).data(NOBODY, Letter())
    sink.write(b"x")
    async with anyio.create_task_group() as group:
        group.start_soon(settled, sink.finish())
        await anyio.to_thread.run_sync(hangs.wait, 30)
        group.cancel_scope.cancel()
    # Nobody was told 250, so nobody may find it, however late the disk is.
    go_on.set()
    assert await anyio.to_thread.run_sync(back.wait, 30)
    assert left(maildir) == []


async def test_many_deliveries_at_once_are_all_there(maildir: Maildir) -> None:
    handler = MaildirHandler(maildir)

    async def deliver(number: int) -> None:
        sink = handler.data(NOBODY, Letter())
        await settled(sink.write(b"%d\r\n" % number * 20_000))
        answer = await settled(sink.finish())
        assert isinstance(answer, Reply)
        assert answer.code == 250

    async with anyio.create_task_group() as group:
        for number in range(60):
            group.start_soon(deliver, number)
    contents = {path.read_bytes() for path in left(maildir)}
    assert contents == {TRACE + b"%d\r\n" % number * 20_000 for number in range(60)}


async def test_what_is_discarded_is_not_even_kept() -> None:
    sink = DiscardHandler().data(NOBODY, Letter())
    assert type(sink) is BodySink
    assert sink.write(b"x") is None
    assert sink.finish() is None


async def test_a_terminal_gets_no_control_characters() -> None:
    assert visible(b"tab\t line\n \x1b[2J \x07 \x9b \xc2\x9b \x00 caf\xc3\xa9 \xe2\x80\xae") == (
        b"tab\t line\n \\x1b[2J \\x07 \\x9b \\x9b \\x00 caf\xc3\xa9 \\u202e"
    )


def test_a_fault_has_a_line_where_no_transcript_has_it() -> None:
    lines: list[str] = []

    def mail(session: ServerSession, command: Mail) -> None:
        raise ZeroDivisionError("a\r\nb")

    config = ServerConfig(hostname="mx.test")
    run(config, handler(mail=mail), b"HELO c.test\r\nMAIL FROM:<a@b.c>\r\n", observer=Summary(lines.append))
    assert lines[0].partition(" ")[2] == r"mail: ZeroDivisionError: a\x0d\x0ab"
    assert "fault=0/1" in lines[1]
