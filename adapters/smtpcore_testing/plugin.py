"""The pytest plugin: the fixture ``smtp_sink``. It imports nothing of smtpcore before a test asks for it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import pluggy

    from .sink import SmtpSink

# What the kit asserts is shown as what a test asserts.
pytest.register_assert_rewrite("smtpcore_testing.adapter_kit")

_SINK = pytest.StashKey["SmtpSink"]()
_MARKER = (
    "smtp_sink(config=None, *, tls=None, users=None, require_auth=False, lmtp=False): how to make the fixture's sink"
)


def pytest_configure(config: pytest.Config) -> None:
    """Say what the marker is for."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def smtp_sink(request: pytest.FixtureRequest) -> Iterator[SmtpSink]:
    """A mail server on a free port, for this test alone; the marker ``smtp_sink`` takes the arguments of `SmtpSink`."""
    from .sink import SmtpSink

    mark = request.node.get_closest_marker("smtp_sink")
    with SmtpSink() if mark is None else SmtpSink(*mark.args, **mark.kwargs) as sink:
        request.node.stash[_SINK] = sink
        yield sink


# The older of the two kinds of wrapper: a run with any pytest since 7.0 has to load this, whether it needs it or not.
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pluggy.Result[pytest.TestReport], None]:
    """Show the dialogues with a test that failed."""
    outcome = yield
    sink = item.stash.get(_SINK, None)
    if sink is not None and (report := outcome.get_result()).failed:
        report.sections.append(("smtp_sink", sink.transcript))
