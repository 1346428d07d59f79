"""One validator in full: whose it is, what it weighs, what it runs, which blocks it signed, what it said."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from console.model import Choice, Signed, SigningRecord, Stance, Validator, ValidatorReadiness
from console.text import duration, short_hash, shortened
from widgets.dashboard_rows import Dashboard, Form, advertised_words, fine_percent
from widgets.drawn import BAD, GOOD, MUTED, STRONG, WARN, Grown, stacked
from widgets.moments import CLOCK_SIGN, UNKNOWN, age_of, count
from widgets.readiness_rows import failure_words
from widgets.stake_words import jail_words, missed_words, stake_tone, stake_words

_NOBODY = "0x" + "0" * 40
_MARKS = {Signed.BLOCK: ("█", GOOD), Signed.NOTHING: ("▒", WARN), Signed.ABSENT: ("·", BAD)}


@dataclass(frozen=True, slots=True)
class Record:
    """What was read of one validator beside the Snapshot; None while it is being read."""

    signing: SigningRecord | None = None
    stances: tuple[Stance, ...] | None = None
    stances_problem: str = ""
    """Why there are none."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything that a validator in full is drawn from."""

    dashboard: Dashboard
    validator: Validator
    now: float
    """Unix seconds."""
    form: Form
    """The Filecoin spelling of an address."""
    width: int
    record: Record


class ValidatorDetail(VerticalScroll):
    """Nothing of an address is shortened here; what is longer than the screen scrolls."""

    DEFAULT_CSS = """
    ValidatorDetail {
        border-top: solid $border-blurred;
        border-title-style: bold;
        border-title-color: $foreground;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        &:focus { border-top: solid $primary; }
        & > Grown { text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._given: tuple[Dashboard, Validator, float, Form, Record] | None = None
        self._headed = ""

    def compose(self) -> ComposeResult:
        yield Grown()

    def show(self, dashboard: Dashboard, validator: Validator, now: float, form: Form, record: Record) -> None:
        """Draw this validator at `now`, Unix seconds."""
        self._given = dashboard, validator, now, form, record
        self._redraw()

    def show_none(self, why: str) -> None:
        """Say why there is none."""
        self._given = None
        self._draw("Validator", Content.styled(why, MUTED))

    def on_resize(self, event: events.Resize) -> None:
        self._redraw()

    def _redraw(self) -> None:
        if self._given is None:
            return
        dashboard, validator, now, form, record = self._given
        shown = Shown(dashboard, validator, now, form, self.scrollable_content_region.width, record)
        self._draw(str(validator.moniker) or shortened(validator.address, 24), stacked(*detail_lines(shown)))

    def _draw(self, heading: str, content: Content) -> None:
        self.query_one(Grown).draw(content)
        if heading != self._headed:
            self._headed = heading
            self.border_title = Content(heading)
            self.scroll_home(animate=False)


def detail_lines(shown: Shown) -> list[Content]:
    """All of it under each other: addresses, weights, versions, signatures, what it said."""
    said = shown.dashboard.said.get(shown.validator.address)
    if shown.dashboard.chain.cosmos is not None:
        return [*_staked(shown), *_versions(shown, None)[:1], *_signing(shown)]
    return [*_addresses(shown, said), *_weights(shown, said), *_versions(shown, said), *_signing(shown), *_said(shown)]


def _field(label: str, *value: str | tuple[str, str]) -> Content:
    return Content.assemble((f"{label:<11}", MUTED), *value)


def _addresses(shown: Shown, said: ValidatorReadiness | None) -> list[Content]:
    validator = shown.validator
    lines = [
        _field("address", validator.address),
        _field("", shown.form(validator.address)),
        _field("consensus", validator.consensus_address),
    ]
    if said is not None and said.operator not in {_NOBODY, "", validator.address}:
        lines.append(_field("operator", said.operator))
    return lines


def _staked(shown: Shown) -> list[Content]:
    """Of a validator of a Cosmos chain: whose it is, what it weighs, and how it stands with the chain."""
    dashboard, validator, stake = shown.dashboard, shown.validator, shown.validator.stake
    power = f"{count(validator.power)} of {count(dashboard.total)} · {fine_percent(validator.power, dashboard.total)}"
    lines = [_field("consensus", validator.consensus_address or UNKNOWN), _field("power", power)]
    if stake is None:
        return [*lines, _field("stake", (f"{UNKNOWN} not known", MUTED))]
    jailed = jail_words(stake, shown.now)
    style = {"bad": BAD, "warn": WARN}.get(stake_tone(validator), "")
    lines += [
        *_operator(str(stake.operator), shown.width),
        _field("tokens", f"{count(stake.tokens)}, {stake.bond.value}"),
        _field("state", (f"{stake_words(validator)}{f': {jailed}' if jailed else ''}", style)),
        _field("missed", f"{missed_words(stake)} blocks"),
    ]
    return lines


def _operator(address: str, width: int) -> list[Content]:
    """An operator address whole, below its name where it has no room beside it."""
    whole = _field("operator", address)
    return [whole] if whole.cell_length <= width else [_field("operator"), Content(f" {address}")]


def _weights(shown: Shown, said: ValidatorReadiness | None) -> list[Content]:
    dashboard, validator = shown.dashboard, shown.validator
    power = f"{count(validator.power)} of {count(dashboard.total)} · {fine_percent(validator.power, dashboard.total)}"
    if said is None:
        weight = f"{UNKNOWN} no proposal counts it"
    else:
        weight = f"{count(said.power)} of {count(dashboard.total_weight)} · "
        weight += f"{fine_percent(said.power, dashboard.total_weight)}, in the registry"
    return [_field("power", f"{power}, in consensus"), _field("weight", weight)]


def _versions(shown: Shown, said: ValidatorReadiness | None) -> list[Content]:
    dashboard, now = shown.dashboard, shown.now
    node = dashboard.nodes.get(shown.validator.consensus_address)
    if node is None:
        runs = Content.assemble(_field("runs"), (f"{UNKNOWN} its node is none of our endpoints", MUTED))
    else:
        age = age_of(node.age_s, dashboard.taken_at, now).seconds
        seen = "answers" if node.reachable else f"silent {CLOCK_SIGN} {duration(age)}"
        runs = _field("runs", f"{node.version or UNKNOWN} at block {count(node.height)}, {seen}")
    lines = [runs, _field("advertised", advertised_words(said, now))]
    if said is not None and said.advertised_hash:
        lines.append(_field("", f"sha256 {short_hash(said.advertised_hash)}"))
    return lines


def _signing(shown: Shown) -> list[Content]:
    record = shown.record.signing
    if record is None:
        return [Content(""), _title("Signed blocks"), Content.styled("being read…", MUTED)]
    if not record.blocks:
        return [Content(""), _title("Signed blocks"), Content.styled(f"{UNKNOWN} {record.problem}", MUTED)]
    blocks = record.blocks[-max(1, shown.width) :]
    signed = sum(1 for _height, mark in blocks if mark is Signed.BLOCK)
    strip = Content.assemble(*(_MARKS[mark] for _height, mark in blocks))
    tone = GOOD if signed == len(blocks) else WARN if signed * 10 >= len(blocks) * 9 else BAD
    lines = [
        Content(""),
        Content.assemble(_title("Signed blocks"), ("  █ signed  ▒ for nothing  · absent", MUTED)),
        strip,
        Content.assemble(
            (f"{signed} of {len(blocks)}", tone),
            f" from block {count(blocks[0][0])} to {count(blocks[-1][0])}",
        ),
        Content.styled(f"as {record.source} shows its commits", MUTED),
    ]
    return [*lines, Content.styled(record.problem, WARN)] if record.problem else lines


def _said(shown: Shown) -> list[Content]:
    record = shown.record
    lines = [Content(""), Content.assemble(_title("What it said"), ("  by the registry's views", MUTED))]
    if record.stances is None:
        return [*lines, Content.styled(record.stances_problem or "being read…", MUTED)]
    if not record.stances:
        return [*lines, Content.styled("Nothing was proposed yet.", MUTED)]
    for stance in record.stances:
        lines.append(
            Content.assemble((f"{stance.proposal_id} ", MUTED), f"{stance.name} ", (stance.status.words, MUTED))
        )
        lines += [Content.assemble("  ", words) for words in stance_words(stance)]
    return lines


def stance_words(stance: Stance) -> list[tuple[str, str]]:
    """What a validator said of one proposal, as (words, style), in the order in which it is said."""
    words: list[tuple[str, str]] = []
    if stance.choice is not Choice.NONE:
        words.append((f"voted {stance.choice.name.lower()} at {count(stance.voted_at)}", ""))
    said = stance.said
    if said is not None:
        if said.failure_code:
            words.append((f"✗ {failure_words(said.failure_code)} at {count(said.failed_at)}", BAD))
        if said.ready:
            words.append((f"✓ ready at {count(said.ready_at)}", GOOD))
        elif said.armed or said.failure_code:
            # The registry keeps no word of what was taken back: not ready is all that it says.
            words.append(("not ready", WARN))
        if said.armed:
            words.append((f"✓ armed at {count(said.armed_at)}", GOOD))
        if said.confirmed_at:
            words.append((f"✓ crossed, confirmed at {count(said.confirmed_at)}", GOOD))
    return words or [("nothing said", MUTED)]


def _title(words: str) -> Content:
    return Content.styled(words, STRONG)
