"""A network of real Cosmos SDK validators on loopback, for any test that needs one (`make peers` builds its node).

    with cosmos_network(tmp_path / "net") as network:      # four validators that make blocks; skips without the peer
        network.pass_upgrade("v2", network.height() + 30)  # by a proposal and votes of the real gov
        network.rest("val1", "cosmos/upgrade/v1beta1/current_plan")

The chain is `testchain-1`, addresses begin with `testchain`, the coin is `stake`, one million of it is one of voting
power, and fees are nothing. A node's home is in Cosmovisor's layout with v1.0.0 as `genesis`; `COSMOS_V2` of
tests.peers carries the plan `v2`. It also knows providers (`tx provider create`, `set-status`, `delete`, `query
provider info`) and a model, which a proposal of `model_update` puts in force at a height (`query veid model-status`)
and validators confirm (`tx veid confirm-model`). Every home has the key `operator` in its test keyring, whose account
bonded the validator. `laid_out` writes the same without starting it, for tests whose controllers or cosmovisors start
the nodes; `network.daemon` runs the chain's own command line on one home. Four nodes make a block a second on 4 % of a
core each, and come up in three seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from console.devnet.ports import PortBook
from console.settings import state_folder
from tests.peers import COSMOS_V1, Peer, require

CHAIN_ID = "testchain-1"
DAEMON = "testchaind"
KEY = "operator"
POWERS = (4, 3, 2, 2)
"""Without the first no more than 7 of 11 are left: too little; any other may be missing."""
_NS = 1_000_000_000
_PORTS_OF_ONE = 4
_DEADLINE_S = 90.0


@dataclass(frozen=True, slots=True)
class Periods:
    """How long things take on the chain.

    Attributes:
        block_s: Seconds between a block and the next round.
        voting_s: Seconds in which is voted.
        expedited_s: The same for an expedited proposal, below `voting_s`.
        deposit_s: Seconds in which a deposit is to be complete.
        signed_blocks_window: Blocks of which half must be signed, or the validator is jailed.
        jail_s: Seconds until a jailed validator may come back.
    """

    block_s: float = 1.0
    voting_s: float = 10.0
    expedited_s: float = 6.0
    deposit_s: float = 60.0
    signed_blocks_window: int = 1000
    jail_s: float = 10.0


def quick() -> Periods:
    """As short as this machine, as busy as it is, can keep up with: who votes starts a program for it."""
    slow = patience()
    return Periods(block_s=0.4, voting_s=8.0 * slow, expedited_s=6.0 * slow)


def patience() -> float:
    """How much longer things take on this machine than on an idle one: 1 to 4, by its load."""
    return min(4.0, max(1.0, os.getloadavg()[0] / (2 * (os.cpu_count() or 1))))


@dataclass(frozen=True, slots=True)
class Validator:
    """One node: where it lives and listens."""

    moniker: str
    home: Path
    power: int
    p2p_port: int
    rpc_port: int
    grpc_port: int
    rest_port: int

    @property
    def rpc(self) -> str:
        """URL of its CometBFT RPC."""
        return f"http://127.0.0.1:{self.rpc_port}"

    @property
    def rest(self) -> str:
        """URL of its REST."""
        return f"http://127.0.0.1:{self.rest_port}"

    @property
    def grpc(self) -> str:
        """Address of its gRPC."""
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def log(self) -> Path:
        """What it wrote, where this network started it."""
        return self.home / "node.log"

    @property
    def binary(self) -> Path:
        """What it starts."""
        return self.home / "cosmovisor" / "current" / "bin" / DAEMON


class CosmosNetwork:
    """A network that was laid out; `start` and `stop` run its nodes without any supervisor.

    Args:
        folder: Of the whole network.
        validators: All of them, by moniker.
        program: The daemon whose command line is used.
    """

    start_flags: tuple[str, ...] = ("--log_no_color",)
    """What a node is started with, beside its home."""

    def __init__(self, folder: Path, validators: dict[str, Validator], program: Path) -> None:
        self.folder = folder
        self.validators = validators
        self.program = program
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    # --- processes ---

    def start(self, *monikers: str) -> None:
        """Start nodes; all without a name."""
        for moniker in monikers or self.validators:
            node = self.validators[moniker]
            with node.log.open("ab") as log:
                self._processes[moniker] = subprocess.Popen(
                    [node.binary.resolve(), "start", "--home", node.home, *self.start_flags],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )

    def stop(self, *monikers: str, by: int = signal.SIGTERM) -> dict[str, int]:
        """Stop nodes that run, all without a name; their exit codes."""
        ending = {each: self._processes.pop(each) for each in monikers or tuple(self._processes)}
        for process in ending.values():
            process.send_signal(by)
        codes = {}
        for moniker, process in ending.items():
            try:
                codes[moniker] = process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[moniker] = process.wait()
        return codes

    def exit_code(self, moniker: str) -> int | None:
        """How a started node ended; None while it runs."""
        return self._processes[moniker].poll()

    def switch(self, moniker: str, name: str, program: Path) -> None:
        """Put a binary under a plan's name and have `current` point to it, by hand as an operator would."""
        node = self.validators[moniker]
        self.stage(moniker, name, program)
        link = node.home / "cosmovisor" / "current.new"
        link.symlink_to(Path("upgrades") / name)
        link.replace(node.home / "cosmovisor" / "current")

    def stage(self, moniker: str, name: str, program: Path) -> Path:
        """Put a binary under a plan's name, where Cosmovisor looks for it."""
        place = self.validators[moniker].home / "cosmovisor" / "upgrades" / name / "bin" / DAEMON
        place.parent.mkdir(parents=True, exist_ok=True)
        _link(self._own_copy(program), place)
        return place

    def begin_with(self, program: Path) -> None:
        """Give every home Cosmovisor's layout, with a binary as `genesis`."""
        for node in self.validators.values():
            first = node.home / "cosmovisor" / "genesis" / "bin" / DAEMON
            first.parent.mkdir(parents=True)
            _link(self._own_copy(program), first)
            (node.home / "cosmovisor" / "current").symlink_to("genesis")

    def _own_copy(self, program: Path) -> Path:
        """One file for all homes: it takes a hundred megabytes."""
        copy = self.folder / "binaries" / f"{program.parent.name}-{program.name}"
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            shutil.copy2(program, copy)
        return copy

    # --- questions ---

    def height(self, moniker: str | None = None) -> int:
        """The newest block of one node, or of the one that is furthest; 0 while nobody answers."""
        names = tuple(self.validators) if moniker is None else (moniker,)
        return max(int(self._status(name).get("latest_block_height", 0)) for name in names)

    def app_height(self, moniker: str) -> int:
        """The newest block that a node's application executed."""
        return int(self.rpc(moniker, "abci_info")["response"].get("last_block_height", 0))

    def _status(self, moniker: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.rpc(moniker, "status")["sync_info"]
        except (OSError, ValueError):
            return {}
        return found

    def rpc(self, moniker: str, path: str) -> Any:
        """The result of a GET of CometBFT."""
        return _get(f"{self.validators[moniker].rpc}/{path}")["result"]

    def rest(self, moniker: str, path: str, *, height: int = 0) -> Any:
        """What REST answers, of a height or (0) of now.

        Raises:
            urllib.error.HTTPError: An error of the node; its body has code and message.
        """
        return _get(f"{self.validators[moniker].rest}/{path}", height)

    def plan(self, moniker: str = "") -> dict[str, Any] | None:
        """The plan that is scheduled, as REST tells it."""
        found: dict[str, Any] | None = self.rest(moniker or self._first, "cosmos/upgrade/v1beta1/current_plan")["plan"]
        return found

    def proposal(self, number: int, moniker: str = "") -> dict[str, Any]:
        """A proposal of gov v1."""
        found: dict[str, Any] = self.rest(moniker or self._first, f"cosmos/gov/v1/proposals/{number}")["proposal"]
        return found

    def eventually(self, what: str, condition: Callable[[], object], deadline_s: float = _DEADLINE_S) -> None:
        """Wait for a condition; a node that does not answer is asked again."""
        end = time.monotonic() + deadline_s
        while True:
            try:
                if condition():
                    return
            except (OSError, ValueError):
                pass
            assert time.monotonic() < end, f"never came: {what}; height {self.height()}"
            time.sleep(0.1)

    def reaches(self, height: int, *monikers: str, deadline_s: float = _DEADLINE_S) -> None:
        """Wait until nodes, all without a name, have executed a block."""
        for moniker in monikers or self.validators:
            self.eventually(f"{moniker} executes {height}", partial(self._executed, moniker, height), deadline_s)

    def _executed(self, moniker: str, height: int) -> bool:
        return self.app_height(moniker) >= height

    # --- transactions ---

    def daemon(self, moniker: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the chain's own command line on one home."""
        return subprocess.run(
            [self.program, *arguments, "--home", self.validators[moniker].home],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def transact(self, moniker: str, *arguments: str) -> dict[str, Any]:
        """Send a transaction of a node's operator and wait for its block; the result, which must be a success."""
        return self._in_a_block(moniker, self._sent(moniker, arguments))

    def _sent(self, moniker: str, arguments: Sequence[str]) -> str:
        sent = self.daemon(
            moniker, "tx", *arguments, "--from", KEY, "--keyring-backend", "test", "--chain-id", CHAIN_ID,
            "--gas", "500000", "--yes", "--output", "json",
        )  # fmt: skip
        assert sent.returncode == 0, sent.stderr
        answer = json.loads(sent.stdout)
        assert answer["code"] == 0, answer["raw_log"]
        return str(answer["txhash"])

    def _in_a_block(self, moniker: str, txhash: str) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def look() -> bool:
            found.update(self.rest(moniker, f"cosmos/tx/v1beta1/txs/{txhash}")["tx_response"])
            return True

        self.eventually("the transaction is in a block", look)
        assert found["code"] == 0, found["raw_log"]
        return found

    def propose(
        self, *messages: dict[str, Any], title: str, deposit: int = 1000, expedited: bool = False, by: str = ""
    ) -> int:
        """Submit a proposal of messages of gov v1; its number.

        Args:
            messages: With their `@type`; who has the authority is filled in.
            title: Title and summary.
            deposit: In the smallest coin; voting begins at 1000, of an expedited one at 5000.
            expedited: Whether it is.
            by: Whose operator; the first node's.
        """
        by = by or self._first
        authority = self.rest(by, "cosmos/upgrade/v1beta1/authority")["address"]
        path = self.folder / "proposal.json"
        path.write_text(
            json.dumps(
                {
                    "messages": [{"authority": authority, **message} for message in messages],
                    "deposit": f"{deposit}stake",
                    "title": title,
                    "summary": title,
                    "expedited": expedited,
                }
            )
        )
        return proposal_number(self.transact(by, "gov", "submit-proposal", str(path)))

    def propose_upgrade(self, name: str, height: int, info: str = "", *, expedited: bool = False) -> int:
        """Submit a software upgrade whose voting begins at once; its number."""
        return self.propose(upgrade(name, height, info), title=name, deposit=5000, expedited=expedited)

    def vote(self, number: int, *monikers: str, option: str = "yes") -> None:
        """Vote, all without a name."""
        who = monikers or tuple(self.validators)
        with ThreadPoolExecutor(len(who)) as together:
            vote = partial(self._sent, arguments=("gov", "vote", str(number), option))
            sent = dict(zip(who, together.map(vote, who), strict=True))
        for moniker, txhash in sent.items():
            self._in_a_block(moniker, txhash)

    def passes(self, number: int) -> None:
        """Vote with more than two thirds and wait for the end of the vote; the proposal must have been carried out."""
        self.vote(number, *self._heaviest())
        self.eventually("the vote ends", lambda: self.proposal(number)["status"] != "PROPOSAL_STATUS_VOTING_PERIOD")
        told = self.proposal(number)
        assert told["status"] == "PROPOSAL_STATUS_PASSED", told

    def pass_upgrade(self, name: str, height: int, info: str = "") -> int:
        """Have the chain schedule an upgrade by an expedited proposal; its number."""
        number = self.propose_upgrade(name, height, info, expedited=True)
        self.passes(number)
        plan = self.plan()
        assert plan is not None
        assert (plan["name"], plan["height"]) == (name, str(height))
        return number

    @property
    def _first(self) -> str:
        return next(iter(self.validators))

    def _heaviest(self) -> Sequence[str]:
        """Who is needed for more than two thirds."""
        total, have, names = sum(each.power for each in self.validators.values()), 0, []
        for node in sorted(self.validators.values(), key=lambda each: -each.power):
            if 3 * have > 2 * total:
                break
            have += node.power
            names.append(node.moniker)
        return names


def proposal_number(result: dict[str, Any]) -> int:
    """The number that a proposal got, of its transaction's result."""
    # Up to CometBFT 0.34 the events themselves are in base64, and what the logs say of them is not.
    events = [*result["events"], *(event for each in result.get("logs") or () for event in each["events"])]
    return next(
        int(attribute["value"])
        for event in events
        for attribute in event["attributes"]
        if attribute["key"] == "proposal_id"
    )


Network = TypeVar("Network", bound=CosmosNetwork)


def upgrade(name: str, height: int, info: str = "") -> dict[str, Any]:
    """The message that schedules an upgrade."""
    plan = {"name": name, "height": str(height), "info": info}
    return {"@type": "/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade", "plan": plan}


def cancel() -> dict[str, Any]:
    """The message that takes the scheduled upgrade back."""
    return {"@type": "/cosmos.upgrade.v1beta1.MsgCancelUpgrade"}


def model_update(version: str, sha256: str, height: int, url: str = "") -> dict[str, Any]:
    """The message that puts a model in force from a height on."""
    return {
        "@type": "/virtengine.veid.v1.MsgUpdateModel",
        "model_version": version,
        "model_hash": f"sha256:{sha256}",
        "effective_height": str(height),
        "model_url": url,
    }


def older_content(name: str, height: int) -> dict[str, Any]:
    """The same as `upgrade`, as content of gov v1beta1 in the wrapping of v1."""
    content = {
        "@type": "/cosmos.upgrade.v1beta1.SoftwareUpgradeProposal",
        "title": name,
        "description": name,
        "plan": {"name": name, "height": str(height), "info": ""},
    }
    return {"@type": "/cosmos.gov.v1.MsgExecLegacyContent", "content": content}


def laid_out(
    folder: Path, *, powers: Sequence[int] = POWERS, periods: Periods = Periods(), peer: Peer = COSMOS_V1
) -> CosmosNetwork:
    """Write a whole network that was not started; the test is skipped where the node was not built."""
    program = require(peer)
    nodes = placed(folder, powers)
    asked = folder / "network.json"
    asked.write_text(
        json.dumps(
            {
                "chain_id": CHAIN_ID,
                "block_time_ns": int(periods.block_s * _NS),
                "voting_period_ns": int(periods.voting_s * _NS),
                "expedited_period_ns": int(periods.expedited_s * _NS),
                "deposit_period_ns": int(periods.deposit_s * _NS),
                "min_deposit": 1000,
                "signed_blocks_window": periods.signed_blocks_window,
                "jail_duration_ns": int(periods.jail_s * _NS),
                "nodes": [asdict(node) for node in nodes],
            },
            default=str,
        )
    )
    wrote = subprocess.run([program, "lay-out", asked], capture_output=True, text=True, timeout=60, check=False)
    assert wrote.returncode == 0, wrote.stderr
    network = CosmosNetwork(folder, {node.moniker: node for node in nodes}, program)
    network.begin_with(program)
    return network


def placed(folder: Path, powers: Sequence[int]) -> list[Validator]:
    """Make the folder of a network, and give each node its home and ports."""
    folder.mkdir(parents=True, mode=0o700)
    ports = PortBook(state_folder()).reserve(_PORTS_OF_ONE * len(powers), folder)
    nodes = []
    for at, power in enumerate(powers):
        p2p, rpc, grpc, rest = ports[_PORTS_OF_ONE * at : _PORTS_OF_ONE * (at + 1)]
        moniker = f"val{at + 1}"
        nodes.append(Validator(moniker, folder / moniker, power, p2p, rpc, grpc, rest))
    return nodes


@contextmanager
def cosmos_network(
    folder: Path, *, powers: Sequence[int] = POWERS, periods: Periods = Periods()
) -> Iterator[CosmosNetwork]:
    """A network that makes blocks; nothing of it survives."""
    with running(laid_out(folder, powers=powers, periods=periods)) as network:
        yield network


@contextmanager
def running(network: Network) -> Iterator[Network]:
    """A network that was laid out, making blocks; nothing of it survives."""
    try:
        network.start()
        network.reaches(2)
        yield network
    finally:
        network.stop()
        PortBook(state_folder()).give_back(network.folder)


def _link(program: Path, place: Path) -> None:
    place.unlink(missing_ok=True)
    os.link(program, place)


def _get(url: str, height: int = 0) -> Any:
    asked = urllib.request.Request(url, headers={"x-cosmos-block-height": str(height)} if height else {})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return json.load(answer)
