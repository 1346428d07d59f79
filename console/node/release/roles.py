"""What a signature says, by the namespace that it was made for: one place, and no two the same."""

from __future__ import annotations

import enum


class Role(enum.Enum):
    """As whom somebody signs; the namespace is part of what is signed: one role's signature is never another's."""

    DEVELOPER = "developer"
    """Signs a release's manifest."""
    BUILDER = "builder"
    """Has built the same bytes from the source."""
    AUDITOR = "auditor"
    """Has read the migration."""
    KEYRING = "keyring"
    """A developer, for the keyring that follows."""
    ATTESTER = "attester"
    """An operator, for the build of their own."""

    @property
    def namespace(self) -> str:
        """What `ssh-keygen -Y sign -n` gets."""
        return _NAMESPACES[self]


_NAMESPACES = {
    Role.DEVELOPER: "release@upgrade-console",
    Role.BUILDER: "build@upgrade-console",
    Role.AUDITOR: "audit@upgrade-console",
    Role.KEYRING: "keyring@upgrade-console",
    Role.ATTESTER: "attest@upgrade-console",
}
_ROLES = {namespace: role for role, namespace in _NAMESPACES.items()}

RING_ROLES = (Role.DEVELOPER, Role.BUILDER, Role.AUDITOR)
"""Those that a keyring gives to its keys, in the order in which they are shown."""


def role_of(namespace: str) -> Role | None:
    """The role that a namespace stands for; None when it is none of ours."""
    return _ROLES.get(namespace)
