"""What is verified of a plan's release, told to who asks the controller: every check asked again, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from console.errors import ConsoleError, NodeError
from console.model import Attempt, KnownRelease, ReleaseCheck, ReleaseKind, RoleCount
from console.node.generation import Generations
from console.node.manifests import Manifests
from console.node.migration import NoMigration, WasmMigration, describe, migration_hash
from console.node.release.bundle import Bundle, read_bundle
from console.node.release.checks import Check, Outcome, Subject
from console.node.release.counting import Count
from console.node.release.grammar import LARGEST
from console.node.release.manifest import Manifest
from console.node.release.verification import Verification, needed
from console.text import untrusted

_NOTHING_TRIED: Mapping[int, Mapping[str, Any]] = MappingProxyType({})
_SHOWN = 400
"""Characters of a sentence or a URL: all of them together fit into one message."""


class ReleaseTeller:
    """Tells what is verified of the releases of one node. Blocking, and read-only.

    Args:
        manifests: Knows what they are held against.
        generations: Keeps the manifest of what is staged.
    """

    def __init__(self, manifests: Manifests, generations: Generations) -> None:
        self._manifests = manifests
        self._generations = generations

    def tell(
        self, attempts: Sequence[Attempt], name: str = "", tried: Mapping[int, Mapping[str, Any]] = _NOTHING_TRIED
    ) -> KnownRelease:
        """What is verified of one release.

        Args:
            attempts: The node's, newest first.
            name: A generation's; empty for that of the newest attempt.
            tried: What came of the newest dry run of a migration, as journalled, by attempt.

        Raises:
            ConsoleError: There is no such generation, or what is kept cannot be read.
        """
        newest = next(iter(attempts), None)
        attempt = newest if not name else next((each for each in attempts if each.generation == name), None)
        generation = attempt.generation if attempt is not None else name
        if not generation:
            return KnownRelease("", "no plan was taken up here yet, so there is no release to verify")
        if attempt is None and all(each.name != generation for each in self._generations.all()):
            raise NodeError(f"there is no generation {untrusted(generation)}", next_step="`node list` shows them all")
        found = self._bundle(attempt, generation)
        if found is None:
            return KnownRelease(generation, _why_none(attempt))
        bundle, path = found
        verification = self._manifests.held_against(bundle, attempt, self._manifests.trusted())
        if attempt is None or attempt != newest:
            verification = _as_of_then(verification)
        if attempt is not None and attempt.id in tried:
            verification = _tried(verification, tried[attempt.id])
        return self._known(generation, path, verification)

    def _bundle(self, attempt: Attempt | None, generation: str) -> tuple[Bundle, str] | None:
        """The files of a release: those that the chain's hash means, else those that are staged before others."""
        wanted = ""
        if attempt is not None and attempt.release_kind == ReleaseKind.MANIFEST:
            wanted = attempt.release_hash
        places = (self._generations.manifest_of(generation), self._manifests.given(generation))
        found = [(read_bundle(path), str(path)) for path in places if path.is_file()]
        refused = self._manifests.refused
        if refused is not None and refused[0] == generation:
            found.append((refused[1], ""))
        right = (each for each in found if each[0].sha256 == wanted)
        # Other bytes than the chain names are shown with the check that says so.
        return next(right, next(iter(found), None))

    def _known(self, generation: str, path: str, verification: Verification) -> KnownRelease:
        manifest = verification.manifest
        facts: tuple[tuple[str, str], ...] = ()
        if manifest is not None:
            facts = (*_facts(manifest), *self._own_build(verification.sha256))
        return KnownRelease(
            generation,
            path=str(untrusted(path, 4 * _SHOWN)),
            accepted=verification.accepted,
            sha256=verification.sha256,
            checks=tuple(
                ReleaseCheck(each.subject.label, each.outcome.value.lower(), str(untrusted(each.sentence, _SHOWN)))
                for each in verification.checks
            ),
            counts=tuple(
                RoleCount(
                    each.role.value, tuple(sorted(signer.name for signer in each.signers)), needed(each, manifest)
                )
                for each in verification.counts
            ),
            facts=facts,
            migration=() if manifest is None else tuple(describe(manifest.migration)),
        )

    def _own_build(self, release: str) -> tuple[tuple[str, str], ...]:
        try:
            _, said = self._manifests.own_build(release)
        except ConsoleError as error:
            said = str(error)
        return (("own build", str(untrusted(said, _SHOWN))),) if said else ()


def _names(found: Count) -> tuple[str, ...]:
    return tuple(sorted(signer.name for signer in found.signers))


def _why_none(attempt: Attempt | None) -> str:
    if attempt is None:
        return "no manifest is kept with this generation: its bytes are what `node list` says of them"
    if attempt.release_kind == ReleaseKind.MANIFEST:
        return f"the manifest of {attempt.name} is not here yet" + (f": {attempt.note}" if attempt.note else "")
    return f"{attempt.name} is a raw binary without a manifest: nothing but its sha256 vouches for it"


def _as_of_then(verification: Verification) -> Verification:
    """Later releases were trusted since, which is no fault of one that was."""
    kept = tuple(each for each in verification.checks if each.subject is not Subject.SEQUENCE)
    if verification.manifest is None or len(kept) == len(verification.checks):
        return verification
    sentence = f"{verification.manifest.sequence}; it is not of the newest plan"
    return Verification(verification.sha256, verification.manifest, kept, verification.counts).with_checks(
        Check(Subject.SEQUENCE, Outcome.NOT_ASKED, sentence)
    )


def _tried(verification: Verification, trial: Mapping[str, Any]) -> Verification:
    """With what came of the newest dry run, which may be older than the question."""
    if verification.manifest is None or not isinstance(verification.manifest.migration, WasmMigration):
        return verification
    outcome = {True: Outcome.PASSED, False: Outcome.FAILED}.get(trial["ok"], Outcome.WARNING)
    return verification.with_checks(Check(Subject.MIGRATION, outcome, str(trial["sentence"])))


def _facts(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    rules = "yes: nodes on the old binary must not go on" if manifest.breaking else "no: old and new rules are the same"
    able = "can go on" if manifest.state_compatible else "cannot go on"
    until = "" if manifest.max_height == LARGEST else f" to {manifest.max_height}"
    facts = [
        ("release", f"{manifest.name}, version {manifest.version}"),
        ("sequence", f"{manifest.sequence} of project {manifest.project}, under keyring {manifest.keyring}"),
        ("heights", f"{manifest.min_height}{until or ' on'}"),
        ("breaking", rules),
        ("state", f"the old binary {able} with the data after it"),
        ("grace", f"{manifest.grace_blocks} blocks for late nodes" if manifest.grace_blocks else "none"),
    ]
    if manifest.not_after is not None:
        facts.append(("not after", f"{manifest.not_after:%Y-%m-%d %H:%M} UTC by its makers' date, which stops nothing"))
    if manifest.notes is not None:
        facts += [("notes", manifest.notes.url), ("notes hash", f"sha256 {manifest.notes.sha256}")]
    if not isinstance(manifest.migration, NoMigration):
        facts.append(("migration", f"hash {migration_hash(manifest.migration)}"))
    return tuple((name, str(untrusted(value, _SHOWN))) for name, value in facts)
