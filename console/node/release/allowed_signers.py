"""A keyring as stock OpenSSH reads it, so that an operator can check without us (ssh-keygen(1), ALLOWED SIGNERS)."""

from __future__ import annotations

from console.node.release.keyring import Keyring
from console.node.release.roles import RING_ROLES, Role


def allowed_signers(keyring: Keyring) -> str:
    """The file for `ssh-keygen -Y verify -f`: one line for each key, with the namespaces that it may sign in.

    It cannot say from and to which sequence a key counts: a comment above the key does.
    """
    lines = [
        f"# {keyring.file_name} of {keyring.project}, sha256 {keyring.sha256}",
        *(f"# {keyring.threshold(role)} of role {role.value} are needed" for role in RING_ROLES),
    ]
    for each in keyring.keys:
        if each.valid_from_sequence or each.valid_to_sequence is not None:
            end = "" if each.valid_to_sequence is None else f" to {each.valid_to_sequence}"
            lines.append(f"# {each.name} signs releases from sequence {each.valid_from_sequence}{end}")
        namespaces = ",".join(role.namespace for role in (*RING_ROLES, Role.KEYRING) if each.may(role))
        lines.append(f'{each.name} namespaces="{namespaces}" {each.key.text}')
    return "\n".join(lines) + "\n"
