"""The signer process: what it signs, what it refuses, and that the key stays in it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given, settings
from hypothesis import strategies as st

from console import signer
from console.chain.signing import SignerProcess
from console.errors import SignerError
from console.node.abort import Member, Plan, SignedStatement, Statement, parse_text, verify_statement
from console.ports.keys import KeyReference
from console.private_file import Refused

SECRET = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
TARGET = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
DYNAMIC: dict[str, Any] = {
    "type": 2,
    "chainId": 31337,
    "nonce": 4,
    "to": TARGET,
    "value": 0,
    "data": "0xdeadbeef",
    "gas": 90000,
    "maxFeePerGas": 300,
    "maxPriorityFeePerGas": 100,
}
LEGACY: dict[str, Any] = {
    **{name: value for name, value in DYNAMIC.items() if name not in {"type", "maxFeePerGas", "maxPriorityFeePerGas"}},
    "gasPrice": 200,
}


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "node1-operator.key"
    path.write_text(f"0x{SECRET}\n")
    path.chmod(0o600)
    return path


def run(request: object, *arguments: str, line: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """One signer process."""
    return subprocess.run(
        [sys.executable, "-m", "console.signer", *arguments],
        input=json.dumps(request).encode() + b"\n" if line is None else line,
        capture_output=True,
        timeout=60,
        check=False,
    )


def answer(request: Mapping[str, object]) -> dict[str, str]:
    """The answer without a process."""
    found: dict[str, str] = signer._answer(json.dumps(request) + "\n", signing=True)
    return found


def refused(request: Mapping[str, object]) -> str:
    with pytest.raises(Refused) as caught:
        answer(request)
    sentence = str(caught.value)
    assert SECRET not in sentence
    assert sentence.isprintable()
    return sentence


class TestSigns:
    @pytest.mark.parametrize("transaction", [DYNAMIC, LEGACY], ids=["type 2", "legacy"])
    def test_what_eth_account_signs(self, key: Path, transaction: dict[str, Any]) -> None:
        done = run({"key": {"path": str(key)}, "transaction": {**transaction, "from": ADDRESS}})
        assert done.returncode == 0
        expected = Account.sign_transaction(transaction, "0x" + SECRET)
        assert json.loads(done.stdout) == {
            "raw": "0x" + bytes(expected.raw_transaction).hex(),
            "hash": "0x" + bytes(expected.hash).hex(),
            "from": ADDRESS,
        }
        assert Account.recover_transaction(json.loads(done.stdout)["raw"]) == ADDRESS

    def test_address_only(self, key: Path) -> None:
        done = run({"key": {"path": str(key)}}, "address")
        assert (done.returncode, json.loads(done.stdout)) == (
            0,
            {"from": ADDRESS, "kind": "raw", "warnings": []},
        )
        done = run({"key": {"path": str(key)}, "transaction": DYNAMIC}, "address")
        assert done.returncode == 1
        assert "address only" in json.loads(done.stdout)["error"]


class TestStatements:
    PLAN = Plan("ipc-test-1", TARGET, 7, "v0.2.0", 500)

    @property
    def text(self) -> str:
        return Statement(self.PLAN, ADDRESS, 500).text()

    def test_the_text_of_an_abort_statement_is_signed_as_a_personal_message(self, key: Path) -> None:
        done = run({"key": {"path": str(key)}, "statement": {"text": self.text, "from": ADDRESS}})
        assert done.returncode == 0
        found = json.loads(done.stdout)
        assert found["from"] == ADDRESS
        statement = SignedStatement(parse_text(self.text), found["signature"])
        assert verify_statement(statement, Member(1, "")) == ADDRESS
        assert Account.recover_message(encode_defunct(text=self.text), signature=found["signature"]) == ADDRESS

    def test_the_console_gets_it_through_the_process(self, key: Path) -> None:
        async def scenario() -> None:
            process = SignerProcess()
            await process.prepare()
            signed = await process.sign_statement(KeyReference(key), self.text, ADDRESS)
            assert signed.signer == ADDRESS
            assert process._waiting is None
            with pytest.raises(SignerError, match="only the text of an abort statement is signed"):
                await process.sign_statement(KeyReference(key), "send all my money")

        asyncio.run(scenario())

    def test_no_other_text_is_signed(self, key: Path) -> None:
        text = self.text
        others: list[object] = [
            "",
            "hello",
            text + "\n",
            text + "\nmore",
            " " + text,
            text.replace("ABORT", "CROSS"),
            text.replace("statement 1", "statement 2"),
            text.replace(TARGET.lower(), TARGET),
            text.replace("target height: 500", "target height: 0500"),
            "0x" + "00" * 32,
            None,
            1,
            [text],
        ]
        for other in others:
            sentence = refused({"key": {"path": str(key)}, "statement": {"text": other}})
            assert sentence == "only the text of an abort statement is signed"

    @pytest.mark.parametrize("statement", ["x", {}, {"text": "x", "more": 1}, {"from": ADDRESS}, [], 0, False, ""])
    def test_other_shapes_are_refused(self, key: Path, statement: object) -> None:
        refused({"key": {"path": str(key)}, "statement": statement})

    def test_another_key_than_the_named_one_does_not_sign(self, key: Path) -> None:
        sentence = refused({"key": {"path": str(key)}, "statement": {"text": self.text, "from": OTHER}})
        assert sentence == f"the key is that of {ADDRESS}, not of {OTHER}"
        assert "not an address" in refused({"key": {"path": str(key)}, "statement": {"text": self.text, "from": 1}})

    def test_a_transaction_beside_it_is_refused(self, key: Path) -> None:
        both = {"key": {"path": str(key)}, "statement": {"text": self.text}, "transaction": DYNAMIC}
        assert "a transaction and a statement" in refused(both)

    def test_a_signer_for_an_address_only_signs_none(self, key: Path) -> None:
        done = run({"key": {"path": str(key)}, "statement": {"text": self.text}}, "address")
        assert done.returncode == 1
        assert "address only" in json.loads(done.stdout)["error"]

    def test_a_wrong_text_is_refused_before_the_key_is_read(self, tmp_path: Path) -> None:
        request = {"key": {"path": str(tmp_path / "none.key")}, "statement": {"text": "hello"}}
        assert "only the text" in refused(request)

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.data())
    def test_any_change_of_the_text_leaves_a_statement_or_is_refused(self, data: st.DataObject) -> None:
        text = self.text
        at = data.draw(st.integers(0, len(text)))
        changed = text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 3)) :]
        try:
            checked, _ = signer._checked_statement({"text": changed})
        except Refused:
            return
        assert parse_text(checked).text() == changed
        assert checked.splitlines()[1] == "action: ABORT"


class TestRefusesTheKeyFile:
    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o400, 0o700, 0o601])
    def test_modes(self, key: Path, mode: int) -> None:
        key.chmod(mode)
        sentence = refused({"key": {"path": str(key)}})
        assert f"mode {mode:04o}" in sentence or "cannot open" in sentence

    def test_symbolic_link(self, key: Path, tmp_path: Path) -> None:
        link = tmp_path / "link.key"
        link.symlink_to(key)
        assert "symbolic link" in refused({"key": {"path": str(link)}})

    def test_another_user(self, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: key.stat().st_uid + 1)
        assert "another user" in refused({"key": {"path": str(key)}})

    def test_not_there(self, tmp_path: Path) -> None:
        assert "no key file" in refused({"key": {"path": str(tmp_path / "none\x1b[2J")}})

    def test_not_a_file(self, tmp_path: Path) -> None:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo, 0o600)
        for path in (tmp_path, fifo, Path("/dev/zero")):
            assert "not a regular file" in refused({"key": {"path": str(path)}})

    @pytest.mark.parametrize(
        "content",
        [
            "",
            SECRET,
            f"0x{SECRET[:-1]}",
            f"0x{SECRET}0",
            f"0x{SECRET} x",
            f"0x{SECRET[:-1]}g",
            "0x" + "0" * 64,
            "0x" + "f" * 64,
            '{"keys": {}}',
            f"0x{SECRET}" + " " * 5000,
        ],
        ids=["empty", "bare", "short", "long", "more", "not hex", "zero", "beyond the curve", "other JSON", "blanks"],
    )
    def test_contents(self, key: Path, content: str) -> None:
        key.write_text(content)
        sentence = refused({"key": {"path": str(key)}})
        assert "does not hold" in sentence
        assert SECRET[:16] not in sentence


class TestRefusesTheRequest:
    @pytest.mark.parametrize(
        "change",
        [
            {"from": OTHER},
            {"from": "0x12"},
            {"to": None},
            {"to": ""},
            {"to": "0x12"},
            {"chainId": 0},
            {"chainId": "1"},
            {"type": 1},
            {"type": 3},
            {"nonce": -1},
            {"nonce": True},
            {"gas": 1.5},
            {"value": 1 << 256},
            {"data": "deadbeef"},
            {"data": "0xabc"},
            {"data": None},
            {"gasPrice": 5},
            {"accessList": []},
        ],
    )
    def test_transactions(self, key: Path, change: dict[str, object]) -> None:
        refused({"key": {"path": str(key)}, "transaction": {**DYNAMIC, **change}})

    @pytest.mark.parametrize("name", sorted(DYNAMIC))
    def test_a_missing_field(self, key: Path, name: str) -> None:
        transaction = {field: value for field, value in DYNAMIC.items() if field != name}
        refused({"key": {"path": str(key)}, "transaction": transaction})

    def test_the_key_of_another_address(self, key: Path) -> None:
        sentence = refused({"key": {"path": str(key)}, "transaction": {**DYNAMIC, "from": OTHER}})
        assert sentence == f"the key is that of {ADDRESS}, not of {OTHER}"

    def test_what_is_wrong_is_refused_before_the_key_is_read(self, tmp_path: Path) -> None:
        missing = tmp_path / "none.key"
        assert "names no chain" in refused({"key": {"path": str(missing)}, "transaction": {**DYNAMIC, "chainId": 0}})

    @pytest.mark.parametrize(
        "line", [b"", b"{}\n", b"[]\n", b"x\n", b'{"key":{}}\n', b'{"key":{"path":1}}\n', b"x" * 300_000]
    )
    def test_lines(self, line: bytes) -> None:
        with pytest.raises(Refused):
            signer._answer(line.decode(), signing=True)

    def test_end_of_input_ends_it(self) -> None:
        done = run(None, "address", line=b"")
        assert done.returncode == 1
        assert "error" in json.loads(done.stdout)

    @settings(derandomize=True, deadline=None, max_examples=150)
    @given(
        st.dictionaries(
            st.sampled_from([*DYNAMIC, "gasPrice", "from", "x"]),
            st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(TARGET),
            max_size=9,
        )
    )
    def test_any_transaction_is_checked_or_refused(self, fields: dict[str, Any]) -> None:
        try:
            checked, _ = signer._checked(fields)
        except Refused:
            return
        assert checked["chainId"] > 0


class TestLeaksNothing:
    def test_no_output_holds_the_key(self, key: Path, tmp_path: Path) -> None:
        requests: list[dict[str, Any]] = [
            {"key": {"path": str(key)}, "transaction": DYNAMIC},
            {"key": {"path": str(key)}, "transaction": {**DYNAMIC, "from": OTHER}},
        ]
        for request in requests:
            done = run(request)
            whole = (done.stdout + done.stderr).lower()
            assert SECRET.encode() not in whole
            assert SECRET[2:34].encode() not in whole
            assert done.stderr == b""

    def test_a_failure_inside_a_library_is_not_quoted(self, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
        code = (
            "import sys, io, eth_account, console.signer as signer\n"
            "def fail(*a, **k): raise ValueError('key ' + repr(a))\n"
            "eth_account.Account.sign_transaction = fail\n"
            "raise SystemExit(signer.main([]))\n"
        )
        request = json.dumps({"key": {"path": str(key)}, "transaction": DYNAMIC}).encode() + b"\n"
        done = subprocess.run([sys.executable, "-c", code], input=request, capture_output=True, timeout=60, check=False)
        assert done.returncode == 1
        assert json.loads(done.stdout) == {"error": "the signer failed on an internal error (ValueError)"}
        assert done.stderr == b""

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_not_in_arguments_or_environment_and_no_core(self, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPERATOR_SECRET", "0x" + SECRET)

        async def scenario() -> None:
            process = SignerProcess()
            await process.prepare()
            waiting = process._waiting
            assert waiting is not None
            folder = Path(f"/proc/{waiting.pid}")
            # Its limits change when it has hardened itself, which is before it reads its request.
            async with asyncio.timeout(30):
                while not re.search(r"Max core file size +0 +0 ", (folder / "limits").read_text()):
                    await asyncio.sleep(0.01)
            assert SECRET.encode() not in (folder / "cmdline").read_bytes()
            environment = (folder / "environ").read_bytes()
            assert SECRET.encode() not in environment
            assert {entry.split(b"=")[0] for entry in environment.split(b"\0") if entry} <= {
                b"PATH",
                b"PYTHONPATH",
                b"LC_CTYPE",
            }
            signed = await process.sign(KeyReference(key), {**DYNAMIC, "from": ADDRESS})
            assert signed.sender == ADDRESS
            assert waiting.returncode == 0

        asyncio.run(scenario())

    @pytest.mark.skipif(sys.platform != "linux", reason="prctl")
    def test_nobody_may_read_its_memory(self) -> None:
        code = (
            "import ctypes, resource, console.signer as signer; signer._harden();"
            "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.strip() == "0 (0, 0)"

    def test_a_module_in_the_current_folder_is_not_imported(
        self, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trap = tmp_path / "trap"
        trap.mkdir()
        for name in ("eth_account", "coincurve", "json"):
            (trap / f"{name}.py").write_text("raise SystemExit('trapped')\n")
        monkeypatch.chdir(trap)
        monkeypatch.setenv("PYTHONPATH", str(trap))

        async def scenario() -> str:
            return await SignerProcess().address(KeyReference(key))

        assert asyncio.run(scenario()) == ADDRESS


class TestProcess:
    def test_sign_and_address(self, key: Path) -> None:
        async def scenario() -> None:
            process = SignerProcess()
            reference = KeyReference(key)
            assert await process.address(reference) == ADDRESS
            await process.prepare()
            signed = await process.sign(reference, {**DYNAMIC, "from": ADDRESS})
            assert signed.raw == "0x" + bytes(Account.sign_transaction(DYNAMIC, "0x" + SECRET).raw_transaction).hex()
            assert process._waiting is None
            await process.close()

        asyncio.run(scenario())

    def test_refusals_are_signer_errors(self, key: Path) -> None:
        key.chmod(0o644)

        async def scenario() -> None:
            process = SignerProcess()
            with pytest.raises(SignerError, match="mode 0644: run `chmod 600` on it; nothing was sent"):
                await process.sign(KeyReference(key), DYNAMIC)
            with pytest.raises(SignerError, match="mode 0644"):
                await process.address(KeyReference(key))

        asyncio.run(scenario())

    def test_a_signer_that_was_killed_while_it_waited_is_replaced(self, key: Path) -> None:
        async def scenario() -> None:
            process = SignerProcess()
            await process.prepare()
            waiting = process._waiting
            assert waiting is not None
            waiting.kill()
            await waiting.wait()
            assert (await process.sign(KeyReference(key), DYNAMIC)).sender == ADDRESS

        asyncio.run(scenario())

    def test_close_ends_a_waiting_signer(self) -> None:
        async def scenario() -> int | None:
            process = SignerProcess()
            await process.prepare()
            waiting = process._waiting
            await process.close()
            assert waiting is not None
            return waiting.returncode

        assert asyncio.run(scenario()) == -9

    def test_too_slow(self, key: Path) -> None:
        async def scenario() -> None:
            process = SignerProcess(deadline_s=0.0)
            with pytest.raises(SignerError, match="did not answer within 0 s"):
                await process.sign(KeyReference(key), DYNAMIC)

        asyncio.run(scenario())
