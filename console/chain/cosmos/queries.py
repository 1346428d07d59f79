"""The queries of the SDK's modules, each as a REST path and as the gRPC path that `abci_query` takes (facts §4.1)."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlencode

from console.chain.cosmos import shapes
from console.chain.cosmos.shapes import Shape
from console.chain.protobuf import written_bytes, written_integer

GovVersion = Literal["v1", "v1beta1"]
"""Of x/gov: SDK 0.46 and later answer both, older ones the second alone."""

RulesKind = Literal["tallying", "deposit", "voting"]
"""Which of the rules of votes."""

VOTING_PERIOD = 2
"""The status of a proposal that is voted on, as it is asked for."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question to a chain's state."""

    what: str
    """For the sentence: `the proposals`."""
    path: str
    """Of REST, with its query string."""
    grpc: str
    request: bytes
    """Protobuf."""
    answer: Shape


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a long list."""

    limit: int
    key: bytes = b""
    """As the page before it told; empty for the first."""
    reverse: bool = False

    @property
    def request(self) -> bytes:
        """As protobuf."""
        return (
            written_bytes(1, self.key) + written_integer(3, self.limit) + written_integer(5, 1 if self.reverse else 0)
        )

    @property
    def words(self) -> dict[str, str]:
        """As query string."""
        words = {"pagination.limit": str(self.limit)}
        if self.key:
            words["pagination.key"] = urlsafe_b64encode(self.key).decode()
        if self.reverse:
            words["pagination.reverse"] = "true"
        return words


CURRENT_PLAN = Query(
    "the upgrade plan",
    "/cosmos/upgrade/v1beta1/current_plan",
    "/cosmos.upgrade.v1beta1.Query/CurrentPlan",
    b"",
    shapes.CURRENT_PLAN,
)
MODULE_VERSIONS = Query(
    "the modules' versions",
    "/cosmos/upgrade/v1beta1/module_versions",
    "/cosmos.upgrade.v1beta1.Query/ModuleVersions",
    b"",
    shapes.MODULE_VERSIONS,
)
POOL = Query(
    "the bonded tokens", "/cosmos/staking/v1beta1/pool", "/cosmos.staking.v1beta1.Query/Pool", b"", shapes.POOL
)
SLASHING_PARAMS = Query(
    "the slashing parameters",
    "/cosmos/slashing/v1beta1/params",
    "/cosmos.slashing.v1beta1.Query/Params",
    b"",
    shapes.SLASHING_PARAMS,
)
NODE_INFO = Query(
    "the application's version",
    "/cosmos/base/tendermint/v1beta1/node_info",
    "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo",
    b"",
    shapes.NODE_INFO,
)


def applied_plan(name: str) -> Query:
    """At which height a plan was applied."""
    return Query(
        "the applied plan",
        f"/cosmos/upgrade/v1beta1/applied_plan/{quote(name, safe='')}",
        "/cosmos.upgrade.v1beta1.Query/AppliedPlan",
        written_bytes(1, name.encode()),
        shapes.APPLIED_PLAN,
    )


def proposals(version: GovVersion, page: Page, *, status: int = 0) -> Query:
    """A page of the proposals, of one status or (0) of all."""
    words = {**({"proposal_status": str(status)} if status else {}), **page.words}
    return Query(
        "the proposals",
        f"/cosmos/gov/{version}/proposals?{urlencode(words)}",
        f"/cosmos.gov.{version}.Query/Proposals",
        written_integer(1, status) + written_bytes(4, page.request),
        shapes.PROPOSALS[version],
    )


def tally(version: GovVersion, proposal_id: int) -> Query:
    """The votes on a proposal so far: its own result stays zero until the end."""
    return Query(
        f"the tally of proposal {proposal_id}",
        f"/cosmos/gov/{version}/proposals/{proposal_id}/tally",
        f"/cosmos.gov.{version}.Query/TallyResult",
        written_integer(1, proposal_id),
        shapes.TALLY[version],
    )


def votes(version: GovVersion, proposal_id: int, page: Page) -> Query:
    """A page of the votes on a proposal, while it is voted on."""
    return Query(
        f"the votes on proposal {proposal_id}",
        f"/cosmos/gov/{version}/proposals/{proposal_id}/votes?{urlencode(page.words)}",
        f"/cosmos.gov.{version}.Query/Votes",
        written_integer(1, proposal_id) + written_bytes(2, page.request),
        shapes.VOTES[version],
    )


def vote(version: GovVersion, proposal_id: int, voter: str) -> Query:
    """The vote of one account, while it is voted on; refused where it has not voted."""
    return Query(
        f"a vote on proposal {proposal_id}",
        f"/cosmos/gov/{version}/proposals/{proposal_id}/votes/{quote(voter, safe='')}",
        f"/cosmos.gov.{version}.Query/Vote",
        written_integer(1, proposal_id) + written_bytes(2, voter.encode()),
        shapes.VOTE[version],
    )


def gov_params(version: GovVersion, kind: RulesKind) -> Query:
    """What a vote needs, what opens it, or how long it is open; from SDK 0.47 on each answer of v1 has both."""
    return Query(
        "the rules of votes",
        f"/cosmos/gov/{version}/params/{kind}",
        f"/cosmos.gov.{version}.Query/Params",
        written_bytes(1, kind.encode()),
        shapes.GOV_PARAMS[version],
    )


def validators(page: Page) -> Query:
    """A page of all validators, bonded or not."""
    return Query(
        "the validators",
        f"/cosmos/staking/v1beta1/validators?{urlencode(page.words)}",
        "/cosmos.staking.v1beta1.Query/Validators",
        written_bytes(2, page.request),
        shapes.VALIDATORS,
    )


def signing_infos(page: Page) -> Query:
    """A page of what x/slashing counts of each validator."""
    return Query(
        "the missed blocks",
        f"/cosmos/slashing/v1beta1/signing_infos?{urlencode(page.words)}",
        "/cosmos.slashing.v1beta1.Query/SigningInfos",
        written_bytes(1, page.request),
        shapes.SIGNING_INFOS,
    )
