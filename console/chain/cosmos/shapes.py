"""Protobuf answers of the SDK's modules turned into the JSON that REST gives for them, so that one parser reads both.

Numbers are those of the SDK's .proto files. What is not named here is passed over.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from console.chain.fields import wrong
from console.chain.protobuf import occurrences
from console.errors import BadAnswer

Wire = int | bytes
Written = Callable[[Wire, str], object]
"""A field's value on the wire, and what it is for the sentence, to what JSON has for it."""

MAX_NESTED = 8
"""Messages within messages that are read."""

_DECIMALS = 18
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PUBLIC_KEYS = ("/cosmos.crypto.ed25519.PubKey", "/cosmos.crypto.secp256k1.PubKey")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    name: str
    written: Written
    repeated: bool = False


Shape = Mapping[int, Field]
"""Fields of a message by number."""


def as_json(shape: Shape, raw: bytes, what: str) -> dict[str, object]:
    """Read one message as its JSON. Fields that are absent are left out; of one that comes twice the last one counts.

    Raises:
        BadAnswer: It is no such message.
    """
    found: dict[str, object] = {}
    for number, value in occurrences(raw, what):
        field = shape.get(number)
        if field is None:
            continue
        written = field.written(value, what)
        if field.repeated:
            row = found.setdefault(field.name, [])
            assert isinstance(row, list)
            row.append(written)
        else:
            found[field.name] = written
    return found


def _raw(value: Wire, what: str) -> bytes:
    if isinstance(value, int):
        raise wrong(what, value)
    return value


def _varint(value: Wire, what: str) -> int:
    if not isinstance(value, int):
        raise wrong(what, value)
    return value


def _text(value: Wire, what: str) -> str:
    try:
        return _raw(value, what).decode()
    except UnicodeDecodeError:
        raise wrong(what, value) from None


def _int(value: Wire, what: str) -> str:
    number = _varint(value, what)
    return str(number - (1 << 64) if number >> 63 else number)


def _flag(value: Wire, what: str) -> bool:
    return _varint(value, what) != 0


def _base64(value: Wire, what: str) -> str:
    return b64encode(_raw(value, what)).decode()


def _decimal(value: Wire, what: str) -> str:
    """The SDK's own decimal: on the wire its digits as a whole number of 1/10**18."""
    digits = _text(value, what)
    if not digits.isascii() or not digits.isdigit():
        raise wrong(what, digits)
    padded = digits.rjust(_DECIMALS + 1, "0")
    return f"{padded[:-_DECIMALS]}.{padded[-_DECIMALS:]}"


def _time(value: Wire, what: str) -> str:
    parts = as_json({1: Field("seconds", _int), 2: Field("nanos", _int)}, _raw(value, what), what)
    seconds, nanos = int(str(parts.get("seconds", 0))), int(str(parts.get("nanos", 0)))
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise wrong(what, seconds) from None
    if not 0 <= nanos < 1_000_000_000:
        raise wrong(what, nanos)
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f".{nanos:09d}Z"


def _span(value: Wire, what: str) -> str:
    parts = as_json({1: Field("seconds", _int), 2: Field("nanos", _int)}, _raw(value, what), what)
    seconds, nanos = int(str(parts.get("seconds", 0))), int(str(parts.get("nanos", 0)))
    if seconds < 0 or not 0 <= nanos < 1_000_000_000:
        raise wrong(what, seconds)
    return f"{seconds}.{nanos:09d}s" if nanos else f"{seconds}s"


def _enum(names: Mapping[int, str]) -> Written:
    return lambda value, what: names.get(_varint(value, what), str(value))


def _message(shape: Shape) -> Written:
    return lambda value, what: as_json(shape, _raw(value, what), what)


def _any(value: Wire, what: str, depth: int = 0) -> object:
    """An `Any`: its type, and its fields where the type is one of those that are read."""
    parts = as_json({1: Field("@type", _text), 2: Field("value", lambda found, _: found)}, _raw(value, what), what)
    kind, content = str(parts.get("@type", "")), parts.get("value", b"")
    if depth > MAX_NESTED:
        raise BadAnswer(f"{what} has messages within messages without end")
    shape = _ANY.get(kind)
    if shape is None or not isinstance(content, bytes):
        return {"@type": kind}
    nested = {
        number: Field(field.name, partial(_any, depth=depth + 1), field.repeated) if field.written is _any else field
        for number, field in shape.items()
    }
    return {"@type": kind, **as_json(nested, content, what)}


_COIN: Shape = {1: Field("denom", _text), 2: Field("amount", _text)}
_PAGE: Shape = {1: Field("next_key", _base64), 2: Field("total", _int)}
_PLAN: Shape = {
    1: Field("name", _text),
    3: Field("height", _int),
    4: Field("info", _text),
}
_ANY: Mapping[str, Shape] = {
    "/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade": {1: Field("authority", _text), 2: Field("plan", _message(_PLAN))},
    "/cosmos.upgrade.v1beta1.MsgCancelUpgrade": {1: Field("authority", _text)},
    "/cosmos.upgrade.v1beta1.SoftwareUpgradeProposal": {
        1: Field("title", _text),
        2: Field("description", _text),
        3: Field("plan", _message(_PLAN)),
    },
    "/cosmos.upgrade.v1beta1.CancelSoftwareUpgradeProposal": {
        1: Field("title", _text),
        2: Field("description", _text),
    },
    "/cosmos.gov.v1.MsgExecLegacyContent": {1: Field("content", _any), 2: Field("authority", _text)},
    **{kind: {1: Field("key", _base64)} for kind in _PUBLIC_KEYS},
}

_STATUSES = _enum(
    {
        0: "PROPOSAL_STATUS_UNSPECIFIED",
        1: "PROPOSAL_STATUS_DEPOSIT_PERIOD",
        2: "PROPOSAL_STATUS_VOTING_PERIOD",
        3: "PROPOSAL_STATUS_PASSED",
        4: "PROPOSAL_STATUS_REJECTED",
        5: "PROPOSAL_STATUS_FAILED",
    }
)
_OPTIONS = _enum({1: "VOTE_OPTION_YES", 2: "VOTE_OPTION_ABSTAIN", 3: "VOTE_OPTION_NO", 4: "VOTE_OPTION_NO_WITH_VETO"})
_BONDS = _enum({1: "BOND_STATUS_UNBONDED", 2: "BOND_STATUS_UNBONDING", 3: "BOND_STATUS_BONDED"})

_TALLY_V1: Shape = {
    1: Field("yes_count", _text),
    2: Field("abstain_count", _text),
    3: Field("no_count", _text),
    4: Field("no_with_veto_count", _text),
}
_TALLY_V1BETA1: Shape = {
    1: Field("yes", _text),
    2: Field("abstain", _text),
    3: Field("no", _text),
    4: Field("no_with_veto", _text),
}
_TIMES: Shape = {
    3: Field("status", _STATUSES),
    5: Field("submit_time", _time),
    6: Field("deposit_end_time", _time),
    7: Field("total_deposit", _message(_COIN), repeated=True),
    8: Field("voting_start_time", _time),
    9: Field("voting_end_time", _time),
}
_PROPOSAL_V1: Shape = {
    **_TIMES,
    1: Field("id", _int),
    2: Field("messages", _any, repeated=True),
    4: Field("final_tally_result", _message(_TALLY_V1)),
    10: Field("metadata", _text),
    11: Field("title", _text),
    12: Field("summary", _text),
    13: Field("proposer", _text),
    14: Field("expedited", _flag),
    15: Field("failed_reason", _text),
}
_PROPOSAL_V1BETA1: Shape = {
    **_TIMES,
    1: Field("proposal_id", _int),
    2: Field("content", _any),
    4: Field("final_tally_result", _message(_TALLY_V1BETA1)),
}
_MIN_DEPOSIT: Shape = {1: Field("min_deposit", _message(_COIN), repeated=True)}


_VOTING_PERIOD: Shape = {1: Field("voting_period", _span)}


def _tally_params(written: Written) -> Shape:
    return {1: Field("quorum", written), 2: Field("threshold", written), 3: Field("veto_threshold", written)}


def _vote(weight: Written) -> Shape:
    option: Shape = {1: Field("option", _OPTIONS), 2: Field("weight", weight)}
    return {
        2: Field("voter", _text),
        3: Field("option", _OPTIONS),
        4: Field("options", _message(option), repeated=True),
    }


def _paged(name: str, shape: Shape) -> Shape:
    return {1: Field(name, _message(shape), repeated=True), 2: Field("pagination", _message(_PAGE))}


CURRENT_PLAN: Shape = {1: Field("plan", _message(_PLAN))}
APPLIED_PLAN: Shape = {1: Field("height", _int)}
MODULE_VERSIONS: Shape = {
    1: Field("module_versions", _message({1: Field("name", _text), 2: Field("version", _int)}), repeated=True)
}
PROPOSALS: Mapping[str, Shape] = {
    "v1": _paged("proposals", _PROPOSAL_V1),
    "v1beta1": _paged("proposals", _PROPOSAL_V1BETA1),
}
TALLY: Mapping[str, Shape] = {
    "v1": {1: Field("tally", _message(_TALLY_V1))},
    "v1beta1": {1: Field("tally", _message(_TALLY_V1BETA1))},
}
GOV_PARAMS: Mapping[str, Shape] = {
    "v1": {
        1: Field("voting_params", _message(_VOTING_PERIOD)),
        2: Field("deposit_params", _message(_MIN_DEPOSIT)),
        3: Field("tally_params", _message(_tally_params(_text))),
        4: Field(
            "params",
            _message(
                {
                    1: Field("min_deposit", _message(_COIN), repeated=True),
                    3: Field("voting_period", _span),
                    4: Field("quorum", _text),
                    5: Field("threshold", _text),
                    6: Field("veto_threshold", _text),
                    10: Field("expedited_voting_period", _span),
                    11: Field("expedited_threshold", _text),
                    12: Field("expedited_min_deposit", _message(_COIN), repeated=True),
                }
            ),
        ),
    },
    "v1beta1": {
        1: Field("voting_params", _message(_VOTING_PERIOD)),
        2: Field("deposit_params", _message(_MIN_DEPOSIT)),
        3: Field("tally_params", _message(_tally_params(_decimal))),
    },
}
VOTES: Mapping[str, Shape] = {"v1": _paged("votes", _vote(_text)), "v1beta1": _paged("votes", _vote(_decimal))}
VOTE: Mapping[str, Shape] = {
    "v1": {1: Field("vote", _message(_vote(_text)))},
    "v1beta1": {1: Field("vote", _message(_vote(_decimal)))},
}
VALIDATORS = _paged(
    "validators",
    {
        1: Field("operator_address", _text),
        2: Field("consensus_pubkey", _any),
        3: Field("jailed", _flag),
        4: Field("status", _BONDS),
        5: Field("tokens", _text),
        7: Field("description", _message({1: Field("moniker", _text)})),
    },
)
POOL: Shape = {1: Field("pool", _message({1: Field("not_bonded_tokens", _text), 2: Field("bonded_tokens", _text)}))}
SIGNING_INFOS = _paged(
    "info",
    {
        1: Field("address", _text),
        4: Field("jailed_until", _time),
        5: Field("tombstoned", _flag),
        6: Field("missed_blocks_counter", _int),
    },
)
SLASHING_PARAMS: Shape = {1: Field("params", _message({1: Field("signed_blocks_window", _int)}))}
NODE_INFO: Shape = {
    1: Field("default_node_info", _message({4: Field("network", _text)})),
    2: Field(
        "application_version",
        _message(
            {
                1: Field("name", _text),
                3: Field("version", _text),
                4: Field("git_commit", _text),
                8: Field("cosmos_sdk_version", _text),
            }
        ),
    ),
}
