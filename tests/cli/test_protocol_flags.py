"""What is spoken, by flags: each field of the configuration can be reached, and says what it is."""

from __future__ import annotations

import argparse
from dataclasses import fields

import pytest
from smtpcore_cli import main
from smtpcore_cli.flags import add_switches

from smtpcore import Leniencies, ServerConfig
from smtpcore.spec import Dialect
from tests.cli.words import complaint, configured, settle

# The hooks of these are an application's: the command has no list to expand, no queue, no facts of its recipients,
# no mechanism, no verb and no reply of its own.
OF_APPLICATIONS = {"expn", "etrn", "conneg", "custom_mechanisms", "token_error", "extensions", "lmtp_on_port_25"}
# Given by other flags, and tested with them.
ELSEWHERE = {
    "hostname", "dialect", "limits", "timeouts", "leniencies", "starttls", "implicit_tls", "proxy_networks",
    "require_tls", "mechanisms", "sasl_secret", "scram_iterations", "plaintext_auth_without_tls", "require_auth",
    "submission",
}  # fmt: skip
FLAGS: dict[str, tuple[tuple[str, ...], object]] = {
    "banner": (("--banner", "hello there"), "hello there"),
    "xclient_networks": (("--xclient", "192.0.2.0/28", "--xclient", "unix"), ["192.0.2.0/28", "unix"]),
    "xforward_networks": (("--xforward", "::1", "--xforward", "127.0.0.1"), ["::1", "127.0.0.1"]),
    "help": (("--no-help",), False),
    "enhanced_codes": (("--no-enhanced-codes",), False),
    "chunking": (("--no-chunking",), False),
    "binarymime": (("--binarymime",), True),
    "dsn": (("--dsn",), True),
    "smtputf8": (("--smtputf8",), True),
    "requiretls": (("--requiretls", "--tls-self-signed"), True),
    "announce_limits": (("--announce-limits",), True),
    "deliver_by": (("--deliver-by",), True),
    "min_by_time": (("--deliver-by", "--min-by-time", "60"), 60),
    "mt_priority": (("--mt-priority",), True),
    "mt_priority_policy": (("--mt-priority", "--mt-priority-policy", "MIXER"), "MIXER"),
    "rrvs": (("--rrvs",), True),
    "no_soliciting": (("--no-soliciting", "org.example:ADV", "--no-soliciting", "net.example:X"),
                      ("org.example:ADV", "net.example:X")),
    "mtrk": (("--dsn", "--mtrk"), True),
    "submitter": (("--submitter",), True),
    "conperm": (("--conperm",), True),
    "bare_newlines": (("--bare-newlines", "close"), "close"),
    "bare_newlines_bdat": (("--bare-newlines-bdat", "pass"), "pass"),
    "long_lines": (("--long-lines", "reject"), "reject"),
    "close_on_line_fault": (("--close-on-line-fault",), True),
    "close_on_pipelined_data": (("--close-on-pipelined-data",), True),
    "forbid_http": (("--no-forbid-http",), False),
    "refuse_early_talk": (("--refuse-early-talk",), True),
}  # fmt: skip


def test_no_setting_is_out_of_reach() -> None:
    known = {*FLAGS, *ELSEWHERE, *OF_APPLICATIONS, "future_release"}
    assert {field.name for field in fields(ServerConfig)} - known == set()


@pytest.mark.parametrize("name", FLAGS)
def test_a_flag_sets_its_field_and_no_flag_leaves_it(name: str) -> None:
    words, value = FLAGS[name]
    assert getattr(configured(*words), name) == value
    assert getattr(configured(), name) == getattr(ServerConfig(), name)


@pytest.mark.parametrize("name", FLAGS)
def test_help_names_the_flag_and_says_what_it_is_for(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words, _ = FLAGS[name]
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    # The options come after the usage, each with what it does.
    assert any(f"{word} " in shown for word in words if word.startswith("--"))


def test_what_the_hardened_profile_turns_on_can_be_turned_off() -> None:
    words = ("--profile", "hardened")
    assert configured(*words).refuse_early_talk
    assert configured(*words).close_on_pipelined_data
    assert not configured(*words, "--no-refuse-early-talk").refuse_early_talk
    assert not configured(*words, "--no-close-on-pipelined-data").close_on_pipelined_data


def test_solicitation_may_be_announced_without_a_class() -> None:
    assert configured("--no-soliciting").no_soliciting == ()


@pytest.mark.parametrize("name", [field.name for field in fields(Leniencies)])
def test_each_leniency_is_turned_on_and_off_by_its_name(name: str) -> None:
    word = name.replace("_", "-")
    assert configured("--no-leniency", word).leniencies == Leniencies(**{**every_default(), name: False})
    assert configured("--strict", "--leniency", word).leniencies == Leniencies(
        **{**dict.fromkeys(every_default(), False), name: True}
    )


def every_default() -> dict[str, bool]:
    """The leniencies as they are without flags."""
    return {field.name: getattr(Leniencies(), field.name) for field in fields(Leniencies)}


def test_lmtp_is_the_service_of_all_places_that_name_none() -> None:
    made = settle("--lmtp", "--bind", ":24", "--bind", "smtp://:25", "--bind", "unix:here", "--discard")
    assert made.service == "lmtp"
    assert {service: config.dialect for service, config in made.configs.items()} == {
        "lmtp": Dialect.LMTP,
        "smtp": Dialect.SMTP,
    }


def test_submission_wants_users_and_may_hold_messages(tmp_path_users: str) -> None:
    made = settle(
        "--bind", "smtp://:25", "--bind", "submission://:587", "--future-release", "3600",
        "--auth-file", tmp_path_users, "--auth-without-tls", "--discard",
    )  # fmt: skip
    smtp, submission = made.configs["smtp"], made.configs["submission"]
    assert (smtp.submission, smtp.require_auth, smtp.future_release) == (False, False, None)
    assert (submission.submission, submission.require_auth, submission.future_release) == (True, True, 3600)
    config = configured("--submission", "--auth-file", tmp_path_users, "--auth-without-tls")
    assert config.submission


@pytest.fixture
def tmp_path_users(tmp_path: object) -> str:
    """An auth file without users."""
    path = f"{tmp_path}/users"
    with open(path, "w"):
        return path


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--lmtp", "--bind", ":25"], "LMTP must not be spoken on port 25"),
        (["--bind", "lmtp://mx.test:25"], "LMTP must not be spoken on port 25"),
        (["--lmtp", "--submission"], "not allowed with argument"),
        (["--lmtp", "--no-enhanced-codes"], "LMTP has enhanced status codes"),
        (["--submission"], "submission needs --auth-file, --token-file or --client-ca"),
        (["--bind", "submission://:587"], "submission needs --auth-file"),
        (["--submission", "--mechanism", "ANONYMOUS"], "ANONYMOUS lets everybody in, and submission is for users"),
        (["--bind", "submissions://:465", "--tls-self-signed"], "submission needs"),
        (["--bind", "lmtps://:24"], "needs --certfile or --tls-self-signed"),
        (["--future-release", "60"], "future_release is for submission servers only"),
        (["--min-by-time", "60"], "min_by_time"),
        (["--min-by-time", "soon"], "'soon' is no number"),
        (["--mt-priority-policy", "x"], "needs mt_priority"),
        (["--requiretls"], "requiretls needs starttls"),
        (["--no-soliciting", "not a keyword"], "no_soliciting"),
        (["--banner", "caf\u00e9"], "the banner is printable ASCII"),
        (["--no-leniency", "kindness"], "invalid choice: 'kindness'"),
        (["--bare-newlines-bdat", "keep"], "invalid choice: 'keep'"),
        (["--long-lines", "close"], "invalid choice: 'close'"),
        (["--xclient", "192.0.2.1/24"], "192.0.2.1/24"),
        (["--xforward", "everybody"], "everybody"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_one_line(words: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert part in complaint(["serve", "--discard", *words], capsys)


def test_a_switch_that_depends_on_the_profile_has_both_forms() -> None:
    parser = argparse.ArgumentParser()
    add_switches(parser.add_argument_group("all"), {"standard": ServerConfig()}, ["dsn", "help"])
    with pytest.raises(SystemExit):
        parser.parse_args(["--no-dsn"])
    assert vars(parser.parse_args(["--dsn", "--no-help"])) == {"ServerConfig.dsn": True, "ServerConfig.help": False}
