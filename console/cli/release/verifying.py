"""`release verify` and `release show`: every check with who speaks for it, and what a manifest says."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.printing import print_json
from console.cli.sources import Target, load_target
from console.errors import InputError
from console.text import untrusted

if TYPE_CHECKING:
    from console.node.release.bundle import Bundle
    from console.node.release.verification import Verification


def verify(arguments: argparse.Namespace) -> int:
    """Check a release.

    Returns:
        0, or the code of the first check that failed.

    Raises:
        ConsoleError: It could not be looked at.
    """
    found = verified(load_target(arguments), read_given(arguments), arguments)
    if arguments.json:
        print_json(found.document())
        return found.exit_code
    for check in found.checks:
        print(f"{check.outcome.value:<9} {check.subject.label:<12} {check.sentence}")
    for role, who, key, file, why in _signatures(found):
        print(f"  {role:<10} {who:<16} {key}  {file}{'  ' + why if why else ''}")
    print("It may be staged." if found.accepted else "It may NOT be staged.")
    return found.exit_code


def show(arguments: argparse.Namespace) -> int:
    """What a manifest says. Raises ConsoleError."""
    from console.node.release.manifest import peek_manifest
    from console.operations.release_show import release_lines

    content = _content(arguments.manifest)
    manifest = peek_manifest(content)
    sha256 = hashlib.sha256(content).hexdigest()
    if arguments.json:
        print_json({"sha256": sha256, "verified": False, "manifest": manifest.document()})
    else:
        print("\n".join(release_lines(manifest, sha256)))
        print("Nothing was verified; `upgrade-console release verify` does that.")
    return 0


def read_given(arguments: argparse.Namespace) -> Bundle:
    """The manifest and signatures that the arguments name. Raises InputError, SignatureRefused."""
    from console.node.release.bundle import Bundle, read_bundle, signature_files

    if arguments.manifest == "-":
        return Bundle(_content("-"), signature_files(arguments.signatures), "stdin")
    return read_bundle(Path(arguments.manifest).expanduser(), arguments.signatures)


def verified(target: Target, bundle: Bundle, arguments: argparse.Namespace) -> Verification:
    """Every check of a release against the network, node and plan that the arguments name. Raises ConsoleError."""
    from console.node.release.verification import verify_release
    from console.operations.release_verify import AgainstWhat, expected_of, verify_bundle

    checking = arguments.action == "verify"
    against = AgainstWhat(
        release_hash=parse_hash(arguments.hash) if arguments.hash else "",
        plan_name=arguments.name,
        target_height=arguments.height,
        platform=arguments.platform if checking else "",
        binaries=named_files(arguments.binary) if checking else {},
        wasm=arguments.wasm if checking else None,
        state=arguments.state if checking else None,
    )
    expected = expected_of(target.network, target.node, against)
    if not checking:
        return verify_release(bundle.content, bundle.signatures, expected)
    return verify_bundle(bundle, expected, against)


def parse_hash(text: str) -> str:
    """64 lower-case hex digits of `sha256:HEX` or `HEX`. Raises InputError."""
    digits = text.strip().removeprefix("sha256:").lower()
    if len(digits) != 64 or any(digit not in "0123456789abcdef" for digit in digits):
        raise InputError(f"the hash must be sha256: and 64 hex digits, not {untrusted(repr(text), 90)}")
    return digits


def named_files(items: Sequence[str]) -> dict[str, Path]:
    """Files by program of `PROGRAM=FILE`. Raises InputError."""
    found: dict[str, Path] = {}
    for item in items:
        name, equals, file = item.partition("=")
        if not (name and equals and file) or name in found:
            raise InputError(f"{untrusted(item, 80)!r} is not PROGRAM=FILE, or names a program twice")
        found[name] = Path(file).expanduser()
    return found


def _content(manifest: str) -> bytes:
    from console.given_file import read_given
    from console.node.release.manifest import MAX_MANIFEST_BYTES

    if manifest != "-":
        return read_given(Path(manifest).expanduser(), MAX_MANIFEST_BYTES)
    content = sys.stdin.buffer.read(MAX_MANIFEST_BYTES + 1)
    if len(content) > MAX_MANIFEST_BYTES:
        raise InputError(f"the manifest is larger than {MAX_MANIFEST_BYTES} bytes")
    return content


def _signatures(found: Verification) -> list[tuple[str, str, str, str, str]]:
    return [
        (each["role"], each["name"] or "does not count", each["key"] or "-", each["file"], each["why"])
        for each in found.document()["signatures"]
    ]
