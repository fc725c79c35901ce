"""Pairs of engines in memory, and the certificates they show."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from smtpcore_tls import TlsEngine

HOST = "mx.example.org"
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


@dataclass
class Files:
    """PEM files of one authority."""

    ca: Path
    other_ca: Path
    server: Path
    client: Path


def first_certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates(file.read_bytes())[0]


@dataclass
class Pair:
    """Two engines and the plaintext each has given."""

    server: TlsEngine
    client: TlsEngine
    at_server: bytes = b""
    at_client: bytes = b""

    def exchange(self, cut: Callable[[bytes], Sequence[bytes]] = lambda data: [data]) -> None:
        """Carry octets both ways until there are none."""
        while True:
            to_server, to_client = self.client.outgoing(), self.server.outgoing()
            if not to_server and not to_client:
                return
            for piece in cut(to_server):
                self.at_server += self.server.receive(piece)
            for piece in cut(to_client):
                self.at_client += self.client.receive(piece)


def octets(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def new_pair(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Pair:
    return Pair(
        TlsEngine(contexts[0], server_side=True), TlsEngine(contexts[1], server_side=False, server_hostname=HOST)
    )
