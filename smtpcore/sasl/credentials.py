"""What a client can prove itself with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from smtpcore.sasl.saslprep import prepare, prepare_authzid

# NUL separates or is forbidden in every mechanism (RFC 4422 3.4.1, RFC 4616 2, RFC 5802 7); half of a surrogate
# pair has no UTF-8.
_UNSENDABLE = re.compile("[\0\ud800-\udfff]")
_HOST = re.compile("[!-~]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The client's side of what a ``CredentialStore`` knows; what is not there leaves out mechanisms.

    Secrets are not in the repr.

    Raises:
        ValueError: A text has NUL or half of a surrogate pair in it, the host is not printable ASCII, or the port
            is none. The message does not quote it.
    """

    username: str = ""
    """The authentication identity: whose password or token it is (RFC 4422 2)."""
    password: str | None = field(default=None, repr=False)
    """For SCRAM, CRAM-MD5, PLAIN and LOGIN; also the shared secret."""
    token: str | None = field(default=None, repr=False)
    """A bearer token (RFC 6750 2.1), for OAUTHBEARER and XOAUTH2."""
    authzid: str = ""
    """The authorization identity: whom to act for; empty: for the one whose credentials these are."""
    certificate: bool = False
    """TLS was given a client certificate, so that EXTERNAL has something to stand on."""
    anonymous: str | None = None
    """Trace information, an address or other text (RFC 4505 2), which may be empty; None: ANONYMOUS is not used."""
    host: str = ""
    """The name of the server that was connected to, in ASCII, for OAUTHBEARER; empty: not told."""
    port: int | None = None
    """The port, likewise."""

    def __post_init__(self) -> None:
        for name in ("username", "password", "token", "authzid", "anonymous"):
            if _UNSENDABLE.search(getattr(self, name) or ""):
                raise ValueError(f"{name} has NUL or half of a surrogate pair in it, which no mechanism can send")
        if not _HOST.fullmatch(self.host):
            raise ValueError("host is not printable ASCII: give the name that was looked up, with its A-labels")
        if self.port is not None and not 0 < self.port < 65536:
            raise ValueError("port is not between 1 and 65535")

    @property
    def prepared_username(self) -> str:
        """The user name as SASLprep makes it; empty: there is none, or none that SASLprep allows."""
        return prepare(self.username) or ""

    @property
    def prepared_password(self) -> str:
        """The password as SASLprep makes a stored string (RFC 5802 2.2); empty as above."""
        return prepare(self.password or "", stored=True) or ""

    @property
    def prepared_authzid(self) -> str | None:
        """The authorization identity as SASLprep makes it (RFC 4954 4); None: it allows nothing of it."""
        return prepare_authzid(self.authzid)
