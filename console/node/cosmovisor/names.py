"""Plan names: their folder, their case and when two are the same (facts/cosmos.md §1.3, §1.4)."""

from __future__ import annotations

from urllib.parse import quote

from console.errors import NodeError
from console.text import untrusted

_MAX_FOLDER_BYTES = 255
_DOTTED_CAPITAL = "\u0130"
_DOTLESS = "\u0131"


def lowered(name: str) -> str:
    """Lower case as Go's `strings.ToLower`: character by character, never longer than before."""
    return "".join("i" if character == _DOTTED_CAPITAL else character.lower() for character in name)


def plan_name(name: str, *, recase: bool = True) -> str:
    """The name that Cosmovisor works with: lower case unless COSMOVISOR_DISABLE_RECASE."""
    return lowered(name) if recase else name


def plan_folder(name: str, *, recase: bool = True) -> str:
    """Folder of a plan under `upgrades/`: Go's `url.PathEscape` of the name.

    Raises:
        NodeError: The name would lead out of `upgrades/`, be hidden there, or cannot be a folder's name.
    """
    try:
        folder = quote(plan_name(name, recase=recase), safe="$&+=:@-._~")
    except UnicodeEncodeError as error:
        raise NodeError(f"the plan name {untrusted(name)!r} is not text") from error
    # A leading dot covers "." and "..", and our own folders on their way.
    if not folder or folder.startswith(".") or len(folder) > _MAX_FOLDER_BYTES:
        raise NodeError(f"the plan name {untrusted(name)!r} cannot be the folder of an upgrade")
    return folder


def same_name(one: str, other: str) -> bool:
    """Whether two names are equal but for their case, as Go's `strings.EqualFold`."""
    return len(one) == len(other) and all(map(_same_letter, one, other))


def _same_letter(one: str, other: str) -> bool:
    if one == other:
        return True
    if {one, other} & {_DOTTED_CAPITAL, _DOTLESS}:
        return False
    return one.lower() == other.lower() or (len(one.upper()) == 1 and one.upper() == other.upper())
