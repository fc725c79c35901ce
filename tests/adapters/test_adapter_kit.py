"""Every adapter has done its duties when the kit is content, that of the guide too."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest
from smtpcore_testing.adapter_kit import AdapterKit, Running

from tests.adapters.drivers import ADAPTERS, suspended


class TestMemory(AdapterKit):
    resumes = False  # there is no event loop

    def serve(self, *args: Any, **options: Any) -> AbstractContextManager[Running]:
        return ADAPTERS["memory"](*args, **options)

    def sleep(self, seconds: float) -> Awaitable[object]:
        return suspended()


class TestBlocking(AdapterKit):
    awaits = False

    def serve(self, *args: Any, **options: Any) -> AbstractContextManager[Running]:
        return ADAPTERS["blocking"](*args, **options)


class TestAsyncio(AdapterKit):
    def serve(self, *args: Any, **options: Any) -> AbstractContextManager[Running]:
        return ADAPTERS["asyncio"](*args, **options)


class TestTrio(AdapterKit):
    def serve(self, *args: Any, **options: Any) -> AbstractContextManager[Running]:
        return ADAPTERS["trio"](*args, **options)

    def sleep(self, seconds: float) -> Awaitable[object]:
        return anyio.sleep(seconds)


class TestTheExampleOfTheGuide(AdapterKit):
    def serve(self, *args: Any, **options: Any) -> AbstractContextManager[Running]:
        return ADAPTERS["example"](*args, **options)


def test_the_guide_says_how_its_example_is_tested(pytester: pytest.Pytester) -> None:
    docs = Path(__file__).parents[2] / "docs"
    _, block = re.findall(r"^```python\n(.*?)^```", (docs / "adapter.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    pytester.makepyfile(block)
    pytester.syspathinsert(docs / "examples")
    # That the server starts and stops is enough: the class above does all of them.
    chosen = "message_is_delivered or transaction_may_finish or grace_that_is_over"
    result = pytester.runpytest_inprocess("-p", "smtpcore_testing.plugin", "-k", chosen)
    result.assert_outcomes(passed=6)


BROKEN = {
    "eof_received = lambda self: None": "half_a_close_while_a_hook_runs",
    "_read_or_not = lambda self: None": "no_more_is_read_than",
    "def _close(self, step): self._transport.abort(); self._session.closed(); return True": "last_reply_arrives",
}


@pytest.mark.parametrize("line", BROKEN)
def test_the_kit_finds_a_duty_that_is_not_done(pytester: pytest.Pytester, line: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest
        from docs.examples import asyncio_adapter
        from smtpcore_testing.adapter_kit import AdapterKit
        from tests.adapters import drivers

        class Broken(asyncio_adapter.SmtpProtocol):
            {line}

        class TestBroken(AdapterKit):
            def serve(self, *args, **options):
                return drivers.over_a_protocol(*args, **options)

        @pytest.fixture(autouse=True)
        def broken(monkeypatch):
            monkeypatch.setattr(asyncio_adapter, "SmtpProtocol", Broken)
        """
    )
    result = pytester.runpytest_inprocess("-p", "smtpcore_testing.plugin", "-k", BROKEN[line], "-x")
    result.assert_outcomes(failed=1)
