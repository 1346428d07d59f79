"""What is trusted here stays trusted, survives a cut anywhere, and nothing leads back behind it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from console.errors import HeldByOther, KeyringRefused, TrustRefused
from console.files import write_durably
from console.node.release import trust as trust_module
from console.node.release.keyring import Keyring
from console.node.release.roles import Role
from console.node.release.trust import LOCK, STATE, SeenRelease, Trust
from tests.console.node.release.forge import ring, ring_key, signed

FIRST = ring(ring_key("alice"), ring_key("bob"), ring_key("carol"))
SECOND = ring(ring_key("alice"), ring_key("bob"), ring_key("dora"), version=2)
OTHER_SECOND = ring(ring_key("alice"), ring_key("bob"), ring_key("mallory"), version=2)
THIRD = ring(ring_key("bob"), ring_key("dora"), version=3)
ONE, TWO = "1" * 64, "2" * 64


def signatures(new: Keyring, *words: str) -> dict[str, bytes]:
    return {f"{word}.sshsig": signed(word, new.content, Role.KEYRING) for word in words}


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return Trust(tmp_path / "state" / "trust")


@pytest.fixture
def pinned(trust: Trust) -> Trust:
    trust.pin(FIRST.content, FIRST.sha256)
    return trust


def now(trust: Trust) -> Keyring:
    trusted = Trust(trust.folder).read()
    assert trusted is not None
    return trusted.keyring


def test_nothing_is_trusted_before_the_operator_pins_a_keyring(trust: Trust) -> None:
    assert trust.read() is None
    assert not trust.folder.exists()
    with pytest.raises(TrustRefused, match="no keyring is pinned here"):
        trust.check_release("c", 1, ONE)
    with pytest.raises(TrustRefused, match="no keyring is pinned here"):
        trust.accept_release("c", 1, ONE)
    with pytest.raises(TrustRefused, match="none can follow"):
        trust.rotate(SECOND.content, signatures(SECOND, "alice", "bob"))
    with pytest.raises(TrustRefused, match="no keyring is pinned"):
        trust.keyring(1)


def test_a_keyring_is_pinned_by_its_sha256(trust: Trust) -> None:
    with pytest.raises(TrustRefused, match=f"this keyring has sha256 {FIRST.sha256}, not {ONE}"):
        trust.pin(FIRST.content, ONE)
    assert trust.read() is None
    assert trust.pin(FIRST.content, f" {FIRST.sha256.upper()}\n").keyring == FIRST
    assert now(trust) == FIRST
    # The same again changes nothing; another one needs the signatures of this one.
    assert trust.pin(FIRST.content, FIRST.sha256).keyring == FIRST
    with pytest.raises(TrustRefused, match="keyring 1 of demo is trusted here already"):
        trust.pin(SECOND.content, SECOND.sha256)
    assert now(trust) == FIRST
    assert trust.folder.stat().st_mode & 0o077 == 0


def test_a_keyring_follows_with_its_signatures_and_both_are_kept(pinned: Trust) -> None:
    files = signatures(SECOND, "alice", "bob", "mallory") | {"\x1b[2J/../x": b"junk"}
    trusted, rotation = pinned.rotate(SECOND.content, files)
    assert trusted.keyring == now(pinned) == SECOND
    assert rotation is not None
    assert [signer.name for signer in rotation.by_old.signers] == ["alice", "bob"]
    kept = pinned.signatures(2)
    assert sorted(kept.values()) == sorted(signatures(SECOND, "alice", "bob").values())
    assert pinned.keyring(1) == FIRST
    assert pinned.keyring(2) == SECOND
    assert pinned.signatures(1) == {}
    assert pinned.rotate(SECOND.content, {}) == (trusted, None)
    assert pinned.rotate(THIRD.content, signatures(THIRD, "bob", "dora"))[0].keyring == now(pinned) == THIRD


def test_no_keyring_leads_back(pinned: Trust) -> None:
    pinned.rotate(SECOND.content, signatures(SECOND, "alice", "bob"))
    with pytest.raises(TrustRefused, match="keyring 1 is older than keyring 2"):
        pinned.rotate(FIRST.content, signatures(FIRST, "alice", "bob"))
    with pytest.raises(TrustRefused, match="another keyring 2 than the one that is trusted"):
        pinned.rotate(OTHER_SECOND.content, signatures(OTHER_SECOND, "alice", "bob"))
    fourth = ring(ring_key("alice"), ring_key("bob"), version=4)
    with pytest.raises(KeyringRefused, match="take keyring 3 first"):
        pinned.rotate(fourth.content, signatures(fourth, "alice", "bob"))
    with pytest.raises(KeyringRefused, match="needs 2 signatures"):
        pinned.rotate(THIRD.content, signatures(THIRD, "bob"))
    with pytest.raises(TrustRefused, match="keyring 3 was never trusted here"):
        pinned.keyring(3)
    assert now(pinned) == SECOND


def test_no_release_leads_back_on_its_chain(pinned: Trust) -> None:
    pinned.accept_release("c", 5, ONE)
    assert pinned.accept_release("c", 5, ONE).releases == {"c": SeenRelease(5, ONE)}
    for take in (pinned.check_release, pinned.accept_release):
        with pytest.raises(TrustRefused, match="has sequence 4, and 5 was trusted for c already"):
            take("c", 4, TWO)
        with pytest.raises(TrustRefused, match=f"another release with sequence 5.*{ONE}, and this one {TWO}"):
            take("c", 5, TWO)
        with pytest.raises(TrustRefused, match="64 hex digits"):
            take("c", 6, "A" * 64)
        with pytest.raises(TrustRefused, match="sequence from 0"):
            take("c", -1, TWO)
    pinned.check_release("c", 6, TWO)
    pinned.check_release("c", 5, ONE)
    assert Trust(pinned.folder).accept_release("d", 1, TWO).releases == {
        "c": SeenRelease(5, ONE),
        "d": SeenRelease(1, TWO),
    }
    # A new keyring forgets no release.
    pinned.rotate(SECOND.content, signatures(SECOND, "alice", "bob"))
    with pytest.raises(TrustRefused, match="no way back"):
        pinned.accept_release("c", 4, ONE)


class Cut(BaseException):
    """The machine lost its power."""


@contextmanager
def cut_at(monkeypatch: pytest.MonkeyPatch, number: int, *, after: bool) -> Iterator[list[str]]:
    """End at the n-th durable write, just before or just after it."""
    written: list[str] = []
    real = write_durably

    def write(path: Path, content: bytes, mode: int = 0o600) -> None:
        if len(written) == number and not after:
            raise Cut
        real(path, content, mode)
        written.append(path.name)
        if len(written) == number + 1:
            raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(trust_module, "write_durably", write)
        yield written


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(3))
def test_a_pin_that_is_cut_anywhere_can_be_repeated(
    trust: Trust, monkeypatch: pytest.MonkeyPatch, number: int, after: bool
) -> None:
    with cut_at(monkeypatch, number, after=after), pytest.raises(Cut):
        trust.pin(FIRST.content, FIRST.sha256)
    found = trust.read()
    assert (found is not None) == (number == 2 and after)
    # Even another one, as long as none is trusted.
    again = FIRST if found else SECOND
    assert trust.pin(again.content, again.sha256).keyring == now(trust) == again
    assert [path.name for path in trust.folder.glob("keyring.*")] == [again.file_name]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(4))
def test_a_rotation_that_is_cut_anywhere_leaves_one_whole_keyring(
    pinned: Trust, monkeypatch: pytest.MonkeyPatch, number: int, after: bool
) -> None:
    pinned.accept_release("c", 5, ONE)
    files = signatures(OTHER_SECOND, "alice", "bob")
    with cut_at(monkeypatch, number, after=after), pytest.raises(Cut):
        pinned.rotate(OTHER_SECOND.content, files)
    done = number == 3 and after
    assert now(pinned) == (OTHER_SECOND if done else FIRST)
    with pytest.raises(TrustRefused, match="no way back"):
        pinned.check_release("c", 4, ONE)
    if not done:
        kept = signatures(SECOND, "alice", "dora", "bob")
        pinned.rotate(SECOND.content, kept)
        assert now(pinned) == SECOND
        assert sorted(pinned.signatures(2).values()) == sorted(kept.values())


def test_a_folder_that_cannot_be_written_is_said_and_nothing_changes(
    pinned: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes, mode: int = 0o600) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(trust_module, "write_durably", full)
    with pytest.raises(TrustRefused, match=r"cannot be kept.*No space left") as refused:
        pinned.accept_release("c", 1, ONE)
    assert "what was trusted before stays trusted" in str(refused.value)
    assert now(pinned) == FIRST
    blocked = pinned.folder / "file"
    blocked.touch()
    with pytest.raises(TrustRefused, match="cannot use"):
        Trust(blocked / "x").pin(FIRST.content, FIRST.sha256)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        (STATE, None, "trust.json is gone"),
        (STATE, b"", "trust.json is damaged"),
        (STATE, b"[]", "trust.json is damaged"),
        (STATE, b'{"format": 1, "keyring": {}, "releases": {}}', "trust.json is damaged"),
        (STATE, b'{"format": 1, "keyring": {"version": true, "sha256": "x"}, "releases": {}}', "trust.json is damaged"),
        (STATE, b'{"format": 1, "keyring": 7, "releases": {"c": 7}}', "trust.json is damaged"),
        (STATE, b'{"format": 2, "keyring": {}, "releases": {}}', "another format"),
        (STATE, b" " * (2 << 20), "larger than any"),
        ("keyring.1.json", None, "keyring.1.json is gone"),
        ("keyring.1.json", b"{}", "keyring.1.json cannot be read"),
        ("keyring.1.json", FIRST.content + b"\n", "not the one that was trusted"),
    ],
)
def test_a_folder_that_was_changed_by_others_trusts_nothing(
    pinned: Trust, name: str, content: bytes | None, why: str
) -> None:
    path = pinned.folder / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    for act in (
        pinned.read,
        lambda: pinned.pin(FIRST.content, FIRST.sha256),
        lambda: pinned.accept_release("c", 1, ONE),
        lambda: pinned.rotate(SECOND.content, signatures(SECOND, "alice", "bob")),
    ):
        with pytest.raises(TrustRefused, match=why) as refused:
            act()
        assert "nothing is trusted until it is whole" in str(refused.value)


def test_one_who_holds_the_folder_is_waited_for_but_not_for_ever(
    pinned: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust_module, "_LOCK_DEADLINE_S", 0.1)
    descriptor = os.open(pinned.folder / LOCK, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(HeldByOther, match="another process has been changing"):
            pinned.accept_release("c", 1, ONE)
        # Reading waits for nobody.
        assert pinned.read() is not None
    finally:
        os.close(descriptor)
    pinned.accept_release("c", 1, ONE)


ACCEPT = """
import sys
from pathlib import Path
from console.errors import TrustRefused
from console.node.release.trust import Trust
trust, own = Trust(Path(sys.argv[1])), int(sys.argv[2])
sys.stdin.readline()
for sequence in range(40):
    trust.accept_release(f"chain-{own}", sequence, f"{sequence:064x}")
    try:
        trust.accept_release("common", sequence, f"{own:064x}")
    except TrustRefused:
        pass
"""


def test_processes_at_once_lose_nothing_of_each_other(pinned: Trust) -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", ACCEPT, str(pinned.folder), str(own)], stdin=subprocess.PIPE)
        for own in range(3)
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(b"go\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate(timeout=120)
        assert worker.returncode == 0
    trusted = pinned.read()
    assert trusted is not None
    assert {chain: seen.sequence for chain, seen in trusted.releases.items()} == {
        "chain-0": 39,
        "chain-1": 39,
        "chain-2": 39,
        "common": 39,
    }
    assert sorted(path.name for path in pinned.folder.iterdir()) == ["keyring.1.json", STATE, LOCK]


def test_only_so_many_chains_are_remembered(pinned: Trust, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_module, "MAX_CHAINS", 1)
    pinned.accept_release("c", 1, ONE)
    with pytest.raises(TrustRefused, match="no more are taken"):
        pinned.accept_release("d", 1, ONE)
    assert pinned.accept_release("c", 2, ONE).releases == {"c": SeenRelease(2, ONE)}


def test_nothing_of_the_state_is_left_to_guess(pinned: Trust) -> None:
    pinned.accept_release("c", 5, ONE)
    assert json.loads((pinned.folder / STATE).read_bytes()) == {
        "format": 1,
        "keyring": {"version": 1, "sha256": FIRST.sha256},
        "releases": {"c": {"sequence": 5, "sha256": ONE}},
    }


class NeverBack(RuleBasedStateMachine):
    """Whatever is offered in whatever order, keyring and sequences only rise, and no sequence changes its bytes."""

    @initialize()
    def begin(self) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.trust = Trust(Path(self.folder.name, "trust"))
        self.trust.pin(FIRST.content, FIRST.sha256)
        self.version = 1
        self.seen: dict[str, tuple[int, str]] = {}

    @rule(chain=st.sampled_from("ab"), sequence=st.integers(0, 4), sha256=st.sampled_from((ONE, TWO)))
    def release(self, chain: str, sequence: int, sha256: str) -> None:
        before = self.seen.get(chain, (-1, ""))
        allowed = sequence > before[0] or (sequence, sha256) == before
        try:
            self.trust.accept_release(chain, sequence, sha256)
        except TrustRefused:
            assert not allowed
        else:
            assert allowed
            self.seen[chain] = (sequence, sha256)

    @rule(new=st.sampled_from((FIRST, SECOND, OTHER_SECOND, THIRD)), words=st.sets(st.sampled_from(("bob", "dora"))))
    def keyring(self, new: Keyring, words: set[str]) -> None:
        try:
            self.trust.rotate(new.content, signatures(new, "alice", *words))
        except (TrustRefused, KeyringRefused):
            return
        assert new.version in (self.version, self.version + 1)
        self.version = new.version

    @invariant()
    def kept(self) -> None:
        trusted = self.trust.read()
        assert trusted is not None
        assert trusted.keyring.version == self.version
        assert {chain: (each.sequence, each.sha256) for chain, each in trusted.releases.items()} == self.seen

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


NeverBack.TestCase.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
TestNeverBack = NeverBack.TestCase
