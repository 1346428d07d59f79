"""Records what real Cosmos SDK nodes answer, at each moment of an upgrade, into `cosmos/`; needs `make peers`.

    .venv/bin/python -m tests.recorded.record_cosmos

Each file is one moment: `rest` holds status, headers that count and body of each GET of the first node's REST, `rpc`
the same of its CometBFT, `abci` the raw answer of each `abci_query` by its gRPC path and request in hex.
Nothing is changed in them but that the list of a binary's dependencies is cut. Proposal 1 waits for its deposit, 2 is
older content that is rejected, 3 is the upgrade, 4 would take it back.
"""

from __future__ import annotations

import json
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.cosmos_network import CosmosNetwork, Periods, cancel, cosmos_network, older_content, upgrade
from tests.peers import COSMOS_V2, require

FOLDER = Path(__file__).parent / "cosmos"
MOMENTS = ("no_plan", "deposit", "voting", "scheduled", "jailed", "halt", "after")
_DEPENDENCIES = 2
_PERIODS = Periods(block_s=0.8, voting_s=20, expedited_s=10, deposit_s=300, signed_blocks_window=12, jail_s=5)
_NODE = "val1"
_REST = (
    "cosmos/upgrade/v1beta1/current_plan",
    "cosmos/upgrade/v1beta1/applied_plan/v2",
    "cosmos/upgrade/v1beta1/module_versions",
    "cosmos/upgrade/v1beta1/authority",
    "cosmos/gov/v1/proposals",
    "cosmos/gov/v1/proposals?proposal_status=2&pagination.limit=2&pagination.reverse=true",
    "cosmos/gov/v1/proposals/99",
    "cosmos/gov/v1/params/voting",
    "cosmos/gov/v1/params/deposit",
    "cosmos/gov/v1/params/tallying",
    "cosmos/gov/v1beta1/proposals",
    "cosmos/staking/v1beta1/pool",
    "cosmos/staking/v1beta1/params",
    "cosmos/staking/v1beta1/validators",
    "cosmos/staking/v1beta1/validators?status=BOND_STATUS_BONDED&pagination.limit=2",
    "cosmos/slashing/v1beta1/signing_infos",
    "cosmos/slashing/v1beta1/params",
    "cosmos/base/tendermint/v1beta1/node_info",
    "cosmos/base/tendermint/v1beta1/syncing",
    "cosmos/base/tendermint/v1beta1/blocks/latest",
    "cosmos/base/tendermint/v1beta1/validatorsets/latest",
    "cosmos/base/node/v1beta1/status",
    "cosmos/base/node/v1beta1/config",
    "cosmos/mint/v1beta1/params",
)
_OF_PROPOSAL = ("", "/tally", "/votes", "/deposits")
_RPC = (
    "status",
    "abci_info",
    "net_info",
    "validators?per_page=100",
    "consensus_state",
    "dump_consensus_state",
    "consensus_params",
    "commit",
    "num_unconfirmed_txs",
)
_ABCI = (
    ("/cosmos.upgrade.v1beta1.Query/CurrentPlan", b""),
    ("/cosmos.upgrade.v1beta1.Query/AppliedPlan", b"\x0a\x02v2"),
    ("/cosmos.upgrade.v1beta1.Query/ModuleVersions", b""),
    ("/cosmos.upgrade.v1beta1.Query/Authority", b""),
    ("/cosmos.gov.v1.Query/Proposals", b""),
    ("/cosmos.gov.v1.Query/Params", b"\x0a\x06voting"),
    ("/cosmos.gov.v1.Query/Params", b"\x0a\x08tallying"),
    ("/cosmos.gov.v1.Query/Proposal", b"\x08\x63"),
    ("/cosmos.staking.v1beta1.Query/Pool", b""),
    ("/cosmos.staking.v1beta1.Query/Params", b""),
    ("/cosmos.staking.v1beta1.Query/Validators", b""),
    ("/cosmos.slashing.v1beta1.Query/SigningInfos", b""),
    ("/cosmos.slashing.v1beta1.Query/Params", b""),
    ("/cosmos.base.node.v1beta1.Service/Status", b""),
    ("/cosmos.base.node.v1beta1.Service/Config", b""),
    ("/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo", b""),
    ("/cosmos.mint.v1beta1.Query/Params", b""),
)
_ABCI_OF_PROPOSAL = ("Proposal", "TallyResult", "Votes", "Deposits")


def main() -> int:
    """Record all moments."""
    newer = require(COSMOS_V2)
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        cosmos_network(Path(folder) / "net", periods=_PERIODS) as network,
    ):
        _record(network, "no_plan")

        network.propose(upgrade("v8", 900), title="v8", deposit=10)
        network.propose(older_content("v9", 900), title="v9 in older content", deposit=10)
        _record(network, "deposit", 1, 2)

        height = network.height() + 75
        network.transact("val1", "gov", "deposit", "2", "990stake")
        info = json.dumps(
            {"binaries": {"linux/amd64": "https://releases.test/testchaind-v2?checksum=sha256:" + "ab" * 32}}
        )
        passing = network.propose_upgrade("v2", height, info, expedited=True)
        network.vote(passing, "val1", option="yes")
        network.vote(passing, "val3", option="no_with_veto")
        network.transact("val4", "gov", "weighted-vote", str(passing), "yes=0.7,abstain=0.3")
        network.vote(2, "val2", option="no")
        _record(network, "voting", 1, 2, passing)

        network.vote(passing, "val2", "val3")
        network.eventually("it passes", network.plan)
        withdrawn = network.propose(cancel(), title="not now", deposit=1000)
        network.vote(withdrawn, "val1", option="no")
        _record(network, "scheduled", 1, 2, passing, withdrawn)

        network.stop("val4")
        network.eventually("val4 is jailed", lambda: _jailed(network))
        network.reaches(network.height() + 2, "val1")
        _record(network, "jailed")
        network.start("val4")
        network.eventually("its jail is over", lambda: _unjailed(network))

        network.eventually("H is decided", lambda: network.height(_NODE) >= height, 180)
        network.eventually("the second node knows it", lambda: network.height("val2") >= height)
        _record(network, "halt", passing)
        network.stop()

        for moniker in network.validators:
            network.switch(moniker, "v2", newer)
        network.start()
        network.reaches(height + 2)
        _record(network, "after", 1, 2, passing, withdrawn)
    return 0


def _jailed(network: CosmosNetwork) -> bool:
    validators = network.rest(_NODE, "cosmos/staking/v1beta1/validators")["validators"]
    return any(validator["jailed"] for validator in validators)


def _unjailed(network: CosmosNetwork) -> bool:
    try:
        network.transact("val4", "slashing", "unjail")
    except AssertionError:
        return False
    return True


def _record(network: CosmosNetwork, moment: str, *proposals: int) -> None:
    node = network.validators[_NODE]
    rest = [*_REST, *(f"cosmos/gov/v1/proposals/{each}{of}" for each in proposals for of in _OF_PROPOSAL)]
    rest.append(f"cosmos/staking/v1beta1/historical_info/{network.app_height(_NODE) - 1}")
    abci = [
        *_ABCI,
        *((f"/cosmos.gov.v1.Query/{of}", bytes((8, each))) for each in proposals for of in _ABCI_OF_PROPOSAL),
    ]
    answers = {
        "sdk": "v0.53.4",
        "first_node": _NODE,
        "rest": {path: answered(f"{node.rest}/{path}") for path in rest},
        "rpc": {path: answered(f"{node.rpc}/{path}") for path in _RPC},
        "abci": {
            f"{path} {data.hex()}".strip(): network.rpc(_NODE, f'abci_query?path="{path}"&data=0x{data.hex()}')[
                "response"
            ]
            for path, data in abci
        },
    }
    (FOLDER / f"{moment}.json").write_text(written(answers))
    sys.stdout.write(f"{moment}: block {network.height(_NODE)}\n")
    sys.stdout.flush()


def written(answers: dict[str, Any]) -> str:
    """A recording as text: one line for each answer."""
    parts = []
    for kind, found in answers.items():
        if isinstance(found, dict):
            lines = ",\n".join(f"  {json.dumps(key)}: {_compact(value)}" for key, value in found.items())
            parts.append(f" {json.dumps(kind)}: {{\n{lines}\n }}")
        else:
            parts.append(f" {json.dumps(kind)}: {_compact(found)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def answered(url: str) -> dict[str, Any]:
    """What a GET is answered: status, headers that count, body."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            code, headers, raw = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        code, headers, raw = error.code, error.headers, error.read()
    counted = {
        name.lower(): value for name, value in headers.items() if "height" in name.lower() or name == "Content-Type"
    }
    body = json.loads(raw)
    if isinstance(body, dict) and "application_version" in body:
        del body["application_version"]["build_deps"][_DEPENDENCIES:]
    return {"status": code, "headers": counted, "body": body}


if __name__ == "__main__":
    raise SystemExit(main())
