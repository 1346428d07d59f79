"""Shapes of nodes: presets over one list of services (DESIGN §5, facts/ipc.md §1.1).

What runs the services (processes, containers, units) is the runtime's affair; a shape says what they are.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from console.errors import NodeError
from console.files import sha256_of
from console.node.config_files import ConfigFiles
from console.node.cosmovisor.skip_heights import with_skips
from console.node.discovery.files import value_at
from console.node.discovery.ports import parse_address
from console.node.generation_folders import Generation
from console.node.runtime.runtime import ServiceSpec
from console.node.stored_height import stored_blocks_of_sdk, stored_height_of_sdk
from console.settings import NodeSettings

HALT_VARIABLE = "FM_HALT_HEIGHT"
"""Beats every settings file of Fendermint (facts/ipc.md §1.4)."""

APP = "app"
"""Name of the service whose exit is the halt."""

COMETBFT = "cometbft"
"""Name of the consensus where it is a service of its own."""

ETH = "eth"
"""Name of the Ethereum API where it is a service of its own."""

_CONTAINED = {"cometbft": "cometbft", ETH: ""}
"""Services in containers beside the app, and the name of their image in a generation; empty for the app's own."""

_STATE_FILE = "data/priv_validator_state.json"

_PORTS = (
    ("rpc", "cometbft", "config.toml", ("rpc", "laddr")),
    ("p2p", "cometbft", "config.toml", ("p2p", "laddr")),
    ("abci", APP, "default.toml", ("abci", "listen")),
    ("abci", APP, "local.toml", ("abci", "listen")),
    ("eth", APP, "default.toml", ("eth", "listen")),
    ("eth", APP, "local.toml", ("eth", "listen")),
    ("api", APP, "app.toml", ("api", "address")),
    ("grpc", APP, "app.toml", ("grpc", "address")),
    ("eth", APP, "app.toml", ("json-rpc", "address")),
)
"""Name, home, file and key of what a node listens on; of two files that name it the later one wins."""


@dataclass(frozen=True, slots=True)
class Companion:
    """A service that is started and stopped with the app."""

    name: str
    daemon: str
    """Name of its binary in `bin/` of a generation; empty for the app's own."""
    arguments: tuple[str, ...]
    binary: Path | None = None
    """Absolute path of one that does not change with a release; what is in the generation wins."""


@dataclass(frozen=True, slots=True)
class NodeShape:
    """What kind of node it is. By itself: one process that embeds the application and consensus.

    Args:
        home: The node's home.
        arguments: Arguments of the app's start, `{home}` replaced already.
    """

    home: Path
    arguments: tuple[str, ...]
    name: str = "embedded"
    companions: tuple[Companion, ...] = ()
    halts_itself: bool = False
    """Whether the chain stops it at the plan's height (x/upgrade): there is no halt height to arm."""
    has_pre_upgrade: bool = False
    """Whether its binary has the verb `pre-upgrade`."""
    app_home: Path | None = None
    """Home of the application; None: `<home>/fendermint`."""
    cometbft_home: Path | None = None
    """None: `<home>/cometbft`."""
    private_tmp: Path | None = None
    """Folder for each generation's own `TMPDIR`; None: the node has ours.

    `ipc-cli` carries CometBFT in itself, writes it to `$TMPDIR/cometbft`, and takes whatever is there already: with a
    shared folder a new release would go on with the CometBFT of the old one (facts/ipc.md §1.8).
    """
    _files: ConfigFiles = field(default_factory=ConfigFiles, compare=False, repr=False)

    # --- what runs ---

    def services(
        self, generation: Generation, environment: Mapping[str, str], skip_heights: Collection[int] = ()
    ) -> tuple[ServiceSpec, ...]:
        """The services of a generation, the app first.

        Args:
            generation: With the app's binary, and those of companions that change with a release.
            environment: Whole environment of each.
            skip_heights: Where a node that its chain stops shall do no upgrade, besides those in the arguments.

        Raises:
            NodeError: A companion is neither in the generation nor configured.
        """
        whole = dict(environment)
        if self.private_tmp is not None:
            whole["TMPDIR"] = str(self.private_tmp / generation.name)
        arguments = with_skips(self.arguments, skip_heights) if self.halts_itself else self.arguments
        app = ServiceSpec(APP, generation.binary, generation.sha256, arguments, whole)
        # CometBFT that finds no application looks for it again in three seconds (facts/ipc.md §1.6).
        abci = self.ports().get("abci", 0)
        companions = (
            replace(found, after_port=abci) if found.name == COMETBFT else found
            for found in (self._companion(entry, generation, whole) for entry in self.companions)
        )
        return (app, *companions)

    def _companion(self, entry: Companion, generation: Generation, environment: Mapping[str, str]) -> ServiceSpec:
        if not entry.daemon:
            return ServiceSpec(entry.name, generation.binary, generation.sha256, entry.arguments, environment)
        for found in generation.companions:
            if found.daemon == entry.daemon:
                return ServiceSpec(entry.name, found.path, found.sha256, entry.arguments, environment)
        if entry.binary is None:
            raise NodeError(
                f"generation {generation.name} has no {entry.daemon}, and no path of one is configured",
                safe="nothing was started",
                next_step=f"put {entry.daemon} into the settings' companions",
            )
        try:
            # The operator's own: what is there now is executed, and nothing that takes its place after this look.
            binary = entry.binary.resolve(strict=True)
            return ServiceSpec(entry.name, binary, sha256_of(binary), entry.arguments, environment)
        except OSError as error:
            raise NodeError(f"cannot read {entry.binary}: {error}", safe="nothing was started") from error

    def required_companions(self) -> tuple[str, ...]:
        """Daemons that a generation must hold beside the app's."""
        return tuple(entry.daemon for entry in self.companions if entry.daemon and entry.binary is None)

    def programs(self, daemon: str) -> tuple[str, ...]:
        """Names of the programs that a release may change on this node, the app's first.

        Args:
            daemon: The app's.
        """
        return tuple(dict.fromkeys((daemon, *(entry.daemon for entry in self.companions if entry.daemon))))

    def make_tmp(self, generation: Generation) -> None:
        """Make the generation's own `TMPDIR`, empty, while nothing of the node runs: a kill may have left half a file.

        Raises:
            NodeError: It cannot be made.
        """
        if self.private_tmp is None:
            return
        folder = self.private_tmp / generation.name
        try:
            self.private_tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove(folder)
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise NodeError(
                f"cannot make the node's own folder for temporary files {folder}: {error}", safe="nothing was started"
            ) from error

    def drop_old_tmp(self, generation: Generation) -> None:
        """Remove the folders for temporary files of other generations; what cannot be removed stays."""
        if self.private_tmp is not None and self.private_tmp.is_dir():
            for folder in self.private_tmp.iterdir():
                if folder.name != generation.name:
                    try:
                        _remove(folder)
                    except OSError:
                        # Only space is lost.
                        continue

    # --- halting ---

    def halt_environment(self, height: int) -> dict[str, str]:
        """Variables that make a start stop at a height (0: never); empty where the chain does it."""
        return {HALT_VARIABLE: str(height)} if height and not self.halts_itself else {}

    def config_display(self) -> tuple[str, ...]:
        """Arguments that print the merged settings without starting anything; empty where there is no such verb."""
        if self.name in {"fendermint", "docker"}:
            return (*_before_run(self.arguments), "config", "display")
        return () if self.halts_itself else ("config", "display", "--home", str(self.home))

    def version_command(self) -> tuple[str, ...]:
        """Arguments that print the version."""
        return ("version",) if self.halts_itself else ("--version",)

    def displayed_halt_height(self, output: str) -> int | None:
        """`halt_height` in the printed settings; None when it is not there."""
        for line in output.splitlines():
            name, _, value = line.strip().strip(",").replace('"', "").partition("=" if "=" in line else ":")
            if name.strip() == "halt_height" and value.strip().isdigit():
                return int(value.strip())
        return None

    # --- what is on disk ---

    def data_folders(self) -> tuple[Path, ...]:
        """Absolute folders with what the node writes: the application's and CometBFT's, together or not at all."""
        app, cometbft = self._app_home / "data", self._cometbft_home / "data"
        return (app,) if app == cometbft else (app, cometbft)

    def settings_folder(self) -> Path:
        """Where Fendermint reads `default.toml` and `local.toml` from."""
        return self._app_home / "config"

    def signer_state(self) -> Path:
        """The file that guards against double signing; it is never restored (facts/cosmos.md §6)."""
        named = self._cometbft("priv_validator_state_file")
        return self._cometbft_home / (named if isinstance(named, str) and named else _STATE_FILE)

    def remote_signer(self) -> str:
        """Where CometBFT waits for a remote signer (`priv_validator_laddr`); empty when it signs with its own file."""
        named = self._cometbft("priv_validator_laddr")
        return named if isinstance(named, str) else ""

    def stored_height(self) -> int:
        """Last height in the stopped node's state database. Blocking.

        Raises:
            NodeError: It is not known: its database cannot be read (RocksDB, PebbleDB), or is not there.
        """
        data = self._app_home / "data"
        try:
            return int(json.loads((data / "app.json").read_bytes())["height"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            if self.halts_itself:
                return stored_height_of_sdk(data)
            raise NodeError(f"the application's height in {data} cannot be read", safe="nothing changed") from error

    def application_height(self) -> int | None:
        """As `stored_height`; None where it is not known."""
        try:
            return self.stored_height()
        except NodeError:
            return None

    def newest_block(self) -> int | None:
        """The newest block of the stopped node, executed or not; None where its block store is not read. Blocking."""
        if not self.halts_itself:
            return None
        try:
            return stored_blocks_of_sdk(self._cometbft_home / "data")
        except NodeError:
            return None

    def never_ran(self) -> bool:
        """Whether this is a home whose node has executed nothing: its data folders hold at most the signer state."""
        kept = {self.signer_state()}
        folders = self.data_folders()
        try:
            return all(entry in kept for folder in folders for entry in folder.iterdir())
        except OSError:
            return False

    def ports(self) -> dict[str, int]:
        """TCP ports that the settings files name; one that they do not name is not looked at."""
        found: dict[str, int] = {}
        for name, home, file, keys in _PORTS:
            folder = self._app_home if home == APP else self._cometbft_home
            value = value_at(self._files.table(folder / "config" / file), *keys)
            port = value_at(value, "port") if isinstance(value, dict) else (parse_address(value) or ("", 0))[1]
            if isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65536:
                found[name] = port
        return found

    def database_locks(self) -> tuple[Path, ...]:
        """LOCK files of the databases that exist now; whoever has them open runs this node."""
        found: list[Path] = []
        for folder in self.data_folders():
            found += [*folder.glob("*/LOCK"), *folder.glob("snapshots/*/LOCK")]
        return tuple(sorted(found))

    @property
    def _app_home(self) -> Path:
        return self.app_home or self.home / "fendermint"

    @property
    def _cometbft_home(self) -> Path:
        return self.cometbft_home or self.home / "cometbft"

    def _cometbft(self, key: str) -> object:
        return self._files.table(self._cometbft_home / "config" / "config.toml").get(key)


def embedded(home: Path, arguments: tuple[str, ...], state_dir: Path) -> NodeShape:
    """`ipc-cli node start`: one binary with the application, which starts the CometBFT that it carries."""
    return NodeShape(home, arguments, private_tmp=state_dir / "tmp")


def fendermint(
    home: Path,
    arguments: tuple[str, ...],
    *,
    environment: Mapping[str, str],
    companions: Mapping[str, Path],
    with_eth: bool = True,
) -> NodeShape:
    """`fendermint run`, `fendermint eth run` and `cometbft start`.

    Args:
        home: Folder with both homes, as `.fendermint` or `fendermint` and `.cometbft` or `cometbft`.
        arguments: Of the app's start; empty for `--home-dir <Fendermint's home> run`.
        environment: That the node gets beside ours: `FM_HOME_DIR` and `CMTHOME` move the homes.
        companions: Absolute paths of binaries that are not part of a generation, by daemon.
        with_eth: Whether the Ethereum API runs.
    """
    named = _option(arguments, "-d", "--home-dir") or environment.get("FM_HOME_DIR", "")
    app_home = home / named if named else _existing(home, "fendermint")
    named = environment.get("CMTHOME", "")
    cometbft_home = home / named if named else _existing(home, "cometbft")
    whole = arguments or ("--home-dir", str(app_home), "run")
    services = [Companion(COMETBFT, "cometbft", ("start", "--home", str(cometbft_home)), companions.get("cometbft"))]
    if with_eth:
        services.append(Companion(ETH, "", (*_before_run(whole), "eth", "run")))
    return NodeShape(
        home, whole, name="fendermint", companions=tuple(services), app_home=app_home, cometbft_home=cometbft_home
    )


def docker(home: Path, arguments: tuple[str, ...], services: Collection[str]) -> NodeShape:
    """Containers over `<home>/fendermint` and `<home>/cometbft`, as infra/fendermint makes them (facts/ipc.md §1.1).

    The containers keep their own arguments and variables; settings of Fendermint are inside its image. The Ethereum
    API has the app's image.

    Args:
        home: `~/.ipc/<network>/<node>` on this machine.
        arguments: Of the app's container; empty for its own.
        services: Names of the services that have containers, `app` among them.

    Raises:
        NodeError: The app has none, or there is a service that nobody knows.
    """
    unknown = sorted(set(services) - {APP, *_CONTAINED})
    if APP not in services or unknown:
        what = f"there is no service {unknown[0]}" if unknown else f"the service {APP} has no container"
        raise NodeError(
            f"{what} in the settings' containers (services: {', '.join((APP, *_CONTAINED))})",
            safe="nothing was started",
            next_step='write `containers = { app = "NODE-fendermint", cometbft = "NODE-cometbft" }`',
        )
    companions = tuple(Companion(name, daemon, ()) for name, daemon in _CONTAINED.items() if name in services)
    return NodeShape(home, arguments, name="docker", companions=companions)


def cosmos(home: Path, arguments: tuple[str, ...]) -> NodeShape:
    """A Cosmos SDK daemon: application and CometBFT in one process and one `data`; x/upgrade stops it.

    Args:
        home: Its home.
        arguments: Of its start; empty for `start --home <home>`.
    """
    return NodeShape(
        home,
        arguments or ("start", "--home", str(home)),
        name="cosmos",
        halts_itself=True,
        has_pre_upgrade=True,
        app_home=home,
        cometbft_home=home,
    )


def shape_of(node: NodeSettings) -> NodeShape:
    """The shape that a node's settings name.

    Raises:
        NodeError: There is no such shape.
    """
    words = tuple(word.replace("{home}", str(node.home)) for word in node.arguments)
    if node.shape == "embedded":
        return embedded(node.home, words, node.state_dir)
    if node.shape == "cosmos":
        return cosmos(node.home, words)
    if node.shape == "docker":
        return docker(node.home, words, node.containers)
    if node.shape == "fendermint":
        return fendermint(
            node.home,
            words,
            environment=node.environment,
            companions=node.companions,
            with_eth=bool(node.ethereum_rpc),
        )
    raise NodeError(f"there is no shape {node.shape!r} of a node (shapes: embedded, fendermint, docker, cosmos)")


def _existing(home: Path, name: str) -> Path:
    """`<home>/.<name>` where it is, as a user's home has it, else `<home>/<name>`."""
    hidden = home / f".{name}"
    return hidden if hidden.is_dir() else home / name


def _option(arguments: tuple[str, ...], *names: str) -> str:
    """Value of an option among arguments: `-d X`, `--home-dir X` or `--home-dir=X`."""
    for index, word in enumerate(arguments):
        if word in names and index + 1 < len(arguments):
            return arguments[index + 1]
        name, separator, value = word.partition("=")
        if separator and name in names:
            return value
    return ""


def _before_run(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Fendermint's global options, which stand before the verb `run`."""
    return arguments[: arguments.index("run")] if "run" in arguments else arguments


def _remove(folder: Path) -> None:
    # Not at import: a shape is made by every verb.
    import shutil

    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
