"""A draft's file: what is written is read again, and nothing else is taken for one."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.errors import InputError
from console.model import ProposalDraft
from console.operations.proposal_draft import FIELDS, MAX_DRAFT_BYTES, draft_text, option_of, read_draft
from console.operations.propose import check_fields
from console.operations.upgrade_proposal import check_upgrade
from console.text import untrusted
from tests.console.operations.examples import a_network


def a_draft(**changes: Any) -> ProposalDraft:
    """Of a network as `a_network` makes it."""
    fields = {"name": "revert-v0.2.0", "height": "9000", "url": "", "hash": "sha256:" + "ab" * 32, "breaking": "yes"}
    draft = ProposalDraft(
        "devnet", "ipc", "ipc-31337", untrusted("v0.2.0"), 1300, 1.8e9, fields,
        {"state": "whether it can read the state", "url": "where it is"}, untrusted("v0.1.5 (plan 7)"),
    )  # fmt: skip
    return replace(draft, **changes)


def written(folder: Path, **changes: object) -> Path:
    """A draft's file, with some of it changed; None leaves it out."""
    network = a_network(folder)
    document = json.loads(draft_text(a_draft(chain_id=network.chain_id, kind=network.kind)))
    for name, value in changes.items():
        document.pop(name) if value is None else document.update({name: value})
    path = folder / "draft.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    network = a_network(tmp_path)
    draft = a_draft(chain_id=network.chain_id, kind=network.kind)
    path = tmp_path / "draft.json"
    path.write_text(draft_text(draft), "utf-8")
    assert read_draft(path, network) == replace(draft, path=str(path))
    assert set(draft.questions) == {"state"}
    assert [option_of(draft, name) for name in draft.missing] == ["--settled state", "--binary-url URL"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"draft": None}, "no draft of a proposal that this version reads"),
        ({"draft": 2}, "no draft of a proposal that this version reads"),
        ({"chain_id": "other-1"}, "is for chain other-1 (network devnet), and"),
        ({"kind": "cosmos", "fields": {"name": "v1"}}, "is for chain"),
        ({"kind": "solana"}, "of no kind of network"),
        ({"fields": None}, "it has no 'fields'"),
        ({"fields": {"name": 7}}, "'name' is no text"),
        ({"fields": {"name": "v1\x1b[2J"}}, "'name' holds control characters"),
        ({"fields": {"name": "v1\nv2"}}, "'name' holds control characters"),
        ({"fields": {"migration": "wasm"}}, "it fills in 'migration', which no draft does"),
        ({"fields": {"deposit": "1stake"}}, "it fills in 'deposit'"),
        ({"missing": {"../x": "words"}}, "`missing` has names"),
        ({"missing": {"a" * n: "words" for n in range(1, 19)}}, "`missing` has names"),
        ({"missing": ["state"]}, "`missing` is no table"),
        ({"takes_back": "v0.2.0"}, "`takes_back` is no table"),
        ({"takes_back": {"name": "v1", "height": -1}}, "no height"),
        ({"takes_back": {"name": "v1", "height": True}}, "no height"),
        ({"written_at": "now"}, "`written_at` is no moment"),
    ],
)
def test_what_is_no_draft_of_this_chain_is_one_sentence(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(InputError) as refused:
        read_draft(path, a_network(tmp_path))
    assert words in str(refused.value)
    assert "nothing was sent" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "text that is not JSON"),
        (b"[]", "no draft of a proposal"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"draft": 1, "draft": 1}', "a key twice"),
        (b"[" * 100, "nested deeper"),
        (b" " * (MAX_DRAFT_BYTES + 1), f"is larger than {MAX_DRAFT_BYTES} bytes"),
    ],
)
def test_bytes_that_are_none_are_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "draft.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"draft\.json") as refused:
        read_draft(path, a_network(tmp_path))
    assert words in str(refused.value)


def test_what_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("gone", "there is no file"), ("pipe", "is no file"), (".", "is no file")):
        with pytest.raises(InputError, match=words):
            read_draft(tmp_path / name, a_network(tmp_path))


def test_a_draft_fills_in_what_its_form_asks_for_and_shows() -> None:
    asked = {"ipc": check_fields, "cosmos": check_upgrade}
    for kind, check in asked.items():
        assert set(check({}, None)) <= set(FIELDS[kind]), kind
