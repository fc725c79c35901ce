"""A flag for each field of a dataclass of settings: the settings are listed in one place, which is not here."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, fields
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, TypeVar, get_args, get_type_hints

_T = TypeVar("_T")
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_SETTING = re.compile(r'\b(max_[a-z_]+|bare_newlines|long_lines)\b(?:="([a-z]+)")?')


class Settings(Protocol):
    """An instance of any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def count(text: str) -> int:
    """A whole number, possibly with K, M or G behind it for powers of 1024."""
    match = re.fullmatch(r"([0-9]{1,15})([KMG]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no number like 100 or 35M")
    return int(match[1]) * _UNITS[match[2]]


def seconds(text: str) -> float:
    """A number of seconds."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return float(text)


def optional(parse: Callable[[str], _T]) -> Callable[[str], _T | None]:
    """The same, or ``none``."""

    def parse_or_none(text: str) -> _T | None:
        if text == "none":
            return None
        try:
            return parse(text)
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentTypeError(f"{error} and not none") from None

    return parse_or_none


def add_fields(
    parser: argparse.ArgumentParser,
    title: str,
    profiles: Mapping[str, Settings],
    flag: Callable[[str], str],
    units: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Add a flag for each field of a dataclass whose fields are numbers, or None for off.

    Args:
        parser: Gets them, in a group of their own.
        title: The group's.
        profiles: Instances whose values are shown as what holds without the flag.
        flag: The name of a field's flag.
        units: What to call the values of a field, where they are neither a count (int) nor seconds (float).
    """
    kind = type(next(iter(profiles.values())))
    group = parser.add_argument_group(title)
    hints = get_type_hints(kind)
    for field in fields(kind):
        kinds = get_args(hints[field.name]) or (hints[field.name],)
        whole = int in kinds
        parse: Callable[[str], object] = count if whole else seconds
        if type(None) in kinds:
            parse = optional(parse)
        defaults = {name: _shown(getattr(profile, field.name)) for name, profile in profiles.items()}
        group.add_argument(
            flag(field.name),
            dest=dest(kind, field.name),
            type=parse,
            default=argparse.SUPPRESS,
            metavar=units.get(field.name, "N" if whole else "SECONDS"),
            help=f"{help_of(kind, field.name)} ({_list(defaults)})".strip(),
        )


def add_switches(group: argparse._ArgumentGroup, profiles: Mapping[str, Settings], names: Sequence[str]) -> None:
    """Add a flag for some fields of a dataclass that are true or false: ``--name`` where false is the default.

    Where true is the default it is ``--no-name``, and where that depends on the profile there are both.

    Args:
        group: Gets them.
        profiles: Instances whose values hold without the flag.
        names: The fields.
    """
    kind = type(next(iter(profiles.values())))
    for name in names:
        defaults = {getattr(profile, name) for profile in profiles.values()}
        for value in sorted(not default for default in defaults):
            group.add_argument(
                f"--{'' if value else 'no-'}{name.replace('_', '-')}",
                action="store_const",
                const=value,
                dest=dest(kind, name),
                default=argparse.SUPPRESS,
                help=f"{'' if value else 'turn off: '}{help_of(kind, name)}",
            )


def dest(kind: type, name: str) -> str:
    """Where the value of a field is kept in the namespace of arguments."""
    return f"{kind.__name__}.{name}"


def given(arguments: argparse.Namespace, kind: type[Settings]) -> dict[str, Any]:
    """The fields whose flags were given, and their values."""
    return {
        field.name: getattr(arguments, dest(kind, field.name))
        for field in fields(kind)
        if hasattr(arguments, dest(kind, field.name))
    }


def help_of(kind: type, name: str) -> str:
    """The docstring of a field as the help of its flag."""
    return attribute_docs(kind).get(name, "").replace("``", "").replace("%", "%%")


def in_flags(text: str) -> str:
    """What code without a command line says of settings, said of their flags: ``--long-lines pass``."""
    return _SETTING.sub(lambda found: f"--{found[1].replace('_', '-')}{' ' + found[2] if found[2] else ''}", text)


@cache
def attribute_docs(kind: type) -> Mapping[str, str]:
    """What the docstrings below a class's attributes say, each as one line; nothing where there is no source."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except OSError:
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    texts = {}
    for attribute, text in pairwise(body):
        match attribute, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as doc)):
                texts[name] = " ".join(doc.split())
            case _:
                pass
    return texts


def _shown(value: float | None) -> str:
    return "none" if value is None else str(value).removesuffix(".0")


def _list(defaults: Mapping[str, str]) -> str:
    if len(set(defaults.values())) == 1:
        return f"default: {next(iter(defaults.values()))}"
    return ", ".join(f"{name}: {value}" for name, value in defaults.items())
