"""The client's side: each mechanism against our server, the examples of the RFCs, and servers that mean no good."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace

import pytest

from smtpcore.errors import LocalProtocolError, RemoteProtocolError, SaslError
from smtpcore.sasl import (
    CLIENT_MECHANISMS,
    SERVER_MECHANISMS,
    AnonymousClient,
    ClientMechanism,
    CramMd5Client,
    CramMd5Server,
    Credentials,
    ExternalClient,
    Identity,
    LoginClient,
    OAuthBearerClient,
    PlainClient,
    XOAuth2Client,
)
from tests.sasl.exchange import CREDENTIALS, PASSWORD, TLS, begin, client, converse
from tests.sasl.line import FAILED, OK, Line, challenge

CLIENT_FIRST = [name for name, kind in SERVER_MECHANISMS.items() if not kind.server_first and name != "LOGIN"]
WITH_SECRET = [name for name in CLIENT_MECHANISMS if name not in ("EXTERNAL", "ANONYMOUS")]
WITH_PASSWORD = [name for name in WITH_SECRET if name not in ("OAUTHBEARER", "XOAUTH2")]
BEARER = pytest.mark.parametrize("kind", [OAuthBearerClient, XOAuth2Client])
NOBODY = Credentials(username="user", password="wrong", token="bad")


def test_each_mechanism_of_the_server_has_its_other_side() -> None:
    assert CLIENT_MECHANISMS.keys() == SERVER_MECHANISMS.keys()
    for name, kind in CLIENT_MECHANISMS.items():
        assert kind.name == name
        assert kind.plaintext is SERVER_MECHANISMS[name].plaintext
        assert kind.channel_binding is SERVER_MECHANISMS[name].channel_binding


@pytest.mark.parametrize("name", CLIENT_MECHANISMS)
def test_our_server_lets_our_client_in(name: str) -> None:
    identity = converse(client(CLIENT_MECHANISMS[name]), begin(SERVER_MECHANISMS[name]))
    assert identity is not None
    assert identity.username == ("anonymous" if name == "ANONYMOUS" else "user")
    assert identity.mechanism == name


@pytest.mark.parametrize("name", WITH_SECRET)
def test_our_server_refuses_wrong_credentials(name: str) -> None:
    assert converse(client(CLIENT_MECHANISMS[name], NOBODY), begin(SERVER_MECHANISMS[name])) is None


@pytest.mark.parametrize("name", [name for name, kind in CLIENT_MECHANISMS.items() if kind.authorization])
def test_whom_to_act_for_arrives(name: str) -> None:
    credentials = replace(CREDENTIALS, authzid="ad,mi=n\u2168", token="others")
    identity = converse(client(CLIENT_MECHANISMS[name], credentials), begin(SERVER_MECHANISMS[name]))
    assert identity is not None
    assert identity.authzid == "ad,mi=nIX"


@pytest.mark.parametrize("name", [name for name, kind in CLIENT_MECHANISMS.items() if not kind.authorization])
def test_what_cannot_say_whom_to_act_for_is_not_usable_for_another(name: str) -> None:
    kind = CLIENT_MECHANISMS[name]
    assert not kind.usable(replace(CREDENTIALS, authzid="admin"), TLS)
    assert kind.usable(replace(CREDENTIALS, authzid="user"), TLS)


def line_by_line(name: str, credentials: Credentials) -> tuple[ClientMechanism, str]:
    """The client at a session that offers nothing else, and the last reply."""
    line = Line(name)
    mechanism = client(CLIENT_MECHANISMS[name], credentials, offered=line.mechanisms[1:])
    reply = line.auth(name, mechanism.initial())
    while reply.startswith("334"):
        reply = line.respond(mechanism.respond(challenge(reply)))
    return mechanism, reply


@pytest.mark.parametrize("name", CLIENT_MECHANISMS)
def test_a_session_says_235_and_means_it(name: str) -> None:
    mechanism, reply = line_by_line(name, CREDENTIALS)
    assert reply == OK
    mechanism.verify()


@pytest.mark.parametrize("name", WITH_SECRET)
def test_a_session_says_535_to_wrong_credentials(name: str) -> None:
    _, reply = line_by_line(name, NOBODY)
    assert reply == FAILED


@pytest.mark.parametrize("name", WITH_PASSWORD)
def test_user_name_and_password_are_both_needed(name: str) -> None:
    kind = CLIENT_MECHANISMS[name]
    for credentials in (
        Credentials(),
        Credentials(username="user"),
        Credentials(username="user", password=""),
        Credentials(password=PASSWORD),
        Credentials(username="user", token="good", certificate=True, anonymous=""),
    ):
        assert not kind.usable(credentials, TLS)


@pytest.mark.parametrize("name", [name for name in WITH_PASSWORD if name not in ("PLAIN", "LOGIN")])
@pytest.mark.parametrize("text", ["\u00ad", "\x07"])
def test_what_is_hashed_has_to_be_prepared_first(name: str, text: str) -> None:
    kind = CLIENT_MECHANISMS[name]
    assert not kind.usable(replace(CREDENTIALS, username=text), TLS)
    assert not kind.usable(replace(CREDENTIALS, password=text), TLS)


@pytest.mark.parametrize("name", CLIENT_MECHANISMS)
def test_whom_to_act_for_has_to_be_prepared(name: str) -> None:
    assert not CLIENT_MECHANISMS[name].usable(replace(CREDENTIALS, authzid="\x07"), TLS)


@pytest.mark.parametrize("name", CLIENT_MECHANISMS)
def test_what_is_not_usable_is_not_made(name: str) -> None:
    with pytest.raises(LocalProtocolError, match=rf"^{name} cannot be used .* ask usable\(\)$"):
        client(CLIENT_MECHANISMS[name], Credentials(username="user"))


@pytest.mark.parametrize("name", CLIENT_MECHANISMS)
def test_a_challenge_that_no_line_could_hold_is_not_answered(name: str) -> None:
    mechanism = client(CLIENT_MECHANISMS[name])
    with pytest.raises(SaslError, match=f"^{name}: the server sent a challenge of more than 12288 octets$"):
        mechanism.respond(b"x" * 12289)
    assert issubclass(SaslError, RemoteProtocolError)


@pytest.mark.threat("T-CLIENT")
@pytest.mark.parametrize("name", CLIENT_MECHANISMS)
def test_a_server_that_never_stops_asking_is_left(name: str) -> None:
    mechanism = client(CLIENT_MECHANISMS[name])
    answers = 0
    fault: SaslError | None = None
    while fault is None:
        try:
            mechanism.respond(b"x" * 12288)
            answers += 1
        except SaslError as error:
            fault = error
    assert answers <= 2


@pytest.mark.parametrize("name", ["PLAIN", "EXTERNAL", "ANONYMOUS"])
def test_one_message_is_all_there_is(name: str) -> None:
    mechanism = client(CLIENT_MECHANISMS[name])
    mechanism.verify()
    with pytest.raises(SaslError, match="when everything had been said"):
        mechanism.respond(b"")


@pytest.mark.parametrize("name", CLIENT_FIRST)
def test_the_initial_response_is_the_same_however_often_it_is_asked_for(name: str) -> None:
    mechanism = client(CLIENT_MECHANISMS[name])
    first = mechanism.initial()
    assert first is not None
    assert mechanism.initial() == first


def test_the_examples_of_rfc_4616() -> None:
    # RFC 4616 4.
    credentials = Credentials(username="tim", password="tanstaaftanstaaf")
    assert client(PlainClient, credentials).initial() == b"\0tim\0tanstaaftanstaaf"
    credentials = Credentials(username="Kurt", password="xipj3plmq", authzid="Ursel")
    assert client(PlainClient, credentials).initial() == b"Ursel\0Kurt\0xipj3plmq"


def test_plain_and_login_leave_the_preparation_to_the_server() -> None:
    credentials = Credentials(username="us\u00ader", password="p\u0221ss")
    assert client(PlainClient, credentials).initial() == "\0us\u00ader\0p\u0221ss".encode()
    login = client(LoginClient, credentials)
    assert [login.respond(b""), login.respond(b"")] == ["us\u00ader".encode(), "p\u0221ss".encode()]


@pytest.mark.parametrize(
    "prompts", [(b"Username:", b"Password:"), (b"User Name\0", b"Password\0"), (b"", b"x" * 12288)]
)
def test_login_tells_user_name_and_password_whatever_it_is_asked(prompts: tuple[bytes, bytes]) -> None:
    login = client(LoginClient)
    assert login.initial() is None
    assert [login.respond(prompt) for prompt in prompts] == [b"user", PASSWORD.encode()]
    login.verify()
    with pytest.raises(SaslError, match="when everything had been said"):
        login.respond(b"Again:")


@pytest.mark.parametrize("prompts", [0, 1])
def test_a_yes_that_login_was_not_asked_for_is_none(prompts: int) -> None:
    login = client(LoginClient)
    for _ in range(prompts):
        login.respond(b"Username:")
    with pytest.raises(SaslError, match="without having asked"):
        login.verify()


def test_the_example_of_rfc_2195() -> None:
    # RFC 2195 2.
    mechanism = client(CramMd5Client, Credentials(username="tim", password="tanstaaftanstaaf"))
    assert mechanism.initial() is None
    response = mechanism.respond(b"<1896.697170952@postoffice.reston.mci.net>")
    assert response == b"tim b913a602c7eda7a495b4e6e7334d3890"
    mechanism.verify()


def test_cram_md5_signs_something_and_once() -> None:
    with pytest.raises(SaslError, match="empty challenge"):
        client(CramMd5Client).respond(b"")
    mechanism = client(CramMd5Client)
    mechanism.respond(b"<1@mx.test>")
    with pytest.raises(SaslError, match="when everything had been said"):
        mechanism.respond(b"<2@mx.test>")


def test_a_yes_that_cram_md5_was_not_challenged_for_is_none() -> None:
    with pytest.raises(SaslError, match="without a challenge"):
        client(CramMd5Client).verify()


def test_cram_md5_prepares_what_it_signs_with() -> None:
    credentials = Credentials(username="us\u00ader", password="pen\u00adcil")
    assert converse(client(CramMd5Client, credentials), begin(CramMd5Server)) == Identity("user", mechanism="CRAM-MD5")


def test_the_successful_example_of_rfc_7628() -> None:
    # RFC 7628 4.1.
    credentials = Credentials(
        username="user@example.com",
        token="vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==",
        host="server.example.com",
        port=587,
    )
    assert client(OAuthBearerClient, credentials).initial() == b64decode(
        "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3AWF1dGg9QmVhcmVyIHZGOWRm"
        "dDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
    )


@pytest.mark.conformance("C256")
def test_the_failing_example_of_rfc_7628() -> None:
    # RFC 7628 4.4.
    mechanism = client(OAuthBearerClient)
    error = b64decode(
        "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NoZW1lcyI6ImJlYXJlciBtYWMiLCJzY29wZSI6Imh0dHBzOi8vbWFpbC5l"
        "eGFtcGxlLmNvbS8ifQ=="
    )
    assert mechanism.respond(error) == b64decode("AQ==")


def test_oauthbearer_names_what_is_known() -> None:
    nameless = Credentials(token="good")
    assert client(OAuthBearerClient, nameless).initial() == b"n,,\x01auth=Bearer good\x01\x01"
    escaped = client(OAuthBearerClient, replace(nameless, username="a,b=c", port=25)).initial()
    assert escaped == b"n,a=a=2Cb=3Dc,\x01port=25\x01auth=Bearer good\x01\x01"


def test_xoauth2_has_one_form() -> None:
    credentials = Credentials(username="someuser@example.com", token="ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg")
    assert client(XOAuth2Client, credentials).initial() == (
        b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01"
    )
    other = replace(credentials, authzid="us\u00ader")
    assert (client(XOAuth2Client, other).initial()).startswith(b"user=user\x01")
    assert not XOAuth2Client.usable(Credentials(token="good"), TLS)


def test_a_refusal_of_xoauth2_is_answered_with_nothing() -> None:
    assert client(XOAuth2Client).respond(b'{"status": "401"}') == b""


@BEARER
@pytest.mark.parametrize("error", [b"", b"{}", b"\xff\x00", b'{"status":'])
def test_a_refusal_is_a_refusal_whatever_it_says(kind: type[ClientMechanism], error: bytes) -> None:
    mechanism = client(kind)
    mechanism.verify()
    mechanism.respond(error)
    with pytest.raises(SaslError, match="after having refused the token"):
        mechanism.verify()
    with pytest.raises(SaslError, match="when everything had been said"):
        mechanism.respond(error)


@BEARER
@pytest.mark.parametrize("token", [None, "", "=", "go od", "good\x01host=x", "good\n", "go\u00f6d", "go=od", "go,od"])
def test_a_token_that_is_none_by_its_form_is_not_sent(kind: type[ClientMechanism], token: str | None) -> None:
    assert not kind.usable(Credentials(username="user", token=token), TLS)


@BEARER
def test_a_name_that_cannot_be_prepared_is_not_left_out(kind: type[ClientMechanism]) -> None:
    assert not kind.usable(Credentials(username="us\x01er", token="good"), TLS)


def test_external_stands_on_the_certificate_that_tls_was_given() -> None:
    assert client(ExternalClient, Credentials(certificate=True)).initial() == b""
    assert client(ExternalClient, Credentials(certificate=True, authzid="us\u00ader")).initial() == b"user"
    assert not ExternalClient.usable(Credentials(certificate=True), None)
    assert not ExternalClient.usable(Credentials(username="user", password=PASSWORD), TLS)


@pytest.mark.parametrize("trace", ["", "somebody", "sir@mail.test", "s" * 255, "\u00e4"])
def test_anonymous_tells_what_it_is_given(trace: str) -> None:
    assert client(AnonymousClient, Credentials(anonymous=trace)).initial() == trace.encode()


@pytest.mark.parametrize("trace", [None, "a@", "@b", "s" * 256, "a\x07"])
def test_anonymous_is_not_usable_without_trace_information(trace: str | None) -> None:
    assert not AnonymousClient.usable(Credentials(anonymous=trace), None)
