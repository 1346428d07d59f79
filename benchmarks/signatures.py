"""Time of a 2-of-3 check of a release's signatures, against Ed25519 alone."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.devnet import BenchmarkError

GOAL_S = 0.001
TRIES = 200
ROUNDS = 15
MANIFEST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class SignatureTimes:
    """Seconds of one call: the median of rounds, each the mean of many calls."""

    check_s: float
    """Two signature files read, matched with a keyring of three and verified."""
    bare_s: float
    """Two Ed25519 verifications by the library alone, of what the keys really signed."""
    ratio: float
    keyring_s: float
    """A keyring of three keys read and its points checked for the first time."""
    fastest_s: float
    """Of the rounds of the check."""
    slowest_s: float

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"2 of 3 counted      {self.check_s * 1e6:.0f} µs ({self.fastest_s * 1e6:.0f} to"
            f" {self.slowest_s * 1e6:.0f}, {ROUNDS} rounds of {TRIES}; wanted: under {GOAL_S * 1e6:.0f})",
            f"Ed25519 alone, 2×   {self.bare_s * 1e6:.0f} µs, ratio {self.ratio:.2f}",
            f"a keyring read      {self.keyring_s * 1e6:.0f} µs",
        ]


def measure() -> SignatureTimes:
    """Sign a manifest with two keys of three, and check it again and again, in turns with the library alone.

    Raises:
        BenchmarkError: The two signatures did not count.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from console.node.release import sshsig
    from console.node.release.counting import count
    from console.node.release.keyring import RingKey, make_keyring, parse_keyring
    from console.node.release.public_key import KeyKind, PublicKey, parse_blob
    from console.node.release.roles import Role
    from console.node.release.wire import string

    manifest = (b"release " * MANIFEST_BYTES)[:MANIFEST_BYTES]
    private = [Ed25519PrivateKey.from_private_bytes(hashlib.sha256(bytes([number])).digest()) for number in range(3)]
    public = [PublicKey(KeyKind.ED25519, key.public_key().public_bytes_raw()) for key in private]
    entries = [RingKey(f"key{number}", key, frozenset({Role.DEVELOPER})) for number, key in enumerate(public)]
    ring = make_keyring("benchmark", 1, {Role.DEVELOPER: 2}, entries)
    signed = sshsig.signed_bytes(manifest, Role.DEVELOPER, "sha512")
    raw = [key.sign(signed) for key in private[:2]]
    files = {}
    for number, (key, signature) in enumerate(zip(public[:2], raw, strict=True)):
        inner = string(key.kind.value.encode()) + string(signature)
        fields = (key.blob, Role.DEVELOPER.namespace.encode(), b"", b"sha512", inner)
        files[f"{number}.sshsig"] = sshsig.armoured(b"SSHSIG\0\0\0\1" + b"".join(map(string, fields)))

    def check() -> None:
        if not count(manifest, files, ring, Role.DEVELOPER, 1).reached:
            raise BenchmarkError("the two signatures do not count")

    verifiers = [key.public_key() for key in private[:2]]

    def bare() -> None:
        for verifier, signature in zip(verifiers, raw, strict=True):
            verifier.verify(signature, signed)

    def read() -> None:
        parse_blob.cache_clear()
        parse_keyring(ring.content)

    check()
    rounds = [(_mean(check), _mean(bare)) for _ in range(ROUNDS)]
    checks, bares = zip(*rounds, strict=True)
    check_s, bare_s = statistics.median(checks), statistics.median(bares)
    return SignatureTimes(
        check_s=check_s,
        bare_s=bare_s,
        ratio=check_s / bare_s,
        keyring_s=statistics.median(_mean(read, TRIES // 10) for _ in range(ROUNDS)),
        fastest_s=min(checks),
        slowest_s=max(checks),
    )


def _mean(call: Callable[[], object], tries: int = TRIES) -> float:
    started = time.perf_counter()
    for _ in range(tries):
        call()
    return (time.perf_counter() - started) / tries
