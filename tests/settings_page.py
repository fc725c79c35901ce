"""docs/settings.md, made of the classes themselves: `python -m tests.settings_page > docs/settings.md`."""

from __future__ import annotations

import sys
from dataclasses import MISSING, Field, fields
from enum import Enum
from typing import Any

from smtpcore_cli.flags import attribute_docs

from smtpcore import Leniencies, Limits, ServerConfig, Timeouts

_HEAD = """\
# Settings

All settings of a server's sessions, made of the classes in which they are described. `hardened` is the profile for a
host on the open internet: `ServerConfig.hardened()`, `Limits.hardened()`, `Timeouts.hardened()`; where it has no figure
of its own, that of `standard` holds. `ServerConfig.for_mx()` is that profile with STARTTLS, and
`ServerConfig.for_submission()` with STARTTLS, AUTH, which it requires, `submission` and `dsn`. Keyword arguments of any
of the three change single settings. T-PIPE and the like are rows of the page about [conformance](conformance.md).
"""
_KINDS: list[tuple[type, str]] = [
    (ServerConfig, "What is offered, and what is refused."),
    (Limits, "Sizes in octets, and counts; none is a limit that is off."),
    (Timeouts, "In seconds; none is a deadline that is off."),
    (Leniencies, "What is accepted beyond the grammar of RFC 5321; `Leniencies.strict()` turns all of it off."),
]


def page() -> str:
    """The page."""
    return "\n".join([_HEAD, *(_section(kind, text) for kind, text in _KINDS)])


def _section(kind: Any, text: str) -> str:
    hardened = kind.hardened() if hasattr(kind, "hardened") else None
    docstrings = attribute_docs(kind)
    rows = []
    for field in fields(kind):
        standard = _default(field)
        strict = standard if hardened is None else getattr(hardened, field.name)
        cells = [f"`{field.name}`", _shown(standard)]
        if hardened is not None:
            cells.append("" if strict == standard else _shown(strict))
        rows.append([*cells, docstrings[field.name].replace("``", "`").replace("|", "\\|")])
    head = ["setting", "standard", *([] if hardened is None else ["hardened"]), ""]
    table = [head, ["---"] * len(head), *rows]
    return "\n".join([f"## {kind.__name__}\n", f"{text}\n", *(f"| {' | '.join(cells)} |" for cells in table), ""])


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _shown(value: object) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case None:
            return "none"
        case Enum():
            return value.name
        case int() | float():
            return f"{value:g}" if isinstance(value, float) else f"{value:,}"
        case str():
            return f"`{value}`" if value else "none"
        case Limits() | Timeouts() if value == type(value).hardened():
            return f"`{type(value).__name__}.hardened()`"
        case bytes() | tuple() if not value:
            return "none"
        case _:
            return f"`{type(value).__name__}()`"


if __name__ == "__main__":
    sys.stdout.write(page())
