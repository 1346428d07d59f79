"""The one table of a node's settings: names, kinds, when a change takes effect, meaning; docs and checks read it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import Any

from console import setting_kinds as kinds
from console.errors import InputError
from console.node_settings import NodeSettings
from console.setting_kinds import Kind
from console.setting_words import nearest, quoted


class Effect(Enum):
    """When a changed setting takes effect; the value is the short word for it."""

    AT_ONCE = "at once"
    NODE_START = "node start"
    CONTROLLER_START = "controller start"
    FILE = "settings file"

    @property
    def sentence(self) -> str:
        """What the operator has to do for it, and what stays as it is meanwhile."""
        return _SENTENCES[self]


_SENTENCES = {
    Effect.AT_ONCE: "`config set` changes it while node and controller run.",
    Effect.NODE_START: "`config set` keeps it; it holds from the node's next start, and nothing is restarted for it.",
    Effect.CONTROLLER_START: "`config set` keeps it; it holds when the controller is started again. The node runs on.",
    Effect.FILE: "It is read from the settings file only. Stop node and controller outside an upgrade, edit it there,"
    " and start both again.",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a node: its key in the node's table is also the field's name in NodeSettings."""

    key: str
    kind: Kind
    effect: Effect
    meaning: str
    """One sentence for the operator."""
    aliases: tuple[str, ...] = ()
    """Other names: keys of the same table, and with a dot those of the strategy document §2.1."""
    shown_default: str = ""
    """Words for a default that depends on something else."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name by which `config get|set` knows it."""
        return (self.key, *self.aliases)

    @property
    def file_keys(self) -> tuple[str, ...]:
        """The names that a node's table may use."""
        return tuple(name for name in self.names if "." not in name)

    def needs_reason(self, value: Any) -> bool:
        """Whether setting this value is a choice that the operator must give a reason for (DESIGN §4, rule 9)."""
        return self.key == "backup_enabled" and value is False

    def of(self, node: NodeSettings) -> Any:
        """Its value."""
        return getattr(node, self.key)

    def shown(self, node: NodeSettings) -> str:
        """Its value as text that `config set` takes."""
        return self.kind.show(self.of(node))


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting that is, or would be, changed; the values are texts as `config set` takes them."""

    key: str
    old: str
    new: str


_ONCE, _NODE, _CONTROLLER, _FILE = Effect.AT_ONCE, Effect.NODE_START, Effect.CONTROLLER_START, Effect.FILE

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "home",
        kinds.PATH,
        _FILE,
        "The node's home, with `cosmovisor/` in it.",
        ("data_dir", "fendermint.data_dir"),
    ),
    Setting(
        "state_dir",
        kinds.PATH,
        _FILE,
        "The controller's folder: journal, socket, logs, what was set live.",
        shown_default="`$XDG_STATE_HOME/upgrade-console/NODE`",
    ),
    Setting("daemon", kinds.DAEMON, _FILE, "Name of the binary in every `bin/`."),
    Setting("arguments", kinds.TEXTS, _FILE, "Arguments of a start; `{home}` is replaced.", shown_default="`[]`"),
    Setting("address", kinds.LINE, _FILE, "The validator's address, as 0x… or f410…; may be empty on Cosmos chains."),
    Setting("cometbft_rpc", kinds.URL, _CONTROLLER, "The node's own CometBFT RPC."),
    Setting(
        "ethereum_rpc", kinds.OPTIONAL_URL, _CONTROLLER, "The node's own Ethereum RPC; not needed on Cosmos chains."
    ),
    Setting(
        "rest",
        kinds.OPTIONAL_URL,
        _CONTROLLER,
        "On Cosmos chains: the node's own REST, as `http://127.0.0.1:1317`. Asked for the plan where its RPC does not"
        " answer `abci_query`.",
    ),
    Setting(
        "metrics_url",
        kinds.OPTIONAL_URL,
        _ONCE,
        "The application's Prometheus endpoint, as `http://127.0.0.1:9184/metrics`: shows whether the parent chain's"
        " finality moves.",
    ),
    Setting(
        "metrics_port",
        kinds.whole(0, 65535),
        _CONTROLLER,
        "Port on 127.0.0.1 where the controller itself answers `GET /metrics` (docs/monitoring.md). 0: nowhere.",
    ),
    Setting(
        "operator_key",
        kinds.KEY,
        _CONTROLLER,
        "File of the key that signs readiness, or a table with `path`, `address`, and `passphrase_file` or `credential`"
        " (docs/keys.md): a low-value key, never the validator's own. Without one the controller says nothing to the"
        " chain.",
        shown_default="none",
    ),
    Setting(
        "voter_key",
        kinds.PERSONAL_KEY,
        _FILE,
        "File of the validator's own key, which votes, or a table with `path` and `address`; the controller never uses"
        " it.",
        shown_default="none",
    ),
    Setting(
        "shape",
        kinds.choice("embedded", "fendermint", "docker", "cosmos"),
        _FILE,
        "Which programs are the node: one that embeds all (`ipc-cli node start`), `fendermint run` with its"
        ' companions, containers (the default with `runtime = "docker"`), or a Cosmos daemon (the default on Cosmos'
        " chains).",
    ),
    Setting(
        "arm_by",
        kinds.choice("environment", "local.toml"),
        _FILE,
        "How a start learns its halt height: by `FM_HALT_HEIGHT`, or by Fendermint's `local.toml` where a wrapper"
        " clears the node's environment. What the file said before is put back.",
    ),
    Setting(
        "runtime",
        kinds.choice("shim", "docker", "systemd"),
        _FILE,
        "What runs the node: our own small parent process, the Docker engine of this machine (`DOCKER_HOST` or its"
        " usual socket), or a unit of its own under systemd.",
    ),
    Setting(
        "containers",
        kinds.CONTAINERS,
        _FILE,
        'Names of the node\'s containers by service, with `runtime = "docker"`, as'
        ' `{ app = "val-fendermint", cometbft = "val-cometbft", eth = "val-ethapi" }`. They are there'
        " already, running or not.",
    ),
    Setting(
        "systemd_manager",
        kinds.choice("auto", "system", "user"),
        _FILE,
        "Whose unit the node is, with `runtime = \"systemd\"` or `unit`; auto: the system's for root, else the user's"
        " own, which needs `loginctl enable-linger`.",
    ),
    Setting(
        "unit",
        kinds.UNIT,
        _FILE,
        "Your own systemd unit that runs the node, where no controller of ours does (`run chain-upgrade --way systemd`"
        " or `cosmovisor`): the node's log is read from its journal.",
    ),
    Setting(
        "companions",
        kinds.COMPANIONS,
        _FILE,
        'Absolute paths of programs that do not change with a release, as `{ cometbft = "/usr/bin/cometbft" }`.',
    ),
    Setting(
        "environment",
        kinds.ENVIRONMENT,
        _FILE,
        "Further variables for the node. `FM_HALT_HEIGHT` is refused: the controller sets it. No place for secrets.",
    ),
    Setting(
        "allow_scripts",
        kinds.BOOLEAN,
        _FILE,
        "Whether a release may be a script with an interpreter of this machine, as the devnet's is.",
    ),
    Setting(
        "disable_recase",
        kinds.BOOLEAN,
        _FILE,
        "Keep capitals of a plan's name in its folder's name; Cosmovisor's `COSMOVISOR_DISABLE_RECASE`.",
    ),
    Setting(
        "automatic",
        kinds.BOOLEAN,
        _ONCE,
        "Act on scheduled plans without being asked; false: watch only.",
        ("auto_apply", "upgrade.auto_apply"),
    ),
    Setting(
        "auto_schedule",
        kinds.BOOLEAN,
        _ONCE,
        "Give an approved proposal its height (`checkAndSchedule`) as soon as it may have one and it is this"
        " validator's turn; false: leave it to others.",
    ),
    Setting(
        "auto_execute",
        kinds.BOOLEAN,
        _ONCE,
        "Have a proposal's linked contract calls made in this validator's turn: before the freeze where they come"
        " first, else after the upgrade; false: leave it to others.",
    ),
    Setting(
        "auto_undo",
        kinds.BOOLEAN,
        _ONCE,
        "Have linked contract calls taken back in this validator's turn when their upgrade did not come; false: leave"
        " it to others.",
    ),
    Setting(
        "auto_advertise",
        kinds.BOOLEAN,
        _ONCE,
        "Tell the registry which release this validator runs, at the controller's start and after each upgrade.",
    ),
    Setting(
        "auto_download",
        kinds.BOOLEAN,
        _ONCE,
        "Download releases; false: take them from `binary_path` and `node add-upgrade` only.",
        ("fendermint.auto_download",),
    ),
    Setting(
        "binary_path",
        kinds.OPTIONAL_PATH,
        _ONCE,
        "File, or folder of files, to take release bytes from first; they are checked against the chain all the same.",
        ("fendermint.binary_path",),
    ),
    Setting(
        "mirror",
        kinds.URLS,
        _ONCE,
        "Base URL, or a list of them tried in order, to download from instead of the chain's URL; bytes are checked all"
        " the same.",
        ("binary_registry", "fendermint.binary_registry"),
    ),
    Setting(
        "ipfs_gateways",
        kinds.URLS,
        _ONCE,
        "Gateway, or a list of them tried in order, for `ipfs://CID/path`: `http://127.0.0.1:8080` for a local node,"
        " `https://{cid}.ipfs.example` for one with the CID in its name; bytes are checked all the same.",
    ),
    Setting(
        "local_downloads",
        kinds.BOOLEAN,
        _ONCE,
        "Let a plan's own URL lead to this machine or into a private network, as a devnet's does; mirrors and gateways"
        " may in any case.",
    ),
    Setting(
        "query_interval_blocks",
        kinds.whole(1, 10_000),
        _ONCE,
        "Blocks between two looks for plans while the node is IDLE; from PLANNED on every block is read.",
    ),
    Setting(
        "skip_upgrade_heights",
        kinds.HEIGHTS,
        _ONCE,
        "Heights whose upgrade is not done on a Cosmos chain, as the node's own `--unsafe-skip-upgrades`; also how a"
        " network goes back at its halt (docs/cosmos.md).",
    ),
    Setting(
        "backup_enabled",
        kinds.BOOLEAN,
        _ONCE,
        "Take a rollback point before the switch. Off needs a reason, and switches automatic rollback off too.",
        ("upgrade.backup_enabled",),
    ),
    Setting(
        "backup_dir",
        kinds.OPTIONAL_PATH,
        _CONTROLLER,
        "Folder of the rollback points; on the file system of the home they cost least.",
        shown_default="`<state_dir>/backups`",
    ),
    Setting("keep_points", kinds.whole(1, 100), _ONCE, "Rollback points kept; that of an open attempt always is."),
    Setting(
        "keep_set_aside_blocks",
        kinds.whole(0, 1_000_000_000),
        _ONCE,
        "Blocks past a committed upgrade for which data is kept that a restore or a resync set aside. 0: for ever.",
    ),
    Setting(
        "rollback_on_failure",
        kinds.BOOLEAN,
        _ONCE,
        "After the last failed start flip back by itself where that is safe; the node then stays parked.",
        ("upgrade.rollback_on_failure",),
    ),
    Setting(
        "rollback_space_margin_bytes",
        kinds.SIZE,
        _ONCE,
        "Room that must be left beside a rollback point; with less the node is not armed.",
    ),
    Setting(
        "max_downtime_s",
        kinds.seconds(0),
        _ONCE,
        "Longest time down in an upgrade before the operator is called; nothing is forced. 0: no limit.",
        ("max_downtime", "upgrade.max_downtime"),
    ),
    Setting("startup_timeout_s", kinds.seconds(1), _ONCE, "Time a start has until its RPC answers and it moves."),
    Setting(
        "shutdown_grace_s", kinds.seconds(1), _NODE, "Time between SIGTERM and SIGKILL for every process of the node."
    ),
    Setting("restart_delay_s", kinds.seconds(0), _ONCE, "Pause between the end of the old binary and what follows."),
    Setting(
        "restart_on_error",
        kinds.BOOLEAN,
        _ONCE,
        "Whether exit code 1 outside an upgrade starts the node again (strategy document §2.1.2: no).",
    ),
    Setting(
        "preupgrade_max_retries",
        kinds.whole(0, 1000),
        _ONCE,
        "How often `pre-upgrade` is tried again after exit code 31.",
    ),
    Setting("preupgrade_deadline_s", kinds.seconds(1), _ONCE, "Time that one `pre-upgrade` or script has."),
    Setting(
        "custom_preupgrade",
        kinds.INSIDE_COSMOVISOR,
        _ONCE,
        "Script inside `<home>/cosmovisor` to run before the switch, with the plan's name and height.",
        shown_default="none",
    ),
)
"""Every setting of a node, in the order in which they are shown."""


def find_setting(name: str) -> Setting:
    """The setting of a name or an alias, as `max_downtime_s`, `auto_apply` or `upgrade.auto_apply`.

    Raises:
        InputError: There is none; the sentence names the nearest.
    """
    for setting in SETTINGS:
        if name in setting.names:
            return setting
    names = [known for setting in SETTINGS for known in setting.names]
    raise InputError(
        f"there is no setting {quoted(name)}{nearest(name, names)}",
        safe="nothing was changed",
        next_step="`upgrade-console node config get` lists them",
    )


def parse_value(setting: Setting, text: str) -> Any:
    """The value of a typed text.

    Raises:
        InputError: It is not acceptable.
    """
    try:
        return setting.kind.parse(text)
    except ValueError as error:
        raise InputError(f"{setting.key} must be {error}, not {quoted(text)}", safe="nothing was changed") from error


def default_text(setting: Setting) -> str:
    """The default in words for the documentation: code, words, or `required`."""
    if setting.shown_default:
        return setting.shown_default
    field = next(each for each in dataclasses.fields(NodeSettings) if each.name == setting.key)
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    elif field.default is not dataclasses.MISSING:
        value = field.default
    else:
        return "required"
    text = setting.kind.show(value)
    return f"`{text}`" if text else "none"


def settings_markdown() -> str:
    """What the operator guide says of settings: when a change takes effect, then the table."""
    lines = [f"- *{effect.value}*: {effect.sentence}" for effect in Effect]
    lines += ["", "| setting | default | changes | meaning |", "|---|---|---|---|"]
    for setting in SETTINGS:
        aliases = ", ".join(f"`{alias}`" for alias in setting.aliases)
        meaning = setting.meaning + (f" Also {aliases}." if aliases else "")
        cells = (f"`{setting.key}`", default_text(setting), setting.effect.value, meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
