"""The node's states (DESIGN §4) and those of a proposal."""

from __future__ import annotations

from enum import StrEnum

from console.model import Arming, Crossing, NodeState, Preparation, ProposalStatus
from console.operations.runbook.entry import Entry, Kind

_NEXT = "what runs; nothing of it was touched"
_DATA = "data, rollback point and signer state"
_HALT = "the chain: block H is decided, and every new binary executes it alone"


def _state(state: StrEnum, means: str, safe: str, do: str, case: str = "") -> Entry:
    return Entry(Kind.STATE, state.value, means, safe, do, case)


def _proposal(status: ProposalStatus, means: str, safe: str, do: str) -> Entry:
    return Entry(Kind.PROPOSAL, status.name, means, safe, do)


STATES: tuple[Entry, ...] = (
    _state(NodeState.IDLE, "the node runs, and no upgrade is scheduled", "everything", "nothing"),
    _state(Preparation.PLANNED, "the scheduled plan is journalled", _NEXT, "nothing"),
    _state(
        Preparation.FETCHING,
        "the release is being downloaded",
        _NEXT,
        "nothing; where it stands still: look at disk, network and the URL",
    ),
    _state(Preparation.VERIFIED, "the bytes have the chain's hash", _NEXT, "nothing"),
    _state(Preparation.STAGED, "they lie beside the running binary, and `--version` is tried next", _NEXT, "nothing"),
    _state(Preparation.READY, "verified, staged and tried; the node waits for its turn to arm", _NEXT, "nothing"),
    _state(
        Preparation.READY,
        "another network has to have run the release for some time, and has not",
        _NEXT,
        "wait: `proof in` counts the rest; or force it before H−F with `upgrade-console node arm --unproven REASON` "
        "([releases](releases.md#proven-on-another-network))",
        "not proven",
    ),
    _state(
        Preparation.READY,
        "other validators are down: while this node restarts to be armed too little power would sign",
        "the chain; that nobody arms now is what keeps it going",
        "reach who does not sign (`3` Validators); where H comes first, `upgrade-console node arm --reason WHY` arms "
        "all the same and pauses the chain for the restart",
        "not armed yet",
    ),
    _state(
        Preparation.FAILED,
        "preparation failed, for one of the failure codes; it is tried again every 2 to 60 seconds",
        _NEXT,
        "mend the cause, or give the bytes with `upgrade-console node add-upgrade NAME FILE`",
    ),
    _state(
        Arming.ARMED,
        "the running process has loaded H, and will stop there",
        "everything; the node signs as ever",
        "nothing; do not restart the node outside this tool",
    ),
    _state(
        Crossing.HALTED,
        "the node stopped before executing H, and asks for the verdict",
        _HALT,
        "for seconds nothing; longer: the note under the panels says which of the cases below it is",
    ),
    _state(
        Crossing.HALTED,
        "the freeze was not seen, and no endpoint tells the verdict",
        _HALT,
        "see [When nobody can read the verdict](operator-guide.md#when-nobody-can-read-the-verdict)",
        "verdict is not known yet",
    ),
    _state(
        Crossing.HALTED,
        "the network crosses, and this node lacks the release",
        "the network, which goes on once more than 2/3 of the power crossed",
        "`upgrade-console node add-upgrade NAME FILE`; it joins by itself",
        "not staged: give its bytes",
    ),
    _state(
        Crossing.HALTED,
        "the network crosses, and this node's settings demand a proof that the release does not have",
        "the network, which goes on without this node",
        "wait for the proof, or `upgrade-console node arm --unproven REASON`; it crosses by itself then",
        "not proven",
    ),
    _state(
        Crossing.QUIESCED,
        "no process of the node lives; the rollback point is next",
        "the data: nobody writes to it",
        'nothing; with "there is no rollback point yet" the disk is too full for one: make room, or '
        "`upgrade-console node resume --without-rollback-point REASON`, which switches automatic rollback off",
    ),
    _state(
        Crossing.BACKED_UP,
        "the rollback point is complete; pre-upgrade, where there is one, and the switch are next",
        _DATA,
        "nothing",
    ),
    _state(
        Crossing.SWITCHED,
        "`current` points to the new generation; the start is next, or a try failed and the note says why",
        _DATA,
        "nothing",
    ),
    _state(
        Crossing.STARTING,
        "the new binary comes up and executes H; three tries of `startup_timeout_s` each (60 seconds)",
        _DATA,
        "nothing; read the node's log (`5`)",
    ),
    _state(
        Crossing.WAITING_FOR_QUORUM,
        "H is executed; more than 2/3 of the power is needed for H+1",
        "this node: it is done, and stands still because others are missing",
        "nothing here; reach those that the meter names as missing",
    ),
    _state(
        Crossing.PROBATION,
        "a verified commit of H+1 is seen; the node's own signature and the peers' app hash are awaited",
        "the network, which is past the upgrade; there is no way back any more",
        "nothing; for minutes: look at the log",
    ),
    _state(Crossing.COMMITTED, "crossed and proven; there is no way back", "everything", "nothing"),
    _state(
        Crossing.RESUMED_OLD,
        "the verdict was ABORT: the old binary runs on, its halt cleared",
        "everything; nothing was switched",
        "find out why it was NO-GO, and propose again after H",
    ),
    _state(
        Crossing.ROLLBACK,
        "all tries failed where there is a way back: the node is stopped, the rollback point put back",
        "the rollback point, which is copied and never moved, and the live signer state",
        "nothing",
    ),
    _state(
        Crossing.RESTORED,
        "the application stands at H−1 again; `current` is flipped back next",
        _DATA,
        "nothing",
    ),
    _state(Crossing.FLIPPED_BACK, "the old binary is in place", _DATA, "nothing"),
    _state(
        Crossing.PARKED,
        "the old binary is in place and the node is **down**: it would execute H under rules that the network does "
        "not follow; the note says why",
        _DATA,
        "read the log; then cross with a release that works (`upgrade-console node swap NAME --reason WHY`), or go "
        "back together (`upgrade-console node abort`). Start works only where the network aborted or the release "
        "breaks nothing",
    ),
    _state(
        Crossing.MISSED_HALT,
        "it executed H under old rules, because it was not armed, and was stopped: it would go on alone, on its own "
        "fork",
        "the network, which does not follow it, and the live signer state",
        "`upgrade-console node resync --reason WHY`: back to the rollback point of its arming, or with "
        "`--from-genesis`; it comes to H again, armed, and crosses",
    ),
    _state(
        NodeState.STOPPED,
        "the node ended by itself outside an upgrade, or is between two starts",
        "data and signer state",
        "for more than seconds: read the log, then `n`, Start",
    ),
    _state(
        NodeState.STOPPED_BY_OPERATOR,
        "somebody stopped it; no automation starts it, not even an upgrade",
        "data and signer state",
        "`n`, Start, or `upgrade-console node start`, when you are ready",
    ),
    _state(
        NodeState.NEEDS_OPERATOR,
        "automation will not guess: the new binary failed where there is no way back, the signer state went back or is "
        "gone, or the node ended five times in ten minutes",
        "everything is kept as it is",
        "read the note and the log, and never delete files to make it start; `upgrade-console node start` tries again, "
        "`upgrade-console node rollback --reason WHY` goes back where that is still possible",
    ),
)

PROPOSALS: tuple[Entry, ...] = (
    _proposal(
        ProposalStatus.DEPOSIT,
        "on a Cosmos chain: the vote opens when enough is deposited",
        "every node",
        "deposit, or let it run out",
    ),
    _proposal(
        ProposalStatus.VOTING,
        "the vote is open",
        "every node: nothing is prepared before it is won",
        "compare name, H and sha256 with the announcement, and vote",
    ),
    _proposal(
        ProposalStatus.APPROVED,
        "the vote is won and there is no height yet: H waits for readiness, or for its turn",
        "every node: nothing is armed without a height",
        "nothing; `3` says whose readiness is missing",
    ),
    _proposal(
        ProposalStatus.SCHEDULED,
        "H is known: nodes prepare, arm, and stop before H",
        "every node until H; and at H, whatever the verdict",
        "have your node ready and armed before H−F, and be there at H",
    ),
    _proposal(
        ProposalStatus.EXECUTED,
        "more than 2/3 of the power confirmed that it runs the release",
        "everything",
        "keep the old generation until the next upgrade",
    ),
    _proposal(
        ProposalStatus.REJECTED,
        "the vote was lost, or ran out",
        "every node: none stops for it",
        "nothing; what comes instead is a proposal of its own",
    ),
    _proposal(
        ProposalStatus.ABORTED,
        "the verdict was ABORT, or nobody froze one in time",
        "every node: those that were armed stop for a moment and go on with the old binary",
        "find out which number was missing (`2`, Enter), then propose again",
    ),
    _proposal(
        ProposalStatus.CANCELLED,
        "the proposer or the council withdrew it before H−F",
        "every node, as with ABORTED",
        "ask who cancelled it why; start nothing by hand",
    ),
    _proposal(
        ProposalStatus.EXPIRED,
        "its time ran out: no height until its deadline, or too few confirmations after H",
        "every node stays with what it runs",
        "look whether the network crossed (`3`, versions); if it did, only the word is missing",
    ),
    _proposal(
        ProposalStatus.ROLLED_BACK,
        "more than 2/3 of the power agreed that the network went on with the old release",
        "the nodes that went back; those that had not follow by the rules of their zone",
        "nothing; a node that is PARKED goes on by itself",
    ),
    _proposal(
        ProposalStatus.FAILED,
        "on a Cosmos chain: the vote passed, and its messages could not be run",
        "every node: no plan was set",
        "read the reason in the proposal, mend it, and propose again",
    ),
)
