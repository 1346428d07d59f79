"""A signer asks for a passphrase on the terminal that the console draws on: real processes, a real terminal."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path

import pexpect
import pytest
from eth_account import Account

SECRET = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
PASSPHRASE = "correct horse"
ASKED = "Passphrase \\(not shown; Ctrl-C to refuse\\): "

CONSOLE = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from textual.app import App
    from textual.widgets import Static
    from console.chain.signing import SignerProcess
    from console.chain.typed_data import VoteMessage
    from console.errors import SignerError
    from console.ports.keys import KeyReference
    from screens.terminal import DrawnTerminal

    ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"

    class Drawn(App[None]):
        def compose(self):
            yield Static("drawn")

        def on_mount(self):
            self.ticks = 0
            self.set_interval(0.02, self.tick)
            self.run_worker(self.sign())

        def tick(self):
            # What would block the driver if it were drawn while nobody reads its queue.
            self.ticks += 1
            self.query_one(Static).update(f"tick {self.ticks}")

        async def sign(self):
            process = SignerProcess(terminal=DrawnTerminal(self))
            vote = VoteMessage(31337, ADDRESS, 7, True, ADDRESS, 0, 500)
            try:
                said = "SIGNED " + (await process.sign_typed(KeyReference(Path(sys.argv[1])), vote)).signer
            except SignerError as error:
                said = "REFUSED " + str(error)
            self.exit(message=f"{said} ticks {self.ticks > 0}")

    Drawn().run()
    """
)


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    path = tmp_path / "keystore.json"
    path.write_text(json.dumps(Account.encrypt(SECRET, PASSPHRASE, iterations=1024)))
    path.chmod(0o600)
    return path


def console(keystore: Path) -> pexpect.spawn[str]:
    return pexpect.spawn(
        sys.executable, ["-c", CONSOLE, str(keystore)], encoding="utf-8", timeout=60, dimensions=(24, 80)
    )


def test_the_console_makes_room_and_comes_back(keystore: Path) -> None:
    child = console(keystore)
    child.expect(ASKED)
    said = child.before or ""
    assert "signs vote YES on proposal 7" in said
    # The alternate screen was left before the question.
    assert said.rindex("\x1b[?1049l") < said.rindex("signs vote YES")
    child.sendline("wrong")
    child.expect("2 tries left")
    child.expect(ASKED)
    child.sendline(PASSPHRASE)
    child.expect("\x1b\\[\\?1049h")
    child.expect("SIGNED 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 ticks True")
    child.expect(pexpect.EOF)


def test_refused_it_comes_back_too(keystore: Path) -> None:
    child = console(keystore)
    child.expect(ASKED)
    child.send("\x03")
    child.expect("\x1b\\[\\?1049h")
    child.expect("REFUSED no passphrase was given; nothing was sent.")
    child.expect(pexpect.EOF)
