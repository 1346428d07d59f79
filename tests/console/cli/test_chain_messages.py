"""The verbs that speak to a Cosmos chain by its daemon, from the arguments to what is printed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pexpect
import pytest

from tests.console.chain.servers import json_rpc
from tests.console.cli.conftest import RunAsync
from tests.e2e.devnet import COMMAND
from tests.scripted_daemon import ADDRESS, CHAIN, OTHER, PASSPHRASE, DaemonHome, ScriptedChain

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def configured(tmp_path: Path) -> AsyncIterator[tuple[DaemonHome, ScriptedChain]]:
    """A Cosmos network and an IPC one in the settings, the first with its daemon."""
    home = DaemonHome(tmp_path / "home")
    chain = ScriptedChain(home)
    async with json_rpc(chain.answer) as server:
        path = tmp_path / "config" / "upgrade-console" / "config.toml"
        path.parent.mkdir(parents=True)
        path.write_text(
            f"""
[networks.virt]
kind = "cosmos"
chain_id = "{CHAIN}"
cometbft_rpc = ["{server.url}"]

[networks.virt.daemon]
command = "{home.program}"
home = "{home.folder}"
keyring_backend = "test"
from = {{ proposer = "ops", voter = "validator" }}

[networks.subnet]
chain_id = "c"
evm_chain_id = 1
registry = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
cometbft_rpc = ["http://127.0.0.1:9"]
ethereum_rpc = ["http://127.0.0.1:9"]
""",
            "utf-8",
        )
        yield home, chain


async def test_each_verb_shows_sends_and_tells(tmp_path: Path, cli_beside: RunAsync) -> None:
    async with configured(tmp_path) as (home, chain):
        dry = await cli_beside("--network", "virt", "vote", "42", "abstain", "--dry-run", "--json")
        shown = json.loads(dry.out)
        assert (shown["sent"], shown["id"], shown["fee"]) == (False, 42, "2000stake")
        assert ["option", "VOTE_OPTION_ABSTAIN"] in shown["messages"]
        assert chain.taken == []

        exported = await cli_beside(
            "--network", "virt", "deposit", "42", "7stake", "--export", str(tmp_path / "d.json")
        )
        assert "Nothing was sent" in exported.out
        assert "MsgDeposit" in (tmp_path / "d.json").read_text()
        assert home.signatures() == 0

        sent = await cli_beside("--network", "virt", "vote", "42", "yes")
        assert sent.code == 0, sent
        assert "In block 101: " in sent.out
        # Everything was said before it was signed.
        assert f"voter: {ADDRESS}" in sent.err
        assert "fee     2000stake for at most 75002 gas" in sent.err

        taken_back = await cli_beside("--network", "virt", "cancel", "41", "--json")
        assert json.loads(taken_back.out)["height"] == 102

        other = await cli_beside(
            "--network", "virt", "provider", "set-status", "PAUSED", "--reason", "Upgrade", "--from", "ops", "--json"
        )
        assert json.loads(other.out)["sender"] == OTHER

        audit = await cli_beside("--network", "virt", "audit")
        assert "tx gov vote 42 yes: in a block 101" in audit.out
        assert "tx provider set-status --status PAUSED --reason Upgrade: in a block 103" in audit.out


async def test_what_is_another_kind_of_network_s_is_refused(tmp_path: Path, cli_beside: RunAsync) -> None:
    async with configured(tmp_path):
        on_virt, on_subnet = ("--network", "virt"), ("--network", "subnet")
        (await cli_beside(*on_subnet, "vote", "1", "abstain")).refused_with("takes yes and no")
        (await cli_beside(*on_subnet, "vote", "1", "--weighted", "yes=1")).refused_with("takes yes and no")
        (await cli_beside(*on_virt, "vote", "1", "--weighted", "yes=0.7")).refused_with("the shares come to 0.7")
        (await cli_beside(*on_subnet, "deposit", "1", "1stake")).refused_with("subnet is an IPC network")
        (await cli_beside(*on_virt, "vote", "1", "yes", "--key", "k")).refused_with("the daemon's keyring signs")
        (await cli_beside(*on_virt, "vote", "1", "yes", "--sign-only")).refused_with("a registry's")
        for verb in (
            ("finalize", "3"),
            ("execute", "3"),
            ("expire", "3"),
            ("registry", "show"),
            ("ready", "--proposal", "3"),
        ):
            (await cli_beside(*on_virt, *verb)).refused_with("virt is a Cosmos chain and has no registry")
        # No key is set for a provider, and none was named.
        (await cli_beside(*on_virt, "provider", "set-status", "ACTIVE")).refused_with("no key for the provider")


async def test_a_keyring_asks_on_the_terminal_and_nothing_typed_comes_to_us(tmp_path: Path) -> None:
    async with configured(tmp_path) as (home, chain):
        path = tmp_path / "config" / "upgrade-console" / "config.toml"
        path.write_text(path.read_text("utf-8").replace('"test"', '"file"'), "utf-8")
        for typed, code, told in (
            ("wrong", 1, "the keyring did not open: the passphrase was not right"),
            (PASSPHRASE, 0, "In block 101: "),
        ):
            said, ended = await asyncio.to_thread(
                typing, typed, "--network", "virt", "vote", "42", "yes", "--from", ADDRESS
            )
            assert ended == code, said
            assert told in said
            assert "Enter keyring passphrase (attempt 1/3):" in said
            assert typed not in said
        assert len(chain.taken) == 1
        # Nobody is there to be asked.
        alone = await asyncio.create_subprocess_exec(
            *COMMAND, "--network", "virt", "vote", "42", "no", "--from", ADDRESS,
            stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        _, told_alone = await asyncio.wait_for(alone.communicate(), 60)
        assert b"the keyring is locked and nobody could be asked" in told_alone
        assert home.signatures() == 3
        kept = b"".join(each.read_bytes() for each in tmp_path.rglob("*") if each.is_file() and each != home.program)
        assert PASSPHRASE.encode() not in kept


def typing(answer: str, *arguments: str) -> tuple[str, int]:
    """Run a verb in a terminal of its own and answer what its keyring asks; what stood there, and how it ended."""
    child = pexpect.spawn(COMMAND[0], [*COMMAND[1:], *arguments], timeout=60, encoding="utf-8", dimensions=(50, 200))
    child.expect_exact("Enter keyring passphrase (attempt 1/3):")
    said = str(child.before) + str(child.after)
    # What is typed before the echo is off would be seen.
    child.waitnoecho(30)
    child.sendline(answer)
    child.expect(pexpect.EOF)
    said += str(child.before)
    child.close()
    return said, int(child.exitstatus or 0)


async def test_a_console_that_is_killed_on_the_way_sends_the_same_bytes_again(tmp_path: Path) -> None:
    async with configured(tmp_path) as (home, chain):
        chain.included = False
        first = await asyncio.create_subprocess_exec(
            *COMMAND, "--network", "virt", "vote", "42", "yes",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        while not chain.taken:
            await asyncio.sleep(0.02)
        first.kill()
        await first.wait()
        assert home.signatures() == 1
        # The next one finds what is on its way, and asks for no second signature.
        chain.included = True
        again = await asyncio.create_subprocess_exec(
            *COMMAND, "--network", "virt", "vote", "42", "yes", "--json", stdout=asyncio.subprocess.PIPE
        )
        told, _ = await asyncio.wait_for(again.communicate(), 60)
        assert json.loads(told)["height"] == 101
        assert (home.signatures(), len(chain.taken)) == (1, 1)
