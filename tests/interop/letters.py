"""The messages that are sent."""

from __future__ import annotations

BODY = (
    b"From: a@client.test\r\nTo: b@mx.test\r\nSubject: dots\r\nDate: Thu, 01 Jan 1970 00:00:00 +0000\r\n"
    b"Message-ID: <1@client.test>\r\n\r\n"
    b".one\r\n..two\r\n.\r\n\r\ntrailing space \r\n\ttab\r\nnot a From line\r\n" + b"x" * 990 + b"\r\nend\r\n"
)
"""A message that a client can get wrong: dots, blanks, a long line."""

LARGE = BODY + b"".join(b".%06d dotted\r\n%066d\r\n" % (number, number) for number in range(12500))
"""A little more than 1 MiB, with a dot at the head of every other line."""
