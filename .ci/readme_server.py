"""Runs the README's server command in the given folder, delivers one message to it and stops it."""

from __future__ import annotations

import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
import time
from pathlib import Path

PORT = 1025
DEADLINE = 180.0
"""Seconds until the server must listen; making the environment is part of it."""

folder = Path(sys.argv[1])
commands = re.findall(r"^```sh\n(.+)\n```$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
[command] = [command for command in commands if command.endswith("smtpcore serve")]


def listening() -> bool:
    try:
        socket.create_connection(("127.0.0.1", PORT), timeout=5).close()
    except OSError:
        return False
    return True


if listening():
    sys.exit(f"port {PORT} is in use already: nothing can be said about the server")
started = time.monotonic()
# A process group of its own, so that the shell and all it starts can be told to stop.
shell = subprocess.Popen(["bash", "-c", command], cwd=folder, start_new_session=True)
try:
    while not listening():
        if shell.poll() is not None:
            sys.exit(f"ended with {shell.returncode} before it listened: {command}")
        if time.monotonic() - started > DEADLINE:
            sys.exit(f"does not listen on port {PORT} after {DEADLINE:.0f} seconds: {command}")
        time.sleep(0.1)
    with smtplib.SMTP("127.0.0.1", PORT, timeout=30) as client:
        client.sendmail("ann@client.test", ["bob@mx.test"], "Subject: hello\r\n\r\nFirst message.\r\n")
finally:
    if shell.poll() is None:
        os.killpg(shell.pid, signal.SIGTERM)
    try:
        shell.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)
        raise
delivered = list((folder / "Maildir" / "new").iterdir())
if len(delivered) != 1 or b"First message.\r\n" not in delivered[0].read_bytes().replace(b"\r\n", b"\n").replace(
    b"\n", b"\r\n"
):
    sys.exit(f"not delivered: {delivered}")
print(f"started, delivered one message and stopped: {command}")
