"""Saying something to a Cosmos chain through its daemon: once, what was shown, and every way in which it fails told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.chain import cosmos_delivery
from console.errors import BadAnswer, ChainError, ConsoleError, DaemonError, EndpointDown, InputError, SettingsError
from console.model import Agreement, AgreementState, AuditKind, ChainView, ProposalStatus, plan_without_votes
from console.operations.audit import AuditTrail
from console.operations.chain_daemon import DaemonMessages
from console.operations.chain_messages import (
    deposit_message,
    document_message,
    provider_status_message,
    split_vote_message,
    vote_message,
)
from console.operations.transaction_files import export_message
from console.settings import NetworkSettings, parse_network
from console.text import UntrustedText
from tests import fakes
from tests.console.chain.servers import json_rpc
from tests.scripted_daemon import ADDRESS, AUTHORITY, CHAIN, OTHER, DaemonHome, ScriptedChain

pytestmark = pytest.mark.anyio


class Bench:
    """One scripted chain with its daemon."""

    def __init__(self, tmp_path: Path, url: str, chain: ScriptedChain, home: DaemonHome, **daemon: Any) -> None:
        self.chain, self.home = chain, home
        table = {
            "kind": "cosmos",
            "chain_id": CHAIN,
            "cometbft_rpc": [url],
            "daemon": {
                "command": str(home.program),
                "home": str(home.folder),
                "keyring_backend": "test",
                "from": {"voter": "validator", "proposer": OTHER, "provider": "ops"},
                **daemon,
            },
        }
        # The folder is where what was sent is kept.
        self.network: NetworkSettings = parse_network("virt", table, tmp_path / "own")

    def messages(self, **given: Any) -> DaemonMessages:
        return DaemonMessages(self.network, **{"deadline_s": 5.0, **given})

    def sent(self) -> list[str]:
        """What the audit tells of what was sent."""
        reading = AuditTrail(self.network, None).read()
        assert not reading.problems
        return [entry.words for entry in reading.entries if entry.kind is AuditKind.SENT]


@asynccontextmanager
async def bench(tmp_path: Path, **daemon: Any) -> AsyncIterator[Bench]:
    home = DaemonHome(tmp_path / "home")
    chain = ScriptedChain(home)
    async with json_rpc(chain.answer) as server:
        yield Bench(tmp_path, server.url, chain, home, **daemon)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks that follow each other at once: nothing here takes time but processes."""
    monkeypatch.setattr(cosmos_delivery, "FIRST_POLL_S", 0.01)
    monkeypatch.setattr(cosmos_delivery, "LAST_POLL_S", 0.02)


async def told_by(messages: DaemonMessages, doing: Any = None) -> ConsoleError:
    """The error of a vote."""
    try:
        with pytest.raises(ConsoleError) as caught:
            await messages.now(doing or vote_message(42, "yes"))
    finally:
        await messages.close()
    return caught.value


async def test_a_vote_is_shown_whole_then_signed_sent_and_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTENGINED_FROM", "somebody else")
    async with bench(tmp_path, flags=["--gas", "300000", "--note", "it's us"]) as on:
        messages = on.messages()
        review = await messages.review(vote_message(42, "no-with-veto", about="Upgrade to v2"))
        assert review.messages == (
            ("@type", "/cosmos.gov.v1.MsgVote"),
            ("proposal_id", "42"),
            ("voter", ADDRESS),
            ("option", "VOTE_OPTION_NO_WITH_VETO"),
        )
        assert (review.sender, review.fee, review.gas, review.memo) == (ADDRESS, "2000stake", 300000, "it's us")
        made, signed = review.commands
        assert made.startswith(f"{on.home.program} tx gov vote 42 no_with_veto --from {ADDRESS} --chain-id {CHAIN} ")
        assert "'it'\"'\"'s us'" in made
        assert made.endswith("--generate-only")
        assert " --from validator " in signed
        assert on.home.signatures() == 0
        assert on.sent() == []
        outcome = await messages.send(review)
        await messages.close()
        assert (outcome.height, outcome.gas_used, outcome.proposal_id) == (101, 71234, 42)
        assert len(outcome.transaction) == 64
        assert on.sent() == ["tx gov vote 42 no_with_veto: in a block 101"]
        # What was shown is what ran, and nothing of our environment changed it.
        ran = [run["arguments"] for run in on.home.runs()]
        assert made.split()[1:6] == ran[1][:5] == ran[2][:5]
        assert not any("VIRTENGINED_FROM" in run["environment"] for run in on.home.runs())
        # Drafts go with it.
        assert list((tmp_path / "own" / "drafts").iterdir()) == []


async def test_a_proposal_tells_its_number_and_a_node_without_an_index_is_read_by_its_blocks(tmp_path: Path) -> None:
    async with bench(tmp_path) as on:
        on.chain.indexed = False
        messages = on.messages()
        assert await messages.authority() == AUTHORITY
        assert await messages.sdk_version() == (0, 50)
        document: dict[str, object] = {"messages": [], "deposit": "1stake", "title": "Up"}
        outcome = await messages.now(document_message(document, "Proposes.", "", ("v2", 500)))
        await messages.close()
        assert (outcome.proposal_id, outcome.height) == (42, 101)


async def test_what_an_older_daemon_leaves_out_is_never_signed(tmp_path: Path) -> None:
    document: dict[str, object] = {"messages": [], "deposit": "1stake", "title": "Up", "summary": "", "expedited": True}
    async with bench(tmp_path) as on:
        on.home.behave(generate={"lacks": ["title", "expedited"]})
        error = await told_by(on.messages(), document_message(document, "Proposes.", "", ("v2", 500)))
        assert "virtengined leaves out what its SDK does not know: title, expedited" in str(error)
        assert on.home.signatures() == 0


async def test_a_proposal_that_is_on_the_chain_is_not_made_again(tmp_path: Path) -> None:
    there = replace(
        plan_without_votes(
            500, UntrustedText("v2"), 500, release_hash="", release_url=UntrustedText(""), breaking=True
        ),
        id=41,
        status=ProposalStatus.VOTING,
    )

    async def view() -> ChainView:
        return fakes.chain(100, (there,), ())

    async def contradicted() -> ChainView:
        return replace(await view(), agreement=Agreement(AgreementState.DISAGREED, "a says 5 and b says 6"))

    async with bench(tmp_path) as on:
        proposal = document_message({"messages": []}, "Proposes.", "", ("v2", 500))
        told = await told_by(on.messages(view=view), proposal)
        assert "proposal 41 proposes v2 for height 500 already, and is voting" in str(told)
        assert "a says 5 and b says 6; nothing was signed" in str(await told_by(on.messages(view=contradicted)))
        assert on.home.runs() == []


async def test_what_may_have_been_taken_is_sent_again_and_never_signed_anew(tmp_path: Path) -> None:
    async with bench(tmp_path) as on:
        on.chain.silent_after_taking, on.chain.included = True, False
        told = await told_by(on.messages())
        assert "it may still be executed, once" in str(told)
        on.chain.silent_after_taking, on.chain.included = False, True
        messages = on.messages()
        # Another vote waits for the first one's fate.
        outcome = await messages.now(vote_message(42, "yes"))
        assert on.home.signatures() == 1
        assert len(on.chain.taken) == 1
        again = await messages.now(vote_message(42, "no"))
        await messages.close()
        assert (on.home.signatures(), len(on.chain.taken)) == (2, 2)
        assert outcome.transaction != again.transaction
        assert on.sent() == ["tx gov vote 42 yes: in a block 101", "tx gov vote 42 no: in a block 102"]


async def test_a_transaction_whose_sequence_went_to_another_is_closed_and_signed_anew(tmp_path: Path) -> None:
    async with bench(tmp_path) as on:
        on.chain.silent_after_taking, on.chain.included = True, False
        await told_by(on.messages())
        # The node forgot it, and the operator sent something else by hand meanwhile.
        on.chain.taken.clear()
        on.chain.sequence = 8
        on.home.account(8)
        on.chain.silent_after_taking, on.chain.included = False, True
        messages = on.messages()
        outcome = await messages.now(vote_message(42, "yes"))
        await messages.close()
        assert outcome.height == 101
        first, second = on.sent()
        assert "sequence is another one by now" in first
        assert second == "tx gov vote 42 yes: in a block 101"


@pytest.mark.parametrize(
    ("code", "log", "told"),
    [
        (5, "spendable balance 1stake is smaller than 2000stake: insufficient funds", "not enough funds"),
        (13, "insufficient fees; got: 1stake required: 2000stake: insufficient fee", "less than the node demands"),
        (32, "account sequence mismatch, expected 9, got 7: incorrect account sequence", "another transaction"),
        (11, "out of gas in location: ReadFlat; gasWanted: 1, gasUsed: 2: out of gas", "set a higher `--gas`"),
        (4, "signature verification failed; please verify account number (3)", "belong to one chain"),
        (2, "\x1b[2J\u202eunknown \x07 words", "<U+001B>[2J<U+202E>unknown <U+0007> words"),
    ],
)
async def test_what_the_chain_refuses_is_told_and_nothing_stays_on_its_way(
    tmp_path: Path, code: int, log: str, told: str
) -> None:
    async with bench(tmp_path) as on:
        on.chain.check = (code, log)
        error = await told_by(on.messages())
        assert told in str(error)
        assert "nothing was sent" in str(error)
        on.chain.check = None
        messages = on.messages()
        assert (await messages.now(vote_message(42, "yes"))).height == 101
        await messages.close()


async def test_what_fails_in_its_block_is_told_with_the_block(tmp_path: Path) -> None:
    async with bench(tmp_path) as on:
        on.chain.deliver = (3, "failed to execute message; message index: 0: 42: inactive proposal")
        error = await told_by(on.messages())
        assert "in block 101 and failed there: the proposal is not open for this any more" in str(error)
        assert "its fee is paid" in str(error)
        assert "failed there" in on.sent()[0]


async def test_one_that_never_comes_into_a_block_is_told_and_kept(tmp_path: Path) -> None:
    async with bench(tmp_path) as on:
        on.chain.included = False
        error = await told_by(on.messages(deadline_s=0.2))
        assert "not seen in a block within 0.2 s" in str(error)
        assert "never a second transaction" in str(error)
        assert on.sent() == ["tx gov vote 42 yes: what came of it is not known yet"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"generate": {"stderr": 'Error: unknown command "vote" for "gov"'}}, "this daemon has no such command"),
        ({"generate": {"stdout": "<html>"}}, "is not one that the daemon of an SDK from 0.40 on writes: <html>"),
        ({"generate": {"stdout": '{"body":{"messages":[]},"auth_info":{}}'}}, "names no fee"),
        ({"generate": {"stderr": "Error: post failed: dial tcp 127.0.0.1:1: connection refused"}}, "could not reach"),
        ({"tx_sign": {"stderr": "Error: EOF"}}, "the keyring is locked and nobody could be asked"),
        ({"tx_sign": {"stderr": "Error: validator.info: key not found"}}, "the keyring has no such key"),
        ({"tx_sign": {"tamper": True}}, "the daemon signed something else than was shown"),
        ({"tx_sign": {"unsigned": True}}, "the daemon did not sign"),
        ({"tx_sign": {"stdout": "done"}}, "the daemon wrote no signed transaction"),
        ({"tx_encode": {"stdout": "!"}}, "did not encode"),
        (
            {"keys_show": {"stdout": "\x1b]0;evil\x07"}},
            "tells no address of key validator, but <U+001B>]0;evil<U+0007>",
        ),
        ({"keys_show": {"stderr": "panic: runtime error", "code": 2}}, "refused: panic: runtime error"),
    ],
)
async def test_what_the_daemon_does_wrong_is_told_and_nothing_is_sent(
    tmp_path: Path, wrong: dict[str, Any], told: str
) -> None:
    async with bench(tmp_path) as on:
        on.home.behave(**wrong)
        error = await told_by(on.messages())
        assert isinstance(error, DaemonError)
        assert told in str(error)
        assert "nothing was sent" in str(error)
        assert (on.chain.taken, on.sent()) == ([], [])


async def test_a_daemon_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    async with bench(tmp_path, deadline_s="1s") as on:
        on.home.behave(generate={"hang": True})
        error = await told_by(on.messages())
        assert "took longer than 1 s and was ended" in str(error)
        group = int((on.home.folder / "hanging").read_text())
        while True:
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                break
            await asyncio.sleep(0.02)


async def test_a_daemon_a_key_or_a_chain_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path, command="/nowhere/virtengined") as on:
        assert "/nowhere/virtengined is not there" in str(await told_by(on.messages()))
    async with bench(tmp_path, **{"from": {"proposer": OTHER}}) as on:
        error = await told_by(on.messages())
        assert isinstance(error, SettingsError)
        assert "no key for the voter" in str(error)
        on.chain.chain_id = "another-9"
        other = await told_by(on.messages(), deposit_message(42, "10stake"))
        assert isinstance(other, BadAnswer)
        assert "belongs to chain another-9, not to virtengine-1" in str(other)
        bare = replace(on.network, daemon=None)
        assert "has no daemon in the settings" in str(await told_by(DaemonMessages(bare)))
        down = replace(on.network, cometbft_rpc=("http://127.0.0.1:9",))
        assert isinstance(await told_by(DaemonMessages(down, key="validator")), EndpointDown)


async def test_a_review_is_sent_once_and_only_while_it_is_of_now(tmp_path: Path) -> None:
    moment = 0.0
    async with bench(tmp_path) as on:
        messages = on.messages(clock=lambda: moment)
        review = await messages.review(provider_status_message("PAUSED", "Upgrade to v1.1.0"))
        assert review.sender == OTHER
        assert ("reason", "Upgrade to v1.1.0") in review.messages
        path = export_message(review, on.network)
        assert path.stat().st_mode & 0o777 == 0o600
        assert '"MsgSetStatus"' not in path.read_text()
        assert "virtengine.provider.v1.MsgSetStatus" in path.read_text()
        with pytest.raises(InputError, match="cannot be written"):
            export_message(review, on.network, path)
        moment = 1000.0
        with pytest.raises(InputError, match="not of now"):
            await messages.send(review)
        fresh = await messages.review(provider_status_message("ACTIVE"))
        await messages.send(fresh)
        with pytest.raises(InputError, match="not of now"):
            await messages.send(fresh)
        await messages.close()
        assert on.home.signatures() == 1


async def test_two_that_send_at_once_sign_one_after_the_other(tmp_path: Path) -> None:
    async with bench(tmp_path) as on:
        one, other = on.messages(), on.messages()
        outcomes = await asyncio.gather(one.now(vote_message(42, "yes")), other.now(vote_message(43, "no")))
        await one.close()
        await other.close()
        assert len({outcome.transaction for outcome in outcomes}) == 2
        assert len(on.chain.taken) == 2


def test_only_what_can_be_meant_is_made_into_a_message() -> None:
    making: tuple[Callable[[], object], ...] = (
        lambda: vote_message(0, "yes"),
        lambda: vote_message(1, "maybe"),
        lambda: deposit_message(1, "100"),
        lambda: deposit_message(1, "-5stake"),
        lambda: provider_status_message("GONE"),
        lambda: provider_status_message("PAUSED"),
        lambda: provider_status_message("PAUSED", "a\nb"),
    )
    for make in making:
        with pytest.raises(InputError):
            make()
    for shares in ("", "yes", "yes=0", "yes=0.5", "yes=0.5,yes=0.5", "yes=0.5,maybe=0.5", "yes=1.2,no=-0.2", "yes=1e0"):
        with pytest.raises(InputError):
            split_vote_message(1, shares)
    split = split_vote_message(7, " Yes=0.625, no_with_veto=.375", about="Up")
    assert split.command == ("gov", "weighted-vote", "7", "yes=0.625,no_with_veto=0.375")
    assert split.effect.startswith("Votes 62.5 % YES, 37.5 % NO WITH VETO on proposal 7 (Up). With 1/3 of vetoes")
    assert split_vote_message(7, "abstain=1").effect == "Votes 100 % ABSTAIN on proposal 7."
    assert deposit_message(7, " 10stake,5ibc/ABC ").command == ("gov", "deposit", "7", "10stake,5ibc/ABC")
    assert isinstance(ChainError("x"), ConsoleError)
