"""Python's smtplib delivers; its verbs are in lower case, and it sends header and dot in separate segments."""

from __future__ import annotations

import smtplib
import ssl

import pytest

from tests.interop.conftest import BODY, Mx
from tests.interop.recording import PASSWORD, USER


def send(client: smtplib.SMTP, recipients: tuple[str, ...] = ("b@mx.test",)) -> None:
    assert client.sendmail("a@client.test", recipients, BODY) == {}


def test_plain(mx: Mx) -> None:
    with smtplib.SMTP("127.0.0.1", mx.plain, "client.test", timeout=20) as client:
        send(client)
        send(client, ("b@mx.test", "c@mx.test"))
    assert mx.take(2) == [(b"ESMTP", BODY)] * 2


def test_starttls_and_auth(mx: Mx, client_ssl_context: ssl.SSLContext) -> None:
    with smtplib.SMTP("127.0.0.1", mx.plain, "client.test", timeout=20) as client:
        # The address is in the certificate, so it is verified with it.
        client.starttls(context=client_ssl_context)
        client.login(USER, PASSWORD)
        send(client)
    assert mx.take() == [(b"ESMTPSA", BODY)]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_implicit_tls_and_auth(mx: Mx, client_ssl_context: ssl.SSLContext, mechanism: str) -> None:
    with smtplib.SMTP_SSL("127.0.0.1", mx.implicit, "client.test", timeout=20, context=client_ssl_context) as client:
        client.ehlo()
        client.user, client.password = USER, PASSWORD
        code, text = client.auth(mechanism, getattr(client, f"auth_{mechanism.lower()}"))
        assert (code, text[:5]) == (235, b"2.7.0")
        send(client)
    assert mx.take() == [(b"ESMTPSA", BODY)]


def test_a_wrong_password(mx: Mx, client_ssl_context: ssl.SSLContext) -> None:
    with smtplib.SMTP("127.0.0.1", mx.plain, "client.test", timeout=20) as client:
        client.starttls(context=client_ssl_context)
        with pytest.raises(smtplib.SMTPAuthenticationError, match=r"535.*5\.7\.8"):
            client.login(USER, "wrong")
    assert mx.take(0) == []


def test_a_message_over_the_size_is_refused_at_mail(mx: Mx) -> None:
    with smtplib.SMTP("127.0.0.1", mx.plain, "client.test", timeout=20) as client:
        client.ehlo()
        assert int(client.esmtp_features["size"]) == 35 * 1024 * 1024
        code, text = client.mail("a@client.test", ["size=99999999"])
        assert (code, text[:5]) == (552, b"5.3.4")
    assert mx.take(0) == []
