"""SCRAM: both sides prove that they know the password, and neither sends it (RFC 5802, RFC 7677)."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import ClassVar

from smtpcore.sasl.base64 import decode, encode
from smtpcore.sasl.context import Context
from smtpcore.sasl.gs2 import SASLNAME, Gs2Header, read_header, unescape
from smtpcore.sasl.keys import ScramKeys
from smtpcore.sasl.mechanism import Challenge, Failure, Identity, Outcome, ServerMechanism, Success
from smtpcore.sasl.queries import StoredKeys
from smtpcore.sasl.saslprep import prepare, prepare_authzid
from smtpcore.sasl.scram_syntax import BASE64, DEFINED, EXTENSIONS, MANDATORY, NONCE, NONCE_OCTETS, extension_names

_FIRST = re.compile(MANDATORY + rb"n=(" + SASLNAME + rb"),r=(" + NONCE + rb")" + EXTENSIONS)
_FINAL = re.compile(rb"(c=(" + BASE64 + rb"),r=(" + NONCE + rb")" + EXTENSIONS + rb"),p=(" + BASE64 + rb")")
_LONGEST_NONCE = 1024
"""Octets of a client's nonce. It comes back in a challenge and once more in a response, which have to fit a line."""


class ScramServer(ServerMechanism):
    """Two messages of the client's. Of those that fit the grammar, whatever is wrong in them is the same 535.

    A subclass says the name, the hash function, and whether it is a -PLUS form.
    """

    hash_name: ClassVar[str]
    """The hash function as ``hashlib`` names it."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._header: Gs2Header | None = None
        self._identity = Identity("")
        self._client_nonce = self._nonce = b""
        self._first_bare = self._server_first = b""
        self._keys: ScramKeys | None = None
        self._known = False

    def step(self, response: bytes | None) -> Outcome:
        """Take the client's first message, then its final one."""
        if response is None:
            return Challenge()
        try:
            response.decode("utf-8")
        except UnicodeDecodeError:
            return Failure(malformed=True)
        return self._first(response) if self._keys is None else self._final(response, self._keys)

    def answered(self, value: object) -> Outcome:
        """Take the user's keys, and announce salt, iteration count and the whole nonce."""
        context = self.context
        # Made in any case, so that a user who does not exist takes no longer than one who does (T-AUTH).
        decoy = ScramKeys.decoy(
            self._identity.username, secret=context.secret, hash_name=self.hash_name, iterations=context.iterations
        )
        self._known = isinstance(value, ScramKeys)
        self._keys = keys = value if isinstance(value, ScramKeys) else decoy
        if keys.hash_name != self.hash_name:
            raise ValueError(f"the store gave keys for {keys.hash_name}, not for {self.hash_name}")
        self._nonce = self._client_nonce + self.make_nonce()
        self._server_first = b"r=%b,s=%b,i=%d" % (self._nonce, encode(keys.salt), keys.iterations)
        return Challenge(self._server_first)

    def make_nonce(self) -> bytes:
        """The server's part of the nonce: printable ASCII without a comma."""
        return encode(self.context.token_bytes(NONCE_OCTETS))

    def _first(self, message: bytes) -> Outcome:
        header = read_header(message)
        if header is None:
            return Failure(malformed=True)
        bare = message[len(header.raw) :]
        match = _FIRST.fullmatch(bare)
        if match is None or len(match[3]) > _LONGEST_NONCE:
            return Failure(malformed=True)
        mandatory, name, self._client_nonce, extensions = match.groups(b"")
        fault = _extension_fault(mandatory, extensions)
        if fault is not None:
            return fault
        # RFC 5802 6: "y" where the -PLUS form is on offer means that somebody took it out of the list.
        downgraded = header.flag == "y" and f"{self.name}-PLUS" in self.context.offered
        if downgraded or (header.flag == "p") is not self.channel_binding or self._binding(header) is None:
            return Failure()
        username = prepare(unescape(name))
        authzid = prepare_authzid(header.authzid)
        if username is None or authzid is None:
            return Failure()
        self._header = header
        self._first_bare = bare
        self._identity = Identity(username, authzid, self.name)
        return StoredKeys(username, self.hash_name)

    def _final(self, message: bytes, keys: ScramKeys) -> Outcome:
        match = _FINAL.fullmatch(message)
        if match is None or self._header is None:
            return Failure(malformed=True)
        without_proof, binding, nonce, extensions, encoded_proof = match.groups()
        bound, proof = decode(binding), decode(encoded_proof)
        if bound is None or proof is None:
            return Failure(malformed=True)
        fault = _extension_fault(b"", extensions)
        if fault is not None:
            return fault
        # What the client was shown and what it has sent must be what the server saw and has sent.
        expected = self._header.raw + (self._binding(self._header) or b"")
        if not hmac.compare_digest(bound, expected) or not hmac.compare_digest(nonce, self._nonce):
            return Failure()
        return self._verify(b"%b,%b,%b" % (self._first_bare, self._server_first, without_proof), proof, keys)

    def _verify(self, auth_message: bytes, proof: bytes, keys: ScramKeys) -> Outcome:
        """Check the proof and sign in turn (RFC 5802 3); the work is the same whether it is right or not."""
        signature = hmac.digest(keys.stored_key, auth_message, self.hash_name)
        size = len(signature)
        client_key = int.from_bytes(signature, "big") ^ int.from_bytes(proof[:size], "big")
        stored_key = hashlib.new(self.hash_name, client_key.to_bytes(size, "big")).digest()
        right = hmac.compare_digest(stored_key, keys.stored_key)
        server_signature = hmac.digest(keys.server_key, auth_message, self.hash_name)
        if not (right and self._known and len(proof) == size):
            return Failure()
        return Success(self._identity, b"v=" + encode(server_signature))

    def _binding(self, header: Gs2Header) -> bytes | None:
        """The channel binding data of the type that the client names; nothing for none, None if there is none."""
        if header.flag != "p":
            return b""
        tls = self.context.tls
        return None if tls is None else tls.channel_bindings.get(header.binding)


def _extension_fault(mandatory: bytes, extensions: bytes) -> Failure | None:
    """RFC 5802 5.1: a mandatory extension fails, an optional one is ignored."""
    names = extension_names(extensions)
    if mandatory or b"m"[0] in names:
        return Failure()
    return Failure(malformed=True) if names & DEFINED else None


class ScramSha1Server(ScramServer):
    """SCRAM-SHA-1 (RFC 5802)."""

    name = "SCRAM-SHA-1"
    hash_name = "sha1"


class ScramSha1PlusServer(ScramSha1Server):
    """SCRAM-SHA-1, bound to the TLS channel (RFC 5802 6)."""

    name = "SCRAM-SHA-1-PLUS"
    channel_binding = True


class ScramSha256Server(ScramServer):
    """SCRAM-SHA-256 (RFC 7677)."""

    name = "SCRAM-SHA-256"
    hash_name = "sha256"


class ScramSha256PlusServer(ScramSha256Server):
    """SCRAM-SHA-256, bound to the TLS channel (RFC 7677)."""

    name = "SCRAM-SHA-256-PLUS"
    channel_binding = True
