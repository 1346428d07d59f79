"""Releases that are manifests: found, verified, and brought here program by program (DESIGN §4.2, §7)."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from console.errors import ConsoleError, NodeError, ReleaseError, TrustRefused
from console.files import sha256_of
from console.model import NOT_VOTED, Attempt, FailureCode, MigrationKind, ReleaseKind
from console.node.cosmovisor.plan_info import this_platform
from console.node.download import Checksum, DownloadRules, fetch_small, sources_of
from console.node.expectations import expected_here
from console.node.generation_folders import Generation
from console.node.given_manifests import given_manifest, keep_bundle
from console.node.image_reference import ImageReference
from console.node.release.attestation import check_signature, kept_attestation
from console.node.release.bundle import Bundle, read_bundle
from console.node.release.keyring import Keyring
from console.node.release.manifest import MAX_MANIFEST_BYTES, Archive, Artefact, Manifest
from console.node.release.public_key import parse_public_key
from console.node.release.published import signature_urls
from console.node.release.signature_files import SUFFIX
from console.node.release.sshsig import MAX_FILE
from console.node.release.trust import Trust, Trusted
from console.node.release.verification import Verification, verify_release
from console.node.release_record import MANIFEST
from console.node.releases import Releases, Told, fetch_file
from console.node.shape import NodeShape
from console.node.threads import to_the_end
from console.node.wasm_migrations import WasmMigrations
from console.ports.chain import StateReader
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
        state: What a WASM migration is tried on; None where the chain has none that can be read.
    """

    def __init__(
        self,
        demands: NetworkDemands,
        settings: Callable[[], NodeSettings],
        shape: NodeShape,
        releases: Releases,
        state: StateReader | None = None,
    ) -> None:
        self._demands = demands
        self._settings = settings
        self._shape = shape
        self._releases = releases
        self.migrations = WasmMigrations(settings, state)
        self.refused: tuple[str, Bundle] | None = None
        """Generation and files of a release that was not accepted: nothing else keeps those that were fetched."""

    @property
    def required(self) -> bool:
        """Whether the network demands signatures."""
        return self._demands.releases.signatures == "required"

    @property
    def _contained(self) -> bool:
        return self._shape.name == "docker"

    def concerns(self, attempt: Attempt) -> bool:
        """Whether a plan is prepared from a manifest: it names one, or the operator gave one for it."""
        return attempt.release_kind == ReleaseKind.MANIFEST or self.given(attempt.generation).is_file()

    def given(self, generation: str) -> Path:
        """Where the manifest of a plan is kept, given or fetched; it need not be there."""
        return given_manifest(self._settings().state_dir, generation)

    def trusted(self) -> Trusted | None:
        """What this machine trusts; None where nothing is pinned. Raises TrustRefused."""
        return Trust(self._demands.releases.trust_dir).read()

    async def verified(self, attempt: Attempt) -> VerifiedRelease:
        """The release of a plan, with every check passed. Nothing is downloaded but the manifest and its signatures.

        Raises:
            ReleaseError: It cannot be had, or may not be staged.
        """
        try:
            trusted = await asyncio.to_thread(self.trusted)
        except TrustRefused as error:
            raise ReleaseError(str(error), code=FailureCode.NOT_TRUSTED) from error
        given = await asyncio.to_thread(self._given_bundle, attempt)
        bundle = given or await self._fetched_bundle(attempt, trusted)
        release = await asyncio.to_thread(self._verify, attempt, bundle, trusted)
        if given is None:
            # Not before it is verified: signatures may come to their place after the manifest.
            await asyncio.to_thread(keep_bundle, self.given(attempt.generation), bundle)
        return release

    def _given_bundle(self, attempt: Attempt) -> Bundle | None:
        path = self.given(attempt.generation)
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
        settings = self._settings()
        fetched = await self._whole(
            (attempt.release_url,), attempt.release_hash, None, settings.state_dir / "downloads", None
        )
        content = await asyncio.to_thread(fetched.read_bytes)
        fetched.unlink(missing_ok=True)
        signatures = {} if trusted is None else await self._signatures(attempt.release_url, trusted.keyring)
        return Bundle(content, signatures, attempt.release_url)

    async def _signatures(self, url: str, keyring: Keyring) -> dict[str, bytes]:
        """What is beside the manifest, of the first source that has any."""
        settings = self._settings()
        places = sources_of(
            url, mirrors=settings.mirror, gateways=settings.ipfs_gateways, local=settings.local_downloads
        )
        for place in places.urls:
            names = signature_urls(place, keyring)
            found = await fetch_small(names, MAX_FILE, DownloadRules(own=places.own))
            if found:
                return {names[at]: content for at, content in found.items()}
        return {}

    async def _whole(self, urls: Sequence[str], sha256: str, size: int | None, folder: Path, told: Told | None) -> Path:
        """One file from the first of its sources that has the promised bytes; of a manifest where there is no size."""
        problem: ReleaseError | None = None
        for url in urls:
            try:
                found = await fetch_file(
                    self._settings(),
                    url,
                    Checksum("sha256", sha256),
                    folder,
                    size=size,
                    max_bytes=MAX_MANIFEST_BYTES,
                    told=told,
                )
                return found.file
            except ReleaseError as error:
                problem = error
                if error.code == FailureCode.DISK_SPACE:
                    break
        assert problem is not None, "there is a source"
        raise problem

    def held_against(self, bundle: Bundle, attempt: Attempt | None, trusted: Trusted | None) -> Verification:
        """Ask everything of a release that can be asked here without running it.

        Args:
            bundle: Its files.
            attempt: The plan that it is for; None when none is known.
            trusted: What this machine trusts.
        """
        expected = dataclasses.replace(
            expected_here(self._demands.chain_id, self._demands.releases, trusted),
            programs=self._shape.programs(self._settings().daemon),
            contained=self._contained,
        )
        if attempt is not None:
            expected = dataclasses.replace(
                expected,
                release_hash=attempt.release_hash if attempt.release_kind == ReleaseKind.MANIFEST else "",
                plan_name=str(attempt.name),
                target_height=attempt.target_height if attempt.has_height else None,
                breaking=attempt.breaking,
                migration=None
                if attempt.migration_kind == NOT_VOTED
                else (MigrationKind(attempt.migration_kind), attempt.migration_hash),
            )
        return verify_release(bundle.content, bundle.signatures, expected)

    def _verify(self, attempt: Attempt, bundle: Bundle, trusted: Trusted | None) -> VerifiedRelease:
        self.refused = (attempt.generation, bundle)
        verification = self.held_against(bundle, attempt, trusted)
        for check in verification.checks:
            _LOG.info("release %s: %s: %s: %s", attempt.name, check.subject.label, check.outcome, check.sentence)
        manifest = verification.raise_on_failure()
        wanted = self._wanted(manifest)
        own, said = self.own_build(verification.sha256)
        programs = {**wanted, **own}
        app = programs[self._settings().daemon].sha256
        if attempt.release_kind == ReleaseKind.RAW and attempt.release_hash not in {"", app}:
            # A manifest that the operator gave says more than such a plan, and never something else.
            raise ReleaseError(
                f"the chain says {attempt.release_hash}, and the release's {self._settings().daemon} has {app}",
                code=FailureCode.HASH_MISMATCH,
                safe="nothing of it was staged",
            )
        documents = {MANIFEST: bundle.content}
        self.refused = None
        documents |= {f"{MANIFEST}.{number}{SUFFIX}": each for number, each in enumerate(bundle.signatures.values(), 1)}
        return VerifiedRelease(manifest, verification.sha256, programs, documents, said)

    def _wanted(self, manifest: Manifest) -> dict[str, Wanted]:
        here = manifest.for_platform(this_platform())
        names = self._shape.programs(self._settings().daemon)
        if here is None:
            return {}
        if self._contained:
            images = {name: here.images[name] for name in names if name in here.images}
            return {name: Wanted(image.sha256, image=image) for name, image in images.items()}
        found = {name: here.binaries[name] for name in names if name in here.binaries}
        return {name: Wanted(each.sha256, each.size, each) for name, each in found.items()}

    def own_build(self, release: str) -> tuple[dict[str, Wanted], str]:
        """The operator's own build for a release, where the settings allow one and it is attested, and who says so.

        Raises:
            ReleaseError: There is one, and it is not trusted.
        """
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

    async def bring(
        self, attempt: Attempt, release: VerifiedRelease, folder: Path, told: Told | None = None
    ) -> dict[str, tuple[Path, str]]:
        """Bring every program of a release into a folder, each verified by hash and size.

        Args:
            attempt: Whose plan it is.
            release: What is wanted.
            folder: For files on their way; what is there with the right bytes is taken.
            told: Told how far it is.

        Returns:
            File and hash by program.

        Raises:
            ReleaseError: With the registry's failure code.
        """
        found = {}
        for name, wanted in release.programs.items():
            found[name] = (await self._program(attempt, name, wanted, folder, told), wanted.sha256)
        return found

    async def _program(self, attempt: Attempt, name: str, wanted: Wanted, folder: Path, told: Told | None) -> Path:
        if wanted.image is not None:
            asked = dataclasses.replace(attempt, generation_hash=wanted.sha256, release_url=str(wanted.image))
            here = await self._releases.find(asked, folder)
            return here[0] if here is not None else (await self._releases.fetch(asked, folder, told)).file
        there = folder / wanted.sha256
        if await asyncio.to_thread(_is, there, wanted.sha256):
            return there
        if name == self._settings().daemon:
            local = await self._releases.find(dataclasses.replace(attempt, generation_hash=wanted.sha256), folder)
            if local is not None:
                return local[0]
        return await self._download(attempt, name, wanted, folder, told)

    async def _download(self, attempt: Attempt, name: str, wanted: Wanted, folder: Path, told: Told | None) -> Path:
        artefact = wanted.artefact
        if artefact is None or not artefact.sources or not self._settings().auto_download:
            why = "not here, and auto_download is off"
            if artefact is None:
                why = "the operator's own build"
            elif not artefact.sources:
                why = "without a source"
            raise ReleaseError(
                f"{name} of {attempt.name} is {why}",
                code=FailureCode.DOWNLOAD_FAILED,
                next_step=f"give it with `upgrade-console node add-upgrade {attempt.name} FILE`",
            )
        archive = artefact.archive
        if archive is None:
            return await self._whole(artefact.sources, wanted.sha256, wanted.size, folder, told)
        packed = await self._whole(artefact.sources, archive.sha256, archive.size, folder, told)
        target = folder / f"{archive.sha256}.unpacked"
        try:
            return await to_the_end(_unpacked, packed, archive, wanted, target)
        finally:
            packed.unlink(missing_ok=True)

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


def holds(generation: Generation, release: VerifiedRelease, daemon: str) -> bool:
    """Whether a staged generation is what a release wants of this node."""
    there = {one.daemon: one.sha256 for one in generation.companions} | {daemon: generation.sha256}
    return all(there.get(name) == wanted.sha256 for name, wanted in release.programs.items())


def _unpacked(packed: Path, archive: Archive, wanted: Wanted, target: Path) -> Path:
    """The binary of a verified archive. Raises ReleaseError: it is another one."""
    from console.node.unpack import take_member

    target.unlink(missing_ok=True)
    found = take_member(packed, archive.packing, (archive.member,), target, wanted.size)
    if found != wanted.sha256 or target.stat().st_size != wanted.size:
        target.unlink(missing_ok=True)
        raise ReleaseError(
            f"{untrusted(archive.member)} in its archive has sha256 {found}, not {wanted.sha256}",
            code=FailureCode.HASH_MISMATCH,
            safe="it was thrown away and nothing was started",
        )
    return target


def _is(file: Path, sha256: str) -> bool:
    try:
        return file.is_file() and sha256_of(file) == sha256
    except OSError:
        return False
