"""How one keyring follows another: signed by enough of the old one's developers and of the new one's, number by number.

That is TUF's rule for its root: the old ones say whom they hand over to, the new ones that they have their keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from console.errors import KeyringRefused
from console.node.release.counting import Count, count
from console.node.release.keyring import Keyring
from console.node.release.roles import Role


@dataclass(frozen=True, slots=True)
class Rotation:
    """Who has signed a keyring that follows another."""

    old: Keyring
    new: Keyring
    by_old: Count
    """Developers of the old keyring, against its threshold."""
    by_new: Count
    """Developers of the new keyring, against its own."""

    @property
    def reached(self) -> bool:
        """Whether both have signed in sufficient number."""
        return self.by_old.reached and self.by_new.reached


def check_follows(old: Keyring, new: Keyring) -> None:
    """Check that the new keyring is the very next of the same project.

    Raises:
        KeyringRefused: It is not.
    """
    if new.project != old.project:
        raise KeyringRefused(f"the keyring is for {new.project}, and {old.project} is trusted here")
    if new.version <= old.version:
        raise KeyringRefused(f"keyring {new.version} does not follow keyring {old.version}: there is no way back")
    if new.version != old.version + 1:
        raise KeyringRefused(
            f"keyring {new.version} does not follow keyring {old.version} directly",
            next_step=f"take keyring {old.version + 1} first",
        )


def count_rotation(old: Keyring, new: Keyring, files: Mapping[str, bytes]) -> Rotation:
    """Count who signed the new keyring's exact bytes.

    Args:
        old: The one that is trusted.
        new: The one after it.
        files: Signature files by name, made in the role KEYRING.

    Raises:
        KeyringRefused: The new one does not follow the old one, whoever signed it.
    """
    check_follows(old, new)
    by_old, by_new = (count(new.content, files, ring, Role.KEYRING) for ring in (old, new))
    return Rotation(old, new, by_old, by_new)


def check_rotation(old: Keyring, new: Keyring, files: Mapping[str, bytes]) -> Rotation:
    """As `count_rotation`, and enough must have signed.

    Raises:
        KeyringRefused: The new one does not follow, or too few of the old one's or of its own developers signed it.
    """
    found = count_rotation(old, new, files)
    for ring, counted in ((old, found.by_old), (new, found.by_new)):
        if not counted.reached:
            names = ", ".join(signer.name for signer in counted.signers) or "nobody"
            raise KeyringRefused(
                f"keyring {new.version} needs {counted.needed} signatures of developers of keyring {ring.version}"
                f" and has {len(counted.signers)} ({names})",
                safe=f"keyring {old.version} stays trusted",
            )
    return found
