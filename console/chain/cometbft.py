"""CometBFT's RPC: its answers as frozen values (shapes: facts/cosmos.md §5), and the block time from real headers.

`/status` tells the block store's height and `/abci_info` the application's: the pair H and H−1 is a halt.
Calls are POSTed, because proxies may cache a GET of `/abci_info` for a day (facts/ipc.md §7).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from console.chain.address import consensus_address, ed25519_consensus_address, ethereum_address
from console.chain.fields import (
    INT64_MAX,
    base64_bytes,
    exact_text,
    flag,
    hex_bytes,
    integer,
    items,
    table,
    text,
    time_ns,
    wrong,
)
from console.chain.rpc import Call, Reply
from console.errors import BadAnswer, InputError
from console.text import UntrustedText

MAX_BATCH = 10
"""Calls that CometBFT takes in one batch by default (`max_request_batch_size`)."""

VALIDATORS_PER_PAGE = 100
"""The most that `/validators` gives at once."""

VALIDATOR_PAGES = 3
"""Pages asked for: IPC caps a subnet at 256 validators (facts/evm.md §4.2)."""

HEADER_WINDOW = 100
"""Blocks over which the block time is taken."""

_POWER_MAX = INT64_MAX // 8
_SECONDS = 1_000_000_000
_ADDRESS_BYTES = (20,)
_KEY_KINDS = {"PubKeySecp256k1": "secp256k1", "PubKeyEd25519": "ed25519"}
_HASH_BYTES = (0, 32)


@dataclass(frozen=True, slots=True)
class Status:
    """`/status`."""

    chain_id: str
    """`node_info.network`, as compared."""
    moniker: UntrustedText
    height: int
    """Height of the block store."""
    time_ns: int
    """Time in the newest header, nanoseconds since 1970."""
    catching_up: bool
    consensus_address: str
    """40 upper-case hex digits of the node's own validator key."""
    power: int
    """0 when the node is not in the active set."""
    block_hash: str = ""
    """Upper-case hex digits of the newest block's hash; empty when it is not told."""


@dataclass(frozen=True, slots=True)
class AppInfo:
    """`/abci_info`."""

    version: UntrustedText
    """The running release as the application says it."""
    height: int
    """Last height that the application executed."""
    app_hash: str
    """Upper-case hex digits, empty before the first block."""
    protocol: int = 0
    """The application's version of its protocol (`app_version`)."""


@dataclass(frozen=True, slots=True)
class ConsensusValidator:
    """One entry of `/validators`."""

    consensus_address: str
    """40 upper-case hex digits."""
    ethereum_address: str
    """Checksummed; empty when the key is not secp256k1."""
    public_key: bytes
    """33 bytes compressed for secp256k1, 32 for ed25519, else as given."""
    power: int
    key_kind: str = "secp256k1"
    """`secp256k1` or `ed25519`; empty for a kind whose signatures cannot be verified here."""

    @property
    def address(self) -> str:
        """What the validator is named by: the checksummed Ethereum address where there is one, else consensus's."""
        return self.ethereum_address or self.consensus_address


@dataclass(frozen=True, slots=True)
class ValidatorSet:
    """All pages of `/validators`."""

    height: int
    validators: tuple[ConsensusValidator, ...]
    """In CometBFT's order: the vote index."""

    @property
    def total_power(self) -> int:
        """Sum of all powers."""
        return sum(validator.power for validator in self.validators)

    def of(self, address: str) -> ConsensusValidator | None:
        """The entry with that checksummed Ethereum address, or that upper-case consensus address; None for neither."""
        if not address:
            # Keys other than secp256k1 have no Ethereum address, and are not the one that nobody named.
            return None
        return next(
            (entry for entry in self.validators if address in (entry.ethereum_address, entry.consensus_address)), None
        )


@dataclass(frozen=True, slots=True)
class Header:
    """What is used of a block's header."""

    chain_id: str
    height: int
    time_ns: int
    validators_hash: str
    """Upper-case hex digits; changes exactly when the validator set does."""
    app_hash: str
    """State after the block before, upper-case hex digits."""


@dataclass(frozen=True, slots=True)
class BlockId:
    """What a vote is for; all empty when for nothing (nil)."""

    hash: bytes
    parts_total: int
    parts_hash: bytes


@dataclass(frozen=True, slots=True)
class CommitSignature:
    """One validator's part in a commit."""

    flag: int
    """1 absent, 2 for the block, 3 for nil."""
    consensus_address: str
    time_ns: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as `/commit` and `last_commit` give it."""

    height: int
    round: int
    block_id: BlockId
    signatures: tuple[CommitSignature, ...]


@dataclass(frozen=True, slots=True)
class SignedHeader:
    """`/commit`: a header and the commit of its block."""

    header: Header
    commit: Commit


@dataclass(frozen=True, slots=True)
class Block:
    """`/block`: the header and the commit of the block before, which it carries."""

    header: Header
    block_id: BlockId
    last_commit: Commit | None
    """None in the first block."""


def overview_calls() -> tuple[Call, ...]:
    """The three calls that show a node: status, abci_info, net_info."""
    return Call("status", {}), Call("abci_info", {}), Call("net_info", {})


def validator_calls(height: int | None = None) -> tuple[Call, ...]:
    """Calls for every page of the validator set at a height (None: the newest). 64-bit numbers go as strings."""
    at = {} if height is None else {"height": str(height)}
    per_page = str(VALIDATORS_PER_PAGE)
    return tuple(
        Call("validators", {**at, "page": str(page), "per_page": per_page}) for page in range(1, VALIDATOR_PAGES + 1)
    )


def commit_call(height: int | None = None) -> Call:
    """The call for the header and commit at a height (None: the newest)."""
    return Call("commit", {} if height is None else {"height": str(height)})


def parse_status(value: object) -> Status:
    """Read the result of `status`. Raises BadAnswer."""
    top = table(value, "status")
    node = table(top.get("node_info"), "status.node_info")
    sync = table(top.get("sync_info"), "status.sync_info")
    own = table(top.get("validator_info"), "status.validator_info")
    return Status(
        chain_id=exact_text(node.get("network"), "node_info.network"),
        moniker=text(node.get("moniker"), "node_info.moniker", most=64),
        height=integer(sync.get("latest_block_height"), "latest_block_height"),
        time_ns=time_ns(sync.get("latest_block_time"), "latest_block_time"),
        catching_up=flag(sync.get("catching_up"), "catching_up"),
        consensus_address=hex_bytes(own.get("address"), "validator_info.address", lengths=(0, 20)).hex().upper(),
        power=integer(own.get("voting_power", "0"), "voting_power", high=_POWER_MAX),
        block_hash=hex_bytes(sync.get("latest_block_hash"), "latest_block_hash", lengths=(0, 32)).hex().upper(),
    )


def parse_abci_info(value: object) -> AppInfo:
    """Read the result of `abci_info`; zero-valued fields are left out by CometBFT. Raises BadAnswer."""
    response = table(table(value, "abci_info").get("response"), "abci_info.response")
    return AppInfo(
        version=text(response.get("version"), "abci_info.version", most=64),
        height=integer(response.get("last_block_height", "0"), "last_block_height"),
        app_hash=base64_bytes(response.get("last_block_app_hash"), "last_block_app_hash", most=64).hex().upper(),
        protocol=integer(response.get("app_version", "0"), "abci_info.app_version"),
    )


def parse_net_info(value: object) -> int:
    """Read the number of peers from the result of `net_info`. Raises BadAnswer."""
    return integer(table(value, "net_info").get("n_peers"), "n_peers", high=100_000)


def parse_validator_set(replies: Sequence[Reply]) -> ValidatorSet:
    """Join the replies to `validator_calls`; pages beyond the last one are errors in CometBFT and not looked at.

    Raises:
        BadAnswer: A page is missing or wrong, pages of different heights, a validator twice, or a set larger than
            the pages hold.
    """
    first = table(replies[0].value("validators"), "validators")
    total = integer(first.get("total"), "validators.total", low=1)
    pages = -(-total // VALIDATORS_PER_PAGE)
    if pages > len(replies):
        raise BadAnswer(f"the chain has {total} validators; at most {len(replies) * VALIDATORS_PER_PAGE} are read")
    height = integer(first.get("block_height"), "validators.block_height")
    found: list[ConsensusValidator] = []
    for reply in replies[:pages]:
        page = table(reply.value("validators"), "validators")
        if integer(page.get("block_height"), "validators.block_height") != height:
            raise BadAnswer("the validator set changed between two of its pages")
        entries = items(page.get("validators"), "validators.validators", most=VALIDATORS_PER_PAGE)
        found.extend(_validator(entry) for entry in entries)
    if len(found) != total or len({entry.consensus_address for entry in found}) != total:
        raise BadAnswer(f"the chain says {total} validators and names {len(found)}, or one twice")
    return ValidatorSet(height, tuple(found))


def parse_round(value: object) -> int:
    """Read the round from the result of `consensus_state` or `dump_consensus_state` (facts/cosmos.md §5).

    Raises:
        BadAnswer: It is not there.
    """
    state = table(table(value, "consensus_state").get("round_state"), "consensus_state.round_state")
    together = state.get("height/round/step")
    if together is None:
        return integer(state.get("round"), "round_state.round", high=(1 << 31) - 1)
    parts = exact_text(together, "height/round/step", most=64).split("/")
    return integer(parts[1] if len(parts) == 3 else "", "height/round/step", high=(1 << 31) - 1)


def parse_signed_header(value: object) -> SignedHeader:
    """Read the result of `commit`. Raises BadAnswer."""
    signed = table(table(value, "commit").get("signed_header"), "commit.signed_header")
    return SignedHeader(_header(signed.get("header")), parse_commit(signed.get("commit")))


def parse_block(value: object) -> Block:
    """Read the result of `block`. Raises BadAnswer."""
    top = table(value, "block")
    block = table(top.get("block"), "block.block")
    header = _header(block.get("header"))
    last = block.get("last_commit")
    # The first block carries an empty commit of height 0.
    carried = parse_commit(last) if last is not None and header.height > 1 else None
    return Block(header, _block_id(top.get("block_id")), carried)


def parse_commit(value: object) -> Commit:
    """Read a commit object. Raises BadAnswer."""
    commit = table(value, "commit")
    return Commit(
        height=integer(commit.get("height"), "commit.height"),
        round=integer(commit.get("round"), "commit.round", high=(1 << 31) - 1),
        block_id=_block_id(commit.get("block_id")),
        signatures=tuple(
            _signature(entry)
            for entry in items(
                commit.get("signatures"), "commit.signatures", most=VALIDATORS_PER_PAGE * VALIDATOR_PAGES
            )
        ),
    )


class HeaderTimes:
    """Times of recent headers, and the block time from them."""

    def __init__(self) -> None:
        self._times: dict[int, int] = {}

    def add(self, height: int, header_time_ns: int) -> None:
        """Take a header; the first one of a height counts, heights outside the window are forgotten."""
        if height <= 0:
            return
        self._times.setdefault(height, header_time_ns)
        newest = max(self._times)
        for known in [known for known in self._times if known < newest - HEADER_WINDOW]:
            del self._times[known]

    def missing(self, newest: int, most: int) -> tuple[int, ...]:
        """Heights whose headers would fill the window best; none once half of it is spanned."""
        oldest = min(self._times, default=newest)
        if oldest <= newest - HEADER_WINDOW // 2:
            return ()
        # The first block carries the time of the genesis file, which may be long before the second.
        wanted = dict.fromkeys(max(2, newest - back) for back in (1, 5, 20, HEADER_WINDOW // 2))
        return tuple(height for height in wanted if height < min(oldest, newest))[:most]

    @property
    def seconds_per_block(self) -> float | None:
        """Median of the intervals between neighbouring headers; between headers further apart each block counts with
        their mean. None until two headers are known."""
        known = sorted(self._times.items())
        intervals: list[tuple[float, int]] = []
        for (low, earlier), (high, later) in itertools.pairwise(known):
            if later > earlier:
                intervals.append(((later - earlier) / (high - low) / _SECONDS, high - low))
        if not intervals:
            return None
        intervals.sort()
        half = sum(blocks for _, blocks in intervals) / 2
        passed = 0
        for seconds, blocks in intervals:
            passed += blocks
            if passed >= half:
                return seconds
        return intervals[-1][0]


def _validator(value: object) -> ConsensusValidator:
    entry = table(value, "validator")
    address = hex_bytes(entry.get("address"), "validator.address", lengths=_ADDRESS_BYTES).hex().upper()
    key = table(entry.get("pub_key"), "validator.pub_key")
    kind = exact_text(key.get("type"), "pub_key.type", most=64)
    public_key = base64_bytes(key.get("value"), "pub_key.value", most=128)
    power = integer(entry.get("voting_power"), "voting_power", high=_POWER_MAX)
    key_kind = _KEY_KINDS.get(kind.rpartition("/")[2], "")
    if not key_kind:
        return ConsensusValidator(address, "", public_key, power, key_kind)
    try:
        secp256k1 = key_kind == "secp256k1"
        if (consensus_address if secp256k1 else ed25519_consensus_address)(public_key) != address:
            raise wrong("validator.pub_key", "a key of another address")
        ethereum = ethereum_address(public_key) if secp256k1 else ""
        return ConsensusValidator(address, ethereum, public_key, power, key_kind)
    except InputError as error:
        raise wrong("validator.pub_key", error.what) from None


def _header(value: object) -> Header:
    header = table(value, "header")
    return Header(
        chain_id=exact_text(header.get("chain_id"), "header.chain_id"),
        height=integer(header.get("height"), "header.height", low=1),
        time_ns=time_ns(header.get("time"), "header.time"),
        validators_hash=hex_bytes(header.get("validators_hash"), "header.validators_hash", lengths=_HASH_BYTES)
        .hex()
        .upper(),
        app_hash=hex_bytes(header.get("app_hash"), "header.app_hash", lengths=range(65)).hex().upper(),
    )


def _block_id(value: object) -> BlockId:
    block_id = table(value, "block_id")
    # Older versions and commits say `part_set_header` where blocks say `parts`.
    parts = table(block_id.get("parts", block_id.get("part_set_header")), "block_id.parts")
    return BlockId(
        hash=hex_bytes(block_id.get("hash"), "block_id.hash", lengths=_HASH_BYTES),
        parts_total=integer(parts.get("total"), "parts.total", high=(1 << 32) - 1),
        parts_hash=hex_bytes(parts.get("hash"), "parts.hash", lengths=_HASH_BYTES),
    )


def _signature(value: object) -> CommitSignature:
    entry = table(value, "signature")
    kind = integer(entry.get("block_id_flag"), "block_id_flag", low=1, high=3)
    if kind == 1:
        return CommitSignature(kind, "", 0, b"")
    return CommitSignature(
        flag=kind,
        consensus_address=hex_bytes(entry.get("validator_address"), "validator_address", lengths=_ADDRESS_BYTES)
        .hex()
        .upper(),
        time_ns=time_ns(entry.get("timestamp"), "timestamp"),
        signature=base64_bytes(entry.get("signature"), "signature", most=96),
    )
