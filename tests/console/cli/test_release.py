"""`release …` as its makers and operators type it, with real OpenSSH keys."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from console.node.migration.exploits import RETURN_0, plain_module
from tests.console.cli.conftest import Outcome, Run
from tests.console.cli.release_bench import CHAIN, SSH_KEYGEN, Project

pytestmark = pytest.mark.skipif(SSH_KEYGEN is None, reason="ssh-keygen is not installed")


@pytest.fixture
def project(tmp_path: Path, cli: Run) -> Project:
    found = Project(tmp_path / "work", cli)
    found.settings()
    return found


def test_a_release_from_keyring_to_verified(project: Project) -> None:
    project.pin()
    digest = project.make()
    for name in ("alice", "bob"):
        signed = project.sign(name)
        assert signed.code == 0, signed
        assert f"{name} signed as developer" in signed.out
        assert f"sha256    {digest}" in signed.err  # what is signed is shown before, where ssh-keygen asks
    assert project.build().code == 0
    found = project.verify("--hash", f"sha256:{digest}", "--height", "1500", "--name", "v0.2.0")
    assert found.code == 0, found
    assert "It may be staged." in found.out
    assert "2 of 2 signed (alice, bob)" in found.out
    assert "1 of 1 signed (bea)" in found.out
    document = json.loads(project.verify("--json", "--hash", digest).out)
    assert (document["accepted"], document["exit_code"], document["sha256"]) == (True, 0, digest)
    assert {(each["role"], each["name"]) for each in document["signatures"]} == {
        ("developer", "alice"),
        ("developer", "bob"),
        ("builder", "bea"),
    }


def test_stock_openssh_agrees(project: Project, cli: Run) -> None:
    project.pin()
    project.make()
    assert project.sign("alice").code == 0
    allowed = project.folder / "allowed_signers"
    allowed.write_text(cli("release", "keyring", "show", "--allowed-signers").out)
    command = [
        SSH_KEYGEN or "", "-Y", "verify", "-f", str(allowed), "-I", "alice", "-n", "release@upgrade-console",
        "-s", project.path("manifest.json.alice.developer.sshsig"),
    ]  # fmt: skip
    content = (project.folder / "manifest.json").read_bytes()
    assert subprocess.run(command, input=content, capture_output=True).returncode == 0
    assert subprocess.run(command, input=content + b" ", capture_output=True).returncode != 0


def test_what_stock_openssh_signs_counts(project: Project) -> None:
    project.pin()
    project.make()
    for name in ("alice", "bob"):
        command = [SSH_KEYGEN or "", "-Y", "sign", "-f", project.path(name), "-n", "release@upgrade-console", "-q"]
        content = (project.folder / "manifest.json").read_bytes()
        done = subprocess.run(command, input=content, capture_output=True, check=True)
        (project.folder / f"{name}.sig").write_bytes(done.stdout)
    assert project.build().code == 0
    given = [word for name in ("alice", "bob") for word in ("--signatures", project.path(f"{name}.sig"))]
    builder = ["--signatures", project.path("manifest.json.bea.builder.sshsig")]
    assert project.verify(*given, *builder).code == 0
    assert project.verify(*builder).code == 11  # no plan is known, so nobody vouches for the bytes


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--hash", "0" * 64], 10, "and the chain says"),
        (["--height", "99", "--platform", "linux/amd64"], 19, "the plan is for height 99"),
        (["--binary", "fendermint=other"], 23, "other has sha256"),
        (["--binary", "fendermint=short"], 23, "short has 5 bytes, and fendermint has 16000"),
        (["--binary", "cometbft=other"], 23, "the release has no cometbft"),
    ],
)
def test_each_failure_has_its_exit_code(
    project: Project, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, words: str
) -> None:
    project.pin()
    digest = project.make("--min-height", "100")
    (project.folder / "other").write_bytes(b"x" * 16000)
    (project.folder / "short").write_bytes(b"short")
    monkeypatch.chdir(project.folder)
    for name in ("alice", "carol"):
        assert project.sign(name).code == 0
    assert project.build().code == 0
    found = project.verify("--hash", digest, *arguments)
    assert (found.code, found.err) == (code, "")
    assert words in found.out
    assert "It may NOT be staged." in found.out


def test_too_few_and_the_same_key_twice(project: Project) -> None:
    project.pin()
    digest = project.make()
    assert project.sign("alice").code == 0
    assert project.build().code == 0
    one = (project.folder / "manifest.json.alice.developer.sshsig").read_bytes()
    (project.folder / "manifest.json.bob.developer.sshsig").write_bytes(one)
    found = project.verify("--hash", digest)
    assert found.code == 16
    assert "1 of 2 signed (alice)" in found.out
    assert project.verify().code == 11


def test_a_changed_byte_is_another_release(project: Project) -> None:
    project.pin()
    digest = project.make()
    for name in ("alice", "bob"):
        assert project.sign(name).code == 0
    file = project.folder / "manifest.json"
    file.write_bytes(file.read_bytes().replace(b'"breaking": true', b'"breaking":false'))
    found = project.verify("--hash", digest)
    assert found.code == 10
    assert "not one of these bytes" in found.out


def test_without_a_keyring_only_a_network_that_asks_for_none_goes_by_the_chain(project: Project) -> None:
    digest = project.make("--project", "demo", "--keyring", "1")
    assert project.verify("--hash", digest).code == 15
    project.settings(signatures="off")
    found = project.verify("--hash", digest)
    assert found.code == 0
    assert "the chain's hash alone vouches" in found.out
    assert project.verify().code == 11  # never nothing


def test_a_manifest_comes_from_stdin(project: Project, monkeypatch: pytest.MonkeyPatch, cli: Run) -> None:
    project.pin()
    digest = project.make()
    for name in ("alice", "bob"):
        assert project.sign(name).code == 0
    assert project.build().code == 0
    content = (project.folder / "manifest.json").read_bytes()

    def given() -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    given()
    shown = cli("release", "show", "-")
    assert digest in shown.out
    assert "Nothing was verified" in shown.out
    given()
    found = cli("release", "verify", "-", "--hash", digest, "--signatures", project.path(""))
    assert found.code == 0, found


def unsigned(outcome: Outcome, *parts: str) -> None:
    """It exited 1; the last line on stderr, below what would have been signed, is one sentence with these parts."""
    assert (outcome.code, outcome.out) == (1, ""), outcome
    last = outcome.err.splitlines()[-1]
    assert last.startswith("upgrade-console: "), outcome
    for part in parts:
        assert part in last, outcome


def test_signing_refuses_what_would_not_count(project: Project) -> None:
    project.pin()
    project.make()
    unsigned(project.sign("operator"), "lets SHA256:", "sign nothing as developer")
    unsigned(project.sign("bea"), "sign nothing as developer")
    unsigned(project.sign("nobody"), "there is no key file")
    unsigned(project.sign("bea", "builder"), "a builder signs for bytes that they built")
    (project.folder / "mine").write_bytes(b"other")
    unsigned(project.sign("bea", "builder", "--binary", f"any:fendermint={project.path('mine')}"), "the builds differ")
    unsigned(project.sign("ada", "auditor"), "no WASM migration")
    (project.folder / "manifest.json").write_text("{}")
    unsigned(project.sign("alice"), "the manifest lacks format")
    assert not list(project.folder.glob("*.sshsig"))


def test_make_looks_into_an_archive_and_refuses_another_binary(project: Project) -> None:
    project.pin()
    for name, member in (("good", "fendermint"), ("bad", "alice")):
        with tarfile.open(project.folder / f"{name}.tar.gz", "w:gz") as archive:
            archive.add(project.folder / member, "dist/fendermint")
    where = "linux/amd64:fendermint"
    common = ["--binary", f"{where}={project.path('fendermint')}", "--member", f"{where}=dist/fendermint"]
    project.make(*common, "--archive", f"{where}={project.path('good.tar.gz')}")
    made = json.loads((project.folder / "manifest.json").read_bytes())
    archive = made["platforms"]["linux/amd64"]["binaries"]["fendermint"]["archive"]
    packed = (project.folder / "good.tar.gz").read_bytes()
    assert archive == {
        "sha256": hashlib.sha256(packed).hexdigest(),
        "size": len(packed),
        "packing": "tar.gz",
        "member": "dist/fendermint",
    }
    base = ["release", "make", "--name", "v1", "--version", "1", "--sequence", "1", "--out", project.path("x.json")]
    bad = project.cli(*base, *common, "--archive", f"{where}={project.path('bad.tar.gz')}")
    bad.refused_with("dist/fendermint in", "and the binary has")
    project.cli(*base, *common).refused_with("needs both --archive and --member")
    project.cli(*base, "--binary", "fendermint=x").refused_with("is not PLATFORM:PROGRAM=VALUE")
    project.cli(*base, "--source", f"{where}=https://a.example/").refused_with("there is no --binary")
    project.cli(*base).refused_with("platforms must be a table of 1 to 16 entries")
    assert not (project.folder / "x.json").exists()


def test_a_manifest_that_may_be_signed_is_not_replaced(project: Project) -> None:
    project.pin()
    before = project.make()
    assert project.make() == before  # the same again
    found = project.cli(
        "release", "make", "--name", "v9", "--version", "9", "--sequence", "9", "--out", project.path("manifest.json"),
        "--binary", f"any:fendermint={project.path('fendermint')}",
    )  # fmt: skip
    found.refused_with("is there with other bytes, which may have been signed", "it was not replaced")


def test_keyrings_follow_each_other_by_both_sides_signatures(project: Project, cli: Run) -> None:
    project.pin()
    added = cli(
        "release", "keyring", "add", "--developer", project.pub("operator"), "--remove", "carol",
        "--retire", "alice=9", "--out", project.path("keyring.2.json"),
    )  # fmt: skip
    assert added.code == 0, added
    rotate = ["release", "keyring", "rotate", project.path("keyring.2.json")]
    cli(*rotate).refused_with("needs 2 signatures of developers of keyring 1 and has 0")
    for name in ("alice", "bob", "operator"):
        signed = cli(
            "release", "sign", project.path("keyring.2.json"), "--key", project.path(name), "--role", "keyring"
        )
        assert signed.code == 0, signed
    turned = cli(*rotate, "--json")
    assert turned.code == 0, turned
    document = json.loads(turned.out)
    assert (document["version"], document["trusted"]) == (2, True)
    cli("release", "keyring", "rotate", project.path("keyring.1.json")).refused_with("is older than keyring 2")
    shown = cli("release", "keyring", "show")
    assert "Keyring 2 of demo" in shown.out
    assert "carol" not in shown.out
    assert "releases 0 to 9" in shown.out


def test_a_keyring_is_pinned_by_its_hash_only(project: Project, cli: Run) -> None:
    digest = project.keyring()
    file = project.path("keyring.1.json")
    cli("release", "keyring", "show").refused_with("no keyring is pinned here for calib")
    cli("release", "keyring", "pin", file, "--hash", "1" * 64).refused_with("has sha256", "nothing was trusted")
    cli("release", "keyring", "pin", file, "--hash", "abc").refused_with("64 hex digits")
    assert cli("release", "keyring", "pin", file, "--hash", digest).code == 0
    again = cli("release", "keyring", "init", "--project", "other", "--developer", project.pub("alice"),
                "--developers-needed", "1", "--out", file)  # fmt: skip
    again.refused_with("is there with other bytes")


def test_an_own_build_is_attested_for_a_trusted_release_only(project: Project) -> None:
    project.pin()
    digest = project.make()
    (project.folder / "mine").write_bytes(b"my own build")
    attest = ["release", "attest", project.path("manifest.json"), "--hash", digest]
    build = ["--binary", f"fendermint={project.path('mine')}"]
    project.cli(*attest, *build, "--reason", "musl").refused_with("the release is not trusted")
    for name in ("alice", "bob"):
        assert project.sign(name).code == 0
    assert project.build().code == 0
    project.cli(*attest, *build).refused_with("say why with --reason")
    project.cli(*attest, "--reason", "musl").refused_with("name your build")
    found = project.cli(*attest, *build, "--reason", "built for musl", "--key", project.path("operator"), "--json")
    assert found.code == 0, found
    document = json.loads(found.out)
    assert document["binaries"]["fendermint"]["sha256"] == hashlib.sha256(b"my own build").hexdigest()
    assert "do not allow own builds" in document["note"]
    kept = Path(document["file"])
    assert json.loads(kept.read_bytes())["reason"] == "built for musl"
    assert kept.with_name(f"{kept.name}.sshsig").is_file()
    project.settings(own_builds=True)
    found = project.cli(*attest, *build, "--reason", "again, unsigned")
    assert "will not run yet" not in found.out
    assert not kept.with_name(f"{kept.name}.sshsig").exists()


def test_show_tells_everything_and_needs_no_network(project: Project, cli: Run, tmp_path: Path) -> None:
    migration = project.folder / "migration.json"
    migration.write_text(json.dumps({"kind": "compiled", "id": "fee-market-2"}))
    project.make(
        "--project", "demo", "--keyring", "1", "--migration", str(migration), "--not-after", "2027-01-31T12:00:00Z"
    )
    (tmp_path / "config" / "upgrade-console" / "config.toml").unlink()
    shown = cli("release", "show", project.path("manifest.json"))
    assert shown.code == 0
    for words in (CHAIN, "fee-market-2", "https://releases.example/fendermint", "2027-01-31 12:00 UTC", "breaking"):
        assert words in shown.out
    document = json.loads(cli("release", "show", "--json", project.path("manifest.json")).out)
    assert document["verified"] is False
    cli("release", "show", project.path("missing")).refused_with("there is no file")


def wasm_release(project: Project, module: bytes) -> str:
    """A release with this module as its migration, signed by everybody whom it needs; its hash."""
    (project.folder / "module.wasm").write_bytes(module)
    section = {
        "kind": "wasm",
        "sha256": hashlib.sha256(module).hexdigest(),
        "size": len(module),
        "entry_point": "migrate",
        "writable_keys": ["0x77*"],
        "fuel": 1_000_000,
        "memory_pages": 2,
    }
    (project.folder / "migration.json").write_text(json.dumps(section))
    project.pin()
    digest = project.make("--migration", project.path("migration.json"))
    for name, role in (("alice", "developer"), ("bob", "developer"), ("ada", "auditor")):
        assert project.sign(name, role).code == 0
    assert project.build().code == 0
    return digest


def test_a_wasm_migration_is_run_without_consequences(project: Project) -> None:
    module = plain_module(1, RETURN_0)
    digest = wasm_release(project, module)
    found = project.verify("--hash", digest)
    assert found.code == 21
    assert "its module" in found.out
    assert "give it with --wasm" in found.out
    found = project.verify("--hash", digest, "--wasm", project.path("module.wasm"))
    assert found.code == 0, found
    assert "known attacks on this machine" in found.out
    assert "1 of 1 signed (ada)" in found.out
    (project.folder / "module.wasm").write_bytes(module + b"\0")
    found = project.verify("--hash", digest, "--wasm", project.path("module.wasm"))
    assert found.code == 21
    assert "not the one that the manifest names" in found.out


def test_a_wasm_migration_that_fails_says_so(project: Project) -> None:
    digest = wasm_release(project, plain_module(1, RETURN_0.replace(b"\x41\x00", b"\x41\x07")))
    arguments = ["--hash", digest, "--wasm", project.path("module.wasm")]
    found = project.verify(*arguments)
    assert found.code == 0
    assert "on an empty state" in found.out
    state = project.folder / "state.json"
    state.write_text('{"0x7701": "0x01"}')
    assert project.verify(*arguments, "--state", str(state)).code == 21
    state.write_text('{"77": "0x01"}')
    project.verify(*arguments, "--state", str(state)).refused_with("keys and values are 0x and hex digits")


def test_a_manifest_is_given_to_a_node_only_when_it_may_be_staged(project: Project, cli: Run) -> None:
    project.pin()
    project.make()
    config = project.folder.parent / "config" / "upgrade-console" / "config.toml"
    home = project.folder / "home"
    (home / "cosmovisor").mkdir(parents=True)
    state = project.folder / "state"
    node = {"home": home, "state_dir": state, "daemon": "fendermint", "address": "0x" + "1" * 40}
    lines = [f"{key} = {json.dumps(str(value))}" for key, value in node.items()]
    urls = [f'{key} = "http://127.0.0.1:1"' for key in ("cometbft_rpc", "ethereum_rpc")]
    config.write_text(config.read_text() + "\n".join(["[networks.calib.nodes.n1]", *lines, *urls]) + "\n")
    give = ["node", "add-upgrade", "v0.2.0", "--manifest", project.path("manifest.json")]
    cli(*give).refused_with("the release is not trusted", "nobody vouches")
    for name in ("alice", "bob"):
        assert project.sign(name).code == 0
    cli(*give).refused_with("0 of 1 signed")
    assert project.build().code == 0
    found = cli(*give)
    assert found.code == 0, found
    assert "signed by alice, bob, bea" in found.out
    kept = state / "manifests" / "v0.2.0"
    assert (kept / "manifest.json").read_bytes() == (project.folder / "manifest.json").read_bytes()
    assert len(list(kept.glob("*.sshsig"))) == 3
    assert cli("node", "add-upgrade", "v0.2.0").code == 2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--height", "500"], "the manifest is for heights 1000 to 9007199254740991, not 500"),
        (["--height", "2000"], "does not answer"),  # all that can be checked without the chain was right
    ],
)
def test_a_manifest_is_proposed_as_it_says_itself(project: Project, cli: Run, more: list[str], words: str) -> None:
    project.make("--project", "demo", "--keyring", "1", "--min-height", "1000")
    base = ["propose", "--manifest", project.path("manifest.json"), "--manifest-url", "https://a.example/manifest.json"]
    cli(*base, *more).refused_with(words)


def test_a_proposal_names_a_binary_or_a_manifest(project: Project, cli: Run) -> None:
    for line, words in (
        (["--height", "5"], "a binary needs --name, --binary-url and --binary-hash"),
        (["--height", "5", "--manifest", "m"], "a manifest says name, hash and rules itself"),
        (["--height", "5", "--manifest", "m", "--manifest-url", "u", "--not-breaking"], "says name, hash and rules"),
        (["--height", "5", "--manifest", "m", "--manifest-url", "u", "--name", "n"], "says name, hash and rules"),
    ):
        found = cli("propose", *line)
        assert (found.code, found.out) == (2, "")
        assert words in found.err
    project.make("--project", "demo", "--keyring", "1", "--chain", "other-1")
    base = ["propose", "--manifest", project.path("manifest.json"), "--manifest-url", "https://a.example/manifest.json"]
    cli(*base, "--height", "5").refused_with("the manifest is for chain other-1, and calib is")
