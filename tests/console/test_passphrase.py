"""A keystore's passphrase: at a real terminal, from a file or a credential; by real signer processes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pexpect
import pytest
from eth_account import Account

from console import passphrase
from console.chain.signing import PlainTerminal, SignerProcess
from console.chain.typed_data import VoteMessage
from console.errors import SignerError
from console.ports.keys import KeyKind, KeyReference
from console.private_file import Refused

SECRET = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
PASSPHRASE = "correct horse"
TRANSACTION: dict[str, Any] = {
    "type": 2,
    "from": ADDRESS,
    "chainId": 31337,
    "nonce": 4,
    "to": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    "value": 0,
    "data": "0xdeadbeef00",
    "gas": 90000,
    "maxFeePerGas": 300,
    "maxPriorityFeePerGas": 100,
}
ASKED = "Passphrase \\(not shown; Ctrl-C to refuse\\): "

# What a verb does: one signature, and the terminal as it was afterwards.
VERB = textwrap.dedent(
    """
    import asyncio, json, os, sys, termios
    from console.chain.signing import PlainTerminal, SignerProcess
    from console.errors import SignerError
    from console.ports.keys import KeyReference
    from pathlib import Path

    async def main():
        before = termios.tcgetattr(0)
        process = SignerProcess(terminal=PlainTerminal())
        await process.prepare()
        try:
            signed = await process.sign(KeyReference(Path(sys.argv[1])), json.loads(sys.argv[2]))
            print("SIGNED", signed.sender)
        except SignerError as error:
            print("REFUSED", error)
        finally:
            await process.close()
        same = termios.tcgetattr(0) == before
        print("TERMINAL", same, os.tcgetpgrp(0) == os.getpgrp(), flush=True)
    asyncio.run(main())
    """
)


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    return write(
        tmp_path / "keystore.json", json.dumps(Account.encrypt(bytes.fromhex(SECRET), PASSPHRASE, iterations=1024))
    )


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def verb(keystore: Path) -> pexpect.spawn[str]:
    arguments = ["-c", VERB, str(keystore), json.dumps(TRANSACTION)]
    return pexpect.spawn(sys.executable, arguments, encoding="utf-8", timeout=60)


def answer(key: KeyReference) -> str:
    async def scenario() -> str:
        process = SignerProcess()
        try:
            return (await process.sign(key, TRANSACTION)).sender
        finally:
            await process.close()

    return asyncio.run(scenario())


class TestAtTheTerminal:
    def test_it_says_what_is_signed_asks_without_echo_and_signs(self, keystore: Path) -> None:
        child = verb(keystore)
        child.expect(ASKED)
        said = child.before or ""
        assert "on chain 31337: function 0xdeadbeef, nonce 4, cost at most 27000000 wei." in said
        assert TRANSACTION["to"] in said
        child.sendline(PASSPHRASE)
        child.expect(f"SIGNED {ADDRESS}")
        assert PASSPHRASE not in (child.before or "")
        child.expect("TERMINAL True True")
        child.expect(pexpect.EOF)

    def test_three_tries(self, keystore: Path) -> None:
        child = verb(keystore)
        for told in ("2 tries left", "1 try left", "REFUSED the passphrase was wrong 3 times; nothing was sent."):
            child.expect(ASKED)
            child.sendline("wrong")
            child.expect(told)
        child.expect("TERMINAL True True")
        child.expect(pexpect.EOF)

    def test_a_second_try_may_be_right(self, keystore: Path) -> None:
        child = verb(keystore)
        child.expect(ASKED)
        child.sendline("wrong")
        child.expect(ASKED)
        child.sendline(PASSPHRASE)
        child.expect(f"SIGNED {ADDRESS}")
        child.expect(pexpect.EOF)

    @pytest.mark.parametrize("character", ["\x03", "\x04", "\r"], ids=["Ctrl-C", "Ctrl-D", "Enter"])
    def test_refusing_ends_the_signer_and_not_the_caller(self, keystore: Path, character: str) -> None:
        child = verb(keystore)
        child.expect(ASKED)
        child.send(character)
        child.expect("REFUSED no passphrase was given; nothing was sent.")
        child.expect("TERMINAL True True")
        child.expect(pexpect.EOF)

    def test_a_marked_paste_is_no_passphrase(self, keystore: Path) -> None:
        child = verb(keystore)
        child.expect(ASKED)
        child.send(f"\x1b[200~{PASSPHRASE}\x1b[201~\r")
        child.expect("REFUSED what was typed is no passphrase")
        child.expect("TERMINAL True True")
        child.expect(pexpect.EOF)

    def test_what_was_typed_ahead_answers_nothing(self, keystore: Path) -> None:
        child = verb(keystore)
        child.sendline(PASSPHRASE)
        child.expect(ASKED)
        child.send("\x04")
        child.expect("REFUSED no passphrase was given")
        child.expect(pexpect.EOF)

    def test_a_signer_that_is_killed_while_it_asks_leaves_the_terminal_usable(self, keystore: Path) -> None:
        child = verb(keystore)
        child.expect(ASKED)
        signer = os.tcgetpgrp(child.child_fd)
        assert signer != child.pid
        os.kill(signer, 9)
        child.expect("REFUSED the signer ended without an answer")
        child.expect("TERMINAL True True")
        child.expect(pexpect.EOF)


class TestWithoutATerminal:
    def test_one_sentence(self, keystore: Path) -> None:
        with pytest.raises(SignerError, match=r"there is no terminal to ask on: run it in a terminal, or export"):
            answer(KeyReference(keystore))

    def test_a_verb_without_one(self, keystore: Path) -> None:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                VERB.replace("termios.tcgetattr(0)", "0").replace("os.tcgetpgrp(0)", "0"),
                str(keystore),
                json.dumps(TRANSACTION),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            start_new_session=True,
            check=True,
        )
        assert "REFUSED a passphrase is needed and there is no terminal to ask on" in done.stdout

    def test_the_address_needs_no_passphrase(self, keystore: Path, tmp_path: Path) -> None:
        async def scenario() -> None:
            found = await SignerProcess(terminal=PlainTerminal()).describe(KeyReference(keystore))
            assert (found.address, found.kind, found.warnings) == (ADDRESS, KeyKind.KEYSTORE, ())

        asyncio.run(scenario())
        silent = json.loads(keystore.read_text())
        del silent["address"]
        nameless = write(tmp_path / "nameless", json.dumps(silent))
        with pytest.raises(SignerError, match="does not say its address: name it in the settings"):
            asyncio.run(SignerProcess().address(KeyReference(nameless)))
        assert asyncio.run(SignerProcess().address(KeyReference(nameless, ADDRESS))) == ADDRESS


class TestUnattended:
    def test_from_a_file(self, keystore: Path, tmp_path: Path) -> None:
        given = write(tmp_path / "passphrase", PASSPHRASE + "\n")
        assert answer(KeyReference(keystore, passphrase_file=given)) == ADDRESS
        write(given, "wrong\n")
        with pytest.raises(SignerError, match=r"the passphrase does not open the keystore .*; nothing was sent"):
            answer(KeyReference(keystore, passphrase_file=given))

    def test_from_a_credential(self, keystore: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
        key = KeyReference(keystore, credential="operator")
        with pytest.raises(SignerError, match="add LoadCredential=operator:FILE to the unit"):
            answer(key)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        with pytest.raises(SignerError, match="there is no credential"):
            answer(key)
        # As systemd makes them: read by the owner, and by the mask of an access list.
        write(tmp_path / "operator", PASSPHRASE, 0o440)
        assert answer(key) == ADDRESS

    def test_an_address_of_the_settings_that_is_not_the_keys(self, keystore: Path, tmp_path: Path) -> None:
        given = write(tmp_path / "passphrase", PASSPHRASE)
        silent = json.loads(keystore.read_text())
        del silent["address"]
        write(keystore, json.dumps(silent))
        other = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
        with pytest.raises(SignerError, match=f"does not hold the key of {other}"):
            answer(KeyReference(keystore, other, passphrase_file=given))

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o700, 0o620])
    def test_a_file_that_is_open_to_others(self, tmp_path: Path, mode: int) -> None:
        with pytest.raises(Refused, match=f"mode {mode:04o}: run `chmod 600`"):
            passphrase.from_file(str(write(tmp_path / "p", PASSPHRASE, mode)), credential=False)

    @pytest.mark.parametrize("mode", [0o644, 0o460, 0o444, 0o740])
    def test_a_credential_that_systemd_did_not_make(self, tmp_path: Path, mode: int) -> None:
        with pytest.raises(Refused, match="not one that systemd made"):
            passphrase.from_file(str(write(tmp_path / "p", PASSPHRASE, mode)), credential=True)

    @pytest.mark.parametrize("text", ["", "\n", "\nx", "a\nb", "a\0b", "x" * 1025, "x" * 5000])
    def test_contents(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(Refused, match="does not hold one passphrase"):
            passphrase.from_file(str(write(tmp_path / "p", text)), credential=False)

    def test_what_counts_as_the_passphrase(self, tmp_path: Path) -> None:
        for text, expected in (
            ("a b \r\n", b"a b "),
            (" x", b" x"),
            ("ü\n\n", "ü".encode()),
            ("x" * 1024, b"x" * 1024),
        ):
            assert passphrase.from_file(str(write(tmp_path / "p", text)), credential=False) == expected

    def test_a_link_and_a_file_of_another_user(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        given = write(tmp_path / "p", PASSPHRASE)
        (tmp_path / "link").symlink_to(given)
        with pytest.raises(Refused, match="symbolic link"):
            passphrase.from_file(str(tmp_path / "link"), credential=False)
        monkeypatch.setattr(os, "geteuid", lambda: given.stat().st_uid + 1)
        with pytest.raises(Refused, match="another user"):
            passphrase.from_file(str(given), credential=False)

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_neither_arguments_nor_environment_hold_it(
        self, keystore: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        monkeypatch.setenv("KEYSTORE_PASSPHRASE", PASSPHRASE)

        async def scenario() -> None:
            process = SignerProcess()
            await process.prepare()
            waiting = process._waiting
            assert waiting is not None
            for name in ("cmdline", "environ"):
                assert PASSPHRASE.encode() not in Path(f"/proc/{waiting.pid}/{name}").read_bytes()
            await process.close()

        asyncio.run(scenario())


def test_a_vote_is_signed_with_a_keystore(keystore: Path, tmp_path: Path) -> None:
    given = write(tmp_path / "passphrase", PASSPHRASE)
    message = VoteMessage(31337, TRANSACTION["to"], 7, True, ADDRESS, 0, 500)

    async def scenario() -> str:
        process = SignerProcess()
        return (await process.sign_typed(KeyReference(keystore, passphrase_file=given), message)).signer

    assert asyncio.run(scenario()) == ADDRESS
