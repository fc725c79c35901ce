"""The words of the command line: what they set, and the one line that says what is wrong with them."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from smtpcore_cli import main
from smtpcore_cli.binds import Bind, parse_bind, shown
from smtpcore_cli.command import build
from smtpcore_cli.flags import attribute_docs, count, seconds
from smtpcore_cli.settings import own_name

from smtpcore import Leniencies, Limits, Timeouts
from tests.cli.words import complaint, configured, settle
from tests.conftest import TlsFiles


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Maildir that is made goes where the test is."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("127.0.0.1:25", Bind("127.0.0.1", 25)),
        ("mx.test:0", Bind("mx.test", 0)),
        (":25", Bind("", 25)),
        ("[::1]:2525", Bind("::1", 2525)),
        ("[fe80::1%eth0]:25", Bind("fe80::1%eth0", 25)),
        ("smtp://127.0.0.1:25", Bind("127.0.0.1", 25, service="smtp")),
        ("smtps://127.0.0.1:465", Bind("127.0.0.1", 465, implicit_tls=True, service="smtp")),
        ("smtps://[::]:65535", Bind("::", 65535, implicit_tls=True, service="smtp")),
        ("lmtp://:24", Bind("", 24, service="lmtp")),
        ("lmtps://[::1]:24", Bind("::1", 24, implicit_tls=True, service="lmtp")),
        ("submission://mx.test:587", Bind("mx.test", 587, service="submission")),
        ("submissions://mx.test:465", Bind("mx.test", 465, implicit_tls=True, service="submission")),
        ("lmtp:unix:/run/lmtp", Bind(path="/run/lmtp", service="lmtp")),
        ("submission:unix:here", Bind(path="here", service="submission")),
        ("unix:/run/smtp", Bind(path="/run/smtp")),
        ("unix:here:1", Bind(path="here:1")),
    ],
)
def test_a_place_to_listen_at_is_read(text: str, bind: Bind) -> None:
    assert parse_bind(text) == bind


@pytest.mark.parametrize(
    "text",
    ["", "25", "host", "host:", "host:smtp", "host:65536", "host:-1", "host:\u0661", "::1:25", "[::1]", "[host]:25",
     "qmtp://host:24", "smtps:unix:here", "lmtp:unix:", "LMTP://host:24",
     "smtp://host", "smtp://host:25/", "unix:", "host:25\n", "a/b:25"],
)  # fmt: skip
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        parse_bind(text)


@pytest.mark.parametrize(
    "text",
    ["smtp://127.0.0.1:25", "smtps://[::1]:465", "unix:/run/smtp", "lmtp://127.0.0.1:24", "lmtp:unix:/run/lmtp",
     "submissions://[::1]:465"],
)  # fmt: skip
def test_an_address_is_shown_as_it_is_written(text: str) -> None:
    bind = parse_bind(text)
    address = bind.path or (bind.host, bind.port)
    assert shown(address, implicit_tls=bind.implicit_tls, service=bind.service or "smtp") == text


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("100", 100), ("2K", 2048), ("35M", 35 << 20), ("1G", 1 << 30)])
def test_counts_take_powers_of_1024(text: str, number: int) -> None:
    assert count(text) == number


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1k", "1MB", " 1", "1_000", "\u0663", "1e3", "none", "9" * 16])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        count(text)


@pytest.mark.parametrize("text", ["", "-1", "inf", "nan", "1e3", "1.", ".5", "1s", "none", "1_0"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        seconds(text)


def test_without_flags_it_is_the_standard_profile_on_port_1025(tmp_path: Path) -> None:
    made = settle()
    [config] = made.configs.values()
    assert made.binds == [Bind("127.0.0.1", 1025)]
    assert config.limits == Limits()
    assert config.timeouts == Timeouts()
    assert config.leniencies == Leniencies()
    assert config.mechanisms == ()
    assert not config.starttls
    assert (made.max_connections, made.max_connections_per_address, made.max_collected) == (1000, 50, None)
    assert made.grace == 30
    assert made.transcript is None
    assert sorted(path.name for path in (tmp_path / "Maildir").iterdir()) == ["cur", "new", "tmp"]


def test_the_hardened_profile_can_be_changed_in_single_points() -> None:
    made = settle("--profile", "hardened", "--max-noops", "7", "--timeout-data", "none", "--discard")
    [config] = made.configs.values()
    assert config.limits.max_noops == 7
    assert config.limits.max_errors == Limits.hardened().max_errors
    assert config.timeouts.data is None
    assert config.timeouts.session == Timeouts.hardened().session
    assert config.close_on_pipelined_data
    assert config.refuse_early_talk
    assert (made.max_connections, made.max_connections_per_address, made.max_collected) == (500, 20, 512 << 20)


@pytest.mark.parametrize("kind", [Limits, Timeouts])
def test_each_limit_and_timeout_has_a_flag_and_says_what_it_is(
    kind: type[Limits] | type[Timeouts], capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = "timeout-" if kind is Timeouts else ""
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    shown_help = " ".join(capsys.readouterr().out.split())
    settings_class: type = kind
    for field in fields(kind):
        name = field.name.replace("_", "-")
        flag = f"--{name}" if "rate" in name else f"--{prefix}{name}"
        config = configured(flag, "7777")
        assert getattr(config.limits if kind is Limits else config.timeouts, field.name) == 7777
        assert flag in shown_help
        assert len(attribute_docs(settings_class)[field.name]) > 10


def test_without_sources_the_help_is_without_explanations(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(kind: type) -> str:
        raise OSError("could not get source code")

    monkeypatch.setattr("inspect.getsource", missing)
    attribute_docs.cache_clear()
    try:
        assert attribute_docs(Limits) == {}
        assert build().parse_args(["serve", "--max-errors", "3"]).run
    finally:
        attribute_docs.cache_clear()


def test_strict_has_no_leniency() -> None:
    assert configured("--strict").leniencies == Leniencies.strict()


def test_all_other_flags_arrive(tls_files: TlsFiles, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("")
    made = settle(
        "--bind", "127.0.0.1:0", "--bind", "unix:s", "--hostname", "mx.test", "--print",
        "--certfile", str(tls_files.cert), "--keyfile", str(tls_files.key), "--require-tls",
        "--auth-file", str(users), "--require-auth", "--auth-without-tls", "--bare-newlines", "pass",
        "--max-connections", "none", "--max-connections-per-address", "3", "--max-connections-per-network", "7",
        "--max-collected", "1G", "--grace", "1.5", "--transcript", "file",
    )  # fmt: skip
    assert made.binds == [Bind("127.0.0.1", 0), Bind(path="s")]
    assert made.delivery == "print"
    assert made.tls_context is not None
    assert made.authentication.users is not None
    assert (made.max_connections, made.max_connections_per_address, made.max_collected) == (None, 3, 1 << 30)
    assert made.max_connections_per_network == 7
    assert (made.grace, made.transcript) == (1.5, "file")
    [config] = made.configs.values()
    assert (config.hostname, config.bare_newlines, tuple(config.mechanisms)) == ("mx.test", "pass", ("PLAIN", "LOGIN"))
    assert config.starttls
    assert config.require_tls
    assert config.require_auth
    assert config.plaintext_auth_without_tls


def test_the_total_of_connections_is_divided_among_the_workers() -> None:
    three = settle("--discard", "--workers", "3")
    assert (three.workers, three.max_connections, three.max_connections_per_address) == (3, 334, 50)
    assert settle("--discard", "--workers", "3", "--max-connections", "none").max_connections is None
    assert settle("--discard").workers == 1


def test_without_fork_there_are_no_workers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delattr(os, "fork")
    assert "it cannot copy a process" in complaint(["serve", "--discard", "--workers", "2"], capsys)
    assert settle("--discard", "--workers", "1").workers == 1


@pytest.mark.parametrize(
    ("gethostname", "getfqdn", "name"),
    [
        ("mx.example.org", None, "mx.example.org"),
        ("mx", "mx.example.org", "mx.example.org"),
        ("mx", "mx", "localhost"),
        ("my host.example", None, "localhost"),
        ("under_score.example", None, "localhost"),
    ],
)
def test_the_default_name_is_one_that_others_can_use(
    gethostname: str, getfqdn: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: gethostname)
    monkeypatch.setattr(socket, "getfqdn", lambda host: getfqdn)
    assert own_name() == name


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["serve", "--no-such-flag"], "unrecognized arguments: --no-such-flag"),
        (["serve", "--max-err", "1"], "unrecognized arguments: --max-err"),
        (["serve", "--bind", "nowhere"], "argument --bind: 'nowhere' is no host:port"),
        (["serve", "--print", "--discard"], "not allowed with argument"),
        (["serve", "--maildir", "x", "--print"], "not allowed with argument"),
        (["serve", "--max-recipients", "none"], "'none' is no number"),
        (["serve", "--max-errors", "many"], "'many' is no number like 100 or 35M and not none"),
        (["serve", "--timeout-idle", "-1"], "--timeout-idle"),
        (["serve", "--timeout-linger", "none"], "'none' is no number of seconds"),
        (["serve", "--profile", "fast"], "invalid choice: 'fast'"),
        (["serve", "--grace", "inf"], "'inf' is no number of seconds"),
        (["serve", "--discard", "--max-recipients", "0"], "--max-recipients is at least 1"),
        (["serve", "--discard", "--hostname", "no name"], "hostname 'no name'"),
        (["serve", "--discard", "--hostname", ""], "hostname ''"),
        (["serve", "--discard", "--require-tls"], "--require-tls needs --certfile"),
        (["serve", "--discard", "--bind", "smtps://127.0.0.1:0"], "TLS from the first octet needs --certfile"),
        (["serve", "--discard", "--keyfile", "key.pem"], "--keyfile needs --certfile"),
        (["serve", "--discard", "--certfile", "missing.pem"], "missing.pem: No such file"),
        (["serve", "--discard", "--certfile", __file__], "no usable certificate and key"),
        (["serve", "--discard", "--certfile", "a", "--tls-self-signed"], "do not go together"),
        (["serve", "--discard", "--require-auth"], "--require-auth needs --auth-file"),
        (["serve", "--discard", "--auth-without-tls"], "--auth-without-tls needs --auth-file"),
        (["serve", "--discard", "--auth-file", "users"], "--auth-file needs --certfile"),
        (["serve", "--discard", "--auth-file", "users", "--auth-without-tls"], "users: No such file"),
        (["serve", "--maildir", "missing/Maildir"], "cannot deliver into missing/Maildir: missing/Maildir: No such"),
        (["serve", "--maildir", __file__], "cannot deliver into"),
        (["serve", "--discard", "--bind", "unix:missing/socket"], "cannot listen on missing/socket: No such file"),
        (["serve", "--discard", "--bind", "127.0.0.1:0", "--transcript", "missing/file"], "missing/file: No such file"),
        (["serve", "--discard", "--bind", "[::1%nowhere]:0"], "cannot listen on ::1%nowhere: "),
        (["serve", "--discard", "--bind", f"{'x' * 64}:0"], f"cannot listen on {'x' * 64}: "),
        (["serve", "--discard", "--bind", f"unix:{'x' * 200}"], f"cannot listen on {'x' * 200}: "),
        *((["serve", "--workers", text], f"{text!r} is no number of processes, 1 to 999")
          for text in ("0", "-1", "x", "", "1.5", "none", "1000", "1\u0660")),
        (["serve", "--workers", "2", "--stdio"], "--stdio and --workers do not go together"),
        (["serve", "--workers", "2", "--print"], "--print and --workers do not go together"),
        (["serve", "--workers", "2", "--discard", "--greylist"], "--greylist with --workers needs --greylist-db"),
        (["passwd"], "the following arguments are required: USER"),
        (["passwd", "a:b"], "a user name is printable, without colon"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_status_2(words: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert part in complaint(words, capsys)


def test_a_port_in_use_is_a_mistake_of_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = complaint(["serve", "--discard", "--bind", "127.0.0.1:0", "--bind", f"127.0.0.1:{port}"], capsys)
    assert line == f"smtpcore: error: cannot listen on 127.0.0.1 port {port}: Address already in use"


def test_a_maildir_that_cannot_be_written_to_is_found_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = os.open

    def forbidden(path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT and f"{os.sep}new{os.sep}" in path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", forbidden)
    line = complaint(["serve", "--maildir", "Maildir"], capsys)
    assert line.startswith("smtpcore: error: cannot deliver into Maildir: Maildir/new/")
    assert line.endswith(": Permission denied")


@pytest.mark.parametrize(
    ("package", "words", "extra"),
    [
        ("anyio", ["serve", "--discard", "--bind", "127.0.0.1:0"], "smtpcore[anyio]"),
        ("cryptography", ["serve", "--discard", "--tls-self-signed"], "smtpcore[selfsigned]"),
    ],
)
def test_a_package_that_is_missing_is_named_with_its_extra(
    package: str,
    words: list[str],
    extra: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [*sys.modules]:
        if name.partition(".")[0] in {"anyio", "smtpcore_anyio", "cryptography"} or name == "smtpcore_cli.serving":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    line = complaint(words, capsys)
    assert f"'{package}'" in line
    assert f"pip install '{extra}'" in line


def test_a_fault_of_our_own_is_not_taken_for_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("serving", "application"):
        monkeypatch.delitem(sys.modules, f"smtpcore_cli.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "smtpcore_cli.maildir", None)
    with pytest.raises(ModuleNotFoundError, match="smtpcore_cli"):
        main(["serve", "--discard"])


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("smtpcore ")
