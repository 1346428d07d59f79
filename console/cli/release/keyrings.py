"""`release keyring …`: whose signatures count."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.printing import print_json
from console.cli.release.verifying import parse_hash
from console.cli.sources import load_target, network_if_named
from console.errors import InputError
from console.text import untrusted

if TYPE_CHECKING:
    from console.node.release.keyring import Keyring
    from console.node.release.trust import Trusted
    from console.operations.release_keyring import KeyringChange

_NOTHING_PINNED = "no keyring is pinned here"


def init(arguments: argparse.Namespace) -> int:
    """A project's first keyring. Raises ConsoleError."""
    from console.operations.release_keyring import first_keyring

    keyring = first_keyring(arguments.project, _change(arguments))
    return _written(arguments, keyring, "Next: every operator pins it, by this hash from another place than the file.")


def add(arguments: argparse.Namespace) -> int:
    """The keyring that follows. Raises ConsoleError."""
    from console.operations.release_keyring import next_keyring, read_keyring

    old = _pinned(arguments).keyring if arguments.old is None else read_keyring(arguments.old)
    keyring = next_keyring(old, _change(arguments))
    return _written(arguments, keyring, "Next: developers of both sign it, `release sign --role keyring`.")


def rotate(arguments: argparse.Namespace) -> int:
    """Trust the keyring that follows. Raises ConsoleError."""
    from console.given_file import read_given
    from console.node.release.bundle import signature_files
    from console.node.release.keyring import MAX_BYTES
    from console.node.release.signature_files import signatures_beside
    from console.node.release.trust import Trust

    network = load_target(arguments).network
    content = read_given(arguments.file, MAX_BYTES)
    files = signature_files(arguments.signatures) if arguments.signatures else signatures_beside(arguments.file)
    trusted, rotation = Trust(network.demands.trust_dir).rotate(content, files)
    _show(arguments, trusted.keyring, trusted)
    if rotation is not None and not arguments.json:
        print(f"Keyring {rotation.old.version} handed over: {rotation.by_old}; {rotation.by_new} of the new one.")
    return 0


def show(arguments: argparse.Namespace) -> int:
    """A keyring. Raises ConsoleError."""
    from console.node.release.allowed_signers import allowed_signers
    from console.operations.release_keyring import read_keyring

    trusted = _pinned(arguments) if arguments.file is None else None
    keyring = trusted.keyring if trusted is not None else read_keyring(arguments.file)
    if arguments.allowed_signers and not arguments.json:
        print(allowed_signers(keyring), end="")
    else:
        _show(arguments, keyring, trusted)
    return 0


def pin(arguments: argparse.Namespace) -> int:
    """Trust a first keyring. Raises ConsoleError."""
    from console.given_file import read_given
    from console.node.release.keyring import MAX_BYTES
    from console.node.release.trust import Trust

    network = load_target(arguments).network
    content = read_given(arguments.file, MAX_BYTES)
    trusted = Trust(network.demands.trust_dir).pin(content, parse_hash(arguments.hash))
    _show(arguments, trusted.keyring, trusted)
    return 0


def _pinned(arguments: argparse.Namespace) -> Trusted:
    from console.node.release.trust import Trust

    network = network_if_named(arguments)
    if network is None:
        raise InputError("name a keyring's file, or the network whose pinned one is meant", next_step="--network NAME")
    trusted = Trust(network.demands.trust_dir).read()
    if trusted is None:
        raise InputError(
            f"{_NOTHING_PINNED} for {network.name}",
            next_step="`upgrade-console release keyring pin FILE --hash sha256:HEX`",
        )
    return trusted


def _change(arguments: argparse.Namespace) -> KeyringChange:
    from console.node.release.roles import RING_ROLES
    from console.operations.release_keyring import KeyringChange

    wanted = {role: getattr(arguments, f"{role.value}s_needed") for role in RING_ROLES}
    return KeyringChange(
        keys={role: getattr(arguments, role.value) for role in RING_ROLES},
        thresholds={role: number for role, number in wanted.items() if number is not None},
        remove=getattr(arguments, "remove", ()),
        retire=getattr(arguments, "retire", ()),
        first_sequence=arguments.first_sequence,
    )


def _written(arguments: argparse.Namespace, keyring: Keyring, following: str) -> int:
    from console.operations.release_keyring import keyring_document, keyring_lines, write_keyring

    out = Path(keyring.file_name) if arguments.out is None else arguments.out
    write_keyring(keyring, out, force=arguments.force)
    if arguments.json:
        print_json({"file": str(out), **keyring_document(keyring)})
    else:
        print("\n".join(keyring_lines(keyring)))
        print(f"Wrote {out}.\n{following}")
    return 0


def _show(arguments: argparse.Namespace, keyring: Keyring, trusted: Trusted | None) -> None:
    from console.node.release.allowed_signers import allowed_signers
    from console.operations.release_keyring import keyring_document, keyring_lines

    releases = {} if trusted is None else dict(trusted.releases)
    if arguments.json:
        seen = {chain: {"sequence": each.sequence, "sha256": each.sha256} for chain, each in releases.items()}
        told = {"trusted": trusted is not None, **keyring_document(keyring), "releases": seen}
        print_json({**told, "allowed_signers": allowed_signers(keyring)})
        return
    print("\n".join(keyring_lines(keyring)))
    print("Trusted on this machine." if trusted is not None else "A file; nothing says here that it is trusted.")
    for chain, each in releases.items():
        print(f"  {untrusted(chain)}: release {each.sequence} was the highest, sha256 {each.sha256}")
