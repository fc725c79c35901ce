"""Users and their passwords: the hashes, the file, and equal work for those who are not in it."""

from __future__ import annotations

import getpass
import hashlib
import io
import os
import re
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from smtpcore_cli import main
from smtpcore_cli.authfile import Users, read_users
from smtpcore_cli.errors import UsageError
from smtpcore_cli.hashes import Hash, Pbkdf2, Scrypt

from tests.cli.process import PATHS

CHEAP = Scrypt(ln=4, r=8, p=1)


def phc(data: bytes) -> str:
    return b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize("cost", [CHEAP, Pbkdf2(10)])
@pytest.mark.parametrize("password", ["x", "s3cret", "päss wörd:$", "p" * 5000])
def test_a_hash_is_read_back_and_knows_its_password(cost: Scrypt | Pbkdf2, password: str) -> None:
    made = Hash.make(password, os.urandom, cost)
    read = Hash.parse(str(made))
    assert read == made
    assert read.verify(password)
    assert not read.verify(password + " ")
    assert not read.verify("")


def test_two_hashes_of_one_password_have_nothing_in_common() -> None:
    one, other = (Hash.make("same", os.urandom, CHEAP) for _ in range(2))
    assert one.salt != other.salt
    assert one.digest != other.digest


def test_a_hash_shows_nothing_of_itself_by_accident() -> None:
    made = Hash.make("s3cret", os.urandom, CHEAP)
    assert str(made).rpartition("$")[2] not in repr(made)


def test_hashes_of_other_programs_are_read() -> None:
    salt, password = b"0123456789abcdef", b"s3cret"
    scrypt = phc(hashlib.scrypt(password, salt=salt, n=16, r=8, p=1, dklen=32))
    pbkdf2 = phc(hashlib.pbkdf2_hmac("sha256", password, salt, 100))
    for text in (
        f"$scrypt$ln=4,r=8,p=1${phc(salt)}${scrypt}",
        f"$pbkdf2-sha256$100${phc(salt)}${pbkdf2}",
        f"$pbkdf2-sha256$i=100${phc(salt)}${pbkdf2}",
        # passlib's own base64 has a dot for the plus sign.
        f"$pbkdf2-sha256$100${phc(salt)}${pbkdf2}".replace("+", "."),
    ):
        assert Hash.parse(text).verify("s3cret")
        assert not Hash.parse(text).verify("secret")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s3cret",
        "$6$rounds=5000$salt$hash",
        "$scrypt$ln=4,r=8,p=1$AAAA",
        "$scrypt$ln=4,r=8,p=1$AAAA$" + "A" * 20,  # 15 octets
        "$scrypt$ln=4,r=8,p=1$AAAA$" + "A" * 88,  # 66 octets
        "$scrypt$ln=4,r=8,p=1$AAAA$" + "!" * 43,
        "$scrypt$ln=4,r=8,p=1$A$" + "A" * 43,
        "$scrypt$ln=0,r=8,p=1$AAAA$" + "A" * 43,
        "$scrypt$ln=4,r=0,p=1$AAAA$" + "A" * 43,
        "$scrypt$ln=4,r=8,p=0$AAAA$" + "A" * 43,
        "$scrypt$ln=30,r=8,p=1$AAAA$" + "A" * 43,
        "$scrypt$ln=99,r=9999,p=9999$AAAA$" + "A" * 43,
        "$scrypt$ln=٤,r=8,p=1$AAAA$" + "A" * 43,
        "$scrypt$ln=4,r=8,p=1$AAAA$" + "A" * 43 + "\n",
        "$pbkdf2-sha256$0$AAAA$" + "A" * 43,
        "$pbkdf2-sha256$999999999$AAAA$" + "A" * 43,
    ],
)
def test_what_is_no_hash_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"hash|scrypt|pbkdf2|base64") as fault:
        Hash.parse(text)
    assert not text or text not in str(fault.value)


def test_a_file_has_comments_and_blank_lines_and_users(tmp_path: Path) -> None:
    path = tmp_path / "users"
    ann, bob = (Hash.make(name, os.urandom, CHEAP) for name in ("ann", "bob"))
    path.write_bytes(f"# people\r\n\r\n  ann:{ann}\n#bob:x\njörg@mx.test:{bob}".encode())
    assert read_users(path) == {"ann": ann, "jörg@mx.test": bob}


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (b"nobody", "no line like user:something"),
        (b":$scrypt$", "a user name is printable"),
        (b"a\tb:hash", "a user name is printable"),
        (b"eve :hash", "a user name is printable"),
        (b"eve:plain", "no password hash"),
        (b"eve:$scrypt$ln=50,r=8,p=1$AAAA$" + b"A" * 43, "more than 1 GiB"),
        (b"\xff:hash", "not UTF-8"),
    ],
)
def test_a_bad_line_is_named_by_file_and_number(tmp_path: Path, line: bytes, part: str) -> None:
    path = tmp_path / "users"
    path.write_bytes(b"# people\n\n" + line + b"\n")
    with pytest.raises(UsageError, match=rf"^{re.escape(str(path))}:3: .*{part}"):
        read_users(path)


def test_the_same_user_twice_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "users"
    hashed = Hash.make("x", os.urandom, CHEAP)
    path.write_text(f"ann:{hashed}\nann:{hashed}\n")
    with pytest.raises(UsageError, match=":2: the same user a second time"):
        read_users(path)


def test_only_the_right_password_of_a_known_user_is_right() -> None:
    users = Users({"ann": Hash.make("s3cret", os.urandom, CHEAP)}, os.urandom)
    assert users.verify("ann", "s3cret")
    assert not users.verify("ann", "S3cret")
    assert not users.verify("Ann", "s3cret")
    assert not users.verify("bob", "s3cret")
    assert not users.verify("bob", "")


def test_an_unknown_user_costs_what_a_known_one_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    work: list[Scrypt | Pbkdf2] = []
    for kind in (Scrypt, Pbkdf2):

        def derive(cost: Scrypt | Pbkdf2, password: bytes, salt: bytes, length: int) -> bytes:
            work.append(cost)
            return bytes(length)

        monkeypatch.setattr(kind, "derive", derive)
    dear, cheap = Scrypt(ln=10), Pbkdf2(10)
    known = {"ann": Hash(dear, b"salt", bytes(32)), "bob": Hash(cheap, b"salt", bytes(32))}
    users = Users(known, os.urandom)
    assert users.verify("ann", "x")
    assert users.verify("bob", "x")
    assert work == [dear, cheap]
    work.clear()
    strangers = [f"stranger {number}" for number in range(50)]
    for name in strangers * 2:
        assert not users.verify(name, "x")
    # Each stranger is always the same work, and the strangers are spread as the users are.
    assert work[:50] == work[50:]
    assert set(work) == {dear, cheap}


def test_a_file_without_users_knows_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hash.make.__func__, "__defaults__", (CHEAP,))  # type: ignore[attr-defined]
    users = Users({}, os.urandom)
    assert not users.verify("ann", "")
    assert not users.verify("ann", "x")


class Terminal(io.TextIOWrapper):
    """A standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_passwd_prints_a_line_that_the_file_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("pässword\r\nmore".encode())))
    assert main(["passwd", "ann@mx.test"]) == 0
    path = tmp_path / "users"
    path.write_text(capsys.readouterr().out)
    assert Users(read_users(path), os.urandom).verify("ann@mx.test", "pässword")


def test_passwd_asks_twice_at_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO()))
    answers = iter(["one", "one", "one", "two"])
    monkeypatch.setattr(getpass, "getpass", lambda prompt: next(answers))
    assert main(["passwd", "ann"]) == 0
    assert re.fullmatch(r"ann:\$scrypt\$ln=14,r=8,p=5\$\S{22}\$\S{43}\n", capsys.readouterr().out)
    assert main(["passwd", "ann"]) == 2
    assert capsys.readouterr().err == "smtpcore: error: the two passwords are not the same\n"


@pytest.mark.parametrize("typed", [b"", b"\n", b"a\0b\n", b"\xff\n"])
def test_passwd_takes_no_password_that_could_not_be_used(
    typed: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed)))
    assert main(["passwd", "ann"]) == 2
    assert "password" in capsys.readouterr().err


def test_an_interrupt_at_the_prompt_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO()))
    monkeypatch.setattr(getpass, "getpass", interrupted)
    assert main(["passwd", "ann"]) == 130
    assert capsys.readouterr().err == ""


def test_a_reader_that_has_gone_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "smtpcore_cli", "passwd", "ann"],
        input=b"s3cret\n",
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)},
        timeout=30,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
