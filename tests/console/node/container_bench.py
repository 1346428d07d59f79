"""A validator in two containers that an operator made, as infra/fendermint does (facts/ipc.md §1.1)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.files import write_durably
from console.node.rollout import NOTHING_DEMANDED
from console.node.runtimes import docker_runtime, generations_of
from console.settings import NodeSettings
from tests.console.node import nodes
from tests.console.node.bench import Bench
from tests.console.node.fakes import OWN, FakeChain
from tests.console.node.runtime.real_engine import RealEngine


@dataclass(frozen=True)
class Images:
    """Ids, 64 hex digits each."""

    old: str
    new: str
    failing: str


def make_images(engine: RealEngine, program: Path) -> Images:
    """An old release, a new one, and one that ends at once."""

    def image(*variables: str) -> str:
        return engine.image(program, ['ENTRYPOINT ["/node"]', 'CMD ["serve"]', *(f"ENV {each}" for each in variables)])

    return Images(
        old=image("RELEASE=v0.1.5"),
        # What the image says of a halt height counts for nothing.
        new=image("RELEASE=v0.2.0", "FM_HALT_HEIGHT=7"),
        failing=image("RELEASE=v0.2.1", "FAILS=1"),
    )


class ContainerBench(Bench):
    """A validator in two containers that the operator made, as infra/fendermint does (facts/ipc.md §1.1)."""

    def __init__(self, folder: Path, engine: RealEngine, images: Images) -> None:
        self.engine, self.images = engine, images
        self.home = folder / "home"
        self.state_dir = folder / "state"
        (self.state_dir / "run").mkdir(parents=True)
        bin_folder = self.home / "cosmovisor" / "genesis" / "bin"
        bin_folder.mkdir(parents=True)
        for daemon in ("fendermint", "cometbft"):
            (bin_folder / daemon).write_text(f"sha256:{images.old}\n")
        (self.home / "cosmovisor" / "current").symlink_to("genesis")
        for name in ("cometbft", "fendermint"):
            (self.home / name / "data").mkdir(parents=True)
        state = self.home / "cometbft" / "data" / "priv_validator_state.json"
        state.write_text(json.dumps(nodes.SIGNER_STATE))
        engine.run(
            *("create", "--name", "val-fendermint", "--network", "none", "--restart", "always"),
            *("-v", f"{self.home}:/data", "-e", "FM_DATA_DIR=/data/fendermint/data", images.old),
        )
        engine.run(
            *("create", "--name", "val-cometbft", "--network", "none"),
            *("-v", f"{self.home / 'cometbft'}:/cometbft", images.old),
        )
        self.chain = FakeChain(own_up=self.node_runs)
        self.journal = None
        self.proof = NOTHING_DEMANDED
        self.given = folder / "v0.2.0"
        self.release(images.new)
        self.node = NodeSettings(
            name="node1",
            home=self.home,
            state_dir=self.state_dir,
            daemon="fendermint",
            arguments=(),
            address=OWN,
            cometbft_rpc="http://127.0.0.1:9",
            ethereum_rpc="http://127.0.0.1:9",
            operator_key=None,
            rollback_space_margin_bytes=0,
            shape="docker",
            runtime="docker",
            containers={"app": "val-fendermint", "cometbft": "val-cometbft"},
            environment={"RUST_LOG": "info"},
            shutdown_grace_s=5.0,
            auto_download=False,
        )
        self.runtime = docker_runtime(self.node)  # type: ignore[assignment]

    def release(self, sha256: str) -> None:
        self.sha256 = sha256
        self.given.write_text(f"sha256:{sha256}\n")

    def halt(self, height: int = 100, code: int = 2) -> None:
        nodes.application_at(self.home, height - 1)
        self.chain.height = height - 1
        write_durably(self.home / "halt", str(height).encode())

    def generation(self) -> str:
        return generations_of(self.node).current().name

    def inspect(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.engine.run("inspect", name).stdout)[0]
        return found

    def architecture(self) -> str:
        return self.engine.run("version", "--format", "{{.Server.Arch}}").stdout.strip()

    def variables(self) -> dict[str, str]:
        pairs = [pair.partition("=") for pair in self.inspect("val-fendermint")["Config"]["Env"]]
        return {name: value for name, equals, value in pairs if equals}

    async def end(self) -> None:
        live = self.runtime.recorded()
        if live is not None:
            await self.runtime.stop(live)
        assert not self.runtime.lock_held()
