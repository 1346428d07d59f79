"""`release sign` and `release attest`: what is signed is shown first, and ssh-keygen asks on the terminal itself."""

from __future__ import annotations

import argparse
import hashlib
import sys

from console.cli.printing import print_json
from console.cli.release.verifying import named_files, read_given, verified
from console.cli.sources import load_target, network_if_named


def sign(arguments: argparse.Namespace) -> int:
    """Sign a manifest or the next keyring. Raises ConsoleError."""
    from console.node.release.roles import Role
    from console.operations.release_keyring import keyring_lines, read_keyring
    from console.operations.release_show import release_lines
    from console.operations.release_sign import (
        parse_builds,
        sign_keyring,
        sign_release,
        signed_document,
        signing_ring,
        to_be_signed,
    )

    network = network_if_named(arguments)
    trust_dir = None if network is None else network.demands.trust_dir
    role = Role(arguments.role)
    if role is Role.KEYRING:
        _tell(keyring_lines(read_keyring(arguments.file)))
        signed = sign_keyring(arguments.file, arguments.key, trust_dir, arguments.keyring)
    else:
        ring = signing_ring(trust_dir, arguments.keyring)
        content, manifest = to_be_signed(arguments.file)
        _tell(release_lines(manifest, hashlib.sha256(content).hexdigest()))
        builds = parse_builds(arguments.binary)
        signed = sign_release(arguments.file, content, manifest, arguments.key, role, ring, builds)
    if arguments.json:
        print_json(signed_document(signed))
    else:
        print(f"{signed.name} signed as {role.value} with {signed.signature.key.fingerprint}: {signed.file}")
    return 0


def attest(arguments: argparse.Namespace) -> int:
    """Attest an own build. Raises ConsoleError."""
    from console.operations.release_attest import attest as attested_by
    from console.operations.release_attest import attested_document

    target = load_target(arguments)
    release = verified(target, read_given(arguments), arguments)
    made = attested_by(target.network, release, arguments.reason, named_files(arguments.binary), arguments.key)
    if arguments.json:
        print_json(attested_document(made))
        return 0
    for name, each in made.attestation.binaries.items():
        print(f"{name}  sha256 {each.sha256}, {each.size} bytes, stands for release {made.attestation.release}")
    print(f"Kept in {made.path}" + (f", signed by {made.key}" if made.key else ", not signed"))
    if made.note:
        print(f"It will not run yet: {made.note}.")
    return 0


def _tell(lines: list[str]) -> None:
    # On stderr, where ssh-keygen asks: stdout may be read by a program.
    print("\n".join(lines), file=sys.stderr, flush=True)
