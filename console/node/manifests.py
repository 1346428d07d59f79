"""Releases that are manifests: found, verified, and brought here program by program (DESIGN §4.2, §7)."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from console.errors import ConsoleError, NodeError, ReleaseError, TrustRefused
from console.files import sha256_of, sync_folder, write_durably
from console.model import Attempt, FailureCode, ReleaseKind
from console.node.cosmovisor.plan_info import this_platform
from console.node.download import download, mirrored
from console.node.generation import Generation
from console.node.image_reference import ImageReference
from console.node.release.attestation import check_signature, kept_attestation
from console.node.release.bundle import MANIFEST, Bundle, read_bundle
from console.node.release.fetching import Fetch, fetch_small, signature_urls
from console.node.release.manifest import MAX_MANIFEST_BYTES, Artefact, Manifest
from console.node.release.public_key import parse_public_key
from console.node.release.signature_files import SUFFIX
from console.node.release.sshsig import MAX_FILE
from console.node.release.trust import Trust, Trusted
from console.node.release.verification import Expected, verify_release
from console.node.releases import Releases
from console.node.shape import NodeShape
from console.release_settings import ReleaseSettings
from console.settings import NodeSettings
from console.text import untrusted

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one program of a verified release is."""

    sha256: str
    """Of the binary, or the image's digest."""
    size: int = 0
    """Bytes of the binary; 0 for an image."""
    artefact: Artefact | None = None
    """Where the makers' binary is to be had; None for an image and for the operator's own build."""
    image: ImageReference | None = None


@dataclass(frozen=True, slots=True)
class VerifiedRelease:
    """A release that may be staged, and what this node takes of it."""

    manifest: Manifest
    sha256: str
    """Of the manifest."""
    programs: Mapping[str, Wanted]
    """By program; the app's is always there."""
    documents: Mapping[str, bytes] = field(repr=False)
    """Manifest and signatures, kept with the generation."""
    own_build: str = ""
    """Who attested the operator's own build, and why; empty for the makers' one."""


@dataclass(frozen=True, slots=True)
class NetworkDemands:
    """What the network of a node demands of its releases."""

    chain_id: str
    releases: ReleaseSettings


class Manifests:
    """Finds and verifies the manifests of one node's releases, and brings what they describe.

    Args:
        demands: Of the network.
        settings: The node's settings of the moment.
        shape: What kind of node it is.
        releases: Brings an image, and knows files that the operator has.
        fetch: Brings small files.
    """

    def __init__(
        self,
        demands: NetworkDemands,
        settings: Callable[[], NodeSettings],
        shape: NodeShape,
        releases: Releases,
        fetch: Fetch = fetch_small,
    ) -> None:
        self._demands = demands
        self._settings = settings
        self._shape = shape
        self._releases = releases
        self._fetch = fetch

    @property
    def required(self) -> bool:
        """Whether the network demands signatures."""
        return self._demands.releases.signatures == "required"

    def concerns(self, attempt: Attempt) -> bool:
        """Whether a plan is prepared from a manifest: it names one, or the operator gave one for it."""
        return attempt.release_kind == ReleaseKind.MANIFEST or self._given(attempt.generation).is_file()

    def _given(self, generation: str) -> Path:
        return given_manifest(self._settings().state_dir, generation)

    async def verified(self, attempt: Attempt) -> VerifiedRelease:
        """The release of a plan, with every check passed. Nothing is downloaded but the manifest and its signatures.

        Raises:
            ReleaseError: It cannot be had, or may not be staged.
        """
        try:
            trusted = await asyncio.to_thread(Trust(self._demands.releases.trust_dir).read)
        except TrustRefused as error:
            raise ReleaseError(str(error), code=FailureCode.NOT_TRUSTED) from error
        given = await asyncio.to_thread(self._given_bundle, attempt)
        bundle = given or await self._fetched_bundle(attempt, trusted)
        release = await asyncio.to_thread(self._verify, attempt, bundle, trusted)
        if given is None:
            # Not before it is verified: signatures may come to their place after the manifest.
            await asyncio.to_thread(keep_bundle, self._given(attempt.generation), bundle)
        return release

    def _given_bundle(self, attempt: Attempt) -> Bundle | None:
        path = self._given(attempt.generation)
        by_chain = attempt.release_kind == ReleaseKind.MANIFEST
        try:
            if path.is_file() and (not by_chain or sha256_of(path) == attempt.release_hash):
                return read_bundle(path)
        except (ConsoleError, OSError) as error:
            raise ReleaseError(str(error), code=FailureCode.DOWNLOAD_FAILED) from error
        return None

    async def _fetched_bundle(self, attempt: Attempt, trusted: Trusted | None) -> Bundle:
        if not self._settings().auto_download:
            raise ReleaseError(
                f"the manifest of {attempt.name} is not here, and auto_download is off",
                code=FailureCode.DOWNLOAD_FAILED,
                next_step=f"give it with `upgrade-console node add-upgrade {attempt.name} --manifest FILE`",
            )
        url = mirrored(attempt.release_url, self._settings().mirror)
        fetched = await download(url, attempt.release_hash, self._settings().state_dir / "downloads")
        if fetched.stat().st_size > MAX_MANIFEST_BYTES:
            fetched.unlink()
            raise ReleaseError(
                f"what {untrusted(url)} gives is larger than a manifest can be", code=FailureCode.UNSUPPORTED_RELEASE
            )
        content = await asyncio.to_thread(fetched.read_bytes)
        signatures = {}
        if trusted is not None:
            names = signature_urls(url, trusted.keyring)
            signatures = {names[at]: found for at, found in (await self._fetch(names, MAX_FILE)).items()}
        fetched.unlink(missing_ok=True)
        return Bundle(content, signatures, url)

    def _verify(self, attempt: Attempt, bundle: Bundle, trusted: Trusted | None) -> VerifiedRelease:
        seen = None if trusted is None else trusted.releases.get(self._demands.chain_id)
        contained = self._shape.name == "docker"
        verification = verify_release(
            bundle.content,
            bundle.signatures,
            Expected(
                chain_id=self._demands.chain_id,
                platform=this_platform(),
                required=self.required,
                keyring=None if trusted is None else trusted.keyring,
                highest=None if seen is None else (seen.sequence, seen.sha256),
                release_hash=attempt.release_hash if attempt.release_kind == ReleaseKind.MANIFEST else "",
                plan_name=str(attempt.name),
                target_height=attempt.target_height,
                programs=self._shape.programs(self._settings().daemon),
                contained=contained,
                breaking=attempt.breaking,
                now=datetime.now(UTC),
            ),
        )
        for check in verification.checks:
            _LOG.info("release %s: %s: %s: %s", attempt.name, check.subject.label, check.outcome, check.sentence)
        manifest = verification.raise_on_failure()
        wanted = self._wanted(manifest, contained)
        own, said = self._own_build(verification.sha256, trusted is not None)
        documents = {MANIFEST: bundle.content}
        documents |= {f"{MANIFEST}.{number}{SUFFIX}": each for number, each in enumerate(bundle.signatures.values(), 1)}
        return VerifiedRelease(manifest, verification.sha256, {**wanted, **own}, documents, said)

    def _wanted(self, manifest: Manifest, contained: bool) -> dict[str, Wanted]:
        here = manifest.for_platform(this_platform())
        names = self._shape.programs(self._settings().daemon)
        if here is None:
            return {}
        if contained:
            images = {name: here.images[name] for name in names if name in here.images}
            return {name: Wanted(image.sha256, image=image) for name, image in images.items()}
        found = {name: here.binaries[name] for name in names if name in here.binaries}
        return {name: Wanted(each.sha256, each.size, each) for name, each in found.items()}

    def _own_build(self, release: str, pinned: bool) -> tuple[dict[str, Wanted], str]:
        """The operator's own build for a release, where the settings allow one and it is attested."""
        demands = self._demands.releases
        if not demands.own_builds:
            return {}, ""
        try:
            kept = kept_attestation(demands.trust_dir, release)
            if kept is None:
                return {}, ""
            attestation, signature = kept
            if attestation.chain != self._demands.chain_id:
                raise NodeError(f"the attestation for {release} is for chain {untrusted(attestation.chain)}")
            by = attestation.by
            if demands.attest_keys:
                by += f", {check_signature(attestation, signature, map(parse_public_key, demands.attest_keys))}"
        except (NodeError, OSError) as error:
            raise ReleaseError(
                f"the own build is not trusted: {error}",
                code=FailureCode.NOT_TRUSTED,
                next_step="attest it again with `upgrade-console release attest`, or set own_builds = false",
            ) from error
        names = self._shape.programs(self._settings().daemon)
        own = {name: Wanted(each.sha256, each.size) for name, each in attestation.binaries.items() if name in names}
        return own, f"own build, attested by {untrusted(by)}: {untrusted(attestation.reason)}"

    async def bring(self, attempt: Attempt, release: VerifiedRelease, folder: Path) -> dict[str, tuple[Path, str]]:
        """Bring every program of a release into a folder, each verified by hash and size.

        Args:
            attempt: Whose plan it is.
            release: What is wanted.
            folder: For files on their way; what is there with the right bytes is taken.

        Returns:
            File and hash by program.

        Raises:
            ReleaseError: With the registry's failure code.
        """
        found = {}
        for name, wanted in release.programs.items():
            found[name] = (await self._program(attempt, name, wanted, folder), wanted.sha256)
        return found

    async def _program(self, attempt: Attempt, name: str, wanted: Wanted, folder: Path) -> Path:
        if wanted.image is not None:
            asked = dataclasses.replace(attempt, generation_hash=wanted.sha256, release_url=str(wanted.image))
            return (await self._releases.find(asked, folder) or await self._releases.fetch(asked, folder))[0]
        there = folder / wanted.sha256
        if await asyncio.to_thread(_is, there, wanted.sha256):
            return there
        if name == self._settings().daemon:
            local = await self._releases.find(dataclasses.replace(attempt, generation_hash=wanted.sha256), folder)
            if local is not None:
                return local[0]
        return await self._download(attempt, name, wanted, folder)

    async def _download(self, attempt: Attempt, name: str, wanted: Wanted, folder: Path) -> Path:
        artefact = wanted.artefact
        by_hand = f"give it with `upgrade-console node add-upgrade {attempt.name} FILE`"
        if artefact is None or not artefact.sources or not self._settings().auto_download:
            why = "the operator's own build" if artefact is None else "without a source"
            why = why if artefact is None or not artefact.sources else "not here, and auto_download is off"
            raise ReleaseError(
                f"{name} of {attempt.name} is {why}", code=FailureCode.DOWNLOAD_FAILED, next_step=by_hand
            )
        if artefact.archive is not None:
            raise ReleaseError(
                f"{name} of {attempt.name} comes in a {artefact.archive.packing} archive",
                code=FailureCode.UNSUPPORTED_RELEASE,
                next_step=f"unpack it and {by_hand}",
            )
        problem: ReleaseError | None = None
        for source in artefact.sources:
            try:
                file = await download(mirrored(source, self._settings().mirror), wanted.sha256, folder)
            except ReleaseError as error:
                problem = error
                continue
            if file.stat().st_size != wanted.size:
                file.unlink()
                raise ReleaseError(
                    f"{name} has the promised hash and not the promised {wanted.size} bytes",
                    code=FailureCode.HASH_MISMATCH,
                )
            return file
        assert problem is not None
        raise problem

    async def accept(self, release: VerifiedRelease) -> None:
        """Remember a release that is about to be staged, so that nothing leads back behind it.

        Raises:
            ReleaseError: A later one was trusted meanwhile.
        """
        trust = Trust(self._demands.releases.trust_dir)
        manifest = release.manifest
        try:
            if await asyncio.to_thread(trust.read) is not None:
                await asyncio.to_thread(trust.accept_release, manifest.chain, manifest.sequence, release.sha256)
        except NodeError as error:
            raise ReleaseError(str(error), code=FailureCode.NOT_TRUSTED) from error


def given_manifest(state_dir: Path, generation: str) -> Path:
    """Where the manifest of a plan is kept on this machine, given or fetched; signatures are beside it."""
    return state_dir / "manifests" / generation / MANIFEST


def keep_bundle(path: Path, bundle: Bundle) -> None:
    """Keep a manifest and its signatures; the manifest last, so that it is never there without them.

    Args:
        path: Of the manifest, as `given_manifest` says.
        bundle: Its files.

    Raises:
        ReleaseError: The disk refused.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        for old in path.parent.glob(f"{path.name}.*"):
            old.unlink()
        for number, content in enumerate(bundle.signatures.values(), 1):
            write_durably(path.with_name(f"{path.name}.{number}{SUFFIX}"), content)
        write_durably(path, bundle.content)
        sync_folder(path.parent.parent)
    except OSError as error:
        raise ReleaseError(
            f"cannot keep the manifest in {path.parent}: {error.strerror or error}", code=FailureCode.DISK_SPACE
        ) from error


def holds(generation: Generation, release: VerifiedRelease, daemon: str) -> bool:
    """Whether a staged generation is what a release wants of this node."""
    there = {one.daemon: one.sha256 for one in generation.companions} | {daemon: generation.sha256}
    return all(there.get(name) == wanted.sha256 for name, wanted in release.programs.items())


def _is(file: Path, sha256: str) -> bool:
    try:
        return file.is_file() and sha256_of(file) == sha256
    except OSError:
        return False
