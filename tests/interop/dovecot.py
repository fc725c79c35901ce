"""A Dovecot of our own: LMTP, and SASL for servers that leave it to Dovecot."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import TlsFiles
from tests.interop.programs import listens, running, until
from tests.interop.recording import PASSWORD, USER

SETTINGS = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = /dev/stderr
protocols = lmtp
hostname = mx.test
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
mail_location = maildir:{folder}/mail/%n
mail_save_crlf = yes
first_valid_uid = 1
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = passwd-file
  args = {folder}/users
  default_fields = uid=mail gid=mail home={folder}/home
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
}}
service auth {{
  unix_listener sasl {{
    mode = 0666
  }}
}}
protocol lmtp {{
  mail_plugins = quota
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
}}
"""


class Dovecot:
    """A Dovecot that runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def lmtp(self) -> Path:
        """Where it takes mail, with STARTTLS."""
        return self._folder / "run" / "lmtp"

    @property
    def sasl(self) -> Path:
        """Where it authenticates for others."""
        return self._folder / "run" / "sasl"

    def take(self, name: str) -> list[bytes]:
        """The messages in a mailbox, without the fields that were put before them; they are removed."""
        taken = []
        for path in sorted((self._folder / "mail" / name / "new").iterdir()):
            _, separator, rest = path.read_bytes().partition(b"From: a@client.test\r\n")
            taken.append(separator + rest)
            path.unlink()
        return taken


@contextmanager
def dovecot(folder: Path, tls_files: TlsFiles) -> Iterator[Dovecot]:
    """Run a Dovecot with the users b and c, full, whose mailbox takes nothing, and one who can authenticate."""
    shutil.copy(tls_files.cert, folder / "cert.pem")
    shutil.copy(tls_files.key, folder / "key.pem")
    (folder / "mail").mkdir(mode=0o777)
    (folder / "mail").chmod(0o777)
    users = [f"{name}@mx.test:{{PLAIN}}x::::::" for name in "bc"]
    users += ["full@mx.test:{PLAIN}x::::::userdb_quota_rule=*:bytes=10", f"{USER}:{{PLAIN}}{PASSWORD}::::::"]
    (folder / "users").write_text("\n".join(users) + "\n")
    settings = folder / "dovecot.conf"
    settings.write_text(SETTINGS.format(folder=folder))
    log = folder / "dovecot.log"
    server = Dovecot(folder)

    def up() -> bool:
        return listens(server.lmtp) and listens(server.sasl)

    with running("dovecot", "-F", "-c", settings, log=log) as process:
        until(lambda: up() or process.poll() is not None, lambda: log.read_text(errors="replace"))
        assert process.poll() is None, log.read_text(errors="replace")
        yield server
