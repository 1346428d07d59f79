"""Who is ready and who is not, as rows of the readiness dashboard. Pure; the table draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from console.model import NodeHeight, Proposal, Snapshot, ValidatorReadiness
from console.text import duration, percent, shortened
from widgets.moments import CLOCK_SIGN, LIVE_WITHIN_S, UNKNOWN, age_of, chain_age, count
from widgets.readiness_rows import failure_words


@dataclass(frozen=True, slots=True)
class DashboardRow:
    """One validator: what it runs, what it is ready for and since when, and when its node was last heard."""

    key: str
    """Checksummed address."""
    name: str
    power: str
    share: str
    runs: str
    """What its node answers; else what the validator advertised, in brackets."""
    advertised: str
    release: str
    """The release that it is ready for; `—` when for none."""
    since: str
    """How long it is ready."""
    seen: str
    state: str
    address: str
    """As shown: in the Filecoin spelling where that is wanted."""
    tone: str


def dashboard_rows(
    snapshot: Snapshot | None, now: float, form: Callable[[str], str] | None = None
) -> tuple[DashboardRow, ...]:
    """Ready validators first, then those that are not; each by power and name.

    Args:
        snapshot: None before the first reading.
        now: Unix seconds.
        form: The other spelling of an address; None leaves it as it is.
    """
    chain = snapshot.chain if snapshot is not None else None
    if snapshot is None or chain is None:
        return ()
    proposal = snapshot.upgrade.proposal if snapshot.upgrade is not None else None
    readiness = chain.readiness if proposal and chain.readiness and chain.readiness.proposal_id == proposal.id else None
    total = sum(validator.power for validator in chain.validators)
    nodes = {node.consensus_address: node for node in chain.nodes}
    stale = chain_age(chain, snapshot.taken_at, now).stale
    rows = []
    for validator in chain.validators:
        said = readiness.of(validator.address) if readiness is not None else None
        node = nodes.get(validator.consensus_address)
        state, tone = _state(said, proposal)
        ready = said is not None and said.ready
        row = DashboardRow(
            key=validator.address,
            name=f"{'✓' if ready else '·'} {validator.moniker or shortened(validator.address, 12)}",
            power=count(validator.power),
            share=percent(validator.power, total),
            runs=_runs(said, node),
            advertised=_advertised(said, now),
            release=str(proposal.name) if ready and proposal is not None else UNKNOWN,
            since=duration(now - said.ready_time) if ready and said is not None and said.ready_time else UNKNOWN,
            seen=_seen(node, said, snapshot.taken_at, now),
            state=f"{CLOCK_SIGN} {state}" if stale else state,
            address=validator.address if form is None else form(validator.address),
            tone="warn" if stale and tone != "bad" else tone,
        )
        rows.append((not ready, -validator.power, str(validator.moniker), validator.address, row))
    return tuple(entry[-1] for entry in sorted(rows, key=lambda entry: entry[:-1]))


def _runs(said: ValidatorReadiness | None, node: NodeHeight | None) -> str:
    if node is not None and node.version:
        return str(node.version)
    return f"({said.version})" if said is not None and said.version else UNKNOWN


def _advertised(said: ValidatorReadiness | None, now: float) -> str:
    if said is None or not said.advertised_at:
        return UNKNOWN
    words = f"{said.version}, protocol {said.protocol}"
    return f"{words}, {duration(now - said.advertised_time)} ago" if said.advertised_time else words


def _seen(node: NodeHeight | None, said: ValidatorReadiness | None, taken_at: float, now: float) -> str:
    if node is not None:
        age = age_of(node.age_s, taken_at, now).seconds or 0.0
        return "now" if node.reachable and age < LIVE_WITHIN_S else f"{duration(age)} ago"
    # Its node is none of our endpoints: what its key said last is all that is heard of it.
    heard = max((said.ready_time, said.advertised_time), default=0) if said is not None else 0
    return f"{duration(now - heard)} ago" if heard else UNKNOWN


def _state(said: ValidatorReadiness | None, proposal: Proposal | None) -> tuple[str, str]:
    if said is None:
        return "nothing said", ""
    if said.confirmed_at:
        return "crossed", "good"
    if proposal is not None and proposal.release_hash and said.advertised_hash == proposal.release_hash:
        return "runs it already", "good"
    if said.ready:
        return ("ready and armed", "good") if said.armed else ("ready", "good")
    if said.failure_code:
        return failure_words(said.failure_code), "bad"
    return ("armed, not ready", "warn") if said.armed else ("pending", "muted")
