"""The file of a proposal's draft: written once, read strictly, refused where it is another chain's or is broken."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from console import strict_json
from console.errors import InputError
from console.given_file import read_given
from console.model import ChainView, ProposalDraft, ProposalStatus
from console.settings import NetworkSettings
from console.text import untrusted

MAX_DRAFT_BYTES = 256 * 1024
"""The longest info of a plan fits in twice."""

FIELDS: Mapping[str, tuple[str, ...]] = {
    "ipc": ("name", "height", "url", "hash", "kind", "manifest", "breaking"),
    "cosmos": ("name", "height", "info", "title", "summary", "deposit"),
}
"""Fields of the propose form that a draft may fill in, by the network's kind; nothing that the form does not show."""

OPTIONS: Mapping[str, str] = {
    "name": "--name",
    "height": "--height H",
    "url": "--binary-url URL",
    "hash": "--binary-hash sha256:HEX",
    "manifest": "--manifest FILE --manifest-url URL",
    "info": "--info JSON|URL",
    "title": "--title TEXT",
    "summary": "--summary TEXT",
    "deposit": "--deposit COINS",
}
"""How the command line is told what is missing, by the field's name; a question's name goes with `--settled`."""

_FORMAT = 1
_MOST_MISSING = 16
_MOST_TEXT = 60_000
_NAME = re.compile(r"[a-z]{1,20}", re.ASCII)
_SAFE = "nothing was sent"
_AGAIN = "have it prepared anew: upgrade-console run verify-network"


def option_of(draft: ProposalDraft, name: str) -> str:
    """How the command line is told what is missing."""
    return OPTIONS.get(name, f"--{name}") if name in draft.fields else f"--settled {name}"


def draft_text(draft: ProposalDraft) -> str:
    """A draft as it is kept: JSON."""
    document = {
        "draft": _FORMAT,
        "network": draft.network,
        "kind": draft.kind,
        "chain_id": draft.chain_id,
        "takes_back": {"name": draft.takes_back, "height": draft.taken_height},
        "written_at": draft.written_at,
        "before": draft.before,
        "fields": dict(draft.fields),
        "missing": dict(draft.missing),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def read_draft(path: Path, network: NetworkSettings) -> ProposalDraft:
    """Read a draft that is for this network.

    Args:
        path: The file.
        network: Where it would be proposed.

    Raises:
        InputError: It cannot be read, is none, or is for another chain.
    """
    content = read_given(path, MAX_DRAFT_BYTES, safe=_SAFE)
    where = untrusted(path)
    try:
        document = strict_json.loads(content, max_depth=4)
    except strict_json.NotStrictJson as error:
        raise InputError(f"{where} is no draft of a proposal: it is {error}", safe=_SAFE, next_step=_AGAIN) from error
    if not isinstance(document, dict) or document.get("draft") != _FORMAT:
        raise InputError(f"{where} is no draft of a proposal that this version reads", safe=_SAFE, next_step=_AGAIN)
    try:
        draft = _draft(document)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where} is a broken draft: {_words(error)}", safe=_SAFE, next_step=_AGAIN) from error
    if (draft.kind, draft.chain_id) != (network.kind, network.chain_id):
        raise InputError(
            f"{where} is for chain {untrusted(draft.chain_id)} (network {untrusted(draft.network)}), and"
            f" {network.name} is {network.chain_id}",
            safe=_SAFE,
            next_step="name the network that it is for, or have a draft prepared on this one",
        )
    return replace(draft, path=str(path))


def proposed_as(draft: ProposalDraft, chain: ChainView | None) -> int:
    """Number of the proposal that has the draft's name already and came to something; 0 for none."""
    name = draft.fields.get("name")
    proposals = () if chain is None else chain.proposals
    return next((each.id for each in proposals if str(each.name) == name and each.status not in _CAME_TO_NOTHING), 0)


_CAME_TO_NOTHING = frozenset(
    {ProposalStatus.REJECTED, ProposalStatus.CANCELLED, ProposalStatus.EXPIRED, ProposalStatus.FAILED}
)


def _draft(document: Mapping[str, object]) -> ProposalDraft:
    """Raises KeyError, TypeError or ValueError with a few words."""
    kind = _text(document, "kind")
    if kind not in FIELDS:
        raise ValueError("it is of no kind of network that there is")
    back = document["takes_back"]
    if not isinstance(back, dict):
        raise TypeError("`takes_back` is no table")
    height, at = back["height"], document["written_at"]
    if isinstance(height, bool) or not isinstance(height, int) or not 0 <= height < 1 << 63:
        raise ValueError("`takes_back` has no height")
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < 1e11:
        raise ValueError("`written_at` is no moment")
    fields, missing = _texts(document, "fields"), _texts(document, "missing")
    if strange := sorted(fields.keys() - set(FIELDS[kind])):
        raise ValueError(f"it fills in {untrusted(strange[0], 40)!r}, which no draft does")
    if len(missing) > _MOST_MISSING or not all(
        each.isascii() and each.isalpha() and len(each) <= 20 for each in missing
    ):
        raise ValueError("`missing` has names that no draft has")
    return ProposalDraft(
        network=_text(document, "network"),
        kind=kind,
        chain_id=_text(document, "chain_id"),
        takes_back=untrusted(_text(back, "name"), 80),
        taken_height=height,
        written_at=float(at),
        fields=fields,
        missing={name: untrusted(words, 400) for name, words in missing.items()},
        before=untrusted(_text(document, "before"), 200),
    )


def _texts(document: Mapping[str, object], name: str) -> dict[str, str]:
    table = document[name]
    if not isinstance(table, dict):
        raise TypeError(f"`{name}` is no table")
    return {key: _text(table, key) for key in table}


def _text(table: Mapping[str, object], name: str) -> str:
    value = table[name]
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        raise TypeError(f"{untrusted(name, 40)!r} is no text, or too long")
    if not all(character.isprintable() for character in value):
        raise ValueError(f"{untrusted(name, 40)!r} holds control characters or line breaks")
    return value


def _words(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)
