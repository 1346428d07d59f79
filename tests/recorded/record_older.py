"""Records what real nodes of older SDKs answer to this console, into `older/`; needs `make older-peers`.

    .venv/bin/python -m tests.recorded.record_older

One chain begins on SDK 0.45 and crosses to 0.46, the other goes from 0.46 to 0.47. Each file is one moment of one of
them, as those of `record_cosmos`: what is asked is every query of `console.chain.cosmos.queries`, by REST and by
`abci_query`. Proposal 1 waits for its deposit and would cancel, 2 is the upgrade.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from console.chain.cosmos import queries
from console.chain.cosmos.facts import PAGE
from console.chain.cosmos.plans import NEWEST
from console.chain.cosmos.queries import GovVersion, Page, Query, RulesKind
from tests.cosmos_network import Periods, patience
from tests.older_network import OlderNetwork, older_network
from tests.peers import SDK_045, SDK_046, SDK_047, Peer, require
from tests.recorded.record_cosmos import answered, written

FOLDER = Path(__file__).parent / "older"
MOMENTS = ("deposit", "voting", "scheduled", "halt", "after")
_NODE = "val1"
_GOV: tuple[GovVersion, ...] = ("v1", "v1beta1")
_RULES: tuple[RulesKind, ...] = ("tallying", "deposit", "voting")
_RPC = ("status", "abci_info", "net_info", "validators?per_page=100", "consensus_state", "dump_consensus_state")
_LEAD = 50
_UPGRADE = 2


@dataclass(frozen=True, slots=True)
class Crossed:
    """A chain that crosses from one SDK to the next."""

    older: Peer
    newer: Peer
    plan: str

    @property
    def folder(self) -> Path:
        """Where its moments are."""
        return FOLDER / self.older.name.removeprefix("sdk-")


CHAINS = (Crossed(SDK_045, SDK_046, "v045-to-v046"), Crossed(SDK_046, SDK_047, "v046-to-v047"))


def main() -> int:
    """Record both chains, or those whose first SDK is named."""
    for chain in CHAINS:
        if sys.argv[1:] and chain.folder.name not in sys.argv[1:]:
            continue
        newer = require(chain.newer)
        chain.folder.mkdir(parents=True, exist_ok=True)
        periods = Periods(block_s=0.5, voting_s=15.0 * patience(), deposit_s=3600.0)
        with (
            tempfile.TemporaryDirectory() as folder,
            older_network(Path(folder) / "net", chain.older, periods=periods) as network,
        ):
            _lives(network, chain, newer)
    return 0


def _lives(network: OlderNetwork, chain: Crossed, newer: Path) -> None:
    network.propose_cancel(deposit=10)
    _record(network, chain, "deposit")

    height = network.height() + int(_LEAD * patience())
    number = network.propose_upgrade(chain.plan, height, "https://releases.test/notes")
    assert number == _UPGRADE
    network.vote(number, "val1")
    network.vote(number, "val3", option="no_with_veto")
    network.transact("val4", "gov", "weighted-vote", str(number), "yes=0.7,abstain=0.3")
    _record(network, chain, "voting")

    network.vote(number, "val2")
    network.eventually("it passes", network.plan)
    _record(network, chain, "scheduled")

    network.eventually("H is decided", lambda: network.height(_NODE) >= height, 300)
    network.eventually("the second node knows it", lambda: network.height("val2") >= height)
    _record(network, chain, "halt")
    network.stop()

    for moniker in network.validators:
        network.switch(moniker, chain.plan, newer)
    network.start()
    network.reaches(height + 2)
    network.eventually("its REST is there again", lambda: network.plan() is None)
    _record(network, chain, "after")


def _asked(plan: str) -> Iterator[Query]:
    """Every query of this console."""
    yield from (queries.CURRENT_PLAN, queries.MODULE_VERSIONS, queries.POOL, queries.SLASHING_PARAMS, queries.NODE_INFO)
    yield queries.applied_plan(plan)
    yield queries.validators(Page(PAGE))
    yield queries.signing_infos(Page(PAGE))
    for version in _GOV:
        page = Page(NEWEST, reverse=True)
        yield queries.proposals(version, page)
        yield queries.proposals(version, page, status=queries.VOTING_PERIOD)
        for kind in _RULES:
            yield queries.gov_params(version, kind)
        for number in (1, _UPGRADE):
            yield queries.tally(version, number)
            yield queries.votes(version, number, Page(PAGE))


def _record(network: OlderNetwork, chain: Crossed, moment: str) -> None:
    node = network.validators[_NODE]
    asked = tuple(_asked(chain.plan))
    answers = {
        "sdk": (chain.newer if moment == "after" else chain.older).name,
        "first_node": _NODE,
        "rest": {
            path: answered(f"{node.rest}/{path}")
            for path in (
                *(query.path.lstrip("/") for query in asked),
                "cosmos/base/tendermint/v1beta1/syncing",
                "cosmos/base/tendermint/v1beta1/blocks/latest",
            )
        },
        "rpc": {path: answered(f"{node.rpc}/{path}") for path in _RPC},
        "abci": {
            f"{query.grpc} {query.request.hex()}".strip(): network.rpc(
                _NODE, f'abci_query?path="{query.grpc}"&data=0x{query.request.hex()}'
            )["response"]
            for query in asked
        },
    }
    (chain.folder / f"{moment}.json").write_text(written(answers))
    sys.stdout.write(f"{chain.folder.name} {moment}: block {network.height(_NODE)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
