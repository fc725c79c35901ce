"""Octets that are kept in the pieces in which they came, until they are wanted as one."""

from __future__ import annotations

from typing import Final, TypeAlias

Pieces: TypeAlias = "list[bytes | bytearray]"
"""In order. The ``bytearray`` among them are made here and grow; ``b"".join()`` gives the whole."""

_SMALL: Final = 4096


def keep(pieces: Pieces | None, piece: bytes) -> Pieces:
    """Add a piece; None is for no pieces. Small ones are put together.

    An object costs some forty octets beside what is in it, so whoever sends two octets at a time would take twenty
    times the memory that limits allow (T-FLOOD).
    """
    if not pieces:
        return [piece]
    if len(piece) >= _SMALL:
        pieces.append(piece)
        return pieces
    last = pieces[-1]
    if isinstance(last, bytearray):
        last += piece
    else:
        pieces.append(bytearray(piece))
    return pieces
