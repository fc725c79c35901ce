"""One file on its way into a Maildir: whole and once, or not at all."""

from __future__ import annotations

import errno
import itertools
import os
import re
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from smtpcore_cli.delivery import Abandoned, Delivery, Maildir

NAME = re.compile(r"[0-9]+\.R[0-9a-f]{8}M[0-9]{1,6}P[0-9]+Q[0-9]+\.[^/:]+")


@pytest.fixture
def maildir(tmp_path: Path) -> Maildir:
    made = Maildir(tmp_path / "Maildir")
    made.prepare()
    return made


def names(maildir: Maildir, folder: str) -> list[str]:
    return os.listdir(os.path.join(maildir.path, folder))


def stored(maildir: Maildir) -> list[bytes]:
    return [Path(maildir.path, "new", name).read_bytes() for name in names(maildir, "new")]


def failing(name: str, number: int, monkeypatch: pytest.MonkeyPatch, turn: int = 1) -> None:
    """Let a function of ``os`` fail at its n-th call."""
    real = getattr(os, name)
    turns = itertools.count(1)

    def fail(*args: object, **options: object) -> object:
        if next(turns) == turn:
            raise OSError(number, os.strerror(number))
        return real(*args, **options)

    monkeypatch.setattr(os, name, fail)


def test_what_is_missing_is_made_for_the_user_alone(tmp_path: Path) -> None:
    maildir = Maildir(tmp_path / "Maildir")
    maildir.prepare()
    maildir.prepare()
    for folder in ("", "tmp", "new", "cur"):
        mode = (tmp_path / "Maildir" / folder).stat().st_mode
        assert stat.S_ISDIR(mode)
        assert mode & 0o777 == 0o700
    assert names(maildir, "tmp") == names(maildir, "new") == []


def test_a_maildir_of_somebody_elses_making_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir(mode=0o755)
    Maildir(tmp_path).prepare()
    assert (tmp_path / "tmp").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("name", ["", "new"])
def test_a_file_in_place_of_a_folder_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "Maildir").mkdir()
    place = tmp_path / "Maildir" / name / "file" if not name else tmp_path / "Maildir" / name
    place.write_bytes(b"")
    with pytest.raises(FileExistsError):
        Maildir(place if not name else tmp_path / "Maildir").prepare()


def test_names_follow_the_convention_and_are_all_different(maildir: Maildir, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [maildir.unique_name() for _ in range(1000)]
    assert all(NAME.fullmatch(name) for name in made)
    assert len(set(made)) == 1000
    monkeypatch.setattr("socket.gethostname", lambda: "a/b:c")
    assert Maildir("x").unique_name().endswith(r".a\057b\072c")


def test_a_message_shows_when_it_is_whole(maildir: Maildir) -> None:
    delivery = maildir.deliver()
    assert names(maildir, "tmp") == []
    delivery.write(b"one ")
    delivery.write(b"two ")
    assert len(names(maildir, "tmp")) == 1
    assert names(maildir, "new") == []
    name = delivery.commit(b"three")
    assert names(maildir, "tmp") == []
    assert names(maildir, "new") == [name]
    path = Path(maildir.path, "new", name)
    assert path.read_bytes() == b"one two three"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_nlink == 1


def test_an_empty_message_is_a_message(maildir: Maildir) -> None:
    maildir.deliver().commit()
    assert stored(maildir) == [b""]


def test_short_writes_are_continued(maildir: Maildir, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:3]))
    maildir.deliver().commit(b"0123456789")
    assert stored(maildir) == [b"0123456789"]


def test_file_and_folder_are_synced_before_commit_returns(maildir: Maildir, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    for name in ("fsync", "link", "unlink"):
        real: Callable[..., object] = getattr(os, name)

        def note(*args: object, _name: str = name, _real: Callable[..., object] = real) -> object:
            what = os.readlink(f"/proc/self/fd/{args[0]}") if _name == "fsync" else str(args[0])
            seen.append(f"{_name} {os.path.basename(os.path.dirname(what))}/")
            return _real(*args)

        monkeypatch.setattr(os, name, note)
    if not os.path.exists("/proc/self/fd"):
        pytest.skip("there is no /proc to see by which file is synced")
    maildir.deliver().commit(b"x")
    assert seen == ["fsync tmp/", "link tmp/", "fsync Maildir/", "unlink tmp/"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
@pytest.mark.parametrize(
    ("function", "turn"), [("open", 1), ("write", 1), ("write", 2), ("fsync", 1), ("fsync", 2), ("link", 1)]
)
def test_of_a_message_that_fails_nothing_is_left(
    maildir: Maildir, monkeypatch: pytest.MonkeyPatch, function: str, turn: int, number: int
) -> None:
    failing(function, number, monkeypatch, turn)
    delivery = maildir.deliver()
    with pytest.raises(OSError, match=re.escape(os.strerror(number))) as fault:
        deliver_in_two(delivery)
    assert fault.value.errno == number
    delivery.abandon()
    assert names(maildir, "tmp") == names(maildir, "new") == []
    maildir.deliver().commit(b"the next one")
    assert stored(maildir) == [b"the next one"]


def deliver_in_two(delivery: Delivery) -> None:
    delivery.write(b"one")
    delivery.commit(b"two")


def test_a_close_that_fails_is_a_write_that_failed(maildir: Maildir, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = maildir.deliver()
    real = os.close

    def fail(file: int) -> None:
        real(file)
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "close", fail)
    with pytest.raises(OSError, match=re.escape(os.strerror(errno.EDQUOT))):
        delivery.commit(b"x")
    monkeypatch.undo()
    assert names(maildir, "tmp") == names(maildir, "new") == []


def test_a_file_system_without_links_gets_a_rename(maildir: Maildir, monkeypatch: pytest.MonkeyPatch) -> None:
    failing("link", errno.EPERM, monkeypatch)
    name = maildir.deliver().commit(b"x")
    assert names(maildir, "new") == [name]
    assert names(maildir, "tmp") == []


@pytest.mark.parametrize("links", [True, False])
def test_a_name_that_is_taken_is_not_taken_again(
    maildir: Maildir, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:

        def fail(source: str, target: str) -> None:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

        monkeypatch.setattr(os, "link", fail)
    for folder, name in (("tmp", "a"), ("new", "b")):
        Path(maildir.path, folder, name).write_bytes(b"somebody else's")
    made = iter(["a", "b", "c"])
    monkeypatch.setattr(maildir, "unique_name", lambda: next(made))
    assert maildir.deliver().commit(b"ours") == "c"
    assert sorted(stored(maildir)) == [b"ours", b"somebody else's"]
    assert names(maildir, "tmp") == ["a"]


@pytest.mark.parametrize("folder", ["tmp", "new"])
def test_names_that_are_always_taken_end_in_an_error(
    maildir: Maildir, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    Path(maildir.path, folder, "a").write_bytes(b"")
    monkeypatch.setattr(maildir, "unique_name", lambda: "a")
    with pytest.raises(FileExistsError):
        maildir.deliver().commit(b"ours")
    assert Path(maildir.path, folder, "a").read_bytes() == b""
    assert len(names(maildir, "tmp") + names(maildir, "new")) == 1


def test_what_is_abandoned_is_gone(maildir: Maildir) -> None:
    delivery = maildir.deliver()
    delivery.write(b"half")
    delivery.abandon()
    delivery.abandon()
    assert names(maildir, "tmp") == names(maildir, "new") == []
    with pytest.raises(Abandoned):
        delivery.write(b"more")
    with pytest.raises(Abandoned):
        delivery.commit()
    assert names(maildir, "tmp") == names(maildir, "new") == []


def test_what_is_committed_stays_when_it_is_abandoned_too_late(maildir: Maildir) -> None:
    delivery = maildir.deliver()
    delivery.commit(b"x")
    delivery.abandon()
    assert stored(maildir) == [b"x"]


@pytest.mark.parametrize("function", ["write", "fsync"])
def test_who_hangs_in_the_file_system_cleans_up_when_he_is_back(
    maildir: Maildir, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    hangs, go_on = threading.Event(), threading.Event()
    real: Callable[..., object] = getattr(os, function)

    def hang(*args: object) -> object:
        hangs.set()
        assert go_on.wait(30)
        return real(*args)

    monkeypatch.setattr(os, function, hang)
    delivery = maildir.deliver()
    faults: list[BaseException] = []

    def work() -> None:
        try:
            delivery.commit(b"x")
        except Abandoned as fault:
            faults.append(fault)

    thread = threading.Thread(target=work)
    thread.start()
    assert hangs.wait(30)
    # It does not wait for the thread, nor close the file under its hands.
    delivery.abandon()
    assert len(names(maildir, "tmp")) == 1
    go_on.set()
    thread.join()
    assert len(faults) == 1
    assert names(maildir, "tmp") == names(maildir, "new") == []


def test_many_threads_never_collide(maildir: Maildir) -> None:
    expected = {b"%d %d\r\n" % (thread, number) for thread in range(16) for number in range(25)}

    def work(thread: int) -> None:
        for number in range(25):
            maildir.deliver().commit(b"%d %d\r\n" % (thread, number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    found = stored(maildir)
    assert len(found) == len(expected)
    assert set(found) == expected
    assert names(maildir, "tmp") == []
