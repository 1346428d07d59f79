"""The one member of a tar, found by reading it once from front to back; `extract` is never called."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Collection
from typing import Any, BinaryIO, cast

from console.node.unpack.expanding import MAX_PIECE, Forward, Readable
from console.node.unpack.names import MAX_MEMBERS, plain_name, shown
from console.node.unpack.refused import ArchiveRefused

MAX_EXPANDED = 4 << 30
"""Most bytes of a decompressed tar, whatever is in it."""


def copy_from_tar(source: Readable, names: Collection[str], write: Callable[[bytes], None]) -> None:
    """Hand over the bytes of the only member of these names.

    Args:
        source: The tar, decompressed.
        names: Names that it may have.
        write: Gets its bytes piece by piece and ends what gets too long; what it got counts when this returns.

    Raises:
        ArchiveRefused: There is none, more than one, or it is no plain file.
    """
    forward = Forward(source, MAX_EXPANDED)
    found = False
    try:
        # The reader needs no more of a file than it has; "r:" because whether it is compressed was settled before.
        with tarfile.open(fileobj=cast("BinaryIO", forward), mode="r:") as archive:
            count = 0
            while (member := archive.next()) is not None:
                forward.next_member()
                count += 1
                if count > MAX_MEMBERS:
                    raise ArchiveRefused(f"has more than {MAX_MEMBERS} members")
                # Nobody asks for them again, and they would be kept for ever.
                cast("Any", archive).members.clear()
                if plain_name(member.name) not in names:
                    continue
                if found:
                    raise ArchiveRefused(f"holds {shown(names)} more than once")
                if not member.isreg() or member.issparse():
                    raise ArchiveRefused(f"holds {shown(names)} as something else than a plain file")
                found = True
                _copy(forward, member, write)
    except (tarfile.TarError, RecursionError) as error:
        raise ArchiveRefused(f"is no tar that can be read ({error})") from error
    if not found:
        raise ArchiveRefused(f"does not hold {shown(names)}")


def _copy(forward: Forward, member: tarfile.TarInfo, write: Callable[[bytes], None]) -> None:
    forward.seek(member.offset_data)
    left = member.size
    while left:
        piece = forward.piece(min(left, MAX_PIECE))
        if not piece:
            raise ArchiveRefused("ends in the middle of the binary")
        write(piece)
        left -= len(piece)
