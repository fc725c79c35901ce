"""SCRAM, the client's side: the password is proven, and the server has to prove it too (RFC 5802, RFC 7677)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Collection
from typing import ClassVar, Final

from smtpcore.sasl.base64 import decode, encode
from smtpcore.sasl.client import ClientMechanism, binding_type
from smtpcore.sasl.credentials import Credentials
from smtpcore.sasl.gs2 import escape, write_header
from smtpcore.sasl.keys import client_and_server_key
from smtpcore.sasl.scram_syntax import BASE64, DEFINED, EXTENSIONS, MANDATORY, NONCE, NONCE_OCTETS, extension_names
from smtpcore.tls import TlsInfo

LEAST_ITERATIONS: Final = 4096
"""RFC 5802 5.1, RFC 7677 4. A server that wants fewer could guess the password from the proof in less time."""
MOST_ITERATIONS: Final = 1_000_000
"""What a server may cost the client: about a second of work, during which nothing else runs."""

_FIRST = re.compile(MANDATORY + rb"r=(" + NONCE + rb"),s=(" + BASE64 + rb"),i=([1-9][0-9]*)" + EXTENSIONS)
_FINAL = re.compile(rb"v=(" + BASE64 + rb")" + EXTENSIONS)
_ERROR = re.compile(rb"e=([^\0,]+)" + EXTENSIONS)
_ERRORS = frozenset(
    {
        b"invalid-encoding",
        b"extensions-not-supported",
        b"invalid-proof",
        b"channel-bindings-dont-match",
        b"server-does-support-channel-binding",
        b"channel-binding-not-supported",
        b"unsupported-channel-binding-type",
        b"unknown-user",
        b"invalid-username-encoding",
        b"no-resources",
    }
)
"""The errors of RFC 5802 7; every other one is "other-error"."""


class ScramClient(ClientMechanism):
    """Proves the password without sending it, and believes no server that does not prove it in turn.

    The server's signature comes as a last challenge, since a 235 carries no data (RFC 4954 4).
    A subclass says the name, the hash function, and whether it is a -PLUS form.
    """

    authorization = True
    hash_name: ClassVar[str]
    """The hash function as ``hashlib`` names it."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        tls: TlsInfo | None,
        token_bytes: Callable[[int], bytes],
        offered: Collection[str],
    ) -> None:
        super().__init__(credentials, tls=tls, token_bytes=token_bytes, offered=offered)
        self._nonce = encode(token_bytes(NONCE_OCTETS))
        self._header = write_header(self._flag(), self.authzid)
        self._first_bare = b"n=%b,r=%b" % (escape(credentials.prepared_username), self._nonce)
        self._signature: bytes | None = None
        self._verified = False

    @classmethod
    def usable(cls, credentials: Credentials, tls: TlsInfo | None) -> bool:
        """With a user name and a password that SASLprep allows."""
        prepared = credentials.prepared_username and credentials.prepared_password
        return super().usable(credentials, tls) and bool(prepared)

    def initial(self) -> bytes:
        """The first message: user name and nonce."""
        return self._header + self._first_bare

    def step(self, challenge: bytes) -> bytes:
        """Answer salt and iteration count with the proof, and the server's signature with nothing."""
        if self._verified:
            return super().step(challenge)
        try:
            challenge.decode("utf-8")
        except UnicodeDecodeError:
            raise self.fault("the server sent a message that is not UTF-8") from None
        error = _ERROR.fullmatch(challenge)
        if error is not None:
            word = error[1] if error[1] in _ERRORS else b"other-error"
            raise self.fault(f"the server refused: {word.decode('ascii')}")
        if self._signature is None:
            return self._final(challenge)
        self._check(challenge, self._signature)
        return b""

    def verify(self) -> None:
        """Whoever says yes without the signature does not know the password (RFC 5802 3)."""
        if not self._verified:
            raise self.fault("the server said yes without having proven that it knows the password")

    def _final(self, server_first: bytes) -> bytes:
        """The final message, with the proof (RFC 5802 3)."""
        nonce, salt, iterations = self._read_first(server_first)
        without_proof = b"c=%b,r=%b" % (encode(self._header + self._binding()), nonce)
        auth_message = b"%b,%b,%b" % (self._first_bare, server_first, without_proof)
        password = self.credentials.prepared_password
        client_key, server_key = client_and_server_key(password, self.hash_name, salt, iterations)
        stored_key = hashlib.new(self.hash_name, client_key).digest()
        client_signature = hmac.digest(stored_key, auth_message, self.hash_name)
        proof = bytes(ours ^ mask for ours, mask in zip(client_key, client_signature, strict=True))
        self._signature = hmac.digest(server_key, auth_message, self.hash_name)
        return b"%b,p=%b" % (without_proof, encode(proof))

    def _read_first(self, message: bytes) -> tuple[bytes, bytes, int]:
        """Nonce, salt and iteration count."""
        match = _FIRST.fullmatch(message)
        if match is None:
            raise self.fault("the server's first message does not fit the grammar")
        mandatory, nonce, encoded_salt, count, extensions = match.groups(b"")
        self._check_extensions(mandatory, extensions)
        # RFC 5802 5.1: what the server answers is the client's own nonce with something behind it.
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise self.fault("the server's nonce does not continue the client's")
        salt = decode(encoded_salt)
        if salt is None:
            raise self.fault("the server's salt is not base64")
        # A number of thousands of digits is not even read.
        if len(count) > len(str(MOST_ITERATIONS)) or int(count) > MOST_ITERATIONS:
            raise self.fault(f"the server wants more than {MOST_ITERATIONS} iterations")
        if int(count) < LEAST_ITERATIONS:
            raise self.fault(f"the server wants fewer than {LEAST_ITERATIONS} iterations")
        return nonce, salt, int(count)

    def _check(self, server_final: bytes, expected: bytes) -> None:
        """Take the server's signature."""
        match = _FINAL.fullmatch(server_final)
        if match is None:
            raise self.fault("the server's final message does not fit the grammar")
        self._check_extensions(b"", match[2])
        if not hmac.compare_digest(decode(match[1]) or b"", expected):
            raise self.fault("the server's signature is wrong: it does not know the password")
        self._verified = True

    def _check_extensions(self, mandatory: bytes, extensions: bytes) -> None:
        """RFC 5802 5.1: a mandatory extension fails, an optional one is ignored."""
        names = extension_names(extensions)
        if mandatory or b"m"[0] in names:
            raise self.fault("the server wants an extension that is not known here")
        if names & DEFINED:
            raise self.fault("the server sent an attribute where it does not belong")

    def _flag(self) -> str:
        """RFC 5802 6: bound; or could be, if the server did not seem unable to; or not."""
        binding = binding_type(self.tls)
        if self.channel_binding:
            return f"p={binding}"
        # "y" where the server has announced the -PLUS form would say that somebody took it out of the list.
        return "y" if binding and f"{self.name}-PLUS" not in self.offered else "n"

    def _binding(self) -> bytes:
        """The channel binding data; nothing without a binding."""
        if self.tls is None or not self.channel_binding:
            return b""
        return self.tls.channel_bindings[binding_type(self.tls)]


class ScramSha1Client(ScramClient):
    """SCRAM-SHA-1 (RFC 5802)."""

    name = "SCRAM-SHA-1"
    hash_name = "sha1"


class ScramSha1PlusClient(ScramSha1Client):
    """SCRAM-SHA-1, bound to the TLS channel (RFC 5802 6)."""

    name = "SCRAM-SHA-1-PLUS"
    channel_binding = True


class ScramSha256Client(ScramClient):
    """SCRAM-SHA-256 (RFC 7677)."""

    name = "SCRAM-SHA-256"
    hash_name = "sha256"


class ScramSha256PlusClient(ScramSha256Client):
    """SCRAM-SHA-256, bound to the TLS channel (RFC 7677)."""

    name = "SCRAM-SHA-256-PLUS"
    channel_binding = True
