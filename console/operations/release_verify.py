"""`release verify`: every check of a release as files, for the command line, the console and scripts alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from console.errors import InputError
from console.files import sha256_of
from console.given_file import read_given
from console.node.expectations import expected_here
from console.node.migration import WasmMigration
from console.node.migration.section import MAX_WASM_BYTES
from console.node.release.bundle import Bundle
from console.node.release.checks import Check, Subject, failed, passed
from console.node.release.manifest import Manifest
from console.node.release.migration_checks import migration_checks, read_state
from console.node.release.trust import Trust
from console.node.release.verification import Expected, Verification, verify_release
from console.node.shape import shape_of
from console.settings import NetworkSettings, NodeSettings
from console.text import untrusted


@dataclass(frozen=True, slots=True)
class AgainstWhat:
    """What the operator says that a release is to be held against."""

    release_hash: str = ""
    """64 hex digits of the plan; empty where it is not known."""
    plan_name: str = ""
    target_height: int | None = None
    breaking: bool | None = None
    platform: str = ""
    """Empty for this machine."""
    binaries: Mapping[str, Path] = field(default_factory=dict)
    """Files by program, which must be the ones that the manifest describes."""
    wasm: Path | None = None
    """The migration's module, for its dry run."""
    state: Path | None = None
    """What it meets: a JSON object of keys and values; None for an empty state."""


def expected_of(network: NetworkSettings, node: NodeSettings | None, against: AgainstWhat) -> Expected:
    """What a release is held against on this machine.

    Raises:
        TrustRefused: What is trusted here cannot be read.
        NodeError: The node's settings name no shape.
    """
    demands = network.demands
    trusted = Trust(demands.trust_dir).read()
    expected = expected_here(network.chain_id, demands, trusted)
    return replace(
        expected,
        platform=against.platform or expected.platform,
        release_hash=against.release_hash,
        plan_name=against.plan_name,
        target_height=against.target_height,
        breaking=against.breaking,
        programs=() if node is None else shape_of(node).programs(node.daemon),
        contained=node is not None and node.shape == "docker",
    )


def verify_bundle(bundle: Bundle, expected: Expected, against: AgainstWhat) -> Verification:
    """Ask everything of a release; a WASM migration is run without consequences, which blocks for about a second.

    Args:
        bundle: Its files.
        expected: Of this machine and network.
        against: With files to compare, if any.

    Raises:
        InputError: A file cannot be read.
    """
    found = verify_release(bundle.content, bundle.signatures, expected)
    if found.manifest is None:
        return found
    checks = _files(found.manifest, expected.platform, against.binaries)
    if isinstance(found.manifest.migration, WasmMigration):
        state = None if against.state is None else read_state(against.state)
        module = None if against.wasm is None else read_given(against.wasm, MAX_WASM_BYTES)
        checks += migration_checks(found.manifest.migration, module, state)
    return found.with_checks(*checks)


def _files(manifest: Manifest, platform: str, files: Mapping[str, Path]) -> list[Check]:
    here = manifest.for_platform(platform)
    checks = []
    for name, path in files.items():
        artefact = None if here is None else here.binaries.get(name)
        if artefact is None:
            checks.append(failed(Subject.ARTEFACT, f"the release has no {untrusted(name, 64)} for {platform}"))
            continue
        try:
            if not path.is_file():
                raise InputError(f"there is no file {untrusted(path)}")
            size, sha256 = path.stat().st_size, sha256_of(path)
        except OSError as error:
            raise InputError(f"cannot read {untrusted(path)}: {error.strerror or error}") from error
        if size != artefact.size:
            sentence = f"{untrusted(path)} has {size} bytes, and {name} has {artefact.size}"
            checks.append(failed(Subject.ARTEFACT, sentence))
        elif sha256 != artefact.sha256:
            sentence = f"{untrusted(path)} has sha256 {sha256}, and {name} has {artefact.sha256}"
            checks.append(failed(Subject.ARTEFACT, sentence))
        else:
            checks.append(passed(Subject.ARTEFACT, f"{untrusted(path)} is {name}, {size} bytes"))
    return checks
