"""The fixture smtp_sink, as a test suite of others has it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from smtpcore_testing import SmtpSink

PLUGIN = ("-p", "smtpcore_testing.plugin")


def test_the_fixture_is_a_sink_of_its_own_for_each_test(smtp_sink: SmtpSink) -> None:
    assert smtp_sink.port
    assert smtp_sink.messages == []


@pytest.mark.smtp_sink(tls="starttls", users={"ann": "secret"})
def test_the_marker_says_how_the_sink_is_made(smtp_sink: SmtpSink) -> None:
    assert smtp_sink.ca_file.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")


def test_a_failed_test_shows_the_dialogue_and_others_do_not(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import smtplib

        def test_that_fails(smtp_sink):
            with smtplib.SMTP(smtp_sink.host, smtp_sink.port) as smtp:
                smtp.ehlo("failed.test")
            assert smtp_sink.messages

        def test_that_passes(smtp_sink):
            with smtplib.SMTP(smtp_sink.host, smtp_sink.port) as smtp:
                smtp.ehlo("passed.test")
        """
    )
    result = pytester.runpytest_inprocess(*PLUGIN, "-rA", "--strict-markers")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*- smtp_sink -*", "*C: * failed.test", "*S: 250-localhost*"])
    result.stdout.no_fnmatch_line("*passed.test*")


def test_the_plugin_imports_nothing_that_it_does_not_need_yet() -> None:
    code = (
        "import sys, smtpcore_testing.plugin\n"
        "print(*sorted(name for name in sys.modules if name.startswith(('smtpcore', 'hypothesis', 'cryptography'))))"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.split() == ["smtpcore_testing", "smtpcore_testing.plugin"]


def test_public_names_are_imported_when_they_are_asked_for() -> None:
    import smtpcore_testing

    for name in smtpcore_testing.__all__:
        assert getattr(smtpcore_testing, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        smtpcore_testing.Nothing  # noqa: B018
