"""Who is ready and who is not, as rows of the readiness dashboard: looked up once, made when looked at. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from console.model import NodeHeight, Proposal, Snapshot, Validator, ValidatorReadiness, at_its_halt
from console.text import duration, percent, shortened
from widgets.moments import CLOCK_SIGN, LIVE_WITHIN_S, UNKNOWN, age_of, chain_age, power_words
from widgets.narrowing import NOTHING_TYPED, Narrowing
from widgets.readiness_rows import failure_words, natural
from widgets.stake_words import stake_tone, stake_words

Form = Callable[[str], str]
"""The spelling of an address."""


@dataclass(frozen=True, slots=True)
class DashboardRow:
    """One validator: what it runs, what it is ready for and since when, and when its node was last heard."""

    key: str
    """Checksummed address."""
    name: str
    power: str
    share: str
    weight: str
    """Share of the registry's weights, which are not CometBFT's power; `—` while it counts nobody."""
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
    missed: str = ""
    """Blocks that it missed of the chain's window; of a Cosmos chain alone."""
    tokens: str = ""
    operator: str = ""
    """Its operator address on a Cosmos chain."""


class Dashboard:
    """One Snapshot, looked up by address, so that any row can be made without looking at the others.

    Args:
        snapshot: With a chain that answered.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        chain = snapshot.chain
        assert chain is not None
        self.snapshot = snapshot
        self.chain = chain
        self.taken_at = snapshot.taken_at
        self.proposal: Proposal | None = snapshot.upgrade.proposal if snapshot.upgrade is not None else None
        about_it = self.proposal and chain.readiness and chain.readiness.proposal_id == self.proposal.id
        entries = chain.readiness.validators if about_it and chain.readiness is not None else ()
        self.said = {entry.address: entry for entry in entries}
        self.nodes = {node.consensus_address: node for node in chain.nodes}
        self.validators = chain.validators if chain.cosmos is None else (*chain.validators, *chain.cosmos.outside)
        """All that are shown: on a Cosmos chain those outside the active set as well."""
        self.by_address = {validator.address: validator for validator in self.validators}
        self.total = sum(validator.power for validator in chain.validators)
        self.total_weight = sum(entry.power for entry in entries)
        self.ready_count = sum(1 for entry in entries if entry.ready and entry.address in self.by_address)

    @property
    def what_orders(self) -> tuple[object, ...]:
        """What order and filter look at: an order holds for as long as this is the same."""
        heard = tuple((node.consensus_address, node.version, node.reachable) for node in self.chain.nodes)
        return self.validators, self.chain.readiness, self.proposal and self.proposal.id, heard

    def row(self, validator: Validator, now: float, form: Form | None = None) -> DashboardRow:
        """One validator's row.

        Args:
            validator: Of this Snapshot's chain.
            now: Unix seconds.
            form: The other spelling of an address; None leaves it as it is.
        """
        said = self.said.get(validator.address)
        node = self.nodes.get(validator.consensus_address)
        state, tone = _state(said, self.proposal)
        stale = chain_age(self.chain, self.taken_at, now).stale
        ready = said is not None and said.ready
        stake = validator.stake
        sign = "✓" if ready else "·"
        if self.chain.cosmos is not None:
            state, tone = stake_words(validator), stake_tone(validator)
            if not tone and node is not None and at_its_halt(node, self.proposal):
                state, tone = "at its halt", "warn"
            sign = {"bad": "✗", "warn": "!"}.get(tone, "·")
        return DashboardRow(
            key=validator.address,
            name=f"{sign} {validator.moniker or shortened(validator.address, 12)}",
            power=power_words(validator.power, 7),
            share=fine_percent(validator.power, self.total),
            weight=fine_percent(said.power, self.total_weight) if said is not None else UNKNOWN,
            runs=_runs(said, node),
            advertised=advertised_words(said, now),
            release=str(self.proposal.name) if ready and self.proposal is not None else UNKNOWN,
            since=duration(now - said.ready_time) if ready and said is not None and said.ready_time else UNKNOWN,
            seen=_seen(node, said, self.taken_at, now),
            state=f"{CLOCK_SIGN} {state}" if stale else state,
            address=validator.address if form is None else form(validator.address),
            tone="warn" if stale and tone != "bad" else tone,
            missed=UNKNOWN if stake is None or stake.missed_blocks is None else power_words(stake.missed_blocks, 7),
            tokens=UNKNOWN if stake is None else power_words(stake.tokens, 11),
            operator=UNKNOWN if stake is None else str(stake.operator),
        )

    def searched(self, validator: Validator) -> str:
        """What a filter looks through: names, addresses, versions, state, each a line."""
        said = self.said.get(validator.address)
        node = self.nodes.get(validator.consensus_address)
        state, _tone = _state(said, self.proposal)
        return "\n".join(
            (
                str(validator.moniker),
                validator.address,
                validator.consensus_address,
                _runs(said, node),
                said.operator if said is not None else "",
                str(said.version) if said is not None else "",
                "ready" if said is not None and said.ready else "not ready",
                state,
                "" if validator.stake is None else f"{stake_words(validator)} {validator.stake.operator}",
                # What nobody's node tells is looked for as well.
                "" if node is None else "reachable" if node.reachable else "silent",
            )
        )


@dataclass(frozen=True, slots=True)
class Order:
    """An order of the table."""

    field: str
    """The column that it is by."""
    words: str
    key: Callable[[Dashboard, Validator], tuple[object, ...]]


def _by_readiness(dashboard: Dashboard, validator: Validator) -> tuple[object, ...]:
    said = dashboard.said.get(validator.address)
    return said is None or not said.ready, -validator.power


def _by_state(dashboard: Dashboard, validator: Validator) -> tuple[object, ...]:
    return _state(dashboard.said.get(validator.address), dashboard.proposal)[0], -validator.power


def _by_version(dashboard: Dashboard, validator: Validator) -> tuple[object, ...]:
    said, node = dashboard.said.get(validator.address), dashboard.nodes.get(validator.consensus_address)
    return tuple(natural(_runs(said, node))), -validator.power


def _by_silence(dashboard: Dashboard, validator: Validator) -> tuple[object, ...]:
    """Those longest unheard first; of whom nothing was ever heard, before all."""
    said, node = dashboard.said.get(validator.address), dashboard.nodes.get(validator.consensus_address)
    if node is not None:
        # Whoever answers is heard now: how many tenths of a second ago is no order.
        return (dashboard.taken_at if node.reachable else dashboard.taken_at - node.age_s,)
    return (float(_heard(said)),)


ORDERS = (
    Order("state", "ready first", _by_readiness),
    Order("power", "power", lambda _dashboard, validator: (-validator.power,)),
    Order("name", "name", lambda _dashboard, validator: ()),
    Order("runs", "version", _by_version),
    Order("since", "state", _by_state),
    Order("seen", "silence", _by_silence),
)
"""In the turn of the key; the first is where it starts."""


def _by_trouble(_dashboard: Dashboard, validator: Validator) -> tuple[object, ...]:
    stake = validator.stake
    return (stake is None or not stake.jailed), -validator.power


def _by_misses(_dashboard: Dashboard, validator: Validator) -> tuple[object, ...]:
    stake = validator.stake
    return (-(stake.missed_blocks or 0) if stake is not None else 1,)


STAKED_ORDERS = (
    Order("power", "power", lambda _dashboard, validator: (-validator.power, -_tokens(validator))),
    Order("name", "name", lambda _dashboard, validator: ()),
    Order("runs", "version", _by_version),
    Order("missed", "missed blocks", _by_misses),
    Order("state", "jailed first", _by_trouble),
    Order("seen", "silence", _by_silence),
)
"""The same for a Cosmos chain."""


def orders_of(snapshot: Snapshot | None) -> tuple[Order, ...]:
    """The orders that the network's kind has."""
    return STAKED_ORDERS if snapshot is not None and snapshot.network.kind == "cosmos" else ORDERS


def _tokens(validator: Validator) -> int:
    return 0 if validator.stake is None else validator.stake.tokens


def ordered(
    dashboard: Dashboard, order: Order, narrowing: Narrowing, *, reverse: bool = False
) -> tuple[Validator, ...]:
    """The validators that a filter keeps, in an order; within it by name as people count."""
    validators = dashboard.validators
    if narrowing.active:
        kept = narrowing.kept([dashboard.searched(validator) for validator in validators])
        validators = tuple(validators[place] for place in kept)
    return tuple(
        sorted(
            validators,
            key=lambda each: (*order.key(dashboard, each), natural(each.moniker), each.address),
            reverse=reverse,
        )
    )


@dataclass(frozen=True, slots=True)
class Wish:
    """Which validators are wanted, and in which order."""

    order: int = 0
    """Place in `orders_of` the network."""
    reverse: bool = False
    narrowing: Narrowing = NOTHING_TYPED


@dataclass(frozen=True, slots=True)
class InOrder:
    """A Snapshot's validators looked up, filtered and in order."""

    dashboard: Dashboard
    wish: Wish
    validators: tuple[Validator, ...]
    places: dict[str, int]
    """Where each stands, by address."""


def in_order(snapshot: Snapshot, wish: Wish, before: InOrder | None) -> InOrder:
    """Look a Snapshot up and put it in order; the order of before where nothing that it looks at has changed.

    With many validators that takes tens of milliseconds: in a thread.
    """
    dashboard = Dashboard(snapshot)
    if before is not None and before.wish == wish and before.dashboard.what_orders == dashboard.what_orders:
        return InOrder(dashboard, wish, before.validators, before.places)
    validators = ordered(dashboard, orders_of(snapshot)[wish.order], wish.narrowing, reverse=wish.reverse)
    return InOrder(dashboard, wish, validators, {each.address: place for place, each in enumerate(validators)})


class DashboardRows:
    """The rows of an order; one is made when it is asked for.

    Args:
        shown: The validators in their order.
        now: Unix seconds.
        form: The other spelling of an address, or None.
    """

    def __init__(self, shown: InOrder, now: float, form: Form | None = None) -> None:
        self._shown, self._now, self._form = shown, now, form

    def __len__(self) -> int:
        return len(self._shown.validators)

    def __getitem__(self, place: int, /) -> DashboardRow:
        return self._shown.dashboard.row(self._shown.validators[place], self._now, self._form)

    def key_at(self, place: int) -> str:
        """Address of a validator."""
        return self._shown.validators[place].address

    def place_of(self, key: str) -> int | None:
        """Where a validator stands; None when the filter leaves it out."""
        return self._shown.places.get(key)


def fine_percent(part: int, whole: int) -> str:
    """A share with a tenth of a percent, rounded down; `<0.1%` for what is less, because it is not nothing."""
    if whole <= 0:
        return UNKNOWN
    if 0 < part * 1000 < whole:
        return "<0.1%"
    tenths = part * 1000 // whole
    return percent(part, whole) if tenths % 10 == 0 else f"{tenths // 10}.{tenths % 10}%"


def _runs(said: ValidatorReadiness | None, node: NodeHeight | None) -> str:
    if node is not None and node.version:
        return str(node.version)
    return f"({said.version})" if said is not None and said.version else UNKNOWN


def advertised_words(said: ValidatorReadiness | None, now: float) -> str:
    """What a validator said that it runs, and how long ago."""
    if said is None or not said.advertised_at:
        return UNKNOWN
    words = f"{said.version}, protocol {said.protocol}"
    return f"{words}, {duration(now - said.advertised_time)} ago" if said.advertised_time else words


def _heard(said: ValidatorReadiness | None) -> int:
    # Its node is none of our endpoints: what its key said last is all that is heard of it.
    return max((said.ready_time, said.advertised_time), default=0) if said is not None else 0


def _seen(node: NodeHeight | None, said: ValidatorReadiness | None, taken_at: float, now: float) -> str:
    if node is not None:
        age = age_of(node.age_s, taken_at, now).seconds or 0.0
        return "now" if node.reachable and age < LIVE_WITHIN_S else duration(age)
    heard = _heard(said)
    return duration(now - heard) if heard else UNKNOWN


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
