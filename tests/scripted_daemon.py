"""A chain's daemon and its node as scripts: real processes and real HTTP, wrong in whatever way a test wants.

`daemon_in` writes a small program that speaks the part of a Cosmos SDK daemon's command line that is used; what it
does wrong is in `behaviour.json` of its home. `ScriptedChain` answers CometBFT's RPC.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from tests.console.chain.servers import Refusal

ADDRESS = "cosmos1qnk2n4nlkpw9xfqntladh74w6ujtulwn7j8za9"
OTHER = "cosmos1hsk6jryyqjfhp5dhc55tc9jtckygx0eph6dd02"
AUTHORITY = "cosmos10d07y265gmmuvt4z0w9aw880jnsr700j6zn9kn"
CHAIN = "virtengine-1"
PASSPHRASE = "correct horse battery"

_PROGRAM = r"""
import base64, json, os, sys, time
arguments = sys.argv[1:]
def option(name, default=""):
    return arguments[arguments.index(name) + 1] if name in arguments else default
home = option("--home", os.path.dirname(os.path.abspath(__file__)))
behaviour = json.load(open(os.path.join(home, "behaviour.json")))
with open(os.path.join(home, "runs.jsonl"), "a") as runs:
    runs.write(json.dumps({"arguments": arguments, "environment": sorted(os.environ)}) + "\n")
keys = {"validator": "ADDRESS", "ops": "OTHER"}
verb = " ".join(word for word in arguments[:2])
if arguments[0] == "tx" and "--generate-only" in arguments:
    verb = "generate"
if arguments[0] == "tx" and "--dry-run" in arguments:
    verb = "simulate"
def fail(words, code=1):
    sys.stderr.write(words + "\n")
    sys.exit(code)
def open_keyring():
    if option("--keyring-backend") != "file":
        return
    sys.stderr.write("Enter keyring passphrase (attempt 1/3): ")
    sys.stderr.flush()
    if sys.stdin.isatty():
        import termios
        silent = termios.tcgetattr(0)
        silent[3] &= ~termios.ECHO
        termios.tcsetattr(0, termios.TCSANOW, silent)
    typed = sys.stdin.readline()
    if not typed:
        fail("Error: EOF")
    if typed.rstrip("\n") != "PASSPHRASE":
        fail("Error: incorrect passphrase: too many failed passphrase attempts")
wrong = behaviour.get(verb, {})
if "hang" in wrong:
    if os.fork() == 0:
        time.sleep(300)
    open(os.path.join(home, "hanging"), "w").write(str(os.getpgrp()))
    time.sleep(300)
if "stderr" in wrong:
    fail(wrong["stderr"], wrong.get("code", 1))
if "stdout" in wrong:
    print(wrong["stdout"])
    sys.exit(0)
if verb == "version --long":
    print(json.dumps({"name": "virtengine", "cosmos_sdk_version": behaviour.get("sdk", "v0.50.9")}))
elif verb == "keys show":
    open_keyring()
    name = arguments[2]
    if name not in keys:
        fail("Error: " + name + " is not a valid name or address: " + name + ".info: key not found")
    print(keys[name])
elif verb == "simulate":
    sys.stderr.write("gas estimate: 50001\n")
elif verb == "generate":
    account = option("--from")
    def message():
        kind = arguments[1:3]
        if kind == ["gov", "vote"]:
            return {"@type": "/cosmos.gov.v1.MsgVote", "proposal_id": arguments[3], "voter": account,
                    "option": "VOTE_OPTION_" + arguments[4].upper(), "metadata": ""}
        if kind == ["gov", "deposit"]:
            return {"@type": "/cosmos.gov.v1.MsgDeposit", "proposal_id": arguments[3], "depositor": account,
                    "amount": [{"denom": "stake", "amount": arguments[4].replace("stake", "")}]}
        if kind == ["gov", "cancel-proposal"]:
            return {"@type": "/cosmos.gov.v1.MsgCancelProposal", "proposal_id": arguments[3], "proposer": account}
        if kind == ["gov", "submit-proposal"] and os.path.isfile(arguments[3]):
            told = json.load(open(arguments[3]))
            known = {name: told[name] for name in told if name not in wrong.get("lacks", ())}
            return {"@type": "/cosmos.gov.v1.MsgSubmitProposal", "proposer": account, **known}
        if kind == ["provider", "set-status"]:
            return {"@type": "/virtengine.provider.v1.MsgSetStatus", "provider": account,
                    "status": "PROVIDER_STATUS_" + option("--status"), "reason": option("--reason")}
        if kind == ["veid", "confirm-model"]:
            return {"@type": "/virtengine.veid.v1.MsgConfirmModel", "validator": account,
                    "model_version": arguments[3], "model_hash": arguments[4]}
        if kind[0] == "gov" and option("--upgrade-height"):
            return {"@type": "/cosmos.gov.v1beta1.MsgSubmitProposal", "proposer": account, "content": {
                "@type": "/cosmos.upgrade.v1beta1.SoftwareUpgradeProposal", "title": option("--title"),
                "plan": {"name": arguments[4], "height": option("--upgrade-height"), "info": option("--upgrade-info")}}}
        fail('Error: unknown command "' + " ".join(arguments[1:4]) + '" for "virtengined tx"')
    print(json.dumps({"body": {"messages": [message()], "memo": option("--note"), "timeout_height": "0"},
        "auth_info": {"signer_infos": [], "fee": {"amount": [{"denom": "stake", "amount": "2000"}],
        "gas_limit": option("--gas", "200000"), "payer": "", "granter": ""}}, "signatures": []}))
elif verb == "tx sign":
    open_keyring()
    name = option("--from")
    if name not in keys and name not in keys.values():
        fail("Error: " + name + ".info: key not found")
    made = json.load(open(arguments[2]))
    made["auth_info"]["signer_infos"] = [{"sequence": str(json.load(open(os.path.join(home, "account.json"))))}]
    made["signatures"] = [] if "unsigned" in wrong else ["c2lnbmVk"]
    if "tamper" in wrong:
        made["body"]["memo"] = "something else"
    json.dump(made, open(option("--output-document"), "w"))
elif verb == "tx encode":
    print(base64.b64encode(json.dumps(json.load(open(arguments[2])), sort_keys=True).encode()).decode())
else:
    fail('Error: unknown command "' + verb + '" for "virtengined"')
"""


class DaemonHome:
    """The scripted daemon's home and program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.program = folder / "virtengined"
        text = _PROGRAM.replace("ADDRESS", ADDRESS).replace("OTHER", OTHER).replace("PASSPHRASE", PASSPHRASE)
        self.program.write_text(f"#!{sys.executable} -SI\n{text}", "utf-8")
        self.program.chmod(0o755)
        self.behave()
        self.account(7)

    def behave(self, **wrong: Any) -> None:
        """What a run does wrong, by `simulate`, `generate`, `tx_sign`, `tx_encode`, `keys_show`; `sdk`: its version."""
        named = {verb.replace("_", " "): how for verb, how in wrong.items()}
        (self.folder / "behaviour.json").write_text(json.dumps(named), "utf-8")

    def account(self, sequence: int) -> None:
        """The next sequence of the account, as a signature takes it from the chain."""
        (self.folder / "account.json").write_text(str(sequence), "utf-8")

    def runs(self) -> list[dict[str, list[str]]]:
        """Every run: its arguments and the names of its variables."""
        path = self.folder / "runs.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []

    def signatures(self) -> int:
        """How often it was asked to sign."""
        return sum(run["arguments"][:2] == ["tx", "sign"] for run in self.runs())


class ScriptedChain:
    """A node's RPC: `answer` for `tests.console.chain.servers.json_rpc`."""

    def __init__(self, home: DaemonHome) -> None:
        self.home = home
        self.height = 100
        self.chain_id = CHAIN
        self.sequence = 7
        self.check: tuple[int, str] | None = None
        """What CheckTx answers; None for what fits."""
        self.deliver: tuple[int, str] = (0, "")
        self.silent_after_taking = False
        """Takes what is sent, and answers with an error."""
        self.included = True
        """Whether what was taken comes into a block."""
        self.indexed = True
        self.taken: list[bytes] = []
        self.blocks: dict[int, list[bytes]] = {}
        self.proposals = 41

    def answer(self, method: str, params: Any) -> Any:
        """One call."""
        match method:
            case "status":
                return self._status()
            case "broadcast_tx_sync":
                return self._take(base64.b64decode(params["tx"]))
            case "tx":
                return self._found(base64.b64decode(params["hash"]))
            case "block":
                inside = self.blocks.get(int(params["height"]), [])
                return {"block": {"data": {"txs": [base64.b64encode(each).decode() for each in inside]}}}
            case "block_results":
                inside = self.blocks.get(int(params["height"]), [])
                return {"txs_results": [self._result(each) for each in inside]}
            case "abci_query" if not params["path"].endswith("Query/Authority"):
                return {"response": {"code": 6, "log": "unknown query path", "height": "0"}}
            case "abci_query":
                packed = bytes([0x0A, len(AUTHORITY)]) + AUTHORITY.encode()
                return {"response": {"code": 0, "height": "100", "value": base64.b64encode(packed).decode()}}
        raise Refusal(-32601, "Method not found")

    def _status(self) -> dict[str, Any]:
        return {
            "node_info": {"network": self.chain_id, "moniker": "val-0"},
            "sync_info": {
                "latest_block_hash": "AA" * 32,
                "latest_block_height": str(self.height),
                "latest_block_time": "2026-08-01T11:52:22Z",
                "catching_up": False,
            },
            "validator_info": {"address": "AB" * 20, "voting_power": "1"},
        }

    def _take(self, raw: bytes) -> dict[str, Any]:
        if raw in self.taken and self.included:
            self.mine()
            return {"code": 19, "log": "tx already in mempool", "codespace": "sdk"}
        got = int(json.loads(raw)["auth_info"]["signer_infos"][0]["sequence"])
        if self.check is not None:
            return {"code": self.check[0], "log": self.check[1], "codespace": "sdk"}
        if got != self.sequence:
            log = f"account sequence mismatch, expected {self.sequence}, got {got}: incorrect account sequence"
            return {"code": 32, "log": log, "codespace": "sdk"}
        if raw not in self.taken:
            self.taken.append(raw)
        if self.included:
            self.mine()
        if self.silent_after_taking:
            raise Refusal(-32603, "Internal error", "timed out waiting for tx to be included")
        return {"code": 0, "log": "", "hash": hashlib.sha256(raw).hexdigest().upper()}

    def mine(self) -> None:
        """Bring what was taken into a block."""
        waiting = [raw for raw in self.taken if not any(raw in block for block in self.blocks.values())]
        self.height += 1
        self.blocks[self.height] = waiting
        self.sequence += len(waiting)
        self.home.account(self.sequence)

    def _found(self, digest: bytes) -> dict[str, Any]:
        if not self.indexed:
            raise Refusal(-32603, "Internal error", "transaction indexing is disabled")
        for height, inside in self.blocks.items():
            for raw in inside:
                if hashlib.sha256(raw).digest() == digest:
                    return {"hash": digest.hex().upper(), "height": str(height), "tx_result": self._result(raw)}
        raise Refusal(-32603, "Internal error", f"tx ({digest.hex().upper()}) not found")

    def _result(self, raw: bytes) -> dict[str, Any]:
        kind = json.loads(raw)["body"]["messages"][0]["@type"]
        events = []
        if kind.endswith("MsgSubmitProposal"):
            attributes = [{"key": "proposal_id", "value": str(self.proposals + 1)}]
            events = [{"type": "submit_proposal", "attributes": attributes}]
        code, log = self.deliver
        return {"code": code, "log": log, "gas_used": "71234", "events": events if not code else []}
