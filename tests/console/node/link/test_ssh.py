"""A controller that is reached over a real sshd: answers, files, every way in which there is no way, and lost ones."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shlex
import signal
import sys
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from console.errors import ConsoleError, ControllerDown, NodeError
from console.node.client import NodeClient
from console.node.journal import Journal
from console.node.link.pipe import CONTROL, Wish
from console.node.link.ssh import SshLink
from console.operations.far_logs import follow_elsewhere
from console.operations.node_pipe import CARRIED
from tests.console.node.bench import Bench
from tests.console.node.test_service import serving
from tests.sshd import HOST, Sshd

pytestmark = [pytest.mark.anyio, pytest.mark.peer]


def far_command(folder: Path, bench: Bench) -> str:
    """What reaches the bench's controller, as its machine's own settings know it."""
    config = folder / "config" / "upgrade-console" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        '[networks.t]\nchain_id = "c"\nevm_chain_id = 1\nregistry = "0x5FbDB2315678afecb367f032d93F642f64180aa3"\n'
        'cometbft_rpc = ["http://127.0.0.1:1"]\nethereum_rpc = ["http://127.0.0.1:1"]\nstage = "devnet"\n'
        f'[networks.t.nodes.node1]\nhome = "{bench.home}"\nstate_dir = "{bench.state_dir}"\n'
        f'daemon = "{bench.node.daemon}"\naddress = "{bench.node.address}"\n'
        'cometbft_rpc = "http://127.0.0.1:9"\nethereum_rpc = "http://127.0.0.1:9"\n'
    )
    program = [sys.executable, "-m", "console.cli", "--network", "t", "--node", "node1", "node", "pipe"]
    return f"cd {Path.cwd()} && XDG_CONFIG_HOME={folder / 'config'} exec {shlex.join(program)}"


async def refused(link: SshLink) -> str:
    with pytest.raises(ConsoleError) as caught:
        await NodeClient(link).status()
    return str(caught.value)


def children() -> list[str]:
    return [each.name() for each in psutil.Process().children() if each.name() == "ssh"]


async def test_a_controller_elsewhere(sshd: Sshd, bench: Bench, tmp_path: Path) -> None:
    command = far_command(tmp_path, bench)
    client = NodeClient(SshLink("val-2", HOST, command))

    # Nobody there yet: the sentence is the other machine's.
    assert "val-2 (far): no controller answers in" in await refused(SshLink("val-2", HOST, command))

    async with serving(bench):
        status = await client.status()
        assert (status.name, status.state) == ("node1", "IDLE")
        async with client.kept():
            assert [each["name"] for each in await client.generations()] == ["genesis"]
            assert len(children()) == 1
            with pytest.raises(NodeError, match="must be a text that is not empty"):
                await client.swap("genesis", " ")
            await client.pause("for a look")
            assert (await client.status()).paused == "for a look"
            # A refusal is an answer: the way is the same.
            assert len(children()) == 1
        assert not children()
        streamed = client.statuses()
        assert (await anext(streamed)).paused == "for a look"
        await streamed.aclose()  # type: ignore[attr-defined]

        # Who asked is journalled there.
        journal = Journal(bench.state_dir / "journal.db", read_only=True)
        asked = [each["detail"] for each in journal.events(0, 500) if each["kind"] == "asked"]
        journal.close()
        assert {"swap", "pause"} >= {each["method"] for each in asked}
        assert all(each["who"] for each in asked)

        # A file is carried once, whole, under its hash.
        file = tmp_path / "new"
        file.write_bytes(os.urandom(3_000_000))
        link = SshLink("val-2", HOST, command)
        there = await link.carried(file)
        assert there == bench.state_dir / CARRIED / hashlib.sha256(file.read_bytes()).hexdigest()
        assert there.read_bytes() == file.read_bytes()
        inode = there.stat().st_ino
        assert (await link.carried(file)).stat().st_ino == inode
        assert [each.name for each in there.parent.iterdir()] == [there.name]


async def test_ways_that_are_lost(sshd: Sshd, bench: Bench, tmp_path: Path) -> None:
    client = NodeClient(SshLink("val-2", HOST, far_command(tmp_path, bench)))
    lost = r"SSH to val-2 \(far\) is lost.*its node and its controller go on; ask again when the way is back"
    async with serving(bench):
        async with client.kept():
            await client.status()
            # The other machine is there and nothing comes back: keep-alives tell.
            sshd.stop_answering()
            async with asyncio.timeout(30):
                with pytest.raises(ControllerDown, match=lost):
                    await client.restart()
            # The next question takes a new way.
            assert (await client.status()).state == "IDLE"
            sshd.cut()
            with pytest.raises(ControllerDown, match=lost):
                await client.status()
            await client.status()
            (ours,) = (each for each in psutil.Process().children() if each.name() == "ssh")
            ours.send_signal(signal.SIGKILL)
            with pytest.raises(ControllerDown, match=lost):
                await client.status()
        assert not children()


async def test_logs_are_followed_over_a_way_that_is_cut(sshd: Sshd, bench: Bench, tmp_path: Path) -> None:
    client = NodeClient(SshLink("val-2", HOST, far_command(tmp_path, bench)))
    log = bench.state_dir / "run" / "controller.log"
    log.write_text("one\ntwo\n")
    losses: list[str] = []

    async def soon(_seconds: float) -> None:
        await asyncio.sleep(0.05)

    async with serving(bench), asyncio.timeout(60):
        following = follow_elsewhere(client, ("controller",), 1, lambda error: losses.append(error.what), soon)
        async with aclosing(following) as lines:
            assert await anext(lines) == ("controller", "two")
            sshd.cut()
            with log.open("a") as stream:
                stream.write("written while nobody heard\n")
            assert await anext(lines) == ("controller", "written while nobody heard")
        assert not children()
    assert [each.partition(" is lost")[0] for each in losses] == ["SSH to val-2 (far)"]


async def test_where_there_is_no_way(sshd: Sshd, bench: Bench, tmp_path: Path) -> None:
    command = far_command(tmp_path, bench)
    link = SshLink("val-2", HOST, command)
    sshd.know("")
    assert "the host key of val-2 (far) is not known to ssh" in await refused(link)
    sshd.know("stranger")
    assert "is another one than ssh knows" in await refused(link)
    sshd.know("host")
    key = sshd.user_key
    sshd.let_in()
    assert "val-2 (far) does not let this user in" in await refused(link)
    sshd.let_in(key)
    assert "upgrade-console is not found on val-2" in await refused(SshLink("val-2", HOST, "no-such-console node pipe"))
    old = f"{sys.executable} -m console.cli node tube"
    assert "is another version" in await refused(SshLink("val-2", HOST, f"cd {Path.cwd()} && {old}"))
    assert "something else than the console answers there" in await refused(SshLink("val-2", HOST, "echo; sleep 0.2"))
    newer = "echo '{\"upgrade-console-pipe\": 2}'; sleep 0.2"
    assert "speaks version 2 over a pipe, this one 1" in await refused(SshLink("val-2", HOST, newer))
    evil = 'printf \'{"upgrade-console-pipe": 1, "error": "\\\\u001b[2J gone"}\\n\'; sleep 0.2'
    said = await refused(SshLink("val-2", HOST, evil))
    assert "gone" in said
    assert "\x1b" not in said
    assert "network t has no node 'other'" in await refused(SshLink("val-2", HOST, command.replace("node1", "other")))
    # A key that may do this one thing alone, whatever it is used for.
    sshd.let_in(f'command="{command.replace(chr(34), "")}",restrict {key}')
    async with serving(bench):
        assert (await NodeClient(SshLink("val-2", HOST, "rm -rf /nowhere")).status()).state == "IDLE"
    sshd.end()
    assert "val-2 (far) cannot be reached: ssh: connect to host 127.0.0.1" in await refused(link)


async def test_other_bytes_than_promised_are_not_kept(
    sshd: Sshd, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from console.node.link import ssh

    link = SshLink("val-2", HOST, far_command(tmp_path, bench))
    file = tmp_path / "new"
    file.write_bytes(b"x" * 1000)
    monkeypatch.setattr(ssh, "sha256_of", lambda path: "0" * 64)
    with pytest.raises(ControllerDown, match="other bytes came than were promised"):
        await link.carried(file)
    assert list((bench.state_dir / CARRIED).iterdir()) == []


def test_a_wish_is_one_line() -> None:
    assert Wish(CONTROL).line().count(b"\n") == 1
