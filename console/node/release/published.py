"""Where the signatures of a published manifest are: beside it, called as `release sign` calls them."""

from __future__ import annotations

from urllib.parse import urlsplit

from console.node.release.keyring import Keyring
from console.node.release.roles import RING_ROLES
from console.node.release.signature_files import SUFFIX


def signature_urls(manifest_url: str, keyring: Keyring) -> dict[str, str]:
    """Where signatures may be, by URL, with the file name that each gets here.

    Args:
        manifest_url: Where the manifest is; its query is kept.
        keyring: Whose names are tried, each in the roles that it has.
    """
    parts = urlsplit(manifest_url)
    last = parts.path.rsplit("/", 1)[-1]
    found = {}
    for key in keyring.keys:
        for role in RING_ROLES:
            if key.may(role):
                tail = f".{key.name}.{role.value}{SUFFIX}"
                found[parts._replace(path=f"{parts.path}{tail}", fragment="").geturl()] = f"{last}{tail}"
    return found
