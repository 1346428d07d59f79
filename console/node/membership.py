"""Who decides, kept in the journal: at a halted chain nobody can be asked, and `node abort` counts by it."""

from __future__ import annotations

import json

from console.model import Proposal
from console.node.journal import Journal
from console.ports.chain import PlanReading

MEMBERSHIP = "membership"
"""The journal's fact on who decides: `{address: [power, operator]}`, as the freeze stored it on the chain."""


def keep_membership(journal: Journal, reading: PlanReading, proposal: Proposal) -> None:
    """Keep who decides on a proposal, where the reading tells it. Raises JournalError."""
    readiness = reading.readiness
    if readiness is None or readiness.proposal_id != proposal.id or not readiness.validators:
        return
    members = {entry.address: [entry.power, entry.operator] for entry in readiness.validators}
    text = json.dumps(members, sort_keys=True)
    if text != journal.meta(MEMBERSHIP):
        journal.set_meta(MEMBERSHIP, text)
