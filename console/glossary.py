"""The field's words, each explained once: help and documentation both read this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """A word and what it means here."""

    word: str
    meaning: str
    """One or two sentences."""

    def holds(self, needle: str) -> bool:
        """Whether the term has this text, whatever its capitals."""
        return needle.casefold() in f"{self.word} {self.meaning}".casefold()


GLOSSARY: tuple[Term, ...] = (
    Term(
        "abort",
        "The verdict that the upgrade does not take place: armed nodes stop at H and go on with the old binary.",
    ),
    Term("app hash", "The hash of the application's state after a block. Nodes whose app hashes differ have forked."),
    Term(
        "armed",
        "The running node has loaded H and will stop before it executes H. Armed is not ready: a node that is not"
        " prepared is armed too, so that it does not execute H under the old rules.",
    ),
    Term("attempt", "One node's way through one upgrade: preparation, arming and crossing, each kept in the journal."),
    Term(
        "bonded tokens",
        "Tokens that are staked with validators. On a Cosmos chain they vote, and a validator's power follows from"
        " its own.",
    ),
    Term(
        "both weights",
        "Voting power as the registry counts it, and as consensus counts it. They can differ; GO needs more than two"
        " thirds of each.",
    ),
    Term(
        "committed",
        "The crossing is over: a commit past H was seen, with our own signature, and the app hash equals the peers'.",
    ),
    Term("confirm", "A validator's word to the registry, after the crossing, which program and app hash it runs with."),
    Term(
        "controller",
        "The long-running part on the node's machine: it prepares, arms, stops, switches and starts the node. The"
        " console only shows and asks; it can be closed at any time.",
    ),
    Term(
        "council",
        "Members who together can cancel an upgrade in an emergency, until the freeze; they can do nothing else.",
    ),
    Term("cross", "The verdict that the upgrade takes place; and the way over H: stop, back up, switch, start, prove."),
    Term(
        "cut",
        "A change of a diamond's facets: functions added, replaced or removed, all or none (EIP-2535 diamondCut).",
    ),
    Term(
        "deposit",
        "What has to be paid before a proposal on a Cosmos chain is voted on; it is lost when the vote is vetoed.",
    ),
    Term("devnet", "A network of four validators as real processes on this machine, to try everything on."),
    Term(
        "diamond",
        "A contract whose functions live in several other contracts, its facets, under one address (EIP-2535).",
    ),
    Term("expedited", "A proposal whose vote is shorter than usual, and on a Cosmos chain needs a higher threshold."),
    Term("facet", "A contract that holds some of a diamond's functions."),
    Term(
        "freeze",
        "Some blocks before H the plan becomes final: membership and verdict are stored once. Cancel, halt, withdraw"
        " and arm come too late after it.",
    ),
    Term("gateway", "The IPC contract that keeps a subnet's membership, and with it the validators' voting power."),
    Term(
        "generation",
        "One release in its own folder on the node's disk, under cosmovisor/upgrades. `current` points to the one"
        " that runs; the switch moves that one link.",
    ),
    Term(
        "GO",
        "More than two thirds of the voting power is ready and armed, by both weights, our own node is armed, and the"
        " cuts that come first are verified. Otherwise NO-GO, with the terms that fail.",
    ),
    Term(
        "H",
        "The target height: the first block that the new binary executes. The old one has stopped before executing"
        " it, at H-1.",
    ),
    Term(
        "halt",
        "The council's cancelling of an upgrade before the freeze. Stopping one's own node is another, local act.",
    ),
    Term(
        "halt height",
        "The height that a running node was told to stop before. It holds for one run: after a restart it is set"
        " again from the journal.",
    ),
    Term(
        "jailed",
        "A Cosmos chain took a validator out of the active set, because it missed too many blocks or signed twice."
        " Its power is gone until its operator has it released.",
    ),
    Term("journal", "The controller's own record, written before each act, from which it goes on after any crash."),
    Term("loupe", "The functions by which a diamond tells which facets and functions it has."),
    Term(
        "manifest",
        "A release's description: its files with their hashes, whether it breaks, and what must be migrated.",
    ),
    Term("missed halt", "The node executed H under the old rules. It has to go back to a rollback point."),
    Term(
        "needs operator",
        "The controller stops acting by itself and says why: a person has to decide. The words beside it say what is"
        " safe.",
    ),
    Term("operator key", "The low-value key that says ready and armed. The validator's own key delegated to it once."),
    Term(
        "parked",
        "After a local rollback: the old binary is in place, the node is stopped, and the operator decides.",
    ),
    Term(
        "plan",
        "The upgrade that a Cosmos chain has scheduled (x/upgrade): a name and a height. The chain itself stops every"
        " node there.",
    ),
    Term("power", "See voting power."),
    Term("precommit", "A validator's second vote in a round. More than two thirds of the power decide the block."),
    Term("prevote", "A validator's first vote in a round, on the proposed block."),
    Term("probation", "The time after the first start of the new binary in which its health decides about a rollback."),
    Term(
        "quorum",
        "More than two thirds of the voting power: without it no block is made. Of a vote on a Cosmos chain the least"
        " turnout with which it counts.",
    ),
    Term(
        "ready",
        "The release is downloaded, verified and staged, and the checks before it passed. It needs no height, and"
        " does not stop the node: that is what armed says.",
    ),
    Term("registry", "The contract in which a subnet's upgrades are proposed, voted on, scheduled and confirmed."),
    Term("release hash", "The sha256 that the chain names: of the manifest's bytes, or of the one binary."),
    Term(
        "rollback point",
        "A copy of the node's data taken before a crossing, to which it can return while the network has not gone on."
        " The signer's state is never part of what is restored.",
    ),
    Term("round", "One try to decide a height. It rises by one each time that no block was decided in time."),
    Term("scheduled", "An approved upgrade has its H. At most one is scheduled at a time."),
    Term("selector", "The first four bytes of the hash of a function's signature; a cut names functions by it."),
    Term(
        "signer state",
        "The validator's memory of what it signed (priv_validator_state.json). It only ever goes forward.",
    ),
    Term("staged", "The verified release stands in its folder as a generation, and can be switched to."),
    Term(
        "tally",
        "The votes on a proposal as the chain counts them so far. What decides is its own count when the vote ends.",
    ),
    Term("threshold", "The share of yes among the votes that do not abstain, which has to be passed."),
    Term("tombstoned", "Jailed for good: the validator signed two different blocks of one height."),
    Term("turn", "The span of blocks in which a validator restarts to arm, so that never too many are away at once."),
    Term("turnout", "The share of all bonded tokens that voted; abstaining counts."),
    Term(
        "verdict",
        "CROSS or ABORT, decided at the freeze from what is ready and armed then; every controller does what it says.",
    ),
    Term(
        "veto",
        "No with veto: when more than a third of all votes say it, the proposal is lost and its deposit with it.",
    ),
    Term(
        "voting power",
        "A validator's weight. Every decision counts power, never heads: more than two thirds approve, one third"
        " stops.",
    ),
    Term(
        "waiting for quorum",
        "The new binary runs, but less than two thirds of the power is back: no block past H yet.",
    ),
    Term(
        "zone",
        "How far a crossing can go back. Z0: H not executed, nothing to restore. Z1: H executed by this node alone:"
        " only by the rollback point, if the network aborts. Z2: the network went past H: forward only.",
    ),
)
"""In the order of the alphabet, whatever the capitals."""


def glossary_markdown() -> str:
    """The glossary as a table, for the documentation."""
    lines = ["| word | meaning |", "|---|---|"]
    lines += [f"| {term.word} | {term.meaning} |" for term in GLOSSARY]
    return "\n".join(lines) + "\n"
