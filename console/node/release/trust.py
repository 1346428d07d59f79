"""What this machine trusts for one network, kept on its disk so that nothing leads back (facts/safety.md §1).

    trust.json           the keyring in force, and the highest release of each chain, each by sha256
    keyring.N.json       exact bytes, with the signatures that made it trusted in keyring.N.signatures/
    trust.lock           held while anything is changed

The first keyring is pinned by the operator, who says its sha256. From there only the next one follows, with its
signatures, and only a release with a higher sequence, or the same one with the same bytes.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from console import strict_json
from console.errors import HeldByOther, KeyringRefused, TrustRefused
from console.files import sync_folder, write_durably
from console.node.release.keyring import MAX_BYTES, MAX_SEQUENCE, Keyring, file_name, parse_keyring
from console.node.release.roles import Role
from console.node.release.rotation import Rotation, check_rotation
from console.text import untrusted

STATE = "trust.json"
LOCK = "trust.lock"
MAX_CHAINS = 1024

_FORMAT = 1
_NOTHING_YET = b"{}\n"
"""The state while the first keyring is being written."""
_LOCK_DEADLINE_S = 10.0
_LOCK_PAUSE_S = 0.02
_MAX_STATE_BYTES = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SeenRelease:
    """The highest release of a chain that was trusted here."""

    sequence: int
    sha256: str
    """Of the manifest's exact bytes."""


@dataclass(frozen=True, slots=True)
class Trusted:
    """What is trusted now."""

    keyring: Keyring
    """The newest."""
    releases: Mapping[str, SeenRelease]
    """By chain id."""


class Trust:
    """The trust of one network in a folder of its own; several processes may use it at once.

    Args:
        folder: Made when something is first trusted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self) -> Trusted | None:
        """What is trusted; None when no keyring was pinned yet.

        Raises:
            TrustRefused: It cannot be read, or was changed by somebody else: then nothing is trusted.
        """
        content = self._bytes(self.folder / STATE, _MAX_STATE_BYTES)
        if content is None:
            # A state that was lost must not look like a machine that never had one.
            if any(self.folder.glob("keyring.*.json")):
                raise self._broken(f"{STATE} is gone and keyrings are there")
            return None
        if content == _NOTHING_YET:
            return None
        version, sha256, releases = self._state(content)
        return Trusted(self._kept(version, sha256), releases)

    def pin(self, content: bytes, sha256: str) -> Trusted:
        """Trust a first keyring, by the explicit act of an operator who knows its sha256 from elsewhere.

        Args:
            content: The keyring's exact bytes.
            sha256: 64 hex digits, as the operator gave them.

        Raises:
            KeyringRefused: It is no keyring.
            TrustRefused: It is another one than the operator means, or another one is trusted already.
            HeldByOther: Another process holds the folder for too long.
        """
        keyring = parse_keyring(content)
        if keyring.sha256 != sha256.strip().lower():
            raise TrustRefused(
                f"this keyring has sha256 {keyring.sha256}, not {untrusted(sha256, 80)}",
                safe="nothing was trusted",
                next_step="compare both with what the project's developers publish",
            )
        with self._locked():
            trusted = self.read()
            if trusted is None:
                # So that a pin that is cut after the keyring was written can be repeated, even with another keyring.
                with self._writing():
                    write_durably(self.folder / STATE, _NOTHING_YET)
                    for path in self.folder.glob("keyring.*.json"):
                        path.unlink()
                return self._keep(Trusted(keyring, {}), {})
            if trusted.keyring.content == content:
                return trusted
            raise TrustRefused(
                f"keyring {trusted.keyring.version} of {trusted.keyring.project} is trusted here already",
                safe="it stays trusted",
                next_step="bring the next keyring with its signatures",
            )

    def rotate(self, content: bytes, files: Mapping[str, bytes]) -> tuple[Trusted, Rotation | None]:
        """Trust the keyring that follows.

        Args:
            content: Its exact bytes.
            files: Its signature files by name; those that count are kept with it.

        Returns:
            What is trusted now and who signed; None when this very keyring was trusted already.

        Raises:
            KeyringRefused: It is no keyring, does not follow, or too few have signed it.
            TrustRefused: No keyring is pinned, it is older than the one in force, or another one with its number.
            HeldByOther: Another process holds the folder for too long.
        """
        keyring = parse_keyring(content)
        with self._locked():
            trusted = self.read()
            if trusted is None:
                raise TrustRefused("no keyring is pinned here, so none can follow", next_step="pin the first one")
            now = trusted.keyring
            if keyring.version < now.version:
                raise TrustRefused(
                    f"keyring {keyring.version} is older than keyring {now.version}, which is trusted here",
                    safe=f"keyring {now.version} stays trusted",
                )
            if keyring.version == now.version:
                if keyring.content == now.content:
                    return trusted, None
                raise TrustRefused(
                    f"this is another keyring {now.version} than the one that is trusted here: sha256"
                    f" {keyring.sha256}, and {now.sha256} is trusted",
                    safe="the one that is trusted stays so",
                    next_step="ask the developers which one is theirs: nobody should have signed both",
                )
            rotation = check_rotation(now, keyring, files)
            counted = {signer.file for signer in (*rotation.by_old.signers, *rotation.by_new.signers)}
            kept = {name: signature for name, signature in files.items() if untrusted(name) in counted}
            return self._keep(replace(trusted, keyring=keyring), kept), rotation

    def check_release(self, chain: str, sequence: int, sha256: str) -> None:
        """Check that a release does not lead back; nothing is written.

        Args:
            chain: Chain id.
            sequence: The manifest's.
            sha256: Of the manifest's exact bytes, 64 hex digits.

        Raises:
            TrustRefused: No keyring is pinned, a later release of this chain was trusted, or this one with other bytes.
        """
        self._check_release(self._pinned(), chain, SeenRelease(sequence, sha256))

    def accept_release(self, chain: str, sequence: int, sha256: str) -> Trusted:
        """Remember a release that was found good, so that no earlier one is taken after it. May be repeated.

        Args:
            chain: Chain id.
            sequence: The manifest's.
            sha256: Of the manifest's exact bytes, 64 hex digits.

        Raises:
            TrustRefused: As `check_release`.
            HeldByOther: Another process holds the folder for too long.
        """
        release = SeenRelease(sequence, sha256)
        with self._locked():
            trusted = self._pinned()
            self._check_release(trusted, chain, release)
            if trusted.releases.get(chain) == release:
                return trusted
            if chain not in trusted.releases and len(trusted.releases) >= MAX_CHAINS:
                raise TrustRefused(f"releases of {MAX_CHAINS} chains are remembered here, and no more are taken")
            return self._write(replace(trusted, releases={**trusted.releases, chain: release}))

    def keyring(self, version: int) -> Keyring:
        """A keyring that is or was trusted here, to show it.

        Raises:
            TrustRefused: There is none of this version, or what is kept cannot be read.
        """
        trusted = self._pinned()
        if version == trusted.keyring.version:
            return trusted.keyring
        content = (
            self._bytes(self.folder / file_name(version), MAX_BYTES) if version < trusted.keyring.version else None
        )
        if content is None:
            raise TrustRefused(f"keyring {version} was never trusted here")
        try:
            return parse_keyring(content)
        except KeyringRefused as error:
            raise self._broken(f"{file_name(version)} cannot be read: {error.what}") from error

    def signatures(self, version: int) -> dict[str, bytes]:
        """The signature files that made a keyring trusted, by name; none for the one that was pinned.

        Raises:
            TrustRefused: They cannot be read.
        """
        folder = self._signature_folder(version)
        try:
            return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.is_dir() else {}
        except OSError as error:
            raise self._broken(f"{folder.name} cannot be read: {error.strerror or error}") from error

    def _pinned(self) -> Trusted:
        trusted = self.read()
        if trusted is None:
            raise TrustRefused("no keyring is pinned here, so no release is trusted", next_step="pin the first one")
        return trusted

    @staticmethod
    def _check_release(trusted: Trusted, chain: str, release: SeenRelease) -> None:
        if not _SHA256.fullmatch(release.sha256) or not 0 <= release.sequence <= MAX_SEQUENCE:
            raise TrustRefused("a release is remembered by a sequence from 0 and a sha256 of 64 hex digits")
        seen = trusted.releases.get(chain)
        if seen is None or release.sequence > seen.sequence or release == seen:
            return
        if release.sequence == seen.sequence:
            raise TrustRefused(
                f"another release with sequence {seen.sequence} was trusted for {untrusted(chain, 80)}: its manifest"
                f" has sha256 {seen.sha256}, and this one {release.sha256}",
                safe="nothing was changed",
                next_step="ask the developers: two releases must not have one sequence",
            )
        raise TrustRefused(
            f"the release has sequence {release.sequence}, and {seen.sequence} was trusted for {untrusted(chain, 80)}"
            " already: there is no way back",
            safe="nothing was changed",
        )

    def _keep(self, trusted: Trusted, files: Mapping[str, bytes]) -> Trusted:
        """Keyring and signatures first, the state that names them last: whoever reads finds both or the old ones."""
        keyring = trusted.keyring
        with self._writing():
            if files:
                folder = self._signature_folder(keyring.version)
                folder.mkdir(mode=0o700, exist_ok=True)
                # A try that was cut may have left others.
                for path in folder.iterdir():
                    path.unlink()
                for number, (_, content) in enumerate(sorted(files.items()), 1):
                    # Names are foreign: a number is enough.
                    write_durably(folder / f"{number}.{Role.KEYRING.value}.sshsig", content)
                sync_folder(self.folder)
            write_durably(self.folder / keyring.file_name, keyring.content)
        return self._write(trusted)

    def _write(self, trusted: Trusted) -> Trusted:
        document = {
            "format": _FORMAT,
            "keyring": {"version": trusted.keyring.version, "sha256": trusted.keyring.sha256},
            "releases": {
                chain: {"sequence": seen.sequence, "sha256": seen.sha256}
                for chain, seen in sorted(trusted.releases.items())
            },
        }
        with self._writing():
            write_durably(self.folder / STATE, (json.dumps(document, indent=2) + "\n").encode())
        return trusted

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TrustRefused(
                f"what is trusted cannot be kept in {self.folder}: {error.strerror or error}",
                safe="what was trusted before stays trusted",
            ) from error

    def _state(self, content: bytes) -> tuple[int, str, dict[str, SeenRelease]]:
        try:
            document = strict_json.loads(content)
            if not isinstance(document, dict) or document.keys() != {"format", "keyring", "releases"}:
                raise ValueError("not its fields")
            if document["format"] != _FORMAT:
                raise ValueError("another format")
            keyring, releases = document["keyring"], document["releases"]
            if not isinstance(keyring, dict) or not isinstance(releases, dict):
                raise ValueError("not its fields")
            seen = {
                chain: SeenRelease(_number(each["sequence"]), _digest(each["sha256"]))
                for chain, each in releases.items()
            }
            return _number(keyring["version"]), _digest(keyring["sha256"]), seen
        except (ValueError, KeyError, TypeError) as error:
            raise self._broken(f"{STATE} is damaged ({error})") from error

    def _kept(self, version: int, sha256: str) -> Keyring:
        name = file_name(version)
        content = self._bytes(self.folder / name, MAX_BYTES)
        if content is None:
            raise self._broken(f"{name} is gone")
        try:
            keyring = parse_keyring(content)
        except KeyringRefused as error:
            raise self._broken(f"{name} cannot be read: {error.what}") from error
        if keyring.sha256 != sha256 or keyring.version != version:
            raise self._broken(f"{name} is not the one that was trusted")
        return keyring

    def _bytes(self, path: Path, most: int) -> bytes | None:
        try:
            with path.open("rb") as stream:
                content = stream.read(most + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._broken(f"{path.name} cannot be read: {error.strerror or error}") from error
        if len(content) > most:
            raise self._broken(f"{path.name} is larger than any that was written here")
        return content

    def _signature_folder(self, version: int) -> Path:
        return self.folder / f"keyring.{version}.signatures"

    def _broken(self, what: str) -> TrustRefused:
        return TrustRefused(
            f"what this machine trusts is broken: in {self.folder} {what}",
            safe="nothing is trusted until it is whole",
            next_step="restore that folder from a backup; do not begin anew, or old releases would be taken again",
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self.folder / LOCK
        try:
            if not self.folder.is_dir():
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync_folder(self.folder.parent)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise TrustRefused(
                f"cannot use {self.folder}: {error.strerror or error}", safe="nothing changed"
            ) from error
        try:
            self._wait_for(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait_for(self, descriptor: int) -> None:
        # Nobody holds it for longer than a few files take; one who does has been stopped.
        deadline = time.monotonic() + _LOCK_DEADLINE_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise TrustRefused(
                        f"cannot lock {self.folder}: {error.strerror}", safe="nothing changed"
                    ) from error
            else:
                return
            if time.monotonic() > deadline:
                raise HeldByOther(
                    f"another process has been changing {self.folder} for {_LOCK_DEADLINE_S:.0f} s",
                    safe="nothing was changed",
                    next_step="look whether an upgrade-console was stopped in the middle (ctrl-Z)",
                )
            time.sleep(_LOCK_PAUSE_S)


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SEQUENCE:
        raise ValueError("a number is none")
    return value


def _digest(value: object) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError("a sha256 is none")
    return value
