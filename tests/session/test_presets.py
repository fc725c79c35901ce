"""The ready settings of a submission server (RFC 6409) and of a mail exchanger."""

from __future__ import annotations

import pytest

from smtpcore import Handler, Limits, ServerConfig
from smtpcore.handler import CredentialStore
from tests.session.driver import HOST, PLAIN_BOB, Dialogue


class Store(CredentialStore):
    def verify_password(self, username: str, password: str) -> bool:
        return (username, password) == ("bob", "hunter2")


class Office(Handler):
    credentials = Store()


def submission(*, authenticated: bool = True) -> Dialogue:
    settings = ServerConfig.for_submission(hostname=HOST, plaintext_auth_without_tls=True, etrn=True)
    dialogue = Dialogue(settings, Office()).ready()
    if authenticated:
        assert dialogue.say(PLAIN_BOB).startswith("235 ")
    return dialogue


@pytest.mark.conformance("C336")
def test_mail_before_authentication_is_530() -> None:
    assert submission(authenticated=False).say("MAIL FROM:<a@b.c>").startswith("530 5.7.0 ")
    assert submission().say("MAIL FROM:<a@b.c>").startswith("250 ")


@pytest.mark.conformance("C337")
def test_the_null_reverse_path_is_not_refused() -> None:
    assert submission().say("MAIL FROM:<>").startswith("250 ")


@pytest.mark.conformance("C338")
def test_unqualified_domains_are_554() -> None:
    dialogue = submission()
    assert dialogue.say("MAIL FROM:<a@host>").startswith("554 5.1.8 ")
    assert dialogue.say("MAIL FROM:<a@[192.0.2.1]>").startswith("250 ")
    assert dialogue.say("RCPT TO:<b@host>").startswith("554 5.1.2 ")
    assert dialogue.say("RCPT TO:<b@host.test>").startswith("250 ")
    assert dialogue.say("RCPT TO:<postmaster>").startswith("250 ")


def test_elsewhere_a_single_label_is_a_domain() -> None:
    assert Dialogue().ready().say("MAIL FROM:<a@host>").startswith("250 ")


@pytest.mark.conformance("C339")
def test_etrn_does_not_exist_on_a_submission_port_even_where_it_is_on() -> None:
    dialogue = submission()
    assert "ETRN" not in dialogue.say("EHLO c.test")
    assert dialogue.say("ETRN example.org").startswith("502 5.5.1 ")


def test_a_mail_exchanger_is_hardened_and_knows_no_auth() -> None:
    settings = ServerConfig.for_mx(hostname=HOST)
    assert settings.limits == Limits.hardened()
    answer = Dialogue(settings).greeted().say("EHLO c.test")
    assert "STARTTLS" in answer
    assert "AUTH" not in answer


def test_single_settings_go_over_the_preset() -> None:
    assert not ServerConfig.for_mx(hostname=HOST, starttls=False).starttls
    assert ServerConfig.for_submission(hostname=HOST, mechanisms=("PLAIN", "LOGIN")).mechanisms == ("PLAIN", "LOGIN")
