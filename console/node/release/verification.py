"""Whether a release may be staged: every question of `checks.py`, asked once, in one place (facts/safety.md §1).

A release counts when the chain's hash is that of the manifest's exact bytes, when as many distinct keys signed them as
the keyring wants, and when what it says fits this chain, machine and plan. The chain guards against stolen keys, the
keys against a captured vote or an endpoint that lies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from console.errors import ManifestRefused, ReleaseError
from console.model import FailureCode, MigrationKind
from console.node.cosmovisor.names import same_name
from console.node.migration import WasmMigration, describe, kind_of, migration_hash
from console.node.release.checks import Check, Outcome, Subject, failed, passed, warned
from console.node.release.counting import Count, count
from console.node.release.keyring import Keyring
from console.node.release.manifest import Manifest, VerifiedBytes, parse_manifest
from console.node.release.roles import RING_ROLES, Role

_SUBJECTS = {Role.DEVELOPER: Subject.DEVELOPERS, Role.BUILDER: Subject.BUILDERS, Role.AUDITOR: Subject.AUDITORS}
_IN_MANIFEST = (Subject.CHAIN, Subject.SEQUENCE, Subject.KEYRING, Subject.HEIGHT, Subject.RULES, Subject.PLATFORM)
"""What cannot be asked of a manifest that nobody vouches for."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a release is held against."""

    chain_id: str
    platform: str
    """This machine as `this_platform` names it."""
    required: bool
    """Whether the keyring's signatures are demanded (`[networks.NAME.releases]`)."""
    keyring: Keyring | None
    """The pinned one; None when there is none."""
    highest: tuple[int, str] | None = None
    """Sequence and manifest's sha256 of the highest release that was trusted here; None before the first."""
    release_hash: str = ""
    """What the chain says; empty where it names no hash."""
    plan_name: str = ""
    """Of the plan on the chain; empty when there is none."""
    target_height: int | None = None
    breaking: bool | None = None
    """What the plan says; None when there is none."""
    migration: tuple[MigrationKind, str] | None = None
    """Kind and hash that the plan was voted on with; None when no plan says one."""
    programs: tuple[str, ...] = ()
    """Names of the binaries that this node runs and that change with a release, the app's first."""
    contained: bool = False
    """Whether they are images."""
    now: datetime | None = None
    """By this machine's clock; None: the date is not looked at."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Every question and its answer."""

    sha256: str
    """Of the manifest's bytes."""
    manifest: Manifest | None
    """None when nobody vouches for the bytes, or when they are no manifest."""
    checks: tuple[Check, ...]
    """In the order of `Subject`."""
    counts: tuple[Count, ...]
    """Who signed, by role; empty without a keyring."""

    @property
    def accepted(self) -> bool:
        """Whether it may be staged."""
        return self.manifest is not None and not any(each.outcome is Outcome.FAILED for each in self.checks)

    @property
    def exit_code(self) -> int:
        """0, or the code of the first check that failed."""
        return next((each.subject.exit_code for each in self.checks if each.outcome is Outcome.FAILED), 0)

    def with_checks(self, *more: Check) -> Verification:
        """The same with further answers, each in its place; one that was not asked before gives way."""
        order = list(Subject)
        answered = {each.subject for each in more}
        kept = (each for each in self.checks if each.outcome is not Outcome.NOT_ASKED or each.subject not in answered)
        return replace(self, checks=tuple(sorted((*kept, *more), key=lambda each: order.index(each.subject))))

    def raise_on_failure(self) -> Manifest:
        """The manifest of a release that may be staged.

        Raises:
            ReleaseError: It may not; every check that failed is named.
        """
        wrong = [each for each in self.checks if each.outcome is Outcome.FAILED]
        if wrong or self.manifest is None:
            hash_differs = any(each.subject in {Subject.HASH, Subject.ARTEFACT} for each in wrong)
            raise ReleaseError(
                "the release is not trusted: " + "; ".join(each.sentence for each in wrong),
                code=FailureCode.HASH_MISMATCH if hash_differs else FailureCode.NOT_TRUSTED,
                safe="nothing of it was staged",
                next_step="`upgrade-console release verify` shows every check",
            )
        return self.manifest

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "accepted": self.accepted,
            "exit_code": self.exit_code,
            "sha256": self.sha256,
            "checks": [each.document() for each in self.checks],
            "signatures": [entry for found in self.counts for entry in _count_documents(found)],
        }


def verify_release(content: bytes, files: Mapping[str, bytes], expected: Expected) -> Verification:
    """Ask everything that can be asked without running anything. Never raises for what the bytes are.

    Args:
        content: The manifest's exact bytes.
        files: Signature files by name; what is in one is told by its content alone.
        expected: What it is held against.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    ring = expected.keyring
    checks = [_hash(sha256, expected)]
    verified = _vouched(content, sha256, files, expected)
    if verified is None:
        checks.append(failed(Subject.VOUCHED, _nobody(expected)))
        counts = _counts(content, files, ring, None)
        checks += [Check(subject, Outcome.UNREAD, "nobody vouches for the manifest") for subject in _IN_MANIFEST]
        checks += [_signed(found, expected, None) for found in counts]
        return Verification(sha256, None, (), counts).with_checks(*checks)
    try:
        manifest = parse_manifest(verified)
    except ManifestRefused as error:
        checks.append(failed(Subject.MANIFEST, error.what))
        return Verification(sha256, None, tuple(checks), _counts(content, files, ring, None))
    checks.append(passed(Subject.MANIFEST, f"{manifest.name}, version {manifest.version}, release {manifest.sequence}"))
    counts = _counts(content, files, ring, manifest)
    checks += [_chain(manifest, expected), _sequence(manifest, sha256, expected), _keyring(manifest, expected)]
    checks += [_signed(found, expected, manifest) for found in counts]
    if ring is None and isinstance(manifest.migration, WasmMigration):
        outcome = Outcome.FAILED if expected.required else Outcome.WARNING
        checks.append(
            Check(Subject.AUDITORS, outcome, "no keyring is pinned, so nobody is known to audit its migration")
        )
    checks += [
        _height(manifest, expected),
        _rules(manifest, expected),
        _platform(manifest, expected),
        _migration(manifest),
        *_voted(manifest, expected),
    ]
    checks += _expiry(manifest, expected)
    return Verification(sha256, manifest, (), counts).with_checks(*checks)


def _vouched(content: bytes, sha256: str, files: Mapping[str, bytes], expected: Expected) -> VerifiedBytes | None:
    """The bytes as verified ones, by the chain's hash or by signatures; None when neither vouches for them."""
    if expected.release_hash and sha256 == expected.release_hash:
        return VerifiedBytes.by_hash(content, sha256)
    if expected.keyring is None:
        return None
    try:
        return VerifiedBytes.by_signatures(content, files, expected.keyring)
    except ManifestRefused:
        return None


def _nobody(expected: Expected) -> str:
    by_chain = "the chain names another hash" if expected.release_hash else "no hash is known from the chain"
    by_keys = "no keyring is pinned" if expected.keyring is None else "too few of the keyring's keys signed"
    return f"nobody vouches for these bytes: {by_chain}, and {by_keys}"


def _hash(sha256: str, expected: Expected) -> Check:
    if not expected.release_hash:
        return Check(Subject.HASH, Outcome.NOT_ASKED, f"sha256 {sha256}; no plan is known that names one")
    if sha256 == expected.release_hash:
        return passed(Subject.HASH, f"sha256 {sha256}, as the chain says")
    return failed(Subject.HASH, f"the manifest has sha256 {sha256}, and the chain says {expected.release_hash}")


def _counts(
    content: bytes, files: Mapping[str, bytes], keyring: Keyring | None, manifest: Manifest | None
) -> tuple[Count, ...]:
    if keyring is None:
        return ()
    sequence = None if manifest is None else manifest.sequence
    return tuple(count(content, files, keyring, role, sequence) for role in RING_ROLES)


def needed(found: Count, manifest: Manifest | None) -> int:
    """Distinct keys wanted in a role: the keyring's number; of auditors at least one, and for WASM migrations alone."""
    if found.role is Role.AUDITOR and manifest is not None:
        return max(1, found.needed) if isinstance(manifest.migration, WasmMigration) else 0
    return found.needed


def _signed(found: Count, expected: Expected, manifest: Manifest | None) -> Check:
    subject, wanted, there = _SUBJECTS[found.role], needed(found, manifest), len(found.signers)
    who = tuple(signer.name for signer in found.signers)
    names = f" ({', '.join(who)})" if who else ""
    if not wanted:
        return Check(subject, Outcome.NOT_ASKED, f"{there} signed{names}; none is asked for", who)
    sentence = f"{there} of {wanted} signed{names}"
    if there >= wanted:
        return passed(subject, sentence, *who)
    why = "; ".join(f"{each.file}: {each.why}" for each in found.refused if each.made_for is None)
    sentence += f"; {why}" if why else ""
    if expected.required:
        return failed(subject, sentence, *who)
    return warned(subject, f"{sentence}; this network's settings do not demand it", *who)


def _chain(manifest: Manifest, expected: Expected) -> Check:
    if manifest.chain != expected.chain_id:
        return failed(Subject.CHAIN, f"it is for chain {manifest.chain}, and this network is {expected.chain_id}")
    ring = expected.keyring
    if ring is not None and ring.project != manifest.project:
        return failed(Subject.CHAIN, f"it is of project {manifest.project}, and the keyring is of {ring.project}")
    if expected.plan_name and not same_name(expected.plan_name, manifest.name):
        return warned(Subject.CHAIN, f"{manifest.chain}; the plan's name differs from the release's, {manifest.name}")
    return passed(Subject.CHAIN, manifest.chain)


def _sequence(manifest: Manifest, sha256: str, expected: Expected) -> Check:
    if expected.highest is None:
        return passed(Subject.SEQUENCE, f"{manifest.sequence}, the first that this machine sees")
    highest, known = expected.highest
    if manifest.sequence < highest:
        return failed(Subject.SEQUENCE, f"{manifest.sequence}, and {highest} was trusted here already")
    if manifest.sequence == highest and sha256 != known:
        return failed(Subject.SEQUENCE, f"{manifest.sequence} was trusted here already, for another manifest")
    return passed(Subject.SEQUENCE, f"{manifest.sequence}; the highest so far was {highest}")


def _keyring(manifest: Manifest, expected: Expected) -> Check:
    ring = expected.keyring
    if ring is None:
        if expected.required:
            return failed(Subject.KEYRING, "no keyring is pinned, and this network demands signatures")
        return warned(Subject.KEYRING, "no keyring is pinned: the chain's hash alone vouches for the release")
    if manifest.keyring > ring.version:
        return failed(
            Subject.KEYRING,
            f"it was signed under keyring {manifest.keyring}, and {ring.version} is pinned: rotate it first",
        )
    if manifest.keyring < ring.version:
        return warned(
            Subject.KEYRING,
            f"it was made under keyring {manifest.keyring}; signatures are counted under {ring.version}",
        )
    return passed(Subject.KEYRING, f"{ring.version} of {ring.project}")


def _height(manifest: Manifest, expected: Expected) -> Check:
    span = f"{manifest.min_height} to {manifest.max_height}"
    height = expected.target_height
    if height is None:
        return Check(Subject.HEIGHT, Outcome.NOT_ASKED, f"good for heights {span}; no plan is known")
    if not manifest.min_height <= height <= manifest.max_height:
        return failed(Subject.HEIGHT, f"the plan is for height {height}, and the release for {span}")
    return passed(Subject.HEIGHT, f"{height} is in {span}")


def _rules(manifest: Manifest, expected: Expected) -> Check:
    says = "breaking" if manifest.breaking else "not breaking"
    if expected.breaking is None or expected.breaking == manifest.breaking:
        return passed(Subject.RULES, says)
    if manifest.breaking:
        return failed(Subject.RULES, "the release is breaking, and the plan lets nodes go on with the old binary")
    return warned(Subject.RULES, "the release is not breaking, and the plan stops every node all the same")


def _platform(manifest: Manifest, expected: Expected) -> Check:
    here = manifest.for_platform(expected.platform)
    if here is None:
        known = ", ".join(manifest.platforms)
        return failed(Subject.PLATFORM, f"it has nothing for {expected.platform}, only for {known}")
    found = here.images if expected.contained else here.binaries
    kind = "images" if expected.contained else "binaries"
    if not found:
        return failed(Subject.PLATFORM, f"it has no {kind} for {expected.platform}")
    if expected.programs and expected.programs[0] not in found:
        names = ", ".join(found)
        return failed(Subject.PLATFORM, f"it has no {expected.programs[0]} for {expected.platform}, only {names}")
    stay = [name for name in expected.programs if name not in found]
    more = f"; {', '.join(stay)} does not change" if stay else ""
    return passed(Subject.PLATFORM, f"{expected.platform}: {', '.join(found)}{more}")


def _migration(manifest: Manifest) -> Check:
    if isinstance(manifest.migration, WasmMigration):
        return Check(Subject.MIGRATION, Outcome.NOT_ASKED, "a WASM module, which was not run here")
    return passed(Subject.MIGRATION, describe(manifest.migration)[0].rstrip(".:"))


def _voted(manifest: Manifest, expected: Expected) -> tuple[Check, ...]:
    """A vote for less than what the release does must not let it pass: a WASM migration needs more of the power."""
    if expected.migration is None:
        return ()
    kind, voted = expected.migration
    found = kind_of(manifest.migration)
    if found is not kind:
        return (failed(Subject.VOTED, f"the release has migration {_kind(found)}, and {_kind(kind)} was voted on"),)
    if found is not MigrationKind.NONE and voted != (said := migration_hash(manifest.migration)):
        return (failed(Subject.VOTED, f"the migration has hash {said}, and {voted or 'none'} was voted on"),)
    return (passed(Subject.VOTED, f"migration {_kind(kind)}"),)


def _kind(kind: MigrationKind) -> str:
    return "of kind " + kind.name.lower()


def _expiry(manifest: Manifest, expected: Expected) -> tuple[Check, ...]:
    if manifest.not_after is None or expected.now is None:
        return ()
    until = f"{manifest.not_after:%Y-%m-%d %H:%M} UTC"
    # By a clock that may be wrong, at a halt that must be crossed: said, and never in the way.
    if expected.now > manifest.not_after:
        return (warned(Subject.EXPIRY, f"its makers meant it to be used until {until}"),)
    return (passed(Subject.EXPIRY, f"good until {until}"),)


def _count_documents(found: Count) -> list[dict[str, Any]]:
    role = found.role.value
    counted = [
        {"role": role, "name": each.name, "key": each.fingerprint, "file": each.file, "counted": True, "why": ""}
        for each in found.signers
    ]
    refused = [
        {"role": role, "name": "", "key": "", "file": each.file, "counted": False, "why": each.why}
        for each in found.refused
        if each.made_for is None
    ]
    return counted + refused
