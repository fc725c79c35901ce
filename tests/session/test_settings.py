"""Limits, timeouts and the configuration: the values of the specification, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from smtpcore import Dialect, Leniencies, Limits, ServerConfig, Timeouts
from tests.session.driver import config

KIB = 1024
MIB = 1024 * 1024


def of(value: Any, names: dict[str, object]) -> dict[str, object]:
    return {name: getattr(value, name) for name in names}


# The specification's own numbers, written down by hand.
STANDARD_LIMITS: dict[str, object] = {
    "max_command_line": 512,
    "max_line_drain": 64 * KIB,
    "max_auth_line": 12288,
    "max_message_size": 35 * MIB,
    "max_drain": 71 * MIB,
    "max_recipients": 1000,
    "max_recipients_overshoot": 1000,
    "max_bad_recipients": 1000,
    "max_deferred_recipients": 1000,
    "max_transactions": None,
    "max_errors": 20,
    "max_unknown_commands": 10,
    "max_noops": 100,
    "max_auth_failures": 5,
    "max_auth_rounds": 20,
    "max_commands_before_auth": None,
    "max_input_buffer": MIB,
    "max_held_output": 16 * KIB,
    "max_params": 20,
}
HARDENED_LIMITS = STANDARD_LIMITS | {
    "max_line_drain": 8 * KIB,
    "max_message_size": 25 * MIB,
    "max_drain": 51 * MIB,
    "max_recipients": 100,
    "max_bad_recipients": 100,
    "max_transactions": 100,
    "max_errors": 10,
    "max_unknown_commands": 5,
    "max_noops": 50,
    "max_auth_failures": 3,
    "max_commands_before_auth": 20,
    "max_input_buffer": 128 * KIB,
}
STANDARD_TIMEOUTS: dict[str, object] = {
    "idle": 300,
    "idle_after_error": None,
    "block": 180,
    "min_rate": None,
    "rate_window": 60,
    "data": None,
    "session": None,
    "tls_handshake": 60,
    "greeting_delay": 0,
    "hook": 100,
    "message_hook": 600,
    "reply_wait": 1,
    "write": 180,
    "linger": 2,
}
HARDENED_TIMEOUTS = STANDARD_TIMEOUTS | {
    "idle_after_error": 60,
    "min_rate": 500,
    "data": 1800,
    "session": 3600,
    "tls_handshake": 30,
    "hook": 60,
    "message_hook": 300,
    "write": 60,
}


def test_the_standard_profile_is_the_specifications() -> None:
    assert of(Limits(), STANDARD_LIMITS) == of(Limits.standard(), STANDARD_LIMITS) == STANDARD_LIMITS
    assert of(Timeouts(), STANDARD_TIMEOUTS) == of(Timeouts.standard(), STANDARD_TIMEOUTS) == STANDARD_TIMEOUTS
    standard = ServerConfig()
    assert (standard.bare_newlines, standard.long_lines) == ("reject", "pass")
    assert not standard.refuse_early_talk
    assert not standard.close_on_pipelined_data
    assert standard.forbid_http


def test_the_hardened_profile_is_the_specifications() -> None:
    assert of(Limits.hardened(), HARDENED_LIMITS) == HARDENED_LIMITS
    assert of(Timeouts.hardened(), HARDENED_TIMEOUTS) == HARDENED_TIMEOUTS
    hardened = ServerConfig.hardened(hostname="mx.test")
    assert hardened.hostname == "mx.test"
    assert hardened.limits == Limits.hardened()
    assert hardened.timeouts == Timeouts.hardened()
    assert hardened.refuse_early_talk
    assert hardened.close_on_pipelined_data


def test_a_single_setting_of_the_hardened_profile_may_be_another() -> None:
    assert not ServerConfig.hardened(refuse_early_talk=False).refuse_early_talk
    assert ServerConfig.hardened(limits=Limits()).limits == Limits()


@pytest.mark.parametrize("name", [name for name in STANDARD_LIMITS if name != "max_drain"])
def test_a_limit_is_not_negative(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Limits(**{name: -1})


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("max_command_line", 512),
        ("max_auth_line", 512),
        ("max_recipients", 1),
        ("max_auth_failures", 3),
        ("max_input_buffer", 4096),
    ],
)
def test_some_limits_have_a_floor(name: str, least: int) -> None:
    assert getattr(Limits(**{name: least}), name) == least
    with pytest.raises(ValueError, match=f"{name} is at least {least}"):
        Limits(**{name: least - 1})


@pytest.mark.parametrize("seconds", [-0.1, float("nan")])
@pytest.mark.parametrize("name", STANDARD_TIMEOUTS)
def test_a_timeout_is_a_number_and_not_negative(name: str, seconds: float) -> None:
    with pytest.raises(ValueError, match=name):
        Timeouts(**{name: seconds})


@pytest.mark.parametrize(
    ("settings", "about"),
    [
        ({"hostname": ""}, "hostname"),
        ({"hostname": "mx test"}, "hostname"),
        ({"hostname": "mx.test\r\n250 x"}, "hostname"),
        ({"hostname": "m\xfcller.example"}, "hostname"),
        ({"banner": "ESMTP\r\n"}, "banner"),
        ({"banner": "caf\xe9"}, "banner"),
        ({"mechanisms": ("FOO",)}, "FOO"),
        ({"mechanisms": ("plain",)}, "plain"),
        ({"require_tls": True}, "require_tls"),
        ({"require_auth": True}, "require_auth"),
        ({"bare_newlines": "convert"}, "bare_newlines is one of reject, close, pass"),
        ({"long_lines": "fold"}, "long_lines is one of pass, reject"),
        ({"dialect": Dialect.LMTP, "enhanced_codes": False}, "LMTP"),
    ],
    ids=repr,
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], about: str) -> None:
    with pytest.raises(ValueError, match=about):
        config(**settings)


@pytest.mark.conformance("C048")
def test_more_mechanisms_than_fit_into_a_line_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from smtpcore.sasl import PlainServer
    from smtpcore.session import config as module

    many = {f"X-MECHANISM-{number}": PlainServer for number in range(200)}
    monkeypatch.setattr(module, "SERVER_MECHANISMS", many)
    with pytest.raises(ValueError, match="512"):
        config(mechanisms=tuple(many))


def test_tls_may_be_required_where_it_is_there_from_the_first_octet() -> None:
    assert config(require_tls=True, implicit_tls=True).require_tls


def test_strict_is_all_leniencies_off() -> None:
    assert config(leniencies=Leniencies.strict()).leniencies == Leniencies.strict()
